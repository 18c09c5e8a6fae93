import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { oauth } from '../../probes/oauth.ts'
import { CONFIG_CHECKS, effectFault } from '../../src/daemon/checks.ts'
import { RevenantError } from '../../src/domain/error.ts'
import { openDispatcher } from '../../src/probe/dispatcher.ts'
import { anyProbe } from '../../src/probe/probe.ts'
import { type AttemptOptions, attempt } from '../../src/scan/attempt.ts'
import { checkJudgement, type Expected } from '../conformance/suite.ts'
import { type OauthServer, SECRETS, SERVICE, SIGNER, startOauth, WATCHER } from '../servers/oauth.ts'

const probe = anyProbe(oauth)
const APP = { id: 'app', secret: 'env:OAUTH_TEST_APP' }
const INTROSPECT = { id: WATCHER.id, secret: 'env:OAUTH_TEST_WATCHER' }

async function ask(target: Record<string, unknown>, secret: unknown, decoy?: 'nobody' | 'stranger' | 'same-principal') {
  const bound = probe.bind(target)
  const http = openDispatcher({ origins: bound.origins, rejectUnauthorized: true, connections: 1, connectTimeoutMs: 5_000 })
  const options: AttemptOptions = { timeoutMs: 5_000, http, attribution: 'Revenant/0', pinnedPeer: undefined, running: new Set() }
  const given = bound.secret(secret)
  const asked = decoy === undefined ? given : given.decoy(decoy)
  if (asked === undefined) throw new Error(`there is no ${decoy}`)
  try {
    return await attempt(asked, options)
  } finally {
    await http.destroy()
  }
}

const ACCEPTED: Expected = { verdict: 'accepted', reason: 'authenticated' }
const INACTIVE: Expected = { verdict: 'rejected', reason: 'token_invalid', strength: 'weak' }
const DEAD: Expected = { verdict: 'rejected', reason: 'token_revoked', strength: 'weak' }

