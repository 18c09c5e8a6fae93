/**
 * The receiver is written from the OpenTelemetry Protocol Specification ("OTLP/HTTP", "Partial success") and opentelemetry-proto
 * (logs/v1, common/v1); it decodes protobuf by itself, so that the serialiser is not checked with itself. No collector is to be had
 * here.
 */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { advise } from '../../../src/alerts/advise.ts'
import type { Asked, Receive, Reply } from '../../servers/http-receiver.ts'
import { ALERT } from '../sample.ts'
import { failureOf, MARK, message, patience } from './deps.ts'
import { type HttpSinkSuite, httpSinkSuite, workshop } from './http-suite.ts'

const TOKEN = `Bearer ${MARK}`
const PROTOBUF = 'application/x-protobuf'

const suite = (encoding: 'protobuf' | 'json'): HttpSinkSuite => ({
  kind: 'otlp',
  format: 'text',
  entry: (origin) => ({ to: origin, secret: 'env:OTLP', encoding }),
  deps: () => ({ secret: TOKEN }),
  wrongDeps: () => ({ secret: `${MARK}-other` }),
  vendor: collector(),
  identity: (asked) => recordIn(asked).attributes['log.record.uid'],
  checksBody: true,
})

httpSinkSuite(suite('protobuf'))

describe.each(['protobuf', 'json'] as const)('otlp as %s', (encoding) => {
  const { open, receiver } = workshop(suite(encoding))

  it('sends a log record of the finding', async () => {
    const { origin, asked } = await receiver(collector())
    expect(await open(origin).deliver(message(ALERT, 'text'), patience())).toEqual({ detail: { status: 200 } })
    expect(asked[0]).toMatchObject({
      path: '/v1/logs',
      headers: { 'content-type': encoding === 'json' ? 'application/json' : PROTOBUF },
    })
    if (asked[0] === undefined) throw new Error('nothing was sent')
    expect(recordIn(asked[0])).toMatchObject({
      resource: {
        'service.name': 'revenant',
        'service.version': '0.1.0',
        'service.instance.id': 'replica-1',
        'host.name': 'watch.example.com',
      },
      timeUnixNano: 1_795_328_262_143_000_000n,
      severityNumber: 21,
      severityText: 'critical',
      eventName: 'revenant.finding',
      body: expect.stringMatching(/^CRITICAL /),
      traceId: ALERT.traceId,
      attributes: {
        'log.record.uid': ALERT.id,
        'security_rule.name': 'residual_access',
        'revenant.dedup': ALERT.dedupKey,
        'revenant.system': 'payroll-db',
        'revenant.fingerprint': ALERT.credential?.fingerprint,
      },
    })
  })

  it('keeps a path that the entry gives, and takes another header', async () => {
    const { origin, asked } = await receiver(() => ({ status: 200 }))
    await open(origin, { to: `${origin}/otlp/logs`, header: 'x-api-key' }).deliver(message(ALERT, 'text'), patience())
    expect(asked[0]).toMatchObject({ path: '/otlp/logs', headers: { 'x-api-key': TOKEN } })
    expect(asked[0]?.headers).not.toHaveProperty('authorization')
  })

  it('does not call a record delivered that was rejected, and does not send it again', async () => {
    const { origin } = await receiver(collector(1))
    const error = await failureOf(open(origin), message(ALERT, 'text'))
    expect(error).toMatchObject({ code: 'SINK_REFUSED', retry: false, detail: { error: 'RECORD_REJECTED' } })
    expect(advise(error)).toMatch(/rejected the record/)
  })

  it('takes a warning for what it is', async () => {
    const { origin } = await receiver(collector(0))
    await open(origin).deliver(message(ALERT, 'text'), patience())
  })
})

describe('otlp', () => {
  const { open, receiver } = workshop(suite('json'))

  it('sends a document as a structured body', async () => {
    const { origin, asked } = await receiver(collector())
    await open(origin, { format: 'ocsf' }).deliver(message(ALERT, 'ocsf'), patience())
    const body = JSON.parse(String(asked[0]?.body)).resourceLogs[0].scopeLogs[0].logRecords[0].body
    expect(body.kvlistValue.values).toContainEqual({ key: 'class_uid', value: { intValue: 2004 } })
  })

  it('refuses a header that no header can be', () => {
    expect(() => open('https://otlp.example.com', { header: 'a b' })).toThrow()
    expect(() => open('https://otlp.example.com', {}, { secret: `${MARK}\nx: y` })).toThrow(
      expect.objectContaining({ code: 'SECRET_INVALID', message: expect.not.stringContaining(MARK) }),
    )
  })
})

