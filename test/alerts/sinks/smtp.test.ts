import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import type { Message } from '../../../src/alerts/sinks/sink.ts'
import { type SmtpOptions, startSmtp } from '../../servers/smtp.ts'
import { ALERT } from '../sample.ts'
import {
  authority,
  clientPair,
  deliverMany,
  expectNoHandles,
  expectOrder,
  keep,
  numbered,
  openEntry,
  PASSWORD,
  receiptOf,
  serverPair,
  sized,
  stranger,
  until,
} from './brokers.ts'
import { failureOf, MARK, message } from './deps.ts'

const tls = serverPair
const smtp = async (options: SmtpOptions = {}) => keep(await startSmtp({ tls, ...options }))
const entry = (port: number, more: object = {}) => ({
  sink: 'smtp',
  to: `smtp://127.0.0.1:${port}`,
  ca: 'file:/ca',
  from: 'revenant@example.com',
  recipients: ['soc@example.com'],
  ...more,
})
const open = (port: number, more: object = {}, deps: object = {}) => openEntry(entry(port, more), { ca: authority.cert, ...deps })
const mail = (): Message => message(ALERT, 'text')

describe('smtp', () => {
  it('sends one mail over STARTTLS, with what threads it and marks it as a machine’s', async () => {
    const server = await smtp()
    const sink = open(server.port, { cc: ['lead@example.com'] })
    expect(await receiptOf(sink, mail())).toEqual({ reply: '250', recipients: 2 })
    const [got, ...more] = server.mails
    expect(more).toEqual([])
    expect(got).toMatchObject({
      sender: 'revenant@example.com',
      recipients: ['soc@example.com', 'lead@example.com'],
      secure: true,
    })
    expect(got?.mail).toMatchObject({ messageId: `<${ALERT.id}@example.com>`, subject: ALERT.title })
    expect(got?.mail.text?.trim()).toBe(mail().rendered.body.trim())
    expect(got?.mail.headers.get('auto-submitted')).toBe('auto-generated')
    expect(got?.mail.headers.get('x-revenant-severity')).toBe('critical')
    expect(got?.mail.headers.get('x-revenant-dedup')).toBe(ALERT.dedupKey)
    await receiptOf(sink, numbered(2, ALERT.dedupKey, 'text'))
    await receiptOf(sink, numbered(1, 'another', 'text'))
    const threads = server.mails.map(({ mail: { references, inReplyTo } }) => [references, inReplyTo].flat().join(' '))
    expect(threads[0]).toBe(threads[1])
    expect(threads[0]).not.toBe(threads[2])
    expect(new Set(server.mails.map(({ mail: { messageId } }) => messageId)).size).toBe(3)
  })

  it('sends text and HTML as alternatives, and the subject of the format', async () => {
    const server = await smtp()
    const rich: Message = {
      ...mail(),
      rendered: {
        contentType: 'text/plain; charset=utf-8',
        body: 'plain naïve 名前',
        subject: 'Maya left\r\nBcc: evil@example.com',
        alternatives: [{ contentType: 'text/html; charset=utf-8', body: '<p>rich naïve 名前</p>' }],
      },
    }
    await receiptOf(open(server.port), rich)
    const [got] = server.mails
    expect(got?.mail.subject).toBe('Maya left Bcc: evil@example.com')
    expect(got?.mail.headers.has('bcc')).toBe(false)
    expect(got?.mail.text?.trim()).toBe('plain naïve 名前')
    expect(got?.mail.html).toBe('<p>rich naïve 名前</p>')
    expect(got?.raw).toMatch(/content-type: multipart\/alternative/i)
    expect(got?.recipients).toEqual(['soc@example.com'])
  })

  it('sends the same message id when it is tried again', async () => {
    let down = true
    const server = await smtp({ data: () => (down ? 451 : undefined) })
    const sink = open(server.port)
    expect(await failureOf(sink, mail())).toMatchObject({ code: 'SINK_REFUSED', retry: true, detail: { error: 451 } })
    down = false
    await receiptOf(sink, mail())
    await receiptOf(sink, mail())
    expect(server.mails.map(({ mail: { messageId } }) => messageId)).toEqual(Array(2).fill(`<${ALERT.id}@example.com>`))
  })

  it.each([
    ['the mail', { data: () => 554 }, false, 554],
    ['the mail for now', { data: () => 452 }, true, 452],
    ['the only recipient', { recipient: () => 550 }, false, 550],
    ['the only recipient for now', { recipient: () => 450 }, true, 450],
    ['its size', { maxBytes: 5_000 }, false, 552],
  ])('is refused %s', async (_, options, retry, error) => {
    const server = await smtp(options)
    const big = { ...sized(9_000), rendered: { contentType: 'text/plain', body: 'x\n'.repeat(9_000) } }
    expect(await failureOf(open(server.port), big)).toMatchObject({ code: 'SINK_REFUSED', retry, detail: { error } })
    expect(server.mails).toEqual([])
  })

  it('tries again for those who were put off, and only for them', async () => {
    let grey = true
    const server = await smtp({ recipient: (address) => (grey && address.startsWith('later') ? 451 : undefined) })
    const sink = open(server.port, { recipients: ['soc@example.com', 'later@example.com'] })
    expect(await failureOf(sink, mail())).toMatchObject({ code: 'SINK_REFUSED', retry: true, detail: { error: 451, waiting: 1 } })
    grey = false
    expect(await receiptOf(sink, mail())).toEqual({ reply: '250', recipients: 1 })
    expect(server.mails.map(({ recipients }) => recipients)).toEqual([['soc@example.com'], ['later@example.com']])
  })

  it('is delivered when some recipients are refused for good, and says how many', async () => {
    const server = await smtp({ recipient: (address) => (address.startsWith('gone') ? 550 : undefined) })
    const sink = open(server.port, { recipients: ['soc@example.com', 'gone@example.com'] })
    expect(await receiptOf(sink, mail())).toEqual({ reply: '250', recipients: 1, refused: 1 })
  })

  it('signs in over TLS, and is refused with a wrong password', async () => {
    const server = await smtp({ users: { revenant: PASSWORD } })
    const auth = { username: 'revenant', secret: 'env:X' }
    await receiptOf(open(server.port, auth, { secret: PASSWORD }), mail())
    expect(server.mails[0]?.user).toBe('revenant')
    expect(await failureOf(open(server.port, auth, { secret: `${MARK}-wrong` }), mail())).toMatchObject({
      code: 'SINK_REFUSED',
      retry: true,
      detail: { error: 535 },
    })
    expect(await failureOf(open(server.port), mail())).toMatchObject({
      code: 'SINK_REFUSED',
      retry: true,
      detail: { error: 530 },
    })
  })

  it('speaks TLS from the first byte to smtps://', async () => {
    const server = await smtp({ secure: true })
    await receiptOf(open(server.port, { to: `smtps://127.0.0.1:${server.port}` }), mail())
    await receiptOf(open(server.port, { to: `smtps://localhost:${server.port}` }), mail())
    expect(server.mails.map(({ secure }) => secure)).toEqual([true, true])
  })

  it('sends nothing to a server without STARTTLS, of another CA, or of another name', async () => {
    const clear = keep(await startSmtp({}))
    expect(await failureOf(open(clear.port), mail())).toMatchObject({
      code: 'SINK_REFUSED',
      retry: true,
      detail: { error: expect.any(Number) },
    })
    const server = await smtp()
    expect(await failureOf(openEntry(entry(server.port), { ca: stranger.cert }), mail())).toMatchObject({
      code: 'SINK_UNREACHABLE',
      retry: true,
      detail: { error: expect.stringMatching(/CERT|VERIFY/) },
    })
    const elsewhere = await smtp({ tls: { ...authority.issue(['mail.example.com']), ca: authority.cert } })
    expect(await failureOf(open(elsewhere.port), mail())).toMatchObject({
      code: 'SINK_UNREACHABLE',
      detail: { error: 'ERR_TLS_CERT_ALTNAME_INVALID' },
    })
    expect([...clear.mails, ...server.mails, ...elsewhere.mails]).toEqual([])
  })

  it('goes without TLS only where the entry spells it', async () => {
    const clear = keep(await startSmtp({}))
    const { ca: _, ...plain } = entry(clear.port, { starttls: 'off' })
    await receiptOf(openEntry(plain), mail())
    expect(clear.mails[0]?.secure).toBe(false)
  })

  it('shows its client certificate, and is turned away without one', async () => {
    const server = await smtp({ secure: true, clients: true })
    const to = `smtps://127.0.0.1:${server.port}`
    const files = { clientCert: clientPair.cert, clientKey: clientPair.key }
    await receiptOf(open(server.port, { to, clientCert: 'file:/c', clientKey: 'file:/k' }, files), mail())
    expect(await failureOf(open(server.port, { to, timeout: '3s' }), mail())).toMatchObject({
      code: 'SINK_UNREACHABLE',
      retry: true,
    })
    expect(server.mails.length).toBe(1)
  })

  it('keeps each finding’s order in 200 deliveries at once, over few connections', async () => {
    const server = await smtp()
    await deliverMany(open(server.port), 'text')
    const header = (one: (typeof server.mails)[number], name: string) => String(one.mail.headers.get(name))
    expectOrder(
      server.mails.map((one) => ({ key: header(one, 'x-revenant-dedup'), sequence: Number(header(one, 'x-revenant-sequence')) })),
    )
    expect(server.connections()).toBeLessThanOrEqual(4)
  })

  it('fails while the server is down and delivers to it once it is back', async () => {
    const first = await startSmtp({ tls })
    const sink = open(first.port)
    await receiptOf(sink, mail())
    await first.close()
    expect(await failureOf(sink, mail())).toMatchObject({
      code: 'SINK_UNREACHABLE',
      retry: true,
      detail: { error: 'ECONNREFUSED' },
    })
    const second = await smtp({ port: first.port })
    await receiptOf(sink, mail())
    expect(second.mails.length).toBe(1)
  })

  it('fails within its timeout on a peer that never greets, stops when the caller aborts, and when it is closed', async () => {
    const sockets: Socket[] = []
    const peer = createServer((socket) => sockets.push(socket.on('error', () => undefined).resume())).listen(0, '127.0.0.1')
    await once(peer, 'listening')
    keep({
      close: async () => {
        for (const socket of sockets) socket.destroy()
        peer.close()
      },
    })
    const { port } = peer.address() as AddressInfo
    expect(await failureOf(open(port, { timeout: '300ms' }), mail())).toMatchObject({
      code: 'SINK_UNREACHABLE',
      retry: true,
      detail: { error: expect.stringMatching(/^E?TIMED?OUT$/) },
    })
    const abort = new AbortController()
    setTimeout(() => abort.abort(), 50)
    expect(await failureOf(open(port), mail(), abort.signal)).toMatchObject({ detail: { error: 'ABORTED' } })
    const sink = open(port)
    const pending = failureOf(sink, mail())
    await until(() => sockets.length === 3)
    await sink.close()
    expect(await pending).toMatchObject({ retry: true, detail: { error: 'CLOSED' } })
    await until(() => sockets.every((socket) => socket.destroyed || socket.readableEnded))
  })

  it('leaves nothing open once it is closed', async () => {
    const server = await smtp()
    const before = process.getActiveResourcesInfo()
    const sink = open(server.port)
    await receiptOf(sink, mail())
    await sink.close()
    await expectNoHandles(before)
  })
})
