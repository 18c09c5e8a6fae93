import { z } from 'zod'
import { canonicalJson } from '../domain/canonical-json.ts'
import { FINDING_STATES } from '../domain/finding.ts'
import { encodeBase64 } from '../evidence/base64.ts'
import { type ReportDeps, type ReportScope, statementScope } from '../evidence/bundle/request.ts'
import { proveEntry } from '../evidence/ledger.ts'
import { publishedCheckpoint } from '../evidence/publish.ts'
import { STATEMENT_NAMES, STATEMENTS, type Statement } from '../evidence/statements.ts'
import { SUMMARY_COLUMNS, summarise, summaryCells } from '../evidence/summary.ts'
import type { Db } from '../store/db.ts'
import { findingPage } from '../store/finding-page.ts'
import { latestCheckpoint } from '../store/ledger.ts'
import { entryPage } from './evidence-entries.ts'
import * as schemas from './evidence-schemas.ts'
import { type Fault, faultsOf } from './problem.ts'

export interface PullDeps {
  db: Db
  /** What statements and summaries are made with, as the configuration is now. */
  report(): Promise<ReportDeps>
}

/** What a pull comes to. `after`: where the next page begins, if there is one. */
export interface Pulled {
  body: string
  after?: string | number
}

/** One address: for the server, and for the document that describes it. */
export interface EvidenceRoute {
  /** As OpenAPI writes it. */
  path: string
  id: string
  summary: string
  params: z.ZodObject
  query: z.ZodObject
  /** Undefined: text/plain. */
  answer: z.ZodType | undefined
  /** Parses what was asked: what the audit calls it, and how it is answered (undefined: there is nothing of that name). */
  ask(params: unknown, query: unknown): Asked | { status: 400 | 404; faults: Fault[] }
}

export interface Asked {
  subject: string
  filter: Record<string, unknown>
  pull(deps: PullDeps): Promise<Pulled | undefined>
}

interface RouteOptions<Params extends z.ZodObject, Query extends z.ZodObject> {
  path: string
  id: string
  summary: string
  params: Params
  query: Query
  answer?: z.ZodType
  subject?(params: z.output<Params>): string
  pull(deps: PullDeps, input: z.output<Params> & z.output<Query>): Promise<Pulled | undefined>
}

function route<Params extends z.ZodObject, Query extends z.ZodObject>(options: RouteOptions<Params, Query>): EvidenceRoute {
  const { path, id, summary, params, query, answer } = options
  return {
    ...{ path: `/v1/evidence/${path}`, id, summary, params, query, answer },
    ask: (givenParams, givenQuery) => {
      const asked = params.safeParse(givenParams)
      if (!asked.success) {
        // A name that is none of a closed list is an address that is not there.
        const named = asked.error.issues.every(({ code }) => code === 'invalid_value')
        return { status: named ? 404 : 400, faults: faultsOf(asked.error) }
      }
      const filter = query.safeParse(givenQuery)
      if (!filter.success) return { status: 400, faults: faultsOf(filter.error) }
      return {
        subject: options.subject?.(asked.data) ?? path,
        filter: { ...asked.data, ...filter.data },
        pull: (deps) => options.pull(deps, { ...asked.data, ...filter.data }),
      }
    },
  }
}

const NOTHING = z.strictObject({})

