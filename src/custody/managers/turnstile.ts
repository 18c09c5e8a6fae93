import { ManagerError, TIMEOUT_MS } from './manager.ts'

export interface TurnstileOptions {
  /** Calls under way at a time; the others wait. */
  places: number
  /** After so many failures to reach the manager in a row … */
  downAfter: number
  /** … calls fail at once for so long. */
  downForMs: number
  timeoutMs: number
  /** Milliseconds that only grow. */
  clock(): number
}

const STANDARD: TurnstileOptions = {
  places: 8,
  downAfter: 3,
  downForMs: 5_000,
  timeoutMs: TIMEOUT_MS,
  clock: () => performance.now(),
}

export type Turnstile = <T>(call: (signal: AbortSignal) => Promise<T>) => Promise<T>

/**
 * Lets a few calls at a time through to a manager, each for a limited time. One that cannot be reached is left alone for a while, so
 * that a thousand credentials do not each wait out the time: what they came to is known.
 */
export function openTurnstile(options: Partial<TurnstileOptions> = {}): Turnstile {
  const { places, downAfter, downForMs, timeoutMs, clock } = { ...STANDARD, ...options }
  const waiting: (() => void)[] = []
  let inside = 0
  let failures = 0
  let downUntil = Number.NEGATIVE_INFINITY

  const enter = async () => {
    if (inside >= places) await new Promise<void>((resolve) => waiting.push(resolve))
    else inside++
  }
  const leave = () => {
    const next = waiting.shift()
    // The place is handed on: the count stays.
    if (next === undefined) inside--
    else next()
  }
  return async (call) => {
    await enter()
    try {
      if (clock() < downUntil)
        throw new ManagerError('unreachable', 'could not be reached moments ago and is not asked again yet')
      const result = await limited(call, timeoutMs)
      failures = 0
      return result
    } catch (error) {
      if (!(error instanceof ManagerError) || error.fault !== 'unreachable') failures = 0
      else if (clock() >= downUntil && ++failures >= downAfter) downUntil = clock() + downForMs
      throw error
    } finally {
      leave()
    }
  }
}

async function limited<T>(call: (signal: AbortSignal) => Promise<T>, timeoutMs: number): Promise<T> {
  const late = new AbortController()
  const tooLate = new ManagerError('unreachable', `did not answer within ${timeoutMs / 1_000} s`)
  let timer: NodeJS.Timeout | undefined
  try {
    return await Promise.race([
      call(late.signal),
      new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => {
          reject(tooLate)
          late.abort(tooLate)
        }, timeoutMs)
      }),
    ])
  } finally {
    clearTimeout(timer)
  }
}
