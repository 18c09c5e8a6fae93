import { z } from 'zod'
import { reference } from '../../config/scalar.ts'
import { isLoopbackHost } from '../../domain/loopback.ts'

/** Scheme, host and port: what is asked goes nowhere else. In clear only on this machine. */
export function httpsOrigin() {
  return z
    .string()
    .refine(isOrigin, { error: 'must be an https:// address without a path, such as https://acme.bamboohr.com' })
    .transform((text) => new URL(text).origin)
}

function isOrigin(text: string): boolean {
  const url = URL.parse(text)
  if (url === null || url.username !== '' || url.password !== '' || url.pathname !== '/' || url.search !== '') return false
  return (
    url.hash === '' &&
    (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname.replace(/^\[|\]$/g, ''))))
  )
}

/** A path of the HR system, with its query. */
export function apiPath() {
  return z
    .string()
    .max(1_000)
    .regex(/^\/(?!\/)[\x21-\x7e]*$/, { error: 'must be a path that begins with one "/"' })
    .refine((text) => !/[#\\]/.test(text), { error: 'must be a path and a query' })
}

/** By what the HR system is asked. */
export const credentialOptions = {
  user: reference()
    .exactOptional()
    .describe('A reference to the name; with it password is a password, without it a bearer token.'),
  password: reference().describe('A reference to the password, the API key or the token.'),
}
