import { InvalidArgumentError } from 'commander'
import { parseDuration } from '../../config/duration.ts'
import type { CommandContext } from '../context.ts'

/** Makes commander's action of a command: it is given the context first, and its exit code is kept. */
export type Act = <Args extends unknown[]>(
  work: (context: CommandContext, ...args: Args) => Promise<number>,
) => (...args: Args) => Promise<void>

export function collect(text: string, before: readonly string[]): string[] {
  return [...before, text]
}

export function positive(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value <= 0 || value > 1_000_000) throw new InvalidArgumentError('give a whole number above 0')
  return value
}

const LONGEST_WAIT_MS = 3_600_000

/** Milliseconds of `30s`, `5m`; `0` is none. At most an hour. */
export function waitingTime(text: string): number {
  const ms = text === '0' ? 0 : parseDuration(text)
  if (ms === undefined || ms > LONGEST_WAIT_MS)
    throw new InvalidArgumentError('give 0 or a duration such as 30s or 5m, at most 1h')
  return ms
}
