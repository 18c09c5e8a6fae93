import { RevenantError } from '../../domain/error.ts'
import { putIdentity } from '../../intake/put-identity.ts'
import { reinstateIdentity, terminateIdentity } from '../../intake/terminate.ts'
import { type IdentityRow, identityById } from '../../store/identity.ts'
import { intakeDeps } from '../acting.ts'
import { NOTHING, type Route, type RouteContext, route } from '../route.ts'
import { byId, identityBody, putAnswer, reasonBody, standingAnswer, terminateBody } from '../schemas/actions.ts'

export const IDENTITY_ACTIONS: readonly Route[] = [
  route({
    method: 'POST',
    path: '/v1/identities',
    id: 'putIdentity',
    tag: 'identities',
    summary: 'Add an identity, or write what is said of a known one by its external id',
    permission: 'operate',
    params: NOTHING,
    query: NOTHING,
    body: identityBody,
    answer: putAnswer,
    handle: async (context, { body }) => {
      const { terminatedAt, externalId, kind, name, email, owner } = body
      const standing =
        terminatedAt === undefined
          ? ({ is: 'unsaid' } as const)
          : terminatedAt === null
            ? ({ is: 'active' } as const)
            : ({ is: 'terminated', at: micro(terminatedAt) } as const)
      if (owner === externalId) throw new RevenantError('INPUT_INVALID', 'owner is the identity itself')
      const put = await putIdentity({ externalId, kind, name, email, owner, standing }, 'api', intakeDeps(context))
      return { body: put, location: `/v1/identities/${put.id}` }
    },
  }),
  route({
    method: 'POST',
    path: '/v1/identities/{id}/terminate',
    id: 'terminateIdentity',
    tag: 'identities',
    summary: 'Say that an identity has left, or will: what it held is tried from then on',
    permission: 'operate',
    params: byId,
    query: NOTHING,
    body: terminateBody,
    answer: standingAnswer,
    handle: async (context, { params: { id }, body: { at, reason } }) => {
      const { external_id } = await found(context, id)
      return { body: { id, ...(await terminateIdentity(external_id, at, intakeDeps(context), reason)) } }
    },
  }),
  route({
    method: 'POST',
    path: '/v1/identities/{id}/reinstate',
    id: 'reinstateIdentity',
    tag: 'identities',
    summary: 'Take a termination back: what it holds is no longer tried',
    permission: 'operate',
    params: byId,
    query: NOTHING,
    body: reasonBody,
    answer: standingAnswer,
    handle: async (context, { params: { id }, body: { reason } }) => {
      const { external_id } = await found(context, id)
      return { body: { id, ...(await reinstateIdentity(external_id, intakeDeps(context), reason)) } }
    },
  }),
]

async function found({ deps }: RouteContext, id: string): Promise<IdentityRow> {
  const row = await identityById(deps.db, id)
  if (row === undefined) throw new RevenantError('NOT_FOUND', 'there is no identity of this id')
  return row
}

/** As the database keeps it: it would round the rest. */
function micro(at: Temporal.Instant): Temporal.Instant {
  return at.round({ smallestUnit: 'microsecond', roundingMode: 'floor' })
}
