import { RevenantError } from '../../domain/error.ts'

/** What is looked at, in this order. */
export const CHECK_NAMES = [
  'signature',
  'checkpoint',
  'tree',
  'entries',
  'tables',
  'proofs',
  'completeness',
  'consistency',
  'files',
] as const
export type CheckName = (typeof CHECK_NAMES)[number]

/** Bytes of a file, from 0, the last one included. */
export interface Stretch {
  from: number
  to: number
}

/** One thing that is false. */
export interface Problem {
  check: CheckName
  file: string
  /** From 1. */
  line?: number
  /** The first byte that is not as it should be, from 0. */
  offset?: number
  /** Instead of `offset`: the first false byte lies somewhere in here. */
  stretch?: Stretch
  what: string
}

/** Gathers problems: counts all of them, keeps the first of each check. */
export interface Problems {
  add(problem: Problem): void
  of(check: CheckName): { count: number; first: readonly Problem[] }
  readonly count: number
}

const KEPT = 20

export function openProblems(): Problems {
  const kept = new Map<CheckName, { count: number; first: Problem[] }>()
  let count = 0
  const of = (check: CheckName) => {
    const found = kept.get(check) ?? { count: 0, first: [] }
    kept.set(check, found)
    return found
  }
  return {
    add: (problem) => {
      const found = of(problem.check)
      found.count += 1
      count += 1
      if (found.first.length < KEPT) found.first.push(problem)
    },
    of,
    get count() {
      return count
    },
  }
}

/** Runs what may find its input malformed, and makes a problem of that; undefined then. Other errors are ours. */
export async function attempt<Value>(
  problems: Problems,
  at: Omit<Problem, 'what'>,
  work: () => Value | Promise<Value>,
): Promise<Value | undefined> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof RevenantError) || error.code !== 'EVIDENCE_INVALID') throw error
    problems.add({ ...at, what: error.message })
    return undefined
  }
}

/** For callers that must not go on without a value. Throws `EVIDENCE_INVALID`. */
export function must<Value>(value: Value | undefined, what: string): Value {
  if (value === undefined) throw new RevenantError('EVIDENCE_INVALID', what)
  return value
}
