/** Run as a process of its own: the SDK reads the environment and registers itself globally, once. */
import { subscribe } from 'node:diagnostics_channel'
import { registerHooks } from 'node:module'
import { trace } from '@opentelemetry/api'
import { startTelemetry } from '../../src/telemetry/start.ts'

let sockets = 0
subscribe('net.client.socket', () => {
  sockets++
})
let loadsSdk = false
registerHooks({
  resolve: (specifier, context, next) => {
    if (specifier === '@opentelemetry/sdk-node') loadsSdk = true
    return next(specifier, context)
  },
})

const before = performance.now()
const telemetry = await startTelemetry({ version: '1.2.3', instance: 'replica-7', logLevel: 'info', env: process.env })
const startMs = performance.now() - before

const attempts = Number(process.env.ATTEMPTS ?? '3')
const meter = telemetry.meters.attempts({ system: 'payroll-db', probe: 'postgres' })
const trial = telemetry.tracer.trial({
  system: 'payroll-db',
  probe: 'postgres',
  user: 'SECRET-user',
  email: 'SECRET@example.com',
})
const spanIds: string[] = []
for (let i = 0; i < attempts; i++) {
  const isAccepted = i === 1
  const span = trial.attempt({ password: 'SECRET-password', ...(i === 0 ? { control: 'canary' } : {}) })
  spanIds.push(span.spanId)
  if (i === 0) span.end({ verdict: 'accepted', reason: 'authenticated', latencyMs: 3, wire: {} })
  else if (isAccepted)
    span.end({
      verdict: 'accepted',
      reason: 'authenticated',
      latencyMs: 5,
      wire: { status: 200, echo: 'SECRETa1b2c3d4e5f6' },
      principalKnown: true,
    })
  else if (i === 2) span.fail('ECONNRESET')
  else span.end({ verdict: 'rejected', reason: 'invalid_credentials', latencyMs: 4, wire: { sqlstate: '28P01' } })
  meter.record(isAccepted ? 'accepted' : 'rejected', isAccepted ? 'authenticated' : 'invalid_credentials', 4)
}
trial.event('circuit.opened', { reason: 'unreachable', cookie: 'SECRET-cookie' })
trial.end('completed')

// What an instrumentation that the operator preloaded would do.
const foreign = trace.getTracer('@opentelemetry/instrumentation-undici').startSpan('GET', {
  attributes: {
    'url.full': 'https://hooks.example.com/services/SECRET-path?access_token=SECRET-query',
    'url.path': '/services/SECRET-path',
    'url.query': '?access_token=SECRET-query',
    'http.request.header.authorization': ['Bearer SECRET-header'],
  },
})
foreign.end()

const log = telemetry.logger.child({ trace_id: trial.traceId, span_id: trial.spanId })
log.info(
  {
    event: 'trial.ended',
    system: 'payroll-db',
    password: 'SECRET-log',
    nested: { headers: { authorization: 'Bearer SECRET-nested' } },
  },
  'trial ended',
)

await telemetry.shutdown()
process.stderr.write(`${JSON.stringify({ startMs, traceId: trial.traceId, rootId: trial.spanId, spanIds, sockets, loadsSdk })}\n`)
