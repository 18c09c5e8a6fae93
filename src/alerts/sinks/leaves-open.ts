import type { Route } from '../../domain/route.ts'
import { SINKS } from './registry.ts'

/**
 * Whether a route opens incidents at its receiver that nothing closes: the receiver keeps one for each finding, and `events` leaves out
 * the end of findings. No fault, since somebody may want to close them by hand; but seldom meant.
 */
export function leavesOpen({ sink, events }: { sink: string } & Pick<Route, 'events'>): boolean {
  const keeps = Object.entries(SINKS).some(([kind, { closes }]) => kind === sink && closes)
  return keeps && events !== undefined && !events.includes('resolved')
}

/** What to tell an operator about it. */
export const LEFT_OPEN = {
  detail: 'what it opens at the receiver is never closed: `events` leaves out resolved',
  mend: 'add resolved to `events`, or leave `events` out',
} as const
