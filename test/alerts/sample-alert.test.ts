import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { advise } from '../../src/alerts/advise.ts'
import { envelopeOf } from '../../src/alerts/envelope.ts'
import { alertDocument } from '../../src/alerts/formats/document.ts'
import { FORMATS } from '../../src/alerts/formats/format.ts'
import { sampleAlert } from '../../src/alerts/sample.ts'
import { SinkError, unreachable } from '../../src/alerts/sinks/sink.ts'
import { syslogMessage } from '../../src/alerts/syslog/message.ts'
import { closedPort } from '../servers/hostile.ts'
import { type House, openHouse } from '../servers/revenant.ts'
import { startWebhookReceiver, type WebhookReceiver } from '../servers/webhook-receiver.ts'
import { CONTEXT } from './sample.ts'

const AT = Temporal.Instant.from('2026-11-22T12:00:00Z')

describe('sampleAlert', () => {
  const alert = sampleAlert(AT)

  it('is marked in every format, and new each time', () => {
    expect(alert).toMatchObject({ event: 'opened', finding: { kind: 'residual_access', severity: 'info' } })
    expect(alert.title).toMatch(/^TEST - Residual access: /)
    expect(alert.dedupKey).toMatch(/^test:[0-9a-f-]{36}$/)
    expect(sampleAlert(AT).dedupKey).not.toBe(alert.dedupKey)

    const document = alertDocument.parse(JSON.parse(FORMATS.json(alert, CONTEXT).body))
    expect(document.data.test).toBe(true)
    const finding = JSON.parse(FORMATS.ocsf(alert, CONTEXT).body)
    expect(finding).toMatchObject({ severity_id: 1, unmapped: { revenant: { test: true } } })
    expect(finding.metadata.labels).toContain('test')
    expect(finding.message).toMatch(/^TEST - /)
    expect(FORMATS.text(alert, CONTEXT).body).toMatch(/^INFO TEST - /)
    const { bytes } = syslogMessage(envelopeOf({ type: 'alert', alert }), 'body', CONTEXT, {
      facility: 'authpriv',
      appName: 'revenant',
      enterpriseId: 32_473,
      bom: true,
      maxBytes: 8_192,
      procId: '1',
    })
    expect(bytes.toString()).toMatch(/^<86>1 .* test="yes"\] /)
  })
})

describe('advise', () => {
  it.each([
    ['ECONNREFUSED', /Nothing listens/],
    ['ENOTFOUND', /does not resolve/],
    ['CERT_HAS_EXPIRED', /certificate/],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', /certificate/],
    ['ERR_TLS_CERT_ALTNAME_INVALID', /certificate/],
    ['ERR_SSL_WRONG_VERSION_NUMBER', /speaks TLS/],
    ['UND_ERR_CONNECT_TIMEOUT', /No answer in time/],
    ['ECONNRESET', /hung up/],
    ['SOMETHING_ELSE', /reaches it/],
  ])('knows %s', (code, words) => {
    expect(advise(unreachable('hook', 'request', Object.assign(new Error('x'), { code })))).toMatch(words)
  })

  it.each([
    [401, /secret/],
    [302, /redirect/],
    [404, /path/],
    [410, /gone/],
    [418, /URL and the format/],
    [503, /overloaded/],
  ])('knows status %i', (status, words) => {
    expect(advise(new SinkError('SINK_REFUSED', 'x', { retry: true, disables: status === 410, detail: { status } }))).toMatch(
      words,
    )
  })
})

describe('revenant alerts test', () => {
  let house: House
  let receiver: WebhookReceiver
  let status = 204
  let port: number

  beforeAll(async () => {
    receiver = await startWebhookReceiver({ respond: (response) => response.writeHead(status).end() })
    port = await closedPort()
    house = openHouse()
    house.configure({
      alerts: [
        { name: 'hook', sink: 'webhook', format: 'json', to: receiver.url, minSeverity: 'critical' },
        { name: 'nobody', sink: 'webhook', format: 'ocsf', to: `http://127.0.0.1:${port}/hook` },
      ],
    })
  })
  afterAll(async () => {
    await house.stop()
    await receiver.close()
  })

  it('sends a marked sample, past minSeverity, and tells what came back', async () => {
    const { exit, stdout } = await house.run(['alerts', 'test', 'hook'])
    expect(stdout).toMatch(/took the sample in \d+ ms: status 204\./)
    expect(exit).toBe(0)
    expect(receiver.received.length).toBe(1)
    const { data } = JSON.parse(receiver.received[0]?.body ?? '{}')
    expect(data).toMatchObject({ test: true, event: 'opened' })
    expect(stdout).toContain(data.id)
  }, 90_000)

  it('is sent by the daemon where one holds the database', async () => {
    const daemon = await house.daemon()
    const before = receiver.received.length
    const { exit, stdout, stderr } = await house.run(['alerts', 'test', 'hook'])
    expect(stdout + stderr).toMatch(/took the sample/)
    expect(exit).toBe(0)
    expect(receiver.received.length).toBe(before + 1)
    await daemon.stop()
  }, 90_000)

  it('tells what failed and what to do', async () => {
    status = 401
    const refused = await house.run(['alerts', 'test', 'hook', '--json'])
    expect(refused.exit).toBe(1)
    expect(JSON.parse(refused.stdout)).toMatchObject({
      sink: 'hook',
      taken: false,
      detail: { status: 401 },
      error: 'sink hook: the receiver answered 401',
      mend: expect.stringContaining('secret'),
    })
    const unreached = await house.run(['alerts', 'test', 'nobody'])
    expect(unreached.exit).toBe(1)
    expect(unreached.stdout).toMatch(/did not take the sample .*ECONNREFUSED.*-> Nothing listens/s)
    const unknown = await house.run(['alerts', 'test', 'siem'])
    expect(unknown.exit).toBe(2)
    expect(unknown.stderr).toContain('has no sink "siem" under alerts (there: hook, nobody)')
  }, 240_000)
})
