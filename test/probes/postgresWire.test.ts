import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { postgres } from '../../probes/postgres.ts'
import { anyProbe } from '../../src/probe/probe.ts'
import { replay } from '../conformance/replay.ts'
import { checkJudgement, checkSilence, type Expected } from '../conformance/suite.ts'
import { openHostile } from '../servers/hostile.ts'

// Servers that speak the protocol and lie: each waits for the client's message before it says the next thing.

const PASSWORD = 'marked-77c1-password'

const OK = auth(0)
const CLEARTEXT = auth(3)
const SASL = auth(10, 'SCRAM-SHA-256\0\0')
const READY = message('Z', 'I')

type Reply = Buffer | ((said: Buffer) => Buffer)

const LIARS: Record<string, { replies: readonly Reply[]; expect: Expected; sends?: number }> = {
  'Ok to SCRAM without a proof': {
    replies: [SASL, Buffer.concat([OK, READY])],
    expect: { verdict: 'inconclusive', reason: 'protocol_error' },
  },
  'Ok in the middle of SCRAM': {
    replies: [SASL, (said) => serverFirst(said, 4096), Buffer.concat([OK, READY])],
    expect: { verdict: 'inconclusive', reason: 'protocol_error' },
  },
  'a false SCRAM signature': {
    replies: [SASL, (said) => serverFirst(said, 4096), Buffer.concat([auth(12, `v=${'A'.repeat(43)}=`), OK, READY])],
    expect: { verdict: 'inconclusive', reason: 'protocol_error' },
  },
  'a nonce that is not ours': {
    replies: [SASL, auth(11, 'r=somebodyelse,s=AAAA,i=4096')],
    expect: { verdict: 'inconclusive', reason: 'protocol_error' },
  },
  'our nonce and nothing more': {
    replies: [SASL, (said) => auth(11, `r=${nonceOf(said)},s=AAAA,i=4096`)],
    expect: { verdict: 'inconclusive', reason: 'protocol_error' },
  },
  'two billion iterations': {
    replies: [SASL, (said) => serverFirst(said, 2_000_000_000)],
    expect: { verdict: 'inconclusive', reason: 'auth_method_unsupported' },
  },
  'only OAuth': {
    replies: [auth(10, 'OAUTHBEARER\0\0')],
    expect: { verdict: 'inconclusive', reason: 'auth_method_unsupported' },
  },
  GSSAPI: { replies: [auth(7)], expect: { verdict: 'inconclusive', reason: 'auth_method_unsupported' } },
  // pg-protocol takes this one for AuthenticationOk.
  'a cleartext request with a tail': {
    replies: [auth(3, 'x'), Buffer.concat([OK, READY])],
    expect: { verdict: 'inconclusive', reason: 'protocol_error' },
    sends: 0,
  },
  'an unknown authentication code': { replies: [auth(99)], expect: { verdict: 'inconclusive', reason: 'protocol_error' } },
  'a second challenge': {
    replies: [CLEARTEXT, CLEARTEXT, Buffer.concat([OK, READY])],
    expect: { verdict: 'inconclusive', reason: 'protocol_error' },
    sends: 1,
  },
  'ready before any Ok': { replies: [CLEARTEXT, READY], expect: { verdict: 'inconclusive', reason: 'protocol_error' } },
  'Ok and then nothing more': {
    replies: [CLEARTEXT, OK, Buffer.alloc(0)],
    expect: { verdict: 'inconclusive', reason: 'timeout' },
  },
  'refused before a challenge': {
    replies: [error('28P01')],
    expect: { verdict: 'inconclusive', reason: 'credential_not_evaluated' },
    sends: 0,
  },
  'an unknown code after the password': {
    replies: [CLEARTEXT, error('28999')],
    expect: { verdict: 'inconclusive', reason: 'ambiguous' },
  },
  'an unknown code after Ok': {
    replies: [CLEARTEXT, Buffer.concat([OK, error('P0001')])],
    expect: { verdict: 'inconclusive', reason: 'ambiguous' },
  },
  '28000 after Ok from another routine': {
    replies: [CLEARTEXT, Buffer.concat([OK, error('28000', 'SomebodyElse')])],
    expect: { verdict: 'inconclusive', reason: 'ambiguous' },
  },
  '28P01 after Ok': {
    replies: [CLEARTEXT, Buffer.concat([OK, error('28P01')])],
    expect: { verdict: 'inconclusive', reason: 'ambiguous' },
  },
  'an unknown text of a pooler': {
    replies: [CLEARTEXT, error('08P01', '', 'login failed')],
    expect: { verdict: 'inconclusive', reason: 'ambiguous' },
  },
  'the code of a wrong password from PostgreSQL': {
    replies: [CLEARTEXT, error('28P01', 'auth_failed')],
    expect: { verdict: 'rejected', reason: 'invalid_credentials', strength: 'strong' },
  },
  'the same from a pooler, which names no routine': {
    replies: [CLEARTEXT, error('28P01')],
    expect: { verdict: 'rejected', reason: 'invalid_credentials', strength: 'weak' },
  },
  'an error that quotes the password': {
    replies: [CLEARTEXT, error('28P01', PASSWORD, `wrong: ${PASSWORD}`)],
    expect: { verdict: 'rejected', reason: 'invalid_credentials', strength: 'weak' },
  },
}

