import type { HttpHeaders } from './http-answer.ts'

/** No answer keeps us away for longer than a day: a wrong clock at their side must not silence a watch for years. */
export const MAX_RETRY_AFTER_MS = 86_400_000

/**
 * How long the system asked us to stay away, in milliseconds (RFC 9110 §10.2.3): seconds or an HTTP date, the latter counted
 * from the answer's own `Date`, so that a clock that is off on either side does no harm.
 *
 * @param resetHeader a vendor's header that holds the end of the window in seconds since 1970, read where `Retry-After` is missing
 */
export function retryAfterMs(headers: HttpHeaders, nowMs: number, resetHeader?: string): number | undefined {
  const given = headers['retry-after']
  const here = dateOf(headers.date) ?? nowMs
  if (typeof given === 'string') {
    if (/^\d{1,10}$/.test(given.trim())) return cap(Number(given) * 1_000)
    const until = dateOf(given)
    return until === undefined ? undefined : cap(until - here)
  }
  const reset = resetHeader === undefined ? undefined : headers[resetHeader]
  if (typeof reset !== 'string' || !/^\d{9,11}$/.test(reset)) return undefined
  return cap(Number(reset) * 1_000 - here)
}

function dateOf(value: string | string[] | undefined): number | undefined {
  if (typeof value !== 'string') return undefined
  // RFC 9110 §5.6.7: all three forms begin with a day's name. Date.parse alone would take much that is no date.
  if (!/^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(value)) return undefined
  const instant = Date.parse(value)
  return Number.isNaN(instant) ? undefined : instant
}

function cap(ms: number): number {
  return Math.min(Math.max(Math.round(ms), 0), MAX_RETRY_AFTER_MS)
}
