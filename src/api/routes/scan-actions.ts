import { type ScanNow, scanNow } from '../../scan/scan-now.ts'
import type { ScanScope } from '../../store/scan-now.ts'
import { listSystems } from '../../store/system.ts'
import { actDeps } from '../acting.ts'
import { NONE, NOTHING, type Route, type RouteContext, route } from '../route.ts'
import { byId, type ScanAnswer, scanAnswer } from '../schemas/actions.ts'

const shared = {
  method: 'POST',
  permission: 'operate',
  params: byId,
  query: NOTHING,
  body: NONE,
  answer: scanAnswer,
  status: 202,
} as const

export const SCAN_ACTIONS: readonly Route[] = [
  route({
    ...shared,
    path: '/v1/identities/{id}/scan',
    id: 'scanIdentity',
    tag: 'identities',
    summary: 'Try what a leaver held at once, within all limits',
    handle: async (context, { params }) => ({ body: await scan(context, { identityId: params.id }) }),
  }),
  route({
    ...shared,
    path: '/v1/credentials/{id}/scan',
    id: 'scanCredential',
    tag: 'credentials',
    summary: "Try a leaver's credential at once, within all limits",
    handle: async (context, { params }) => ({ body: await scan(context, { credentialId: params.id }) }),
  }),
  route({
    ...shared,
    path: '/v1/systems/{id}/scan',
    id: 'scanSystem',
    cost: 'heavy',
    tag: 'systems',
    summary: 'Try what leavers held at a system at once, within all limits',
    handle: async (context, { params }) => ({ body: await scan(context, { systemId: params.id }) }),
  }),
]

async function scan(context: RouteContext, scope: ScanScope): Promise<ScanAnswer> {
  const { jobs, actions } = context.deps
  return answerOf(context, await scanNow(scope, { ...actDeps(context), jobs, budgets: actions.budgets }))
}

async function answerOf({ deps }: RouteContext, { moved, due, left, trials, held }: ScanNow): Promise<ScanAnswer> {
  const names = new Map((await listSystems(deps.db)).map(({ id, name }) => [id, { id, name }]))
  const named = (id: string) => names.get(id) ?? { id, name: id }
  return {
    changed: moved > 0,
    moved,
    due,
    left,
    trials: trials.map(({ systemId, ...rest }) => ({ system: named(systemId), ...rest })),
    held: held.map(({ systemId, hold, reason, until, credentials }) => {
      return { system: named(systemId), hold, reason: reason ?? null, until: until?.toString() ?? null, credentials }
    }),
  }
}
