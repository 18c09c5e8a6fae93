import { z } from 'zod'
import { LEDGER_KINDS } from '../../domain/ledger.ts'

/** The first line of the note that signs a manifest. No checkpoint begins with it, so that neither can stand for the other. */
export const MANIFEST_NOTE = 'revenant-bundle-manifest/v1'

/** Files of every bundle. Paths have forward slashes. */
export const PATHS = {
  manifest: 'manifest.json',
  note: 'manifest.note',
  readme: 'README.txt',
  report: 'report.html',
  summary: 'summary.csv',
  keys: 'keys.txt',
  checkpoint: 'log/checkpoint',
  consistency: 'log/consistency.txt',
  gone: 'entries/gone.csv',
  assessment: 'oscal/assessment-results.json',
  poam: 'oscal/poam.json',
} as const

/** Where the tiles lie: `log/` is a C2SP tlog-tiles log, of which it holds what the entries need. */
export const LOG_FOLDER = 'log/'

export const GONE_HEADER = 'index,kind,id,digest,why'

export function entriesPath(kind: string, form: 'jsonl' | 'csv'): string {
  return `entries/${kind}.${form}`
}

export function proofPath(id: string): string {
  return `proofs/${id}.tlog-proof`
}

const hex = z.string().regex(/^[0-9a-f]{64}$/)
const count = z.int().nonnegative()
const instant = z.string().refine(isInstant, { error: 'must be an instant' })

/** `manifest.json`, version 1. */
export const manifestSchema = z.strictObject({
  format: z.literal('revenant-bundle'),
  version: z.literal(1),
  madeAt: instant,
  madeBy: z.strictObject({ product: z.string(), version: z.string(), instance: z.string() }),
  /** What was logged in [from, to). */
  period: z.strictObject({ from: instant, to: instant }),
  filters: z.strictObject({
    framework: z.string().optional(),
    control: z.string().optional(),
    identity: z.string().optional(),
    system: z.string().optional(),
  }),
  /** The log, and which stretch of it the period is: entries from `first` to before `end`. */
  log: z.strictObject({ origin: z.string(), size: count, root: hex, first: count, end: count }),
  entries: z.array(z.strictObject({ kind: z.enum(LEDGER_KINDS), count })),
  /** Entries whose rows are past their retention: the log still proves that they were. */
  gone: count,
  /** Entries whose rows say something else than what was logged: the database was changed from outside. */
  altered: count,
  /** Entries whose rows are missing, though no retention removed them. */
  removed: count,
  /** Size of the older checkpoint that `log/consistency.txt` starts from. */
  consistentFrom: count.optional(),
  files: z.array(z.strictObject({ path: z.string(), bytes: count, sha256: hex })),
})
export type Manifest = z.infer<typeof manifestSchema>

/** True for a bundle that was made before its period had ended: what was logged afterwards is not in it. */
export function isUnfinished({ period, madeAt }: Pick<Manifest, 'period' | 'madeAt'>): boolean {
  return Temporal.Instant.compare(period.to, madeAt) > 0
}

/** The text that the log's key signs for a manifest. */
export function manifestText(sha256: string): string {
  return `${MANIFEST_NOTE}\n${sha256}\n`
}

function isInstant(text: string): boolean {
  try {
    Temporal.Instant.from(text)
    return true
  } catch {
    return false
  }
}
