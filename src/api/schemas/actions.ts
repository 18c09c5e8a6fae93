import { z } from 'zod'
import { FINDING_KINDS } from '../../domain/finding.ts'
import { IDENTITY_KINDS } from '../../domain/identity.ts'
import { HOLDS } from '../../scan/scan-now.ts'
import { IN_ORDER, instantParameter, isInOrder } from '../evidence-schemas.ts'
import { count, findingState, id, instant, reason, text } from './common.ts'

/** What actions are told, and what they answer. */

/** Text as it is written into the audit. */
const given = (max: number) =>
  z
    .string({ error: ({ input }) => (input === undefined ? 'is missing' : 'must be text') })
    // As browsers write the ends of lines.
    .overwrite((value) => value.replaceAll('\r\n', '\n'))
    .trim()
    .min(1, { error: 'must not be empty' })
    .max(max, { error: `must have at most ${max} characters` })
    .refine((value) => value.isWellFormed() && !/[^\P{Cc}\n]/u.test(value), { error: 'must be text without control characters' })
/** What somebody says about what he does; it may have several lines. */
export const note = () => given(1_000)
export const line = (max = 256) => given(max).refine((value) => !value.includes('\n'), { error: 'must be one line' })

/** What is reckoned from an instant must still have a year of four digits. */
const LATEST = Temporal.Instant.from('9000-01-01T00:00Z')
/** An instant that somebody gives, with any offset. */
export const givenInstant = () =>
  instantParameter()
    .transform((value) => Temporal.Instant.from(value))
    .refine((at) => Temporal.Instant.compare(at, LATEST) < 0, { error: 'must lie before the year 9000' })

export const byId = z.strictObject({ id: z.uuid({ error: 'must be an id' }).toLowerCase() })
const MOST = 500
const ids = () =>
  z
    .array(z.uuid({ error: 'must be an id' }).toLowerCase())
    .min(1, { error: 'must name at least one' })
    .max(MOST, { error: `must name at most ${MOST}` })

export const noteBody = z.strictObject({ note: note().describe('Why, for the record') })
export const reasonBody = z.strictObject({ reason: note().describe('Why, for the record') })
/** A pause without a reason is one as well. */
export const pauseBody = z.strictObject({ note: note().exactOptional().describe('Why, for the record') })

// Identities

export const terminateBody = z.strictObject({
  at: givenInstant()
    .exactOptional()
    .describe('When it left, or will leave. Left out: now, unless it has left already; then nothing changes'),
  reason: note().describe('Why, for the record'),
})

export const identityBody = z.strictObject({
  externalId: line().describe('As its source names it; one that is known is written over'),
  kind: z.enum(IDENTITY_KINDS).exactOptional().describe('Left out: as it is, or human'),
  name: line(512).nullable().exactOptional().describe('Left out: as it is, or the external id'),
  email: line(512).nullable().exactOptional(),
  owner: line().nullable().exactOptional().describe('External id of the owner, of a service or an agent'),
  terminatedAt: givenInstant()
    .nullable()
    .exactOptional()
    .describe('When it left, or will leave. Null: it is here. Left out: as it is'),
})

export const standingAnswer = z.strictObject({
  id: id().describe('Of the identity'),
  changed: z.boolean().describe('False: it stood so already'),
  dueNow: count().describe('Credentials that fell due now'),
})

export const putAnswer = z.strictObject({
  ...standingAnswer.shape,
  created: z.boolean().describe('Nobody had its external id before'),
})

// Imports

const flag = () => z.enum(['true', 'false'], { error: 'must be true or false' }).transform((value) => value === 'true')

export const importQuery = z.strictObject({
  dryRun: flag().default(false).describe('Tells what would happen, and writes nothing'),
  name: line(200)
    .regex(/^[^/\\]+$/, { error: 'must be the name of a file, without its folder' })
    .default('upload')
    .describe('What the rows are said to come from: a file name'),
})

export const importAnswer = z.strictObject({
  dryRun: z.boolean(),
  read: count().describe('Rows, the bad ones included'),
  created: count(),
  updated: count(),
  unchanged: count(),
  skipped: count().describe('Credentials that are retired, and stay so'),
  reinstated: count().describe('Terminations that were taken back'),
  bad: z
    .array(
      z.strictObject({
        line: count().describe('The line that the row begins on, from 1'),
        field: text().nullable().describe('The column'),
        code: text()
          .nullable()
          .describe('Where the fault has a code of its own: `ORIGIN_CHANGED`, `SECRET_INVALID`, `SECRET_EMPTY`'),
        message: text().describe('What is wrong. It never quotes what stood there'),
      }),
    )
    .describe('The first 1000 bad rows'),
  badTotal: count().describe('All bad rows'),
  warnings: z
    .array(
      z.strictObject({
        line: count().describe('The first line that says it, from 1'),
        field: text().nullable().describe('The column'),
        message: text().describe('What may be wrong: an owner whom nobody knows, say. It never quotes what stood there'),
      }),
    )
    .describe('The first 1000 things that may be wrong, of rows that were taken'),
  warningTotal: count().describe('All such'),
  dueNow: count().describe('Credentials that fell due now'),
  stopped: z.boolean().describe('Cut short; what was read until then is kept'),
})
export type ImportAnswer = z.infer<typeof importAnswer>

// Credentials

export const credentialAnswer = z.strictObject({
  id: id().describe('Of the credential'),
  changed: z.boolean().describe('False: it was so already'),
})

// Trials

const systemName = { id: id().describe('Of the system'), name: text() }

