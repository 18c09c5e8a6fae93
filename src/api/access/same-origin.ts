import type { FastifyRequest } from 'fastify'
import { Problem } from '../problem.ts'

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

export function isSafe(method: string): boolean {
  return SAFE.has(method)
}

/**
 * Whether a browser sends this for a page of ours. What the browser itself says (Sec-Fetch-Site) counts first; an older one names the
 * page's origin; whoever says neither is no browser. The rule of Go's `http.CrossOriginProtection`.
 *
 * @param own origins that we are known by
 */
export function isSameOrigin({ headers }: Pick<FastifyRequest, 'headers'>, own: readonly string[]): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined) return site === 'same-origin' || site === 'none'
  return headers.origin === undefined || own.includes(headers.origin)
}

/** Throws for a request that changes something and comes from another site's page. */
export function refuseCrossOrigin(request: FastifyRequest, own: readonly string[]): void {
  if (isSafe(request.method) || isSameOrigin(request, own)) return
  throw new Problem(403, 'A page of another origin may change nothing here.', undefined, { code: 'CROSS_ORIGIN' })
}
