import ssh2 from 'ssh2'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ssh } from '../../probes/ssh.ts'
import { newId } from '../../src/domain/id.ts'
import { newSshKey } from '../../src/lab/ssh-key.ts'
import { anyProbe } from '../../src/probe/probe.ts'
import { tick } from '../../src/scan/plan.ts'
import { openRateLimiter } from '../../src/scan/rate.ts'
import { isOther } from '../../src/scan/replay.ts'
import { runTrial } from '../../src/scan/trial.ts'
import { countTry, reserveTries } from '../../src/store/lockout-budget.ts'
import { pause } from '../../src/store/pause.ts'
import { takePlaces } from '../../src/store/rate.ts'
import { holdSystem } from '../../src/store/system.ts'
import { type SshServer, startSshServer } from '../servers/sshServer.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { startTokenApi, type TokenApi } from '../servers/token-api.ts'
import { type House, openHouse, POLICY } from './house.ts'
import { openTimeLine } from './time-line.ts'

const never = new AbortController().signal
const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** What a trial may do to a system and to its accounts, and what it must not forget. */
describe.each(STORES.filter((kind) => kind.name === 'PGlite'))('limits on $name', (kind) => {
  let test: TestStore
  let api: TokenApi
  let house: House
  let server: SshServer | undefined

  beforeAll(async () => {
    test = await kind.open()
  })
  afterAll(() => test.stop())
  beforeEach(async () => {
    api = await startTokenApi()
  })
  afterEach(async () => {
    await house.close()
    await api.stop()
    await server?.stop()
    server = undefined
  })

  const db = () => test.store.db
  const run = (signal = never) => runTrial({ systemId: house.system.id, shard: 0 }, signal, house.deps)
  const system = () => db().selectFrom('system').selectAll().where('id', '=', house.system.id).executeTakeFirstOrThrow()
  const state = (id: string) =>
    db().selectFrom('check_state').selectAll().where('credential_id', '=', id).executeTakeFirstOrThrow()
  const findings = () => db().selectFrom('finding').selectAll().where('system_id', '=', house.system.id).execute()
  const tries = async (account: string) =>
    (
      await db()
        .selectFrom('lockout_budget')
        .selectAll()
        .where('realm', '=', house.system.realm)
        .where('account', '=', account)
        .executeTakeFirst()
    )?.tries

  /** Makes the house's system an SSH server that knows one key; a password is refused after `delayMs`. */
  const overSsh = async (delayMs = 0) => {
    const key = newSshKey()
    const known = ssh2.utils.parseKey(key.public)
    if (known instanceof Error) throw known
    server = await startSshServer((request) => {
      const right =
        request.method === 'publickey' && request.username === 'canary' && request.key.data.equals(known.getPublicSSH())
      if (right) request.accept()
      else setTimeout(() => request.reject(['password', 'publickey']), request.method === 'password' ? delayMs : 0)
    })
    const probe = anyProbe(ssh).bind({ host: '127.0.0.1', port: server.port, hostKey: server.hostKey })
    house.system.probe = probe
    await db()
      .updateTable('system')
      .set({ bound_origin: probe.origin, origin: probe.origin })
      .where('id', '=', house.system.id)
      .execute()
    const byKey = async () => probe.secret({ username: 'canary', privateKey: key.private })
    const passwords = new Map<string, string>()
    house.deps.openSecret = (row) => ({ username: passwords.get(row.credential_id), password: 'of a leaver' })
    return {
      byKey,
      leaver: async (username: string) => {
        const id = await house.leaver(username)
        passwords.set(id, username)
        return id
      },
    }
  }

  it('takes no proof by password from a canary that came by key', async () => {
    house = await openHouse(db(), api)
    const { byKey, leaver } = await overSsh()
    house.system.controls = { ...house.system.controls, canary: byKey, subject: 'ssh' }
    const id = await leaver('anna')
    await run()
    house.advance(5 * MINUTE)
    await house.due(id)
    expect(await run()).toMatchObject({ outcome: 'completed', rejected: 1 })
    expect(await state(id)).toMatchObject({
      verdict: 'rejected',
      strength: 'weak',
      assurance: 'explicit',
      rejections: 0,
      dead_at: null,
    })
  })

  it('gives a try back that was called off while it waited for the rate', async () => {
    house = await openHouse(db(), api, { concurrency: 1 })
    const { leaver } = await overSsh()
    await leaver('anna')
    await run()
    expect(await tries('anna')).toBe(1)
    await leaver('bert')
    house.system.rate = openRateLimiter({ count: 1, perMs: HOUR }, (places) => takePlaces(db(), house.system.id, places))
    await house.system.rate.acquire(never)
    const stop = new AbortController()
    setTimeout(() => stop.abort(), 150)
    expect(await run(stop.signal)).toMatchObject({ outcome: 'stopped' })
    expect(await tries('bert')).toBe(0)
  })

  it('begins nothing that waited for the rate while an operator paused it', async () => {
    house = await openHouse(db(), api)
    await house.leaver('a')
    await run()
    for (let n = 0; n < 6; n++) await house.leaver(`w${n}`)
    house.system.rate = openRateLimiter({ count: 1, perMs: HOUR }, (places) => takePlaces(db(), house.system.id, places))
    const before = api.requests.length
    const running = run()
    await expect.poll(() => api.requests.length).toBeGreaterThan(before)
    await pause(db(), house.system.id, 'test', 'stop', house.deps.now())
    expect(await running).toMatchObject({ outcome: 'paused', inconclusive: 0 })
    expect(api.requests.length - before).toBeLessThanOrEqual(1)
    await db().deleteFrom('pause').execute()
  })

  it('counts a try that was broken off after it was sent', async () => {
    house = await openHouse(db(), api, { concurrency: 1 })
    const { leaver } = await overSsh()
    await leaver('anna')
    await run()
    await server?.stop()
    const slow = await overSsh(1_000)
    house.system.controls.subject = `${house.deps.now()}`
    await slow.leaver('bert')
    const stop = new AbortController()
    const seen = async () => {
      while (!server?.requests().includes('password bert')) await new Promise((resolve) => setTimeout(resolve, 20))
      stop.abort()
    }
    const watching = seen()
    await run(stop.signal)
    await watching
    expect(await tries('bert')).toBe(1)
  })

  it('makes no more tries than the budget in any window, not even around the end of one', async () => {
    house = await openHouse(db(), api)
    const start = Temporal.Instant.from('2026-01-01T00:00:00Z')
    const limit = { count: 3, windowMs: 24 * HOUR }
    const made: number[] = []
    for (const hours of [0, 23, 23.5, 24.1, 24.2, 24.3, 30, 47, 48, 49, 72, 73]) {
      const at = start.add({ milliseconds: hours * HOUR })
      if (!(await reserveTries(db(), house.system.realm, ['anna'], limit, at)).has('anna')) continue
      await countTry(db(), house.system.realm, 'anna', at.add({ milliseconds: limit.windowMs }))
      made.push(hours)
    }
    for (const from of made) expect(made.filter((hours) => hours >= from && hours < from + 24).length).toBeLessThanOrEqual(3)
    expect(made.length).toBeGreaterThan(3)
  })

  it('has one budget for one account of a realm, however it is spelled', async () => {
    house = await openHouse(db(), api)
    const { leaver } = await overSsh()
    house.system.sharesRealm = true
    const ids = await Promise.all(['anna', 'ANNA', 'corp\\anna', 'anna@corp.example', 'uid=anna,ou=people'].map(leaver))
    await run()
    expect(server?.requests().filter((request) => /^password .*anna/i.test(request))).toHaveLength(3)
    expect(await tries('anna')).toBe(3)
    const reasons = await Promise.all(ids.map(async (id) => (await state(id)).reason))
    expect(reasons.filter((reason) => reason === 'budget_exhausted')).toHaveLength(2)
  })

  it('does not try an account of a realm that it cannot name, nor a canary', async () => {
    house = await openHouse(db(), api)
    const { leaver } = await overSsh()
    house.system.sharesRealm = true
    const id = await leaver('cn=Anna Smith,ou=people')
    const known = await leaver('cn=Bert Smith,ou=people')
    await db().updateTable('credential').set({ principal: 'corp\\bert' }).where('id', '=', known).execute()
    expect(await run()).toMatchObject({ outcome: 'completed' })
    expect(await state(id)).toMatchObject({ verdict: 'inconclusive', reason: 'config_error' })
    expect(await state(known)).toMatchObject({ verdict: 'rejected' })
    expect(await tries('bert')).toBe(1)
    const probe = house.system.probe
    const canary = async () => probe.secret({ username: 'cn=Canary,ou=people', password: 'of a canary' })
    house.system.controls = { ...house.system.controls, canary, subject: 'nameless' }
    await house.due(known)
    expect(await run()).toMatchObject({ outcome: 'blind' })
    expect(server?.requests().some((request) => /cn=(Anna|Canary)/.test(request))).toBe(false)
    house.system.controls = { ...house.system.controls, canaryAccount: 'Canary', subject: 'named' }
    await house.due(known)
    await run()
    expect(server?.requests().some((request) => request.includes('password cn=Canary'))).toBe(true)
    expect(await tries('canary')).toBeGreaterThan(0)
  })

  it('leaves a hold alone that another shard was given meanwhile', async () => {
    house = await openHouse(db(), api)
    await house.leaver('a')
    await db().updateTable('system').set({ breaker_failures: 1 }).where('id', '=', house.system.id).execute()
    api.delayMs = 150
    const running = run()
    await new Promise((resolve) => setTimeout(resolve, 100))
    const until = house.deps.now().add({ hours: 1 })
    await holdSystem(db(), house.system.id, until, 'rate_limited', 1)
    expect(await running).toMatchObject({ outcome: 'completed' })
    const after = await system()
    expect(after).toMatchObject({ hold_reason: 'rate_limited', breaker_failures: 1 })
    await holdSystem(db(), house.system.id, house.deps.now().add({ minutes: 1 }), 'circuit_open', 2)
    expect((await system()).hold_until?.epochMilliseconds).toBe(until.epochMilliseconds)
  })

  it('stops when another shard was told to stay away', async () => {
    house = await openHouse(db(), api, { concurrency: 1 })
    for (let n = 0; n < 60; n++) await house.leaver(`h${n}`)
    api.delayMs = 50
    const running = run()
    await new Promise((resolve) => setTimeout(resolve, 300))
    await holdSystem(db(), house.system.id, house.deps.now().add({ hours: 1 }), 'rate_limited', 0)
    const summary = await running
    expect(summary.outcome).toBe('held')
    expect(summary.rejected).toBeLessThan(45)
  })

  it('stays away for as long as a 503 says', async () => {
    house = await openHouse(db(), api, { concurrency: 1 })
    await house.leaver('a')
    await run()
    for (let n = 0; n < 3; n++) await house.leaver(`b${n}`)
    api.mode = 'busy'
    api.retryAfterSeconds = 1_234
    const before = api.requests.length
    expect(await run()).toMatchObject({ outcome: 'held', inconclusive: 1 })
    expect(api.requests.length).toBe(before + 1)
    const seconds = (((await system()).hold_until?.epochMilliseconds ?? 0) - house.deps.now().epochMilliseconds) / 1_000
    expect(seconds).toBeGreaterThan(1_200)
  })

  it('tells again of what an exemption silenced once it has ended, though nothing can be tried', async () => {
    house = await openHouse(db(), api)
    api.live.set('t', 'bob')
    const id = await house.leaver('t')
    const now = house.deps.now()
    await db()
      .insertInto('exemption')
      .values({
        id: newId(),
        finding_kind: null,
        credential_id: id,
        identity_id: null,
        system_id: null,
        owner: 'o',
        reason: 'r',
        starts_at: now.subtract({ hours: 1 }).toString(),
        ends_at: now.add({ hours: 1 }).toString(),
        created_at: now.toString(),
        created_by: 'test',
      })
      .execute()
    await run()
    expect(house.edges).toEqual([])
    const look = () =>
      tick({ ...house.deps, jobs: { enqueueTrial: () => Promise.resolve(false) }, zones: [], policy: () => POLICY })
    await look()
    expect(await findings()).toMatchObject([{ state: 'acknowledged', exempted: true }])
    house.advance(2 * HOUR)
    await look()
    await look()
    expect(house.edges.map(({ event }) => event)).toEqual(['opened'])
    const [finding] = await findings()
    expect(finding).toMatchObject({ state: 'open', exempted: false, sequence: 1 })
    expect(finding?.last_seen_at.epochMilliseconds).toBeLessThan(now.epochMilliseconds + HOUR)
  })
})

