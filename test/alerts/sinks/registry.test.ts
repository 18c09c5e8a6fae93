import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { FORMAT_NAMES } from '../../../src/alerts/formats/format.ts'
import { openSink, type SinkKind, sinkEntry } from '../../../src/alerts/sinks/registry.ts'
import { parseConfig } from '../../../src/config/load.ts'
import { CONFIG_CHECKS } from '../../../src/daemon/checks.ts'
import { makeAuthority } from '../../servers/tls.ts'
import { SIGNING_KEY } from '../sample.ts'
import { DEPS, MARK, SECRET } from './deps.ts'

const HOOK = { name: 'hook', sink: 'webhook', to: 'https://hooks.example.com/a' }
const SOC = { name: 'soc', sink: 'syslog', to: 'tls://siem.internal:6514' }

/** What each sink needs at least: a new one without a row here does not compile. */
const ENTRIES: Record<SinkKind, object> = {
  webhook: { to: 'env:HOOK', secret: 'env:S', ca: 'file:/c' },
  syslog: { to: 'tls://siem.internal:6514' },
  stdout: {},
  ssf: {
    to: 'https://idp.example.com/push',
    signingKey: 'file:/key.pem',
    issuer: 'https://revenant.example.com',
    audience: 'https://idp.example.com',
  },
  file: { to: '/var/log/revenant/alerts.jsonl' },
  'splunk-hec': { to: 'https://splunk.internal:8088', secret: 'env:S' },
  elasticsearch: { to: 'https://elastic.internal:9200' },
  sentinel: {
    to: 'https://x.ingest.monitor.azure.com',
    dcr: `dcr-${'0'.repeat(32)}`,
    tenant: 'contoso.example.com',
    clientId: '11111111-2222-4333-8444-555555555555',
    secret: 'env:S',
  },
  'google-secops': {
    to: 'https://chronicle.eu.rep.googleapis.com',
    project: 'p',
    location: 'eu',
    instance: '11111111-2222-4333-8444-555555555555',
    secret: 'env:S',
  },
  otlp: { to: 'http://127.0.0.1:4318' },
  slack: { to: 'env:HOOK' },
  teams: { to: 'env:HOOK' },
  pagerduty: { secret: 'env:S' },
  'jira-service-management': { secret: 'env:S' },
  kafka: { to: 'tls://kafka.internal', topic: 'alerts' },
  nats: { to: 'tls://nats.internal', subject: 'alerts' },
  amqp: { to: 'amqps://mq.internal', routingKey: 'alerts', username: 'u', secret: 'env:S' },
  sqs: { to: 'https://sqs.eu-central-1.amazonaws.com/123456789012/alerts' },
  sns: { to: 'arn:aws:sns:eu-central-1:123456789012:alerts' },
  smtp: { to: 'smtp://mail.internal:587', from: 'revenant@example.com', recipients: ['soc@example.com'] },
}

