import { cancelHandover, handOver, postponeHandover } from '../../findings/handover.ts'
import { type OwnershipDeps, transferIdentity } from '../../findings/ownership.ts'
import { HANDOVER_SORTS, HANDOVER_STATES, handoverPage } from '../../store/handover.ts'
import { toldIdentityRef } from '../../store/identity-page.ts'
import { holdersOf } from '../../store/share.ts'
import { toldSubjects } from '../../store/subject-page.ts'
import { actDeps } from '../acting.ts'
import { idIn, someOf, words } from '../filters.ts'
import { askOf, listAnswer, listQuery } from '../list.ts'
import { look } from '../look.ts'
import { identityNamed } from '../named.ts'
import { Problem } from '../problem.ts'
import { GET } from '../read.ts'
import { NOTHING, type Route, type RouteContext, route } from '../route.ts'
import { byId, reasonBody } from '../schemas/actions.ts'
import {
  handoverAnswer,
  handoverBody,
  handoverChanged,
  holders,
  identitySources,
  handoverPage as page,
  postponeBody,
  transferAnswer,
  transferBody,
} from '../schemas/ownership.ts'

/** More than anybody's secret has holders, and more than a person has sources. */
const MOST = 1_000

export const OWNERSHIP_ROUTES: readonly Route[] = [
  route({
    ...GET,
    path: '/v1/handovers',
    id: 'listHandovers',
    tag: 'identities',
    summary: 'Agreed handovers, and what has become of what was given over',
    params: NOTHING,
    query: listQuery(
      {
        identity: words().exactOptional().describe('Of this leaver or receiver: id or external id.'),
        state: someOf(HANDOVER_STATES).exactOptional(),
      },
      HANDOVER_SORTS,
      '-createdAt',
    ),
    answer: page,
    handle: async (context, { query }) => {
      const { db, now } = context.deps
      const { identity, state } = query
      await look(context, 'identities.view', identity ?? 'all', { handovers: true, state })
      const filter = { state, identityId: await identityNamed(db, identity) }
      return listAnswer(query, await handoverPage(db, filter, askOf(query, HANDOVER_SORTS), now()))
    },
  }),
  route({
    ...GET,
    path: '/v1/identities/{id}/sources',
    id: 'listIdentitySources',
    tag: 'identities',
    summary: 'What each source of leavers says of an identity now',
    params: idIn('an identity'),
    query: NOTHING,
    answer: identitySources,
    handle: async (context, { params: { id } }) => {
      const { db, now } = context.deps
      const of = await mustBe(context, id)
      await look(context, 'identity.view', of.externalId)
      return { body: { sources: await toldSubjects(db, id, now(), MOST) } }
    },
  }),
  route({
    ...GET,
    path: '/v1/credentials/{id}/holders',
    id: 'listHolders',
    tag: 'credentials',
    summary: 'Everybody who is known to hold the same secret',
    params: idIn('a credential'),
    query: NOTHING,
    answer: holders,
    handle: async (context, { params: { id } }) => {
      await look(context, 'credential.view', id)
      const { db, config, now } = context.deps
      return { body: { holders: await holdersOf(db, id, MOST, { within: config().policy.revokeWithinMs, now: now() }) } }
    },
  }),
  route({
    method: 'POST',
    path: '/v1/identities/{id}/transfer',
    id: 'transferIdentity',
    tag: 'identities',
    summary: 'Make somebody else answer for a service or an agent',
    permission: 'operate',
    params: byId,
    query: NOTHING,
    body: transferBody,
    answer: transferAnswer,
    handle: async (context, { params: { id }, body: { to, reason } }) => {
      const { externalId } = await mustBe(context, id)
      return { body: { id, changed: await transferIdentity(externalId, to, reason, ownershipDeps(context)) } }
    },
  }),
  route({
    method: 'POST',
    path: '/v1/identities/{id}/handover',
    id: 'handOver',
    tag: 'identities',
    summary: 'Agree that somebody else takes over: what the leaver held must be refused by a date. Once more: another date',
    permission: 'operate',
    params: byId,
    query: NOTHING,
    body: handoverBody,
    answer: handoverAnswer,
    handle: async (context, { params: { id }, body: { to, by, credentials, owner, reason } }) => {
      const { externalId } = await mustBe(context, id)
      const agreement = {
        ...{ leaver: externalId, receiver: to, by, note: reason },
        ...(credentials === undefined ? {} : { credentialIds: credentials }),
        ...(owner === undefined ? {} : { owner }),
      }
      return { body: await handOver(agreement, ownershipDeps(context)) }
    },
  }),
  route({
    method: 'POST',
    path: '/v1/handovers/{id}/postpone',
    id: 'postponeHandover',
    tag: 'identities',
    summary: 'Set another date for a handover, later or sooner',
    permission: 'operate',
    params: byId,
    query: NOTHING,
    body: postponeBody,
    answer: handoverChanged,
    handle: async (context, { params: { id }, body: { by, reason } }) => ({
      body: { id, ...(await postponeHandover(id, by, reason, ownershipDeps(context))) },
    }),
  }),
  route({
    method: 'POST',
    path: '/v1/handovers/{id}/cancel',
    id: 'cancelHandover',
    tag: 'identities',
    summary: "Cancel a handover: the policy's deadlines count again. Who owns what stays as it is",
    permission: 'operate',
    params: byId,
    query: NOTHING,
    body: reasonBody,
    answer: handoverChanged,
    handle: async (context, { params: { id }, body: { reason } }) => ({
      body: { id, ...(await cancelHandover(id, reason, ownershipDeps(context))) },
    }),
  }),
]

function ownershipDeps(context: RouteContext): OwnershipDeps {
  const { config, raise } = context.deps
  return { ...actDeps(context), policy: config().policy, raise }
}

async function mustBe({ deps }: RouteContext, id: string) {
  const of = await toldIdentityRef(deps.db, id)
  if (of === undefined) throw new Problem(404, 'There is no identity of this id.')
  return of
}
