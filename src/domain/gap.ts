/**
 * Why what was due was not tried, the first that applies. `paused`: by an operator. `blind`: its controls fail, so that nothing can be
 * proven. `breaker`: its way failed too often. `held`: it asked to be left alone. `origin_changed`: its secrets wait for a rebind.
 * `window`: outside of its schedule. `no_worker`: no living replica tries its zone. `daemon_down`: no replica lived at all.
 * `behind`: replicas live and work, and are too slow.
 */
export const GAP_REASONS = [
  'paused',
  'daemon_down',
  'no_worker',
  'origin_changed',
  'blind',
  'breaker',
  'held',
  'window',
  'behind',
] as const
export type GapReason = (typeof GAP_REASONS)[number]
