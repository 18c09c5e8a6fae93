/** Says whether a loop still turns. */
export interface Heartbeat {
  /** To be called at each turn. */
  beat(): void
  /** False once `turns` periods have passed without a beat; the start counts as one. */
  alive(): boolean
  /** Milliseconds since the last beat. */
  silentMs(): number
}

/**
 * @param periodMs how often the loop should turn
 * @param turns periods without a beat before it counts as stuck
 * @param now a monotonic clock in milliseconds: a jump of the wall clock must not kill a daemon
 */
export function openHeartbeat(periodMs: number, turns = 3, now: () => number = () => performance.now()): Heartbeat {
  let last = now()
  return {
    beat: () => {
      last = now()
    },
    alive: () => now() - last <= periodMs * turns,
    silentMs: () => now() - last,
  }
}