describe('sinkEntry', () => {
  it.each([
    {
      ...HOOK,
      format: 'json',
      secret: 'env:HOOK_SECRET',
      minSeverity: 'high',
      kinds: ['open_system'],
      timeout: '30s',
      ca: 'file:/etc/ca.pem',
    },
    { ...HOOK, to: 'http://127.0.0.1:8080/', tls: 'insecure' },
    {
      ...SOC,
      format: 'ocsf',
      minSeverity: 'low',
      clientCert: 'file:/c',
      clientKey: 'file:/k',
      enterpriseId: 41_482,
      facility: 'local4',
    },
    { ...SOC, to: 'udp://10.0.0.1', maxMessageBytes: 65_507 },
    { ...SOC, to: 'tcp://[::1]:601', framing: 'lf', bom: false, appName: 'watch' },
    { name: 'out', sink: 'stdout', format: 'text' },
    ...Object.entries(ENTRIES).map(([sink, own]) => ({ name: 'a', sink, ...own })),
  ])('takes %j, and its own output again', (entry) => {
    const parsed = sinkEntry.parse(entry)
    expect(parsed).toMatchObject(entry)
    expect(sinkEntry.parse(parsed)).toEqual(parsed)
  })

  it.each([
    ['an unknown sink', { ...HOOK, sink: 'pigeon' }],
    ['an unknown key', { ...HOOK, secrte: 'env:X' }],
    ['another sink’s key', { ...HOOK, facility: 'auth' }],
    ['no address', { name: 'hook', sink: 'webhook' }],
    ['an address of another kind', { ...HOOK, to: 'tcp://a:1' }],
    ['a password in the address', { ...HOOK, to: `https://u:${MARK}@a/` }],
    ['a fragment', { ...HOOK, to: 'https://a/#b' }],
    ['a secret instead of a reference', { ...HOOK, secret: SECRET }],
    ['a certificate without key', { ...HOOK, clientCert: 'file:/c' }],
    ['an unknown format', { ...HOOK, format: 'xml' }],
    ['an unknown severity', { ...HOOK, minSeverity: 'loud' }],
    ['a duration without unit', { ...HOOK, timeout: '20' }],
    ['a path', { ...SOC, to: 'tcp://a:1/x' }],
    ['a secret for syslog', { ...SOC, secret: 'env:X' }],
    ['line feeds over TLS', { ...SOC, framing: 'lf' }],
    ['TLS material for TCP', { ...SOC, to: 'tcp://a:1', ca: 'file:/c' }],
    ['insecure TCP', { ...SOC, to: 'tcp://a:1', tls: 'insecure' }],
    ['a datagram too large', { ...SOC, to: 'udp://a', maxMessageBytes: 65_508 }],
    ['a message too small', { ...SOC, maxMessageBytes: 100 }],
    ['an application name with a space', { ...SOC, appName: 'a b' }],
    ['an address for stdout', { name: 'out', sink: 'stdout', to: 'https://a' }],
  ])('refuses %s, and quotes no secret', (_, entry) => {
    const { error } = sinkEntry.safeParse(entry)
    expect(error).toBeDefined()
    expect(String(error?.message)).not.toContain(MARK)
  })
})

describe('openSink', () => {
  it.each([
    ['a secret that nobody resolved', { ...HOOK, secret: 'env:X' }, {}, 'SECRET_UNAVAILABLE'],
    ['an address that nobody resolved', { ...HOOK, to: 'env:X' }, {}, 'SECRET_UNAVAILABLE'],
    ['an address that is none', { ...HOOK, to: 'env:X' }, { to: `ftp://${MARK}` }, 'CONFIG_INVALID'],
    ['an empty secret', { ...HOOK, secret: 'env:X' }, { secret: '' }, 'SECRET_UNAVAILABLE'],
    ['a secret that is none', { ...HOOK, secret: 'env:X' }, { secret: `whsec_${MARK}` }, 'SECRET_INVALID'],
    ['a CA that is none', { ...HOOK, ca: 'file:/c' }, { ca: `${MARK} is no PEM` }, 'CONFIG_INVALID'],
    [
      'a client certificate that is none',
      { ...SOC, clientCert: 'file:/c', clientKey: 'file:/k' },
      { clientCert: MARK, clientKey: MARK },
      'CONFIG_INVALID',
    ],
  ])('refuses %s, with a code and without quoting it', (_, entry, deps, code) => {
    const fail = () => openSink(sinkEntry.parse(entry), { ...DEPS, ...deps })
    expect(fail).toThrow(expect.objectContaining({ code }))
    expect(fail).not.toThrow(new RegExp(MARK))
  })

  it.each(Object.entries(ENTRIES))('opens %s without connecting anywhere', async (sink, own) => {
    const entry = sinkEntry.parse({ name: 'a', sink, ...own })
    const opened = openSink(entry, {
      ...DEPS,
      ca: makeAuthority().cert,
      to: 'https://hooks.example.com/',
      secret: secretOf(sink),
      signingKey: SIGNING_KEY,
    })
    expect(opened.kind).toBe(sink)
    expect(opened.maxBodyBytes).toBeGreaterThan(1_000)
    expect(FORMAT_NAMES).toContain(entry.format)
    await opened.close()
  })
})