interface Recorded {
  resource: Record<string, string>
  timeUnixNano: bigint
  severityNumber: number
  severityText: string
  eventName: string
  body: string
  traceId: string
  attributes: Record<string, string>
}

function collector(rejected?: number): Receive {
  return (asked): Reply => {
    const type = String(asked.headers['content-type'])
    if (asked.headers.authorization !== TOKEN) return { status: 401 }
    if (type !== PROTOBUF && type !== 'application/json') return { status: 415 }
    recordIn(asked)
    return { status: 200, headers: { 'content-type': type }, body: answer(type, rejected) }
  }
}

/** ExportLogsServiceResponse: partial_success = 1 { rejected_log_records = 1, error_message = 2 }. */
function answer(type: string, rejected: number | undefined): Buffer {
  if (type === 'application/json') {
    const partialSuccess =
      rejected === undefined ? {} : { partialSuccess: { rejectedLogRecords: String(rejected), errorMessage: MARK } }
    return Buffer.from(JSON.stringify(partialSuccess))
  }
  if (rejected === undefined) return Buffer.alloc(0)
  const inner = Buffer.concat([Buffer.from([0x08, rejected, 0x12, MARK.length]), Buffer.from(MARK)])
  return Buffer.concat([Buffer.from([0x0a, inner.length]), inner])
}

function recordIn({ headers, body }: Asked): Recorded {
  return headers['content-type'] === PROTOBUF ? fromProtobuf(body) : fromJson(body)
}

const keyValues = z
  .array(z.object({ key: z.string(), value: z.object({ stringValue: z.string() }) }))
  .transform((pairs) => Object.fromEntries(pairs.map(({ key, value }) => [key, value.stringValue])))
const exportRequest = z.object({
  resourceLogs: z.tuple([
    z.object({
      resource: z.object({ attributes: keyValues }),
      scopeLogs: z.tuple([
        z.object({
          logRecords: z.tuple([
            z.object({
              timeUnixNano: z.coerce.bigint(),
              severityNumber: z.int(),
              severityText: z.string(),
              eventName: z.string(),
              body: z.object({ stringValue: z.string().default('') }),
              traceId: z.string(),
              attributes: keyValues,
            }),
          ]),
        }),
      ]),
    }),
  ]),
})

function fromJson(body: Buffer): Recorded {
  const [{ resource, scopeLogs }] = exportRequest.parse(JSON.parse(body.toString())).resourceLogs
  const [record] = scopeLogs[0].logRecords
  return { ...record, resource: resource.attributes, body: record.body.stringValue }
}

function fromProtobuf(body: Buffer): Recorded {
  const resourceLogs = only(fields(body), 1)
  const record = only(fields(only(fields(resourceLogs), 2)), 2)
  const of = fields(record)
  return {
    resource: pairs(fields(only(fields(resourceLogs), 1)), 1),
    timeUnixNano: only(of, 1).readBigUInt64LE(),
    severityNumber: only(of, 2)[0] ?? 0,
    severityText: only(of, 3).toString(),
    eventName: only(of, 12).toString(),
    body: only(fields(only(of, 5)), 1).toString(),
    traceId: only(of, 9).toString('hex'),
    attributes: pairs(of, 6),
  }
}

/** KeyValue { key = 1, value = 2 } of AnyValue { string_value = 1 }. */
function pairs(of: Map<number, Buffer[]>, number: number): Record<string, string> {
  return Object.fromEntries(
    (of.get(number) ?? []).map((pair) => {
      const keyValue = fields(pair)
      return [only(keyValue, 1).toString(), only(fields(only(keyValue, 2)), 1).toString()]
    }),
  )
}

function only(of: Map<number, Buffer[]>, number: number): Buffer {
  const [value] = of.get(number) ?? []
  if (value === undefined) throw new Error(`field ${number} is missing`)
  return value
}

/** A message of the protobuf wire format by field number; varints as their bytes. */
function fields(message: Buffer): Map<number, Buffer[]> {
  const found = new Map<number, Buffer[]>()
  let at = 0
  const varint = () => {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = message[at++]
      if (byte === undefined) throw new Error('the message ends early')
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
  }
  while (at < message.length) {
    const tag = varint()
    const from = (tag & 7) === 2 ? varint() + at : undefined
    const start = at
    if (from !== undefined) at = from
    else if ((tag & 7) === 1) at += 8
    else if ((tag & 7) === 5) at += 4
    else varint()
    const list = found.get(tag >>> 3) ?? []
    found.set(tag >>> 3, [...list, message.subarray(start, at)])
  }
  return found
}
