import { rebindSystem } from '../../custody/rebind-system.ts'
import { EVERYTHING, type PauseScope, pauseScope, resumeScope } from '../../scan/pausing.ts'
import { actDeps, systemInUse } from '../acting.ts'
import { NONE, NOTHING, type Route, type RouteContext, route } from '../route.ts'
import { byId, changedAnswer, pauseBody, rebindAnswer } from '../schemas/actions.ts'

export const SYSTEM_ACTIONS: readonly Route[] = [
  route({
    method: 'POST',
    path: '/v1/pause',
    id: 'pauseAll',
    tag: 'systems',
    summary: 'Pause everything: no new replay starts, what is running ends within its timeout',
    permission: 'operate',
    params: NOTHING,
    query: NOTHING,
    body: pauseBody,
    answer: changedAnswer,
    handle: async (context, { body }) => pause(context, EVERYTHING, body.note),
  }),
  route({
    method: 'POST',
    path: '/v1/resume',
    id: 'resumeAll',
    tag: 'systems',
    summary: 'End the pause of everything. A system that is paused by itself stays so',
    permission: 'operate',
    params: NOTHING,
    query: NOTHING,
    body: NONE,
    answer: changedAnswer,
    handle: async (context) => resume(context, EVERYTHING),
  }),
  route({
    method: 'POST',
    path: '/v1/systems/{id}/pause',
    id: 'pauseSystem',
    tag: 'systems',
    summary: 'Pause a system: no new replay starts there, what is running ends within its timeout',
    permission: 'operate',
    params: byId,
    query: NOTHING,
    body: pauseBody,
    answer: changedAnswer,
    handle: async (context, { params, body }) => pause(context, await systemInUse(context, params.id), body.note),
  }),
  route({
    method: 'POST',
    path: '/v1/systems/{id}/resume',
    id: 'resumeSystem',
    tag: 'systems',
    summary: "End a system's own pause",
    permission: 'operate',
    params: byId,
    query: NOTHING,
    body: NONE,
    answer: changedAnswer,
    handle: async (context, { params }) => resume(context, await systemInUse(context, params.id)),
  }),
  route({
    method: 'POST',
    path: '/v1/systems/{id}/rebind',
    id: 'rebindSystem',
    tag: 'systems',
    summary: 'Bind a system that moved, and its secrets, to the address that the configuration names today',
    permission: 'administer',
    params: byId,
    query: NOTHING,
    body: NONE,
    answer: rebindAnswer,
    cost: 'heavy',
    handle: async (context, { params }) => {
      const row = await systemInUse(context, params.id)
      const rebound = await rebindSystem(row, { ...actDeps(context), custody: context.deps.custody })
      if (rebound === undefined) return { body: { changed: false, from: null, to: row.origin, resealed: 0, broken: [] } }
      const { from, to, resealed, broken } = rebound
      return { body: { changed: true, from, to, resealed, broken } }
    },
  }),
]

async function pause(context: RouteContext, { id, name }: PauseScope, note = ''): Promise<{ body: { changed: boolean } }> {
  return { body: { changed: await pauseScope({ id, name }, note, actDeps(context)) } }
}

async function resume(context: RouteContext, { id, name }: PauseScope): Promise<{ body: { changed: boolean } }> {
  const changed = await resumeScope({ id, name }, actDeps(context))
  if (changed) await context.deps.actions.tick()
  return { body: { changed } }
}
