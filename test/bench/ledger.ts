/** How fast the ledger takes facts up: `node test/bench/ledger.ts [FACTS]`, on Postgres 18 and on the embedded database. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newId } from '../../src/domain/id.ts'
import { checkLedger } from '../../src/evidence/check-ledger.ts'
import { entryBytes } from '../../src/evidence/entry.ts'
import { proveEntry } from '../../src/evidence/ledger.ts'
import { leafHash, verifyInclusion } from '../../src/evidence/merkle.ts'
import { parseTlogProof } from '../../src/evidence/tlog-proof.ts'
import { audit, RETENTION_APPLIED } from '../../src/store/audit.ts'
import type { Db } from '../../src/store/db.ts'
import { appendLedger, latestCheckpoint } from '../../src/store/ledger.ts'
import { entriesFrom } from '../../src/store/ledger-read.ts'
import { openStore } from '../../src/store/open-store.ts'
import { openLedgerHouse } from '../evidence/house.ts'
import { startPostgres } from '../servers/postgres.ts'

const FACTS = Number(process.argv[2] ?? 100_000)
const PAGE = 500
const digest = 'ab'.repeat(32)

async function rate(name: string, count: number, work: () => Promise<unknown>): Promise<void> {
  const started = performance.now()
  await work()
  const seconds = (performance.now() - started) / 1_000
  console.log(`${name}: ${count} in ${seconds.toFixed(2)} s, ${Math.round(count / seconds)}/s`)
}

async function measure(name: string, db: Db): Promise<void> {
  const house = openLedgerHouse(db)
  await house.sequencer.signers()
  await house.sequencer.run()
  const pages = Array.from({ length: FACTS / PAGE }, () => Array.from({ length: PAGE }, () => ({ ref: newId(), digest })))
  await rate(`${name}: hand over, ${PAGE} a transaction`, FACTS, async () => {
    for (const page of pages) await db.transaction().execute((tx) => appendLedger(tx, 'observation', page))
  })
  await rate(`${name}: sequence`, FACTS, () => house.sequencer.run())
  const size = (await latestCheckpoint(db))?.size ?? 0
  const indexes = Array.from({ length: 1_000 }, (_, at) => Math.floor((at * size) / 1_000))
  const proofs: string[] = []
  await rate(`${name}: prove`, indexes.length, async () => {
    for (const index of indexes) proofs.push(await proveEntry(db, index))
  })
  const root = (await latestCheckpoint(db))?.root ?? new Uint8Array()
  const leaves = await Promise.all(
    indexes.map(async (index) => {
      const [row] = await entriesFrom(db, index, 1)
      if (row === undefined) throw new Error(`no entry ${index}`)
      return leafHash(entryBytes({ kind: row.kind, id: row.ref, digest: Buffer.from(row.digest).toString('hex') }))
    }),
  )
  await rate(`${name}: verify proofs`, proofs.length, async () => {
    for (const [at, text] of proofs.entries()) {
      const { index, proof } = parseTlogProof(text)
      if (!verifyInclusion({ index, size, root, leaf: leaves[at] ?? new Uint8Array(), proof }))
        throw new Error('a proof is false')
    }
  })
  const { keys, origin } = await house.sequencer.signers()
  // Their rows never were: as past their retention, they are no faults.
  const before = Temporal.Now.instant().add({ hours: 24 }).toString()
  await audit(db, {
    ...{ actor: 'bench', action: RETENTION_APPLIED, subject: 'observations', at: Temporal.Now.instant() },
    detail: { before },
  })
  await rate(`${name}: ledger verify`, size, () => checkLedger({ db, keys, origin, now: () => Temporal.Now.instant() }))
}

const server = await startPostgres({})
const store = await openStore({ url: server.url(), poolSize: 4, applicationName: 'bench' })
await measure('Postgres 18', store.db)
await store.close()
await server.stop()
const folder = mkdtempSync(join(tmpdir(), 'revenant-bench-'))
const embedded = await openStore({ dataDir: folder })
await measure('embedded', embedded.db)
await embedded.close()
rmSync(folder, { recursive: true })
