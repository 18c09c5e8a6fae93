import { decodeLogin, decodeText } from '../found/address.ts'
import { UNREADABLE_PLACE } from '../found/candidate.ts'
import { placeOfUrl } from '../found/place.ts'
import { isVariable } from '../found/pointer.ts'
import { type IniLine, iniLines } from './ini-lines.ts'
import { type Stored, VARIABLE } from './stored.ts'

const KEY = /^(?:(\/\/[^\s]+?)\/?:)?(_authToken|_auth|_password|_authtoken|username)$/
const PUBLIC = 'https://registry.npmjs.org'

/**
 * `.npmrc` (npm's "npmrc" page): tokens and passwords below the registry that they are for, `//HOST/PATH/:_authToken`; without one,
 * of the registry that the file sets, else of the public one. The format is INI as the package `ini` reads it, so that every value is
 * clear.
 */
export async function readNpmrc(text: string): Promise<Stored[]> {
  const all = await iniLines(text)
  const usual = usualRegistry(all)
  const users = new Map<string, string | undefined>()
  const lines = all.flatMap(({ key, value, line }) => {
    const [, below, field] = KEY.exec(key) ?? []
    if (field === undefined) return []
    const registry = below === undefined ? usual : `https:${below}`
    if (field !== 'username') return [{ registry, field, value, line }]
    // Of two names one is another's.
    users.set(registry, users.has(registry) && users.get(registry) !== value ? undefined : value)
    return []
  })
  return lines.map(({ registry, field, value, line }): Stored => {
    if (isVariable(value)) return { ...VARIABLE, line }
    const place = isVariable(registry) ? undefined : placeOfUrl(registry)
    if (place === undefined) return { reason: 'unclear', why: UNREADABLE_PLACE, line }
    if (field.toLowerCase() === '_authtoken') return { kinds: ['npm'], parts: { token: value }, place, line }
    if (field === '_password' && users.has(registry) && isUnsure(users.get(registry))) return { reason: 'unclear', line }
    const login = field === '_auth' ? decodeLogin(value) : loginOf(users.get(registry), value)
    if (login === undefined) return { reason: 'unreadable', why: 'is no name and password in Base64', line }
    return { kinds: 'web', parts: login, place, line }
  })
}

/** `registry = …` of the file; no address, which is no place, where it stands there twice. */
function usualRegistry(lines: readonly IniLine[]): string {
  const [first, ...more] = new Set(lines.flatMap(({ key, value }) => (key === 'registry' ? [value.replace(/\/$/, '')] : [])))
  return more.length > 0 ? '' : (first ?? PUBLIC)
}

function isUnsure(username: string | undefined): boolean {
  return username === undefined || isVariable(username)
}

function loginOf(username: string | undefined, base64: string): { username: string; password: string } | undefined {
  const password = decodeText(base64)
  return username === undefined || password === undefined || password === '' ? undefined : { username, password }
}
