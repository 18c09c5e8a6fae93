import { jetstreamManager, StorageType } from '@nats-io/jetstream'
import { createAccount, createOperator, createUser, type KeyPair } from '@nats-io/nkeys'
import {
  type ConnectionOptions,
  connect,
  credsAuthenticator,
  type NatsConnection,
  nkeyAuthenticator,
} from '@nats-io/transport-node'
import { describe, expect, it } from 'vitest'
import type { SinkDeps } from '../../../src/alerts/sinks/sink.ts'
import { newId } from '../../../src/domain/id.ts'
import { NATS_SERVER, type NatsOptions, startNats } from '../../servers/nats.ts'
import { needs } from '../../servers/require.ts'
import { ALERT } from '../sample.ts'
import { brokerSinkSuite } from './broker-suite.ts'
import { authority, clientPair, keep, openEntry, PASSWORD, receiptOf, serverPair, sized } from './brokers.ts'
import { failureOf, MARK, message } from './deps.ts'

const SUBJECT = 'security.revenant'
const user = createUser()
const asUser = { authenticator: nkeyAuthenticator(user.getSeed()) }

describe.skipIf(!needs('nats-server', NATS_SERVER))('nats (needs the package nats-server)', () => {
  /** A server with a stream for the subject, and a client of the test's own that reads what it holds. */
  async function nats(options: NatsOptions = {}, as: ConnectionOptions = {}, stream: object = {}) {
    const server = keep(await startNats(options))
    const reader: NatsConnection = await connect({
      servers: `127.0.0.1:${server.port}`,
      // Some tests stop the server for a while.
      reconnectTimeWait: 50,
      maxReconnectAttempts: -1,
      ...as,
    })
    keep({ close: () => reader.close() })
    const manager = await jetstreamManager(reader)
    await manager.streams.add({ name: 'ALERTS', subjects: ['security.>'], storage: StorageType.File, ...stream })
    return {
      ...server,
      async stored() {
        // A request that this client sent into a connection that had just come back may be lost: asked again.
        const ask = () => manager.streams.info('ALERTS')
        const { state } = await ask().catch(ask)
        const all = []
        for (let seq = Math.max(state.first_seq, 1); seq <= state.last_seq; seq++) {
          const one = await manager.streams.getMessage('ALERTS', { seq })
          if (one !== null) all.push(one)
        }
        return all
      },
    }
  }

  const to = (port: number, entry: object = {}) => ({ sink: 'nats', to: `nats://127.0.0.1:${port}`, subject: SUBJECT, ...entry })

  it('is told by the stream what it stored, and a repeated id is stored once', async () => {
    const server = await nats()
    const sink = openEntry(to(server.port, { stream: 'ALERTS' }))
    const one = message()
    expect(await receiptOf(sink, one)).toEqual({ stream: 'ALERTS', sequence: 1 })
    expect(await receiptOf(sink, one)).toEqual({ stream: 'ALERTS', sequence: 1, duplicate: 'yes' })
    const [stored, ...more] = await server.stored()
    expect(more).toEqual([])
    expect(stored?.subject).toBe(SUBJECT)
    expect(stored?.string()).toBe(one.rendered.body)
    expect(stored?.header.get('Nats-Msg-Id')).toBe(ALERT.id)
    expect(stored?.header.get('content-type')).toBe('application/json')
    expect(stored?.header.get('revenant-dedup')).toBe(ALERT.dedupKey)
    expect(stored?.header.get('revenant-severity')).toBe('critical')
  })

  it('is not delivered where no stream listens to the subject, or another than the one named', async () => {
    const server = await nats()
    expect(await failureOf(openEntry(to(server.port, { subject: 'elsewhere' })))).toMatchObject({
      code: 'SINK_REFUSED',
      retry: true,
      detail: { error: 'NO_STREAM' },
    })
    expect(await failureOf(openEntry(to(server.port, { stream: 'OTHER' })))).toMatchObject({
      code: 'SINK_REFUSED',
      retry: true,
      detail: { error: expect.any(Number) },
    })
    expect(await server.stored()).toEqual([])
  })

  it('is not delivered to a server without JetStream', async () => {
    const server = keep(await startNats({ jetstream: false }))
    expect(await failureOf(openEntry(to(server.port)))).toMatchObject({ code: 'SINK_REFUSED', detail: { error: 'NO_STREAM' } })
  })

  it('gives up a message that the server or the stream finds too large, and goes on with the next', async () => {
    const server = await nats({ maxPayload: 10_000 }, {}, { max_msg_size: 5_000 })
    const sink = openEntry(to(server.port))
    expect(await failureOf(sink, sized(9_000))).toMatchObject({
      code: 'SINK_REFUSED',
      retry: false,
      detail: { error: 'MAX_PAYLOAD' },
    })
    expect(await failureOf(sink, sized(6_000))).toMatchObject({ code: 'SINK_REFUSED', retry: false, detail: { error: 10_054 } })
    expect(await receiptOf(sink)).toMatchObject({ sequence: 1 })
  })

  it.each([
    ['a password', `users: [{ user: revenant, password: "${PASSWORD}" }]`, { user: 'revenant', pass: PASSWORD }],
    ['a token', `token: "${PASSWORD}"`, { token: PASSWORD }],
    ['an nkey', `users: [{ nkey: ${user.getPublicKey()} }]`, asUser],
  ])('is refused without %s', async (_, authorization, as) => {
    const server = await nats({ authorization }, as)
    expect(await failureOf(openEntry(to(server.port)))).toMatchObject({
      code: 'SINK_REFUSED',
      detail: { error: 'AUTHORIZATION' },
    })
  })

  it('is refused where the user may not publish', async () => {
    const authorization = `users: [
      { user: admin, password: admin },
      { user: revenant, password: "${PASSWORD}", permissions: { publish: "other.>", subscribe: "_INBOX.>" } }]`
    const server = await nats({ authorization }, { user: 'admin', pass: 'admin' })
    const sink = openEntry(to(server.port, { username: 'revenant', secret: 'env:X', timeout: '2s' }), { secret: PASSWORD })
    expect(await failureOf(sink)).toMatchObject({ code: 'SINK_REFUSED', retry: true, detail: { error: 'PERMISSION' } })
  })

  const tls = { tls: { ca: authority.cert } }
  it('speaks TLS with the server by another of its names, and with none that speaks in clear', async () => {
    const server = await nats({ tls: serverPair }, tls)
    const entry = { ...to(server.port), to: `tls://127.0.0.1:${server.port}`, ca: 'file:/ca' }
    const named = openEntry({ ...entry, to: `tls://localhost:${server.port}` }, { ca: authority.cert })
    expect(await receiptOf(named)).toMatchObject({ sequence: 1 })
    // A server that does not offer TLS is no server.
    const clear = await nats()
    expect(await failureOf(openEntry({ ...entry, to: `tls://127.0.0.1:${clear.port}` }, { ca: authority.cert }))).toMatchObject({
      code: 'SINK_UNREACHABLE',
      retry: true,
    })
    expect(await clear.stored()).toEqual([])
  })

  it('shows its client certificate, and is turned away without one', async () => {
    const server = await nats({ tls: serverPair, clients: true }, { tls: { ca: authority.cert, ...clientPair } })
    const entry = { ...to(server.port), to: `tls://127.0.0.1:${server.port}`, ca: 'file:/ca' }
    const files = { ca: authority.cert, clientCert: clientPair.cert, clientKey: clientPair.key }
    expect(await receiptOf(openEntry({ ...entry, clientCert: 'file:/c', clientKey: 'file:/k' }, files))).toMatchObject({
      sequence: 1,
    })
    expect(await failureOf(openEntry({ ...entry, timeout: '3s' }, { ca: authority.cert }))).toMatchObject({ retry: true })
    expect((await server.stored()).length).toBe(1)
  })

  const suited = async (
    options: NatsOptions = {},
    as: ConnectionOptions = {},
    more: object = {},
    deps: Partial<SinkDeps> = {},
  ) => {
    const server = await nats(options, as)
    const secure = options.tls === undefined ? {} : { to: `tls://127.0.0.1:${server.port}`, ca: 'file:/ca' }
    return {
      entry: { ...to(server.port), ...secure, ...more },
      deps: { ca: authority.cert, ...deps },
      stored: async () =>
        (await server.stored()).map(({ header }) => ({
          key: header.get('revenant-dedup'),
          sequence: Number(header.get('revenant-sequence')),
        })),
      stop: () => server.stop(),
      start: () => server.start(),
    }
  }
  const refused = { detail: { error: 'AUTHORIZATION' } }
  const secret = 'env:X'
  const wrong = { secret: `${MARK}-wrong` }
  brokerSinkSuite({
    kind: 'nats',
    scheme: 'nats',
    open: (secure) => (secure ? suited({ tls: serverPair }, tls) : suited()),
    // Whether the client has noticed yet decides which.
    gone: expect.stringMatching(/^ECONN(RESET|REFUSED)$/),
    signIns: [
      {
        name: 'a password',
        open: async () => {
          const authorization = `users: [{ user: revenant, password: "${PASSWORD}" }]`
          const as = { user: 'revenant', pass: PASSWORD }
          return { ...(await suited({ authorization }, as, { username: 'revenant', secret }, { secret: PASSWORD })), wrong }
        },
        refused,
      },
      {
        name: 'a token',
        open: async () => {
          const as = { token: PASSWORD }
          const own = await suited({ authorization: `token: "${PASSWORD}"` }, as, { auth: 'token', secret }, { secret: PASSWORD })
          return { ...own, wrong }
        },
        refused,
      },
      {
        name: 'an nkey',
        open: async () => {
          const authorization = `users: [{ nkey: ${user.getPublicKey()} }]`
          const own = await suited({ authorization }, asUser, { auth: 'nkey', secret }, { secret: seedOf(user) })
          return { ...own, wrong: { secret: seedOf(createUser()) } }
        },
        refused,
      },
      {
        name: 'a .creds file',
        open: async () => {
          const { authorization: resolver, creds, otherCreds } = operatorMode()
          const as = { authenticator: credsAuthenticator(Buffer.from(creds)) }
          const own = await suited({ resolver }, as, { auth: 'creds', secret: 'file:/creds' }, { secret: creds })
          return { ...own, wrong: { secret: otherCreds } }
        },
        refused,
      },
    ],
    at: (port) => ({ entry: to(port), deps: {} }),
  })
})