function secretOf(sink: string): string {
  if (sink === 'webhook') return SECRET
  if (sink === 'google-secops') return serviceAccount()
  return 'A'.repeat(32)
}

function serviceAccount(): string {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  return JSON.stringify({
    type: 'service_account',
    client_email: 'revenant@p.iam.gserviceaccount.com',
    private_key_id: 'k',
    private_key: privateKey.export({ format: 'pem', type: 'pkcs8' }),
  })
}

describe('formats', () => {
  const base = (kind: SinkKind) => ({ name: 'a', sink: kind, ...ENTRIES[kind] })

  it.each([
    ['slack', 'slack'],
    ['teams', 'teams'],
    ['pagerduty', 'pagerduty'],
    ['google-secops', 'udm'],
    ['elasticsearch', 'ecs'],
    ['jira-service-management', 'text'],
    ['splunk-hec', 'json'],
    ['sentinel', 'json'],
    ['otlp', 'text'],
    ['file', 'json'],
  ] as const)('%s takes %s where the entry names none', (kind, format) => {
    expect(sinkEntry.parse(base(kind)).format).toBe(format)
  })

  it.each([
    ['slack', 'ecs', 'which takes slack'],
    ['elasticsearch', 'cef', 'which takes ecs, json, ocsf'],
    ['pagerduty', 'json', 'which takes pagerduty'],
    ['file', 'text', 'which takes json, ocsf, ecs, udm, cef, leef'],
  ] as const)('%s refuses %s and names what fits', (kind, format, words) => {
    expect(sinkEntry.safeParse({ ...base(kind), format }).error?.message).toContain(`does not fit this sink, ${words}`)
  })

  it.each([
    ['hartbeat: 1h', 'alerts[0].hartbeat: is not a key here; did you mean "heartbeat"?'],
    ['facility: local0', 'alerts[0].facility: is a key of another kind'],
    ['colour: red', /alerts\[0\]\.colour: is not a key here; known are [^\n]*\bkeep\b/],
  ])('knows what %s was meant for', async (line, words) => {
    const file = `alerts:\n  - { name: a, sink: file, to: /var/log/a.jsonl, ${line} }\n`
    await expect(parseConfig(file, 'r.yaml', CONFIG_CHECKS)).rejects.toThrow(words)
  })

  it('asks for a reference where a secret is missing', async () => {
    const file = 'alerts:\n  - { name: a, sink: splunk-hec, to: "https://splunk.internal:8088" }\n'
    await expect(parseConfig(file, 'r.yaml', CONFIG_CHECKS)).rejects.toThrow(
      'alerts[0].secret: is missing: give a reference (env:NAME, file:/absolute/path, or one to a secret manager such as vault:NAME/PATH)',
    )
  })

  it('lists the keys of its own sink for a strange one, each once', async () => {
    const file = 'alerts:\n  - { name: a, sink: file, to: /var/log/a.jsonl, colour: red }\n'
    const fault = await parseConfig(file, 'r.yaml', CONFIG_CHECKS).catch(String)
    const known = String(fault).split('known are ')[1]?.split(', ') ?? []
    expect(new Set(known).size).toBe(known.length)
    expect(known).toContain('maxMegabytes')
    expect(known).not.toContain('routingKey')
  })

  it('is a fault of the configuration, with its place', async () => {
    const file = 'alerts:\n  - { name: a, sink: slack, to: env:HOOK, format: ecs }\n'
    await expect(parseConfig(file, 'r.yaml', CONFIG_CHECKS)).rejects.toThrow(
      'r.yaml:2:51 alerts[0].format: does not fit this sink, which takes slack',
    )
    const { alerts } = await parseConfig(file.replace(', format: ecs', ''), 'r.yaml', CONFIG_CHECKS)
    expect(alerts[0]).not.toHaveProperty('format')
  })
})
