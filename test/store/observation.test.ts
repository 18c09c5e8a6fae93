import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { newId } from '../../src/domain/id.ts'
import { type PageFacts, type RecordedRow, recordPage } from '../../src/store/observation.ts'
import { ensurePartitions } from '../../src/store/partition.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { addCheck, addChecks, addSystem, clear, NOW } from './checks.ts'

const DAY = 86_400_000

describe.each(STORES)('recorded pages on $name', (kind) => {
  let test: TestStore
  let page: PageFacts
  const db = () => test.store.db
  beforeAll(async () => {
    if (!kind.available) return
    test = await kind.open()
    await ensurePartitions(db(), NOW)
  })
  afterAll(async () => {
    if (kind.available) await test.stop()
  })
  beforeEach(async () => {
    if (!kind.available) return
    await clear(db())
    page = {
      trialId: newId(),
      systemId: await addSystem(db(), 'a'),
      transport: 'verified',
      effects: null,
      traceId: 'f'.repeat(32),
    }
  })

  const row = async (
    credentialId: string,
    identityId: string,
    atMs: number,
    fields: Partial<RecordedRow> = {},
  ): Promise<RecordedRow> => {
    const seen = await db()
      .selectFrom('check_state')
      .select((eb) => eb.cast<string>('due_at', 'text').as('due'))
      .where('credential_id', '=', credentialId)
      .executeTakeFirstOrThrow()
    return {
      id: newId(),
      observed_ms: atMs,
      credential_id: credentialId,
      identity_id: identityId,
      verdict: 'rejected',
      reason: 'token_invalid',
      strength: 'strong',
      assurance: 'explicit',
      confirmed: false,
      principal: null,
      wire: { status: 401, note: 'quote " and \\ and \u00e9' },
      latency_ms: 1.5,
      leaf: 'ab'.repeat(32),
      seen_due: seen.due,
      due_ms: atMs + DAY,
      verify_ms: atMs + 2 * DAY,
      judged: true,
      confirmed_ms: null,
      rejections: 1,
      failures: 0,
      dead: false,
      ...fields,
    }
  }
  const state = (id: string) =>
    db().selectFrom('check_state').selectAll().where('credential_id', '=', id).executeTakeFirstOrThrow()
  const at = NOW.epochMilliseconds
  const accepted: Partial<RecordedRow> = {
    verdict: 'accepted',
    reason: 'authenticated',
    confirmed: true,
    confirmed_ms: at,
    rejections: 0,
  }
  const iso = (instant: Temporal.Instant | null | undefined) => instant?.epochMilliseconds ?? null

  it.skipIf(!kind.available)('keep what was seen, to the letter', async () => {
    const { id, identityId } = await addCheck(db(), page.systemId)
    const one = await row(id, identityId, at + 0.25)
    expect(await recordPage(db(), page, [one])).toEqual(new Set([id]))
    const [stored] = await db().selectFrom('observation').selectAll().execute()
    expect(stored).toMatchObject({
      id: one.id,
      trial_id: page.trialId,
      credential_id: id,
      identity_id: identityId,
      verdict: 'rejected',
      wire: one.wire,
      latency_ms: 1.5,
      transport: 'verified',
      trace_id: page.traceId,
      confirmed: false,
    })
    expect(stored?.observed_at.epochNanoseconds).toBe(BigInt(at) * 1_000_000n + 250_000n)
    expect(Buffer.from(stored?.leaf ?? []).toString('hex')).toBe(one.leaf)
  })

  it.skipIf(!kind.available)('move the check on: first rejection, death, resurrection', async () => {
    const { id, identityId } = await addCheck(db(), page.systemId, { verifyBy: NOW.add({ hours: 72 }) })
    await recordPage(db(), page, [await row(id, identityId, at)])
    expect(await state(id)).toMatchObject({ verdict: 'rejected', rejections: 1, dead_at: null, attempts: 1 })
    await recordPage(db(), page, [await row(id, identityId, at + 1_000, { rejections: 2, dead: true })])
    await recordPage(db(), page, [await row(id, identityId, at + 2_000, { rejections: 3, dead: true })])
    const dead = await state(id)
    expect([iso(dead.first_rejected_at), iso(dead.dead_at), iso(dead.judged_at), iso(dead.due_at)]).toEqual([
      at,
      at + 1_000,
      at + 2_000,
      at + 2_000 + DAY,
    ])
    await recordPage(db(), page, [await row(id, identityId, at + 3_000, accepted)])
    const back = await state(id)
    expect([iso(back.first_rejected_at), iso(back.dead_at), iso(back.accepted_at), iso(back.confirmed_at)]).toEqual([
      null,
      null,
      at + 3_000,
      at,
    ])
    expect(back.attempts).toBe(4)
  })

  it.skipIf(!kind.available)('let an answer that judged nothing change neither the judgement nor its deadline', async () => {
    const { id, identityId } = await addCheck(db(), page.systemId, { verifyBy: NOW.add({ hours: 72 }) })
    await recordPage(db(), page, [
      await row(id, identityId, at, {
        verdict: 'inconclusive',
        reason: 'timeout',
        judged: false,
        verify_ms: null,
        rejections: 0,
        failures: 1,
      }),
    ])
    const now = await state(id)
    expect(iso(now.verify_by)).toBe(at + 3 * DAY)
    expect(now).toMatchObject({ judged_at: null, failures: 1, first_rejected_at: null })
    expect(iso(now.observed_at)).toBe(at)
  })

  it.skipIf(!kind.available)('do not move a check that was changed under the trial, and say so', async () => {
    const [kept, renewed, retired] = await addChecks(db(), page.systemId, [{}, {}, {}])
    if (kept === undefined || renewed === undefined || retired === undefined) throw new Error('nothing was added')
    const rows = []
    for (const each of [kept, renewed, retired]) rows.push(await row(each.id, each.identityId, at))
    const set = (id: string, due: string | null) =>
      db().updateTable('check_state').set({ due_at: due }).where('credential_id', '=', id).execute()
    await set(renewed.id, NOW.add({ seconds: 1 }).toString())
    await set(retired.id, null)
    expect(await recordPage(db(), page, rows)).toEqual(new Set([kept.id]))
    expect(await db().selectFrom('observation').select('id').execute()).toHaveLength(3)
    expect((await state(renewed.id)).verdict).toBeNull()
    expect(await state(retired.id)).toMatchObject({ verdict: null, due_at: null })
  })

  it.skipIf(!kind.available)('stand as a whole or not at all', async () => {
    const [one, two] = await addChecks(db(), page.systemId, [{}, {}])
    if (one === undefined || two === undefined) throw new Error('nothing was added')
    const good = await row(one.id, one.identityId, at)
    // No partition holds this instant.
    const bad = await row(two.id, two.identityId, 0)
    await expect(recordPage(db(), page, [good, bad])).rejects.toThrow()
    expect(await db().selectFrom('observation').select('id').execute()).toEqual([])
    expect((await state(one.id)).verdict).toBeNull()
    expect(await recordPage(db(), page, [])).toEqual(new Set())
  })
})
