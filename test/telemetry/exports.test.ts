import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { anyAsked, exportsAsked } from '../../src/telemetry/exports.ts'
import { failOnLeaks } from './leaks.ts'
import { openReceiver } from './otlp-receiver.ts'
import { runScenario } from './run.ts'

failOnLeaks()

describe('what is asked for', () => {
  const none = { traces: false, metrics: false, logs: false }
  const all = { traces: true, metrics: true, logs: true }
  it.each<[Record<string, string>, object]>([
    [{}, none],
    [{ OTEL_SERVICE_NAME: 'x', OTEL_TRACES_SAMPLER: 'always_on' }, none],
    [{ OTEL_TRACES_EXPORTER: '', OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }, none],
    [{ OTEL_TRACES_EXPORTER: 'otlp' }, { ...none, traces: true }],
    [{ OTEL_METRICS_EXPORTER: 'console' }, { ...none, metrics: true }],
    [{ OTEL_LOGS_EXPORTER: 'otlp' }, { ...none, logs: true }],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://h:4318' }, all],
    [{ OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'http://h:4318/v1/logs' }, { ...none, logs: true }],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://h:4318', OTEL_LOGS_EXPORTER: 'none' },
      { ...all, logs: false },
    ],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://h:4318', OTEL_SDK_DISABLED: 'true' }, none],
    [{ OTEL_CONFIG_FILE: '/etc/otel.yaml' }, { ...all, configFile: '/etc/otel.yaml' }],
    [{ OTEL_CONFIG_FILE: '/etc/otel.yaml', OTEL_SDK_DISABLED: 'TRUE' }, none],
  ])('%j', (env, expected) => {
    expect(exportsAsked(env)).toEqual(expected)
    expect(anyAsked(exportsAsked(env))).toBe(Object.values(expected).includes(true))
  })
})