function seedOf(user: KeyPair): string {
  return Buffer.from(user.getSeed()).toString()
}

/** An operator, an account with JetStream and a user of it, as JWTs (NATS ADR-14), and a user of an account that the server does not know. */
function operatorMode() {
  const [operator, account, system, stranger] = [createOperator(), createAccount(), createAccount(), createAccount()]
  const unlimited = { subs: -1, data: -1, payload: -1, conn: -1, leaf: -1, imports: -1, exports: -1, wildcards: true }
  const storage = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 }
  const accountJwt = jwt(operator, account, { type: 'account', limits: { ...unlimited, ...storage } })
  const credsOf = (issuer: KeyPair) => {
    const own = createUser()
    const token = jwt(issuer, own, { type: 'user', pub: {}, sub: {}, subs: -1, data: -1, payload: -1 })
    const seed = seedOf(own)
    return `-----BEGIN NATS USER JWT-----\n${token}\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`
  }
  const systemJwt = jwt(operator, system, { type: 'account', limits: unlimited })
  const preload = `{ ${account.getPublicKey()}: "${accountJwt}", ${system.getPublicKey()}: "${systemJwt}" }`
  return {
    authorization: `operator: "${jwt(operator, operator, { type: 'operator' })}"\nsystem_account: ${system.getPublicKey()}\nresolver: MEMORY\nresolver_preload: ${preload}`,
    creds: credsOf(account),
    otherCreds: credsOf(stranger),
  }
}

function jwt(issuer: KeyPair, subject: KeyPair, claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const body = {
    jti: newId(),
    iat: Math.floor(Date.now() / 1_000) - 60,
    iss: issuer.getPublicKey(),
    sub: subject.getPublicKey(),
    name: 'test',
    nats: { version: 2, ...claims },
  }
  const signed = `${part({ typ: 'JWT', alg: 'ed25519-nkey' })}.${part(body)}`
  return `${signed}.${Buffer.from(issuer.sign(Buffer.from(signed))).toString('base64url')}`
}
