import { z } from 'zod'
import { encodeBase64 } from '../../evidence/base64.ts'
import { statementScope } from '../../evidence/bundle/request.ts'
import { proveEntry } from '../../evidence/ledger.ts'
import { STATEMENT_NAMES, STATEMENTS, type Statement } from '../../evidence/statements.ts'
import { PLACE_SORTS } from '../../store/keyset.ts'
import { latestCheckpoint, outboxSize } from '../../store/ledger.ts'
import { anchorStandings } from '../../store/ledger-anchor.ts'
import { listLedgerKeys } from '../../store/ledger-key.ts'
import { coverageCalendar } from '../calendar.ts'
import type { ApiDeps } from '../deps.ts'
import { instantFilter, words } from '../filters.ts'
import { askOf, cursor, limit, listAnswer } from '../list.ts'
import { look } from '../look.ts'
import { mappingOf } from '../mapping.ts'
import { systemNamed } from '../named.ts'
import { Problem } from '../problem.ts'
import { GET } from '../read.ts'
import { NOTHING, type Route, route } from '../route.ts'
import {
  coverageCalendar as coverageCalendarAnswer,
  frameworkList,
  type LedgerStatus,
  ledgerStatus,
  statementList,
  statementRowPage,
} from '../schemas/evidence.ts'

/** Days of a calendar: of one system, and of all. */
const [DAYS_OF_ONE, DAYS_OF_ALL] = [366, 31]

const day = () => z.iso.date({ error: 'must be a day such as 2027-01-31' })
const INDEX = 'must be the index of an entry: a whole number from 0'

export const EVIDENCE_READ_ROUTES: readonly Route[] = [
  route({
    ...GET,
    path: '/v1/ledger',
    id: 'getLedger',
    tag: 'evidence',
    summary: 'The log of what was found and done: how long it is, who signs it, who else was told',
    params: NOTHING,
    query: NOTHING,
    answer: ledgerStatus,
    handle: async ({ deps }) => ({ body: await statusOf(deps) }),
  }),
  route({
    ...GET,
    path: '/v1/ledger/entries/{index}/proof',
    id: 'proveLedgerEntry',
    tag: 'evidence',
    summary: 'Proof that an entry lies under the newest checkpoint (c2sp.org/tlog-proof)',
    permission: 'evidence',
    params: z.strictObject({
      index: z
        .string()
        .regex(/^(?:0|[1-9][0-9]{0,14})$/, { error: INDEX, abort: true })
        .transform(Number)
        .describe('Of the entry, from 0'),
    }),
    query: NOTHING,
    answer: z.string(),
    type: 'text/plain; charset=utf-8',
    handle: async ({ deps: { db } }, { params: { index } }) => {
      const checkpoint = await latestCheckpoint(db)
      if (checkpoint === undefined || index >= checkpoint.size)
        throw new Problem(404, 'No checkpoint has an entry of this index.')
      return { body: await proveEntry(db, index, checkpoint) }
    },
  }),
  route({
    ...GET,
    path: '/v1/coverage',
    id: 'getCoverage',
    tag: 'evidence',
    summary: 'What was tried and what was not, by day and system',
    cost: 'medium',
    params: NOTHING,
    query: z.strictObject({
      from: day().exactOptional().describe(`The first day, UTC. Left out: ${DAYS_OF_ALL} days with the last.`),
      to: day().exactOptional().describe('The last day, UTC. Left out: today.'),
      system: words().exactOptional().describe(`Id or name. Of one system at most ${DAYS_OF_ONE} days, of all ${DAYS_OF_ALL}.`),
    }),
    answer: coverageCalendarAnswer,
    handle: async ({ deps }, { query }) => {
      const { from, to } = periodOf(query, deps.now())
      const scope = { from: startOf(from), to: startOf(to.add({ days: 1 })), systemId: await systemNamed(deps.db, query.system) }
      return { body: { from: from.toString(), to: to.toString(), days: await coverageCalendar(deps.db, scope, deps.now()) } }
    },
  }),
  route({
    ...GET,
    path: '/v1/frameworks',
    id: 'listFrameworks',
    tag: 'evidence',
    summary: 'The frameworks and requirements to which what is found is mapped',
    permission: 'evidence',
    params: NOTHING,
    query: NOTHING,
    answer: frameworkList,
    handle: async ({ deps }) => {
      const { frameworks } = (await mappingOf(deps.config())) ?? { frameworks: [] }
      const told = frameworks.map(({ name, title, controls }) => ({
        ...{ name, title },
        controls: controls.map((control) => ({ id: control.id, title: control.title })),
      }))
      return { body: { frameworks: told } }
    },
  }),
  route({
    ...GET,
    path: '/v1/statements',
    id: 'listStatementNames',
    tag: 'evidence',
    summary: 'The statements that there are',
    permission: 'evidence',
    params: NOTHING,
    query: NOTHING,
    answer: statementList,
    handle: async () => ({
      body: {
        statements: STATEMENT_NAMES.map((name) => ({
          name,
          title: STATEMENTS[name].title,
          columns: [...STATEMENTS[name].columns],
        })),
      },
    }),
  }),
  route({
    ...GET,
    path: '/v1/statements/{name}',
    id: 'listStatementRows',
    tag: 'evidence',
    summary: 'The rows of a statement for a period',
    permission: 'evidence',
    cost: 'medium',
    params: z.strictObject({ name: z.enum(STATEMENT_NAMES, { error: `must be one of ${STATEMENT_NAMES.join(', ')}` }) }),
    query: z.strictObject({
      from: instantFilter().describe('The period begins with this instant.'),
      to: instantFilter().describe('The period ends before this instant.'),
      identity: words().exactOptional().describe('Only this one: external id.'),
      system: words().exactOptional().describe('Only this one: name.'),
      limit: limit(),
      cursor: cursor(),
      sort: z.literal('place').default('place').describe('There is one order.'),
    }),
    answer: statementRowPage,
    handle: async (context, { params: { name }, query }) => {
      const { deps } = context
      const { from, to, identity, system } = query
      if (Temporal.Instant.compare(from, to) >= 0)
        throw new Problem(400, 'to must lie after `from`', [{ field: 'to', message: 'must lie after `from`' }])
      await look(context, 'statement.view', name, { from: from.toString(), to: to.toString(), identity, system })
      const scope = {
        ...statementScope({ ...deps.config().policy, now: deps.now }, { from, to }),
        ...(identity === undefined ? {} : { identity }),
        ...(system === undefined ? {} : { system }),
      }
      const { page, columns }: Statement = STATEMENTS[name]
      const ask = askOf(query, PLACE_SORTS)
      const rows = await page(deps.db, scope, ask.after?.[0] ?? '', ask.limit)
      const { body, ...rest } = listAnswer(
        query,
        rows.map((row) => ({ row, keys: [row.key] })),
      )
      const items = body.items.map(({ row }) => Object.fromEntries(columns.map((column) => [column, cellOf(row[column])])))
      return { body: { items, next: body.next }, ...rest }
    },
  }),
]

