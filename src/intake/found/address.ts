import { type Place, placeOf, placeOfUrl } from './place.ts'

/** An address that has an account and its password in it. */
export interface Login {
  username: string
  password: string
  place: Place
}

/**
 * Reads `scheme://user:password@host…`. Undefined without a password, or where the address is none; `unclear` where it may be one that is not spelt as it should, the password is
 * not what its percent signs say, the host is none, or where an `@` behind the host leaves open which one ends the password: the wrong reading would
 * take half of it for a host.
 */
export function readLogin(address: string): Login | 'unclear' | undefined {
  if (!URL.canParse(address)) return MAY_HOLD_LOGIN.test(address) ? 'unclear' : undefined
  const url = new URL(address)
  const place = placeOfUrl(address)
  if (url.password === '' || url.hostname === '') return isCutOff(address) ? 'unclear' : undefined
  // A URL loses tabs and line breaks on the way, out of a password too.
  if (place === undefined || /[\t\n\r]/.test(address)) return 'unclear'
  if (`${url.pathname}${url.search}${url.hash}`.includes('@')) return 'unclear'
  try {
    return { username: decodeURIComponent(url.username), password: decodeURIComponent(url.password), place }
  } catch {
    return 'unclear'
  }
}

const MAY_HOLD_LOGIN = /^[a-z][a-z0-9+.-]*:\/\/[^:]*:[^@]*@/is

/**
 * Whether what was read as a host and its port may be a name and the beginning of a password with a `/`, `?` or `#` in it: an `@` comes
 * later. One that begins a segment of a path (`https://npm.example.com:8443/@scope`) is none of a login, nor one in a query.
 */
function isCutOff(address: string): boolean {
  const [, authority = '', rest = ''] = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)(.*)$/is.exec(address) ?? []
  if (authority.includes('@') || !authority.includes(':') || !rest.includes('@')) return false
  const [host = '', port = ''] = authority.split(':', 2)
  const isHostAndPort = (host === 'localhost' || host.includes('.')) && /^\d+$/.test(port)
  return !isHostAndPort || /[^/]@/.test(rest.split(/[?#]/)[0] ?? '')
}

const SCHEME = '(?:postgres(?:ql)?|postgis)(?:\\+\\w+)?:\\/\\/'
const HOST = '([^@/?#:\\s]+|\\[[0-9A-Fa-f:.]+\\])(?::(\\d{1,5}))?'
/** As a scanner puts it together out of decoded parts: a password may hold anything, and the host is the last thing. */
const DECODED = new RegExp(`^${SCHEME}([^:@]+):(.+)@${HOST}$`, 'is')
/** As it stands in a file. */
const SPELT = new RegExp(`^${SCHEME}([^:@/?#]+):([^/?#]+)@${HOST}([/?#].*)?$`, 'is')
const POSTGRES_PORT = 5432

/**
 * Reads a connection string of PostgreSQL. People write passwords with an `@` in them as they are: what stands before the last one of
 * the authority is the password. `unclear` as in `readLogin`.
 *
 * @param decoded the scanner has undone the percent signs already
 */
export function readPostgresUrl(text: string, decoded: boolean): Login | 'unclear' | undefined {
  const match = (decoded ? DECODED : SPELT).exec(text)
  if (match === null) return new RegExp(`^${SCHEME}[^:]*:.+@`, 'is').test(text) ? 'unclear' : undefined
  const [, user = '', secret = '', host = '', port, rest = ''] = match
  // libpq takes them from there, whatever stands before.
  if (rest.includes('@') || /[?&](?:host|hostaddr|port|user|password|passfile|service)=/i.test(rest)) return 'unclear'
  const place = { ...placeOf(host), port: port === undefined ? POSTGRES_PORT : Number(port) }
  try {
    const [username, password] = decoded ? [user, secret] : [decodeURIComponent(user), decodeURIComponent(secret)]
    return { username, password, place }
  } catch {
    return 'unclear'
  }
}

/** Splits `user:password` at the first colon (RFC 7617 §2); undefined where one of them is missing. */
export function splitLogin(text: string): { username: string; password: string } | undefined {
  const colon = text.indexOf(':')
  if (colon < 1 || colon === text.length - 1) return undefined
  return { username: text.slice(0, colon), password: text.slice(colon + 1) }
}

/** Reads the Base64 of `user:password`; undefined for anything else. */
export function decodeLogin(base64: string): { username: string; password: string } | undefined {
  const text = decodeText(base64)
  if (text === undefined) return undefined
  // Docker pads with NUL.
  const end = text.indexOf('\0')
  return splitLogin(end === -1 ? text : text.slice(0, end))
}

/** Reads text in Base64; undefined for anything else: Node skips what is none, and what is no UTF-8 would come back as another password. */
export function decodeText(base64: string): string | undefined {
  const bytes = Buffer.from(base64, 'base64')
  const text = bytes.toString('utf8')
  const spelt = base64.trim().replaceAll('-', '+').replaceAll('_', '/')
  const whole = bytes.toString('base64')
  // The padding may be missing.
  const isWhole = spelt === whole || spelt === whole.replace(/={1,2}$/, '')
  return isWhole && !text.includes('\uFFFD') ? text : undefined
}
