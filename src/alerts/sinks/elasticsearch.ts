import { z } from 'zod'
import { CERTIFICATE_PAIR } from './entry-rules.ts'
import { documentOf, httpSink } from './http.ts'
import { below, urlField } from './http-address.ts'
import { isSuccess, jsonOf, type KnownCode, refusedBy, unexpected } from './http-answer.ts'
import {
  commonFields,
  formatField,
  type Message,
  resolved,
  type Sink,
  type SinkDeps,
  SinkError,
  secretField,
  tlsFields,
} from './sink.ts'

export const elasticsearchEntry = z
  .strictObject({
    ...commonFields,
    ...tlsFields,
    ...secretField,
    format: formatField(['ecs', 'json', 'ocsf']),
    sink: z.literal('elasticsearch'),
    to: urlField('The base URL of the cluster: https://elastic.internal:9200.'),
    dataStream: z
      .string()
      // Elasticsearch, "Create data stream": lower case, none of these characters, no . - _ in front, 255 bytes.
      .regex(/^(?![-_+.])[^A-Z\\/*?"<>|,#:\s]{1,255}$/, 'give the name of a data stream, e.g. logs-revenant-default')
      .default('logs-revenant-default')
      .describe('The data stream that takes the alerts; an index template must make it one.'),
    username: z
      .string()
      .min(1)
      .max(256)
      .optional()
      .describe('With it, `secret` is the password; without it, an encoded API key.'),
    requireDataStream: z
      .boolean()
      .default(true)
      .describe('Refuse to make an ordinary index where no template fits. Elasticsearch 8.13 and later; false for OpenSearch.'),
  })
  .refine(CERTIFICATE_PAIR.holds, CERTIFICATE_PAIR.fault)
  .refine(({ username, secret }) => username === undefined || secret !== undefined, {
    message: 'username needs secret, a reference to the password',
    path: ['username'],
  })

type ElasticsearchEntry = z.output<typeof elasticsearchEntry>

/** Error types of one item (Elasticsearch, "Bulk API"), those that a set-up causes. */
const ERRORS: Readonly<Record<string, KnownCode>> = {
  index_not_found_exception: { advice: 'No index template makes `dataStream` a data stream: add one, or name another.' },
  resource_not_found_exception: { advice: 'No index template makes `dataStream` a data stream: add one, or name another.' },
  document_parsing_exception: { advice: 'The mapping of the data stream does not fit the format: see its template.' },
  mapper_parsing_exception: { advice: 'The mapping of the data stream does not fit the format: see its template.' },
  strict_dynamic_mapping_exception: { advice: 'The mapping of the data stream takes no new fields: see its template.' },
  security_exception: {
    retry: true,
    advice: 'The user or API key may not write there: it needs the privileges create_doc and auto_configure on the data stream.',
  },
  cluster_block_exception: {
    retry: true,
    advice: 'The cluster takes no writes: its disks may be full, or the index is read-only.',
  },
  es_rejected_execution_exception: { advice: 'The cluster is overloaded: it is tried again by itself.' },
  illegal_argument_exception: {
    retry: true,
    advice: 'The cluster does not take the request: check `dataStream`, and `requireDataStream` on older versions.',
  },
}

const bulkAnswer = z.object({
  items: z.tuple([
    z.object({
      create: z.object({
        status: z.int(),
        failure_store: z.string().optional(),
        error: z.object({ type: z.string() }).optional(),
      }),
    }),
  ]),
})
const errorAnswer = z.object({ error: z.object({ type: z.string() }) })

/**
 * Creates each alert as a document of a data stream, by one bulk request, under the alert's own id: a retry of what has arrived is
 * answered 409 and counts as delivered, unless the data stream has rolled over in between.
 */
export function openElasticsearch(entry: ElasticsearchEntry, deps: SinkDeps): Sink {
  const authorization = authorizationOf(entry, deps)
  return httpSink(entry, deps, {
    kind: 'elasticsearch',
    async deliver(message, http) {
      const url = `${below(http.to, `${encodeURIComponent(entry.dataStream)}/_bulk`)}${entry.requireDataStream ? '?require_data_stream=true' : ''}`
      const answer = await http.post({
        url,
        headers: { 'content-type': 'application/x-ndjson', accept: 'application/json', ...authorization },
        body: bulkBody(message),
        read: 'all',
      })
      if (!isSuccess(answer)) throw refusedBy(entry.name, answer, ERRORS, jsonOf(answer, errorAnswer)?.error.type)
      const item = jsonOf(answer, bulkAnswer)?.items[0].create
      if (item === undefined) throw unexpected(entry.name, answer)
      if (item.failure_store === 'used') throw parked(entry.name, answer.status)
      if (item.status === 201) return { detail: { status: 201 } }
      if (item.status === 409) return { detail: { status: 409, duplicate: 'yes' } }
      throw refusedBy(entry.name, { ...answer, status: item.status }, ERRORS, item.error?.type)
    },
  })
}

function bulkBody(message: Message): string {
  const { envelope } = message
  const document = documentOf(message)
  // A data stream takes nothing without it; in ECS it is there already.
  const stamped = { '@timestamp': envelope.at, ...z.looseObject({}).parse(document) }
  return `${JSON.stringify({ create: { _id: envelope.id } })}\n${JSON.stringify(stamped)}\n`
}

function authorizationOf(entry: ElasticsearchEntry, deps: SinkDeps): Record<string, string> {
  const { secret } = resolved(entry, deps, ['secret'])
  if (secret === undefined) return {}
  if (entry.username === undefined) return { authorization: `ApiKey ${secret.trim()}` }
  return { authorization: `Basic ${Buffer.from(`${entry.username}:${secret}`).toString('base64')}` }
}

/** Elasticsearch 8.19 and later answer 201 for a document that its data stream did not take and its failure store did. */
function parked(name: string, status: number): SinkError {
  return new SinkError('SINK_REFUSED', `sink ${name}: the document went to the failure store of the data stream`, {
    retry: false,
    detail: { status, error: 'FAILURE_STORE' },
    advice: 'The mapping or the pipeline of the data stream does not fit the format: see the document in its failure store.',
  })
}
