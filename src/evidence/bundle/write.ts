import { RevenantError } from '../../domain/error.ts'
import { LEDGER_KINDS } from '../../domain/ledger.ts'
import { retentionHorizon } from '../../store/audit.ts'
import { type EvidenceFilter, isFiltered, ledgerVkeys, logStretch, NAMES, namesPage } from '../../store/evidence.ts'
import { latestCheckpoint } from '../../store/ledger.ts'
import { type Checkpoint, openCheckpoint } from '../checkpoint.ts'
import { contradictions } from '../claims.ts'
import { verifyConsistency } from '../merkle.ts'
import { readConsistency, readInclusion } from '../merkle-proof.ts'
import { assessmentResults } from '../oscal/assessment.ts'
import { poam } from '../oscal/poam.ts'
import { type ReportedEntries, reportHtml } from '../report/html.ts'
import { signNote } from '../signed-note.ts'
import { STATEMENT_NAMES, STATEMENTS, statementRows } from '../statements.ts'
import { SUMMARY_COLUMNS, type Summary, summarise, summaryCells } from '../summary.ts'
import { formatTlogProof } from '../tlog-proof.ts'
import { formatConsistency } from './consistency.ts'
import { csvRow } from './csv.ts'
import { writeEntries } from './entries.ts'
import { type BundleFolder, type FileWriter, openBundleFolder } from './folder.ts'
import { LOG_FOLDER, type Manifest, manifestText, PATHS, proofPath } from './format.ts'
import { readmeText } from './readme.ts'
import { type BundleRequest, controlsIn, evidenceFilter, type ReportDeps, type ReportScope, statementScope } from './request.ts'
import { kindsFor } from './rows.ts'
import { cutTiles, openNodeReader, openTileSet } from './tree-reader.ts'

/**
 * Writes a bundle into an empty folder: what was logged in a period, with all that is needed to verify it offline. Memory does not
 * grow with the number of entries. Throws `NOT_FOUND` while the ledger has no checkpoint, `EVIDENCE_INVALID` where the stored log is
 * not whole.
 */
export async function writeBundle(deps: ReportDeps, request: BundleRequest): Promise<{ manifest: Manifest; paths: string[] }> {
  const folder = openBundleFolder(request.folder)
  try {
    return await writeInto(folder, deps, request)
  } finally {
    await folder.abandon()
  }
}

async function writeInto(
  folder: BundleFolder,
  deps: ReportDeps,
  request: BundleRequest,
): Promise<{ manifest: Manifest; paths: string[] }> {
  const { db } = deps
  const { scope, signers } = request
  const checkpoint = await latestCheckpoint(db)
  if (checkpoint === undefined) throw new RevenantError('NOT_FOUND', 'the ledger is empty: nothing has been logged yet')
  // What was signed counts, not what stands beside it in the row.
  const head = openCheckpoint(checkpoint.note, signers.keys, { origin: signers.origin }).checkpoint
  const { size } = head
  const stretch = await logStretch(db, scope.from, scope.to)
  const filter = evidenceFilter(deps, scope)
  const tiles = openTileSet(size)
  const read = openNodeReader(db, size)
  const prove = async (ref: string, index: number) => {
    const proof = await readInclusion(index, size, read)
    await folder.put(proofPath(ref), formatTlogProof({ index, proof, checkpoint: checkpoint.note }))
  }
  const written = await writeEntries({
    ...{ db, folder, stretch, filter },
    kinds: scope.framework === undefined ? undefined : kindsOf(deps, scope),
    filtered: isFiltered(filter),
    onProgress: (done) => request.onProgress?.(done, stretch.end - stretch.first),
    onEntry: ({ index, kind, ref }) => {
      tiles.leaf(index)
      return kind === 'finding' ? prove(ref, index) : undefined
    },
  })
  for await (const { path, hashes } of cutTiles(db, size, tiles.places())) await folder.put(`${LOG_FOLDER}${path}`, hashes)
  await folder.put(PATHS.checkpoint, checkpoint.note)
  const vkeys = await ledgerVkeys(db)
  await folder.put(PATHS.keys, vkeys.map((vkey) => `${vkey}\n`).join(''))
  const consistentFrom =
    request.since === undefined ? undefined : await writeConsistency(folder, request.since, head, request, read)
  await writeNames(deps, folder, filter)
  await writeStatements(deps, folder, scope)
  const contradicted = await writeContradicted(deps, folder, filter)
  const summary = await summarise(deps, scope)
  await writeReports(deps, folder, scope, summary, { ...written, contradicted })
  const draft: Omit<Manifest, 'files'> = {
    format: 'revenant-bundle',
    version: 1,
    madeAt: deps.now().toString({ smallestUnit: 'millisecond' }),
    madeBy: { product: deps.product.name, version: deps.product.version, instance: deps.product.instance },
    period: { from: scope.from.toString(), to: scope.to.toString() },
    filters: filtersOf(scope),
    log: { origin: signers.origin, size, root: Buffer.from(head.root).toString('hex'), ...stretch },
    entries: LEDGER_KINDS.flatMap((kind) => {
      const count = written.counts.get(kind)
      return count === undefined ? [] : [{ kind, count }]
    }),
    gone: written.gone,
    altered: written.altered,
    removed: written.removed,
    contradicted,
    ...(consistentFrom === undefined ? {} : { consistentFrom }),
  }
  await folder.put(PATHS.readme, readmeText(draft, vkeys))
  return seal(folder, draft, request)
}

