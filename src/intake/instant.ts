import { RevenantError } from '../domain/error.ts'

/** What a date without a time means: the configuration's `policy.timeZone` and `policy.terminationCutOff` (`HH:MM`). */
export interface DayEnd {
  timeZone: string
  terminationCutOff: string
}

// RFC 3339 §5.6, with the offset that makes it an instant; Temporal alone would take much more.
const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)$/
const DATE = /^\d{4}-\d\d-\d\d$/
const TIME = /^\d\d:\d\d(?::[0-5]\d)?$/

/** An RFC 3339 instant; undefined for anything else, a local time without its offset included. */
export function parseInstant(text: string): Temporal.Instant | undefined {
  if (!RFC_3339.test(text)) return undefined
  return attempt(() => toMicroseconds(Temporal.Instant.from(text.toUpperCase().replace(' ', 'T'))))
}

/**
 * The instant of a local date and time. A time that the clocks skipped is moved on by what they skipped; of one that came twice the
 * second is meant. So the clock never starts before the person has left: too early it would try the credentials of somebody who
 * still works, too late it loses an hour.
 *
 * @param date `YYYY-MM-DD`
 * @param time `HH:MM` or `HH:MM:SS`; the cut-off where there is none
 * @param zone IANA name; the configured one where there is none
 * Throws `INPUT_INVALID` that names the part which is wrong.
 */
export function localInstant(date: string, time: string | null, zone: string | null, dayEnd: DayEnd): Temporal.Instant {
  if (!DATE.test(date)) throw new RevenantError('INPUT_INVALID', 'the date must be YYYY-MM-DD')
  if (time !== null && !TIME.test(time)) throw new RevenantError('INPUT_INVALID', 'the time must be HH:MM or HH:MM:SS')
  const day = attempt(() => Temporal.PlainDate.from(date, { overflow: 'reject' }))
  if (day === undefined) throw new RevenantError('INPUT_INVALID', 'the date is none of the calendar')
  const clock = attempt(() => Temporal.PlainTime.from(time ?? dayEnd.terminationCutOff, { overflow: 'reject' }))
  if (clock === undefined) throw new RevenantError('INPUT_INVALID', 'the time is none of a day')
  if (zone !== null && !/^[A-Za-z]/.test(zone)) throw new RevenantError('INPUT_INVALID', NO_ZONE)
  const timeZone = zone ?? dayEnd.timeZone
  const instant = attempt(() => day.toPlainDateTime(clock).toZonedDateTime(timeZone, { disambiguation: 'later' }).toInstant())
  if (instant === undefined) throw new RevenantError('INPUT_INVALID', NO_ZONE)
  return instant
}

const NO_ZONE = 'the time zone must be an IANA name such as Europe/Berlin'

/** Postgres keeps microseconds: a finer instant would differ from itself at the next import. */
function toMicroseconds(instant: Temporal.Instant): Temporal.Instant {
  return instant.round({ smallestUnit: 'microsecond', roundingMode: 'floor' })
}

function attempt<Value>(make: () => Value): Value | undefined {
  try {
    return make()
  } catch {
    return undefined
  }
}
