import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { OID, OP } from '../../probes/ldap/message.ts'
import { ldap } from '../../probes/ldap.ts'
import type { Judgement } from '../../src/domain/answer.ts'
import { anyProbe } from '../../src/probe/probe.ts'
import { replay } from '../conformance/replay.ts'
import { needs } from '../servers/require.ts'
import { PASSWORD, PEOPLE, SLAPD_FILES, type Slapd, startSlapd } from '../servers/slapd.ts'
import { response, withoutUndefined } from './ldap-script.ts'

const installed = needs('slapd', ...SLAPD_FILES)
const named = (title: string) => (installed ? title : `${title}: slapd is missing`)

const TEMPLATE = `uid={username},${PEOPLE}`

async function ask(server: Slapd, username: string, password: string, more: Record<string, unknown> = {}): Promise<Judgement> {
  const target = {
    host: server.host,
    port: server.tlsPort,
    ca: server.authority.file,
    directory: 'openldap',
    dn: TEMPLATE,
    ...more,
  }
  const bound = anyProbe(ldap).bind(withoutUndefined(target))
  return (await replay(bound, bound.secret({ username, password }))).judgement
}

/** Over which path a bind goes, as the target spells it. */
const PATHS: Readonly<Record<string, (server: Slapd) => Record<string, unknown>>> = {
  LDAPS: () => ({}),
  StartTLS: ({ port }) => ({ port, startTls: true }),
  'LDAPS by name': () => ({ host: 'localhost' }),
  'LDAPS with another name': () => ({ servername: 'localhost' }),
  'LDAPS unverified': () => ({ tls: 'insecure', ca: undefined }),
  'StartTLS unverified': ({ port }) => ({ port, startTls: true, tls: 'insecure', ca: undefined }),
  clear: ({ port }) => ({ port, tls: 'disable', ca: undefined }),
}

const ACCEPTED = { verdict: 'accepted', reason: 'authenticated', strength: 'strong' }
const EXPIRED = { verdict: 'accepted', reason: 'password_expired', strength: 'strong' }
const WRONG = { verdict: 'rejected', reason: 'invalid_credentials', strength: 'strong' }
const WEAK = { ...WRONG, strength: 'weak' }
const LOCKED = { verdict: 'inconclusive', reason: 'account_locked' }