describe('the oauth probe against oidc-provider', () => {
  let server: OauthServer
  const at = (more: Record<string, unknown> = {}) => ({ issuer: server.issuer, ...more })

  beforeAll(async () => {
    process.env.OAUTH_TEST_APP = SECRETS.app
    process.env.OAUTH_TEST_WATCHER = WATCHER.secret
    server = await startOauth()
  })
  afterAll(async () => {
    delete process.env.OAUTH_TEST_APP
    delete process.env.OAUTH_TEST_WATCHER
    await server.stop()
  })

  describe('access tokens', () => {
    it('asks the introspection endpoint, which sees a revocation and a withdrawn consent', async () => {
      const target = at({ introspect: INTROSPECT, principal: '/sub' })
      const { accessToken } = await server.login('anna')
      checkJudgement(await ask(target, { accessToken }), { ...ACCEPTED, principal: 'anna' })
      checkJudgement(await ask(target, { accessToken }, 'stranger'), INACTIVE)
      await server.revoke(accessToken)
      checkJudgement(await ask(target, { accessToken }), INACTIVE)
      const other = await server.login('anna')
      await server.withdraw('anna')
      checkJudgement(await ask(target, { accessToken: other.accessToken }), INACTIVE)
    })

    it('asks userinfo where nobody may introspect', async () => {
      const { accessToken } = await server.login('anna')
      checkJudgement(await ask(at({ principal: '/sub' }), { accessToken }), { ...ACCEPTED, principal: 'anna' })
      checkJudgement(await ask(at(), { accessToken }, 'nobody'), {
        verdict: 'inconclusive',
        reason: 'credential_not_evaluated',
      })
      checkJudgement(await ask(at(), { accessToken }, 'same-principal'), INACTIVE)
      await server.revoke(accessToken)
      checkJudgement(await ask(at(), { accessToken }), INACTIVE)
    })

    it('takes a missing scope for an acceptance', async () => {
      const { accessToken } = await server.login('anna', { scope: 'offline_access profile' })
      checkJudgement(await ask(at(), { accessToken }), { verdict: 'accepted', reason: 'insufficient_scope' })
    })

    it('says nothing of a token when it may not ask itself', async () => {
      const { accessToken } = await server.login('anna')
      process.env.OAUTH_TEST_WRONG = 'not the secret of the watcher'
      const refused = at({ introspect: { id: WATCHER.id, secret: 'env:OAUTH_TEST_WRONG' } })
      checkJudgement(await ask(refused, { accessToken }), { verdict: 'inconclusive', reason: 'config_error' })
      delete process.env.OAUTH_TEST_WRONG
      checkJudgement(await ask(refused, { accessToken }), { verdict: 'inconclusive', reason: 'secret_unavailable' })
      // A client that may not introspect what is not its own: the live token is "inactive", and that is why it is weak.
      const stranger = at({ introspect: APP })
      const foreign = await server.login('anna', { at: 'other' })
      checkJudgement(await ask(stranger, { accessToken: foreign.accessToken }), INACTIVE)
    })
  })

  describe('refresh tokens', () => {
    it('are introspected, which spends nothing', async () => {
      const { refreshToken } = await server.login('anna')
      const target = at({ introspect: INTROSPECT })
      checkJudgement(await ask(target, { refreshToken }), ACCEPTED)
      checkJudgement(await ask(target, { refreshToken }, 'stranger'), INACTIVE)
      const next = await server.redeem(refreshToken)
      checkJudgement(await ask(target, { refreshToken: next.refreshToken }), ACCEPTED)
      await server.revoke(next.refreshToken)
      checkJudgement(await ask(target, { refreshToken: next.refreshToken }), INACTIVE)
    })

    it('are asked with a scope that the server refuses, which spends nothing', async () => {
      const { refreshToken } = await server.login('anna')
      const target = at({ client: APP, unregisteredScope: 'revenant:never' })
      expect(probe.bind(target).effects).toEqual([])
      expect(await ask(target, { refreshToken })).not.toHaveProperty('disproved')
      checkJudgement(await ask(target, { refreshToken }), ACCEPTED)
      checkJudgement(await ask(target, { refreshToken }), ACCEPTED)
      checkJudgement(await ask(target, { refreshToken }, 'stranger'), DEAD)
      await server.redeem(refreshToken)
      const late = await server.login('bert')
      await server.withdraw('bert')
      checkJudgement(await ask(target, { refreshToken: late.refreshToken }), DEAD)
    })

    it('disprove the target where the server redeems them all the same, and the successor comes back', async () => {
      // The scope is one that the server knows: it is not refused.
      const target = probe.bind(at({ client: APP, unregisteredScope: 'openid' }))
      const http = openDispatcher({ origins: target.origins, rejectUnauthorized: true, connections: 1, connectTimeoutMs: 5_000 })
      const options: AttemptOptions = {
        timeoutMs: 5_000,
        http,
        attribution: 'Revenant/0',
        pinnedPeer: undefined,
        running: new Set(),
      }
      const secret = target.secret({ refreshToken: (await server.login('anna')).refreshToken })
      // Nobody is kept from trying it by hand, as the documentation asks.
      expect(secret.spends).toBeUndefined()
      expect(secret.risk?.spends).toMatchObject({ otherwise: { scope: 'not_refused' } })
      const redeemed = await attempt(secret, options)
      checkJudgement(redeemed, ACCEPTED)
      expect(redeemed.rotated).toBeDefined()
      expect(redeemed.disproved).toBe(true)
      await http.destroy()
    })

    it('are redeemed where the target says so, and never unbidden', async () => {
      const { refreshToken } = await server.login('anna')
      const before = server.requests.length
      checkJudgement(await ask(at({ client: APP }), { refreshToken }), { verdict: 'inconclusive', reason: 'config_error' })
      expect(server.requests.length).toBe(before)
      const target = at({ client: APP, redeem: 'rotating' })
      const redeemed = await ask(target, { refreshToken })
      checkJudgement(redeemed, ACCEPTED)
      expect(redeemed.rotated).toBeDefined()
      expect(JSON.stringify(redeemed)).toContain('[secret]')
      checkJudgement(await ask(target, { refreshToken }, 'stranger'), DEAD)
      expect(await ask(target, { refreshToken }, 'stranger')).not.toHaveProperty('rotated')
      // Given to another client: the bytes are those of a dead one, and it lives on.
      const foreign = await server.login('anna', { at: 'other' })
      checkJudgement(await ask(target, { refreshToken: foreign.refreshToken }), DEAD)
      const own = { refreshToken: foreign.refreshToken, clientId: 'other', clientSecret: SECRETS.other }
      checkJudgement(await ask(target, own), ACCEPTED)
    })

    it('prove by their own refusal that their family is dead only where they were redeemed before', async () => {
      const target = at({ client: APP, redeem: 'rotating', predecessors: 'ended' })
      const { refreshToken } = await server.login('anna')
      const next = await server.redeem(refreshToken)
      await server.revoke(next.refreshToken)
      const successor = { refreshToken: next.refreshToken, redeemedBy: 'app' }
      checkJudgement(await ask(target, successor), { ...DEAD, strength: 'strong' })
      checkJudgement(await ask(target, { ...successor, redeemedBy: 'other' }), DEAD)
      // Where nobody says that the tokens before it have ended, the leaver's own may live.
      checkJudgement(await ask(at({ client: APP, redeem: 'rotating' }), successor), DEAD)
    })

    it('say nothing when their client is refused', async () => {
      const { refreshToken } = await server.login('anna')
      const target = at({ redeem: 'rotating' })
      const wrong = { refreshToken, clientId: 'app', clientSecret: 'not the secret of the app' }
      checkJudgement(await ask(target, wrong), { verdict: 'inconclusive', reason: 'config_error' })
      checkJudgement(await ask(target, { refreshToken }), { verdict: 'inconclusive', reason: 'config_error' })
    })

    it('may be spent by an answer that is cut off or a server that failed, and not by one that refuses', async () => {
      const target = at({ client: APP, redeem: 'rotating' })
      for (const [status, body, spent] of [
        [200, '{"access_token":"cut', true],
        [500, '{}', true],
        [504, '', true],
        [503, '', true],
        [429, '{}', undefined],
        [400, '{"error":"invalid_request"}', undefined],
      ] as const) {
        const { refreshToken } = await server.login('anna')
        server.spoil = { status, body }
        const judgement = await ask(target, { refreshToken })
        expect({ status, verdict: judgement.verdict, spent: judgement.spent }).toEqual({ status, verdict: 'inconclusive', spent })
      }
    })

    it('do not change at a server that does not rotate', async () => {
      const lasting = await startOauth({ rotate: false })
      const { refreshToken } = await lasting.login('anna')
      const target = { issuer: lasting.issuer, client: APP, redeem: 'lasting' }
      const bound = probe.bind(target)
      expect(bound.effects).toEqual(['prolongs-life', 'mints-session'])
      expect(bound.secret({ refreshToken }).spends).toBeUndefined()
      checkJudgement(await ask(target, { refreshToken }), ACCEPTED)
      const again = await ask({ ...target, redeem: 'rotating' }, { refreshToken })
      checkJudgement(again, ACCEPTED)
      expect(again).not.toHaveProperty('rotated')
      await lasting.revoke(refreshToken)
      checkJudgement(await ask(target, { refreshToken }), DEAD)
      await lasting.stop()
    })
  })

  describe('clients', () => {
    it('prove their secret with a token that nobody holds', async () => {
      const secret = { clientId: 'app', clientSecret: SECRETS.app }
      checkJudgement(await ask(at(), secret), ACCEPTED)
      const refused: Expected = { verdict: 'rejected', reason: 'invalid_credentials', strength: 'weak' }
      checkJudgement(await ask(at(), { ...secret, clientSecret: 'another secret' }), refused)
      checkJudgement(await ask(at(), secret, 'same-principal'), refused)
      checkJudgement(await ask(at(), secret, 'stranger'), refused)
      checkJudgement(await ask(at({ clientAuth: 'post' }), secret), ACCEPTED)
      // Of a client that is to sign its requests: whatever secret it shows is refused, and none of it is proof.
      checkJudgement(await ask(at(), { ...secret, clientId: SIGNER.id }), refused)
    })

    it('that may not redeem tokens are asked at the revocation endpoint, or for a token of their own', async () => {
      const secret = { clientId: SERVICE.id, clientSecret: SERVICE.secret }
      // oidc-provider knows the client by then, and says no more than that the request is wrong.
      checkJudgement(await ask(at(), secret), { verdict: 'inconclusive', reason: 'client_error' })
      for (const clients of ['revocation', 'client_credentials']) {
        checkJudgement(await ask(at({ clients }), secret), ACCEPTED)
        for (const decoy of ['same-principal', 'stranger'] as const)
          checkJudgement(await ask(at({ clients }), secret, decoy), {
            verdict: 'rejected',
            reason: 'invalid_credentials',
            strength: 'weak',
          })
      }
      expect(probe.bind(at({ clients: 'revocation' })).effects).toEqual([])
      expect(probe.bind(at({ clients: 'client_credentials' })).effects).toEqual(['mints-session'])
    })

    it('prove their key with a signature', async () => {
      const pem = SIGNER.keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
      const jwk = JSON.stringify({ ...SIGNER.keys.privateKey.export({ format: 'jwk' }), alg: 'PS256', kid: 'one' })
      for (const privateKey of [pem, jwk]) {
        const secret = { clientId: SIGNER.id, privateKey }
        checkJudgement(await ask(at(), secret), ACCEPTED)
        for (const decoy of ['same-principal', 'stranger'] as const)
          checkJudgement(await ask(at(), secret, decoy), { verdict: 'rejected', reason: 'invalid_credentials', strength: 'weak' })
      }
      checkJudgement(await ask(at(), { clientId: SIGNER.id, privateKey: 'no key at all' }), {
        verdict: 'inconclusive',
        reason: 'secret_unavailable',
      })
    })
  })

  it('is refused by the configuration where a replay rotates and the system does not allow it', async () => {
    const rotating = probe.bind(at({ client: APP, redeem: 'rotating' }))
    expect(effectFault('oauth', rotating, [])).toContain('rotates-token')
    expect(effectFault('oauth', rotating, ['mints-session'])).toContain('rotates-token')
    expect(effectFault('oauth', rotating, ['rotates-token', 'mints-session'])).toBeUndefined()
    const target = { issuer: server.issuer, client: APP, redeem: 'rotating' }
    expect(await CONFIG_CHECKS.checkTarget('oauth', target, ['mints-session'])).toHaveLength(1)
    expect(await CONFIG_CHECKS.checkTarget('oauth', target, ['rotates-token', 'mints-session'])).toEqual([])
    for (const harmless of [{}, { introspect: INTROSPECT }, { client: APP, unregisteredScope: 'x' }])
      expect(effectFault('oauth', probe.bind(at(harmless)), [])).toBeUndefined()
  })

  it.each([
    ['a literal secret', { client: { id: 'app', secret: 'hunter2hunter2' } }],
    ['an introspection client that proves nothing', { introspect: { id: 'watcher' } }],
    ['two questions for refresh tokens', { introspect: INTROSPECT, redeem: 'rotating' }],
    ['what became of tokens that are not replaced', { redeem: 'lasting', predecessors: 'ended' }],
    ['a question that spends beside one that does not', { unregisteredScope: 'x', redeem: 'rotating' }],
    ['an endpoint in clear', { issuer: 'https://id.example', endpoints: { token: 'http://id.example/token' } }],
    ['a further origin with a path', { reaches: ['https://id.example/x'] }],
  ])('refuses %s in a target', (_name, more) => {
    expect(probe.targetSchema.safeParse({ issuer: 'https://id.example', ...more }).success).toBe(false)
  })

  it('quotes no secret that does not fit', () => {
    const bound = probe.bind({ issuer: 'https://id.example' })
    for (const secret of [{ refreshToken: 'marked', clientSecret: 'marked' }, { accessToken: 'marked\n' }, { token: 'marked' }]) {
      expect(() => bound.secret(secret)).toThrow(RevenantError)
      expect(() => bound.secret(secret)).not.toThrow(/marked/)
    }
  })
})

describe('a message that may spend a token', () => {
  it('never goes out on a connection that another request has used', async () => {
    process.env.OAUTH_TEST_APP = SECRETS.app
    const server = await startOauth()
    const sockets: (number | undefined)[] = []
    server.beforeAnswer = async ({ port }) => {
      sockets.push(port)
    }
    const bound = probe.bind({ issuer: server.issuer, client: APP, redeem: 'rotating' })
    const http = openDispatcher({ origins: bound.origins, rejectUnauthorized: true, connections: 1, connectTimeoutMs: 5_000 })
    const options: AttemptOptions = {
      timeoutMs: 5_000,
      http,
      attribution: 'Revenant/0',
      pinnedPeer: undefined,
      running: new Set(),
    }
    const { refreshToken } = await server.login('anna')
    sockets.length = 0
    const secret = bound.secret({ refreshToken })
    for (const each of [secret.decoy('stranger'), secret, secret.decoy('same-principal')]) if (each) await attempt(each, options)
    expect(new Set(sockets).size).toBe(3)
    await http.destroy()
    await server.stop()
    delete process.env.OAUTH_TEST_APP
  })
})
