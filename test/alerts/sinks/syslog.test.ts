import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import tls from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { openSink, sinkEntry } from '../../../src/alerts/sinks/registry.ts'
import type { Sink, SinkDeps } from '../../../src/alerts/sinks/sink.ts'
import type { Alert } from '../../../src/domain/alert.ts'
import { needs } from '../../servers/require.ts'
import { DRIVERS, RSYSLOGD, type RsyslogOptions, startRsyslog } from '../../servers/rsyslog.ts'
import { makeAuthority } from '../../servers/tls.ts'
import { ALERT } from '../sample.ts'
import { DEPS, failureOf, message, patience } from './deps.ts'

const open: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close()
})

function syslog(to: string, entry: object = {}, deps: Partial<SinkDeps> = {}): Sink {
  const sink = openSink(sinkEntry.parse({ name: 'soc', sink: 'syslog', to, ...entry }), { ...DEPS, ...deps })
  open.push(sink)
  return sink
}

const numbered = (sequence: number): Alert => ({ ...ALERT, sequence })

const authority = makeAuthority()
const server = authority.issue(['127.0.0.1', 'localhost'])
const client = authority.issue(['revenant'])
const stranger = makeAuthority('Somebody else')

/** A TCP (or TLS) listener that keeps what each connection said. */
async function listener(on: (socket: net.Socket) => void = () => undefined, secure?: tls.TlsOptions, port = 0) {
  const heard: string[] = []
  const sockets = new Set<net.Socket>()
  const accept = (socket: net.Socket) => {
    const index = heard.push('') - 1
    sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
    socket.on('data', (chunk) => {
      heard[index] += chunk.toString()
    })
    on(socket)
  }
  const listening = secure === undefined ? net.createServer({ allowHalfOpen: true }, accept) : tls.createServer(secure, accept)
  listening.on('tlsClientError', () => undefined)
  listening.listen(port, '127.0.0.1')
  await once(listening, 'listening')
  const one = {
    port: (listening.address() as AddressInfo).port,
    heard,
    sockets,
    close: () =>
      new Promise<void>((resolve) => {
        for (const socket of sockets) socket.destroy()
        listening.close(() => resolve())
      }),
  }
  open.push(one)
  return one
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 250 && !condition(); tries++) await new Promise((resolve) => setTimeout(resolve, 20))
  if (!condition()) throw new Error('waited five seconds in vain')
}

