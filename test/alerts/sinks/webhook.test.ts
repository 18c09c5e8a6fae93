import { generateKeyPairSync, verify } from 'node:crypto'
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { openSink, sinkEntry } from '../../../src/alerts/sinks/registry.ts'
import type { Sink, SinkDeps } from '../../../src/alerts/sinks/sink.ts'
import { makeAuthority } from '../../servers/tls.ts'
import { type Respond, startWebhookReceiver, verifyWithReference, type WebhookReceiver } from '../../servers/webhook-receiver.ts'
import { ALERT } from '../sample.ts'
import { DEPS, failureOf, MARK, message, patience, SECRET } from './deps.ts'
import { httpSinkSuite } from './http-suite.ts'

/** As every HTTP sink, but that nothing ends a delivery for good save 410 (below). */
httpSinkSuite({
  kind: 'webhook',
  format: 'json',
  entry: () => ({ to: 'env:HOOK_URL', secret: 'env:HOOK' }),
  deps: (origin) => ({ to: `${origin}/hook/${MARK}`, secret: SECRET }),
  vendor: ({ path }) => ({ status: path === `/hook/${MARK}` ? 204 : 404 }),
  identity: ({ headers, body }) => [headers['webhook-id'], body.toString()],
  final: [],
  checksBody: false,
  takesPages: true,
  secretUrl: true,
})

const open: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close()
})

async function receiver(options: Parameters<typeof startWebhookReceiver>[0] = {}): Promise<WebhookReceiver> {
  const started = await startWebhookReceiver({ path: `/hook/${MARK}?token=${MARK}`, ...options })
  open.push(started)
  return started
}

function hook(to: string, entry: object = {}, deps: Partial<SinkDeps> = {}): Sink {
  const parsed = sinkEntry.parse({ name: 'hook', sink: 'webhook', to, secret: 'env:HOOK', ...entry })
  const sink = openSink(parsed, { ...DEPS, secret: SECRET, ...deps })
  open.push(sink)
  return sink
}

const answers =
  (status: number, headers: Record<string, string> = {}): Respond =>
  (response) =>
    response.writeHead(status, headers).end(`${MARK} in the answer`)

