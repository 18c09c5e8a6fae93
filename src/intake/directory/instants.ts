const DAY_MS = 86_400_000
/** From 1601, in whose first moment the times of Windows begin, to 1970. */
const WINDOWS_EPOCH_MS = 11_644_473_600_000n
const TICKS_PER_MS = 10_000n
/** The year 10000: later ones are spelt in another way, and mean never. */
const END_MS = 253_402_300_800_000

/** The instant of a count of 100 ns since 1601; undefined for never (0, the largest number) and for what is none. */
export function fileTime(text: string): Temporal.Instant | undefined {
  if (!/^\d{1,19}$/.test(text)) return undefined
  const ticks = BigInt(text)
  return ticks === 0n ? undefined : instant(Number(ticks / TICKS_PER_MS - WINDOWS_EPOCH_MS))
}

/** The first instant of a day that is counted from 1970, in UTC; undefined for never: -1 and 0, which shadow(5) leaves without meaning. */
export function shadowDay(text: string): Temporal.Instant | undefined {
  if (!/^\d{1,9}$/.test(text)) return undefined
  const day = Number(text)
  return day === 0 ? undefined : instant(day * DAY_MS)
}

const GENERALIZED = /^(\d{4})(\d\d)(\d\d)(\d\d)(?:(\d\d)(\d\d)?)?(?:[.,](\d{1,9})\d*)?(Z|[+-]\d\d(?:\d\d)?)$/

/** The instant of a GeneralizedTime (RFC 4517 §3.3.13); undefined for what is none. */
export function generalizedTime(text: string): Temporal.Instant | undefined {
  const match = GENERALIZED.exec(text)
  // In the year 0 nothing has happened: the pwdAccountLockedTime of whoever is locked for ever is written so.
  if (match === null || match[1] === '0000') return undefined
  const [, year, month, day, hour, minute, second, fraction, zone = 'Z'] = match
  // A fraction is one of the smallest unit that is given; no server writes one of minutes or hours.
  if (fraction !== undefined && second === undefined) return undefined
  const offset = zone === 'Z' ? 'Z' : `${zone.slice(0, 3)}:${zone.slice(3) === '' ? '00' : zone.slice(3)}`
  const time = `${hour}:${minute ?? '00'}:${second ?? '00'}${fraction === undefined ? '' : `.${fraction}`}`
  try {
    return Temporal.Instant.from(`${year}-${month}-${day}T${time}${offset}`)
  } catch {
    return undefined
  }
}

/** As a filter wants it, to the second. */
export function toGeneralizedTime(at: Temporal.Instant): string {
  return `${at.round({ smallestUnit: 'second', roundingMode: 'floor' }).toString().replaceAll(/[-:T]/g, '').slice(0, 14)}Z`
}

function instant(ms: number): Temporal.Instant | undefined {
  return ms >= END_MS ? undefined : Temporal.Instant.fromEpochMilliseconds(ms)
}