describe('syslog over TCP', () => {
  it('counts the octets of each message and keeps the connection', async () => {
    const peer = await listener()
    const sink = syslog(`tcp://127.0.0.1:${peer.port}`)
    const alert = { ...ALERT, system: { ...ALERT.system, name: 'naïve 名前' } }
    const first = await sink.deliver(message(alert, 'text'), patience())
    const second = await sink.deliver(message(alert, 'text'), patience())
    expect([first.detail.connection, second.detail.connection]).toEqual(['new', 'reused'])
    await until(() => (peer.heard[0] ?? '').split('<82>1').length === 3)
    expect(peer.heard.length).toBe(1)
    const bytes = Buffer.from(peer.heard[0] ?? '')
    const [frame, rest] = unframe(bytes)
    const [again, end] = unframe(rest)
    expect(frame.equals(again)).toBe(true)
    expect(end.length).toBe(0)
    expect(frame.length).toBe(first.detail.bytes)
  })

  it('ends messages with a line feed where asked, and only there', async () => {
    const peer = await listener()
    const sink = syslog(`tcp://127.0.0.1:${peer.port}`, { framing: 'lf' })
    await sink.deliver(message(ALERT, 'text'), patience())
    await sink.deliver(message(ALERT, 'json'), patience())
    await until(() => (peer.heard[0] ?? '').split('\n').length === 3)
    expect(peer.heard[0]?.split('\n').map((line) => line.slice(0, 6))).toEqual(['<82>1 ', '<82>1 ', ''])
  })

  it('keeps the order of deliveries that are asked for at once', async () => {
    const peer = await listener()
    const sink = syslog(`tcp://127.0.0.1:${peer.port}`)
    await Promise.all(Array.from({ length: 50 }, (_, n) => sink.deliver(message(numbered(n + 1)), patience())))
    await until(() => (peer.heard[0] ?? '').includes('sequence="50"'))
    const seen = [...(peer.heard[0] ?? '').matchAll(/ sequence="(\d+)"/g)].map(([, n]) => Number(n))
    expect(seen).toEqual(Array.from({ length: 50 }, (_, n) => n + 1))
    expect(peer.heard.length).toBe(1)
  })

  it('connects anew when the peer has closed its side, and loses nothing', async () => {
    const peer = await listener()
    const sink = syslog(`tcp://127.0.0.1:${peer.port}`)
    await sink.deliver(message(numbered(1)), patience())
    await until(() => peer.sockets.size === 1)
    for (const socket of peer.sockets) socket.end()
    // Not a moment later: the FIN may still lie in the kernel.
    expect((await sink.deliver(message(numbered(2)), patience())).detail.connection).toBe('new')
    await until(() => peer.heard.length === 2 && (peer.heard[1] ?? '').includes('sequence="2"'))
  })

  it('reports a peer that is gone with a reset, then delivers to its successor', async () => {
    const first = await listener()
    const sink = syslog(`tcp://127.0.0.1:${first.port}`)
    await sink.deliver(message(numbered(1)), patience())
    await until(() => first.sockets.size === 1)
    for (const socket of first.sockets) socket.resetAndDestroy()
    await first.close()
    expect(await failureOf(sink, message(numbered(2)))).toMatchObject({
      code: 'SINK_UNREACHABLE',
      retry: true,
      detail: { error: 'ECONNREFUSED' },
    })
    const second = await listener(undefined, undefined, first.port)
    expect((await sink.deliver(message(numbered(2)), patience())).detail.connection).toBe('new')
    await until(() => (second.heard[0] ?? '').includes('sequence="2"'))
  })

  it('does not call a message delivered to a peer that resets at once', async () => {
    const peer = await listener((socket) => socket.once('data', () => socket.resetAndDestroy()))
    expect(await failureOf(syslog(`tcp://127.0.0.1:${peer.port}`))).toMatchObject({ code: 'SINK_UNREACHABLE', retry: true })
  })

  it('fails when nobody listens', async () => {
    const peer = await listener()
    await peer.close()
    expect(await failureOf(syslog(`tcp://127.0.0.1:${peer.port}`))).toMatchObject({
      code: 'SINK_UNREACHABLE',
      retry: true,
      detail: { error: 'ECONNREFUSED' },
    })
  })

  it('fails within its timeout when the peer stops reading, and starts afresh after it', async () => {
    const peer = await listener((socket) => socket.pause())
    const sink = syslog(`tcp://127.0.0.1:${peer.port}`, { timeout: '300ms', maxMessageBytes: 1_048_576 })
    const huge = { ...message(), rendered: { contentType: 'text/plain', body: 'x'.repeat(1_000_000) } }
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => sink.deliver(huge, patience())))
    const failed = results.filter((result) => result.status === 'rejected')
    expect(failed.length).toBeGreaterThan(0)
    for (const { reason } of failed)
      expect(reason).toMatchObject({ code: 'SINK_UNREACHABLE', retry: true, detail: { error: 'TIMEOUT' } })
  })

  it('stops when the caller aborts, and when it is closed', async () => {
    // A TLS handshake that nobody answers: a connection that stands and never becomes one.
    const peer = await listener((socket) => socket.on('end', () => socket.destroy()))
    const to = `tls://127.0.0.1:${peer.port}`
    const abort = new AbortController()
    setTimeout(() => abort.abort(), 50)
    expect(await failureOf(syslog(to), message(), abort.signal)).toMatchObject({ retry: true, detail: { error: 'ABORTED' } })
    const sink = syslog(to)
    const pending = failureOf(sink)
    await until(() => peer.sockets.size > 0)
    await sink.close()
    expect(await pending).toMatchObject({ retry: true, detail: { error: 'CLOSED' } })
    await until(() => peer.sockets.size === 0)
    expect(await failureOf(sink)).toMatchObject({ retry: true, detail: { error: 'CLOSED' } })
  })
})

