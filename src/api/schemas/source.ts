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
  refused: z
    .strictObject({
      subjects: count().describe('Of how many people, as far as that can be told; the rest is one'),
      count: count().describe('How often'),
      firstAt: instant().describe('The first of those that stand'),
      lastAt: instant().describe('The last'),
    })
    .nullable()
    .describe(
      'What it said and nobody could take: a departure may be among it. It stands until the same people are heard well, or somebody dismisses it; null: nothing',
    ),
  fault: text().nullable().describe('Why it could not be asked, or what it said last could not be taken'),
  faultAt: instant().nullable().describe('When it could not'),
  pulled: z.boolean().describe('It is asked by the clock; otherwise it tells by itself'),
  everyMs: count().nullable().describe('How often it is asked'),
  onInactive: z.enum(DEPARTURES).nullable().describe('What becomes of somebody whom it calls inactive; null: removed'),
  present: count().describe('People whom it says to be here'),
  gone: count().describe('People whom it says to have left'),
  held: count().describe('Statements that wait for a decision'),
  outOfSight: count().describe(
    'People who are here, and whom it is not asked for any more (another filter, path, account, folder …): nobody is called gone by it, and it tells of none of them',
  ),
})
export type Source = z.infer<typeof source>
export const sourcePage = pageOf(source)

const applied = z.strictObject({
  standing: z
    .enum(['active', 'suspended', 'terminated', 'unsaid'])
    .describe('`terminated`: they have left, or leave. `active`: they are here. `unsaid`: as they stand'),
  at: instant().nullable().describe('When they leave; null: they do not'),
})

/** Somebody whom a source is not asked for any more. */
export const outOfSight = z.strictObject({
  key: text().describe('Its id of the subject'),
  identity: identityRef.describe('Who that is here'),
  saidAt: instant().describe('When it last said anything of them'),
})
export const outOfSightList = z.strictObject({ items: z.array(outOfSight).describe('By key, at most 1000') })

/** What a source said and nobody could take. */
export const sourceFault = z.strictObject({
  source: z.strictObject({ id: id().describe('Of the source'), name: text().describe('As the configuration names it') }),
  key: text().nullable().describe('Its id of the subject; null: it cannot be told whom it was about'),
  externalId: text().nullable().describe('What they are called here; null: nobody is known by that key'),
  fault: text().describe('Why the last of them was not taken'),
  count: count().describe('How often'),
  firstAt: instant().describe('The first time'),
  lastAt: instant().describe('The last time'),
})
export type SourceFault = z.infer<typeof sourceFault>
export const sourceFaults = z.strictObject({ items: z.array(sourceFault).describe('The last first, at most 1000') })

export const dismissFaultsBody = z.strictObject({
  keys: z
    .array(z.string().max(512).nullable())
    .min(1, { error: 'must name at least one key' })
    .max(1_000, { error: 'must name at most 1000 keys' })
    .exactOptional()
    .describe('Of these subjects, null where it cannot be told whom it was about. Left out: all of the source'),
})
export const dismissFaultsAnswer = z.strictObject({ dismissed: count().describe('Subjects') })

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
  answers: z
    .strictObject({
      same: applied.describe('Of who is known here'),
      other: applied.describe('Of somebody else, who is added: `as`'),
    })
    .nullable()
    .describe('What applying it comes to, by who is meant; null: it does not wait for a decision'),
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
      externalId: text().nullable().describe('What they are called here'),
      terminatedAt: instant().nullable().describe('When they left, or leave, now'),
      suspendedAt: instant().nullable().describe('Since when they are suspended'),
    }),
  ),
})

export const pullAnswer = z.strictObject({
  name: text(),
  asked: z.literal(true).describe('It answered, and what it said is taken'),
})
