import { z } from 'zod'
import { isNameField, parseReference, REFERENCE_FORMS } from '../domain/reference.ts'
import { TIERS } from '../domain/system.ts'
import { ALLOWABLE_EFFECTS, CANARY_MISSING } from './config.ts'
import { duration } from './duration.ts'
import { inventoryConfigSchema } from './inventory-schema.ts'
import { rate } from './rate.ts'
import { count, cron, line, name, printable, reference, timeZone } from './scalar.ts'

const limitFields = {
  concurrency: count(1, 1_000).describe('Attempts in flight at the same time.'),
  rate: rate().describe('Attempts started, over all shards and replicas.'),
  failuresPerPrincipal: rate().describe(
    'Wrong tries that one account of the realm may suffer, over all systems and replicas; the same for all systems of a realm. Keep it well under the lockout threshold.',
  ),
  timeout: duration('100ms', '5m').describe('The longest that one attempt may take.'),
  shards: count(1, 256).describe(
    'Jobs that the credentials of the system are spread over, so that several replicas can share one system; at most `concurrency`.',
  ),
}

const controlFields = {
  validFor: duration('1s', '7d').describe('How long a passed pair of controls serves further trials of the system.'),
  confirmationValidFor: duration('1s', '30d').describe(
    'How long a refused decoy of the same principal confirms further acceptances of that credential.',
  ),
  canaryMissing: z.enum(CANARY_MISSING).describe('`refused`: an enabled system without a canary is a fault of this file.'),
}

/** Defaults of every system. */
export const defaultsSchema = z.strictObject({
  limits: z
    .strictObject({
      concurrency: limitFields.concurrency.default(4),
      rate: limitFields.rate.prefault('10/s'),
      failuresPerPrincipal: limitFields.failuresPerPrincipal.prefault('3/24h'),
      timeout: limitFields.timeout.prefault('10s'),
      shards: limitFields.shards.default(1),
    })
    .transform(({ timeout, ...rest }) => ({ ...rest, timeoutMs: timeout }))
    .prefault({})
    .describe('Limits that keep the downstream systems safe.'),
  controls: z
    .strictObject({
      validFor: controlFields.validFor.prefault('15m'),
      confirmationValidFor: controlFields.confirmationValidFor.prefault('24h'),
      canaryMissing: controlFields.canaryMissing.default('allowed'),
    })
    .transform(({ validFor, confirmationValidFor, ...rest }) => ({
      ...rest,
      validForMs: validFor,
      confirmationValidForMs: confirmationValidFor,
    }))
    .prefault({})
    .describe('Controls that make a verdict worth something.'),
})

const limits = z
  .strictObject({
    concurrency: limitFields.concurrency.exactOptional(),
    rate: limitFields.rate.exactOptional(),
    failuresPerPrincipal: limitFields.failuresPerPrincipal.exactOptional(),
    timeout: limitFields.timeout.exactOptional(),
    shards: limitFields.shards.exactOptional(),
  })
  .transform(({ timeout, ...rest }) => ({ ...rest, ...(timeout === undefined ? {} : { timeoutMs: timeout }) }))

const canary = z
  .union([reference(), z.record(z.string(), z.string()).superRefine(checkCanary)])
  .describe(
    `A live credential that must be accepted. A reference to a JSON object, or the fields of the probe's secret; every field but a name (username, email, dn, ...) must be a reference.`,
  )

const controls = z
  .strictObject({
    canary: canary.exactOptional(),
    canaryAccount: line()
      .exactOptional()
      .describe("Short name of the canary's account, for a canary by a DN such as `cn=…` in a system with a `realm`."),
    validFor: controlFields.validFor.exactOptional(),
    confirmationValidFor: controlFields.confirmationValidFor.exactOptional(),
    canaryMissing: controlFields.canaryMissing.exactOptional(),
  })
  .transform(({ validFor, confirmationValidFor, ...rest }) => ({
    ...rest,
    ...(validFor === undefined ? {} : { validForMs: validFor }),
    ...(confirmationValidFor === undefined ? {} : { confirmationValidForMs: confirmationValidFor }),
  }))

const schedule = z.union([
  cron().transform((text): { cron: string; timeZone?: string } => ({ cron: text })),
  z.strictObject({
    cron: cron().describe('When trials may start.'),
    timeZone: timeZone().exactOptional().describe('IANA time zone; left out: policy.timeZone.'),
  }),
])

/** One downstream system. */
export const systemSchema = z.strictObject({
  name: name().describe('Unique. What commands, metrics and evidence call the system.'),
  probe: z
    .string()
    .min(1, { error: 'must not be empty' })
    .describe('How the system is asked: a protocol (postgres, ssh, ldap, http) or a system of the catalogue (github, ...).'),
  target: z
    .record(z.string(), z.unknown())
    .default({})
    .describe("Where the system is: the keys are the probe's own, see docs/probes.md."),
  tier: z.enum(TIERS).default('standard').describe('How much residual access here matters; sets deadlines and severity.'),
  owner: line().exactOptional().describe('Who mends it: a team or an address; quoted in alerts.'),
  realm: name()
    .exactOptional()
    .describe('Systems whose accounts lock together (one directory behind them) share a realm; left out: the system alone.'),
  zone: name().default('default').describe('Only replicas that serve this zone try the system.'),
  schedule: schedule
    .exactOptional()
    .describe(
      'Cron expression (or one with its time zone) that limits when trials start; left out: whenever credentials are due.',
    ),
  limits: limits.prefault({}).describe('Limits of this system; what is left out comes from defaults.limits.'),
  controls: controls.prefault({}).describe('Controls of this system; what is left out comes from defaults.controls.'),
  inventory: inventoryConfigSchema
    .exactOptional()
    .describe(
      'What those who left still have here where its secret is not known: lists of an administrator, see docs/inventory.md.',
    ),
  allowEffects: z
    .array(z.enum(ALLOWABLE_EFFECTS))
    .default([])
    .describe('What a replay may change at the system. Read-only replays need none.'),
  runbook: z
    .url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' })
    .exactOptional()
    .describe('What to do about a finding here; quoted in alerts.'),
  enabled: z.boolean().default(true).describe('false: the system is not tried; its credentials and findings stay.'),
  attribution: printable(64).exactOptional().describe('Who we say we are to this system; left out: `revenant/0.1 (+contact)`.'),
})

function checkCanary(fields: Record<string, string>, ctx: z.RefinementCtx): void {
  for (const [key, value] of Object.entries(fields)) {
    if (isNameField(key) || parseReference(value) !== undefined) continue
    ctx.addIssue({ code: 'custom', path: [key], message: `must be a reference (${REFERENCE_FORMS}), never the secret itself` })
  }
}
