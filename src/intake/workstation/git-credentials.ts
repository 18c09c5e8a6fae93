import { readLogin } from '../found/address.ts'
import { loginParts, notOne, type Stored } from './stored.ts'

/** `.git-credentials` (git-credential-store): one address a line, its name and password spelt with percent signs. */
export function readGitCredentials(text: string): Stored[] {
  return text.split(/\r?\n/).flatMap((content, index): Stored[] => {
    if (content.trim() === '' || content.startsWith('#')) return []
    const line = index + 1
    const login = readLogin(content.trim())
    if (login === undefined) return [{ ...notOne('a line of .git-credentials: https://user:password@host'), line }]
    if (login === 'unclear') return [{ reason: 'unclear', line }]
    return [{ kinds: 'web', parts: loginParts(login.username, login.password), place: login.place, line }]
  })
}
