import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { newId } from '../../src/domain/id.ts'
import { runTrial } from '../../src/scan/trial.ts'
import { restartChecks } from '../../src/store/check-state.ts'
import { coverage } from '../../src/store/coverage.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { startTokenApi, type TokenApi } from '../servers/token-api.ts'
import { type House, openHouse } from './house.ts'

const never = new AbortController().signal
const MINUTE = 60_000

/** Ways in which something that proves nothing could end as "revoked", each of them on a real server and a real database. */
describe.each(STORES.filter((kind) => kind.name === 'PGlite'))('a proof on $name', (kind) => {
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
  const run = (signal = never) => runTrial({ systemId: house.system.id, shard: 0 }, signal, house.deps)
  /** A trial some time later, in which these credentials are due. */
  const later = async (ms: number, ...ids: string[]) => {
    house.advance(ms)
    for (const id of ids) await house.due(id)
    return run()
  }
  const state = (id: string) =>
    db().selectFrom('check_state').selectAll().where('credential_id', '=', id).executeTakeFirstOrThrow()
  const findings = async () => {
    const rows = await db()
      .selectFrom('finding')
      .selectAll()
      .where('system_id', '=', house.system.id)
      .orderBy('opened_at')
      .execute()
    return rows.map((row) => `${row.kind} ${row.state}`).toSorted()
  }
  const observations = () =>
    db().selectFrom('observation').selectAll().where('system_id', '=', house.system.id).orderBy('observed_at').execute()
  const edges = () => house.edges.map((edge) => edge.event)

  it('is not made of the refusals of an outage that began after the canary was asked', async () => {
    house = await openHouse(db(), api, { canary: 'canary' })
    api.live.set('canary', 'canary').set('t', 'bob')
    const id = await house.leaver('t')
    await run()
    // The system now refuses everybody, the living too. The canary that passed serves for ten more minutes.
    api.live.clear()
    for (let check = 0; check < 2; check++) await later(5 * MINUTE, id)
    expect(await state(id)).toMatchObject({ dead_at: null })
    expect(await findings()).toEqual(['blind_system open', 'residual_access open'])
    expect((await observations()).at(-1)).toMatchObject({ verdict: 'inconclusive', reason: 'canary_failed', assurance: 'none' })
    // The controls serve nobody any more.
    const asked = () => api.requests.filter(({ token }) => token === 'canary').length
    const before = asked()
    expect(await later(MINUTE, id)).toMatchObject({ outcome: 'blind' })
    expect(asked()).toBe(before + 1)
    // It was over: the door had been open all the time.
    api.live.set('canary', 'canary').set('t', 'bob')
    await later(5 * MINUTE, id)
    expect(await findings()).toEqual(['blind_system resolved', 'residual_access open'])
    expect(edges()).not.toContain('reopened')
  })

  it('is made of refusals that a canary follows', async () => {
    house = await openHouse(db(), api, { canary: 'canary' })
    api.live.set('canary', 'canary')
    const id = await house.leaver('gone')
    await run()
    await later(5 * MINUTE, id)
    expect(await state(id)).toMatchObject({ rejections: 2, assurance: 'controlled', verdict: 'rejected' })
    expect((await state(id)).dead_at).not.toBeNull()
    const asked = api.requests.map(({ token }) => (token === 'canary' || token === 'gone' ? token : 'decoy'))
    expect(asked).toEqual(['decoy', 'decoy', 'canary', 'gone', 'gone', 'canary'])
  })

  it('leaves due what it could not complete when it was stopped', async () => {
    house = await openHouse(db(), api, { canary: 'canary', concurrency: 1 })
    api.live.set('canary', 'canary')
    const ids = [await house.leaver('a'), await house.leaver('b')]
    await run()
    house.advance(5 * MINUTE)
    for (const id of ids) await house.due(id)
    api.delayMs = 150
    const stop = new AbortController()
    setTimeout(() => stop.abort(), 220)
    expect(await run(stop.signal)).toMatchObject({ outcome: 'stopped', rejected: 0 })
    for (const id of ids) expect(await state(id)).toMatchObject({ rejections: 1, dead_at: null })
    expect(await findings()).toEqual([])
  })

  it('does not rest on controls of another configuration', async () => {
    house = await openHouse(db(), api, { canary: 'canary' })
    api.live.set('canary', 'canary').set('t', 'bob')
    const id = await house.leaver('t')
    await run()
    house.system.controls = { ...house.system.controls, subject: 'another target' }
    api.live.delete('canary')
    expect(await later(MINUTE, id)).toMatchObject({ outcome: 'blind' })
  })

  it('counts a confirmation no longer once the configuration is another', async () => {
    house = await openHouse(db(), api)
    api.live.set('t', 'bob')
    const id = await house.leaver('t')
    await run()
    house.system.controls = { ...house.system.controls, subject: 'another target' }
    const { openSecret } = house.deps
    let opened = 0
    house.deps.openSecret = (row, system) => {
      // First for the shape of the decoys, which are refused; then for the replay.
      if (++opened === 2) api.mode = 'anything'
      return openSecret(row, system)
    }
    await later(MINUTE, id)
    expect((await observations()).at(-1)).toMatchObject({ verdict: 'inconclusive', reason: 'any_secret_accepted' })
  })

  it('never tries a credential without controls because another one’s secret is not to be had', async () => {
    house = await openHouse(db(), api)
    const broken = await house.leaver('broken')
    await house.leaver('never-sent')
    const { openSecret } = house.deps
    house.deps.openSecret = (row, system) => {
      if (row.credential_id === broken) throw new Error('no such file')
      return openSecret(row, system)
    }
    api.mode = 'open'
    expect(await run()).toMatchObject({ outcome: 'void', inconclusive: 2 })
    expect(api.requests.map(({ token }) => token)).not.toContain('never-sent')
    expect(await findings()).toEqual(['open_system open'])
  })

  it('is not kept from a system by one secret of the wrong shape', async () => {
    house = await openHouse(db(), api, { concurrency: 1 })
    const wrong = await house.leaver('wrong')
    await house.leaver('gone')
    const { openSecret } = house.deps
    house.deps.openSecret = (row, system) =>
      row.credential_id === wrong ? { username: 'anna', password: 'for something else' } : openSecret(row, system)
    expect(await run()).toMatchObject({ outcome: 'completed', rejected: 1, inconclusive: 1 })
    expect((await observations()).find(({ verdict }) => verdict === 'rejected')).toMatchObject({ assurance: 'explicit' })
    expect(await state(wrong)).toMatchObject({ verdict: 'inconclusive', reason: 'secret_unavailable' })
  })

  it('begins anew when the secret is replaced, for the finding too', async () => {
    house = await openHouse(db(), api)
    api.live.set('old', 'bob')
    const id = await house.leaver('old')
    await run()
    api.live.delete('old')
    await later(5 * MINUTE, id)
    const at = house.deps.now().toString()
    await restartChecks(db(), [{ credential_id: id, terminated_at: at, due_at: at, verify_by: at }])
    await run()
    expect(await state(id)).toMatchObject({ rejections: 1, dead_at: null })
    expect(await findings()).toEqual(['residual_access open'])
    await later(5 * MINUTE, id)
    expect(await findings()).toEqual(['residual_access resolved'])
  })

  it('is broken off by an acceptance that could not be confirmed', async () => {
    house = await openHouse(db(), api, { validForMs: 86_400_000 })
    api.live.set('t', 'bob')
    house.system.controls.confirmationValidForMs = 1
    const id = await house.leaver('t')
    await run()
    api.live.delete('t')
    await later(5 * MINUTE, id)
    api.mode = 'anything'
    await later(5 * MINUTE, id)
    expect(await state(id)).toMatchObject({ reason: 'any_secret_accepted', rejections: 0, first_rejected_at: null })
    api.mode = 'normal'
    await later(5 * MINUTE, id)
    expect(await state(id)).toMatchObject({ rejections: 1, dead_at: null })
    expect(await findings()).toEqual(['any_secret_accepted resolved', 'residual_access open'])
    await later(5 * MINUTE, id)
    expect(await findings()).toEqual(['any_secret_accepted resolved', 'residual_access resolved'])
  })

  it('says nothing of an open or blind system from controls that passed before', async () => {
    house = await openHouse(db(), api)
    const id = await house.leaver('x')
    await run()
    const at = house.deps.now().toString()
    // What a trial of another shard has found meanwhile.
    await db()
      .insertInto('finding')
      .values({
        id: newId(),
        key: `open:${house.system.id}`,
        kind: 'open_system',
        severity: 'high',
        state: 'open',
        system_id: house.system.id,
        episode: 1,
        sequence: 1,
        opened_at: at,
        last_seen_at: at,
        alerted_at: at,
      })
      .execute()
    await later(MINUTE, id)
    expect(await findings()).toEqual(['open_system open'])
    await later(20 * MINUTE, id)
    expect(await findings()).toEqual(['open_system resolved'])
  })

  it('records an answer whose text the database would not take', async () => {
    house = await openHouse(db(), api)
    api.live.set('odd', 'half \ud800 a character').set('plain', 'anna')
    await house.leaver('odd')
    await house.leaver('plain')
    expect(await run()).toMatchObject({ outcome: 'completed', accepted: 2 })
    expect((await observations()).map(({ principal }) => principal).toSorted()).toEqual(['anna', 'half \ufffd a character'])
  })

  it('tries nobody again and again because the clock was set back', async () => {
    house = await openHouse(db(), api, { concurrency: 1, pageSize: 2 })
    for (let n = 0; n < 6; n++) await house.leaver(`c${n}`)
    house.deps.trialBudgetMs = 2_000
    const { now, openSecret } = house.deps
    let back = false
    house.deps.now = () => (back ? now().subtract({ hours: 2 }) : now())
    house.deps.openSecret = (row, system) => {
      back = true
      return openSecret(row, system)
    }
    await run()
    const replays = api.requests.filter(({ token }) => /^c\d$/.test(token ?? ''))
    expect(replays.length).toBeGreaterThan(0)
    expect(replays.length).toBeLessThanOrEqual(6)
  })

  it('ends a trial that has outlived its controls, and asks them again in the next', async () => {
    house = await openHouse(db(), api, { concurrency: 1 })
    for (let n = 0; n < 4; n++) await house.leaver(`n${n}`)
    const { openSecret } = house.deps
    house.deps.openSecret = (row, system) => {
      house.advance(6 * MINUTE)
      return openSecret(row, system)
    }
    const first = await run()
    expect(first.outcome).toBe('unfinished')
    expect(first.rejected).toBeLessThan(4)
    house.deps.openSecret = openSecret
    const asked = () => api.requests.filter(({ token }) => !/^n\d$/.test(token ?? '')).length
    expect(asked()).toBe(2)
    expect(await run()).toMatchObject({ outcome: 'completed' })
    expect(asked()).toBe(4)
    expect(new Set(api.requests.map(({ token }) => token))).toContain('n3')
  })

  it('counts as closed only what the last answer says too', async () => {
    house = await openHouse(db(), api)
    const id = await house.leaver('gone')
    await run()
    await later(5 * MINUTE, id)
    const before = await coverage(db())
    await later(10 * MINUTE, id)
    api.mode = 'broken'
    await later(20 * MINUTE, id)
    const after = await coverage(db())
    expect(after.closed).toBe(before.closed - 1)
    expect(after.unverified).toBe(before.unverified + 1)
  })
})
