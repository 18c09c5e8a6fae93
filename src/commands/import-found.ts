import { z } from 'zod'
import type { Runtime } from '../daemon/runtime.ts'
import type { OpenedSystem } from '../daemon/systems.ts'
import { RevenantError } from '../domain/error.ts'
import { bindSystem } from '../intake/credential-row.ts'
import type { ImportOptions } from '../intake/deps.ts'
import type { Aside } from '../intake/found/candidate.ts'
import type { ConfiguredSystem } from '../intake/found/configured-system.ts'
import { type FoundReport, isIncomplete } from '../intake/found/found-report.ts'
import type { FoundDeps, FoundWords } from '../intake/found/import-found.ts'
import { type CommandContext, withRuntime } from './context.ts'
import { intakeDeps } from './import.ts'
import { counted, EXIT, type Io, json, line, pathOf, style } from './io.ts'

export interface FoundOptions {
  dryRun: boolean
  json: boolean
  identity?: string
  account?: string
  map: readonly string[]
  owner?: readonly string[]
}

/** `revenant import report FILE`: what TruffleHog, gitleaks or Kingfisher found, from a file, or from standard input as `-`. */
export async function importReport(context: CommandContext, file: string, options: FoundOptions): Promise<number> {
  const words = wordsOf(options)
  return withRuntime(
    context,
    async (runtime) => {
      const run = await import('../intake/scanner/import-report.ts')
      const { io } = context
      const source = file === '-' ? { stream: io.stdin(), name: 'standard input' } : { path: pathOf(io, file) }
      return told(io, options, await run.importReport(source, words, foundDeps(runtime), how(io, options)))
    },
    file === '-',
  )
}

/** `revenant import workstation DIR --identity ID`: the credential stores below a folder. */
export async function importWorkstation(context: CommandContext, folder: string, options: FoundOptions): Promise<number> {
  const { identity } = options
  if (identity === undefined) throw new RevenantError('INPUT_INVALID', 'say whose machine it was: --identity EXTERNAL-ID')
  const words = { ...wordsOf(options), identity }
  return withRuntime(context, async (runtime) => {
    const run = await import('../intake/workstation/import-workstation.ts')
    const { io } = context
    return told(io, options, await run.importWorkstation(pathOf(io, folder), words, foundDeps(runtime), how(io, options)))
  })
}

function how(io: Io, { dryRun }: FoundOptions): ImportOptions {
  return { dryRun, signal: io.signal }
}

function wordsOf({ identity, account, map, owner = [] }: FoundOptions): FoundWords {
  return {
    mappings: map.map((word) => pairOf('--map', word, 'DETECTOR=SYSTEM')).map(([detector, system]) => ({ detector, system })),
    folders: owner
      .map((word) => pairOf('--owner', word, 'FOLDER=EXTERNAL-ID'))
      .map(([folder, who]) => ({ folder, identity: who })),
    ...(identity === undefined ? {} : { identity }),
    ...(account === undefined ? {} : { account }),
  }
}

/** The last sign of equality parts them: a folder may have one in its name, a system has none. */
function pairOf(option: string, word: string, form: string): [string, string] {
  const at = word.lastIndexOf('=')
  if (at < 1 || at === word.length - 1) throw new RevenantError('INPUT_INVALID', `${option} takes ${form}`)
  return [word.slice(0, at), word.slice(at + 1)]
}

function foundDeps(runtime: Runtime): FoundDeps {
  const systems = new Map(runtime.systems.all().map((system) => [system.config.name, configuredSystem(system)]))
  return { ...intakeDeps(runtime), custody: runtime.custody, systems }
}

const http = z.object({
  credential: z.union([
    z.enum(['bearer', 'basic']),
    z.object({ header: z.string() }).transform(() => 'key' as const),
    z.object({ query: z.string() }).transform(() => 'key' as const),
    z.object({ cookie: z.string() }).transform(() => 'cookie' as const),
  ]),
})

function configuredSystem({ config, row, probe }: OpenedSystem): ConfiguredSystem {
  const binding = bindSystem(row, probe)
  const parsed = probe.kind === 'http' ? http.safeParse(config.target) : undefined
  return { name: config.name, binding, ...(parsed?.success === true ? { placement: parsed.data.credential } : {}) }
}

function told(io: Io, { dryRun, json: asJson }: FoundOptions, report: FoundReport): number {
  if (asJson) json(io, report)
  else print(io, report, dryRun)
  if (report.stopped) return EXIT.fault
  return isIncomplete(report) ? EXIT.input : EXIT.ok
}

function print(io: Io, report: FoundReport, dryRun: boolean): void {
  for (const aside of report.aside)
    line(io, `${style(io, 'red', spotOf(aside))}: ${nameOf(aside)} ${aside.message} (${aside.reason})`)
  if (report.asideTotal > report.aside.length)
    line(io, `... and ${report.asideTotal - report.aside.length} more that were set aside`)
  const parts = [`${report.created} new`, `${report.updated} changed`, `${report.unchanged} unchanged`]
  if (report.skipped > 0) parts.push(`${report.skipped} retired and left so`)
  const credentials = report.created + report.updated + report.unchanged + report.skipped
  const where = report.files === undefined ? '' : ` in ${counted(report.files, 'store')}`
  line(
    io,
    `${dryRun ? 'Would import' : 'Imported'} ${counted(credentials, 'credential')} of ${counted(report.found, 'finding')}${where}: ${parts.join(', ')}.`,
  )
  if (report.joined > 0) line(io, `${counted(report.joined, 'finding')} of a secret that another one had brought already.`)
  if (report.asideTotal > 0) line(io, `${counted(report.asideTotal, 'finding')} set aside: ${reasonsOf(report)}.`)
  const { works, fails } = report.claims
  if (works + fails > 0) line(io, `The scanner says that ${works} work and ${fails} do not: noted, and tried here all the same.`)
  for (const detector of report.unusedMaps) line(io, `--map ${detector}: nothing of that name was found.`)
  if (report.dueNow > 0)
    line(
      io,
      `${counted(report.dueNow, 'credential')} ${dryRun ? 'would be' : report.dueNow === 1 ? 'is' : 'are'} due now${dryRun ? '' : ': `revenant scan --once` tries them, the daemon does so by itself'}.`,
    )
  if (report.stopped) line(io, 'Stopped before the end: run it again to go on.')
}

/** `finding 3, src/app.py:12`. */
function spotOf({ entry, file, line: at }: Aside): string {
  const place = file === '' ? [] : [at === undefined ? file : `${file}:${at}`]
  return [...(entry === undefined ? [] : [`finding ${entry}`]), ...place].join(', ') || 'a finding'
}

/** `Github at ghe.example.com of anna@example.com`. */
function nameOf({ detector, host, email }: Aside): string {
  const parts = [detector === '' ? 'it' : detector]
  if (host !== undefined && host !== '') parts.push(`at ${host}`)
  if (email !== undefined) parts.push(`of ${email}`)
  return parts.join(' ')
}

function reasonsOf({ reasons }: FoundReport): string {
  return Object.entries(reasons)
    .map(([reason, count]) => `${count} ${reason}`)
    .join(', ')
}
