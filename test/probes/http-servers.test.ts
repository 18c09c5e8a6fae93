import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadProbe } from '../../probes/registry.ts'
import { openDispatcher } from '../../src/probe/dispatcher.ts'
import { exchange } from '../../src/probe/exchange.ts'
import { compileRules } from '../../src/probe/rules.ts'
import { replay } from '../conformance/replay.ts'
import { APACHE, type ApacheServer, digestSecret, NONCE_LIFETIME, openApache } from '../servers/apache.ts'
import { type Authority, makeAuthority } from '../servers/certificates.ts'
import { NGINX, NGINX_TOKEN, type NginxServer, openNginx } from '../servers/nginx.ts'
import { needs } from '../servers/require.ts'

const accept = [{ when: { status: 200, json: { '/user': { type: 'string', empty: false } } } }]
const RIGHT = { username: 'alice', password: 'right' }
const WRONG = { username: 'alice', password: 'wrong' }

async function attempt(target: unknown, secret: unknown) {
  const bound = (await loadProbe('http')).bind(target)
  const { judgement, thrown } = await replay(bound, bound.secret(secret))
  return { ...judgement, thrown, transport: bound.transport }
}

const nginxThere = needs('nginx-light', NGINX)
describe.skipIf(!nginxThere)(nginxThere ? 'nginx' : 'nginx: nginx-light is missing', () => {
  let nginx: NginxServer
  let secure: NginxServer
  let authority: Authority
  beforeAll(async () => {
    authority = await makeAuthority()
    nginx = await openNginx()
    secure = await openNginx(await authority.issue(['127.0.0.1', 'localhost']))
  })
  afterAll(async () => {
    await nginx?.stop()
    await secure?.stop()
    authority?.remove()
  })
  const at = (path: string, more: object = {}) => ({
    url: nginx.origin + path,
    credential: 'basic',
    accept,
    principal: '/user',
    ...more,
  })
  const bearer = { token: NGINX_TOKEN }

  it('Basic: right, wrong, unknown', async () => {
    expect(await attempt(at('/basic'), RIGHT)).toMatchObject({ verdict: 'accepted', reason: 'authenticated', principal: 'alice' })
    for (const secret of [WRONG, { username: 'nobody', password: 'right' }]) {
      expect(await attempt(at('/basic'), secret)).toMatchObject({
        verdict: 'rejected',
        reason: 'invalid_credentials',
        strength: 'weak',
      })
    }
  })
  it('Bearer: right, wrong, none', async () => {
    const target = at('/bearer', { credential: 'bearer' })
    expect(await attempt(target, bearer)).toMatchObject({ verdict: 'accepted', principal: 'alice' })
    expect(await attempt(target, { token: 'wrong' })).toMatchObject({
      verdict: 'rejected',
      reason: 'token_invalid',
      strength: 'strong',
    })
    const bound = (await loadProbe('http')).bind(target)
    const nobody = bound.secret(bearer).decoy('nobody')
    if (nobody === undefined) throw new Error('nobody is missing')
    expect((await replay(bound, nobody)).judgement).toMatchObject({ verdict: 'inconclusive', reason: 'credential_not_evaluated' })
  })
  it('a session: live, dead by the login redirect, login page with 200', async () => {
    const page = {
      credential: { cookie: 'sid' },
      accept: [{ when: { status: 200, body: 'html', text: 'Log out' } }],
      reject: [{ when: { status: 302, location: { origin: 'same', path: '/login' } } }],
    }
    expect(await attempt(at('/app', page), { cookie: NGINX_TOKEN })).toMatchObject({ verdict: 'accepted' })
    expect(await attempt(at('/app', page), { cookie: 'dead' })).toMatchObject({
      verdict: 'rejected',
      reason: 'session_invalid',
      wire: { redirect: 'same' },
    })
    expect(await attempt(at('/soft', page), { cookie: NGINX_TOKEN })).toMatchObject({
      verdict: 'inconclusive',
      reason: 'ambiguous',
    })
  })
  it('redirects are classified and never followed', async () => {
    const moved = await attempt(at('/moved', { credential: 'bearer' }), bearer)
    expect(moved).toMatchObject({ verdict: 'inconclusive', reason: 'ambiguous', wire: { status: 302, redirect: 'other' } })
    expect(JSON.stringify(moved)).not.toContain(NGINX_TOKEN)
    expect(await attempt(at('/slash'), RIGHT)).toMatchObject({
      verdict: 'inconclusive',
      reason: 'config_error',
      wire: { redirect: 'canonical' },
    })
  })
  it('an open page lets decoys in', async () => {
    const bound = (await loadProbe('http')).bind(at('/open'))
    for (const of of ['nobody', 'stranger', 'same-principal'] as const) {
      const decoy = bound.secret(RIGHT).decoy(of)
      if (decoy === undefined) throw new Error(`${of} is missing`)
      expect((await replay(bound, decoy)).judgement.verdict).toBe('accepted')
    }
  })
  it('limits are no verdict', async () => {
    await attempt(at('/limited'), RIGHT)
    expect(await attempt(at('/limited'), RIGHT)).toMatchObject({ verdict: 'inconclusive', reason: 'rate_limited' })
    expect(await attempt(at('/denied'), RIGHT)).toMatchObject({ verdict: 'inconclusive', reason: 'ambiguous' })
  })
  it('TLS: verified by the given CA, refused without, taken where the target says so', async () => {
    const target = { ...at('/basic'), url: `${secure.origin}/basic` }
    expect(await attempt({ ...target, ca: authority.file }, RIGHT)).toMatchObject({ verdict: 'accepted', transport: 'verified' })
    expect(await attempt(target, RIGHT)).toMatchObject({ verdict: 'inconclusive', reason: 'tls_error' })
    expect(await attempt({ ...target, tls: 'insecure' }, RIGHT)).toMatchObject({ verdict: 'accepted', transport: 'insecure' })
    expect(await attempt({ ...at('/basic'), url: `${secure.origin.replace('https', 'http')}/basic` }, RIGHT)).toMatchObject({
      verdict: 'inconclusive',
      wire: { status: 400 },
    })
  })
})