describe('webhook', () => {
  it('delivers what the reference implementation of Standard Webhooks verifies', async () => {
    const { url, received } = await receiver()
    const sink = hook(url)
    expect(await sink.deliver(message(), patience())).toEqual({ detail: { status: 204 } })
    expect(await sink.deliver(message(), patience())).toEqual({ detail: { status: 204 } })
    expect(received.length).toBe(2)
    for (const one of received) {
      expect(verifyWithReference(SECRET, one)).toMatchObject({
        type: 'revenant.finding.opened',
        timestamp: ALERT.at,
        data: ALERT,
      })
      expect(one.headers).toMatchObject({
        'content-type': 'application/json',
        'webhook-id': ALERT.id,
        'user-agent': 'Revenant/0.1.0',
      })
    }
    const [first] = received
    if (first === undefined) throw new Error('nothing received')
    expect(() => verifyWithReference(SECRET, { ...first, body: first.body.replace('critical', 'info') })).toThrow()
    expect(() => verifyWithReference(`whsec_${'B'.repeat(32)}`, first)).toThrow()
  })

  it('takes the time from the clock it is given', async () => {
    const { url, received } = await receiver()
    await hook(url, {}, { now: () => Temporal.Instant.from('2020-01-01T00:00:00.999Z') }).deliver(message(), patience())
    expect(received[0]?.headers['webhook-timestamp']).toBe('1577836800')
  })

  it('takes its address from a reference, since many hold a secret', async () => {
    const { url, received } = await receiver()
    await hook('env:HOOK_URL', {}, { to: `${url}\n` }).deliver(message(), patience())
    expect(received.length).toBe(1)
  })

  it('sends no signature without a secret', async () => {
    const { url, received } = await receiver()
    await hook(url, { secret: undefined }).deliver(message(), patience())
    expect(received[0]?.headers).toHaveProperty('webhook-id')
    expect(received[0]?.headers).not.toHaveProperty('webhook-signature')
  })

  it('signs asymmetrically, and with keys of both kinds in rotation', async () => {
    const { url, received } = await receiver()
    const { publicKey, privateKey } = generateKeyPairSync('ed25519')
    const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32)
    await hook(url, {}, { secret: `whsk_${seed.toString('base64')} ${SECRET}` }).deliver(message(), patience())
    const [one] = received
    if (one === undefined) throw new Error('nothing received')
    const signature = String(one.headers['webhook-signature']).split(' ')[0] ?? ''
    const content = Buffer.from(`${one.headers['webhook-id']}.${one.headers['webhook-timestamp']}.${one.body}`)
    expect(verify(null, content, publicKey, Buffer.from(signature.replace(/^v1a,/, ''), 'base64'))).toBe(true)
    expect(verifyWithReference(SECRET, one)).toMatchObject({ data: ALERT })
  })

  it.each([
    [200, undefined],
    [202, undefined],
    [204, undefined],
  ])('is done with %i', async (status) => {
    const { url } = await receiver({ respond: answers(status) })
    expect(await hook(url).deliver(message(), patience())).toEqual({ detail: { status } })
  })

  it.each([
    [301, { location: 'http://127.0.0.1:1/' }, { retry: true, disables: false }],
    [302, { location: '/elsewhere' }, { retry: true, disables: false }],
    [307, { location: '/elsewhere' }, { retry: true, disables: false }],
    [400, {}, { retry: true, disables: false }],
    [401, {}, { retry: true, disables: false }],
    [404, {}, { retry: true, disables: false }],
    [410, { 'retry-after': '9' }, { retry: false, disables: true, retryAfterMs: undefined }],
    [429, { 'retry-after': '30' }, { retry: true, disables: false, retryAfterMs: 30_000 }],
    [429, {}, { retry: true, disables: false, retryAfterMs: undefined }],
    [500, {}, { retry: true, disables: false }],
    [503, { 'retry-after': '5' }, { retry: true, disables: false, retryAfterMs: 5_000 }],
  ])('fails on %i %j', async (status, headers, expected) => {
    const { url, received } = await receiver({ respond: answers(status, headers) })
    const error = await failureOf(hook(url))
    expect(error).toMatchObject({ code: 'SINK_REFUSED', detail: { status }, ...expected })
    expect(received.length, 'a redirect is not followed').toBe(1)
  })

  it('fails and may try again when the receiver is down', async () => {
    const down = await startWebhookReceiver({ path: `/${MARK}` })
    await down.close()
    expect(await failureOf(hook(down.url))).toMatchObject({
      code: 'SINK_UNREACHABLE',
      retry: true,
      detail: { error: 'ECONNREFUSED' },
    })
  })

  it('gives up on a receiver that takes the request and never answers, within its timeout', async () => {
    const { url } = await receiver({ respond: () => undefined })
    const startedAt = performance.now()
    expect(await failureOf(hook(url, { timeout: '200ms' }))).toMatchObject({
      code: 'SINK_UNREACHABLE',
      retry: true,
      detail: { error: 'TIMEOUT' },
    })
    expect(performance.now() - startedAt).toBeLessThan(2_000)
  })

  it('stops when the caller aborts', async () => {
    const { url } = await receiver({ respond: () => undefined })
    const abort = new AbortController()
    setTimeout(() => abort.abort(), 50)
    expect(await failureOf(hook(url), message(), abort.signal)).toMatchObject({ retry: true, detail: { error: 'ABORTED' } })
  })

  it('is done when the status says so, however slow or endless the body is', async () => {
    const { url } = await receiver({
      respond: (response) => {
        response.writeHead(200)
        const timer = setInterval(() => response.write('x'.repeat(100)), 20)
        response.on('close', () => clearInterval(timer))
      },
    })
    const startedAt = performance.now()
    expect(await hook(url).deliver(message(), patience())).toEqual({ detail: { status: 200 } })
    expect(performance.now() - startedAt).toBeLessThan(3_000)
  })

  it('fails when the receiver hangs up or speaks something else', async () => {
    for (const say of ['', 'SSH-2.0-OpenSSH_9.9\r\n']) {
      const server = net.createServer((socket) => {
        socket.on('error', () => undefined)
        socket.once('data', () => socket.end(say))
      })
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      const error = await failureOf(hook(`http://127.0.0.1:${port}/${MARK}`))
      expect(error).toMatchObject({ code: 'SINK_UNREACHABLE', retry: true })
      server.close()
    }
  })

  describe('https', () => {
    const authority = makeAuthority()
    const stranger = makeAuthority('Somebody else')
    const local = authority.issue(['127.0.0.1'])

    it('verifies the receiver', async () => {
      const { url, received } = await receiver({ tls: local })
      await hook(url, { ca: 'file:/ca' }, { ca: authority.cert }).deliver(message(), patience())
      expect(received.length).toBe(1)
    })

    it.each([
      ['the wrong CA', local, stranger.cert, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
      ['another name', authority.issue(['siem.example.com']), authority.cert, 'ERR_TLS_CERT_ALTNAME_INVALID'],
      ['an expired certificate', authority.issue(['127.0.0.1'], { expired: true }), authority.cert, 'CERT_HAS_EXPIRED'],
    ])('sends nothing to %s', async (_, tls, ca, code) => {
      const { url, received } = await receiver({ tls })
      expect(await failureOf(hook(url, { ca: 'file:/ca' }, { ca }))).toMatchObject({
        code: 'SINK_UNREACHABLE',
        retry: true,
        detail: { error: code },
      })
      expect(received).toEqual([])
    })

    it('checks nothing where the entry spells insecure', async () => {
      const { url, received } = await receiver({ tls: authority.issue(['elsewhere']) })
      await hook(url, { tls: 'insecure' }).deliver(message(), patience())
      expect(received.length).toBe(1)
    })
  })
})
