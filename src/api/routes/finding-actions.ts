import { RevenantError } from '../../domain/error.ts'
import { type Acknowledged, acknowledgeFindings } from '../../findings/acknowledge.ts'
import { type Exempted, exemptFindings } from '../../findings/exempt.ts'
import { resolveFinding } from '../../findings/resolve.ts'
import { actDeps } from '../acting.ts'
import { findingDetail } from '../finding-detail.ts'
import { NOTHING, type Route, type RouteContext, route } from '../route.ts'
import {
  type ActedManyAnswer,
  acknowledgeManyBody,
  actedAnswer,
  actedManyAnswer,
  byId,
  exemptAnswer,
  exemptBody,
  exemptManyBody,
  noteBody,
} from '../schemas/actions.ts'

const NOT_THERE = () => new RevenantError('NOT_FOUND', 'there is no finding of this id')

export const FINDING_ACTIONS: readonly Route[] = [
  route({
    method: 'POST',
    path: '/v1/findings/{id}/acknowledge',
    id: 'acknowledgeFinding',
    tag: 'findings',
    summary: 'Acknowledge a finding: no more reminders. It is still tried, and closes by itself when access is gone',
    permission: 'operate',
    params: byId,
    query: NOTHING,
    body: noteBody,
    answer: actedAnswer,
    handle: async (context, { params: { id }, body: { note } }) => {
      await mustMatch(context, id)
      const [acted] = await acknowledgeFindings([id], note, actDeps(context))
      if (acted === undefined || !('finding' in acted)) throw NOT_THERE()
      if ('refused' in acted) throw new RevenantError('CONFLICT', 'the finding is resolved: there is nothing to acknowledge')
      return { body: { id, changed: acted.changed, state: acted.finding.state } }
    },
  }),
  route({
    method: 'POST',
    path: '/v1/findings/acknowledge',
    id: 'acknowledgeFindings',
    tag: 'findings',
    summary: 'Acknowledge many findings. Each is taken by itself: what is refused of one keeps none of the others',
    permission: 'operate',
    params: NOTHING,
    query: NOTHING,
    body: acknowledgeManyBody,
    answer: actedManyAnswer,
    handle: async (context, { body: { ids, note } }) => ({
      body: manyOf(await acknowledgeFindings(ids, note, actDeps(context))),
    }),
  }),
  route({
    method: 'POST',
    path: '/v1/findings/{id}/exempt',
    id: 'exemptFinding',
    tag: 'findings',
    summary: 'Accept a finding for a while: silent until the end, tried and recorded as before',
    permission: 'operate',
    params: byId,
    query: NOTHING,
    body: exemptBody,
    answer: exemptAnswer,
    handle: async (context, { params: { id }, body }) => {
      await mustMatch(context, id)
      const [exempted] = await exemptFindings([id], body, actDeps(context))
      if (exempted === undefined || 'refused' in exempted) throw NOT_THERE()
      const { changed, finding, exemption } = exempted
      const until = exemption.ends_at.toString()
      return { body: { id, changed, state: finding.state, exemption: exemption.id, until } }
    },
  }),
  route({
    method: 'POST',
    path: '/v1/findings/exempt',
    id: 'exemptFindings',
    tag: 'findings',
    summary: 'Accept many findings for a while, each by an exemption of its own',
    permission: 'operate',
    params: NOTHING,
    query: NOTHING,
    body: exemptManyBody,
    answer: actedManyAnswer,
    handle: async (context, { body: { ids, ...terms } }) => ({
      body: manyOf(await exemptFindings(ids, terms, actDeps(context))),
    }),
  }),
  route({
    method: 'POST',
    path: '/v1/findings/{id}/resolve',
    id: 'resolveFinding',
    tag: 'findings',
    summary: 'Close by hand what nothing tries any more. What is still tried closes by itself once access is proven gone',
    permission: 'operate',
    params: byId,
    query: NOTHING,
    body: noteBody,
    answer: actedAnswer,
    handle: async (context, { params: { id }, body: { note } }) => {
      await mustMatch(context, id)
      const { raise, config } = context.deps
      const { policy } = config()
      const { state } = await resolveFinding(id, note, { ...actDeps(context), policy, raise })
      return { body: { id, changed: true, state } }
    },
  }),
]

/** 412 where the finding is not as `If-Match` has it: whoever acts on it saw something else. */
async function mustMatch(context: RouteContext, id: string): Promise<void> {
  if (context.header('if-match') === undefined) return
  const body = await findingDetail(context.deps, id)
  if (body === undefined) throw NOT_THERE()
  context.requireMatch(body)
}

function manyOf(results: readonly (Acknowledged | Exempted)[]): ActedManyAnswer {
  const items = results.map((result) => ({
    id: result.id,
    changed: 'changed' in result && result.changed,
    state: 'finding' in result ? result.finding.state : null,
    refused: 'refused' in result ? result.refused : null,
  }))
  return { items, changed: items.filter(({ changed }) => changed).length }
}
