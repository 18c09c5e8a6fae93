import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { applyRetention } from '../../src/daemon/retention.ts'
import { newId } from '../../src/domain/id.ts'
import { checkLedger } from '../../src/evidence/check-ledger.ts'
import { retentionHorizon } from '../../src/store/audit.ts'
import { appendLedger } from '../../src/store/ledger.ts'
import { idAt, type LedgerHouse, openLedgerHouse } from '../evidence/house.ts'
import { STORES, type TestStore } from '../servers/stores.ts'

const DAY_MS = 86_400_000

describe.each(STORES)('retention on $name', { timeout: 60_000 }, ({ available, open }) => {
  let at: TestStore
  let house: LedgerHouse
  const when = it.skipIf(!available)
  beforeAll(async () => {
    if (!available) return
    at = await open()
    house = openLedgerHouse(at.store.db, 100)
    await house.sequencer.signers()
  })
  afterAll(async () => {
    if (available) await at.stop()
  })
  const apply = (now: Temporal.Instant) => {
    const config = { retention: { observationsMs: 30 * DAY_MS } }
    return applyRetention({ config, instance: 'r1', now: () => now, store: at.store } as unknown as Parameters<
      typeof applyRetention
    >[0])
  }
  /** A control as it is stored, with its entry: its digest does not matter here, since its row will be gone. */
  const control = async (ageDays: number) => {
    const { db } = at.store
    const then = Temporal.Now.instant().subtract({ milliseconds: ageDays * DAY_MS })
    const id = idAt(then)
    await sql`insert into control (id, observed_at, trial_id, system_id, control, verdict, reason, strength, wire, latency_ms, transport, leaf)
      values (${id}::uuid, ${then.toString()}::timestamptz, ${newId()}::uuid, ${newId()}::uuid, 'stranger', 'rejected', 'invalid_credentials', 'strong', '{}', 1, 'verified', ${Buffer.alloc(32)}::bytea)`.execute(
      db,
    )
    await appendLedger(db, 'control', [{ ref: id, digest: '00'.repeat(32) }])
    await house.sequencer.run()
    return id
  }
  const faults = async () => {
    const { keys, origin } = await house.sequencer.signers()
    const report = await checkLedger({ db: at.store.db, keys, origin, now: () => Temporal.Now.instant() })
    return { gone: report.gone, faults: report.faults.map(({ where, what }) => `${where} ${what}`) }
  }

  when('logs that it removes rows, by which those that are missing are told from those that were removed', async () => {
    const { db } = at.store
    const now = Temporal.Now.instant()
    await apply(now)
    expect(await retentionHorizon(db)).toBeUndefined()
    const id = await control(40)
    await db.deleteFrom('control').where('id', '=', id).execute()
    expect(await faults()).toEqual({ gone: 0, faults: [expect.stringMatching(`row control ${id} .* is missing`)] })

    const young = await control(20)
    await control(50)
    await apply(now)
    expect(await db.selectFrom('control').select('id').execute()).toEqual([{ id: young }])
    const before = now.subtract({ milliseconds: 30 * DAY_MS }).round({ smallestUnit: 'millisecond', roundingMode: 'floor' })
    expect((await retentionHorizon(db))?.epochMilliseconds).toBe(before.epochMilliseconds)
    const { detail } = await db
      .selectFrom('audit')
      .select('detail')
      .where('action', '=', 'retention.applied')
      .executeTakeFirstOrThrow()
    expect(detail).toMatchObject({ controls: 1, trials: 0 })
    await house.sequencer.run()
    // What is younger than that did not go by itself.
    await db.deleteFrom('control').where('id', '=', young).execute()
    expect(await faults()).toEqual({ gone: 2, faults: [expect.stringMatching(`row control ${young} .* is missing`)] })
    // Nothing more to remove: nothing is logged.
    await apply(now)
    expect(await db.selectFrom('audit').select('id').where('action', '=', 'retention.applied').execute()).toHaveLength(1)
  })
})
