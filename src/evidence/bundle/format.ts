import { z } from 'zod'
import { LEDGER_KINDS } from '../../domain/ledger.ts'
import { decodeCount } from '../base64.ts'
import { sha256 } from '../crypto.ts'
import { type Blocks, blockBytesFor, blocksOf, blocksSchema } from './blocks.ts'

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
  contradicted: 'statements/contradicted.csv',
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
/** As Temporal.Instant prints it. Not every browser that verifies has Temporal. */
const instant = z.iso.datetime()

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
  /** Rows that statements are made from and that the log does not bear out: see `statements/contradicted.csv`. */
  contradicted: count,
  /** Size of the older checkpoint that `log/consistency.txt` starts from. */
  consistentFrom: count.optional(),
  /** By path. `blocks` only helps to say where a file is false: its SHA-256 says whether. */
  files: z.array(z.strictObject({ path: z.string(), bytes: count, sha256: hex, blocks: blocksSchema.optional() })),
})
export type Manifest = z.infer<typeof manifestSchema>
export type ListedFile = Manifest['files'][number]

/** Blocks of one file at most: 54 characters each in the list of files. */
const MOST_BLOCKS = 16_384
/** Larger files of entries do without: the log holds each line, and of a pair of files each tells what the other was. */
const MOST_ENTRIES_BYTES = 4 * 1024 * 1024

/** The length of the blocks that the list of files keeps of a file; undefined for one of which it keeps none. */
export function blockBytesOf(path: string, bytes: number): number | undefined {
  // A proof is made again from the tiles. The blocks of the list itself stand in its note.
  if (bytes === 0 || path.startsWith('proofs/') || path === PATHS.manifest) return undefined
  // Tiles are many, and small: one block each.
  if (path.startsWith(`${LOG_FOLDER}tile/`)) return bytes
  if (path.startsWith('entries/') && path !== PATHS.gone && bytes > MOST_ENTRIES_BYTES) return undefined
  return blockBytesFor(bytes, MOST_BLOCKS)
}

/** True for a bundle that was made before its period had ended: what was logged afterwards is not in it. */
export function isUnfinished({ period, madeAt }: Pick<Manifest, 'period' | 'madeAt'>): boolean {
  // Without their Z, instants of one length or cut short sort as texts do.
  return period.to.slice(0, -1) > madeAt.slice(0, -1)
}

/** What the log's key signs of a manifest. */
export interface ManifestText {
  sha256: string
  bytes: number
  blocks: Blocks
}

/** A line of the note: its blocks are larger than those of other files, so that it stays one that can be read. */
const MOST_MANIFEST_BLOCKS = 64

/** The text that the log's key signs for a manifest: what it is, SHA-256, then size, length of its blocks and their sums. */
export async function manifestText(manifest: Uint8Array): Promise<string> {
  const blocks = await blocksOf([manifest], blockBytesFor(manifest.length, MOST_MANIFEST_BLOCKS))
  const digest = Buffer.from(sha256(manifest)).toString('hex')
  return `${MANIFEST_NOTE}\n${digest}\n${manifest.length} ${blocks.bytes} ${blocks.sums}\n`
}

/** Reads what `manifestText` wrote; undefined for anything else. */
export function parseManifestText(text: string): ManifestText | undefined {
  const [note, digest, line = '', end, ...more] = text.split('\n')
  const [size = '', blockBytes = '', sums = '', ...others] = line.split(' ')
  const [bytes, blocks] = [decodeCount(size), blocksSchema.safeParse({ bytes: decodeCount(blockBytes), sums }).data]
  const parsed = hex.safeParse(digest).data
  if (note !== MANIFEST_NOTE || end !== '' || more.length > 0 || others.length > 0) return undefined
  return parsed === undefined || bytes === undefined || blocks === undefined ? undefined : { sha256: parsed, bytes, blocks }
}
