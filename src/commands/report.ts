import { mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { sequencerOf } from '../daemon/ledger.ts'
import { reportDeps } from '../daemon/report-deps.ts'
import { errnoWords } from '../domain/errno.ts'
import { errorCode, RevenantError } from '../domain/error.ts'
import { newId } from '../domain/id.ts'
import { csvRow } from '../evidence/bundle/csv.ts'
import { type ReportDeps, type ReportScope, statementScope } from '../evidence/bundle/request.ts'
import { scopeOf as namedScope } from '../evidence/bundle/scope.ts'
import { writeBundle } from '../evidence/bundle/write.ts'
import { packZip } from '../evidence/bundle/zip.ts'
import { assessmentResults } from '../evidence/oscal/assessment.ts'
import { poam as poamPieces } from '../evidence/oscal/poam.ts'
import { STATEMENT_NAMES, STATEMENTS, type StatedRow, statementRows } from '../evidence/statements.ts'
import { summarise } from '../evidence/summary.ts'
import { type CommandContext, recordAction, withRuntime } from './context.ts'
import { instantOf, oneOf } from './findings.ts'
import { counted, done, EXIT, json, line, pathOf } from './io.ts'
import { progressBar } from './progress.ts'
import { table } from './table.ts'
import { readCheckpointFile } from './verify.ts'

export interface ScopeOptions {
  from: string
  to: string
  framework?: string
  control?: string
  identity?: string
  system?: string
}

export interface EvidenceOptions extends ScopeOptions {
  out: string
  sinceCheckpoint?: string
  json: boolean
}

export interface StatementOptions extends ScopeOptions {
  json: boolean
  csv: boolean
  limit?: number
}

/** `revenant report evidence --from A --to B --out DIR|FILE.zip` */
export async function evidence(context: CommandContext, options: EvidenceOptions): Promise<number> {
  const { io } = context
  const since = options.sinceCheckpoint === undefined ? undefined : await readCheckpointFile(context, options.sinceCheckpoint)
  return withRuntime(context, async (runtime) => {
    const deps = await reportDeps(runtime)
    const scope = await scopeOf(deps, options)
    const sequencer = sequencerOf(runtime)
    await sequencer.run(io.signal)
    const signers = await sequencer.signers()
    const bar = progressBar(io, 'entries')
    const target = pathOf(io, options.out)
    const made = await placed(target, async (folder, place) => {
      const written = await writeBundle(deps, {
        scope,
        signers,
        folder,
        ...(since === undefined ? {} : { since }),
        onProgress: (at, of) => {
          io.signal.throwIfAborted()
          bar.update(at, of)
        },
      }).finally(() => bar.stop())
      if (isZipName(target)) await packZip(folder, written.paths, place, deps.now())
      return written.manifest
    })
    await recordAction(runtime, 'report.evidence', basename(target), {
      from: options.from,
      to: options.to,
      framework: options.framework,
      control: options.control,
      identity: options.identity,
      system: options.system,
      entries: made.entries.length,
    })
    const entries = made.entries.reduce((sum, { count }) => sum + count, 0)
    const { files, ...rest } = made
    const wrong = made.altered + made.removed
    const changed = wrong === 0 ? '' : ` ${wrong} ROWS OF THE DATABASE ARE NOT WHAT WAS LOGGED: see entries/gone.csv.`
    const untrue =
      made.contradicted === 0
        ? ''
        : ` ${made.contradicted} ROWS BEHIND THE STATEMENTS ARE NOT BORNE OUT BY THE LOG: see statements/contradicted.csv.`
    const warning = `${changed}${untrue}`
    const sentence = `${target}: ${counted(entries, 'entry', 'entries')} of the log, ${counted(files.length, 'file')}.${warning} Check it: revenant verify ${options.out}`
    return done(io, options.json, { out: target, ...rest, files: files.length }, sentence)
  })
}

/** `revenant report oscal|poam --from A --to B --out FILE` */
export async function oscal(
  context: CommandContext,
  what: 'oscal' | 'poam',
  options: ScopeOptions & { out: string; json: boolean },
): Promise<number> {
  const { io } = context
  return withRuntime(context, async (runtime) => {
    const deps = await reportDeps(runtime)
    const scope = await scopeOf(deps, options)
    const pieces =
      what === 'poam'
        ? poamPieces(deps, scope, { inBundle: false })
        : assessmentResults(deps, scope, await summarise(deps, scope), { inBundle: false })
    const target = pathOf(io, options.out)
    const bytes = await writePieces(target, pieces)
    await recordAction(runtime, `report.${what}`, basename(target), { from: options.from, to: options.to })
    const none =
      what === 'poam'
        ? 'Nothing is open: OSCAL knows no plan without an item, so no file was written.'
        : 'No requirement of this choice has an OSCAL target in frameworks.yaml: no file was written.'
    return done(io, options.json, { out: bytes === 0 ? null : target, bytes }, bytes === 0 ? none : `${target}: ${bytes} bytes.`)
  })
}

/** `revenant report statement NAME --from A --to B` */
export async function statement(context: CommandContext, name: string, options: StatementOptions): Promise<number> {
  const { io } = context
  const which = oneOf('statement', name, STATEMENT_NAMES)
  return withRuntime(context, async (runtime) => {
    const deps = await reportDeps(runtime)
    const scope = statementScope(deps, await scopeOf(deps, options))
    const { columns, title } = STATEMENTS[which]
    const rows = statementRows(runtime.store.db, which, scope, options.limit)
    await recordAction(runtime, 'report.statement', which, {
      from: options.from,
      to: options.to,
      identity: options.identity,
      system: options.system,
    })
    if (options.csv) io.out(csvRow(columns))
    const shown: StatedRow[] = []
    for await (const row of rows) {
      if (options.csv) io.out(csvRow(columns.map((column) => row[column])))
      else if (options.json) json(io, row)
      else shown.push(row)
    }
    if (!options.csv && !options.json) {
      line(io, title)
      // Columns in which nothing stands say nothing.
      const told = columns.filter((column) => shown.some((row) => row[column] !== null))
      if (shown.length === 0) line(io, 'None.')
      else
        io.out(
          table(
            io,
            told.map((column) => column.toUpperCase().replaceAll('_', ' ')),
            shown.map((row) => told.map((column) => cell(row[column]))),
          ),
        )
    }
    return EXIT.ok
  })
}

function cell(value: StatedRow[string] | undefined): string {
  if (value === null || value === undefined) return '-'
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

async function scopeOf(deps: ReportDeps, { from, to, ...names }: ScopeOptions): Promise<ReportScope> {
  const { framework, control, identity, system } = names
  return namedScope(
    deps,
    {
      ...{ from: instantOf('--from', from), to: instantOf('--to', to) },
      ...(framework === undefined ? {} : { framework }),
      ...(control === undefined ? {} : { control }),
      ...(identity === undefined ? {} : { identity }),
      ...(system === undefined ? {} : { system }),
    },
    { prefix: '--', quote: true },
  )
}

/**
 * Has a bundle made beside its place and moves it there once it is whole: what lies at the target is complete or was there before.
 * Throws `CONFLICT` for a target that exists already.
 */
async function placed<Made>(target: string, make: (folder: string, place: string) => Promise<Made>): Promise<Made> {
  const isZip = isZipName(target)
  const draft = join(dirname(target), `.${basename(target)}.${newId().slice(-12)}.partial`)
  try {
    await refuseExisting(target, isZip)
    await makeFolder(draft)
    const made = await make(draft, `${draft}.zip`)
    if (isZip) await rename(`${draft}.zip`, target)
    else await rename(draft, target)
    return made
  } catch (error) {
    const words = error instanceof RevenantError ? undefined : errnoWords(error)
    if (words === undefined) throw error
    throw new RevenantError('INPUT_INVALID', `${target} cannot be written: ${words} (${errorCode(error)})`)
  } finally {
    await rm(draft, { recursive: true, force: true })
    await rm(`${draft}.zip`, { force: true })
  }
}

/**
 * A folder, and those above it that are missing. Not `recursive: true`: where a file system refuses new folders with ENOENT, as /proc
 * does, Node.js 26 tries for ever.
 */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' || dirname(path) === path) throw error
    await makeFolder(dirname(path)).catch((above: unknown) => {
      // Somebody else may have made it since; whether it serves is seen next.
      if (errorCode(above) !== 'EEXIST') throw above
    })
    await mkdir(path, { mode: 0o700 })
  }
}

function isZipName(path: string): boolean {
  return path.toLowerCase().endsWith('.zip')
}

async function refuseExisting(target: string, isZip: boolean): Promise<void> {
  const found = await readdir(target).catch((error: unknown) => (errorCode(error) === 'ENOENT' ? undefined : [target]))
  if (found === undefined || (found.length === 0 && !isZip)) return
  throw new RevenantError('CONFLICT', `${target} exists already: evidence is never written over; name another place`)
}

async function writePieces(target: string, pieces: AsyncIterable<string>): Promise<number> {
  let bytes = 0
  let file: Awaited<ReturnType<typeof open>> | undefined
  try {
    for await (const piece of pieces) {
      file ??= await open(target, 'wx', 0o600)
      bytes += (await file.write(piece)).bytesWritten
    }
  } catch (error) {
    const words = error instanceof RevenantError ? undefined : errnoWords(error)
    if (words === undefined) throw error
    throw new RevenantError('INPUT_INVALID', `${target} cannot be written: ${words}`)
  } finally {
    await file?.close()
  }
  return bytes
}
