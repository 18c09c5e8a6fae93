import { z } from 'zod'
import { may } from '../../domain/access.ts'
import { IDENTITY_KINDS } from '../../domain/identity.ts'
import { HISTORY_SORTS, identityHistory } from '../../store/identity-history.ts'
import {
  holdings,
  IDENTITY_SORTS,
  identityPage,
  type ToldHolding,
  toldIdentity,
  toldIdentityRef,
} from '../../store/identity-page.ts'
import { idIn, someOf, words, yesOrNo } from '../filters.ts'
import { askOf, listAnswer, listQuery } from '../list.ts'
import { look } from '../look.ts'
import { Problem } from '../problem.ts'
import { GET } from '../read.ts'
import { NOTHING, type Route, route } from '../route.ts'
import { historyPage, identity, identityMatrix, identityPage as identityPageAnswer } from '../schemas/identity.ts'

/** Credentials of one identity that its matrix tells: more than a person holds. */
const MATRIX_LIMIT = 1_000

const params = idIn('an identity')
const gone = () => new Problem(404, 'There is no identity of this id.')

export const IDENTITIES_ROUTES: readonly Route[] = [
  route({
    ...GET,
    path: '/v1/identities',
    id: 'listIdentities',
    tag: 'identities',
    summary: 'Who is known: people, service accounts, AI agents',
    params: NOTHING,
    query: listQuery(
      {
        state: z
          .enum(['active', 'suspended', 'terminated'])
          .exactOptional()
          .describe('`active`: here, even if a last day is set. `suspended`: of these, whom some source calls so.'),
        kind: someOf(IDENTITY_KINDS).exactOptional(),
        open: yesOrNo().exactOptional().describe('Left, with a credential that was accepted, and nothing proven since.'),
        q: words(200).exactOptional().describe('Beginning of name, e-mail or external id, whatever its case.'),
        owner: words().exactOptional().describe('Of services and agents: external id or id of the owner.'),
      },
      IDENTITY_SORTS,
      'name',
    ),
    answer: identityPageAnswer,
    handle: async (context, { query }) => {
      const { deps } = context
      const { state, kind, open, q, owner } = query
      await look(context, 'identities.view', 'all', { state, kind, open, q, owner })
      return listAnswer(query, await identityPage(deps.db, query, askOf(query, IDENTITY_SORTS), deps.now()))
    },
  }),
  route({
    ...GET,
    path: '/v1/identities/{id}',
    id: 'getIdentity',
    tag: 'identities',
    summary: 'One identity',
    params,
    query: NOTHING,
    answer: identity,
    handle: async (context, { params: { id } }) => {
      const { deps } = context
      const body = await toldIdentity(deps.db, id, deps.now())
      if (body === undefined) throw gone()
      await look(context, 'identity.view', body.externalId)
      return { body }
    },
  }),
  route({
    ...GET,
    path: '/v1/identities/{id}/matrix',
    id: 'getIdentityMatrix',
    tag: 'identities',
    summary: 'Systems and credentials of one identity, with how each stands',
    params,
    query: NOTHING,
    answer: identityMatrix,
    handle: async (context, { params: { id } }) => {
      const { deps } = context
      const of = await toldIdentityRef(deps.db, id)
      if (of === undefined) throw gone()
      await look(context, 'identity.view', of.externalId)
      const held = await holdings(deps.db, id, deps.config().policy.revokeWithinMs, deps.now(), MATRIX_LIMIT + 1)
      return { body: { identity: of, rows: bySystem(held.slice(0, MATRIX_LIMIT)), more: held.length > MATRIX_LIMIT } }
    },
  }),
  route({
    ...GET,
    path: '/v1/identities/{id}/owned',
    id: 'listOwnedIdentities',
    tag: 'identities',
    summary: 'The services and agents that it answers for',
    params,
    query: listQuery({}, IDENTITY_SORTS, 'name'),
    answer: identityPageAnswer,
    handle: async ({ deps }, { params: { id }, query }) => {
      const of = await toldIdentityRef(deps.db, id)
      if (of === undefined) throw gone()
      return listAnswer(query, await identityPage(deps.db, { owner: of.externalId }, askOf(query, IDENTITY_SORTS), deps.now()))
    },
  }),
  route({
    ...GET,
    path: '/v1/identities/{id}/history',
    id: 'listIdentityHistory',
    tag: 'identities',
    summary: 'What happened to it: events of its findings, and what operators did',
    params,
    query: listQuery({}, HISTORY_SORTS, '-at'),
    answer: historyPage,
    handle: async (context, { params: { id }, query }) => {
      const { deps } = context
      const of = await toldIdentityRef(deps.db, id)
      if (of === undefined) throw gone()
      await look(context, 'identity.view', of.externalId)
      const rows = await identityHistory(deps.db, of, askOf(query, HISTORY_SORTS))
      // Who did it is for those who may read the audit; who acted on a finding stands in its events.
      const named = may(context.actor.role, 'audit')
      return listAnswer(
        query,
        rows.map((row) => (row.type === 'operator' && !named ? { ...row, actor: null } : row)),
      )
    },
  }),
]

function bySystem(held: readonly ToldHolding[]) {
  const groups = Map.groupBy(held, ({ system }) => system.id)
  return [...groups.values()].flatMap((group) => {
    const system = group[0]?.system
    return system === undefined ? [] : [{ system, credentials: group.map(({ system: _, ...cell }) => cell) }]
  })
}
