import { z } from 'zod'
import { may } from '../../domain/access.ts'
import { HOLD_REASONS, STATEMENT_STATES } from '../../domain/feed.ts'
import { answersTo } from '../../intake/feed/applied.ts'
import { decideHeld } from '../../intake/feed/decide.ts'
import { dismissFeedFaults } from '../../intake/feed/dismiss-faults.ts'
import { outOfSightCounts, outOfSightOf } from '../../intake/feed/out-of-sight.ts'
import { AUDIT_SORTS, auditPage, type ToldAudit } from '../../store/audit-page.ts'
import { feedFaults } from '../../store/feed-fault.ts'
import { FEED_SORTS, feedPage, STATEMENT_SORTS, statementPage, type ToldFeed } from '../../store/feed-page.ts'
import { intakeDeps } from '../acting.ts'
import type { ApiDeps } from '../deps.ts'
import { idFilter, someOf, words } from '../filters.ts'
import { askOf, listAnswer, listQuery } from '../list.ts'
import { identityNamed } from '../named.ts'
import { GET } from '../read.ts'
import { NONE, NOTHING, type Route, route } from '../route.ts'
import { sinkParams } from '../schemas/actions.ts'
import {
  decideAnswer,
  decideBody,
  dismissFaultsAnswer,
  dismissFaultsBody,
  IMPORT_KINDS,
  type Import,
  importPage,
  outOfSightList,
  pullAnswer,
  type Source,
  sourceFaults,
  sourcePage,
  statementPage as statements,
} from '../schemas/source.ts'

const MOST_FAULTS = 1_000

export const SOURCES_ROUTES: readonly Route[] = [
  route({
    ...GET,
    path: '/v1/sources',
    id: 'listSources',
    tag: 'sources',
    summary: 'The sources of leavers and how they stand',
    params: NOTHING,
    query: listQuery({}, FEED_SORTS, 'name'),
    answer: sourcePage,
    handle: async ({ deps }, { query }) => {
      const rows = await feedPage(deps.db, askOf(query, FEED_SORTS))
      const unseen = await outOfSightCounts(deps.db, deps.now())
      return listAnswer(
        query,
        rows.map(({ keys, ...row }) => ({ ...sourceOf(deps, row), outOfSight: unseen.get(row.id) ?? 0, keys })),
      )
    },
  }),
  route({
    ...GET,
    path: '/v1/source-statements',
    id: 'listSourceStatements',
    tag: 'sources',
    summary: 'What sources said about people, and what waits for a decision',
    params: NOTHING,
    query: listQuery(
      {
        state: someOf(STATEMENT_STATES).exactOptional(),
        reason: someOf(HOLD_REASONS).exactOptional().describe('Why it was held.'),
        source: words().exactOptional().describe('Name of the source.'),
        identity: words().exactOptional().describe('About this identity: id or external id.'),
        delivery: idFilter('a delivery').exactOptional().describe('That came together.'),
      },
      STATEMENT_SORTS,
      '-at',
    ),
    answer: statements,
    handle: async ({ deps: { db } }, { query }) => {
      const { state, reason, source, identity, delivery } = query
      const filter = { state, reason, source, identityId: await identityNamed(db, identity), deliveryId: delivery }
      const rows = await statementPage(db, filter, askOf(query, STATEMENT_SORTS))
      return listAnswer(
        query,
        rows.map(({ said, ...row }) => ({ ...row, answers: row.state === 'held' ? answersTo({ ...row, said }) : null })),
      )
    },
  }),
  route({
    ...GET,
    path: '/v1/imports',
    id: 'listImports',
    tag: 'sources',
    summary: 'The files that were brought in, by the command, the page or the API',
    params: NOTHING,
    query: listQuery({ what: someOf(IMPORT_KINDS).exactOptional() }, AUDIT_SORTS, '-at'),
    answer: importPage,
    handle: async ({ deps: { db }, actor }, { query }) => {
      const action = (query.what ?? IMPORT_KINDS).map((what) => `${what}.import`)
      const rows = await auditPage(db, { action }, askOf(query, AUDIT_SORTS))
      // Who did it is for those who may read the audit.
      const named = may(actor.role, 'audit')
      return listAnswer(
        query,
        rows.map((row) => ({ ...importOf(row), actor: named ? row.actor : null, keys: row.keys })),
      )
    },
  }),
  route({
    method: 'POST',
    path: '/v1/source-statements/decide',
    id: 'decideSourceStatements',
    tag: 'sources',
    summary:
      'Decide about statements that were held, all or none. A departure counts from when it was told, not from the decision. 409 where the source has said something else since the statement was read: it waits under another id then',
    permission: 'operate',
    params: NOTHING,
    query: NOTHING,
    body: decideBody,
    answer: decideAnswer,
    cost: 'medium',
    handle: async (context, { body }) => {
      const feed = (id: string) => context.deps.actions.feeds().find((each) => each.feed.id === id)?.feed
      const decision =
        body.decision === 'dismiss'
          ? ({ is: 'dismiss' } as const)
          : ({ is: 'apply', departure: body.departure, as: body.as } as const)
      const decided = await decideHeld(body.ids, decision, { ...intakeDeps(context), feed })
      return {
        body: {
          items: decided.map(({ statementId, taken, identity }) => ({
            ...{ id: statementId, outcome: taken?.outcome ?? null, identityId: taken?.identityId ?? null },
            externalId: identity?.externalId ?? null,
            terminatedAt: identity?.terminatedAt?.toString() ?? null,
            suspendedAt: identity?.suspendedAt?.toString() ?? null,
          })),
        },
      }
    },
  }),
  route({
    ...GET,
    path: '/v1/source-faults',
    id: 'listSourceFaults',
    tag: 'sources',
    summary: 'What sources said and nobody could take, by whom it was about: a departure may be among it',
    params: NOTHING,
    query: z.strictObject({ source: words().exactOptional().describe('Name of the source.') }),
    answer: sourceFaults,
    handle: async ({ deps: { db } }, { query }) => ({ body: { items: await feedFaults(db, query.source, MOST_FAULTS) } }),
  }),
  route({
    method: 'POST',
    path: '/v1/sources/{name}/dismiss-faults',
    id: 'dismissSourceFaults',
    tag: 'sources',
    summary: 'Take what a source said and nobody could take off the list: somebody has seen to it',
    permission: 'operate',
    params: sinkParams,
    query: NOTHING,
    body: dismissFaultsBody,
    answer: dismissFaultsAnswer,
    cost: 'light',
    handle: async (context, { params: { name }, body: { keys } }) => ({
      body: { dismissed: await dismissFeedFaults(name, keys, intakeDeps(context)) },
    }),
  }),
  route({
    ...GET,
    path: '/v1/sources/{name}/out-of-sight',
    id: 'listOutOfSight',
    tag: 'sources',
    summary: 'Who is here, and a source is not asked for them any more: it tells of none of them',
    params: sinkParams,
    query: NOTHING,
    answer: outOfSightList,
    handle: async ({ deps: { db, now } }, { params: { name } }) => ({ body: { items: await outOfSightOf(db, name, now()) } }),
  }),
  route({
    method: 'POST',
    path: '/v1/sources/{name}/pull',
    id: 'pullSource',
    tag: 'sources',
    summary: 'Ask a source now',
    permission: 'operate',
    params: sinkParams,
    query: NOTHING,
    body: NONE,
    answer: pullAnswer,
    cost: 'heavy',
    handle: async ({ deps }, { params: { name } }) => {
      await deps.actions.pullFeed(name)
      return { body: { name, asked: true as const } }
    },
  }),
]

