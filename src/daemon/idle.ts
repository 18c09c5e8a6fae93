import { type EventLoopUtilization, performance } from 'node:perf_hooks'

/** Below this share of a minute a daemon has done nothing but look. */
const IDLE = 0.05
/** The first collection frees what start or work has left, the second lets V8 hand the pages back. */
const COLLECTIONS = 2

/**
 * Gives memory back once work ends: V8 collects by what is allocated, and an idle daemon allocates nothing, so that it would keep what
 * a sweep needed for days. To be called each minute. Without `--expose-gc` (see `npm start`) it does nothing.
 */
export function openIdleCollector(collect: (() => void) | undefined = lastResort()): () => void {
  let last: EventLoopUtilization = performance.eventLoopUtilization()
  let left = COLLECTIONS
  return () => {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, last)
    last = now
    if (utilization > IDLE) left = COLLECTIONS
    else if (left > 0) {
      left--
      collect?.()
    }
  }
}

/** V8's most thorough collection, which drops compiled code that nothing runs and hands pages back: 16 MB where a plain one gives none. */
function lastResort(): (() => void) | undefined {
  const { gc } = globalThis
  return gc === undefined ? undefined : () => void gc({ type: 'major', execution: 'sync', flavor: 'last-resort' })
}