describe('syslog over TLS', () => {
  const to = (port: number) => `tls://127.0.0.1:${port}`
  const ca = { ca: 'file:/ca' }

  it('verifies the peer and delivers', async () => {
    const peer = await listener(undefined, server)
    const sink = syslog(to(peer.port), ca, { ca: authority.cert })
    expect((await sink.deliver(message(), patience())).detail.transport).toBe('tls')
    await until(() => (peer.heard[0] ?? '').includes(ALERT.dedupKey))
    const byName = syslog(`tls://localhost:${peer.port}`, ca, { ca: authority.cert })
    await byName.deliver(message(), patience())
  })

  it.each([
    ['the wrong CA', server, stranger.cert, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['another name', authority.issue(['siem.example.com']), authority.cert, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['an expired certificate', authority.issue(['127.0.0.1'], { expired: true }), authority.cert, 'CERT_HAS_EXPIRED'],
  ])('sends nothing to %s', async (_, pair, caCert, code) => {
    const peer = await listener(undefined, pair)
    expect(await failureOf(syslog(to(peer.port), ca, { ca: caCert }))).toMatchObject({
      code: 'SINK_UNREACHABLE',
      retry: true,
      detail: { error: code },
    })
    expect(peer.heard.join('')).toBe('')
  })

  it('checks nothing where the entry spells insecure', async () => {
    const peer = await listener(undefined, authority.issue(['elsewhere']))
    await syslog(to(peer.port), { tls: 'insecure' }).deliver(message(), patience())
    await until(() => (peer.heard[0] ?? '').includes(ALERT.dedupKey))
  })

  it('fails on a peer that speaks no TLS', async () => {
    const peer = await listener((socket) => socket.end('220 hello\r\n'))
    expect(await failureOf(syslog(to(peer.port), ca, { ca: authority.cert }))).toMatchObject({
      code: 'SINK_UNREACHABLE',
      retry: true,
    })
  })

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('shows its client certificate, and fails without one (%s)', async (version) => {
    const asks = {
      ...server,
      ca: authority.cert,
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: version,
      maxVersion: version,
    }
    const peer = await listener(undefined, asks)
    const entry = { ...ca, clientCert: 'file:/cert', clientKey: 'file:/key' }
    const deps = { ca: authority.cert, clientCert: client.cert, clientKey: client.key }
    await syslog(to(peer.port), entry, deps).deliver(message(), patience())
    await until(() => (peer.heard[0] ?? '').includes(ALERT.dedupKey))
    // TLS 1.3 refuses after the client's handshake is done: the first delivery must notice it all the same.
    expect(await failureOf(syslog(to(peer.port), ca, { ca: authority.cert }))).toMatchObject({
      code: 'SINK_UNREACHABLE',
      retry: true,
    })
    expect(peer.heard.length).toBe(1)
  })
})

describe('syslog over UDP', () => {
  it('sends one datagram for each alert, none larger than the limit', async () => {
    const socket = createSocket('udp4')
    const heard: Buffer[] = []
    socket.on('message', (datagram) => heard.push(datagram))
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    const sink = syslog(`udp://127.0.0.1:${socket.address().port}`, { maxMessageBytes: 4_096 })
    await sink.deliver(message(ALERT, 'text'), patience())
    const long = { ...message(), rendered: { contentType: 'text/plain', body: 'x'.repeat(20_000) } }
    expect((await sink.deliver(long, patience())).detail).toMatchObject({ bytes: 4_096, cutBytes: expect.any(Number) })
    await until(() => heard.length === 2)
    expect(heard[0]?.toString()).toMatch(/^<82>1 /)
    expect(heard[1]?.length).toBe(4_096)
    socket.close()
  })

  it('notices a receiver that is down where the network says so', async () => {
    const socket = createSocket('udp4')
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    const { port } = socket.address()
    await new Promise<void>((resolve) => socket.close(resolve))
    expect(await failureOf(syslog(`udp://127.0.0.1:${port}`))).toMatchObject({
      code: 'SINK_UNREACHABLE',
      retry: true,
      detail: { error: 'ECONNREFUSED' },
    })
  })

  it('fails on a name that nobody knows', async () => {
    expect(await failureOf(syslog('udp://nobody.invalid:514'))).toMatchObject({ code: 'SINK_UNREACHABLE', retry: true })
  })
})

const hasRsyslog = needs('rsyslog', RSYSLOGD)

describe.skipIf(!hasRsyslog)('rsyslog (needs the package rsyslog)', () => {
  async function rsyslog(options: RsyslogOptions) {
    const started = await startRsyslog(options)
    open.push(started)
    return started
  }

  it.each(['json', 'ocsf', 'text'] as const)('reads %s over TCP with its structured data', async (format) => {
    const daemon = await rsyslog({ listen: 'tcp' })
    const sink = syslog(`tcp://127.0.0.1:${daemon.port}`)
    const alert = { ...ALERT, system: { ...ALERT.system, name: 'a"b]c\\d' } }
    await sink.deliver(message(alert, format), patience())
    await sink.deliver(message(numbered(2), format), patience())
    const [first, second] = await daemon.logged(2)
    expect(first).toMatchObject({
      hostname: 'watch.example.com',
      programname: 'revenant',
      'app-name': 'revenant',
      msgid: 'opened',
    })
    expect(first).toMatchObject({ pri: '82', 'protocol-version': '1', procid: String(process.pid) })
    expect(String(first?.['structured-data'])).toContain(`dedup="${ALERT.dedupKey}"`)
    expect(String(second?.['structured-data'])).toContain('sequence="2"')
    const body = String(first?.msg).replace(/^\s*\uFEFF/, '')
    if (format === 'json') expect(JSON.parse(body)).toMatchObject({ type: 'revenant.finding.opened', data: alert })
    if (format === 'ocsf') expect(JSON.parse(body)).toMatchObject({ class_uid: 2004, finding_info: { uid: ALERT.dedupKey } })
    if (format === 'text') expect(body).toContain('CRITICAL Residual access')
  })

  it('reads messages ended by line feeds', async () => {
    const daemon = await rsyslog({ listen: 'tcp' })
    const sink = syslog(`tcp://127.0.0.1:${daemon.port}`, { framing: 'lf' })
    for (let n = 1; n <= 3; n++) await sink.deliver(message(numbered(n), 'text'), patience())
    expect((await daemon.logged(3)).length).toBe(3)
  })

  it('reads datagrams', async () => {
    const daemon = await rsyslog({ listen: 'udp' })
    await syslog(`udp://127.0.0.1:${daemon.port}`).deliver(message(ALERT, 'ocsf'), patience())
    const [one] = await daemon.logged(1)
    expect(JSON.parse(String(one?.msg).replace(/^\s*\uFEFF/, ''))).toMatchObject({ class_uid: 2004 })
  })

  it('gets everything again after a restart', async () => {
    const first = await startRsyslog({ listen: 'tcp' })
    const sink = syslog(`tcp://127.0.0.1:${first.port}`)
    await sink.deliver(message(numbered(1)), patience())
    await first.logged(1)
    await first.close()
    expect(await failureOf(sink, message(numbered(2)))).toMatchObject({ code: 'SINK_UNREACHABLE', retry: true })
    const second = await rsyslog({ listen: 'tcp', port: first.port })
    await sink.deliver(message(numbered(2)), patience())
    expect(String((await second.logged(1))[0]?.['structured-data'])).toContain('sequence="2"')
  })

  for (const driver of ['ossl', 'gtls'] as const) {
    const has = hasRsyslog && needs(driver === 'ossl' ? 'rsyslog-openssl' : 'rsyslog-gnutls', DRIVERS[driver])
    describe.skipIf(!has)(
      `over TLS with its driver ${driver} (needs rsyslog-${driver === 'ossl' ? 'openssl' : 'gnutls'})`,
      () => {
        const tlsFiles = { ...server, ca: authority.cert }

        it('delivers to a verified daemon and to no other', async () => {
          const daemon = await rsyslog({ listen: 'tls', driver, tls: tlsFiles })
          const sink = syslog(`tls://127.0.0.1:${daemon.port}`, { ca: 'file:/ca' }, { ca: authority.cert })
          await sink.deliver(message(numbered(1)), patience())
          await sink.deliver(message(numbered(2)), patience())
          expect((await daemon.logged(2)).map((one) => one['app-name'])).toEqual(['revenant', 'revenant'])
          const wrong = syslog(`tls://127.0.0.1:${daemon.port}`, { ca: 'file:/ca' }, { ca: stranger.cert })
          expect(await failureOf(wrong)).toMatchObject({ code: 'SINK_UNREACHABLE', retry: true })
        })

        it('shows its client certificate to a daemon that asks for it, and fails without one', async () => {
          const daemon = await rsyslog({ listen: 'tls', driver, tls: tlsFiles, clients: true })
          const entry = { ca: 'file:/ca', clientCert: 'file:/cert', clientKey: 'file:/key' }
          const known = syslog(`tls://127.0.0.1:${daemon.port}`, entry, {
            ca: authority.cert,
            clientCert: client.cert,
            clientKey: client.key,
          })
          await known.deliver(message(numbered(1)), patience())
          await daemon.logged(1)
          const unknown = syslog(`tls://127.0.0.1:${daemon.port}`, { ca: 'file:/ca' }, { ca: authority.cert })
          expect(await failureOf(unknown)).toMatchObject({ code: 'SINK_UNREACHABLE', retry: true })
          expect((await daemon.logged(1)).length).toBe(1)
        })
      },
    )
  }
})

function unframe(bytes: Buffer): [Buffer, Buffer] {
  const space = bytes.indexOf(' ')
  const length = Number(bytes.subarray(0, space).toString())
  return [bytes.subarray(space + 1, space + 1 + length), bytes.subarray(space + 1 + length)]
}
