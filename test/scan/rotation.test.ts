import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { TrialDeps } from '../../src/scan/deps.ts'
import { type OauthServer, SECRETS, startOauth, WATCHER } from '../servers/oauth.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { clear } from '../store/checks.ts'
import { type OauthHouse, openOauthHouse } from './oauth-house.ts'

const CLIENT = { id: 'app', secret: 'env:ROTATION_TEST_APP' }
const DAY_MS = 86_400_000

describe('a family of refresh tokens', () => {
  let test: TestStore
  let server: OauthServer
  let house: OauthHouse
  const db = () => test.store.db

  beforeAll(async () => {
    process.env.ROTATION_TEST_APP = SECRETS.app
    process.env.ROTATION_TEST_WATCHER = WATCHER.secret
    const kind = STORES.find((each) => each.name === 'PGlite')
    if (kind === undefined) throw new Error('no PGlite')
    test = await kind.open()
  })
  afterAll(async () => {
    delete process.env.ROTATION_TEST_APP
    delete process.env.ROTATION_TEST_WATCHER
    await test.stop()
  })
  beforeEach(async () => {
    await clear(db())
    await db().deleteFrom('spent_token').execute()
    await db().deleteFrom('data_key').execute()
    server = await startOauth()
  })
  afterEach(async () => {
    await house.close()
    await server.stop()
  })
  const rotating = async (more: Parameters<typeof openOauthHouse>[2] = {}) => {
    house = await openOauthHouse(db(), { issuer: server.issuer, client: CLIENT, redeem: 'rotating', predecessors: 'ended' }, more)
  }
  const token = async (label: string) => z.object({ refreshToken: z.string() }).parse(await house.sealed(label)).refreshToken
  const last = async (label: string) => (await house.seen(label)).at(-1)
  /** Every refresh token that came to the server, decoys and all, with how often. */
  const sent = () => {
    const counts = new Map<string, number>()
    for (const { refreshToken = '' } of server.requests) counts.set(refreshToken, (counts.get(refreshToken) ?? 0) + 1)
    return counts
  }
  const spent = () => db().selectFrom('spent_token').select(['credential_id', 'rotated_at']).execute()

  it('is followed from successor to successor until it is dead, and nothing of it is sent twice while it lives', async () => {
    await rotating()
    const { refreshToken } = await server.login('anna')
    await house.register('app', { refreshToken })
    const family = [refreshToken]
    for (let round = 0; round < 4; round++) {
      expect(await house.trial()).toMatchObject({ outcome: 'completed', accepted: 1 })
      expect(await last('app')).toMatchObject({ verdict: 'accepted', wire: { successor: 'sealed' } })
      family.push(await token('app'))
      house.advance(DAY_MS)
    }
    expect(new Set(family).size).toBe(5)
    for (const each of family.slice(0, -1)) expect(sent().get(each)).toBe(1)
    expect((await spent()).every((row) => row.rotated_at !== null)).toBe(true)
    // The file that it came from, read again: it is the same credential, and its successor stays.
    expect(await house.register('app', { refreshToken })).toMatchObject({ unchanged: 1, updated: 0 })
    expect(await token('app')).toBe(family.at(-1))

    await server.withdraw('anna')
    for (let proof = 0; proof < 2; proof++) {
      expect(await house.trial()).toMatchObject({ rejected: 1 })
      // Ours is the last of the family: its refusal is proof by itself.
      expect(await last('app')).toMatchObject({ verdict: 'rejected', reason: 'token_revoked', strength: 'strong' })
      house.advance(DAY_MS)
    }
    const findings = await db().selectFrom('finding').select(['kind', 'state']).where('credential_id', 'is not', null).execute()
    expect(findings).toEqual([{ kind: 'residual_access', state: 'resolved' }])
    expect(server.requests.filter(({ status, refreshToken: of }) => status === 200 && family.includes(of ?? ''))).toHaveLength(4)
  })

  it('ends with the reuse detection of the server where somebody else goes on with it, and that is said', async () => {
    await rotating()
    const { refreshToken } = await server.login('anna')
    await house.register('app', { refreshToken })
    await house.trial()
    // The leaver's own application comes with what it holds: the server ends the family.
    await expect(server.redeem(refreshToken)).rejects.toMatchObject({ error: 'invalid_grant' })
    house.advance(DAY_MS)
    await house.trial()
    expect(await last('app')).toMatchObject({ verdict: 'rejected', reason: 'token_revoked', strength: 'strong' })
  })

  it('is not called dead by the refusal of a token that somebody else may have spent', async () => {
    await rotating()
    const { refreshToken } = await server.login('anna')
    await server.redeem(refreshToken)
    await house.register('app', { refreshToken })
    await house.trial()
    expect(await last('app')).toMatchObject({ verdict: 'rejected', strength: 'weak' })
    expect(await db().selectFrom('check_state').select(['rejections', 'dead_at']).execute()).toEqual([
      { rejections: 0, dead_at: null },
    ])
  })

  it('is lost, and never touched again, where the answer was not kept; until another token is registered', async () => {
    await rotating()
    const { refreshToken } = await server.login('anna')
    await house.register('app', { refreshToken })
    const dying: TrialDeps['custody'] = {
      fingerprint: house.deps.custody.fingerprint,
      seal: () => Promise.reject(new Error('the process died between the answer and the seal')),
    }
    await expect(house.trial({ custody: dying })).rejects.toThrow('the process died')
    expect(await house.seen('app')).toEqual([])
    expect(sent().get(refreshToken)).toBe(1)
    for (let round = 0; round < 3; round++) {
      expect(await house.trial()).toMatchObject({ inconclusive: 1, rejected: 0, accepted: 0 })
      expect(await last('app')).toMatchObject({
        verdict: 'inconclusive',
        reason: 'secret_unavailable',
        wire: { token: 'unanswered' },
      })
      house.advance(DAY_MS)
    }
    // The same token once more is no other one.
    expect(await house.register('app', { refreshToken })).toMatchObject({ unchanged: 1 })
    await house.register('copy', { refreshToken })
    await house.trial()
    expect(await last('copy')).toMatchObject({ verdict: 'inconclusive', wire: { token: 'elsewhere' } })
    expect(sent().get(refreshToken)).toBe(1)

    const fresh = await server.login('anna')
    expect(await house.register('app', { refreshToken: fresh.refreshToken })).toMatchObject({ updated: 1 })
    await house.trial()
    expect(await last('app')).toMatchObject({ verdict: 'accepted', wire: { successor: 'sealed' } })
  }, 20_000)

  it('has its successor sealed before the verdict is recorded: a recorder that fails loses the verdict alone', async () => {
    await rotating()
    const { refreshToken } = await server.login('anna')
    await house.register('app', { refreshToken })
    let asked = 0
    const failing: Partial<TrialDeps> = {
      policy: () => {
        if (server.requests.some(({ refreshToken: of }) => of === refreshToken)) {
          asked++
          throw new Error('the database went away')
        }
        return house.deps.policy()
      },
    }
    await expect(house.trial(failing)).rejects.toThrow('the database went away')
    expect(asked).toBeGreaterThan(0)
    expect(await house.seen('app')).toEqual([])
    expect(await token('app')).not.toBe(refreshToken)
    expect(await house.trial()).toMatchObject({ accepted: 1 })
    expect(sent().get(refreshToken)).toBe(1)
  })

  it.each([
    ['a server error in the middle', { status: 502, body: '' }, 'server_error'],
    ['an answer that is cut off', { status: 200, body: '{"access_token":"a","refresh_tok' }, 'ambiguous'],
  ])('is inconclusive for good after %s', async (_name, spoil, reason) => {
    await rotating()
    const { refreshToken } = await server.login('anna')
    await house.register('app', { refreshToken })
    server.beforeAnswer = async (request) => {
      if (request.refreshToken === refreshToken) server.spoil = spoil
    }
    await house.trial()
    expect(await last('app')).toMatchObject({ verdict: 'inconclusive', reason, wire: { successor: 'lost' } })
    server.beforeAnswer = undefined
    await db().updateTable('system').set({ hold_until: null }).execute()
    await house.trial()
    expect(await last('app')).toMatchObject({ verdict: 'inconclusive', wire: { token: 'unanswered' } })
    expect(sent().get(refreshToken)).toBe(1)
  })

  it('is tried again where the message never went out or was refused before it was weighed', async () => {
    await rotating()
    const { refreshToken } = await server.login('anna')
    await house.register('app', { refreshToken })
    process.env.ROTATION_TEST_APP = 'not the secret of the app'
    await house.trial()
    process.env.ROTATION_TEST_APP = SECRETS.app
    expect(await spent()).toEqual([])
    await db().updateTable('system').set({ hold_until: null, breaker_failures: 0, controls: null }).execute()
    server.beforeAnswer = async (request) => {
      if (request.refreshToken === refreshToken) server.spoil = { status: 429, body: '{}' }
    }
    await house.trial()
    server.beforeAnswer = undefined
    expect(await spent()).toEqual([])
  })

  it('is not redeemed for a secret that lies elsewhere, nor for a canary, whose successors nobody would keep', async () => {
    const canary = (await server.login('canary')).refreshToken
    process.env.ROTATION_TEST_TOKEN = JSON.stringify({ refreshToken: (await server.login('anna')).refreshToken })
    await rotating({ canary: { refreshToken: canary } })
    await house.register('app', 'env:ROTATION_TEST_TOKEN')
    await house.trial()
    expect(await last('app')).toMatchObject({
      verdict: 'inconclusive',
      reason: 'config_error',
      wire: { missing: 'sealed_secret' },
    })
    expect(sent().get(canary)).toBeUndefined()
    const redeemed = server.requests.filter(({ grant, status }) => grant === 'refresh_token' && status === 200)
    expect(redeemed).toEqual([])
    delete process.env.ROTATION_TEST_TOKEN
  })

  it('spends nothing where it is introspected, and closes by a canary of the same client', async () => {
    const target = { issuer: server.issuer, client: CLIENT, introspect: { id: WATCHER.id, secret: 'env:ROTATION_TEST_WATCHER' } }
    const canary = (await server.login('canary')).refreshToken
    house = await openOauthHouse(db(), target, { canary: { refreshToken: canary } })
    const { refreshToken } = await server.login('anna')
    await house.register('app', { refreshToken })
    await house.trial()
    expect(await last('app')).toMatchObject({ verdict: 'accepted' })
    await server.revoke(refreshToken)
    for (let proof = 0; proof < 2; proof++) {
      house.advance(DAY_MS)
      await house.trial()
    }
    expect(await last('app')).toMatchObject({ verdict: 'rejected', reason: 'token_invalid', strength: 'weak' })
    const checks = await db().selectFrom('check_state').select(['rejections', 'assurance']).execute()
    expect(checks).toEqual([{ rejections: 2, assurance: 'controlled' }])
    expect(await spent()).toEqual([])
    expect(server.requests.filter(({ grant }) => grant === 'refresh_token')).toEqual([])
  })

  it.each([
    ['of the same issuer', () => ({ issuer: server.issuer, client: CLIENT, redeem: 'rotating' })],
    [
      'that spells the same server otherwise',
      () => ({
        ...{ issuer: server.issuer.replace('127.0.0.1', 'localhost'), endpoints: { token: `${server.issuer}/token` } },
        ...{ client: CLIENT, redeem: 'rotating' },
      }),
    ],
    ['that asks with a scope', () => ({ issuer: server.issuer, client: CLIENT, unregisteredScope: 'revenant:never' })],
    ['where tokens are thought to last', () => ({ issuer: server.issuer, client: CLIENT, redeem: 'lasting' })],
  ])('is spent once where the token is registered at another system %s, too', async (_name, target) => {
    await rotating()
    const other = await house.beside(target())
    const { refreshToken } = await server.login('anna')
    await house.register('app', { refreshToken })
    await other.register('app', { refreshToken })
    await house.trial()
    for (let round = 0; round < 3; round++) {
      expect(await other.trial()).toMatchObject({ inconclusive: 1 })
      expect((await other.seen('app')).at(-1)).toMatchObject({
        verdict: 'inconclusive',
        reason: 'secret_unavailable',
        wire: { token: 'elsewhere', system: house.system.name },
      })
      house.advance(DAY_MS)
      // Its family lives on, and is followed by the one that has the successor.
      expect(await house.trial()).toMatchObject({ accepted: 1 })
    }
    expect(sent().get(refreshToken)).toBe(1)
    await other.close()
  })

  it('is spent once where it is the canary of another system, where tokens are thought to last', async () => {
    await rotating()
    const { refreshToken } = await server.login('anna')
    const lasting = { issuer: server.issuer, client: CLIENT, redeem: 'lasting' }
    const other = await house.beside(lasting, { canary: { refreshToken } })
    await house.register('app', { refreshToken })
    await other.register('app', { refreshToken: (await server.login('anna')).refreshToken })
    await house.trial()
    expect(await other.trial()).toMatchObject({ outcome: 'blind' })
    expect(sent().get(refreshToken)).toBe(1)
    await other.close()
  })

  it('is spent once where two systems ask at the same moment', async () => {
    await rotating()
    const other = await house.beside({ issuer: server.issuer, client: CLIENT, redeem: 'rotating' })
    const { refreshToken } = await server.login('anna')
    for (const each of [house, other]) await each.register('app', { refreshToken })
    const ended = await Promise.all([house.trial(), other.trial()])
    expect(ended.map(({ accepted }) => accepted).toSorted()).toEqual([0, 1])
    expect(sent().get(refreshToken)).toBe(1)
    await other.close()
  })

  it('is not sent again once it was refused and may have been spent; as another client it is, once', async () => {
    await rotating()
    const { refreshToken } = await server.login('anna', { at: 'other' })
    await house.register('app', { refreshToken })
    await house.trial()
    expect(await last('app')).toMatchObject({ verdict: 'rejected', strength: 'weak' })
    for (let round = 0; round < 2; round++) {
      house.advance(DAY_MS)
      await house.trial()
      expect(await last('app')).toMatchObject({ verdict: 'inconclusive', wire: { token: 'refused' } })
    }
    expect(sent().get(refreshToken)).toBe(1)
    await house.register('copy', { refreshToken })
    await house.trial()
    expect(await last('copy')).toMatchObject({
      reason: 'secret_unavailable',
      wire: { token: 'refused', system: house.system.name },
    })
    expect(sent().get(refreshToken)).toBe(1)
    // It was the client that was wrong.
    await house.register('app', { refreshToken, clientId: 'other', clientSecret: SECRETS.other })
    await house.trial()
    expect(await last('app')).toMatchObject({ verdict: 'accepted', wire: { successor: 'sealed' } })
    expect(sent().get(refreshToken)).toBe(2)
  })

  it('is not sent where it was written down before tokens were known by themselves', async () => {
    await rotating()
    const { refreshToken } = await server.login('anna')
    await house.register('app', { refreshToken })
    const { id } = await db().selectFrom('credential').select('id').executeTakeFirstOrThrow()
    const fingerprint = house.deps.custody.fingerprint(`spent:${house.system.id}`, { refreshToken })
    const before = { system_id: house.system.id, credential_id: id, fingerprint, sent_at: '2026-01-01T00:00:00Z' }
    await db().insertInto('spent_token').values(before).execute()
    await house.trial()
    expect(await last('app')).toMatchObject({ reason: 'secret_unavailable', wire: { token: 'unanswered' } })
    expect(sent().get(refreshToken)).toBeUndefined()
  })

  describe('asked with a scope that its server does not refuse, whatever the operator believes', () => {
    const target = (unregisteredScope: string) => ({ issuer: server.issuer, client: CLIENT, unregisteredScope })
    const scoped = async (more: Parameters<typeof openOauthHouse>[2] = {}, unregisteredScope = 'openid') => {
      house = await openOauthHouse(db(), target(unregisteredScope), more)
    }
    /** What the canary of a system said, the first time first. */
    const canaries = ({ system }: OauthHouse) =>
      db()
        .selectFrom('control')
        .select(['verdict', 'reason', 'wire'])
        .where('control', '=', 'canary')
        .where('system_id', '=', system.id)
        .orderBy('observed_at')
        .execute()
    const disproved = async () => {
      const rows = await db().selectFrom('system').select('disproved').where('id', '=', house.system.id).execute()
      return rows.flatMap((row) => row.disproved)
    }
    const NOT_REFUSED = { verdict: 'inconclusive', reason: 'config_error', wire: { scope: 'not_refused' } }

    it('has its successor sealed, and is not asked so again, not even after a restart', async () => {
      await scoped()
      const [one, two] = [await server.login('anna'), await server.login('anna')]
      await house.register('one', { refreshToken: one.refreshToken })
      await house.trial()
      expect(await last('one')).toMatchObject({ verdict: 'accepted', wire: { successor: 'sealed' } })
      const successor = await token('one')
      expect(successor).not.toBe(one.refreshToken)
      expect(await disproved()).toEqual([`${new URL(server.issuer).href} refuses the scope openid`])
      await house.register('two', { refreshToken: two.refreshToken })
      for (let round = 0; round < 2; round++) {
        house.restart()
        house.advance(DAY_MS)
        await house.trial()
        for (const label of ['one', 'two']) expect(await last(label)).toMatchObject(NOT_REFUSED)
      }
      for (const each of [two.refreshToken, successor]) expect(sent().get(each)).toBeUndefined()
      // A scope that it does refuse is another question, and the answer to the first stands.
      house.restart(target('revenant:never'))
      expect(await house.trial()).toMatchObject({ accepted: 2 })
      house.restart()
      expect(await house.trial()).toMatchObject({ inconclusive: 2 })
      expect([await token('one'), await token('two')]).toEqual([successor, two.refreshToken])
    })

    it('is not asked so by another system of that server either, where the secret may lie where no successor is put', async () => {
      await scoped()
      const other = await house.beside(target('openid'))
      const [one, two] = [await server.login('anna'), await server.login('anna')]
      process.env.ROTATION_TEST_TOKEN = JSON.stringify({ refreshToken: two.refreshToken })
      await house.register('one', { refreshToken: one.refreshToken })
      await other.register('two', 'env:ROTATION_TEST_TOKEN')
      await house.trial()
      await other.trial()
      expect((await other.seen('two')).at(-1)).toMatchObject(NOT_REFUSED)
      expect(sent().get(two.refreshToken)).toBeUndefined()
      delete process.env.ROTATION_TEST_TOKEN
      await other.close()
    })

    it('loses the successor of a reference, and says that it is one', async () => {
      await scoped()
      process.env.ROTATION_TEST_TOKEN = JSON.stringify({ refreshToken: (await server.login('anna')).refreshToken })
      await house.register('app', 'env:ROTATION_TEST_TOKEN')
      const said: string[] = []
      await house.trial({ log: (_level, message) => said.push(message) })
      expect(await last('app')).toMatchObject({ verdict: 'accepted', wire: { successor: 'dropped' } })
      expect(said).toContain(
        'a replay spent a token; its successor is dropped, since the token is a reference and lies where nobody would put it',
      )
      delete process.env.ROTATION_TEST_TOKEN
    })

    it('is not asked so where the canary has shown it, nor is the canary again', async () => {
      const canary = (await server.login('canary')).refreshToken
      const { refreshToken } = await server.login('anna')
      await scoped({ canary: { refreshToken: canary } })
      await house.register('app', { refreshToken })
      for (let round = 0; round < 2; round++) {
        await house.trial()
        expect(await last('app')).toMatchObject(NOT_REFUSED)
        house.restart()
        house.advance(DAY_MS)
      }
      expect(sent().get(refreshToken)).toBeUndefined()
      // Another scope is another question; the canary is spent all the same.
      house.restart(target('revenant:never'))
      expect(await house.trial()).toMatchObject({ outcome: 'blind', accepted: 1 })
      expect(await canaries(house)).toMatchObject([
        { wire: { successor: 'dropped' } },
        NOT_REFUSED,
        { reason: 'secret_unavailable', wire: { token: 'spent' } },
      ])
      expect(sent().get(canary)).toBe(1)
    })

    describe.each([
      ['another system of its server', async (canary: unknown, scope: string) => house.beside(target(scope), { canary })],
      ['another shard of its system', async () => house],
    ])('with a canary that %s asks, too, at the same moment', (_name, open) => {
      /** One trial, and in the midst of its canary's message another one, which has come to its own before the first is answered. */
      const together = async (scope: string) => {
        const canary = { refreshToken: (await server.login('canary')).refreshToken }
        await scoped({ canary }, scope)
        const other = await open(canary, scope)
        for (const each of new Set([house, other])) {
          await each.register('app', { refreshToken: (await server.login('anna')).refreshToken })
        }
        const asking = Promise.withResolvers<void>()
        const { seal, fingerprint } = other.deps.custody
        const custody: TrialDeps['custody'] = {
          seal,
          fingerprint: (domain, value) => {
            if (domain === 'spent') asking.resolve()
            return fingerprint(domain, value)
          },
        }
        let second: ReturnType<OauthHouse['trial']> | undefined
        server.beforeAnswer = async (request) => {
          if (request.refreshToken !== canary.refreshToken || second !== undefined) return
          second = other.trial({ custody })
          await asking.promise
        }
        const first = await house.trial()
        const ended = [first, await second]
        const all = await canaries(house)
        if (other !== house) {
          all.push(...(await canaries(other)))
          await other.close()
        }
        return { ended, all, times: sent().get(canary.refreshToken) }
      }

      it('sends it once, where it is not refused', async () => {
        const { all, times } = await together('openid')
        expect(all).toMatchObject([{ verdict: 'accepted', wire: { successor: 'dropped' } }, NOT_REFUSED])
        expect(times).toBe(1)
        expect(await last('app')).toMatchObject(NOT_REFUSED)
      })

      it('fails neither of them, where it is refused: one waits for the other', async () => {
        const { ended, all, times } = await together('revenant:never')
        expect(ended).toMatchObject([{ outcome: 'completed' }, { outcome: 'completed' }])
        expect(all).toMatchObject([{ verdict: 'accepted' }, { verdict: 'accepted' }])
        expect(times).toBe(2)
        expect(await spent()).toEqual([])
      })
    })

    it('has its canary written down before that is sent, and never sent again where the answer was lost', async () => {
      const canary = (await server.login('canary')).refreshToken
      await scoped({ canary: { refreshToken: canary } })
      await house.register('app', { refreshToken: (await server.login('anna')).refreshToken })
      const other = await house.beside(target('openid'), { canary: { refreshToken: canary } })
      await other.register('app', { refreshToken: (await server.login('anna')).refreshToken })
      let written: unknown
      server.beforeAnswer = async (request) => {
        if (request.refreshToken !== canary) return
        written = await spent()
        server.spoil = { status: 200, body: '{"access_token":"a","refresh_tok' }
      }
      await house.trial()
      expect(written).toEqual([{ credential_id: null, rotated_at: null }])
      server.beforeAnswer = undefined
      house.advance(DAY_MS)
      for (const each of [house, other]) {
        // What a process that was killed in between leaves behind.
        await db().updateTable('system').set({ hold_until: null, disproved: [], controls: null }).execute()
        each.restart()
        await each.trial()
      }
      expect((await canaries(house)).at(-1)).toMatchObject({ reason: 'secret_unavailable', wire: { token: 'unanswered' } })
      expect(await canaries(other)).toMatchObject([{ wire: { token: 'elsewhere', system: house.system.name } }])
      expect(sent().get(canary)).toBe(1)
      await other.close()
    })

    it.each([
      ['the connection broke', { status: 502, body: '' }],
      ['it was cut off', { status: 200, body: '{"access_token":"a","refresh_tok' }],
    ])('is never sent again where its answer was lost: %s', async (_name, spoil) => {
      await scoped()
      const { refreshToken } = await server.login('anna')
      await house.register('app', { refreshToken })
      let written: unknown
      server.beforeAnswer = async (request) => {
        if (request.refreshToken !== refreshToken) return
        // Whoever is killed now has it in the database.
        written = await spent()
        server.spoil = spoil
      }
      await house.trial()
      expect(written).toMatchObject([{ rotated_at: null }])
      expect(await last('app')).toMatchObject({ verdict: 'inconclusive', wire: { successor: 'lost' } })
      server.beforeAnswer = undefined
      await db().updateTable('system').set({ hold_until: null, disproved: [] }).execute()
      house.restart()
      await house.trial()
      expect(await last('app')).toMatchObject({ reason: 'secret_unavailable', wire: { token: 'unanswered' } })
      expect(sent().get(refreshToken)).toBe(1)
    })

    it('is asked as often as it is due where the scope is refused, alive or dead', async () => {
      await scoped({}, 'revenant:never')
      const { refreshToken } = await server.login('anna')
      await house.register('app', { refreshToken })
      for (const verdict of ['accepted', 'accepted', 'rejected', 'rejected']) {
        await house.trial()
        expect(await last('app')).toMatchObject({ verdict })
        if ((await house.seen('app')).length === 2) await server.revoke(refreshToken)
        house.advance(DAY_MS)
      }
      expect([await spent(), await disproved()]).toEqual([[], []])
    })
  })
})
