import type { ApiDeps } from './deps.ts'

/** An answer takes at most this share of the database's time, however often it is asked for. */
const SHARE = 20

/**
 * Keeps what is dear to count for a while: for `leastMs`, and for longer where counting took long. Whoever asks while it is counted waits
 * for the same answer. A fault is not kept.
 *
 * @param keyOf of what asks for different things; there must be few
 */
export function kept<Argument extends string | number, Value>(
  leastMs: number,
  count: (deps: ApiDeps, argument: Argument) => Promise<Value>,
): (deps: ApiDeps, argument: Argument) => Promise<Value> {
  const answers = new WeakMap<ApiDeps, Map<Argument, { value: Promise<Value>; until: number }>>()
  return (deps, argument) => {
    const mine = answers.get(deps) ?? new Map<Argument, { value: Promise<Value>; until: number }>()
    answers.set(deps, mine)
    const known = mine.get(argument)
    const began = performance.now()
    if (known !== undefined && began < known.until) return known.value
    const value = count(deps, argument)
    const entry = { value, until: Number.POSITIVE_INFINITY }
    mine.set(argument, entry)
    value.then(
      () => {
        const now = performance.now()
        entry.until = now + Math.max(leastMs, SHARE * (now - began))
      },
      () => {
        if (mine.get(argument) === entry) mine.delete(argument)
      },
    )
    return value
  }
}
