import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { z } from 'zod'
import { CERTIFICATE_PAIR } from './entry-rules.ts'
import { documentOf, httpSink } from './http.ts'
import { below, plainUrlField, urlField } from './http-address.ts'
import { isSuccess, refused, unexpected } from './http-answer.ts'
import { type TokenRefusal, tokenSource } from './http-token.ts'
import {
  commonFields,
  formatField,
  type Message,
  requiredSecret,
  resolvedSecret,
  type Sink,
  type SinkDeps,
  tlsFields,
} from './sink.ts'

export const sentinelEntry = z
  .strictObject({
    ...commonFields,
    ...tlsFields,
    secret: requiredSecret('The client secret of the app registration.'),
    format: formatField(['json', 'ocsf', 'ecs', 'text']),
    sink: z.literal('sentinel'),
    to: urlField('The logs ingestion endpoint: of the data collection rule (kind Direct), or of a data collection endpoint.'),
    dcr: z
      .string()
      .regex(/^dcr-[0-9a-f]{32}$/, 'give the immutable id of the data collection rule: dcr- and 32 hexadecimal digits')
      .describe('The immutable id of the data collection rule.'),
    stream: z
      .string()
      .regex(/^(Custom|Microsoft)-[A-Za-z0-9_-]{1,90}$/, 'give the name of a stream of the rule, e.g. Custom-Revenant_CL')
      .default('Custom-Revenant_CL')
      .describe('The stream of the rule.'),
    tenant: z
      .string()
      .regex(/^[A-Za-z0-9.-]{1,253}$/, 'give the id of the tenant, or one of its domains')
      .describe('The Entra tenant.'),
    clientId: z.guid().describe('The application (client) id of the app registration.'),
    authority: plainUrlField('Where tokens come from; other clouds have another.').default('https://login.microsoftonline.com'),
    scope: z
      .string()
      .regex(/^https:\/\/[\w./-]+\/\.default$/, 'give a scope that ends in /.default')
      .default('https://monitor.azure.com/.default')
      .describe('What the token is for; other clouds have another.'),
  })
  .refine(CERTIFICATE_PAIR.holds, CERTIFICATE_PAIR.fault)

type SentinelEntry = z.output<typeof sentinelEntry>

/** Azure Monitor service limits, "Logs Ingestion API": 1 MB a call, compressed or not; the rest is for the columns around the document. */
const MOST_BYTES = 900_000
const API_VERSION = '2023-01-01'
const compress = promisify(gzip)

/** Entra's numbers for what an operator can mend. */
const AADSTS: Readonly<Record<number, string>> = {
  700016: 'Entra knows no such application in this tenant: check `clientId` and `tenant`.',
  7000215: 'The client secret is wrong: check that `secret` holds its value, not its id.',
  7000222: 'The client secret has expired: make a new one in the app registration.',
  90002: 'Entra knows no such tenant: check `tenant`.',
  500011: 'The tenant does not know the audience: check `scope`.',
}

/**
 * Sends each alert as a record of Azure Monitor's Logs Ingestion API, through a data collection rule into a table of the workspace.
 * Delivered: the endpoint has taken it (204); the rule's transformation and the table come later. A retry stores the record twice.
 */
export function openSentinel(entry: SentinelEntry, deps: SinkDeps): Sink {
  const secret = resolvedSecret(entry, deps)
  const tokens = tokenSource({
    name: entry.name,
    url: below(entry.authority, `${entry.tenant}/oauth2/v2.0/token`),
    now: deps.now,
    form: async () => ({
      grant_type: 'client_credentials',
      client_id: entry.clientId,
      client_secret: secret,
      scope: entry.scope,
    }),
    advice: adviseToken,
  })
  return httpSink(entry, deps, {
    kind: 'sentinel',
    mostBytes: MOST_BYTES,
    async deliver(message, http) {
      const token = await tokens.get(http)
      const path = `dataCollectionRules/${entry.dcr}/streams/${encodeURIComponent(entry.stream)}`
      const answer = await http.post({
        url: `${below(http.to, path)}?api-version=${API_VERSION}`,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'content-encoding': 'gzip' },
        body: await compress(JSON.stringify([recordOf(message)])),
      })
      if (answer.status === 204) return { detail: { status: answer.status } }
      if (isSuccess(answer)) throw unexpected(entry.name, answer)
      if (answer.status === 401) tokens.forget(token)
      throw refused(entry.name, answer, { advice: ADVICE[answer.status] })
    },
  })
}

const ADVICE: Readonly<Record<number, string>> = {
  400: 'The rule cannot read the record: check that the columns of `stream` are those of docs/alerts.md.',
  401: 'The endpoint does not accept the token: check `scope`, and that `to` belongs to the same cloud as `authority`.',
  403: 'The application may not write through this rule: give it the role Monitoring Metrics Publisher on the rule, and wait half an hour.',
  404: 'The endpoint knows no such rule or stream: check `to`, `dcr` and `stream`.',
}

/** Columns whose names no table reserves (`id`, `Title`, `Type` and `TenantId` are reserved); the document is one dynamic column. */
function recordOf(message: Message) {
  const { envelope } = message
  return {
    // Kusto counts in steps of 100 ns; ours can be finer.
    TimeGenerated: Temporal.Instant.from(envelope.at).toString({ fractionalSecondDigits: 3 }),
    AlertId: envelope.id,
    DedupKey: envelope.key,
    EventName: envelope.event,
    Severity: envelope.severity,
    AlertTitle: envelope.title,
    IsTest: envelope.test,
    Facts: envelope.facts,
    Document: documentOf(message),
  }
}

function adviseToken({ error, numbers }: TokenRefusal): string | undefined {
  const known = numbers.map((number) => AADSTS[number]).find((advice) => advice !== undefined)
  return (
    known ?? (error === 'invalid_client' ? 'Entra does not accept the application: check `clientId` and `secret`.' : undefined)
  )
}