const apacheThere = needs('apache2', APACHE)
describe.skipIf(!apacheThere)(apacheThere ? 'Apache' : 'Apache: apache2 is missing', () => {
  let apache: ApacheServer
  beforeAll(async () => {
    apache = await openApache()
  })
  afterAll(async () => {
    await apache?.stop()
  })
  const at = (path: string) => ({ url: apache.origin + path, credential: 'basic', accept })

  it('Basic: right and wrong', async () => {
    expect(await attempt(at('/basic'), RIGHT)).toMatchObject({ verdict: 'accepted' })
    expect(await attempt(at('/basic'), WRONG)).toMatchObject({ verdict: 'rejected', strength: 'weak' })
  })
  it('Require user answers 401 to a right password: weak, as for a wrong one', async () => {
    const right = await attempt(at('/only-bob'), RIGHT)
    expect(right).toMatchObject({ verdict: 'rejected', reason: 'invalid_credentials', strength: 'weak', wire: { status: 401 } })
    expect(await attempt(at('/only-bob'), WRONG)).toEqual(right)
    expect(await attempt(at('/only-bob'), { ...RIGHT, username: 'bob' })).toMatchObject({ verdict: 'accepted' })
  })
  it('Require ip answers 403 to right and wrong: no verdict', async () => {
    for (const secret of [RIGHT, WRONG]) {
      expect(await attempt(at('/elsewhere'), secret)).toMatchObject({
        verdict: 'inconclusive',
        reason: 'ambiguous',
        wire: { status: 403 },
      })
    }
  })
  it('a redirect to a login page, and the page itself', async () => {
    expect(await attempt(at('/app'), RIGHT)).toMatchObject({
      verdict: 'inconclusive',
      reason: 'ambiguous',
      wire: { redirect: 'same' },
    })
    expect(await attempt(at('/login'), RIGHT)).toMatchObject({
      verdict: 'inconclusive',
      reason: 'ambiguous',
      wire: { body: 'html' },
    })
  })
  it('a proxy that wants a password: 407 is no verdict', async () => {
    // The daemon never uses a proxy of its own; a transparent or reverse one in front of the system answers like this.
    const http = openDispatcher({ origins: [apache.proxy], rejectUnauthorized: true, connections: 1, connectTimeoutMs: 2_000 })
    const request = { origin: apache.proxy, path: `${apache.origin}/basic`, bare: '/basic', method: 'GET', headers: [] } as const
    const answer = await exchange(http, { ...request, headers: [] }, AbortSignal.timeout(5_000))
    expect(answer.status).toBe(407)
    const rules = [
      { when: { status: 407, header: { 'proxy-authenticate': { exists: true } } }, verdict: 'rejected', reason: 'token_invalid' },
    ] as const
    expect(compileRules({ rules, placement: 'basic' })(answer, [])).toMatchObject({
      verdict: 'inconclusive',
      reason: 'config_error',
    })
    await http.close()
  })
  it('Digest: stale=true is a challenge, and Apache sends it for the right password only', async () => {
    const http = openDispatcher({ origins: [apache.origin], rejectUnauthorized: true, connections: 1, connectTimeoutMs: 2_000 })
    const ask = (headers: string[]) =>
      exchange(
        http,
        { origin: apache.origin, path: '/digest', bare: '/digest', method: 'GET', headers },
        AbortSignal.timeout(5_000),
      )
    const nonce = (await ask([])).challenges()[0]?.params.nonce ?? ''
    expect((await ask(['authorization', digest('right', nonce)])).status).toBe(200)
    await sleep(NONCE_LIFETIME * 1_000 + 200)
    const judge = compileRules({ rules: [], placement: 'basic' })
    expect(judge(await ask(['authorization', digest('right', nonce)]), [])).toMatchObject({
      verdict: 'inconclusive',
      reason: 'challenge',
    })
    expect(judge(await ask(['authorization', digest('wrong', nonce)]), [])).toMatchObject({
      verdict: 'inconclusive',
      reason: 'auth_method_unsupported',
    })
    await http.close()
  })
})

/** RFC 7616 §3.4.1 with qop=auth and MD5. */
function digest(password: string, nonce: string): string {
  const md5 = (text: string) => createHash('md5').update(text).digest('hex')
  const response = md5(`${digestSecret('alice', 'lab', password)}:${nonce}:00000001:c0ffee:auth:${md5('GET:/digest')}`)
  return `Digest username="alice", realm="lab", nonce="${nonce}", uri="/digest", qop=auth, nc=00000001, cnonce="c0ffee", response="${response}"`
}
