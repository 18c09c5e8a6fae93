import { z } from 'zod'

const UNITS_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const
const DURATION = /^([1-9][0-9]{0,8})(ms|s|m|h|d|w)$/

/** Milliseconds of `10s`, `15m`, `24h`, `7d`; undefined for anything else. Days are 24 hours: these are spans, not calendar days. */
export function parseDuration(text: string): number | undefined {
  const match = DURATION.exec(text)
  if (match === null) return undefined
  return Number(match[1]) * unitMs(match[2])
}

/** A unit's milliseconds; undefined reads as 0, which no caller can reach past its own pattern. */
export function unitMs(unit: string | undefined): number {
  const known: Readonly<Record<string, number>> = UNITS_MS
  return known[unit ?? ''] ?? 0
}

/**
 * A duration of the file, read into milliseconds.
 *
 * @param min the shortest allowed, in the file's own spelling
 * @param max the longest allowed
 */
export function duration(min: string, max: string) {
  const [minMs, maxMs] = [parseDuration(min) ?? 0, parseDuration(max) ?? 0]
  return z
    .string()
    .regex(DURATION, { error: 'must be a duration such as 10s, 15m, 24h or 7d', abort: true })
    .refine((text) => inRange(parseDuration(text), minMs, maxMs), { error: `must be between ${min} and ${max}` })
    .transform((text) => parseDuration(text) ?? 0)
}

function inRange(value: number | undefined, min: number, max: number): boolean {
  return value !== undefined && value >= min && value <= max
}