describe.skipIf(!installed)(named('slapd with a password policy that tells of locks'), () => {
  let server: Slapd
  beforeAll(async () => {
    server = await startSlapd({ policy: 'told' })
  })
  afterAll(() => server?.stop())

  it.each(Object.entries(PATHS))('v130 the right password over %s', async (_name, path) => {
    const principal = `uid=alive,${PEOPLE}`
    expect(await ask(server, 'alive', PASSWORD, path(server))).toMatchObject({
      ...ACCEPTED,
      principal,
      wire: { resultCode: 0, whoAmI: 0 },
    })
  })

  it.each([
    ['alive', WEAK],
    ['no-password', WEAK],
    ['nobody-of-that-name', WRONG],
  ])('v134 a wrong password for %s', async (username, expected) => {
    expect(await ask(server, username, 'wrong')).toMatchObject(expected)
  })

  it('v134 a suffix that is not served', async () => {
    expect(await ask(server, 'alive', PASSWORD, { dn: 'uid={username},dc=elsewhere' })).toMatchObject(WRONG)
  })

  it.each(['alive', 'no-password', 'expired'])(
    'v134 a wrong password for %s is proof where the target says that locks are told',
    async (username) => {
      expect(await ask(server, username, 'wrong', { tellsLocks: true })).toMatchObject(WRONG)
    },
  )

  it('a server of unknown kind proves nothing by a bare 49', async () => {
    expect(await ask(server, 'nobody-of-that-name', 'wrong', { directory: 'generic' })).toMatchObject(WEAK)
  })

  it.each([PASSWORD, 'wrong'])('a locked account is told, whatever the password (%#)', async (password) => {
    expect(await ask(server, 'locked', password, { tellsLocks: true })).toMatchObject({
      ...LOCKED,
      wire: { resultCode: 49, policyError: 1 },
    })
  })

  it('wrong tries lock, and the lock is seen at once', async () => {
    const answers = []
    for (const password of ['wrong', 'wrong too', PASSWORD]) answers.push(await ask(server, 'fragile', password))
    expect(answers).toMatchObject([WEAK, WEAK, LOCKED])
  })

  it('v137 an expired password is told to who has it', async () => {
    expect(await ask(server, 'expired', PASSWORD)).toMatchObject({ ...EXPIRED, wire: { resultCode: 49, policyError: 0 } })
    expect(await ask(server, 'expired', 'wrong')).toMatchObject(WEAK)
  })

  it('grace logins are used up by replays, and accepted to the last and beyond', async () => {
    const answers = []
    for (let replays = 0; replays < 3; replays++) answers.push(await ask(server, 'grace', PASSWORD))
    expect(answers).toMatchObject([
      { ...EXPIRED, wire: { resultCode: 0, graceLogins: 1 } },
      { ...EXPIRED, wire: { resultCode: 0, graceLogins: 0 } },
      { ...EXPIRED, wire: { resultCode: 49, policyError: 0 } },
    ])
  })

  it('v140 a password that must be changed', async () => {
    const expected = { verdict: 'accepted', reason: 'password_change_required', wire: { resultCode: 0, policyError: 2 } }
    expect(await ask(server, 'must-change', PASSWORD)).toMatchObject(expected)
    expect(await ask(server, 'must-change', 'wrong')).toMatchObject(WEAK)
  })

  it('a password that is about to expire', async () => {
    expect(await ask(server, 'ending', PASSWORD)).toMatchObject({ ...ACCEPTED, wire: { secondsToExpiry: expect.any(Number) } })
  })

  it('a username with special characters is escaped, and cannot reach into another branch', async () => {
    expect(await ask(server, 'Doe, Jane', PASSWORD)).toMatchObject({ ...ACCEPTED, principal: `uid=Doe\\2C Jane,${PEOPLE}` })
    expect(await ask(server, `alive,${PEOPLE}`, PASSWORD, { dn: 'uid={username}' })).toMatchObject({ verdict: 'rejected' })
  })

  it('v144 a DN that is none', async () => {
    expect(await ask(server, 'alive', PASSWORD, { dn: 'uid={username},no dn=' })).toMatchObject({
      verdict: 'inconclusive',
      reason: 'client_error',
      wire: { resultCode: 34 },
    })
  })

  it.each<[string, (server: Slapd) => Record<string, unknown>]>([
    ['no authority', () => ({ ca: undefined })],
    ['no authority, StartTLS', ({ port }) => ({ ca: undefined, port, startTls: true })],
    ['another name', () => ({ servername: 'elsewhere.example' })],
    ['TLS to the clear port', ({ port }) => ({ port })],
  ])('TLS that does not hold: %s', async (_what, path) => {
    const { verdict, reason } = await ask(server, 'alive', PASSWORD, path(server))
    expect({ verdict, reason }).toEqual({ verdict: 'inconclusive', reason: expect.toBeOneOf(['tls_error', 'unreachable']) })
  })
})

describe.skipIf(!installed)(named("slapd with a password policy in slapd's default"), () => {
  let server: Slapd
  beforeAll(async () => {
    server = await startSlapd({ policy: 'hidden' })
  })
  afterAll(() => server?.stop())

  it('v135 hides a locked account behind the very bytes of a wrong password, control or not: weak', async () => {
    const locked = await ask(server, 'locked', PASSWORD)
    expect(locked).toMatchObject(WEAK)
    expect(locked).toEqual(await ask(server, 'alive', 'wrong'))
  })

  it('v134 has no policy over a name that does not exist: strong', async () => {
    expect(await ask(server, 'nobody-of-that-name', PASSWORD)).toMatchObject(WRONG)
  })

  it('v138 tells an expired password all the same', async () => {
    expect(await ask(server, 'expired', PASSWORD)).toMatchObject(EXPIRED)
  })
})

describe.skipIf(!installed)(named('slapd without a password policy'), () => {
  let server: Slapd
  beforeAll(async () => {
    server = await startSlapd({ policy: 'none', config: ['allow bind_anon_dn'] })
  })
  afterAll(() => server?.stop())

  it('cannot lock, so that a wrong password is proof', async () => {
    expect(await ask(server, 'alive', PASSWORD)).toMatchObject(ACCEPTED)
    expect(await ask(server, 'alive', 'wrong')).toMatchObject(WRONG)
  })

  it('v131 would let an empty password in, which never gets that far', async () => {
    await expect(ask(server, 'alive', '')).rejects.toMatchObject({ code: 'SECRET_INVALID' })
  })
})

