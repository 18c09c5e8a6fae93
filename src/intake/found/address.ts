import { type Place, placeOf, placeOfUrl } from './place.ts'

/** An address that has an account and its password in it. */
export interface Login {
  username: string
  password: string
  place: Place
}

/**
 * Reads `scheme://user:password@host…`. Undefined without a password, or where the address is none; `unclear` where the password
 * is not what its percent signs say.
 */
export function readLogin(address: string): Login | 'unclear' | undefined {
  if (!URL.canParse(address)) return undefined
  const url = new URL(address)
  const place = placeOfUrl(address)
  if (url.password === '' || place === undefined) return undefined
  try {
    return { username: decodeURIComponent(url.username), password: decodeURIComponent(url.password), place }
  } catch {
    return 'unclear'
  }
}

const STRICT = /^(?:postgres(?:ql)?|postgis):\/\/([^:@/?#]+):([^/?#]+)@([^@/?#:]+|\[[^\]]+\])(?::(\d{1,5}))?(?:[/?#].*)?$/i
const LOOSE = /^(?:postgres(?:ql)?|postgis):\/\/([^:@/?#]+):(.+)@([^@/?#:]+|\[[^\]]+\])(?::(\d{1,5}))?(?:[/?#].*)?$/i
const POSTGRES_PORT = 5432

/**
 * Reads a connection string of PostgreSQL. People write passwords with `@`, `/` and `#` in them as they are; what stands before the
 * last `@` is the password.
 *
 * @param decoded the scanner has undone the percent signs already
 */
export function readPostgresUrl(text: string, decoded: boolean): Login | 'unclear' | undefined {
  const match = STRICT.exec(text) ?? LOOSE.exec(text)
  if (match === null) return undefined
  const [, user = '', secret = '', host = '', port] = match
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
  const bytes = Buffer.from(base64, 'base64')
  const text = bytes.toString('utf8')
  // Docker pads with NUL; what is no UTF-8 would come back as another password.
  return text.includes('\uFFFD') ? undefined : splitLogin(text.replace(/\0+$/, ''))
}
