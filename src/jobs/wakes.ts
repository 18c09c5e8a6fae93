export interface Wakes {
  /** Wakes at an instant, in epoch milliseconds. */
  at(instantMs: number): void
  close(): void
}

/** What lies further ahead is left to the workers' polling. */
const LONGEST_MS = 60_000
/** The job is visible by the database's clock and once its transaction has ended. */
const LATE_MS = 50

/** One timer for the nearest of many instants at which something falls due. A wake too many costs one look into the queue. */
export function openWakes(wake: () => void): Wakes {
  let timer: NodeJS.Timeout | undefined
  const waiting: number[] = []
  const arm = () => {
    clearTimeout(timer)
    const next = waiting[0]
    if (next === undefined) return
    timer = setTimeout(ring, Math.max(0, next - Date.now())).unref()
  }
  const ring = () => {
    const now = Date.now()
    while ((waiting[0] ?? Number.POSITIVE_INFINITY) <= now) waiting.shift()
    wake()
    arm()
  }
  return {
    at: (instantMs) => {
      // A hundredth of a second is fine enough, and keeps the list short when a thousand alerts fail together.
      const at = Math.ceil((instantMs + LATE_MS) / 10) * 10
      if (at - Date.now() > LONGEST_MS || waiting.includes(at)) return
      const index = waiting.findIndex((each) => each > at)
      waiting.splice(index === -1 ? waiting.length : index, 0, at)
      arm()
    },
    close: () => {
      clearTimeout(timer)
      waiting.length = 0
    },
  }
}
