/** Failures that one address may have in a minute. A token is too long to be guessed: this keeps the log and the machine quiet. */
const MOST_FAILURES = 10
const WINDOW_MS = 60_000
/** Addresses remembered. Beyond that the oldest goes: memory is worth more than its ban. */
const MOST_ADDRESSES = 10_000

export interface Throttle {
  /** Milliseconds for which this address is not listened to; 0: it may ask. */
  waitMs(address: string): number
  /** Notes a secret that was wrong. */
  failed(address: string): void
}

/** Counts failures by address in windows of a minute, which begin at the first failure. @param now monotonic milliseconds */
export function openThrottle(now: () => number = () => performance.now()): Throttle {
  const windows = new Map<string, { endsAt: number; failures: number }>()
  const current = (key: string) => {
    const window = windows.get(key)
    return window !== undefined && window.endsAt > now() ? window : undefined
  }
  return {
    waitMs: (address) => {
      const window = current(networkOf(address))
      return window === undefined || window.failures < MOST_FAILURES ? 0 : window.endsAt - now()
    },
    failed: (address) => {
      const key = networkOf(address)
      const failures = (current(key)?.failures ?? 0) + 1
      const endsAt = current(key)?.endsAt ?? now() + WINDOW_MS
      windows.delete(key)
      windows.set(key, { endsAt, failures })
      const [oldest] = windows.keys()
      if (windows.size > MOST_ADDRESSES && oldest !== undefined) windows.delete(oldest)
    },
  }
}

/** Who can use one IPv6 address can use all of its /64: they count as one. */
export function networkOf(address: string): string {
  if (!address.includes(':') || address.includes('.')) return address
  const [head = '', tail] = address.split('::')
  const groups = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : 8 - groups.length - after.length
  return `${[...groups, ...Array<string>(Math.max(0, zeros)).fill('0'), ...after].slice(0, 4).join(':')}::/64`
}
