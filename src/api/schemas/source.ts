import { z } from 'zod'
import { DEPARTURES, FEED_KINDS, HOLD_REASONS, STATEMENT_SAYS, STATEMENT_STATES } from '../../domain/feed.ts'
import { count, id, identityRef, instant, pageOf, text } from './common.ts'

export const SOURCE_STATES = ['heard', 'waiting', 'failing', 'silent', 'removed'] as const

/** A source of leavers that is heard while the daemon runs, and how it stands. */
export const source = z.strictObject({
  id: id().describe('Of the source'),
  name: text().describe('As the configuration names it'),
  kind: z.enum(FEED_KINDS).describe('How it tells'),
  state: z
    .enum(SOURCE_STATES)
    .describe(
      '`heard`: within its time. `waiting`: not yet, since it is new. `failing`: it could not be asked. `silent`: for longer than it may. `removed`: the configuration no longer names it',
    ),
  heardAt: instant().nullable().describe('Its last sign of life'),
  silentAt: instant().describe('When it counts as silent if nothing is heard before'),
  fault: text().nullable().describe('Why it could not be asked'),
  faultAt: instant().nullable().describe('When it could not'),
  pulled: z.boolean().describe('It is asked by the clock; otherwise it tells by itself'),
  everyMs: count().nullable().describe('How often it is asked'),
  onInactive: z.enum(DEPARTURES).nullable().describe('What becomes of somebody whom it calls inactive; null: removed'),
  present: count().describe('People whom it says to be here'),
  gone: count().describe('People whom it says to have left'),
  held: count().describe('Statements that wait for a decision'),
})
export type Source = z.infer<typeof source>
export const sourcePage = pageOf(source)

/** What a source said about somebody. */
export const statement = z.strictObject({
  id: id().describe('Of the statement'),
  source: z.strictObject({ id: id().describe('Of the source'), name: text().describe('As the configuration names it') }),
  key: text().describe('Its id of the subject'),
  called: text().describe('What it calls the subject'),
  name: text().nullable().describe('For people, as it says it; null: it said none'),
  identity: identityRef.nullable().describe('Who that is here; null: nobody yet'),
  says: z.enum(STATEMENT_SAYS).describe('What it comes to'),
  effectiveAt: instant().nullable().describe('When a departure takes effect; null: it is none'),
  state: z.enum(STATEMENT_STATES).describe('`held`: it waits for a decision'),
  reason: z.enum(HOLD_REASONS).nullable().describe('Why it was held'),
  deliveryId: id().describe('Statements that came together have the same'),
  at: instant().describe('When it came'),
  decidedAt: instant().nullable().describe('When somebody decided'),
  decidedBy: text().nullable().describe('Who'),
})
export type Statement = z.infer<typeof statement>
export const statementPage = pageOf(statement)

export const IMPORT_KINDS = ['identities', 'credentials', 'report', 'workstation'] as const

/** A file that was brought in, by whomever. */
export const importItem = z.strictObject({
  id: id().describe('Of the row of the audit'),
  at: instant().describe('When'),
  what: z
    .enum(IMPORT_KINDS)
    .describe('`report`: of a scanner. `workstation`: the credential stores that a machine leaves behind'),
  name: text().describe('Of the file or folder'),
  actor: text().nullable().describe('Who; null: the audit may not be read'),
  read: count().describe('Rows, the bad ones included'),
  created: count().describe('New'),
  updated: count().describe('Changed'),
  unchanged: count().describe('That stood so already'),
  bad: count().describe('Rows of which nothing was taken'),
  stopped: z.boolean().describe('It was cut short'),
})
export type Import = z.infer<typeof importItem>
export const importPage = pageOf(importItem)

const ids = z
  .array(z.guid({ error: 'must be the id of a statement' }))
  .min(1, { error: 'must name at least one statement' })
  .max(1_000, { error: 'must name at most 1000 statements' })

export const decideBody = z.discriminatedUnion('decision', [
  z.strictObject({ ids, decision: z.literal('dismiss') }),
  z.strictObject({
    ids,
    decision: z.literal('apply'),
    departure: z.enum(['terminate', 'suspend']).exactOptional().describe('What an inactivity was; left out: a departure'),
    as: z
      .string()
      .min(1)
      .max(256)
      .exactOptional()
      .describe('A new subject with a known name is somebody else: its external id here. Left out: the same person'),
  }),
])

export const decideAnswer = z.strictObject({
  items: z.array(
    z.strictObject({
      id: id().describe('Of the statement'),
      outcome: text().nullable().describe('What it came to; null: dismissed'),
      identityId: id().nullable().describe('Whom it was about'),
    }),
  ),
})

export const pullAnswer = z.strictObject({
  name: text(),
  asked: z.literal(true).describe('It answered, and what it said is taken'),
})
