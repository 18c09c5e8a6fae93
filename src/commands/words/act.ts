import { InvalidArgumentError } from 'commander'
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
