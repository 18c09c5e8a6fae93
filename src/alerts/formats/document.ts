import { z } from 'zod'
import type { Alert } from '../../domain/alert.ts'
import { CONTROLS } from '../../domain/control.ts'
import { PRIVILEGES } from '../../domain/credential.ts'
import { FEED_KINDS } from '../../domain/feed.ts'
import { FINDING_EVENTS, FINDING_KINDS, FINDING_STATES, SEVERITIES } from '../../domain/finding.ts'
import { GRANT_KINDS } from '../../domain/grant.ts'
import { IDENTITY_KINDS } from '../../domain/identity.ts'
import { REASON_NAMES } from '../../domain/reason.ts'
import { TIERS, TRANSPORTS } from '../../domain/system.ts'
import { ASSURANCES, STRENGTHS, VERDICTS } from '../../domain/verdict.ts'
import type { Heartbeat } from '../subject.ts'
import { JSON_VERSION } from './json.ts'

const instant = z.iso.datetime().describe('RFC 3339, UTC')
const name = z.string()

const finding = z.strictObject({
  id: name.describe('of the finding in Revenant'),
  kind: z.enum(FINDING_KINDS),
  severity: z.enum(SEVERITIES),
  state: z.enum(FINDING_STATES),
  episode: z.int().min(1).describe('counts the reopenings, from 1'),
  openedAt: instant,
  lastSeenAt: instant,
  resolvedAt: instant.exactOptional(),
})

const system = z.strictObject({
  id: name,
  name,
  probe: name.describe('how it is asked: postgres, ssh, github …'),
  origin: name.describe('where: scheme, host and port; several are separated by spaces'),
  tier: z.enum(TIERS),
  zone: name,
  owner: name.exactOptional(),
  runbook: name.exactOptional().describe('URL of what to do about a finding here'),
})

const identity = z.strictObject({
  id: name,
  externalId: name.describe('what the HR system or directory calls it'),
  kind: z.enum(IDENTITY_KINDS),
  name,
  email: name.exactOptional(),
  owner: name.exactOptional().describe('external id of whoever answers for a service or an agent'),
  terminatedAt: instant.exactOptional(),
})

const credential = z.strictObject({
  id: name,
  label: name,
  kind: name,
  fingerprint: name.describe('keyed fingerprint of the secret, never the secret'),
  privilege: z.enum(PRIVILEGES),
  principal: name.exactOptional().describe('the account that it should open'),
})

const evidence = z.strictObject({
  observationId: name,
  observedAt: instant,
  verdict: z.enum(VERDICTS),
  reason: z.literal([...REASON_NAMES]),
  strength: z.enum(STRENGTHS),
  assurance: z.enum(ASSURANCES).describe('how far the controls of the trial back the verdict'),
  confirmed: z.boolean().describe('a made-up secret of the same principal was refused'),
  principal: name.exactOptional().describe('who the system said this was'),
  wire: z.record(z.string(), z.union([z.string(), z.number()])).describe('facts of the protocol: a status, a SQLSTATE'),
  latencyMs: z.number(),
  transport: z.enum(TRANSPORTS),
  trialId: name,
  controls: z.array(
    z.strictObject({ control: z.enum(CONTROLS), verdict: z.enum(VERDICTS), reason: z.literal([...REASON_NAMES]), at: instant }),
  ),
})

const feed = z.strictObject({
  id: name,
  name,
  kind: z.enum(FEED_KINDS),
  heardAt: instant.exactOptional().describe('its last sign of life; absent where it never gave one'),
})

const grant = z.strictObject({
  id: name,
  kind: z.enum(GRANT_KINDS),
  title: name.describe('what the system calls it'),
  key: name.describe("its id in the system's list, never a secret"),
  scopes: z.array(name).describe('what it may do, as the system says'),
  createdAt: instant.exactOptional(),
  lastUsedAt: instant.exactOptional().describe('as the system says; absent where it does not say'),
})

