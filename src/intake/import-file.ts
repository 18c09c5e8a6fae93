import { audit } from '../store/audit.ts'
import { zonesInUse } from '../store/check-state.ts'
import { refreshStatistics } from '../store/statistics.ts'
import type { Columns } from './columns.ts'
import type { ImportOptions, IntakeDeps } from './deps.ts'
import type { LineCounts } from './lines.ts'
import { addFaults, type ImportReport, newReport, type RowFault } from './report.ts'
import { type Row, readRows } from './rows.ts'
import { type ImportSource, type OpenSource, openSource } from './source.ts'

/** How a kind of file is imported. */
export interface Importer<Entry> {
  columns: Columns
  /** What the import is called in the audit. */
  action: string
  read(row: Row): Entry | RowFault | Promise<Entry | RowFault>
  /** Writes a batch in one transaction, or with `dryRun` only looks, and adds to the report what it did. */
  write(entries: Entry[], label: string, report: ImportReport, dryRun: boolean): Promise<void>
}

/** Rows written in one transaction: enough to amortise the commit, few enough not to hold up a trial. */
const BATCH = 500
/** New rows after which the planner is told, again at four times as many, and so on: a first import fills empty tables. */
const FIRST_STATISTICS = 2000

/**
 * Reads a source to its end, batch by batch, in memory that does not grow with it. Bad rows are reported and the good ones around
 * them kept. A fault of the database ends it with an error; what was written before stays, and importing again goes on from there.
 */
export async function importFile<Entry extends { line: number }>(
  source: ImportSource,
  deps: IntakeDeps,
  options: ImportOptions,
  importer: Importer<Entry>,
): Promise<ImportReport> {
  // Before the first transaction: making a queue needs a connection, and the embedded database has one only.
  if (!options.dryRun) await deps.jobs.prepareTrials(await zonesInUse(deps.db))
  const opened = await openSource(source)
  const report = newReport()
  try {
    await importRows(opened, deps, options, importer, report)
  } finally {
    await closeStream(opened)
  }
  if (!options.dryRun) {
    const { bad: _bad, ...counts } = report
    await audit(deps.db, { actor: deps.actor, action: importer.action, subject: opened.label, detail: counts, at: deps.now() })
  }
  return report
}

async function importRows<Entry extends { line: number }>(
  source: OpenSource,
  deps: IntakeDeps,
  options: ImportOptions,
  importer: Importer<Entry>,
  report: ImportReport,
): Promise<void> {
  const counts: LineCounts = { bytes: 0 }
  let statisticsAt = FIRST_STATISTICS
  let batch: Entry[] = []
  const flush = async () => {
    const entries = batch
    batch = []
    if (entries.length > 0) await importer.write(entries, source.label, report, options.dryRun)
    if (report.created >= statisticsAt && !options.dryRun) {
      await refreshStatistics(deps.db)
      statisticsAt *= 4
    }
    const total = source.totalBytes === undefined ? {} : { totalBytes: source.totalBytes }
    options.onProgress?.({ bytes: counts.bytes, rows: report.read, ...total })
  }
  for await (const rows of readRows(source, importer.columns, counts)) {
    for (const row of rows) {
      if (options.signal?.aborted === true) {
        report.stopped = true
        return
      }
      report.read++
      const read = 'message' in row ? row : importer.read(row)
      const entry = read instanceof Promise ? await read : read
      if ('message' in entry) addFaults(report, [entry])
      else if (batch.push(entry) >= BATCH) await flush()
    }
  }
  await flush()
  if (report.created >= FIRST_STATISTICS && !options.dryRun) await refreshStatistics(deps.db)
}

async function closeStream({ stream }: OpenSource): Promise<void> {
  if (stream.closed) return
  // A stream that is closed early says so by an error, which is none.
  stream.on('error', () => {})
  await new Promise<void>((resolve) => {
    stream.once('close', resolve)
    stream.destroy()
  })
}
