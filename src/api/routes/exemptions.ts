import { FINDING_KINDS } from '../../domain/finding.ts'
import { EXEMPTION_SORTS, exemptionPage, toldExemption } from '../../store/exemption-page.ts'
import { idFilter, idIn, someOf, words } from '../filters.ts'
import { askOf, listAnswer, listQuery } from '../list.ts'
import { identityNamed, systemNamed } from '../named.ts'
import { Problem } from '../problem.ts'
import { GET } from '../read.ts'
import { NOTHING, type Route, route } from '../route.ts'
import { EXEMPTION_STATES, exemption, exemptionPage as exemptionPageAnswer } from '../schemas/exemption.ts'

export const EXEMPTIONS_ROUTES: readonly Route[] = [
  route({
    ...GET,
    path: '/v1/exemptions',
    id: 'listExemptions',
    tag: 'exemptions',
    summary: 'What is accepted for a while, by whom and why',
    params: NOTHING,
    query: listQuery(
      {
        state: someOf(EXEMPTION_STATES).exactOptional(),
        kind: someOf(FINDING_KINDS).exactOptional().describe('That name this kind of finding.'),
        owner: words().exactOptional().describe('Who answers for it.'),
        identity: words().exactOptional().describe('That name this identity: id or external id.'),
        system: words().exactOptional().describe('That name this system: id or name.'),
        credential: idFilter('a credential').exactOptional().describe('That name this credential.'),
      },
      EXEMPTION_SORTS,
      '-createdAt',
    ),
    answer: exemptionPageAnswer,
    handle: async ({ deps: { db, now } }, { query }) => {
      const { state, kind, owner, identity, system, credential } = query
      const filter = {
        ...{ state, kind, owner, credentialId: credential },
        identityId: await identityNamed(db, identity),
        systemId: await systemNamed(db, system),
      }
      return listAnswer(query, await exemptionPage(db, filter, askOf(query, EXEMPTION_SORTS), now()))
    },
  }),
  route({
    ...GET,
    path: '/v1/exemptions/{id}',
    id: 'getExemption',
    tag: 'exemptions',
    summary: 'One exemption',
    params: idIn('an exemption'),
    query: NOTHING,
    answer: exemption,
    handle: async ({ deps: { db, now } }, { params: { id } }) => {
      const body = await toldExemption(db, id, now())
      if (body === undefined) throw new Problem(404, 'There is no exemption of this id.')
      return { body }
    },
  }),
]
