import { z } from 'zod'
import { FINDING_KINDS, FINDING_STATES, SEVERITIES } from '../domain/finding.ts'
import { CHECKS } from '../domain/framework.ts'
import { IDENTITY_KINDS } from '../domain/identity.ts'
import { LEDGER_KINDS } from '../domain/ledger.ts'
import { TIERS } from '../domain/system.ts'
import { STATEMENT_NAMES, STATEMENTS } from '../evidence/statements.ts'
import type { ControlState } from '../evidence/summary.ts'
import { MISSING } from './evidence-entries.ts'

/** What is asked and answered under /v1/evidence: requests are checked by these, the OpenAPI document is made of them. */

const WHOLE = /^(?:0|[1-9][0-9]{0,15})$/
const whole = (min: number, max: number, error = `must be a whole number from ${min} to ${max}`) =>
  z
    .string({ error })
    .regex(WHOLE, { error, abort: true })
    .transform(Number)
    .pipe(z.int({ error }).min(min, { error }).max(max, { error }))

const NEVER_LARGER = 2 ** 52
export const index = () => whole(0, NEVER_LARGER, 'must be the index of an entry: a whole number from 0')
export const limit = () => whole(1, 1_000).default(100).describe('Rows at most.')

const INSTANT = 'must be an instant with a time zone, such as 2027-01-31T18:00:00Z (a + is written %2B)'
/** What the database can count with, whatever the zone. */
const [EARLIEST, LATEST] = [Temporal.Instant.from('0002-01-01T00:00Z'), Temporal.Instant.from('9999-01-01T00:00Z')]
export const instantParameter = () =>
  z.iso.datetime({ offset: true, error: INSTANT, abort: true }).refine(isInstant, { error: INSTANT })

function isInstant(text: string): boolean {
  try {
    const at = Temporal.Instant.from(text)
    return Temporal.Instant.compare(at, EARLIEST) >= 0 && Temporal.Instant.compare(at, LATEST) < 0
  } catch {
    return false
  }
}

export const period = {
  from: instantParameter().describe('The period begins with this instant.'),
  to: instantParameter().describe('The period ends before this instant.'),
}

/** Passes where one of them is no instant: that is told already. */
export function isInOrder({ from, to }: { from: string; to: string }): boolean {
  return !isInstant(from) || !isInstant(to) || Temporal.Instant.compare(from, to) < 0
}
export const IN_ORDER = { error: 'must lie after `from`', path: ['to'] }

/** A place in a list, as an answer gave it. */
export const place = () =>
  z
    .string({ error: 'must be given once' })
    .max(500, { error: 'must be the `last` of an answer' })
    .refine((text) => text.isWellFormed() && !/\p{Cc}/u.test(text), { error: 'must be the `last` of an answer' })
    .describe('What comes after this: the `last` of the answer before. Left out: from the beginning.')

const at = z.iso.datetime().describe('RFC 3339, UTC')
const text = z.string()
const paged = {
  more: z.boolean().describe('There is more now: ask again with `after` = `last`. `Link: rel="next"` says the same.'),
}
const facts = z.record(z.string(), z.unknown())

export const entriesAnswer = z.strictObject({
  checkpoint: z
    .strictObject({ at, note: text.describe('The signed note'), root: text.describe('Base64'), size: z.int() })
    .nullable()
    .describe('The newest checkpoint: every entry of this answer lies under it. Null before the first'),
  entries: z.array(
    z.strictObject({
      at: at.describe('When it was logged'),
      digest: text.describe('SHA-256 of the facts, hex'),
      facts: facts.nullable().describe('What was hashed, as canonical JSON (RFC 8785). Null: see `missing`'),
      id: text.describe('Of the row'),
      index: z.int().min(0),
      kind: z.enum(LEDGER_KINDS),
      missing: z
        .enum(MISSING)
        .exactOptional()
        .describe('Why there are no facts: past their retention, changed in the database since, removed from it'),
    }),
  ),
  last: z.int().min(0).nullable().describe('Index to go on after; null: nothing was read yet'),
  ...paged,
})
export type EntriesAnswer = z.infer<typeof entriesAnswer>

const maybe = text.nullable()
export const findingsAnswer = z.strictObject({
  findings: z.array(
    z.strictObject({
      id: text,
      kind: z.enum(FINDING_KINDS),
      severity: z.enum(SEVERITIES),
      state: z.enum(FINDING_STATES),
      episode: z.int().describe('Counts the reopenings, from 1'),
      exempted: z.boolean(),
      opened_at: at,
      last_seen_at: at,
      resolved_at: at.nullable(),
      acknowledged_at: at.nullable(),
      acknowledged_by: maybe,
      changed_at: at.describe('Of its last event'),
      external_id: maybe.describe('Of the identity'),
      identity_kind: z.enum(IDENTITY_KINDS).nullable(),
      name: maybe,
      left_at: at.nullable(),
      system: maybe,
      tier: z.enum(TIERS).nullable(),
      owner: maybe.describe('Of the system'),
      credential: maybe.describe('Its label'),
      fingerprint: maybe.describe('Keyed fingerprint of the secret, never the secret'),
    }),
  ),
  last: maybe,
  ...paged,
})

export const statementsAnswer = z.strictObject({
  statements: z.array(z.strictObject({ name: z.enum(STATEMENT_NAMES), title: text, columns: z.array(text) })),
})

const cell = z.union([z.string(), z.number(), z.boolean(), z.null(), facts])
/** The columns of each statement. */
export const statementAnswer = z.union(
  STATEMENT_NAMES.map((name) =>
    z.strictObject({
      statement: z.literal(name),
      title: text,
      rows: z.array(z.strictObject(Object.fromEntries(STATEMENTS[name].columns.map((column) => [column, cell])))),
      last: maybe,
      ...paged,
    }),
  ),
)

export const frameworksAnswer = z.strictObject({
  rows: z.array(
    z.strictObject({
      framework: text,
      control: text,
      title: text,
      check: z.enum(Object.keys(CHECKS)),
      subject: text.describe('What is counted'),
      subjects: z.int(),
      tested: z.int(),
      passed: z.int(),
      failed: z.int(),
      late: z.int().describe('Revoked in the period, and later than the policy allows'),
      not_judged: z.int(),
      findings_opened: z.int(),
      findings_open: z.int(),
      state: z.enum(['passed', 'failed', 'not_judged'] as const satisfies readonly ControlState[]),
    }),
  ),
})