type Cell = string | number | boolean | null | Record<string, unknown>

function cellOf(value: unknown): Cell {
  if (value instanceof Temporal.Instant) return value.toString()
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  return typeof value === 'object' && value !== null ? { ...value } : null
}

function periodOf(given: { from?: string; to?: string; system?: string }, now: Temporal.Instant) {
  const most = given.system === undefined ? DAYS_OF_ALL : DAYS_OF_ONE
  const to = given.to === undefined ? now.toZonedDateTimeISO('UTC').toPlainDate() : Temporal.PlainDate.from(given.to)
  const from = given.from === undefined ? to.subtract({ days: DAYS_OF_ALL - 1 }) : Temporal.PlainDate.from(given.from)
  const days = to.since(from, { largestUnit: 'day' }).days + 1
  if (days >= 1 && days <= most) return { from, to }
  const message = days < 1 ? 'must not lie before `from`' : `must lie within ${most} days of \`from\``
  throw new Problem(400, `to ${message}`, [{ field: 'to', message }])
}

function startOf(of: Temporal.PlainDate): Temporal.Instant {
  return of.toZonedDateTime('UTC').toInstant()
}

async function statusOf({ db, config }: ApiDeps): Promise<LedgerStatus> {
  const [last, waiting, keys, anchors] = [
    await latestCheckpoint(db),
    await outboxSize(db),
    await listLedgerKeys(db),
    await anchorStandings(db),
  ]
  const configured = config().ledger.anchors
  const names = new Set([...configured.map(({ name }) => name), ...anchors.keys()])
  return {
    size: last?.size ?? 0,
    checkpoint: last === undefined ? null : { at: last.at.toString(), root: encodeBase64(last.root), note: last.note },
    waiting: { entries: waiting.leaves, oldestAt: waiting.oldest?.toString() ?? null },
    keys: keys.map(({ vkey, created_at }, at) => ({ vkey, createdAt: created_at.toString(), signs: at === keys.length - 1 })),
    anchors: [...names].map((anchor) => {
      const [entry, known] = [configured.find(({ name }) => name === anchor), anchors.get(anchor)]
      const kind = entry?.kind ?? known?.kind ?? ''
      return { anchor, kind, configured: entry !== undefined, last: known?.last ?? null, failing: known?.failing ?? null }
    }),
  }
}
