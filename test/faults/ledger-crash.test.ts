import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import { expect, it } from 'vitest'
import { checkLedger } from '../../src/evidence/check-ledger.ts'
import { openCheckpoint } from '../../src/evidence/checkpoint.ts'
import { proveGrowth } from '../../src/evidence/ledger.ts'
import { verifyConsistency } from '../../src/evidence/merkle.ts'
import { type CheckpointRow, latestCheckpoint, outboxSize } from '../../src/store/ledger.ts'
import { startPostgres } from '../servers/postgres.ts'
import { openLedgerWriter } from './ledger-writer.ts'
import { seededRandom } from './random.ts'

const WRITER = fileURLToPath(new URL('ledger-writer.ts', import.meta.url))

it('a ledger whose writers are killed 12 times only grows, and has every row once', { timeout: 180_000 }, async () => {
  const random = seededRandom()
  const server = await startPostgres({})
  const folder = mkdtempSync(join(tmpdir(), 'revenant-crash-'))
  const keyRing = join(folder, 'keyring.json')
  const { store, sequencer } = await openLedgerWriter(server.url(), keyRing)
  try {
    let seen: CheckpointRow | undefined
    const sizes: number[] = []
    for (let kill = 0; kill < 12; kill++) {
      // Two at once: the one that is killed may hold the turn of the other.
      const writers = [0, 1].map(() => fork(WRITER, [server.url(), keyRing], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }))
      await Promise.all(writers.map((writer) => once(writer, 'message')))
      await sleep(100 + random.next() * 400)
      for (const writer of writers) {
        const ended = once(writer, 'exit')
        writer.kill('SIGKILL')
        expect((await ended)[1]).toBe('SIGKILL')
      }
      const { keys, origin } = await sequencer.signers()
      const now = await latestCheckpoint(store.db)
      if (now === undefined) continue
      expect(openCheckpoint(now.note, keys, { origin }).checkpoint).toMatchObject({ size: now.size })
      if (seen !== undefined) {
        const proof = await proveGrowth(store.db, seen.size, now.size)
        const claim = { from: seen.size, to: now.size, fromRoot: seen.root, toRoot: now.root, proof }
        expect([seen.size, now.size, verifyConsistency(claim)]).toEqual([seen.size, now.size, true])
      }
      seen = now
      sizes.push(now.size)
    }
    await sequencer.run()
    expect((await outboxSize(store.db)).leaves).toBe(0)
    const { keys, origin } = await sequencer.signers()
    const report = await checkLedger({ db: store.db, keys, origin, now: () => Temporal.Now.instant() })
    expect(report.faults).toEqual([])
    const { rows } = await sql<{ rows: number; entries: number; refs: number }>`
      select (select count(*)::int from audit) as rows, count(*)::int as entries, count(distinct ref)::int as refs
      from ledger_entry where kind = 'operator'
    `.execute(store.db)
    expect(rows[0]?.rows).toBeGreaterThan(1_000)
    expect(rows[0]).toEqual({ rows: rows[0]?.rows, entries: rows[0]?.rows, refs: rows[0]?.rows })
    process.stdout.write(`entries after each kill: ${sizes.join(' ')}\n`)
  } finally {
    await store.close()
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
})
