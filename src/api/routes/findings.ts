import { z } from 'zod'
import { FINDING_KINDS, FINDING_STATES, type FindingState, SEVERITIES, type Severity } from '../../domain/finding.ts'
import { FINDING_SORTS, findingList } from '../../store/finding-list.ts'
import { findingTimeline, TIMELINE_SORTS } from '../../store/finding-timeline.ts'
import { idFilter, idIn, instantFilter, someOf, words, yesOrNo } from '../filters.ts'
import { findingDetail } from '../finding-detail.ts'
import { askOf, listAnswer, listQuery } from '../list.ts'
import { look } from '../look.ts'
import { identityNamed, systemNamed } from '../named.ts'
import { Problem } from '../problem.ts'
import { GET } from '../read.ts'
import { NOTHING, type Route, route } from '../route.ts'
import { findingDetail as findingDetailAnswer, findingPage, timelinePage } from '../schemas/finding.ts'
import { traceUrl } from '../trace-url.ts'

const params = idIn('a finding')
const gone = () => new Problem(404, 'There is no finding of this id.')

export const FINDINGS_ROUTES: readonly Route[] = [
  route({
    ...GET,
    path: '/v1/findings',
    id: 'listFindings',
    tag: 'findings',
    summary: 'What was found',
    params: NOTHING,
    query: listQuery(
      {
        kind: someOf(FINDING_KINDS).exactOptional(),
        severity: someOf(SEVERITIES).exactOptional(),
        minSeverity: z.enum(SEVERITIES).exactOptional().describe('This severity and above.'),
        state: someOf([...FINDING_STATES, 'unresolved'])
          .exactOptional()
          .describe('`unresolved`: open or acknowledged.'),
        system: words().exactOptional().describe('Id or name.'),
        identity: words().exactOptional().describe('Id or external id.'),
        credential: idFilter('a credential').exactOptional(),
        exempted: yesOrNo().exactOptional().describe('An exemption silences it.'),
        acknowledged: yesOrNo().exactOptional().describe('Somebody has taken note of it.'),
        openedFrom: instantFilter().exactOptional().describe('Opened at or after this instant.'),
        openedTo: instantFilter().exactOptional().describe('Opened before this instant.'),
        q: words(200)
          .exactOptional()
          .describe("Beginning of the identity's name, e-mail or external id, or of the system's name."),
      },
      FINDING_SORTS,
      '-severity',
    ),
    answer: findingPage,
    handle: async (context, { query }) => {
      const { db } = context.deps
      const { kind, exempted, acknowledged, openedFrom, openedTo, q, identity, system } = query
      const [severity, state] = [severitiesOf(query.severity, query.minSeverity), statesOf(query.state)]
      await look(context, 'findings.view', identity ?? system ?? 'all', { kind, severity, state, q })
      const filter = {
        ...{ kind, severity, state, exempted, acknowledged, openedFrom, openedTo, q, credentialId: query.credential },
        systemId: await systemNamed(db, system),
        identityId: await identityNamed(db, identity),
      }
      return listAnswer(query, await findingList(db, filter, askOf(query, FINDING_SORTS)))
    },
  }),
  route({
    ...GET,
    path: '/v1/findings/{id}',
    id: 'getFinding',
    tag: 'findings',
    summary: 'One finding: what it rests on, what to do, who was told, and where the log has it',
    params,
    query: NOTHING,
    answer: findingDetailAnswer,
    handle: async (context, { params: { id } }) => {
      const body = await findingDetail(context.deps, id)
      if (body === undefined) throw gone()
      await look(context, 'finding.view', id)
      return { body }
    },
  }),
  route({
    ...GET,
    path: '/v1/findings/{id}/timeline',
    id: 'listFindingTimeline',
    tag: 'findings',
    summary: 'What happened around a finding: its events, observations and controls, from a week before it was opened',
    params,
    query: listQuery({}, TIMELINE_SORTS, '-at'),
    answer: timelinePage,
    handle: async (context, { params: { id }, query }) => {
      const { db, config } = context.deps
      const rows = await findingTimeline(db, id, askOf(query, TIMELINE_SORTS))
      if (rows.length === 0 && query.cursor === undefined) throw gone()
      await look(context, 'finding.view', id)
      const { body, ...rest } = listAnswer(query, rows)
      const items = body.items.map(({ happening }) =>
        happening.type === 'control' ? happening : { ...happening, traceUrl: traceUrl(config(), happening.traceId) },
      )
      return { body: { items, next: body.next }, ...rest }
    },
  }),
]

/** Undefined: all. */
function severitiesOf(named: readonly Severity[] | undefined, least: Severity | undefined): Severity[] | undefined {
  if (named === undefined && least === undefined) return undefined
  const from = least === undefined ? 0 : SEVERITIES.indexOf(least)
  return SEVERITIES.slice(from).filter((severity) => named === undefined || named.includes(severity))
}

function statesOf(named: readonly (FindingState | 'unresolved')[] | undefined): FindingState[] | undefined {
  if (named === undefined) return undefined
  return FINDING_STATES.filter((state) => named.includes(state) || (named.includes('unresolved') && state !== 'resolved'))
}
