import type { SystemConfig } from '../../config/config.ts'
import { TIERS } from '../../domain/system.ts'
import { noCounts, type SystemCounts } from '../../store/system-counts.ts'
import { budgetSpent, gapsOf, SYSTEM_SORTS, systemPage, type ToldSystem, toldSystem } from '../../store/system-page.ts'
import { trialPage } from '../../store/trial-page.ts'
import { countsOf } from '../counts.ts'
import type { ApiDeps } from '../deps.ts'
import { idIn, someOf, words } from '../filters.ts'
import { askOf, listAnswer, listQuery } from '../list.ts'
import { Problem } from '../problem.ts'
import { GET } from '../read.ts'
import { NOTHING, type Route, route } from '../route.ts'
import { SYSTEM_STATES, systemDetail, systemPage as systemPageAnswer } from '../schemas/system.ts'
import type { Trial } from '../schemas/trial.ts'

const [GAPS_TOLD, TRIALS_TOLD] = [50, 20]

export const SYSTEMS_ROUTES: readonly Route[] = [
  route({
    ...GET,
    path: '/v1/systems',
    id: 'listSystems',
    tag: 'systems',
    summary: 'The downstream systems, with health, controls and how the credentials there stand',
    params: NOTHING,
    query: listQuery(
      {
        state: someOf(SYSTEM_STATES).exactOptional(),
        tier: someOf(TIERS).exactOptional(),
        zone: words().exactOptional(),
        probe: words().exactOptional(),
        q: words(200).exactOptional().describe('Beginning of its name, whatever its case.'),
      },
      SYSTEM_SORTS,
      'name',
    ),
    answer: systemPageAnswer,
    handle: async ({ deps }, { query }) => {
      const counts = await countsOf(deps)
      const { body, ...rest } = listAnswer(query, await systemPage(deps.db, query, askOf(query, SYSTEM_SORTS), deps.now()))
      return { body: { ...body, items: body.items.map((item) => counted(item, counts)) }, ...rest }
    },
  }),
  route({
    ...GET,
    path: '/v1/systems/{id}',
    id: 'getSystem',
    tag: 'systems',
    summary: 'One system with its limits, what is left of them, its last trials, and when it could not be tried',
    params: idIn('a system'),
    query: NOTHING,
    answer: systemDetail,
    handle: async ({ deps }, { params: { id } }) => {
      const { db } = deps
      const system = await toldSystem(db, id, deps.now())
      if (system === undefined) throw new Problem(404, 'There is no system of this id.')
      const configured = system.retiredAt === null ? deps.config().systems.find(({ name }) => name === system.name) : undefined
      const trials = await trialPage<NonNullable<Trial['outcome']>>(
        db,
        { systemId: id },
        { sort: '-startedAt', after: undefined, limit: TRIALS_TOLD },
      )
      return {
        body: {
          ...counted(system, await countsOf(deps)),
          ...(await configuredPart(deps, configured)),
          pinnedPeer: system.pinnedPeer,
          gaps: await gapsOf(db, id, GAPS_TOLD),
          trials: trials.map(({ keys: _, ...trial }) => trial),
          retiredAt: system.retiredAt,
          createdAt: system.createdAt,
        },
      }
    },
  }),
]

function counted(
  { pinnedPeer: _, retiredAt: _r, createdAt: _c, ...system }: ToldSystem,
  counts: ReadonlyMap<string, SystemCounts>,
) {
  const { credentials, dueNow, nextDueAt } = counts.get(system.id) ?? noCounts()
  return { ...system, credentials, dueNow, nextDueAt }
}

/** What only the configuration knows. */
async function configuredPart({ db, now }: ApiDeps, configured: SystemConfig | undefined) {
  if (configured === undefined) return { limits: null, lockoutBudget: null, canary: null, runbook: null, allowEffects: [] }
  const { limits, realm, controls, runbook, allowEffects } = configured
  const { count } = limits.failuresPerPrincipal
  return {
    limits,
    lockoutBudget: { realm, limit: count, ...(await budgetSpent(db, realm, count, now())) },
    canary: controls.canary === undefined ? ('missing' as const) : ('configured' as const),
    runbook: runbook ?? null,
    allowEffects,
  }
}