const data = z.strictObject({
  id: name.describe('of this event; the same in every retry: drop what was seen already'),
  dedupKey: name.describe('the same over the whole life of the finding: group and resolve by it'),
  event: z.enum(FINDING_EVENTS),
  sequence: z.int().min(1).describe('counts the events of the finding, from 1: order by it'),
  at: instant,
  title: z.string(),
  summary: z.string(),
  remediation: z.array(z.string()).describe('what to do next, in order'),
  finding,
  system: system.exactOptional().describe('absent where no system is concerned: orphaned_identity, feed_silent'),
  identity: identity.exactOptional(),
  credential: credential.exactOptional(),
  feed: feed.exactOptional().describe('the source of leavers that it is about: feed_silent'),
  grant: grant
    .exactOptional()
    .describe("what an administrator's list shows: standing_grant. It was listed; nobody has authenticated with it"),
  evidence: evidence.exactOptional().describe('the observation behind the event; absent where a clock caused it'),
  deadline: z.strictObject({ revokeBy: instant, overdueMs: z.number().describe('negative: still to come') }).exactOptional(),
  traceId: z
    .string()
    .regex(/^[0-9a-f]{32}$/)
    .exactOptional()
    .describe('W3C trace id of the trial'),
  frameworks: z.record(z.string(), z.array(z.string())).describe('control identifiers by framework'),
  test: z.literal(true).exactOptional().describe('a sample of `revenant alerts test`: nothing in it is real'),
}) satisfies z.ZodType<Alert>

const source = z.strictObject({ product: z.literal('Revenant'), version: z.string(), instance: z.string(), host: z.string() })
const link = z.url().describe('where a person opens the finding')

/** The document that the format `json` sends. Strict here, to find a field nobody described; open in the published schema. */
export const alertDocument = z.strictObject({
  type: z.literal(FINDING_EVENTS.map((event) => `revenant.finding.${event}` as const)),
  timestamp: instant.describe('when the event happened; equals data.at'),
  version: z.literal(JSON_VERSION),
  source,
  link: link.exactOptional(),
  truncated: z.literal(true).exactOptional().describe('texts and lists were cut to keep the document small'),
  data,
})

const row = z.strictObject({
  ...data.pick({
    id: true,
    dedupKey: true,
    event: true,
    sequence: true,
    at: true,
    title: true,
    deadline: true,
    traceId: true,
    test: true,
  }).shape,
  finding: finding.pick({ id: true, kind: true, severity: true, state: true }),
  system: system.pick({ name: true, owner: true }).exactOptional(),
  identity: identity.pick({ externalId: true, name: true }).exactOptional(),
  credential: credential.pick({ label: true, fingerprint: true }).exactOptional(),
  link: link.exactOptional(),
})

/** What `json` sends for many alerts at once. */
export const groupDocument = z.strictObject({
  type: z.literal('revenant.group'),
  timestamp: instant.describe('when the newest of them happened; equals data.at'),
  version: z.literal(JSON_VERSION),
  source,
  data: z.strictObject({
    id: name.describe('of this message; the same in every retry'),
    key: name.describe('what the alerts have in common; messages of one key belong together'),
    about: z.string().describe('the same for people'),
    at: instant,
    severity: z.enum(SEVERITIES).describe('the highest that is open; of all, where nothing is'),
    count: z.int().min(1),
    omitted: z.int().min(1).exactOptional().describe('how many of `count` did not fit; `revenant alerts list` has them'),
    alerts: z.array(row).min(1).describe('in the order in which they happened'),
  }),
})

const count = z.int().min(0)

/** The sign of life that `json` sends. */
export const heartbeatDocument = z.strictObject({
  type: z.literal('revenant.heartbeat'),
  timestamp: instant,
  version: z.literal(JSON_VERSION),
  source,
  data: z.strictObject({
    id: name,
    at: instant,
    nextBy: instant.describe('raise an alarm where none has come until then'),
    open: z.strictObject({ info: count, low: count, medium: count, high: count, critical: count }).describe('open findings'),
    coverage: z
      .strictObject({ verified: count, unverified: count, overdue: count })
      .describe('credentials of terminated identities: judged within their cadence, not judged, overdue'),
    deliveries: z.strictObject({ pending: count, dead: count }).describe('to all sinks'),
  }) satisfies z.ZodType<Heartbeat>,
})

/** What `scripts/alert-schema.ts` writes into docs/: version 1 may gain fields, so unknown ones are allowed. */
export const PUBLISHED_SCHEMAS: Readonly<Record<string, () => object>> = {
  'alert.schema.json': () => published('Revenant alert, format json, version 1', alertDocument),
  'alert-group.schema.json': () => published('Revenant alerts in one message, format json, version 1', groupDocument),
  'heartbeat.schema.json': () => published('Revenant sign of life, format json, version 1', heartbeatDocument),
}

function published(title: string, document: z.ZodType): object {
  const schema = z.toJSONSchema(document, {
    override: ({ jsonSchema }) => {
      if (jsonSchema.properties !== undefined) delete jsonSchema.additionalProperties
    },
  })
  return { title, ...schema }
}
