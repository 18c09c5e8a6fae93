import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { checkLedger } from '../../src/evidence/check-ledger.ts'
import { audit } from '../../src/store/audit.ts'
import type { Db } from '../../src/store/db.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { type LedgerHouse, openLedgerHouse } from './house.ts'

const TABLES = [
  'ledger_outbox',
  'ledger_entry',
  'ledger_tile',
  'ledger_checkpoint',
  'ledger_anchor',
  'ledger_key',
  'audit',
] as const

describe.each(STORES.slice(0, 2))('a stored ledger on $name', ({ open }) => {
  let at: TestStore
  let house: LedgerHouse
  const db = (): Db => at.store.db
  beforeAll(async () => {
    at = await open()
    for (const table of TABLES) await db().deleteFrom(table).execute()
    house = openLedgerHouse(db(), 100)
    const start = Temporal.Now.instant()
    await house.sequencer.signers()
    await house.sequencer.run()
    await db()
      .transaction()
      .execute(async (tx) => {
        for (let row = 0; row < 600; row++)
          await audit(tx, { actor: 'me', action: 'test', subject: `s${row}`, detail: { row }, at: start.add({ seconds: row }) })
      })
    await house.sequencer.run()
    for (const table of TABLES) await sql.raw(`create table kept_${table} as select * from ${table}`).execute(db())
  })
  afterAll(() => at.stop())
  afterEach(async () => {
    for (const table of TABLES) {
      await db().deleteFrom(table).execute()
      await sql.raw(`insert into ${table} select * from kept_${table}`).execute(db())
    }
  })
  let ids: string[] = []
  beforeEach(async () => {
    ids = (await db().selectFrom('ledger_entry').select('ref').orderBy('index').execute()).map(({ ref }) => ref)
  })

  async function faults(): Promise<string[]> {
    const { keys, origin } = await house.sequencer.signers()
    const report = await checkLedger({ db: db(), keys, origin, now: () => Temporal.Now.instant() })
    return report.faults.map(({ where, what }) => `${where} ${what}`)
  }

  it('that nobody touched holds', async () => {
    const { keys, origin } = await house.sequencer.signers()
    const report = await checkLedger({ db: db(), keys, origin, now: () => Temporal.Now.instant() })
    expect(report).toMatchObject({ size: 601, rows: 601, gone: 0, faults: [] })
    expect(report.checkpoints).toBeGreaterThan(1)
  })

  it('names a row that was changed, back-dated, removed or slipped in', async () => {
    const [changed, dated, removed] = [ids[10], ids[300], ids[599]]
    await sql`update audit set detail = jsonb_set(detail, '{row}', '-1') where id = ${changed}::uuid`.execute(db())
    await sql`update audit set at = at - interval '1 millisecond' where id = ${dated}::uuid`.execute(db())
    await sql`delete from audit where id = ${removed}::uuid`.execute(db())
    await sql`insert into audit select gen_random_uuid(), now() + interval '1 day', actor, action, subject, detail from audit limit 1`.execute(
      db(),
    )
    expect(await faults()).toEqual([
      `row operator ${changed} (entry 10) is not what was recorded`,
      `row operator ${dated} (entry 300) is not what was recorded`,
      `row operator ${removed} (entry 599) is missing`,
      expect.stringMatching(/^row audit [0-9a-f-]{36} has no entry in the ledger/),
    ])
  })

  it('names a row that was slipped in under a time before the log', async () => {
    await sql`insert into audit select gen_random_uuid(), now() - interval '2 years', actor, action, subject, detail from audit limit 1`.execute(
      db(),
    )
    expect(await faults()).toEqual([expect.stringMatching(/^row audit [0-9a-f-]{36} has no entry in the ledger/)])
  })

  it('names an entry that was changed together with its row', async () => {
    await sql`update ledger_entry set digest = sha256('x') where index = 257`.execute(db())
    expect(await faults()).toEqual([
      `entry 257 (operator ${ids[257]}) is not the one that was logged`,
      `row operator ${ids[257]} (entry 257) is not what was recorded`,
    ])
  })

  it('names entries that were removed, or changed places', async () => {
    await sql`delete from ledger_entry where index = 5`.execute(db())
    await sql`update ledger_entry set index = case index when 600 then 1600 else index end where index = 600`.execute(db())
    await sql`update ledger_entry set index = 600 where index = 598`.execute(db())
    await sql`update ledger_entry set index = 598 where index = 1600`.execute(db())
    expect(await faults()).toEqual([
      'entry 5 is missing',
      `entry 598 (operator ${ids[600]}) is not the one that was logged`,
      `entry 600 (operator ${ids[598]}) is not the one that was logged`,
      expect.stringContaining(`row audit ${ids[5]} has no entry`),
    ])
  })

  it.each([
    ['a full tile', sql`level = 0 and index = 1`, 'tile/0/001 is false: neither its entries nor the level above bear it out'],
    [
      'the tile at the edge',
      sql`level = 0 and index = 2`,
      'tile/0/002.p/89 is false: neither its entries nor the level above bear it out',
    ],
  ])('names %s that was changed', async (_, where, said) => {
    await sql`update ledger_tile set hashes = set_byte(hashes, 40, (get_byte(hashes, 40) + 1) % 256) where ${where}`.execute(db())
    expect((await faults()).filter((each) => !each.startsWith('checkpoint'))).toEqual([said])
  })

  it('names a tile of a higher level, and the checkpoints that no longer stand', async () => {
    await sql`update ledger_tile set hashes = set_byte(hashes, 1, (get_byte(hashes, 1) + 1) % 256) where level = 1`.execute(db())
    const found = await faults()
    expect(found[0]).toContain('tile/1/000 is false, or the signed root: it does not stand for its tile 0')
    expect(found.some((each) => each.startsWith('checkpoint 601 '))).toBe(true)
  })

  it('names a tile that is gone or cut off', async () => {
    await sql`delete from ledger_tile where level = 0 and index = 0`.execute(db())
    await sql`update ledger_tile set hashes = substring(hashes from 1 for 64) where level = 0 and index = 2`.execute(db())
    expect((await faults()).slice(0, 2)).toEqual(['tile/0/000 is missing', 'tile/0/002.p/89 is too short'])
  })

  it('names a checkpoint that was changed or signed by another key', async () => {
    await sql`update ledger_checkpoint set root = sha256('x') where size = (select min(size) from ledger_checkpoint where size > 1)`.execute(
      db(),
    )
    await sql`update ledger_checkpoint set note = replace(note, '— revenant', '— evenant') where size = 601`.execute(db())
    expect(await faults()).toEqual([
      expect.stringMatching(/^checkpoint \d+ is not what its signed note says$/),
      expect.stringMatching(/^checkpoint 601 .*no known key signed it/),
    ])
  })

  it('that was cut off is as long as its checkpoint says', async () => {
    await sql`delete from ledger_entry where index >= 590`.execute(db())
    expect((await faults()).filter((each) => each.startsWith('entry'))).toEqual(
      Array.from({ length: 11 }, (_, more) => `entry ${590 + more} is missing`),
    )
  })
})
