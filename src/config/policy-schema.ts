import { z } from 'zod'
import { PRIVILEGES } from '../domain/credential.ts'
import { SEVERITIES } from '../domain/finding.ts'
import { IDENTITY_KINDS } from '../domain/identity.ts'
import { TIERS } from '../domain/system.ts'
import { duration } from './duration.ts'
import { count, line, name, timeZone } from './scalar.ts'

const cadenceRow = z
  .strictObject({
    until: duration('1m', '3650d')
      .exactOptional()
      .describe('How long after the termination this row holds, 1m to 3650d; left out in the last row only.'),
    every: duration('10s', '90d').describe('How often a credential is tried while the row holds: 10s to 90d.'),
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
  default: duration('1m', '365d').prefault('24h').describe('For every tier not named here. 1m to 365d.'),
  low: duration('1m', '365d').exactOptional().describe('For systems of tier low. 1m to 365d.'),
  standard: duration('1m', '365d').exactOptional().describe('For systems of tier standard. 1m to 365d.'),
  critical: duration('1m', '365d').prefault('1h').describe('For systems of tier critical. 1m to 365d.'),
})

const when = z
  .strictObject({
    tiers: some(z.enum(TIERS)).exactOptional().describe('Systems of these tiers; left out: all.'),
    systems: some(name()).exactOptional().describe('These systems; left out: all.'),
    identityKinds: some(z.enum(IDENTITY_KINDS)).exactOptional().describe('Such identities; left out: all.'),
    privileges: some(z.enum(PRIVILEGES)).exactOptional().describe('Credentials that may do this much; left out: all.'),
    credentialKinds: some(line())
      .exactOptional()
      .describe('Credentials of these kinds, as their imports name them, such as api-key; left out: all.'),
  })
  .refine((value) => Object.keys(value).length > 0, { error: 'must name something that the rule is about' })

const OUTCOMES = ['revokeWithin', 'cadence', 'provenEvery', 'severity', 'atLeast', 'tell'] as const

const rule = z
  .strictObject({
    when: when.describe('What the rule is about: all that it names must fit.'),
    revokeWithin: duration('1m', '365d').exactOptional().describe('From termination until access must be gone: 1m to 365d.'),
    cadence: cadence.exactOptional().describe('How often such a credential is tried, in place of `policy.cadence`.'),
    provenEvery: duration('10s', '365d')
      .exactOptional()
      .describe('How often one that is proven dead is tried again, in place of `policy.provenEvery`.'),
    severity: z
      .enum(SEVERITIES)
      .exactOptional()
      .describe('The severity of findings, in place of the one that is counted. Access inside its deadline stays info.'),
    atLeast: z
      .enum(SEVERITIES)
      .exactOptional()
      .describe('The least severity of findings. Access inside its deadline stays info.'),
    tell: some(name())
      .exactOptional()
      .describe(
        'The receivers of `alerts` that are told, and no others. Their own tiers, owners and identityKinds are passed over; what else they ask for holds.',
      ),
  })
  .refine((value) => OUTCOMES.some((key) => value[key] !== undefined), {
    error: `must say something: ${OUTCOMES.join(', ')}`,
  })
  .refine(({ severity, atLeast }) => severity === undefined || atLeast === undefined, {
    path: ['atLeast'],
    error: 'must be left out beside severity',
  })

function some<Schema extends z.ZodType>(schema: Schema) {
  return z.array(schema).min(1, { error: 'must name at least one, or be left out' })
}

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
  rules: z
    .array(rule)
    .max(200, { error: 'must have at most 200 rules' })
    .exactOptional()
    .describe(
      'What differs for some systems, identities or credentials. For each part the first rule that fits and has it counts.',
    ),
})
