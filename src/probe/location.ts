import { type HttpAnswer, headerOf } from './http-answer.ts'

/** Where a redirect points, resolved against what was asked for; undefined without a `Location` that parses. */
export function locationOf(answer: HttpAnswer): URL | undefined {
  const given = headerOf(answer, 'location')
  if (given === undefined) return undefined
  return URL.parse(given, answer.asked.origin + answer.asked.path) ?? undefined
}

/**
 * `canonical`: the same resource under its proper address (http → https, another spelling of the host, a trailing slash), so
 * the configured URL is wrong. `same` and `other`: another path of this origin, another origin.
 */
export type Redirection = 'canonical' | 'same' | 'other' | 'unknown'

export function redirectionOf(answer: HttpAnswer): Redirection {
  const target = locationOf(answer)
  if (target === undefined) return 'unknown'
  const asked = new URL(answer.asked.origin + answer.asked.path)
  const samePath = withoutSlash(target.pathname) === withoutSlash(asked.pathname)
  if (target.origin === asked.origin) return samePath && target.pathname !== asked.pathname ? 'canonical' : 'same'
  if (samePath && target.hostname === asked.hostname && asked.protocol === 'http:' && target.protocol === 'https:')
    return 'canonical'
  if (samePath && withoutWww(target.hostname) === withoutWww(asked.hostname)) return 'canonical'
  // A permanent redirect of the very same path is a host that moved (RFC 9110 §15.4.2, §15.4.9); a login page is never permanent.
  if (samePath && asked.pathname !== '/' && (answer.status === 301 || answer.status === 308)) return 'canonical'
  return 'other'
}

function withoutSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path
}

function withoutWww(host: string): string {
  return host.startsWith('www.') ? host.slice(4) : host
}
