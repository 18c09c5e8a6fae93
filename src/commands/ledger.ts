import { anchorNow, rotateLedgerKey, sequencerOf } from '../daemon/ledger.ts'
import type { Runtime } from '../daemon/runtime.ts'
import { RevenantError } from '../domain/error.ts'
import { encodeBase64 } from '../evidence/base64.ts'
import { checkLedger } from '../evidence/check-ledger.ts'
import { proveEntry } from '../evidence/ledger.ts'
import { type CheckpointRow, latestCheckpoint, outboxSize } from '../store/ledger.ts'
import { listAnchors } from '../store/ledger-anchor.ts'
import { listLedgerKeys } from '../store/ledger-key.ts'
import { entriesOf } from '../store/ledger-read.ts'
import { type CommandContext, recordAction, withRuntime } from './context.ts'
import { counted, done, EXIT, json, line } from './io.ts'
import { progressBar } from './progress.ts'
import { ago, table } from './table.ts'

/** `revenant ledger status` */
export async function status(context: CommandContext, options: { json: boolean }): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const { db } = runtime.store
    const { origin } = await sequencerOf(runtime).signers()
    const last = await latestCheckpoint(db)
    const waiting = await outboxSize(db)
    const keys = (await listLedgerKeys(db)).map(({ vkey, created_at }) => ({ vkey, createdAt: created_at }))
    const { io } = context
    const root = last === undefined ? null : encodeBase64(last.root)
    if (options.json) {
      json(io, { origin, size: last?.size ?? 0, root, at: last?.at ?? null, waiting: waiting.leaves, keys })
      return EXIT.ok
    }
    line(io, `log      ${origin}`)
    line(io, `entries  ${last?.size ?? 0}${last === undefined ? '' : `, the newest ${ago(runtime.now(), last.at)}`}`)
    if (root !== null) line(io, `root     ${root}`)
    line(io, `waiting  ${waiting.leaves}${waiting.oldest === null ? '' : `, the oldest ${ago(runtime.now(), waiting.oldest)}`}`)
    for (const [index, { vkey }] of keys.entries()) line(io, `key      ${vkey}${index === keys.length - 1 ? '  (signs)' : ''}`)
    return EXIT.ok
  })
}

/** `revenant ledger checkpoint` */
export async function checkpoint(context: CommandContext, options: { json: boolean }): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const { size, root, at, note } = await upToDate(runtime)
    if (options.json) json(context.io, { size, root: encodeBase64(root), at, note })
    else context.io.out(note)
    return EXIT.ok
  })
}

/** `revenant ledger proof ID` */
export async function proof(context: CommandContext, id: string, options: { json: boolean }): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const { db } = runtime.store
    const at = await upToDate(runtime)
    const indexes = /^[0-9]+$/.test(id) ? [Number(id)] : (await entriesFound(runtime, id)).map(({ index }) => index)
    const { io } = context
    for (const index of options.json ? indexes : indexes.slice(-1)) {
      const text = await proveEntry(db, index, at)
      if (options.json) json(io, { index, proof: text })
      else io.out(text)
    }
    return EXIT.ok
  })
}

/** `revenant ledger anchors` */
export async function anchors(context: CommandContext, options: { now: boolean; limit: number; json: boolean }): Promise<number> {
  return withRuntime(context, async (runtime) => {
    if (options.now) await anchorNow(runtime, sequencerOf(runtime), context.io.signal, 0)
    const rows = await listAnchors(runtime.store.db, options.limit)
    const { io } = context
    if (options.json) {
      for (const { proof: given, ...row } of rows) json(io, { ...row, proof: given === null ? null : encodeBase64(given) })
      return EXIT.ok
    }
    if (rows.length === 0) line(io, 'No checkpoint was anchored yet: see ledger.anchors in docs/ledger.md.')
    else {
      const now = runtime.now()
      const cells = rows.map((row) => [
        row.anchor,
        row.kind,
        String(row.size),
        row.ok ? 'anchored' : 'failed',
        ago(now, row.at),
        row.stated_at?.toString() ?? '-',
        row.detail ?? '',
      ])
      io.out(table(io, ['ANCHOR', 'KIND', 'SIZE', 'STATE', 'TRIED', 'STATES', 'DETAIL'], cells))
    }
    return EXIT.ok
  })
}

/** `revenant ledger verify`: exit 3 when something is false. */
export async function verify(context: CommandContext, options: { json: boolean }): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const { origin, keys } = await sequencerOf(runtime).signers()
    const bar = progressBar(context.io, 'entries')
    const report = await checkLedger({
      ...{ db: runtime.store.db, keys, origin, now: runtime.now },
      progress: (at, total) => bar.update(at, total),
    })
    bar.stop()
    const { io } = context
    if (options.json) json(io, report)
    else {
      for (const { where, what } of report.faults) line(io, `${where} ${what}`)
      const gone = report.gone === 0 ? '' : `; of ${report.gone} the row is past its retention`
      const compared = `${counted(report.size, 'entry', 'entries')} under ${counted(report.checkpoints, 'checkpoint')}, ${counted(report.rows, 'row')} compared${gone}`
      line(io, report.faults.length === 0 ? `The ledger holds: ${compared}.` : `The ledger does not hold: ${compared}.`)
    }
    return report.faults.length === 0 ? EXIT.ok : EXIT.found
  })
}

/** `revenant ledger rotate-key` */
export async function rotateKey(context: CommandContext, options: { json: boolean }): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const { keys } = await rotateLedgerKey(runtime)
    const vkey = keys.at(-1)?.vkey ?? ''
    await recordAction(runtime, 'ledger.rotate-key', vkey)
    return done(
      context.io,
      options.json,
      { vkey },
      `From now on this key signs: ${vkey}. Tell those who verify, and back up ${runtime.config.keyRing} now.`,
    )
  })
}

/** The newest checkpoint, once all that waited is under it. */
async function upToDate(runtime: Runtime): Promise<CheckpointRow> {
  await sequencerOf(runtime).run()
  const last = await latestCheckpoint(runtime.store.db)
  if (last === undefined) throw new RevenantError('NOT_FOUND', 'the ledger is empty: nothing was recorded yet')
  return last
}

async function entriesFound(runtime: Runtime, id: string) {
  if (!UUID.test(id)) throw notFound(id)
  const found = await entriesOf(runtime.store.db, id)
  if (found.length === 0) throw notFound(id)
  return found
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

function notFound(id: string): RevenantError {
  return new RevenantError(
    'NOT_FOUND',
    `the ledger has no entry of ${JSON.stringify(id)}: give the whole id of an observation, a control, a trial, an event of a finding, an exemption, an action or a gap, or the index of an entry`,
  )
}