export const scanAnswer = z.strictObject({
  changed: z.boolean().describe('False: nothing is due that was not before'),
  moved: count().describe('Credentials that are due now and were not before'),
  due: count().describe('Credentials that are due now'),
  left: count().describe('Credentials that were not made due: one scan takes 1000, those not proven dead first'),
  trials: z
    .array(
      z.strictObject({
        system: z.strictObject(systemName),
        shard: count(),
        enqueued: z.boolean().describe('False: one was queued or running already; the next tick takes up what is left over'),
      }),
    )
    .describe('Trials that start as soon as a worker is free'),
  held: z
    .array(
      z.strictObject({
        system: z.strictObject(systemName),
        hold: z
          .enum(HOLDS)
          .describe(
            '`paused`: by an operator; `held`: the system asked for it, or stopped answering; `window`: its own schedule; `rebind`: its address changed; `lockout_budget`: an account could be locked; `second_proof`: a refusal waits for the one that completes its proof',
          ),
        reason: reason().nullable().describe('Of `held`'),
        until: instant().nullable().describe('When it ends by itself; null: it does not'),
        credentials: count(),
      }),
    )
    .describe('What keeps trials away'),
})
export type ScanAnswer = z.infer<typeof scanAnswer>

// Systems

export const changedAnswer = z.strictObject({ changed: z.boolean().describe('False: it was so already') })

export const rebindAnswer = z.strictObject({
  changed: z.boolean().describe('False: it was bound to it already'),
  from: text().nullable().describe('What its secrets were registered for'),
  to: text().describe('What they open for now'),
  resealed: count().describe('Secrets that were bound anew'),
  broken: z.array(id()).describe('Credentials whose secret does not open and was left as it is'),
})

// Findings

const REFUSALS = ['not_found', 'resolved'] as const

export const actedAnswer = z.strictObject({
  id: id().describe('Of the finding'),
  changed: z.boolean().describe('False: it was so already'),
  state: findingState(),
})
export type ActedAnswer = z.infer<typeof actedAnswer>

export const acknowledgeManyBody = z.strictObject({ ids: ids(), note: note().describe('Why, for the record') })

export const actedManyAnswer = z.strictObject({
  items: z
    .array(
      z.strictObject({
        id: id().describe('Of the finding'),
        changed: z.boolean(),
        state: findingState().nullable().describe('As it is now; null: there is no such finding'),
        refused: z.enum(REFUSALS).nullable().describe('Why nothing was done about it'),
      }),
    )
    .describe('One for each id'),
  changed: count().describe('How many changed'),
})
export type ActedManyAnswer = z.infer<typeof actedManyAnswer>

const terms = {
  owner: line().describe('Who answers for it'),
  reason: note().describe('Why it is accepted'),
  until: givenInstant().describe('When it ends'),
}
export const exemptBody = z.strictObject(terms)
export const exemptManyBody = z.strictObject({ ids: ids(), ...terms })

export const exemptAnswer = z.strictObject({
  ...actedAnswer.shape,
  exemption: id().describe('Of the exemption'),
  until: instant().describe('When it ends'),
})

export const exemptionBody = z
  .strictObject({
    kind: z.enum(FINDING_KINDS).exactOptional().describe('Only findings of this kind; left out: any'),
    credentialId: z.uuid().toLowerCase().exactOptional(),
    identityId: z.uuid().toLowerCase().exactOptional(),
    systemId: z.uuid().toLowerCase().exactOptional(),
    ...terms,
    from: givenInstant().exactOptional().describe('When it begins; left out: now'),
  })
  .refine(({ credentialId, identityId, systemId }) => credentialId ?? identityId ?? systemId, {
    error: 'must name a credential, an identity or a system',
    path: ['credentialId'],
  })

export const grantAnswer = z.strictObject({
  id: id().describe('Of the exemption'),
  changed: z.boolean().describe('False: one that says the same holds already, or it was over'),
})

// Receivers

export const sinkParams = z.strictObject({ name: line(128) })

const receipt = z.record(z.string(), z.union([z.string(), z.number()]))
export const sinkTestAnswer = z.strictObject({
  sink: text(),
  kind: text().describe('How alerts travel'),
  taken: z.boolean().describe('The receiver took the sample'),
  alert: text().describe('The id to look for there'),
  dedupKey: text(),
  title: text().describe('The title to look for there'),
  latencyMs: count(),
  detail: receipt.describe('What came back. No secrets, no text of the receiver'),
  error: text().nullable(),
  mend: text().nullable().describe('What to do about it'),
})
export type SinkTestAnswer = z.infer<typeof sinkTestAnswer>

export const redriveBody = z
  .strictObject({
    id: z.uuid().toLowerCase().exactOptional().describe('One delivery'),
    sink: line(128).exactOptional().describe('Those of one receiver'),
    all: z.literal(true).exactOptional().describe('All that are dead'),
  })
  .refine(({ id: one, sink, all }) => [one, sink, all].filter((each) => each !== undefined).length === 1, {
    error: 'must give one of id, sink and all',
    path: ['id'],
  })
export const redriveAnswer = z.strictObject({ redriven: count().describe('Deliveries that are on their way again') })

// Evidence

export const bundleBody = z
  .strictObject({
    from: instantParameter().describe('The period begins with this instant'),
    to: instantParameter().describe('The period ends before this instant'),
    framework: line().exactOptional().describe('Only what this framework asks for'),
    control: line().exactOptional().describe('Only what this requirement of the framework asks for'),
    identity: line().exactOptional().describe('Only about this external id'),
    system: line().exactOptional().describe('Only at this system'),
    sinceCheckpoint: z
      .string()
      .min(1)
      .max(16_384)
      .exactOptional()
      .describe('A signed checkpoint that you hold: the bundle proves that the log continues it'),
  })
  .refine(isInOrder, IN_ORDER)
