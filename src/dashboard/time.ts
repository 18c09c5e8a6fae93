import { span } from '../domain/span.ts'

/** Minutes, seconds: whatever is nearer than this is "just now". */
const NOW_MS = 10_000

/** `3 h 5 min ago`, `in 2 d`: how far an instant is from now, both RFC 3339 or milliseconds. */
export function relative(at: number, now: number): string {
  const ms = at - now
  if (Math.abs(ms) < NOW_MS) return 'just now'
  return ms < 0 ? `${coarse(-ms)} ago` : `in ${coarse(ms)}`
}

/** The largest unit, and the next where one alone would say little: `3 d`, `1 h 5 min`. */
export function coarse(ms: number): string {
  const [first = '0', unit = 's', ...rest] = span(ms).split(' ')
  return Number(first) >= 3 || unit === 's' || unit === 'min' ? `${first} ${unit}` : [first, unit, ...rest].join(' ')
}

const LOCAL = new Intl.DateTimeFormat(undefined, {
  dateStyle: 'medium',
  timeStyle: 'medium',
})
const LOCAL_DAY = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' })
const LOCAL_CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' })

/** In the viewer's zone. */
export function local(at: string): string {
  return LOCAL.format(new Date(at))
}

/** The day in the viewer's zone. */
export function localDay(at: string): string {
  return LOCAL_DAY.format(new Date(at))
}

/** The time of day in the viewer's zone. */
export function localClock(at: string): string {
  return LOCAL_CLOCK.format(new Date(at))
}

/** `2026-11-22 14:03:07 UTC` */
export function utc(at: string): string {
  return `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

/** What `datetime-local` shows for an instant, in the viewer's zone. */
export function inputValue(at: Date): string {
  const local = new Date(at.getTime() - at.getTimezoneOffset() * 60_000)
  return local.toISOString().slice(0, 16)
}