/** The list of all files, and the note by which the log's key signs it. */
async function seal(
  folder: BundleFolder,
  draft: Omit<Manifest, 'files'>,
  { signers }: BundleRequest,
): Promise<{ manifest: Manifest; paths: string[] }> {
  const files = folder.written()
  const manifest: Manifest = { ...draft, files }
  const text = Buffer.from(`${JSON.stringify(manifest, null, 1)}\n`)
  const newest = signers.signers.at(-1)
  if (newest === undefined) throw new RevenantError('KEY_UNKNOWN', 'the key ring holds no key that signs the ledger')
  await folder.put(PATHS.manifest, text)
  await folder.put(PATHS.note, signNote(await manifestText(text), [newest]))
  return { manifest, paths: folder.written().map(({ path }) => path) }
}

function kindsOf(deps: ReportDeps, scope: ReportScope) {
  return kindsFor({ checks: controlsIn(deps, scope).flatMap(({ control }) => control.checks) })
}

function filtersOf({ framework, control, identity, system }: ReportScope): Manifest['filters'] {
  return {
    ...(framework === undefined ? {} : { framework }),
    ...(control === undefined ? {} : { control }),
    ...(identity === undefined ? {} : { identity: identity.name }),
    ...(system === undefined ? {} : { system: system.name }),
  }
}

async function writeConsistency(
  folder: BundleFolder,
  since: string,
  checkpoint: Checkpoint,
  { signers }: BundleRequest,
  read: ReturnType<typeof openNodeReader>,
): Promise<number> {
  const { size: old, root } = openCheckpoint(since, signers.keys, { origin: signers.origin }).checkpoint
  if (old === 0 || old > checkpoint.size) {
    const why =
      old === 0
        ? 'is of an empty log, which everything continues'
        : `has ${old} entries, and this ledger only ${checkpoint.size}: it was cut, or restored from a backup`
    throw new RevenantError('INPUT_INVALID', `the checkpoint that was given ${why}`)
  }
  const proof = await readConsistency(old, checkpoint.size, read)
  if (!verifyConsistency({ from: old, to: checkpoint.size, fromRoot: root, toRoot: checkpoint.root, proof }))
    throw new RevenantError(
      'EVIDENCE_INVALID',
      'this ledger does not continue the checkpoint that was given: what was logged then was changed since',
    )
  await folder.put(PATHS.consistency, formatConsistency({ from: old, to: checkpoint.size, proof, checkpoint: since }))
  return old
}

const NAMES_PAGE = 1_000

async function writeNames({ db }: ReportDeps, folder: BundleFolder, filter: EvidenceFilter): Promise<void> {
  for (const table of NAMES) {
    const file = await folder.create(`names/${table}.csv`)
    let after = ''
    for (;;) {
      const rows = await namesPage(db, table, filter, after, NAMES_PAGE)
      const [first, last] = [rows[0], rows.at(-1)]
      if (first === undefined || last === undefined) break
      if (after === '') await file.write(csvRow(Object.keys(first)))
      for (const row of rows)
        await file.write(
          csvRow(Object.values(row).map((value) => (value instanceof Temporal.Instant ? value.toString() : value))),
        )
      after = last.id
    }
    await file.close()
  }
}

async function writeStatements(deps: ReportDeps, folder: BundleFolder, scope: ReportScope): Promise<void> {
  for (const name of STATEMENT_NAMES) {
    const file = await folder.create(`statements/${name}.csv`)
    const { columns } = STATEMENTS[name]
    await file.write(csvRow(columns))
    for await (const row of statementRows(deps.db, name, statementScope(deps, scope)))
      await file.write(csvRow(columns.map((column) => row[column])))
    await file.close()
  }
}

/** What the statements say and the log does not bear out; answers how many rows. No file where there is none. */
async function writeContradicted({ db, now }: ReportDeps, folder: BundleFolder, filter: EvidenceFilter): Promise<number> {
  let [count, file]: [number, FileWriter | undefined] = [0, undefined]
  for await (const { table, id, what } of contradictions({ ...filter, db, now: now(), horizon: await retentionHorizon(db) })) {
    if (file === undefined) {
      file = await folder.create(PATHS.contradicted)
      await file.write(csvRow(['table', 'id', 'what']))
    }
    count += 1
    await file.write(csvRow([table, id, what]))
  }
  await file?.close()
  return count
}

async function writeReports(
  deps: ReportDeps,
  folder: BundleFolder,
  scope: ReportScope,
  summary: Summary,
  written: ReportedEntries,
): Promise<void> {
  await folder.put(PATHS.summary, [SUMMARY_COLUMNS, ...summary.rows.map(summaryCells)].map(csvRow).join(''))
  await pour(folder, PATHS.assessment, assessmentResults(deps, scope, summary, { inBundle: true }))
  await pour(folder, PATHS.poam, poam(deps, scope, { inBundle: true }))
  await pour(folder, PATHS.report, reportHtml(deps, scope, summary, written))
}

/** Writes what a generator gives; no file where it gives nothing. */
async function pour(folder: BundleFolder, path: string, pieces: AsyncIterable<string>): Promise<void> {
  let file: Awaited<ReturnType<BundleFolder['create']>> | undefined
  for await (const piece of pieces) {
    file ??= await folder.create(path)
    await file.write(piece)
  }
  await file?.close()
}
