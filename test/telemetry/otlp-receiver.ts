import { createServer } from 'node:http'
import { z } from 'zod'

const value = z.object({
  stringValue: z.string().optional(),
  intValue: z.number().optional(),
  doubleValue: z.number().optional(),
  boolValue: z.boolean().optional(),
})
const attributes = z
  .array(z.object({ key: z.string(), value }))
  .default([])
  .transform((list) =>
    Object.fromEntries(list.map(({ key, value: v }) => [key, v.stringValue ?? v.intValue ?? v.doubleValue ?? v.boolValue])),
  )
const resource = z.object({ attributes })

const span = z.object({
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string().optional(),
  name: z.string(),
  kind: z.number(),
  attributes,
  events: z.array(z.object({ name: z.string(), attributes })).default([]),
  status: z.object({ code: z.number().optional() }).optional(),
})
const traces = z.object({
  resourceSpans: z.array(z.object({ resource, scopeSpans: z.array(z.object({ spans: z.array(span) })) })),
})

const point = z.object({
  attributes,
  asDouble: z.number().optional(),
  asInt: z.number().optional(),
  count: z.number().optional(),
  sum: z.number().optional(),
})
const points = z.object({ dataPoints: z.array(point), isMonotonic: z.boolean().optional() })
const metric = z.object({
  name: z.string(),
  unit: z.string(),
  sum: points.optional(),
  gauge: points.optional(),
  histogram: points.optional(),
})
const metrics = z.object({
  resourceMetrics: z.array(z.object({ resource, scopeMetrics: z.array(z.object({ metrics: z.array(metric) })) })),
})

const record = z.object({
  severityText: z.string().optional(),
  body: value,
  eventName: z.string().optional(),
  traceId: z.string().optional(),
  spanId: z.string().optional(),
  attributes,
})
const logs = z.object({
  resourceLogs: z.array(z.object({ resource, scopeLogs: z.array(z.object({ logRecords: z.array(record) })) })),
})

interface Received {
  path: string
  type: string
  body: Buffer
}

/** An OTLP/HTTP receiver on loopback: keeps every request, and reads those in JSON. */
export async function openReceiver(status = 200) {
  const requests: Received[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      requests.push({ path: request.url ?? '', type: request.headers['content-type'] ?? '', body: Buffer.concat(chunks) })
      response.writeHead(status, { 'content-type': 'application/json', connection: 'close' }).end('{}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const bodies = (path: string) =>
    requests.filter((r) => r.path === path && r.type === 'application/json').map((r) => JSON.parse(r.body.toString()))
  return {
    url: `http://127.0.0.1:${address.port}`,
    requests,
    everything: () => Buffer.concat(requests.map((r) => r.body)).toString('latin1'),
    spans: () =>
      bodies('/v1/traces')
        .flatMap((b) => traces.parse(b).resourceSpans)
        .flatMap((r) => r.scopeSpans)
        .flatMap((s) => s.spans),
    metrics: () =>
      bodies('/v1/metrics')
        .flatMap((b) => metrics.parse(b).resourceMetrics)
        .flatMap((r) => r.scopeMetrics)
        .flatMap((s) => s.metrics),
    logs: () =>
      bodies('/v1/logs')
        .flatMap((b) => logs.parse(b).resourceLogs)
        .flatMap((r) => r.scopeLogs)
        .flatMap((s) => s.logRecords),
    resources: () =>
      [
        ...bodies('/v1/traces').flatMap((b) => traces.parse(b).resourceSpans),
        ...bodies('/v1/metrics').flatMap((b) => metrics.parse(b).resourceMetrics),
        ...bodies('/v1/logs').flatMap((b) => logs.parse(b).resourceLogs),
      ].map((r) => r.resource.attributes),
    close: () => new Promise<void>((resolve) => void server.close(() => resolve())),
  }
}