/** Every address under /v1/evidence but that of the OpenAPI document. All are GET. */
export const EVIDENCE_ROUTES: readonly EvidenceRoute[] = [
  route({
    path: 'entries',
    id: 'listEntries',
    summary: 'Entries of the ledger with their facts, in the order of the log, up to the newest checkpoint',
    params: NOTHING,
    query: z.strictObject({
      after: schemas.index().exactOptional().describe('Index of the last entry that you have. Left out: from the beginning.'),
      limit: schemas.limit(),
    }),
    answer: schemas.entriesAnswer,
    pull: entries,
  }),
  route({
    path: 'entries/{index}/proof',
    id: 'proveEntry',
    summary: 'Proof that an entry lies under the newest checkpoint (c2sp.org/tlog-proof)',
    params: z.strictObject({ index: schemas.index() }),
    query: NOTHING,
    pull: async ({ db }, { index }) => {
      const checkpoint = await latestCheckpoint(db)
      if (checkpoint === undefined || index >= checkpoint.size) return undefined
      return { body: await proveEntry(db, index, checkpoint) }
    },
  }),
  route({
    path: 'checkpoint',
    id: 'getCheckpoint',
    summary: 'The newest checkpoint: a signed note (c2sp.org/tlog-checkpoint)',
    params: NOTHING,
    query: NOTHING,
    pull: async ({ db }) => {
      const body = await publishedCheckpoint(db)
      return body === undefined ? undefined : { body }
    },
  }),
  route({
    path: 'findings',
    id: 'listFindings',
    summary: 'Findings by id, as they stand now',
    params: NOTHING,
    query: z.strictObject({
      after: z
        .uuid({ error: 'must be the id of a finding' })
        .exactOptional()
        .describe('Id of the last finding that you have. Left out: from the beginning.'),
      limit: schemas.limit(),
      state: z.enum(FINDING_STATES, { error: `must be one of ${FINDING_STATES.join(', ')}` }).exactOptional(),
      changedSince: schemas.instantParameter().exactOptional().describe('Only those with an event at or after this instant.'),
    }),
    answer: schemas.findingsAnswer,
    pull: findings,
  }),
  route({
    path: 'statements',
    id: 'listStatements',
    summary: 'The statements that there are',
    params: NOTHING,
    query: NOTHING,
    answer: schemas.statementsAnswer,
    pull: async () => ({
      body: json(schemas.statementsAnswer, {
        statements: STATEMENT_NAMES.map((name) => ({
          name,
          title: STATEMENTS[name].title,
          columns: [...STATEMENTS[name].columns],
        })),
      }),
    }),
  }),
  route({
    path: 'statements/{name}',
    id: 'getStatement',
    summary: 'The rows of a statement for a period',
    params: z.strictObject({ name: z.enum(STATEMENT_NAMES, { error: `must be one of ${STATEMENT_NAMES.join(', ')}` }) }),
    query: z
      .strictObject({ ...schemas.period, after: schemas.place().exactOptional(), limit: schemas.limit() })
      .refine(schemas.isInOrder, schemas.IN_ORDER),
    answer: schemas.statementAnswer,
    subject: ({ name }) => `statements/${name}`,
    pull: async ({ db, report }, { name, after = '', limit, ...given }) => {
      const { title, columns, page }: Statement = STATEMENTS[name]
      const { shown, last, more } = cut(await page(db, statementScope(await report(), scopeOf(given)), after, limit + 1), limit)
      const rows = shown.map((row) => Object.fromEntries(columns.map((column) => [column, row[column] ?? null])))
      const resume = last?.key ?? (after === '' ? null : after)
      return paged({ statement: name, title, rows }, resume, more)
    },
  }),
  route({
    path: 'frameworks',
    id: 'getFrameworks',
    summary: 'What was tested of each requirement of each framework in a period, passed, failed, and could not be judged',
    params: NOTHING,
    query: z.strictObject(schemas.period).refine(schemas.isInOrder, schemas.IN_ORDER),
    answer: schemas.frameworksAnswer,
    pull: async ({ report }, given) => {
      const { rows } = await summarise(await report(), scopeOf(given))
      const told = rows.map((row) => {
        const cells = summaryCells(row)
        return Object.fromEntries(SUMMARY_COLUMNS.map((column, at) => [column, cells[at]]))
      })
      return { body: JSON.stringify({ rows: told }) }
    },
  }),
]

async function entries({ db }: PullDeps, { after, limit }: { after?: number; limit: number }): Promise<Pulled> {
  const newest = await latestCheckpoint(db)
  const size = newest?.size ?? 0
  const page = await entryPage(db, after === undefined ? 0 : after + 1, size, limit)
  const last = page.at(-1)?.index ?? after ?? null
  const more = last !== null && page.length > 0 && last + 1 < size
  const checkpoint =
    newest === undefined ? null : { at: newest.at.toString(), note: newest.note, root: encodeBase64(newest.root), size }
  // Canonical as a whole, so that the facts in it are the bytes that were hashed.
  const body = canonicalJson({ checkpoint, entries: page.map((entry) => ({ ...entry })), last, more })
  return { body, ...(more ? { after: last } : {}) }
}

async function findings(
  { db }: PullDeps,
  input: { after?: string; limit: number; state?: (typeof FINDING_STATES)[number]; changedSince?: string },
): Promise<Pulled> {
  const { after, limit, state, changedSince } = input
  const filter = {
    ...(state === undefined ? {} : { state }),
    ...(changedSince === undefined ? {} : { changedSince: Temporal.Instant.from(changedSince) }),
  }
  const { shown, last, more } = cut(await findingPage(db, filter, after, limit + 1), limit)
  return paged({ findings: shown }, last?.id ?? after ?? null, more)
}

/** A page that was asked for with one row more than is shown. */
function cut<Row>(rows: readonly Row[], limit: number): { shown: Row[]; last: Row | undefined; more: boolean } {
  const shown = rows.slice(0, limit)
  return { shown, last: shown.at(-1), more: rows.length > limit }
}

function paged(of: Record<string, unknown>, last: string | null, more: boolean): Pulled {
  return { body: JSON.stringify({ ...of, last, more }), ...(more && last !== null ? { after: last } : {}) }
}

function json<Schema extends z.ZodType>(_schema: Schema, answer: z.input<Schema>): string {
  return JSON.stringify(answer)
}

function scopeOf({ from, to }: { from: string; to: string }): ReportScope {
  return { from: Temporal.Instant.from(from), to: Temporal.Instant.from(to) }
}
