import { graceOf } from '../evidence/gaps.ts'
import { countsBySystem } from '../store/system-counts.ts'
import type { ApiDeps } from './deps.ts'
import { kept } from './kept.ts'

const KEPT_MS = 3_000

const keptCounts = kept(KEPT_MS, async ({ db, now, config }: ApiDeps, _: 'all') => {
  const at = now()
  return countsBySystem(db, at, at.subtract({ milliseconds: graceOf(config().scan) }))
})

/** How the credentials of each system stand, some seconds old at most. */
export function countsOf(deps: ApiDeps) {
  return keptCounts(deps, 'all')
}