function sourceOf({ actions, now }: ApiDeps, { retired, ...row }: ToldFeed): Omit<Source, 'outOfSight'> {
  const open = actions.feeds().find(({ feed }) => feed.id === row.id)
  const everyMs = open?.source.pull?.everyMs ?? null
  return {
    ...row,
    state: stateOf({ retired, ...row }, now()),
    pulled: everyMs !== null,
    everyMs,
    onInactive: open?.feed.policy.inactive ?? null,
  }
}

function stateOf({ retired, silentAt, fault, heardAt }: ToldFeed, now: Temporal.Instant): Source['state'] {
  if (retired) return 'removed'
  if (Temporal.Instant.compare(Temporal.Instant.from(silentAt), now) < 0) return 'silent'
  if (fault !== null) return 'failing'
  return heardAt === null ? 'waiting' : 'heard'
}

const tally = z.int().min(0).catch(0)
/** What an import has in the audit; scanners' reports and workstations tell of what was found, and what was set aside. */
const importFacts = z.object({
  ...{ read: tally, found: tally, created: tally, updated: tally, unchanged: tally, badTotal: tally, asideTotal: tally },
  stopped: z.boolean().catch(false),
})

function importOf({ id, at, action, subject, detail }: ToldAudit): Omit<Import, 'actor'> {
  const { read, found, badTotal, asideTotal, ...counts } = importFacts.parse(detail)
  const what = IMPORT_KINDS.find((each) => action === `${each}.import`) ?? 'identities'
  // Identities name it as their source does: `csv:people.csv`.
  const name = subject.replace(/^(?:csv|jsonl):/, '')
  return { id, at, what, name, read: Math.max(read, found), bad: Math.max(badTotal, asideTotal), ...counts }
}
