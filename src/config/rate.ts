import { z } from 'zod'
import { unitMs } from './duration.ts'

/** So many in each window. */
export interface Rate {
  count: number
  perMs: number
}

const RATE = /^([1-9][0-9]{0,6})\/([1-9][0-9]{0,4})?(s|m|h|d)$/

/** Reads `10/s`, `600/m`, `3/24h`; undefined for anything else. */
export function parseRate(text: string): Rate | undefined {
  const match = RATE.exec(text)
  if (match === null) return undefined
  return { count: Number(match[1]), perMs: Number(match[2] ?? 1) * unitMs(match[3]) }
}

/** A rate of the file. */
export function rate() {
  return z
    .string()
    .regex(RATE, { error: 'must be a rate such as 10/s, 600/m or 3/24h', abort: true })
    .transform((text): Rate => parseRate(text) ?? { count: 1, perMs: 1_000 })
}
