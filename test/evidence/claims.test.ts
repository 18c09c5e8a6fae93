import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type RawBuilder, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ObservationFields, observationFacts } from '../../src/domain/facts/observation.ts'
import { newId } from '../../src/domain/id.ts'
import { leafOf } from '../../src/domain/leaf.ts'
import { checkLedger } from '../../src/evidence/check-ledger.ts'
import { contradictions } from '../../src/evidence/claims.ts'
import { openBundle } from '../../src/evidence/verify/open-bundle.ts'
import { verifyBundle } from '../../src/evidence/verify/verify.ts'
import { appendLedger } from '../../src/store/ledger.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { type BundleHouse, openBundleHouse } from './bundle-house.ts'

describe.each(STORES.slice(0, 2))('what statements are made from on $name', { timeout: 60_000 }, ({ open }) => {
  let store: TestStore
  let house: BundleHouse
  beforeAll(async () => {
    store = await open()
    house = await openBundleHouse(store.store.db)
    for (const table of TABLES) await sql.raw(`create table kept_${table} as select * from ${table}`).execute(house.db)
  })
  afterAll(() => store.stop())
  const found = (of: { systemId?: string; horizon?: Temporal.Instant } = {}) =>
    Array.fromAsync(contradictions({ horizon: undefined, ...of, db: house.db, now: Temporal.Now.instant() }))
  const restored = async (work: () => Promise<void>) => {
    try {
      await work()
    } finally {
      for (const table of TABLES) await sql.raw(`delete from ${table}`).execute(house.db)
      for (const table of TABLES.toReversed()) await sql.raw(`insert into ${table} select * from kept_${table}`).execute(house.db)
    }
  }

  it('is borne out where nobody touched it', async () => {
    expect(await found()).toEqual([])
  })

  it('is not where a door is said to be closed: in the bundle, and in the ledger', async () => {
    await restored(async () => {
      const { db, ids } = house
      await sql`update check_state set verdict = 'rejected', reason = 'invalid_credentials', accepted_at = null, rejections = 2,
        first_rejected_at = terminated_at, dead_at = terminated_at where credential_id = ${ids.credentials['anna@wiki']}::uuid`.execute(
        db,
      )
      await sql`update finding set state = 'resolved', resolved_at = now() where kind = 'residual_access'`.execute(db)
      const folder = await house.bundle()
      const rows = readFileSync(join(folder, 'statements/contradicted.csv'), 'utf8').trim().split('\n')
      expect(rows.map((row) => row.split(',')[0])).toEqual(['table', 'check_state', 'finding'])
      expect(rows[1]).toContain(ids.credentials['anna@wiki'])
      const source = await openBundle(folder)
      const result = await verifyBundle(source, { vkeys: [] })
      await source.close()
      expect(result).toMatchObject({
        holds: false,
        manifest: { contradicted: 2 },
        firstFalse: { file: 'statements/contradicted.csv' },
      })
      expect(readFileSync(join(folder, 'report.html'), 'utf8')).toContain('2 rows of the database that this page')
      expect(readFileSync(join(folder, 'README.txt'), 'utf8')).toContain('FALSE    2 rows')
      rmSync(folder, { recursive: true })
      const { keys, origin } = await house.sequencer.signers()
      const { faults } = await checkLedger({ db, keys, origin, now: () => Temporal.Now.instant() })
      expect(faults.map(({ where }) => where.split(' ')[1])).toEqual(['check_state', 'finding'])
      expect(faults[0]?.what).toContain('is not borne out by the log')
      // Of another system nothing is said.
      expect(await found({ systemId: ids.systems.payroll })).toEqual([])
    })
  })

  const payroll = () => sql`credential_id = ${house.ids.credentials['anna@payroll']}::uuid`
  const wiki = () => sql`credential_id = ${house.ids.credentials['anna@wiki']}::uuid`
  it.each<[string, () => RawBuilder<unknown>, RegExp]>([
    [
      'closed earlier',
      () => sql`update check_state set first_rejected_at = terminated_at where ${payroll()}`,
      /no observation .* first proven refusal/,
    ],
    [
      'proven earlier',
      () => sql`update check_state set dead_at = first_rejected_at - interval '1 ms' where ${payroll()}`,
      /without a refusal before/,
    ],
    [
      'more refusals',
      () => sql`update check_state set rejections = 3 where ${payroll()}`,
      /counts 3 proven refusals in a row, and there are 2/,
    ],
    [
      'a later answer',
      () => sql`update check_state set observed_at = observed_at + interval '1 h' where ${payroll()}`,
      /no observation .* last answer/,
    ],
    [
      'an acceptance forgotten',
      () =>
        sql`update check_state set accepted_at = null, verdict = null, reason = null, observed_at = null, judged_at = null, rejections = 1 where ${wiki()}`,
      /tells of answers, and that there were none/,
    ],
    [
      'an open finding closed',
      () => sql`update finding set state = 'resolved', resolved_at = now() where kind = 'residual_access'`,
      /said to be resolved, and event/,
    ],
    [
      'an open finding closed unseen',
      () => sql`update finding set state = 'resolved', alerted_at = null where kind = 'residual_access'`,
      /nobody was told, and event/,
    ],
    [
      'a finding opened later',
      () => sql`update finding set opened_at = opened_at + interval '1 h' where kind = 'residual_access'`,
      /opened after event/,
    ],
    [
      'a finding closed earlier',
      () => sql`update finding set resolved_at = opened_at where kind = 'blind_system'`,
      /resolved at another time/,
    ],
    [
      'a finding exempted',
      () => sql`update finding set state = 'acknowledged', exempted = true where kind = 'orphaned_identity'`,
      /no exemption covers it/,
    ],
    [
      'a finding acknowledged',
      () => sql`update finding set state = 'acknowledged', acknowledged_by = 'eve' where kind = 'residual_access'`,
      /nobody acknowledged it/,
    ],
    [
      'a finding made mild',
      () => sql`update finding set severity = 'low' where kind = 'residual_access'`,
      /said to be low, and event/,
    ],
    [
      'a finding of somebody else',
      () => sql`update finding set identity_id = null where kind = 'residual_access'`,
      /about something else/,
    ],
    ['a last event forgotten', () => sql`update finding set sequence = 1 where kind = 'blind_system'`, /counts 1 events/],
    [
      'an event changed with it',
      () => sql`update finding_event set state = 'resolved' where kind = 'residual_access'`,
      /not as it was logged/,
    ],
  ])('is not: %s', async (_, harm, said) => {
    await restored(async () => {
      await harm().execute(house.db)
      expect(await found()).toEqual([expect.objectContaining({ what: expect.stringMatching(said) })])
    })
  })

  /** An observation as it is recorded, of anna's payroll login, without moving its check. */
  const observe = async (at: Temporal.Instant, verdict: 'accepted' | 'rejected', isLogged = true) => {
    const { db, ids } = house
    const reason = verdict === 'accepted' ? 'authenticated' : 'invalid_credentials'
    const row: ObservationFields = {
      ...{ id: newId(), trial_id: newId(), credential_id: ids.credentials['anna@payroll'] ?? '', identity_id: ids.anna },
      ...{ system_id: ids.systems.payroll, verdict, reason, strength: 'strong', assurance: 'controlled' },
      ...{ confirmed: verdict === 'accepted', principal: null, transport: 'verified', effects: null },
      ...{ wire: {}, latency_ms: 1, trace_id: 't' },
    }
    const digest = leafOf(observationFacts(row, at.epochMilliseconds))
    await db
      .insertInto('observation')
      .values({ ...row, wire: '{}', observed_at: at.toString(), leaf: Buffer.from(digest, 'hex') })
      .execute()
    if (isLogged) await appendLedger(db, 'observation', [{ ref: row.id, digest }])
    await house.sequencer.run()
    return row.id
  }

  it('is not where what was seen later is left out, or what is cited was never logged', async () => {
    const now = Temporal.Now.instant().round('millisecond')
    await restored(async () => {
      const id = await observe(now, 'accepted')
      const due = now.add({ hours: 48 }).toString()
      await sql`update check_state set due_at = ${due}::timestamptz where ${payroll()}`.execute(house.db)
      expect(await found()).toMatchObject([{ what: `observation ${id} was logged after the last answer that it knows` }])
      // Asked for anew while it was on its way: it is tried at once.
      await sql`update check_state set due_at = now() where ${payroll()}`.execute(house.db)
      expect(await found()).toEqual([])
    })
    await restored(async () => {
      const id = await observe(now, 'rejected', false)
      await sql`update check_state set observed_at = ${now.toString()}::timestamptz, rejections = 3 where ${payroll()}`.execute(
        house.db,
      )
      expect(await found()).toMatchObject([
        { what: expect.stringMatching(`rests on observation ${id}, which is not as it was logged`) },
      ])
    })
  })

  it('is borne out where a clock was set back, and by what is past its retention', async () => {
    const now = Temporal.Now.instant().round('millisecond')
    await restored(async () => {
      await observe(now.subtract({ hours: 2 }), 'accepted')
      const [first, dead] = [now.subtract({ hours: 3 }), now.subtract({ hours: 1 })]
      await observe(first, 'rejected')
      await observe(dead, 'rejected')
      await sql`update check_state set accepted_at = ${now.subtract({ hours: 2 }).toString()}::timestamptz,
        first_rejected_at = ${first.toString()}::timestamptz, dead_at = ${dead.toString()}::timestamptz,
        observed_at = ${dead.toString()}::timestamptz, judged_at = ${dead.toString()}::timestamptz where ${payroll()}`.execute(
        house.db,
      )
      expect(await found()).toEqual([])
      await sql`delete from observation where observed_at < ${dead.toString()}::timestamptz and ${payroll()}`.execute(house.db)
      expect(await found()).toMatchObject([{ table: 'check_state' }])
      expect(await found({ horizon: dead })).toEqual([])
    })
  })
})

const TABLES = ['check_state', 'finding_event', 'finding', 'observation'] as const
