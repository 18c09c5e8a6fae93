import { getEventListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { element, integer, octets, TAG } from '../../probes/ldap/ber.ts'
import { OID, OP } from '../../probes/ldap/message.ts'
import { ldap } from '../../probes/ldap.ts'
import { anyProbe } from '../../src/probe/probe.ts'
import { type ReplayOptions, replay } from '../conformance/replay.ts'
import {
  answering,
  contextOf,
  openScript,
  type Response,
  response,
  rootDse,
  type Script,
  type ScriptedLdap,
} from './ldap-script.ts'

/** Directories whose every byte the test spells: what no server at hand would send, and what must never be sent to one. */
const SECRET = { dn: 'uid=jdoe,dc=example', password: 'sesame-street' }
const SUCCESS = { code: 0 }

let server: ScriptedLdap | undefined
afterEach(async () => {
  await server?.stop()
  server = undefined
})

async function ask(script: Script, more: Record<string, unknown> = {}, options: ReplayOptions = {}) {
  server = await openScript(script)
  const bound = anyProbe(ldap).bind({ host: '127.0.0.1', port: server.port, tls: 'disable', ...more })
  return (await replay(bound, bound.secret(SECRET), options)).judgement
}

const operations = () => server?.requests.map(({ op }) => op)

describe('what is sent', () => {
  it('is one bind with the policy control, WhoAmI and unbind when the bind succeeds', async () => {
    await ask(answering(SUCCESS))
    await settled()
    expect(operations()).toEqual([OP.bindRequest, OP.extendedRequest, OP.unbindRequest])
    expect(server?.requests[0]?.bytes.includes(OID.passwordPolicy)).toBe(true)
    expect(server?.requests[1]?.bytes.includes(OID.whoAmI)).toBe(true)
  })

  it.each([49, 53, 8])('is one bind and unbind when the answer is %i', async (code) => {
    await ask(answering({ code }))
    await settled()
    expect(operations()).toEqual([OP.bindRequest, OP.unbindRequest])
  })
})

describe('who the server took us for', () => {
  it.each<[string, Response, string]>([
    ['a DN', { code: 0, value: 'dn:uid=jdoe,dc=example' }, 'uid=jdoe,dc=example'],
    ['a user', { code: 0, value: 'u:CORP\\jdoe' }, 'CORP\\jdoe'],
  ])('%s', async (_what, whoAmI, principal) => {
    expect(await ask(answering(SUCCESS, whoAmI))).toMatchObject({ verdict: 'accepted', reason: 'authenticated', principal })
  })

  it.each<[string, Response]>([
    ['an empty authzId', { code: 0, value: '' }],
    ['no authzId', { code: 0 }],
    ['an empty DN', { code: 0, value: 'dn:' }],
    ["Windows's anonymous", { code: 0, value: 'u:NT AUTHORITY\\ANONYMOUS LOGON' }],
  ])('nobody: %s', async (_what, whoAmI) => {
    const judgement = await ask(answering(SUCCESS, whoAmI))
    expect(judgement).toMatchObject({ verdict: 'inconclusive', reason: 'endpoint_unauthenticated' })
    expect(judgement.principal).toBeUndefined()
  })

  it.each([
    ['01 01 000000000005 07000000', 'inconclusive', 'endpoint_unauthenticated', 'S-1-5-7'],
    ['01 02 000000000005 20000000 20020000', 'accepted', 'authenticated', 'S-1-5-32-544'],
    ['01 03 000000000005 20000000', 'accepted', 'authenticated', undefined],
  ])('by the rootDSE where there is no WhoAmI: SID %s', async (bytes, verdict, reason, sid) => {
    const judgement = await ask((request) => {
      if (request.op !== OP.searchRequest) return answering(SUCCESS, { code: 2 })(request)
      const groups = rootDse(request.id, 'tokenGroups', Buffer.from(bytes.replaceAll(' ', ''), 'hex'))
      return [groups, response(request.id, OP.searchDone, SUCCESS)]
    })
    expect(judgement).toMatchObject({ verdict, reason })
    expect(judgement.wire.sid).toBe(sid)
  })

  it('an operations error on the search says that nobody is bound', async () => {
    const judgement = await ask((request) => {
      if (request.op !== OP.searchRequest) return answering(SUCCESS, { code: 2 })(request)
      return [response(request.id, OP.searchDone, { code: 1 })]
    })
    expect(judgement).toMatchObject({ verdict: 'inconclusive', reason: 'not_authenticated' })
  })

  it.each<[string, Script]>([
    ['nothing', () => []],
    ['a hang-up', () => ['hang up']],
    ['garbage', () => [Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')]],
  ])('an accepted bind stays accepted when WhoAmI gets %s', async (_what, then) => {
    const script: Script = (request) => (request.op === OP.bindRequest ? answering(SUCCESS)(request) : then(request))
    const judgement = await ask(script, {}, { timeoutMs: 200 })
    expect(judgement).toMatchObject({ verdict: 'accepted', reason: 'authenticated', wire: { whoAmI: 'unanswered' } })
  })
})

describe('what a bind is answered', () => {
  it('may come byte by byte', async () => {
    const script: Script = (request) => answering({ code: 49 })(request).flatMap((piece) => [...bytewise(piece)])
    expect(await ask(script)).toMatchObject({ verdict: 'rejected', reason: 'invalid_credentials' })
  })

  it.each<[string, Response, Record<string, string>]>([
    ['expired and locked out of grace', { code: 49, policyError: 0 }, { verdict: 'accepted', reason: 'password_expired' }],
    ['locked', { code: 49, policyError: 1 }, { verdict: 'inconclusive', reason: 'account_locked' }],
    ['a policy error not meant for binds', { code: 49, policyError: 5 }, { verdict: 'inconclusive', reason: 'ambiguous' }],
    ['a grace login', { code: 0, graceLogins: 0 }, { verdict: 'accepted', reason: 'password_expired' }],
    ['a warning of expiry', { code: 0, secondsToExpiry: 60 }, { verdict: 'accepted', reason: 'authenticated' }],
    [
      "Netscape's expiry",
      { code: 49, netscapeExpired: true },
      { verdict: 'accepted', reason: 'password_expired', strength: 'weak' },
    ],
    ["Netscape's reset", { code: 0, netscapeExpired: true }, { verdict: 'accepted', reason: 'password_change_required' }],
    ['53 of another meaning', { code: 53, diagnostic: 'no' }, { verdict: 'inconclusive', reason: 'ambiguous' }],
    ['an unknown code', { code: 4_096 }, { verdict: 'inconclusive', reason: 'ambiguous' }],
  ])('%s', async (_what, bind, expected) => {
    expect(await ask(answering(bind))).toMatchObject(expected)
  })

  it.each<[string, string | undefined, string]>([
    ['no sub-code', undefined, 'ambiguous'],
    ['an unknown sub-code', 'data 1234, v1db1', 'ambiguous'],
    ['no logon server', 'data 51f, v1db1', 'upstream_unavailable'],
    ['a sub-code that somebody quotes', 'x data 52e, v1db1', 'ambiguous'],
  ])('49 of a domain controller with %s proves nothing', async (_what, data, reason) => {
    const diagnostic = data === undefined ? '' : `80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, ${data}`
    expect(await ask(answering({ code: 49, diagnostic }), { directory: 'active-directory' })).toMatchObject({
      verdict: 'inconclusive',
      reason,
    })
  })

  it.each(['525', '532', '533'])('sub-code %s is read in every directory', async (data) => {
    const diagnostic = `80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data ${data}, v1db1`
    const meanings: Record<string, object> = {
      // Seen from no Windows: the others are, from Samba.
      '525': { reason: 'user_not_found', strength: 'weak' },
      '532': { reason: 'password_expired', strength: 'strong' },
      '533': { reason: 'account_disabled', strength: 'strong' },
    }
    expect(await ask(answering({ code: 49, diagnostic }))).toMatchObject({ ...meanings[data], wire: { subCode: data } })
  })

  it.each<[string, (id: number) => Buffer | 'hang up', string]>([
    ['an answer to another request', (id) => response(id + 1, OP.bindResponse, SUCCESS), 'protocol_error'],
    ['an answer of another kind', (id) => response(id, OP.searchDone, SUCCESS), 'protocol_error'],
    ['a success without the rest of its result', (id) => cut(id), 'protocol_error'],
    ['two policies at once', (id) => twoPolicies(id), 'protocol_error'],
    ['a broken policy', (id) => withPolicy(id, Buffer.from('3005a0', 'hex')), 'protocol_error'],
    ['a length beyond all bounds', () => Buffer.from('30847fffffff', 'hex'), 'protocol_error'],
    ['a notice that it is busy', () => notice(52), 'server_error'],
    ['a notice that it wants TLS', () => notice(8), 'tls_required'],
    ['another unsolicited message', () => response(0, OP.extendedResponse, SUCCESS), 'protocol_error'],
    ['a hang-up', () => 'hang up', 'unreachable'],
  ])('%s proves nothing', async (_what, make, reason) => {
    const judgement = await ask(({ id, op }) => (op === OP.bindRequest ? [make(id)] : []), { directory: 'openldap' })
    expect(judgement).toMatchObject({ verdict: 'inconclusive', reason })
  })

  it('is heard before the hang-up behind it', async () => {
    const script: Script = (request) => [...answering({ code: 49 })(request), 'hang up']
    expect(await ask(script)).toMatchObject({ verdict: 'rejected' })
  })
})

describe('StartTLS', () => {
  const startTls = { tls: 'verify', startTls: true }

  it.each<[string, (id: number) => readonly (Buffer | 'hang up')[], string]>([
    ['refused: protocol error', (id) => [response(id, OP.extendedResponse, { code: 2 })], 'tls_error'],
    ['refused: unavailable', (id) => [response(id, OP.extendedResponse, { code: 52 })], 'tls_error'],
    ['refused: operations error', (id) => [response(id, OP.extendedResponse, { code: 1 })], 'tls_error'],
    ['answered by a bind response', (id) => [response(id, OP.bindResponse, SUCCESS)], 'protocol_error'],
    ['hung up on', () => ['hang up'], 'unreachable'],
    [
      'granted, with a forged bind response behind it',
      (id) => [Buffer.concat([granted(id), response(1, OP.bindResponse, SUCCESS)])],
      'tls_error',
    ],
    ['granted, with one byte behind it', (id) => [Buffer.concat([granted(id), Buffer.from([0x30])])], 'tls_error'],
    [
      'granted, with a forged bind response soon after',
      (id) => [granted(id), response(1, OP.bindResponse, SUCCESS)],
      'tls_error',
    ],
    ['granted, and TLS never begun', (id) => [granted(id), 'hang up'], 'unreachable'],
  ])('%s: nothing secret is sent', async (_what, answer, reason) => {
    const judgement = await ask(({ id, op }) => (op === OP.extendedRequest ? answer(id) : []), startTls)
    expect(judgement).toMatchObject({ verdict: 'inconclusive', reason })
    expect(server?.received().includes(SECRET.password)).toBe(false)
    expect(server?.received().includes(SECRET.dn)).toBe(false)
    expect(server?.requests[0]?.bytes.includes(OID.startTls)).toBe(true)
    expect(operations()?.includes(OP.bindRequest)).toBe(false)
  })
})

describe('the abort signal', () => {
  it.each<[string, Script, Record<string, unknown>]>([
    ['in the bind', () => [], {}],
    ['in StartTLS', () => [], { tls: 'verify', startTls: true }],
    ['in the handshake after StartTLS', ({ id }) => [granted(id)], { tls: 'verify', startTls: true }],
    ['in the handshake of LDAPS', () => [], { tls: 'verify' }],
  ])('ends the attempt %s with its own reason and leaves nothing behind', async (_what, script, more) => {
    server = await openScript(script)
    const target = ldap.target.parse({ host: '127.0.0.1', port: server.port, tls: 'disable', ...more })
    const abort = new AbortController()
    const reason = new Error('time is up')
    const attempt = ldap.attempt(target, SECRET, contextOf(abort.signal))
    const ended = expect(attempt).rejects.toBe(reason)
    await sleep(100)
    abort.abort(reason)
    await ended
    await settled()
    expect(server.open()).toBe(0)
    expect(getEventListeners(abort.signal, 'abort')).toEqual([])
  })

  it('has no listener left when the attempt ended by itself', async () => {
    server = await openScript(answering({ code: 49 }))
    const target = ldap.target.parse({ host: '127.0.0.1', port: server.port, tls: 'disable' })
    const { signal } = new AbortController()
    await ldap.attempt(target, SECRET, contextOf(signal))
    await settled()
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })
})

/** Until both ends have seen the close. */
async function settled(): Promise<void> {
  for (let turns = 0; turns < 100 && server?.open() !== 0; turns++) await sleep(10)
  await sleep(10)
}

function granted(id: number): Buffer {
  return response(id, OP.extendedResponse, { code: 0, name: OID.startTls })
}

function notice(code: number): Buffer {
  return response(0, OP.extendedResponse, { code, name: OID.noticeOfDisconnection })
}

function cut(id: number): Buffer {
  return element(TAG.sequence, integer(id), element(OP.bindResponse, integer(0, TAG.enumerated)))
}

function withPolicy(id: number, ...values: readonly Buffer[]): Buffer {
  const controls = values.map((value) => element(TAG.sequence, octets(OID.passwordPolicy), element(TAG.octets, value)))
  const result = element(OP.bindResponse, integer(49, TAG.enumerated), octets(''), octets(''))
  return element(TAG.sequence, integer(id), result, element(0xa0, ...controls))
}

function twoPolicies(id: number): Buffer {
  return withPolicy(id, Buffer.from('3000', 'hex'), Buffer.from('3003810101', 'hex'))
}

function* bytewise(piece: Buffer | 'hang up'): Generator<Buffer | 'hang up'> {
  if (piece === 'hang up') yield piece
  else for (const byte of piece) yield Buffer.from([byte])
}
