import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { newId } from '../../src/domain/id.ts'
import { openCheckpoint } from '../../src/evidence/checkpoint.ts'
import { entryHash } from '../../src/evidence/entry.ts'
import { proveEntry, proveGrowth } from '../../src/evidence/ledger.ts'
import { rootOf, verifyConsistency, verifyInclusion } from '../../src/evidence/merkle.ts'
import { openSequencer } from '../../src/evidence/sequencer.ts'
import { openSigners, type SignersOptions, takeUpKey } from '../../src/evidence/signers.ts'
import { parseTlogProof } from '../../src/evidence/tlog-proof.ts'
import type { Db } from '../../src/store/db.ts'
import { logStretch } from '../../src/store/evidence.ts'
import { addCheckpoint, appendLedger, latestCheckpoint, outboxSize } from '../../src/store/ledger.ts'
import { entriesFrom, entriesOf, thinCheckpoints } from '../../src/store/ledger-read.ts'
import { STORES, type TestStore } from '../servers/stores.ts'

const NOW = Temporal.Instant.from('2026-11-22T12:00:00Z')
const digest = (at: number) => at.toString(16).padStart(64, '0')
const leaves = (count: number, from = 0) =>
  Array.from({ length: count }, (_, at) => ({ ref: newId(), digest: digest(from + at) }))
const privateKey = () => generateKeyPairSync('ed25519').privateKey

function signersOf(db: Db, ring: KeyObject[], origin?: string): SignersOptions {
  return {
    db,
    origin,
    instance: 'test host',
    readKeys: async () => ring,
    makeKey: async () => {
      ring.push(privateKey())
      return ring
    },
    now: () => NOW,
  }
}

function sequencerOf(db: Db, ring: KeyObject[], batch?: number) {
  return openSequencer({
    db,
    openSigners: () => openSigners(signersOf(db, ring)),
    now: () => NOW,
    ...(batch === undefined ? {} : { batch }),
  })
}

