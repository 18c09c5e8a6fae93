import type { AnyValue, SeverityNumber } from '@opentelemetry/api'
import type { ISerializer } from '@opentelemetry/otlp-transformer'
import { z } from 'zod'
import type { Severity } from '../../domain/finding.ts'
import { CERTIFICATE_PAIR } from './entry-rules.ts'
import { documentOf, httpSink } from './http.ts'
import { below, urlField } from './http-address.ts'
import { type HttpAnswer, isSuccess, refused, unexpected } from './http-answer.ts'
import {
  commonFields,
  formatField,
  type Message,
  resolvedSecret,
  type Sink,
  type SinkDeps,
  SinkError,
  secretField,
  tlsFields,
} from './sink.ts'

export const otlpEntry = z
  .strictObject({
    ...commonFields,
    ...tlsFields,
    ...secretField,
    format: formatField(['text', 'json', 'ocsf', 'ecs']),
    sink: z.literal('otlp'),
    to: urlField('An OTLP/HTTP receiver: https://collector.internal:4318; /v1/logs is added where there is no path.'),
    encoding: z.enum(['protobuf', 'json']).default('protobuf').describe('How records are encoded.'),
    header: z
      .string()
      .regex(/^[a-z0-9-]{1,64}$/, 'give the name of a header in lower case, e.g. authorization')
      .default('authorization')
      .describe('The header that carries `secret`, which is its whole value: `Bearer …`, `Basic …`, a bare key.'),
  })
  .refine(CERTIFICATE_PAIR.holds, CERTIFICATE_PAIR.fault)

const CONTENT_TYPES = { protobuf: 'application/x-protobuf', json: 'application/json' } as const

/** OpenTelemetry, "Logs Data Model", "Mapping of SeverityNumber". */
const SEVERITY_NUMBERS: Readonly<Record<Severity, SeverityNumber>> = {
  info: 9,
  low: 11,
  medium: 13,
  high: 17,
  critical: 21,
}

/**
 * Sends each alert as one log record over OTLP/HTTP, encoded by OpenTelemetry's own serialiser. Delivered: the receiver answered 2xx
 * and rejected no record (OTLP, "Partial success"). A retry sends the same `log.record.uid`.
 */
export function openOtlp(entry: z.output<typeof otlpEntry>, deps: SinkDeps): Sink {
  const { secret } = entry
  const headers = {
    'content-type': CONTENT_TYPES[entry.encoding],
    ...(secret === undefined ? {} : { [entry.header]: resolvedSecret({ name: entry.name, secret }, deps) }),
  }
  let encoder: Promise<Encoder> | undefined
  return httpSink(entry, deps, {
    kind: 'otlp',
    async deliver(message, http) {
      // Loaded with the first record: the daemon starts without.
      encoder ??= loadEncoder(entry.encoding, deps)
      const { serializer, origin } = await encoder
      const body = serializer.serializeRequest([{ ...recordOf(message, deps), ...origin }])
      if (body === undefined) throw new TypeError('a record did not serialise')
      const answer = await http.post({ url: logsUrl(http.to), headers, body, read: 'all' })
      if (!isSuccess(answer)) throw refused(entry.name, answer)
      checkRejected(entry.name, answer, CONTENT_TYPES[entry.encoding], serializer)
      return { detail: { status: answer.status } }
    },
  })
}

type Encoder = Awaited<ReturnType<typeof loadEncoder>>

async function loadEncoder(encoding: 'protobuf' | 'json', { context }: SinkDeps) {
  const { JsonLogsSerializer, ProtobufLogsSerializer } = await import('@opentelemetry/otlp-transformer')
  const { resourceFromAttributes } = await import('@opentelemetry/resources')
  const { name, version, instance } = context.product
  const resource = resourceFromAttributes({
    'service.name': name.toLowerCase(),
    'service.version': version,
    'service.instance.id': instance,
    'host.name': context.hostname,
  })
  return {
    serializer: encoding === 'json' ? JsonLogsSerializer : ProtobufLogsSerializer,
    origin: { resource, instrumentationScope: { name: 'revenant.alerts', version } },
  }
}

function logsUrl(to: string): string {
  return new URL(to).pathname === '/' ? below(to, 'v1/logs') : to
}

function recordOf(message: Message, { now }: SinkDeps) {
  const { envelope } = message
  const { trace, kind } = envelope.facts
  const own = Object.entries(envelope.facts).map(([name, value]) => [`revenant.${name}`, value] as const)
  return {
    hrTime: hrTime(Temporal.Instant.from(envelope.at)),
    hrTimeObserved: hrTime(now()),
    severityNumber: SEVERITY_NUMBERS[envelope.severity],
    severityText: envelope.severity,
    // Static, as the semantic conventions ask for: what happened is in the attributes.
    eventName: EVENT_NAMES[envelope.event] ?? 'revenant.finding',
    body: bodyOf(message),
    attributes: {
      'log.record.uid': envelope.id,
      ...(kind === undefined ? {} : { 'security_rule.name': kind, 'security_rule.ruleset.name': 'revenant' }),
      'revenant.title': envelope.title,
      ...Object.fromEntries(own),
    },
    droppedAttributesCount: 0,
    // A span id of zeros says that there is none; the trace is known all the same.
    ...(trace === undefined ? {} : { spanContext: { traceId: trace, spanId: '0'.repeat(16), traceFlags: 0 } }),
  }
}

const EVENT_NAMES: Readonly<Record<string, string>> = { group: 'revenant.group', heartbeat: 'revenant.heartbeat' }

function bodyOf(message: Message): AnyValue {
  return z.json().parse(documentOf(message))
}

function hrTime(instant: Temporal.Instant): [seconds: number, nanoseconds: number] {
  const nanoseconds = instant.epochNanoseconds
  return [Number(nanoseconds / 1_000_000_000n), Number(nanoseconds % 1_000_000_000n)]
}

/** An answer of another type than the request is none of OTLP; a rejected record must not be sent again. */
function checkRejected<Request>(
  name: string,
  answer: HttpAnswer,
  contentType: string,
  serializer: ISerializer<Request, { partialSuccess?: { rejectedLogRecords?: number } }>,
): void {
  if (answer.body?.length === 0) return
  if (answer.body === undefined || answer.contentType !== contentType) throw unexpected(name, answer)
  const rejected = Number(decoded(name, answer, answer.body, serializer).partialSuccess?.rejectedLogRecords ?? 0)
  if (rejected === 0) return
  throw new SinkError('SINK_REFUSED', `sink ${name}: the receiver rejected the record`, {
    retry: false,
    detail: { status: answer.status, error: 'RECORD_REJECTED' },
    advice: 'The receiver took the request and rejected the record: see its own log.',
  })
}

function decoded<Request, Response>(
  name: string,
  answer: HttpAnswer,
  body: Buffer,
  serializer: ISerializer<Request, Response>,
): Response {
  try {
    return serializer.deserializeResponse(body)
  } catch {
    throw unexpected(name, answer)
  }
}
