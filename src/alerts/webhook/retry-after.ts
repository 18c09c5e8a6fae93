/** A receiver may not silence alerts for longer than this. */
const MOST_MS = 86_400_000

/**
 * Reads `Retry-After` (RFC 9110 §10.2.3): seconds, or an HTTP date. Milliseconds from now, at most a day; undefined where it is
 * missing, past or unreadable.
 */
export function retryAfterMs(header: string | string[] | undefined, now: Temporal.Instant): number | undefined {
  const value = (Array.isArray(header) ? header[0] : header)?.trim()
  if (value === undefined || value === '') return undefined
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - now.epochMilliseconds
  return ms > 0 ? Math.min(ms, MOST_MS) : undefined
}
