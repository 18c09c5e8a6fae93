import { z } from 'zod'
import { accessSchema } from './access-schema.ts'
import { custodySchema } from './custody-schema.ts'
import { duration } from './duration.ts'
import { evidenceSchema } from './evidence-schema.ts'
import { ledgerSchema } from './ledger-schema.ts'
import { policySchema } from './policy-schema.ts'
import { address, count, databaseUrl, line, name, printable } from './scalar.ts'
import { keyRingSchema, secretManagerSchema } from './secret-manager-schema.ts'
import { sinkSchema } from './sink-schema.ts'
import { sourceSchema } from './source-schema.ts'
import { defaultsSchema, systemSchema } from './system-schema.ts'
import { telemetrySchema } from './telemetry-schema.ts'

/** The file. Strict everywhere but in a probe's target and a sink's own keys, which the caller's checks look at. */
export const fileSchema = z.strictObject({
  database: z
    .strictObject({
      url: databaseUrl()
        .exactOptional()
        .describe(
          'Postgres 15 to 18: a reference to a postgres:// URL, or such a URL without a password. Left out: the embedded database in dataDir.',
        ),
      dataDir: line().default('./data').describe('Folder of the embedded database, relative to the working directory.'),
      poolSize: count(2, 200).default(10).describe('Connections to Postgres at most. The embedded database has one.'),
    })
    .prefault({})
    .describe('Where everything is recorded.'),
  listen: address().prefault('127.0.0.1:8480').describe('HOST:PORT of the page, the API, health and metrics.'),
  instance: name().exactOptional().describe('Name of this replica; left out: the host name.'),
  publicUrl: z
    .url({ protocol: /^https?$/, error: 'must be an https:// or http:// URL' })
    .max(500)
    .exactOptional()
    .describe('Where people open Revenant: alerts link to `<publicUrl>/findings/<id>`. Left out: no links.'),
  zones: z
    .array(name())
    .min(1, { error: 'must name at least one zone' })
    .default(['default'])
    .describe('Zones whose systems this replica tries.'),
  keyRing: keyRingSchema
    .prefault('./data/keyring.json')
    .describe(
      'File of the keys that seal secrets: made on first start, mode 0600. Back it up, apart from the database. A path, or `{ file, wrap, previous }`, see docs/custody.md.',
    ),
  secretManagers: z
    .array(secretManagerSchema)
    .max(50, { error: 'must have at most 50 entries' })
    .default([])
    .describe('Where references such as `vault:NAME/…` are read, see docs/custody.md.'),
  custody: custodySchema.prefault({}).describe('How long secrets are kept, see docs/custody.md.'),
  attribution: z
    .strictObject({
      // 64 characters at most on the wire, and `revenant/0.1 (+)` takes 16.
      contact: printable(48)
        .regex(/^[^()]*$/, { error: 'must not contain parentheses' })
        .exactOptional()
        .describe('A URL or mail address that operators of the systems can turn to.'),
    })
    .prefault({})
    .describe('How replays identify themselves to the systems: `revenant/0.1 (+contact)`.'),
  scan: z
    .strictObject({
      tick: duration('1s', '1h').prefault('10s').describe('How often due credentials are looked for.'),
      pageSize: count(1, 10_000).default(500).describe('Credentials read and recorded at a time.'),
      trialBudget: duration('10s', '12h')
        .prefault('5m')
        .describe('How long one trial may run before it leaves the rest to the next.'),
      workers: count(1, 256).default(4).describe('Systems tried at the same time by this replica.'),
    })
    .transform(({ tick, trialBudget, ...rest }) => ({ ...rest, tickMs: tick, trialBudgetMs: trialBudget }))
    .prefault({})
    .describe('The pace of the daemon.'),
  policy: policySchema.prefault({}).describe('What is expected of a revocation, and how often it is looked at.'),
  retention: z
    .strictObject({
      observations: duration('30d', '3650d')
        .prefault('400d')
        .describe('How long observations are kept. Whole months are dropped; the ledger keeps their digests.'),
    })
    .transform(({ observations }) => ({ observationsMs: observations }))
    .prefault({})
    .describe('How long records are kept.'),
  frameworks: line()
    .exactOptional()
    .describe(
      'File that maps findings and checks to frameworks, see docs/frameworks.md. Left out: the one that comes with Revenant.',
    ),
  ledger: ledgerSchema.prefault({}).describe('The evidence ledger: a signed, append-only log of what was found and done.'),
  evidence: evidenceSchema.prefault({}).describe('Evidence that tools of auditors fetch.'),
  access: accessSchema.prefault({}).describe('Who may use the page and the API, and how they are reached. See docs/api.md.'),
  defaults: defaultsSchema.prefault({}).describe('What systems leave out.'),
  systems: z.array(systemSchema).default([]).describe('The downstream systems that must stop accepting those who left.'),
  sources: z
    .array(sourceSchema)
    .default([])
    .describe('Where leavers are heard of by themselves. A source has further keys of its own, see docs/sources.md.'),
  alerts: z
    .array(sinkSchema)
    .default([])
    .describe('Who is told, and how. A receiver has further keys of its own, see docs/alerts.md.'),
  telemetry: telemetrySchema.prefault({}).describe('What the daemon says about itself.'),
})

export type FileOutput = z.output<typeof fileSchema>
