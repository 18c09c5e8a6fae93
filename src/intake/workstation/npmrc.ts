import { decodeLogin } from '../found/address.ts'
import { placeOfUrl } from '../found/place.ts'
import { iniLines } from './ini-lines.ts'
import { isVariable, type Stored, VARIABLE } from './stored.ts'

const KEY = /^(?:(\/\/[^\s]+?)\/?:)?(_authToken|_auth|_password|_authtoken|username)$/
const PUBLIC = '//registry.npmjs.org/'

/**
 * `.npmrc` (npm's "npmrc" page): tokens and passwords below the registry that they are for, `//HOST/PATH/:_authToken`; without one,
 * of the public registry. The format is INI as the package `ini` reads it, so that every value is clear.
 */
export async function readNpmrc(text: string): Promise<Stored[]> {
  const lines = (await iniLines(text)).flatMap(({ key, value, line }) => {
    const match = KEY.exec(key)
    return match === null ? [] : [{ registry: match[1] ?? PUBLIC, field: match[2] ?? '', value, line }]
  })
  return lines.flatMap(({ registry, field, value, line }): Stored[] => {
    if (field === 'username') return []
    if (isVariable(value)) return [{ ...VARIABLE, line }]
    const place = placeOfUrl(`https:${registry}`)
    if (field.toLowerCase() === '_authtoken') return [{ kinds: ['npm'], parts: { token: value }, place, line }]
    const username = lines.find((each) => each.registry === registry && each.field === 'username')?.value
    const login =
      field === '_auth'
        ? decodeLogin(value)
        : username === undefined
          ? undefined
          : { username, password: Buffer.from(value, 'base64').toString('utf8') }
    if (login === undefined || login.password === '')
      return [{ reason: 'unreadable', why: 'is no name and password in Base64', line }]
    return [{ kinds: 'web', parts: login, place, line }]
  })
}
