/** Failures that one address may have in a minute. A token is too long to be guessed: this keeps the log and the machine quiet. */
const MOST_FAILURES = 10
const WINDOW_MS = 60_000
/** Addresses remembered. Beyond that the oldest goes: memory is worth more than its ban. */
const MOST_ADDRESSES = 10_000

export interface Throttle {
  /** Milliseconds for which this address is not listened to; 0: it may ask. */
  waitMs(address: string): number
  failed(address: string): void
}

/** Counts failures by address in windows of a minute, which begin at the first failure. @param now monotonic milliseconds */
export function openThrottle(now: () => number = () => performance.now()): Throttle {
  const windows = new Map<string, { endsAt: number; failures: number }>()
  const current = (address: string) => {
    const window = windows.get(address)
    return window !== undefined && window.endsAt > now() ? window : undefined
  }
  return {
    waitMs: (address) => {
      const window = current(address)
      return window === undefined || window.failures < MOST_FAILURES ? 0 : window.endsAt - now()
    },
    failed: (address) => {
      const failures = (current(address)?.failures ?? 0) + 1
      const endsAt = current(address)?.endsAt ?? now() + WINDOW_MS
      windows.delete(address)
      windows.set(address, { endsAt, failures })
      const [oldest] = windows.keys()
      if (windows.size > MOST_ADDRESSES && oldest !== undefined) windows.delete(oldest)
    },
  }
}
