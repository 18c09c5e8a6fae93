import type { Updateable } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { coverage } from '../../src/store/coverage.ts'
import { pause } from '../../src/store/pause.ts'
import type { CheckStateTable } from '../../src/store/tables.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { addCheck, addSystem, clear } from './checks.ts'

describe.each(STORES)('coverage on $name', (kind) => {
  let test: TestStore
  const db = () => test.store.db
  beforeAll(async () => {
    if (kind.available) test = await kind.open()
  })
  afterAll(async () => {
    if (kind.available) await test.stop()
  })
  beforeEach(async () => {
    if (kind.available) await clear(db())
  })
  const past = Temporal.Instant.from('2026-01-01T00:00:00Z').toString()
  const set = async (system: string, fields: Updateable<CheckStateTable>) => {
    const { id } = await addCheck(db(), system)
    await db().updateTable('check_state').set(fields).where('credential_id', '=', id).execute()
  }

  it.skipIf(!kind.available)('counts what is open, closed and not known, and says why', async () => {
    const a = await addSystem(db(), 'a')
    const held = await addSystem(db(), 'held')
    const paused = await addSystem(db(), 'paused')
    const gone = Temporal.Now.instant().subtract({ hours: 1 }).toString()
    const due = Temporal.Now.instant().subtract({ minutes: 1 }).toString()
    const base = { terminated_at: gone, due_at: due }
    await set(a, { ...base, verdict: 'accepted', reason: 'authenticated' })
    await set(a, { ...base, verdict: 'rejected', reason: 'token_invalid', dead_at: past, rejections: 2 })
    await set(a, { ...base, verdict: 'rejected', reason: 'token_invalid', rejections: 1 })
    await set(a, { ...base, verdict: 'inconclusive', reason: 'timeout' })
    // Dead once, but the last answer proves nothing: it is not closed any more.
    await set(a, { ...base, verdict: 'inconclusive', reason: 'timeout', dead_at: past, rejections: 2 })
    await set(a, base)
    await set(a, { terminated_at: null, due_at: null })
    await set(a, {
      terminated_at: Temporal.Now.instant().add({ hours: 1 }).toString(),
      due_at: Temporal.Now.instant().add({ hours: 1 }).toString(),
    })
    await db()
      .updateTable('system')
      .set({ hold_until: Temporal.Now.instant().add({ hours: 1 }).toString(), hold_reason: 'rate_limited' })
      .where('id', '=', held)
      .execute()
    await set(held, base)
    await pause(db(), paused, 'me', '', Temporal.Now.instant())
    await set(paused, base)
    const { reasons, ...counts } = await coverage(db())
    expect(counts).toEqual({ credentials: 8, open: 1, closed: 1, unverified: 6 })
    expect(Object.fromEntries(reasons.map(({ system, reason, count }) => [`${system} ${reason}`, count]))).toEqual({
      'a awaiting_proof': 1,
      'a timeout': 2,
      'a null': 1,
      'held rate_limited': 1,
      'paused paused': 1,
    })
  })

  it.skipIf(!kind.available)('is nothing of nothing', async () => {
    expect(await coverage(db())).toEqual({ credentials: 0, open: 0, closed: 0, unverified: 0, reasons: [] })
  })
})