describe.each(STORES)('the sequencer on $name', ({ available, name, open }) => {
  let at: TestStore
  const db = () => at.store.db
  beforeAll(async () => {
    if (available) at = await open()
  })
  afterAll(async () => {
    if (available) await at.stop()
  })
  beforeEach(async () => {
    if (!available) return
    for (const table of [
      'ledger_outbox',
      'ledger_entry',
      'ledger_tile',
      'ledger_checkpoint',
      'ledger_anchor',
      'ledger_key',
    ] as const)
      await db().deleteFrom(table).execute()
  })
  const when = it.skipIf(!available)

  /** All entries hash to the newest checkpoint, which the log's key signed. */
  async function expectWhole(ring: KeyObject[]): Promise<number> {
    const rows = await entriesFrom(db(), 0, 100_000)
    expect(rows.map(({ index }) => index)).toEqual(rows.map((_, index) => index))
    const hashes = rows.map(({ kind, ref, digest: bytes }) =>
      entryHash({ kind, id: ref, digest: Buffer.from(bytes).toString('hex') }),
    )
    const last = await latestCheckpoint(db())
    const { keys, origin } = await openSigners(signersOf(db(), ring))
    const { checkpoint } = openCheckpoint(last?.note ?? '', keys, { origin })
    expect(checkpoint.size).toBe(rows.length)
    expect(Buffer.from(checkpoint.root).toString('hex')).toBe(Buffer.from(rootOf(hashes)).toString('hex'))
    return rows.length
  }

  when('gives facts their places, in the order of the outbox, and signs the tree', async () => {
    const ring: KeyObject[] = []
    const sequencer = sequencerOf(db(), ring)
    expect(await sequencer.run()).toBe(0)
    await sequencer.signers()
    const [first, second] = [leaves(3), leaves(2, 3)]
    await appendLedger(db(), 'observation', first)
    await appendLedger(db(), 'finding', second)
    expect(await outboxSize(db())).toMatchObject({ leaves: 6 })
    expect(await sequencer.run()).toBe(6)
    expect(await outboxSize(db())).toEqual({ leaves: 0, oldest: null })
    const rows = await entriesFrom(db(), 0, 10)
    expect(rows.map(({ kind, ref }) => [kind, ref]).slice(1)).toEqual([
      ...first.map(({ ref }) => ['observation', ref]),
      ...second.map(({ ref }) => ['finding', ref]),
    ])
    expect(rows[0]?.kind).toBe('key')
    expect(await entriesOf(db(), second[1]?.ref ?? '')).toMatchObject([{ index: 5, kind: 'finding' }])
    expect(await expectWhole(ring)).toBe(6)
    expect(await sequencer.run()).toBe(0)
  })

  when('times rise with the index, whatever the clocks of replicas say', async () => {
    const ring: KeyObject[] = []
    const { signers } = sequencerOf(db(), ring)
    const boundary = NOW.add({ hours: 1 })
    const sizeBefore = async () => (await logStretch(db(), boundary, boundary.add({ hours: 1 }))).first
    const sizes: number[] = []
    for (const seconds of [-30, 1, -1, -3_600, 5]) {
      await appendLedger(db(), 'observation', leaves(1))
      await openSequencer({ db: db(), openSigners: signers, now: () => boundary.add({ seconds }) }).run()
      sizes.push(await sizeBefore())
    }
    // What was before the boundary once is all that ever is.
    expect(new Set(sizes.slice(1)).size).toBe(1)
    const times = (await entriesFrom(db(), 0, 10)).map(({ at: time }) => time.epochMilliseconds)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    const checkpoints = await db().selectFrom('ledger_checkpoint').select('at').orderBy('size').execute()
    expect(checkpoints.map(({ at: time }) => time.since(boundary).total('seconds'))).toEqual([-30, 1, 1, 1, 5])
  })

  when('what a transaction rolls back was never logged', async () => {
    const ring: KeyObject[] = []
    const failed = db()
      .transaction()
      .execute(async (tx) => {
        await appendLedger(tx, 'trial', leaves(1))
        throw new Error('no')
      })
    await expect(failed).rejects.toThrow('no')
    await sequencerOf(db(), ring).run()
    expect(await entriesFrom(db(), 0, 10)).toEqual([])
  })

  when('grows over tiles, each batch from where the last one ended; every proof holds', { timeout: 60_000 }, async () => {
    const ring: KeyObject[] = []
    const sizes: number[] = []
    for (const count of [1, 200, 700, 55, 1_024]) {
      await appendLedger(db(), 'observation', leaves(count, 10_000 * count))
      await sequencerOf(db(), ring, 300).run()
      sizes.push((await latestCheckpoint(db()))?.size ?? 0)
    }
    const size = await expectWhole(ring)
    expect(size).toBe(1_981)
    const rows = await entriesFrom(db(), 0, size)
    const hashes = rows.map(({ kind, ref, digest: bytes }) =>
      entryHash({ kind, id: ref, digest: Buffer.from(bytes).toString('hex') }),
    )
    const root = rootOf(hashes)
    for (const index of [0, 1, 255, 256, 1_023, 1_979, 1_980]) {
      const proof = parseTlogProof(await proveEntry(db(), index))
      expect(verifyInclusion({ index, size, root, leaf: hashes[index] ?? new Uint8Array(), proof: proof.proof })).toBe(true)
    }
    for (const from of sizes) {
      const proof = await proveGrowth(db(), from, size)
      expect(verifyConsistency({ from, to: size, fromRoot: rootOf(hashes.slice(0, from)), toRoot: root, proof })).toBe(true)
    }
    await expect(proveEntry(db(), size)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  when('a checkpoint extends the newest one and no other', async () => {
    const ring: KeyObject[] = []
    await appendLedger(db(), 'observation', leaves(5))
    await sequencerOf(db(), ring).run()
    const last = await latestCheckpoint(db())
    if (last === undefined) throw new Error('no checkpoint')
    const fork = { ...last, size: last.size + 1, note: 'a fork' }
    expect(await addCheckpoint(db(), last.size - 1, fork)).toBe(false)
    expect(await addCheckpoint(db(), 0, fork)).toBe(false)
    expect(await addCheckpoint(db(), last.size, last)).toBe(false)
    expect((await latestCheckpoint(db()))?.note).toBe(last.note)
  })

  when('a tree that was changed from outside is not signed on', async () => {
    const ring: KeyObject[] = []
    await appendLedger(db(), 'observation', leaves(300))
    await sequencerOf(db(), ring).run()
    const before = await latestCheckpoint(db())
    await appendLedger(db(), 'observation', leaves(1))
    for (const harm of [
      sql`update ledger_tile set hashes = set_byte(hashes, 40, (get_byte(hashes, 40) + 1) % 256) where level = 0 and index = 1`,
      sql`update ledger_tile set hashes = substring(hashes from 1 for 32) where level = 0 and index = 1`,
      sql`delete from ledger_tile where level = 1`,
      sql`update ledger_checkpoint set root = set_byte(root, 0, (get_byte(root, 0) + 1) % 256)`,
      sql`update ledger_checkpoint set note = replace(note, 'revenant.local', 'another.local')`,
    ]) {
      const kept = await db().selectFrom('ledger_tile').selectAll().execute()
      await harm.execute(db())
      await expect(sequencerOf(db(), ring).run()).rejects.toMatchObject({ code: 'EVIDENCE_INVALID' })
      await db().deleteFrom('ledger_tile').execute()
      await db().insertInto('ledger_tile').values(kept).execute()
      await db()
        .updateTable('ledger_checkpoint')
        .set({ root: before?.root ?? Buffer.of(), note: before?.note ?? '' })
        .execute()
      expect((await outboxSize(db())).leaves).toBe(1)
    }
    expect(await sequencerOf(db(), ring).run()).toBe(1)
    await expectWhole(ring)
  })

  when('a new key is logged, and the checkpoint that has its entry is signed by both', async () => {
    const ring: KeyObject[] = []
    const sequencer = sequencerOf(db(), ring)
    await sequencer.signers()
    await sequencer.run()
    const old = await openSigners(signersOf(db(), ring))
    ring.push(privateKey())
    const after = await takeUpKey(signersOf(db(), ring))
    expect(after.keys).toHaveLength(2)
    // The running sequencer learns of it by itself.
    expect(await sequencer.run()).toBe(1)
    const turn = await latestCheckpoint(db())
    expect(openCheckpoint(turn?.note ?? '', old.keys).checkpoint.size).toBe(2)
    expect(openCheckpoint(turn?.note ?? '', after.keys).verified).toHaveLength(2)
    await appendLedger(db(), 'trial', leaves(1))
    await sequencer.run()
    const next = await latestCheckpoint(db())
    expect(() => openCheckpoint(next?.note ?? '', old.keys)).toThrow(expect.objectContaining({ code: 'EVIDENCE_INVALID' }))
    expect(openCheckpoint(next?.note ?? '', after.keys).verified).toHaveLength(1)
    expect(await expectWhole(ring)).toBe(3)
  })

  when('keeps its name, and refuses another one, a lost ring and a strange ring', async () => {
    const ring: KeyObject[] = []
    const { origin } = await openSigners(signersOf(db(), ring))
    expect(origin).toMatch(/^revenant\.local\/test-host-[0-9a-z]+$/)
    expect((await openSigners({ ...signersOf(db(), ring), instance: 'elsewhere' })).origin).toBe(origin)
    await expect(openSigners(signersOf(db(), ring, 'log.example'))).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    expect((await openSigners(signersOf(db(), ring, origin))).signers).toHaveLength(1)
    await expect(openSigners(signersOf(db(), []))).rejects.toMatchObject({ code: 'KEY_UNKNOWN' })
    const strange = [privateKey()]
    await expect(openSigners(signersOf(db(), strange))).rejects.toMatchObject({ code: 'KEY_UNKNOWN' })
    expect((await takeUpKey(signersOf(db(), strange))).keys).toHaveLength(2)
  })

  when('thins out old checkpoints to the last of each hour, but for those that were anchored', async () => {
    const sizes = [
      ['2026-01-01T10:00:00Z', 1],
      ['2026-01-01T10:30:00Z', 2],
      ['2026-01-01T10:59:00Z', 3],
      ['2026-01-01T11:10:00Z', 4],
      ['2026-11-22T11:00:00Z', 5],
      ['2026-11-22T11:01:00Z', 6],
    ] as const
    for (const [when, size] of sizes)
      await db()
        .insertInto('ledger_checkpoint')
        .values({ size, root: Buffer.alloc(32), at: when, note: '' })
        .execute()
    const anchor = { id: newId(), anchor: 'a', kind: 'file', size: 1, at: NOW.toString(), ok: true }
    await db().insertInto('ledger_anchor').values(anchor).execute()
    expect(await thinCheckpoints(db(), NOW.subtract({ hours: 24 * 30 }))).toBe(1)
    const left = await db().selectFrom('ledger_checkpoint').select('size').orderBy('size').execute()
    expect(left.map(({ size }) => size)).toEqual([1, 3, 4, 5, 6])
  })

  it.skipIf(!available || name === 'PGlite')(
    'many sequencers over many writers append each fact once',
    { timeout: 60_000 },
    async () => {
      const ring: KeyObject[] = []
      await openSigners(signersOf(db(), ring))
      const stores = await Promise.all(Array.from({ length: 3 }, () => at.again?.()))
      const dbs = stores.flatMap((store) => (store === undefined ? [] : [store.db]))
      const written = new Set<string>()
      let writing = true
      const writers = dbs.map(async (own) => {
        for (let page = 0; page < 20; page++) {
          const rows = leaves(50, page)
          for (const { ref } of rows) written.add(ref)
          await own.transaction().execute((tx) => appendLedger(tx, 'observation', rows))
        }
      })
      const sequencers = dbs.map(async (own) => {
        while (writing) {
          await sequencerOf(own, ring, 120).run()
          await new Promise((resolve) => setTimeout(resolve, 5))
        }
      })
      await Promise.all(writers)
      writing = false
      await Promise.all(sequencers)
      await sequencerOf(db(), ring).run()
      expect(await expectWhole(ring)).toBe(3 * 20 * 50 + 1)
      const refs = new Set((await entriesFrom(db(), 0, 10_000)).map(({ ref }) => ref))
      expect([...written].filter((ref) => !refs.has(ref))).toEqual([])
    },
  )
})