describe('a rate', () => {
  it('is not used up by whoever is called off', async () => {
    const line = openTimeLine({ count: 1, perMs: 60_000 })
    const limiter = line.open()
    await limiter.acquire(never)
    for (let n = 0; n < 5; n++) await expect(limiter.acquire(AbortSignal.abort())).rejects.toThrow('called off')
    await limiter.acquire(never)
    expect(line.now()).toBe(60_000)
  })

  it('waits no longer than a timer can', async () => {
    const line = openTimeLine({ count: 1, perMs: 2_592_000_000 })
    const limiter = line.open()
    for (let n = 0; n < 3; n++) await limiter.acquire(never)
    expect(line.now()).toBe(2 * 2_592_000_000)
    expect(Math.max(...line.waits)).toBe(2 ** 31 - 1)
  })
})

describe('another principal', () => {
  it.each([
    ['Anna', 'anna', false],
    ['anna', 'mallory', true],
    ['anna', 'uid=anna,ou=people,dc=example', false],
    ['anna', 'uid=mallory,ou=people,dc=example', true],
    ['anna', 'cn=Anna Smith,ou=people', false],
    ['uid=anna, ou=People', 'UID=anna,ou=people', false],
    ['uid=anna,ou=people', 'uid=anna,ou=admins', true],
    ['anna', 'CORP\\anna', false],
    ['CORP\\anna', 'mallory', true],
    ['anna@corp.example', 'anna', false],
    ['anna@corp.example', 'anna@other.example', true],
    [undefined, 'anna', false],
    ['anna', undefined, false],
  ])('of %s, who is called %s: %s', (expected, answered, other) => {
    expect(isOther(expected, answered)).toBe(other)
  })
})
