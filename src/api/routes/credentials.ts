import { STANDINGS } from '../../domain/standing.ts'
import { VERDICTS } from '../../domain/verdict.ts'
import { CREDENTIAL_SORTS, credentialPage, toldCredential } from '../../store/credential-page.ts'
import { OBSERVATION_SORTS, observationPage } from '../../store/observation-page.ts'
import type { ApiDeps } from '../deps.ts'
import { idIn, instantFilter, someOf, words, yesOrNo } from '../filters.ts'
import { askOf, listAnswer, listQuery } from '../list.ts'
import { look } from '../look.ts'
import { identityNamed, systemNamed } from '../named.ts'
import { Problem } from '../problem.ts'
import { GET } from '../read.ts'
import { NOTHING, type Route, route } from '../route.ts'
import { credentialDetail, credentialPage as credentialPageAnswer, recipientAnswer } from '../schemas/credential.ts'
import { observationPage as observationPageAnswer } from '../schemas/observation.ts'

const params = idIn('a credential')
const gone = () => new Problem(404, 'There is no credential of this id.')

export const CREDENTIALS_ROUTES: readonly Route[] = [
  route({
    ...GET,
    path: '/v1/credentials',
    id: 'listCredentials',
    tag: 'credentials',
    summary: 'Credentials and how they stand, never their secrets',
    params: NOTHING,
    query: listQuery(
      {
        identity: words().exactOptional().describe('Id or external id.'),
        system: words().exactOptional().describe('Id or name.'),
        verdict: someOf(VERDICTS).exactOptional().describe('Of the last answer, of those that are tried.'),
        standing: someOf(STANDINGS).exactOptional().describe('Left out: all but the retired.'),
        due: yesOrNo().exactOptional().describe('Due now.'),
      },
      CREDENTIAL_SORTS,
      'id',
    ),
    answer: credentialPageAnswer,
    handle: async (context, { query }) => {
      const { deps } = context
      const { identity, system, verdict, standing, due } = query
      await look(context, 'credentials.view', identity ?? system ?? 'all', { identity, system, verdict, standing, due })
      const filter = {
        ...{ verdict, standing, due },
        identityId: await identityNamed(deps.db, identity),
        systemId: await systemNamed(deps.db, system),
      }
      return listAnswer(query, await credentialPage(deps.db, filter, askOf(query, CREDENTIAL_SORTS), telling(deps)))
    },
  }),
  route({
    ...GET,
    path: '/v1/credentials/recipient',
    id: 'getRecipient',
    tag: 'credentials',
    summary: 'What whoever hands over secrets encrypts them to, with age: no way in, and no secret',
    params: NOTHING,
    query: NOTHING,
    answer: recipientAnswer,
    handle: async ({ deps }) => ({ body: { recipient: await deps.custody.recipient() } }),
  }),
  route({
    ...GET,
    path: '/v1/credentials/{id}',
    id: 'getCredential',
    tag: 'credentials',
    summary: 'One credential: all but its secret',
    params,
    query: NOTHING,
    answer: credentialDetail,
    handle: async (context, { params: { id } }) => {
      const body = await toldCredential(context.deps.db, id, telling(context.deps))
      if (body === undefined) throw gone()
      await look(context, 'credential.view', id)
      return { body }
    },
  }),
  route({
    ...GET,
    path: '/v1/credentials/{id}/observations',
    id: 'listObservations',
    tag: 'credentials',
    summary: 'Every recorded verdict about it that is within its retention',
    params,
    query: listQuery(
      {
        verdict: someOf(VERDICTS).exactOptional(),
        from: instantFilter().exactOptional().describe('At or after this instant.'),
        to: instantFilter().exactOptional().describe('Before this instant.'),
      },
      OBSERVATION_SORTS,
      '-observedAt',
    ),
    answer: observationPageAnswer,
    handle: async (context, { params: { id }, query }) => {
      const { deps } = context
      const rows = await observationPage(deps.db, id, query, askOf(query, OBSERVATION_SORTS))
      if (rows.length === 0 && (await toldCredential(deps.db, id, telling(deps))) === undefined) throw gone()
      await look(context, 'credential.view', id)
      return listAnswer(query, rows)
    },
  }),
]

function telling(deps: ApiDeps) {
  return { within: deps.config().policy.revokeWithinMs, now: deps.now() }
}
