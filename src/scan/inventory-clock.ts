/** The time that a turn has for people. It stands still while what is the same for everybody is read. */
export interface TurnClock {
  /** Aborts, with a `TimeoutError`, when the time is over. */
  readonly signal: AbortSignal
  still<T>(work: () => Promise<T>): Promise<T>
  close(): void
}

/** Starts at once. */
export function openClock(budgetMs: number): TurnClock {
  const over = new AbortController()
  let leftMs = budgetMs
  let since = performance.now()
  let readings = 0
  let timer: NodeJS.Timeout | undefined
  const go = () => {
    since = performance.now()
    timer = setTimeout(() => over.abort(timeOver('the time for people is over')), Math.max(leftMs, 0))
  }
  const stop = () => {
    clearTimeout(timer)
    leftMs -= performance.now() - since
  }
  go()
  return {
    signal: over.signal,
    still: async (work) => {
      if (readings++ === 0) stop()
      try {
        return await work()
      } finally {
        if (--readings === 0 && !over.signal.aborted) go()
      }
    },
    close: () => {
      clearTimeout(timer)
      // A reading that still ends must not wind it up again.
      over.abort(timeOver('the turn is over'))
    },
  }
}

/** Why something is called off whose time is over: what it has shown until then counts. */
export function timeOver(why: string): DOMException {
  return new DOMException(why, 'TimeoutError')
}

/** Whether that called it off, and nothing else. */
export function isTimeOver({ aborted, reason }: AbortSignal): boolean {
  return aborted && reason instanceof DOMException && reason.name === 'TimeoutError'
}
