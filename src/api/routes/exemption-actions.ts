import { type ExemptionScope, grantScope, revokeExemption } from '../../findings/exempt.ts'
import { actDeps } from '../acting.ts'
import { NOTHING, type Route, route } from '../route.ts'
import { byId, exemptionBody, grantAnswer, reasonBody } from '../schemas/actions.ts'

export const EXEMPTION_ACTIONS: readonly Route[] = [
  route({
    method: 'POST',
    path: '/v1/exemptions',
    id: 'grantExemption',
    tag: 'exemptions',
    summary: 'Accept for a while what is found, or will be, about a credential, an identity or a system',
    permission: 'operate',
    params: NOTHING,
    query: NOTHING,
    body: exemptionBody,
    answer: grantAnswer,
    handle: async (context, { body: { owner, reason, until, from, ...given } }) => {
      const { kind, credentialId, identityId, systemId } = given
      const scope: ExemptionScope = {
        ...(kind === undefined ? {} : { kind }),
        ...(credentialId === undefined ? {} : { credentialId }),
        ...(identityId === undefined ? {} : { identityId }),
        ...(systemId === undefined ? {} : { systemId }),
      }
      const terms = { owner, reason, until, ...(from === undefined ? {} : { from }) }
      const { exemption, changed } = await grantScope(scope, terms, actDeps(context))
      return { body: { id: exemption.id, changed } }
    },
  }),
  route({
    method: 'POST',
    path: '/v1/exemptions/{id}/revoke',
    id: 'revokeExemption',
    tag: 'exemptions',
    summary: 'Take an exemption back: what it silenced is alerted again at once',
    permission: 'operate',
    params: byId,
    query: NOTHING,
    body: reasonBody,
    answer: grantAnswer,
    handle: async (context, { params: { id }, body: { reason } }) => {
      const { changed } = await revokeExemption(id, reason, { ...actDeps(context), raise: context.deps.raise })
      return { body: { id, changed } }
    },
  }),
]