describe.skipIf(!installed)(named('slapd whose access rules let us authenticate nobody'), () => {
  let server: Slapd
  beforeAll(async () => {
    const rule = 'access to attrs=userPassword by peername.ip=127.0.0.9 anonymous auth by * none'
    server = await startSlapd({ policy: 'none', config: [rule, 'access to * by * read'] })
  })
  afterAll(() => server?.stop())

  // The one false rejection that the wire cannot tell: what `directory: openldap` vouches for, and what a canary finds.
  it('answers the right password as a wrong one, which is weak unless the target vouches for the server', async () => {
    const right = await ask(server, 'alive', PASSWORD, { directory: 'generic' })
    expect(right).toMatchObject(WEAK)
    expect(right).toEqual(await ask(server, 'alive', 'wrong', { directory: 'generic' }))
  })
})

describe.skipIf(!installed)(named('slapd that demands TLS'), () => {
  let server: Slapd
  beforeAll(async () => {
    server = await startSlapd({ config: ['security simple_bind=128', 'disallow bind_anon'] })
  })
  afterAll(() => server?.stop())

  it.each([PASSWORD, 'wrong'])('v141 judges no password in clear (%#)', async (password) => {
    expect(await ask(server, 'alive', password, { port: server.port, tls: 'disable', ca: undefined })).toMatchObject({
      verdict: 'inconclusive',
      reason: 'tls_required',
      wire: { resultCode: 13 },
    })
  })

  it('judges it in TLS', async () => {
    expect(await ask(server, 'alive', PASSWORD, { port: server.port, startTls: true })).toMatchObject(ACCEPTED)
    expect(await ask(server, 'alive', 'wrong', { port: server.port, startTls: true })).toMatchObject(WEAK)
  })
})

describe.skipIf(!installed)(named('somebody between the probe and slapd'), () => {
  let server: Slapd
  beforeAll(async () => {
    server = await startSlapd()
  })
  afterAll(() => server?.stop())

  it('sees StartTLS and then only TLS when it leaves the traffic alone', async () => {
    const between = await openBetween(server.port, (chunk) => [chunk])
    try {
      expect(await ask(server, 'alive', PASSWORD, { port: between.port, startTls: true })).toMatchObject(ACCEPTED)
      expectNothingSecret(between.seen())
    } finally {
      await between.stop()
    }
  })

  it.each<[string, (granted: Buffer) => Buffer[]]>([
    ['refuses StartTLS in its place', () => [response(1, OP.extendedResponse, { code: 2 })]],
    ['answers that it is unavailable', () => [response(1, OP.extendedResponse, { code: 52 })]],
    ['adds a bind response to its consent', (granted) => [Buffer.concat([granted, response(1, OP.bindResponse, { code: 0 })])]],
    ['sends a bind response after its consent', (granted) => [granted, response(1, OP.bindResponse, { code: 0 })]],
  ])('gets no password and no verdict when it %s', async (_what, forge) => {
    let first = true
    const between = await openBetween(server.port, (chunk) => {
      const forged = first ? forge(chunk) : [chunk]
      first = false
      return forged
    })
    try {
      expect(await ask(server, 'alive', PASSWORD, { port: between.port, startTls: true })).toMatchObject({
        verdict: 'inconclusive',
        reason: 'tls_error',
      })
      expectNothingSecret(between.seen())
    } finally {
      await between.stop()
    }
  })
})

function expectNothingSecret(seen: Buffer): void {
  // It did see the conversation: the question for TLS came first.
  expect(seen.includes(OID.startTls)).toBe(true)
  expect(seen.includes(PASSWORD)).toBe(false)
  expect(seen.includes('uid=alive')).toBe(false)
}

interface Between {
  port: number
  /** All that the probe sent. */
  seen(): Buffer
  stop(): Promise<void>
}

/** Relays a connection to the server, keeps what the probe sends and passes on what `forge` makes of each chunk of the answer. */
async function openBetween(to: number, forge: (chunk: Buffer) => readonly Buffer[]): Promise<Between> {
  const seen: Buffer[] = []
  const sockets = new Set<Socket>()
  const relay = createServer((probe) => {
    const behind = connect({ host: '127.0.0.1', port: to })
    for (const socket of [probe, behind]) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => {
        probe.destroy()
        behind.destroy()
      })
    }
    probe.on('data', (chunk: Buffer) => {
      seen.push(chunk)
      behind.write(chunk)
    })
    behind.on('data', (chunk: Buffer) => {
      for (const piece of forge(chunk)) probe.write(piece)
    })
  })
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve))
  return { port: portOf(relay), seen: () => Buffer.concat(seen), stop: () => stopRelay(relay, sockets) }
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port')
  return address.port
}

async function stopRelay(relay: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  for (const socket of sockets) socket.destroy()
  await new Promise<void>((resolve) => relay.close(() => resolve()))
}
