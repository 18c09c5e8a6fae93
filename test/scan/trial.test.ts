import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { runTrial } from '../../src/scan/trial.ts'
import { pause } from '../../src/store/pause.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { startTokenApi, type TokenApi } from '../servers/token-api.ts'
import { type House, openHouse } from './house.ts'

const never = new AbortController().signal

describe.each(STORES.filter((kind) => kind.name !== 'Postgres 15'))('a trial on $name', (kind) => {
  let test: TestStore
  let api: TokenApi
  let house: House

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
  })

  const db = () => test.store.db
  const run = () => runTrial({ systemId: house.system.id, shard: 0 }, never, house.deps)
  const observations = () =>
    db()
      .selectFrom('observation')
      .select(['credential_id', 'verdict', 'reason', 'assurance', 'confirmed', 'principal'])
      .where('system_id', '=', house.system.id)
      .orderBy('observed_at')
      .execute()
  const findings = () =>
    db().selectFrom('finding').selectAll().where('system_id', '=', house.system.id).orderBy('opened_at').execute()
  const controls = () =>
    db()
      .selectFrom('control')
      .select(['control', 'verdict'])
      .where('system_id', '=', house.system.id)
      .orderBy('observed_at')
      .execute()

  it('finds residual access, confirmed by a decoy of the same principal, and says so once', async () => {
    house = await openHouse(db(), api)
    const id = await house.leaver('live-token', { principal: 'Anna' })
    api.live.set('live-token', 'anna')
    expect(await run()).toEqual({ outcome: 'completed', accepted: 1, rejected: 0, inconclusive: 0 })
    expect(await observations()).toEqual([
      {
        credential_id: id,
        verdict: 'accepted',
        reason: 'authenticated',
        assurance: 'explicit',
        confirmed: true,
        principal: 'anna',
      },
    ])
    expect((await controls()).map((each) => each.control)).toEqual(['nobody', 'stranger', 'same-principal'])
    expect((await findings()).map(({ kind, state, severity }) => ({ kind, state, severity }))).toEqual([
      { kind: 'residual_access', state: 'open', severity: 'medium' },
    ])
    expect(house.edges.map((edge) => edge.event)).toEqual(['opened'])
    await house.due(id)
    house.advance(60_000)
    await house.due(id)
    await run()
    expect(house.edges.map((edge) => edge.event)).toEqual(['opened'])
  })

  it('closes after two proven rejections and reopens as resurrected access', async () => {
    house = await openHouse(db(), api, { canary: 'canary' })
    api.live.set('canary', 'canary')
    api.live.set('t', 'bob')
    const id = await house.leaver('t')
    await run()
    api.live.delete('t')
    for (let proof = 0; proof < 2; proof++) {
      house.advance(1_000_000)
      await house.due(id)
      expect(await run()).toMatchObject({ outcome: 'completed', rejected: 1 })
    }
    expect(house.edges.map((edge) => edge.event)).toEqual(['opened', 'resolved'])
    const state = await db().selectFrom('check_state').selectAll().where('credential_id', '=', id).executeTakeFirstOrThrow()
    expect(state.dead_at).not.toBeNull()
    expect(state.first_rejected_at).not.toBeNull()
    api.live.set('t', 'bob')
    house.advance(1_000_000)
    await house.due(id)
    await run()
    expect(house.edges.map((edge) => edge.event)).toEqual(['opened', 'resolved', 'reopened'])
    expect((await findings()).map(({ kind, state, episode }) => ({ kind, state, episode }))).toEqual([
      { kind: 'resurrected_access', state: 'open', episode: 2 },
    ])
  })

  it('records nothing as rejected when the canary is refused', async () => {
    house = await openHouse(db(), api, { canary: 'dead-canary' })
    await house.leaver('gone')
    expect(await run()).toEqual({ outcome: 'blind', accepted: 0, rejected: 0, inconclusive: 1 })
    expect((await observations())[0]).toMatchObject({ verdict: 'inconclusive', reason: 'canary_failed' })
    expect((await findings()).map((each) => each.kind)).toEqual(['blind_system'])
  })

  it('calls a system open when a decoy is accepted, and replays nothing', async () => {
    house = await openHouse(db(), api)
    await house.leaver('never-sent')
    api.mode = 'open'
    expect(await run()).toMatchObject({ outcome: 'void', inconclusive: 1 })
    expect(api.requests.some((request) => request.token === 'never-sent')).toBe(false)
    expect((await observations())[0]).toMatchObject({ verdict: 'inconclusive', reason: 'endpoint_unauthenticated' })
    expect((await findings()).map((each) => each.kind)).toEqual(['open_system'])
  })

  it('stays away after a 429 for as long as it is told', async () => {
    house = await openHouse(db(), api)
    await house.leaver('a')
    api.mode = 'limited'
    api.retryAfterSeconds = 1234
    expect(await run()).toMatchObject({ outcome: 'unjudged', inconclusive: 1 })
    const row = await db().selectFrom('system').selectAll().where('id', '=', house.system.id).executeTakeFirstOrThrow()
    expect(row.hold_reason).toBe('rate_limited')
    const seconds = ((row.hold_until?.epochMilliseconds ?? 0) - house.deps.now().epochMilliseconds) / 1000
    expect(seconds).toBeGreaterThan(1_200)
    const seen = api.requests.length
    expect(await run()).toMatchObject({ outcome: 'skipped' })
    expect(api.requests.length).toBe(seen)
  })

  it('never says rejected of a system that is down, and asks it ever less often', async () => {
    house = await openHouse(db(), api)
    const id = await house.leaver('a')
    await api.stop()
    expect(await run()).toMatchObject({ outcome: 'unjudged' })
    expect((await observations())[0]).toMatchObject({ verdict: 'inconclusive', reason: 'unreachable' })
    for (let again = 0; again < 2; again++) {
      house.advance(3_600_000)
      await house.due(id)
      await run()
    }
    expect((await findings()).map((each) => each.kind)).toEqual(['blind_system'])
  })

  it('says any_secret_accepted when the decoy of the same principal gets in too', async () => {
    house = await openHouse(db(), api, { validForMs: 86_400_000 })
    const warm = await house.leaver('warm')
    await run()
    expect(warm).toBeDefined()
    // The controls have passed; now the system begins to take anything.
    await house.leaver('real')
    api.mode = 'anything'
    expect(await run()).toMatchObject({ accepted: 0, inconclusive: 1 })
    expect((await observations()).at(-1)).toMatchObject({ verdict: 'inconclusive', reason: 'any_secret_accepted' })
    expect((await findings()).map((each) => each.kind)).toEqual(['any_secret_accepted'])
  })

  it('confirms nothing where no decoy of any kind can be made', async () => {
    house = await openHouse(db(), api)
    const bound = house.system.probe
    house.system.probe = { ...bound, secret: (value) => ({ ...bound.secret(value), decoy: () => undefined }) }
    await house.leaver('alone')
    api.live.set('alone', 'anna')
    expect(await run()).toMatchObject({ accepted: 0, inconclusive: 1 })
    expect((await observations())[0]).toMatchObject({ verdict: 'inconclusive', reason: 'unconfirmed', confirmed: false })
    expect(await findings()).toEqual([])
  })

  it('opens principal_mismatch when the key opens somebody else’s door', async () => {
    house = await openHouse(db(), api)
    await house.leaver('k', { principal: 'carol' })
    api.live.set('k', 'mallory')
    await run()
    expect((await findings()).map((each) => each.kind)).toEqual(['principal_mismatch'])
    expect((await observations())[0]).toMatchObject({ verdict: 'accepted', principal: 'mallory' })
  })

  it('gives up an attempt after its timeout and never calls that a rejection', async () => {
    house = await openHouse(db(), api, { timeoutMs: 200 })
    await house.leaver('slow')
    api.mode = 'silent'
    await run()
    expect((await observations())[0]).toMatchObject({ verdict: 'inconclusive', reason: 'timeout' })
  })

  it('holds its concurrency and its rate, and says who it is', async () => {
    house = await openHouse(db(), api, { concurrency: 3, rate: 200 })
    for (let n = 0; n < 60; n++) await house.leaver(`t${n}`)
    api.delayMs = 5
    const started = performance.now()
    expect(await run()).toMatchObject({ rejected: 60 })
    expect(api.peak).toBeLessThanOrEqual(3)
    // 62 attempts at 200/s with a burst of 20 take at least 0.21 s.
    expect(performance.now() - started).toBeGreaterThan(205)
    expect(new Set(api.requests.map((request) => request.userAgent))).toEqual(new Set(['revenant/test']))
  })

  it('serves further trials with controls that passed, until they are too old', async () => {
    house = await openHouse(db(), api, { validForMs: 60_000 })
    const id = await house.leaver('x')
    await run()
    house.advance(30_000)
    await house.due(id)
    await run()
    expect((await controls()).length).toBe(2)
    house.advance(60_000)
    await house.due(id)
    await run()
    expect((await controls()).length).toBe(4)
  })

  it('refuses everything once the origin has changed', async () => {
    house = await openHouse(db(), api)
    await house.leaver('x')
    await db().updateTable('system').set({ bound_origin: 'http://elsewhere' }).where('id', '=', house.system.id).execute()
    expect(await run()).toMatchObject({ outcome: 'unjudged', inconclusive: 1 })
    expect(api.requests).toEqual([])
    expect((await observations())[0]).toMatchObject({ reason: 'origin_changed' })
  })

  it('says nothing of a secret that was replaced while the old one was being tried', async () => {
    house = await openHouse(db(), api)
    const id = await house.leaver('old')
    api.delayMs = 150
    const running = run()
    await new Promise((resolve) => setTimeout(resolve, 200))
    // What intake does when it is given another secret: the check begins anew.
    await house.due(id)
    expect(await running).toMatchObject({ rejected: 1 })
    expect(await observations()).toHaveLength(1)
    const state = await db().selectFrom('check_state').selectAll().where('credential_id', '=', id).executeTakeFirstOrThrow()
    expect(state).toMatchObject({ verdict: null, rejections: 0, first_rejected_at: null, attempts: 0 })
  })

  it('notices the kill switch within seconds and leaves the rest due', async () => {
    house = await openHouse(db(), api, { concurrency: 1 })
    for (let n = 0; n < 60; n++) await house.leaver(`p${n}`)
    api.delayMs = 50
    const running = run()
    await new Promise((resolve) => setTimeout(resolve, 300))
    await pause(db(), house.system.id, 'somebody', 'stop it', house.deps.now())
    const summary = await running
    expect(summary.outcome).toBe('paused')
    expect(summary.rejected).toBeLessThan(45)
    expect(await run()).toMatchObject({ outcome: 'skipped' })
  })

  it('stops when another configuration comes into force', async () => {
    house = await openHouse(db(), api, { concurrency: 1 })
    for (let n = 0; n < 30; n++) await house.leaver(`c${n}`)
    api.delayMs = 20
    const running = run()
    await new Promise((resolve) => setTimeout(resolve, 150))
    const { system } = house
    house.deps.system = () => ({ ...system })
    expect((await running).outcome).toBe('stopped')
  })

  it('takes a control that a stop cut short for no failure of the system', async () => {
    house = await openHouse(db(), api, { canary: 'canary' })
    await house.leaver('t')
    api.delayMs = 500
    for (const asked of [1, 3]) {
      const controller = new AbortController()
      const before = api.requests.length
      const running = runTrial({ systemId: house.system.id, shard: 0 }, controller.signal, house.deps)
      await expect.poll(() => api.requests.length - before, { interval: 5, timeout: 10_000 }).toBe(asked)
      controller.abort()
      expect(await running).toMatchObject({ outcome: 'stopped', inconclusive: 0 })
    }
    const row = await db().selectFrom('system').selectAll().where('id', '=', house.system.id).executeTakeFirstOrThrow()
    expect(row).toMatchObject({ hold_until: null, breaker_failures: 0 })
    expect(await findings()).toEqual([])
  })

  it('stops at once when told to, records what it knows and leaves the rest due', async () => {
    house = await openHouse(db(), api, { concurrency: 2 })
    for (let n = 0; n < 40; n++) await house.leaver(`s${n}`)
    api.delayMs = 20
    const controller = new AbortController()
    const running = runTrial({ systemId: house.system.id, shard: 0 }, controller.signal, house.deps)
    await expect.poll(() => api.requests.length, { interval: 5, timeout: 10_000 }).toBeGreaterThan(6)
    controller.abort()
    expect((await running).outcome).toBe('stopped')
    const recorded = (await observations()).length
    expect(recorded).toBeGreaterThan(0)
    expect(recorded).toBeLessThan(40)
    const left = await db()
      .selectFrom('check_state')
      .select('credential_id')
      .where('system_id', '=', house.system.id)
      .where('verdict', 'is', null)
      .execute()
    expect(left.length).toBe(40 - recorded)
  })
})