describe('a server that lies', () => {
  it.each(Object.entries(LIARS))('%s', async (_, { replies, expect: expected, sends }) => {
    const said: Buffer[] = []
    const { judgement } = await against((socket) => script(socket, replies, said))
    checkJudgement(judgement, expected)
    if (sends !== undefined) expect(said.filter((bytes) => bytes.includes(PASSWORD))).toHaveLength(sends)
  })

  it('is not sent a password by plain text stuffed before TLS', async () => {
    const listener = await openHostile((socket) => {
      socket.once('data', () => socket.write(Buffer.concat([Buffer.from('S'), OK, READY])))
    })
    const bound = probe.bind({ host: '127.0.0.1', port: listener.port, database: 'app' })
    const { judgement } = await replay(bound, bound.secret({ username: 'leaver', password: PASSWORD }))
    expect(listener.received()).toHaveLength(8)
    await listener.stop()
    checkJudgement(judgement, { verdict: 'inconclusive', reason: 'protocol_error' })
  })

  it('says Ok to anybody, and gives itself away by the decoy', async () => {
    const anybody = [CLEARTEXT, Buffer.concat([OK, READY])]
    for (const decoy of ['stranger', 'same-principal'] as const) {
      const { judgement } = await against((socket) => script(socket, anybody, []), decoy)
      checkJudgement(judgement, { verdict: 'accepted', reason: 'authenticated' })
    }
  })

  it('is told who asks', async () => {
    const said: Buffer[] = []
    await against((socket) => script(socket, [error('28000')], said))
    expect(said[0]?.toString('latin1')).toContain('application_name\0Revenant/0 (conformance)\0')
  })
})

const probe = anyProbe(postgres)

async function against(behave: (socket: Socket) => void, decoy?: 'stranger' | 'same-principal') {
  const listener = await openHostile(behave)
  try {
    const bound = probe.bind({ host: '127.0.0.1', port: listener.port, database: 'app', tls: 'disable' })
    const secret = bound.secret({ username: 'leaver', password: PASSWORD })
    const replayed = await replay(bound, decoy === undefined ? secret : (secret.decoy(decoy) ?? secret), { timeoutMs: 1_000 })
    checkSilence(replayed, [PASSWORD])
    // These servers never hang up: it is the probe that has to.
    await expect.poll(() => listener.open()).toBe(0)
    return replayed
  } finally {
    await listener.stop()
  }
}

function script(socket: Socket, replies: readonly Reply[], said: Buffer[]): void {
  const left = [...replies]
  socket.on('data', (bytes: Buffer) => {
    said.push(bytes)
    const reply = left.shift()
    if (reply !== undefined) socket.write(typeof reply === 'function' ? reply(bytes) : reply)
  })
}

function serverFirst(clientFirst: Buffer, iterations: number): Buffer {
  return auth(11, `r=${nonceOf(clientFirst)}more,s=c2FsdHNhbHQ=,i=${iterations}`)
}

function nonceOf(clientFirst: Buffer): string {
  return clientFirst.toString('latin1').split('r=')[1] ?? ''
}

function auth(code: number, data = ''): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(code)
  return message('R', Buffer.concat([bytes, Buffer.from(data)]))
}

function error(code: string, routine = '', text = 'no'): Buffer {
  const fields = [`SFATAL`, `C${code}`, `M${text}`, ...(routine === '' ? [] : [`R${routine}`])]
  return message('E', `${fields.join('\0')}\0\0`)
}

function message(type: string, body: Buffer | string): Buffer {
  const bytes = Buffer.from(body)
  const length = Buffer.alloc(4)
  length.writeInt32BE(bytes.length + 4)
  return Buffer.concat([Buffer.from(type), length, bytes])
}