describe('against a real OTLP receiver', () => {
  let receiver: Awaited<ReturnType<typeof openReceiver>>
  beforeEach(async () => {
    receiver = await openReceiver()
  })
  afterEach(() => receiver.close())
  const json = () => ({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' })

  it.each([
    ['nothing is set', {}],
    [
      'only names and samplers are set',
      { OTEL_SERVICE_NAME: 'x', OTEL_TRACES_SAMPLER: 'always_on', OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' },
    ],
    ['the SDK is disabled', { OTEL_SDK_DISABLED: 'true', OTEL_TRACES_EXPORTER: 'otlp', ENDPOINT: 'here' }],
    [
      'all exporters are none',
      { OTEL_TRACES_EXPORTER: 'none', OTEL_METRICS_EXPORTER: 'none', OTEL_LOGS_EXPORTER: 'none', ENDPOINT: 'here' },
    ],
  ])('sends nothing when %s', async (_when, env: Record<string, string>) => {
    const { ENDPOINT, ...rest } = env
    const run = await runScenario({ ...rest, ...(ENDPOINT === undefined ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url }) })
    // Left alone, the SDK would try localhost:4318: no connection is attempted to anywhere, and the SDK is not even loaded.
    expect(run).toMatchObject({ sockets: 0, loadsSdk: false })
    expect(receiver.requests).toEqual([])
    expect(run.traceId).toMatch(/^(?!0{32})[0-9a-f]{32}$/)
    expect(run.spanIds[1]).toBe('0000000000000000')
    expect(run.complaints).toEqual([])
  })

  it('sends one trace a trial, one span an attempt, metrics and logs, and no secret', async () => {
    const run = await runScenario({ ...json(), OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test' })
    expect(run.sockets).toBeGreaterThan(0)
    expect(run.loadsSdk).toBe(true)
    const spans = receiver.spans().filter((s) => s.name.startsWith('revenant.'))
    expect(new Set(spans.map((s) => s.traceId))).toEqual(new Set([run.traceId]))
    const root = spans.find((s) => s.spanId === run.rootId)
    expect(root).toMatchObject({
      name: 'revenant.trial',
      kind: 1,
      attributes: { 'revenant.system': 'payroll-db', 'revenant.probe': 'postgres', 'revenant.trial.outcome': 'completed' },
    })
    expect(root?.parentSpanId ?? '').toBe('')
    expect(root?.events).toEqual([{ name: 'circuit.opened', attributes: { 'revenant.reason': 'unreachable' } }])
    const [canary, accepted, failed] = run.spanIds.map((id) => spans.find((s) => s.spanId === id))
    expect(canary).toMatchObject({
      parentSpanId: run.rootId,
      events: [],
      attributes: { 'revenant.control': 'canary', 'revenant.verdict': 'accepted' },
    })
    expect(accepted).toMatchObject({
      name: 'revenant.attempt',
      attributes: {
        'revenant.system': 'payroll-db',
        'revenant.verdict': 'accepted',
        'revenant.reason': 'authenticated',
        'http.response.status_code': 200,
        'revenant.principal.known': true,
        'revenant.attempt.duration': 0.005,
      },
      events: [
        {
          name: 'residual_access.accepted',
          attributes: { 'revenant.system': 'payroll-db', 'revenant.probe': 'postgres', 'revenant.reason': 'authenticated' },
        },
      ],
    })
    expect(failed).toMatchObject({ status: { code: 2 }, attributes: { 'error.type': 'ECONNRESET' } })
    expect(spans).toHaveLength(4)

    const byName = new Map(receiver.metrics().map((m) => [m.name, m]))
    expect(byName.get('revenant.attempts')).toMatchObject({ unit: '{attempt}', sum: { isMonotonic: true } })
    expect(
      byName
        .get('revenant.attempts')
        ?.sum?.dataPoints.map((p) => p.asDouble ?? p.asInt)
        .sort(),
    ).toEqual([1, 2])
    expect(
      byName
        .get('revenant.attempt.duration')
        ?.histogram?.dataPoints.map((p) => p.count)
        .sort(),
    ).toEqual([1, 2])
    expect(byName.get('process.memory.usage')?.unit).toBe('By')

    expect(receiver.logs().find((l) => l.eventName === 'trial.ended')).toMatchObject({
      severityText: 'INFO',
      body: { stringValue: 'trial ended' },
      traceId: run.traceId,
      spanId: run.rootId,
      attributes: { system: 'payroll-db', password: '[redacted]' },
    })
    for (const attributes of receiver.resources()) {
      expect(attributes).toMatchObject({
        'service.name': 'revenant',
        'service.version': '1.2.3',
        'service.instance.id': 'replica-7',
        'deployment.environment.name': 'test',
      })
      expect(Object.keys(attributes).filter((key) => key.startsWith('process.command'))).toEqual([])
    }
    expect(receiver.spans().find((s) => s.name === 'GET')?.attributes).toMatchObject({
      'url.full': 'https://hooks.example.com/[redacted]',
      'url.query': '[redacted]',
    })
    expect(receiver.everything()).not.toContain('SECRET')
    expect(run.stdout).not.toContain('SECRET')
    expect(run.complaints).toEqual([])
  })

  it('speaks protobuf by default, and names win over ours', async () => {
    await runScenario({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_SERVICE_NAME: 'offboarding-watch' })
    expect(receiver.requests.map((r) => [r.path, r.type]).sort()).toEqual([
      ['/v1/logs', 'application/x-protobuf'],
      ['/v1/metrics', 'application/x-protobuf'],
      ['/v1/traces', 'application/x-protobuf'],
    ])
    expect(receiver.everything()).toContain('revenant.attempt.duration')
    expect(receiver.everything()).toContain('residual_access.accepted')
    expect(receiver.everything()).toContain('offboarding-watch')
    expect(receiver.everything()).not.toContain('SECRET')
  })

  it.each([
    ['traces', '/v1/traces'],
    ['metrics', '/v1/metrics'],
    ['logs', '/v1/logs'],
  ])('sends %s alone when only they are asked for', async (signal, path) => {
    const name = signal.toUpperCase()
    const run = await runScenario({
      [`OTEL_${name}_EXPORTER`]: 'otlp',
      [`OTEL_EXPORTER_OTLP_${name}_ENDPOINT`]: `${receiver.url}${path}`,
    })
    expect(new Set(receiver.requests.map((r) => r.path))).toEqual(new Set([path]))
    // One connection a request: nothing was tried at the SDK's default address either.
    expect(run.sockets).toBe(receiver.requests.length)
  })

  describe('sampling', () => {
    const accepted = ['revenant.attempt', 'revenant.trial']
    it.each([
      ['traceidratio', '0', accepted],
      ['parentbased_traceidratio', '0', accepted],
      ['traceidratio', '0.0000001', accepted],
      ['always_off', '', []],
      ['parentbased_always_off', '', []],
    ])('%s %s keeps the acceptance and its trial, or nothing where nothing is wanted', async (sampler, ratio, names) => {
      const run = await runScenario({ ...json(), ATTEMPTS: '200', OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: ratio })
      const spans = receiver.spans()
      expect(spans.map((s) => s.name).sort()).toEqual(names)
      if (names.length > 0) expect(new Set(spans.map((s) => s.spanId))).toEqual(new Set([run.rootId, run.spanIds[1]]))
      expect(run.traceId).toMatch(/^(?!0{32})[0-9a-f]{32}$/)
    })

    it('keeps everything by default', async () => {
      await runScenario({ ...json(), ATTEMPTS: '200', OTEL_LOGS_EXPORTER: 'none', OTEL_METRICS_EXPORTER: 'none' })
      expect(receiver.spans().filter((s) => s.name === 'revenant.attempt')).toHaveLength(200)
    })

    it('says so when the sampler is unknown', async () => {
      const run = await runScenario({ ...json(), OTEL_TRACES_SAMPLER: 'jaeger_remote' })
      expect(run.stdout).toContain('OTEL_TRACES_SAMPLER names no known sampler')
      expect(receiver.spans().filter((s) => s.name === 'revenant.attempt')).toHaveLength(3)
    })
  })

  describe('OTEL_CONFIG_FILE', () => {
    let folder: string
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'revenant-otel-'))
    })
    afterEach(() => rm(folder, { recursive: true }))

    it('decides alone', async () => {
      const file = join(folder, 'otel.yaml')
      await writeFile(file, declarative(receiver.url))
      const run = await runScenario({ OTEL_CONFIG_FILE: file, OTEL_TRACES_EXPORTER: 'none' })
      expect(new Set(receiver.requests.map((r) => r.path))).toEqual(new Set(['/v1/traces', '/v1/metrics', '/v1/logs']))
      expect(receiver.everything()).toContain('residual_access.accepted')
      expect(run.stdout).toContain('the sampler of OTEL_CONFIG_FILE decides alone')
    })

    it('stops the start when it is bad', async () => {
      const file = join(folder, 'bad.yaml')
      await writeFile(file, 'file_format: "99.0"\ntracer_provider: 3\n')
      await expect(runScenario({ OTEL_CONFIG_FILE: file })).rejects.toThrow(/OTEL_CONFIG_FILE: the file cannot be read/)
    })
  })
})

describe('a receiver in trouble', () => {
  it('is a warning in the log, and the process ends all the same', async () => {
    const receiver = await openReceiver(500)
    const run = await runScenario({
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_HEADERS: 'x-api-key=SECRET-header',
    })
    await receiver.close()
    expect(run.stdout).toMatch(/"level":"warn"/)
    expect(run.stdout).not.toContain('SECRET')
  })
})

function declarative(url: string): string {
  const exporter = (path: string) => `{ otlp_http: { endpoint: "${url}${path}" } }`
  return `file_format: "1.0"
resource: { attributes: [{ name: service.name, value: from-file }] }
tracer_provider:
  processors: [{ batch: { exporter: ${exporter('/v1/traces')} } }]
  sampler: { parent_based: { root: { always_on: } } }
meter_provider: { readers: [{ periodic: { exporter: ${exporter('/v1/metrics')} } }] }
logger_provider: { processors: [{ batch: { exporter: ${exporter('/v1/logs')} } }] }
`
}
