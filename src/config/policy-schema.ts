import { z } from 'zod'
import { duration } from './duration.ts'
import { count, timeZone } from './scalar.ts'

const cadenceRow = z
  .strictObject({
    until: duration('1m', '3650d')
      .exactOptional()
      .describe('How long after the termination this row holds; left out in the last row only.'),
    every: duration('10s', '90d').describe('How often a credential is tried while the row holds.'),
  })
  .transform(({ until, every }) => ({ everyMs: every, ...(until === undefined ? {} : { untilMs: until }) }))

const cadence = z
  .array(cadenceRow)
  .min(1, { error: 'must have at least one row' })
  .max(20, { error: 'must have at most 20 rows' })
  .superRefine((rows, ctx) => {
    let before = 0
    rows.forEach((row, index) => {
      const last = index === rows.length - 1
      if (last && row.untilMs !== undefined)
        ctx.addIssue({
          code: 'custom',
          path: [index, 'until'],
          message: 'must be left out in the last row, which holds for ever',
        })
      if (!last && row.untilMs === undefined)
        ctx.addIssue({ code: 'custom', path: [index], message: 'must have `until`: only the last row holds for ever' })
      if (row.untilMs !== undefined && row.untilMs <= before)
        ctx.addIssue({ code: 'custom', path: [index, 'until'], message: 'must be later than the row before' })
      before = row.untilMs ?? before
    })
  })

const revokeWithin = z.strictObject({
  default: duration('1m', '365d').prefault('24h').describe('For every tier not named here.'),
  low: duration('1m', '365d').exactOptional().describe('For systems of tier low.'),
  standard: duration('1m', '365d').exactOptional().describe('For systems of tier standard.'),
  critical: duration('1m', '365d').prefault('1h').describe('For systems of tier critical.'),
})

/** What is expected of a revocation, and how often it is looked at. */
export const policySchema = z.strictObject({
  revokeWithin: revokeWithin
    .prefault({})
    .describe('From termination until access must be gone: the deadline that findings and evidence are measured by.'),
  verifyWithin: duration('1m', '365d')
    .prefault('72h')
    .describe('From termination until a credential that nobody could judge becomes the finding unverified_past_deadline.'),
  confirmRejections: count(1, 10).default(2).describe('Proven rejections in a row that close a finding.'),
  confirmAfter: duration('1s', '30d').prefault('5m').describe('From the first proven rejection to the next proof.'),
  cadence: cadence
    .prefault([{ until: '1h', every: '5m' }, { until: '24h', every: '1h' }, { every: '1d' }])
    .describe('How often a credential is tried, by the time since the termination. The first row that still holds counts.'),
  provenEvery: duration('10s', '365d')
    .prefault('7d')
    .describe('How often a credential that is proven dead is tried again, in case it comes back.'),
  remindEvery: duration('1m', '365d')
    .prefault('24h')
    .describe('How often an open finding that nobody acknowledged is alerted again.'),
  terminationCutOff: z
    .string()
    .regex(/^(?:[01][0-9]|2[0-3]):[0-5][0-9]$/, { error: 'must be a time of day such as "18:00"' })
    .default('18:00')
    .describe('The time of day of a termination that is known by its date only.'),
  timeZone: timeZone().default('UTC').describe('IANA time zone of terminationCutOff, and of schedules that name none.'),
})
