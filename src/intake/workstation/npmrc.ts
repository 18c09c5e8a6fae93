import { decodeLogin, decodeText } from '../found/address.ts'
import { UNREADABLE_PLACE } from '../found/candidate.ts'
import { isSamePlace, placeOfUrl } from '../found/place.ts'
import { isBareVariable, isVariable } from '../found/pointer.ts'
import { WITH_MORE } from '../found/pointer-forms.ts'
import { type IniLine, iniLines } from './ini-lines.ts'
import { type Stored, VARIABLE } from './stored.ts'

const KEY = /^(?:(\/\/[^\s]+?)\/?:)?(_authToken|_auth|_password|_authtoken|username)$/
const PUBLIC = 'https://registry.npmjs.org'
const NO_PLACE = ''

/**
 * `.npmrc` (npm's "npmrc" page): tokens and passwords below the registry that they are for, `//HOST/PATH/:_authToken`; without one,
 * of the registry that the file sets, else of the public one, unless a scope has another. The format is INI as the package `ini` reads it, so that every value is
 * clear.
 */
export async function readNpmrc(text: string): Promise<Stored[]> {
  const all = await iniLines(text)
  const usual = usualRegistry(all)
  const hasOthers = namesOthers(all, usual)
  const users = new Map<string, string | undefined>()
  const lines = all.flatMap(({ key, value, line }) => {
    const [, below, field] = KEY.exec(key) ?? []
    if (field === undefined) return []
    // What stands without a registry may be for any of those that the file names.
    const registry = below !== undefined ? `https:${below}` : hasOthers ? NO_PLACE : usual
    if (field !== 'username') return [{ registry, field, value, line }]
    // Of two names one is another's.
    users.set(registry, users.has(registry) && users.get(registry) !== value ? undefined : value)
    return []
  })
  return lines.map(({ registry, field, value, line }): Stored => {
    if (isBareVariable(value)) return { ...VARIABLE, line }
    if (isVariable(value)) return { ...WITH_MORE, line }
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
  return more.length > 0 ? NO_PLACE : (first ?? PUBLIC)
}

/** Whether a scope (`@acme:registry = …`) is kept at another place. */
function namesOthers(lines: readonly IniLine[], usual: string): boolean {
  const place = placeOfUrl(usual)
  return lines.some(({ key, value }) => {
    if (!/^@[^:]+:registry$/.test(key)) return false
    const other = placeOfUrl(value)
    return place === undefined || other === undefined || !isSamePlace(place, other)
  })
}

function isUnsure(username: string | undefined): boolean {
  return username === undefined || isVariable(username)
}

function loginOf(username: string | undefined, base64: string): { username: string; password: string } | undefined {
  const password = decodeText(base64)
  return username === undefined || password === undefined || password === '' ? undefined : { username, password }
}
