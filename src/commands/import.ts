import { basename } from 'node:path'
import type { Runtime } from '../daemon/runtime.ts'
import { RevenantError } from '../domain/error.ts'
import { type Binding, bindSystem } from '../intake/credential-row.ts'
import { importCredentials } from '../intake/credentials.ts'
import type { IntakeDeps } from '../intake/deps.ts'
import { importIdentities } from '../intake/identities.ts'
import type { ImportReport } from '../intake/report.ts'
import type { ImportSource } from '../intake/source.ts'
import type { SubmittedSource } from '../intake/submission.ts'
import { type CommandContext, operator, withRuntime } from './context.ts'
import { oneOf } from './findings.ts'
import { counted, EXIT, type Io, json, line, pathOf, style } from './io.ts'
import { progressBar } from './progress.ts'

export interface FileOptions {
  dryRun: boolean
  format?: string
  json: boolean
}

/**
 * `revenant import identities|credentials FILE`: reads a file, or standard input as `-`. Exit 2 when a row was bad; the good ones
 * are kept all the same. Exit 1 when it was stopped before the end.
 */
export async function importFile(
  context: CommandContext,
  what: 'identities' | 'credentials',
  file: string,
  options: FileOptions,
): Promise<number> {
  const source = sourceOf(context, file, options.format)
  return withRuntime(
    context,
    async (runtime) => {
      const bar = progressBar(context.io, 'bytes')
      const deps = intakeDeps(runtime)
      const how = {
        dryRun: options.dryRun,
        signal: context.io.signal,
        onProgress: ({ bytes, totalBytes }: { bytes: number; totalBytes?: number }) => {
          if (totalBytes !== undefined) bar.update(bytes, totalBytes)
        },
      }
      const report =
        what === 'identities'
          ? await importIdentities(plainOf(source), deps, how)
          : await importCredentials(source, { ...deps, custody: runtime.custody, bindings: bindings(runtime) }, how)
      bar.stop()
      if (options.json) json(context.io, report)
      else print(context.io, what, report, options.dryRun)
      if (report.stopped) return EXIT.fault
      return report.badTotal > 0 ? EXIT.input : EXIT.ok
    },
    file === '-',
  )
}

/** What intake needs of a runtime. */
export function intakeDeps(runtime: Runtime): IntakeDeps {
  return {
    db: runtime.store.db,
    jobs: runtime.jobs,
    policy: runtime.config.policy,
    actor: operator(),
    now: runtime.now,
    onOwnership: runtime.onOwnership,
  }
}

function bindings(runtime: Runtime): ReadonlyMap<string, Binding> {
  return new Map(runtime.systems.all().map((system) => [system.config.name, bindSystem(system.row, system.probe)]))
}

/** Who left is no secret: only credentials come encrypted. */
function plainOf(source: ImportSource | SubmittedSource): ImportSource {
  if ('submission' in source)
    throw new RevenantError('INPUT_INVALID', 'identities come as they are: --format csv or --format jsonl')
  return source
}

function sourceOf(context: CommandContext, file: string, format: string | undefined): ImportSource | SubmittedSource {
  const given = format === undefined ? undefined : oneOf('--format', format, ['csv', 'jsonl', 'age'])
  if (given === 'age') {
    const name = file === '-' ? 'standard input' : basename(file)
    return { submission: file === '-' ? context.io.stdin() : pathOf(context.io, file), name }
  }
  const known = given
  if (file !== '-') return { path: pathOf(context.io, file), ...(known === undefined ? {} : { format: known }) }
  if (known === undefined)
    throw new RevenantError(
      'INPUT_INVALID',
      'standard input has no name to tell its format by: say --format csv, --format jsonl or --format age',
    )
  return { stream: context.io.stdin(), name: 'standard input', format: known }
}

function print(io: Io, what: string, report: ImportReport, dryRun: boolean): void {
  for (const fault of report.bad)
    line(io, `${style(io, 'red', `line ${fault.line}`)}${fault.field === undefined ? '' : `, ${fault.field}`}: ${fault.message}`)
  if (report.badTotal > report.bad.length) line(io, `... and ${report.badTotal - report.bad.length} more bad rows`)
  const { warnings = [], warningTotal = 0 } = report
  for (const { line: of, field, message } of warnings)
    line(io, `${style(io, 'yellow', `line ${of}`)}${field === undefined ? '' : `, ${field}`}: warning: it ${message}`)
  if (warningTotal > warnings.length) line(io, `... and ${warningTotal - warnings.length} more warnings`)
  const parts = [`${report.created} new`, `${report.updated} changed`, `${report.unchanged} unchanged`]
  if (report.skipped > 0) parts.push(`${report.skipped} retired and left so`)
  if (report.reinstated > 0) parts.push(`${report.reinstated} reinstated`)
  if (report.badTotal > 0) parts.push(`${report.badTotal} bad`)
  if (warningTotal > 0) parts.push(counted(warningTotal, 'warning'))
  line(
    io,
    `${dryRun ? 'Would import' : 'Imported'} ${report.read - report.badTotal} of ${report.read} rows of ${what}: ${parts.join(', ')}.`,
  )
  if (report.dueNow > 0)
    line(
      io,
      `${counted(report.dueNow, 'credential')} ${dryRun ? 'would be' : report.dueNow === 1 ? 'is' : 'are'} due now${dryRun ? '' : ': `revenant scan --once` tries them, the daemon does so by itself'}.`,
    )
  if (report.stopped) line(io, 'Stopped before the end of the file: run it again to go on.')
}
