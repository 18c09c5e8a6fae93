import type { Reason } from '../domain/reason.ts'
import { holdSystem, type SystemRow } from '../store/system.ts'
import { holdMs } from './breaker.ts'
import type { Session } from './session.ts'

/** How long a system that is limiting us is left alone when it does not say. */
const DEFAULT_RETRY_MS = 60_000

/** Keeps every replica away from the system for a while; answers until when. */
export async function hold(
  session: Session,
  row: SystemRow,
  reason: Reason,
  retryAfterMs: number | undefined,
): Promise<Temporal.Instant> {
  const limited = reason === 'rate_limited'
  const failures = limited ? row.breaker_failures : row.breaker_failures + 1
  const pauseMs = retryAfterMs ?? (limited ? DEFAULT_RETRY_MS : holdMs(failures))
  const until = session.deps.now().add({ milliseconds: Math.round(pauseMs) })
  await holdSystem(session.deps.db, session.system.id, until, reason, failures)
  session.deps.log('warn', 'system held', {
    system: session.system.name,
    reason,
    until: until.toString(),
    trace_id: session.trace.traceId,
  })
  return until
}
