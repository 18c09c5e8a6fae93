import { LEDGER_KINDS } from '../../domain/ledger.ts'
import { parseConsistency } from '../bundle/consistency.ts'
import { entriesPath, isUnfinished, type Manifest, manifestSchema, manifestText, PATHS } from '../bundle/format.ts'
import { type Checkpoint, openCheckpoint } from '../checkpoint.ts'
import { EMPTY_ROOT, isSame, sha256, verifyConsistency } from '../merkle.ts'
import { type NoteKey, parseVkey } from '../note-key.ts'
import { parseNote, verifyNote } from '../signed-note.ts'
import { type EntryContext, must, verifyEntries, verifyGone } from './entries.ts'
import { attempt, CHECK_NAMES, type CheckName, openProblems, type Problem, type Problems } from './problems.ts'
import { type Digests, digestOf, readFile, readText } from './read.ts'
import type { BundleSource } from './source.ts'
import { openTree, TileFalse } from './tree.ts'

export interface VerifyOptions {
  /** Keys that the caller trusts; empty: the bundle's own are taken, which proves nothing about who made it. */
  vkeys: readonly string[]
  /** An older checkpoint of the log, which the bundle's must continue. */
  oldCheckpoint?: string
}

export interface CheckResult {
  name: CheckName
  holds: boolean
  /** True where neither can be told: not looked at, or a bundle that chooses and so cannot prove that nothing was left out. */
  open: boolean
  /** What was looked at, in numbers. */
  detail: string
  problems: readonly Problem[]
  /** How many problems there are, those not listed included. */
  count: number
}

export interface VerifyResult {
  holds: boolean
  /** Undefined where it could not be read. */
  manifest: Manifest | undefined
  /** The keys that signed, as vkeys, and whether the caller named them. */
  signedBy: readonly string[]
  keysGiven: boolean
  checks: readonly CheckResult[]
  /** The first of all problems: by check, then as they were met. */
  firstFalse: Problem | undefined
}

const MANIFEST_LIMIT = 256_000_000
/** Entries of one bundle: one bit of memory each. */
const MOST_ENTRIES = 4_000_000_000
const TEXT_LIMIT = 16_000_000

/**
 * Verifies a bundle from itself alone: facts → entry → leaf → tree → checkpoint → key, and every file against the signed manifest.
 * Throws `EVIDENCE_INVALID` for what is no bundle at all, or where a key or checkpoint that was given cannot be read.
 */
export async function verifyBundle(source: BundleSource, options: VerifyOptions): Promise<VerifyResult> {
  const problems = openProblems()
  const digests: Digests = new Map()
  const details = new Map<CheckName, string>()
  for (const path of [PATHS.manifest, PATHS.note, PATHS.checkpoint])
    if (!source.files.has(path)) must(undefined, `this is no bundle of Revenant: ${path} is missing`)
  const given = options.vkeys.map(parseVkey)
  const keys = given.length > 0 ? given : await bundleKeys(source, problems, digests)
  const { manifest, signers } = await verifyManifest(source, keys, problems, digests)
  details.set(
    'signature',
    signers.length === 0
      ? 'no known key signed the list of files'
      : `the list of files is signed by ${signers.map((key) => `${key.name}+${key.id}`).join(', ')}`,
  )
  if (manifest !== undefined) {
    const opened = await attempt(problems, { check: 'checkpoint', file: PATHS.checkpoint }, async () => {
      const text = await readText(source, PATHS.checkpoint, TEXT_LIMIT, digests)
      return { text, checkpoint: openCheckpoint(text, keys, { origin: manifest.log.origin }).checkpoint }
    })
    if (opened !== undefined) {
      const { checkpoint, text } = opened
      details.set('checkpoint', `${checkpoint.origin}, ${checkpoint.size} entries, signed`)
      if (checkpoint.size !== manifest.log.size || Buffer.from(checkpoint.root).toString('hex') !== manifest.log.root)
        problems.add({
          check: 'checkpoint',
          file: PATHS.checkpoint,
          what: 'it is another checkpoint than the list of files names',
        })
      await verifyContent({ source, digests, problems, details, manifest, checkpoint, note: text })
      // Older checkpoints may be signed by older keys: whoever trusts the one that signed these files trusts their list.
      const older = given.length > 0 && signers.length > 0 ? [...keys, ...(await bundleKeys(source, problems, digests))] : keys
      await verifyOlder(checkpoint, older, options.oldCheckpoint, { source, digests, problems, details })
    }
    await verifyFiles(source, manifest, digests, problems, details)
  }
  const checks = CHECK_NAMES.map((name): CheckResult => {
    const { count, first } = problems.of(name)
    const isTold = details.has(name) && !(name === 'completeness' && manifest !== undefined && isChosen(manifest))
    return {
      name,
      holds: count === 0 && isTold,
      open: count === 0 && !isTold,
      detail: details.get(name) ?? 'not looked at: something before it is false',
      problems: first,
      count,
    }
  }).filter(({ name, count }) => name !== 'consistency' || details.has(name) || count > 0)
  return {
    holds: problems.count === 0,
    manifest,
    signedBy: signers.map(({ vkey }) => vkey),
    keysGiven: given.length > 0,
    checks,
    firstFalse: checks.flatMap((check) => check.problems)[0],
  }
}

async function bundleKeys(source: BundleSource, problems: Problems, digests: Digests): Promise<NoteKey[]> {
  if (!source.files.has(PATHS.keys)) return []
  const found = await attempt(problems, { check: 'signature', file: PATHS.keys }, async () => {
    const text = await readText(source, PATHS.keys, TEXT_LIMIT, digests)
    return text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map(parseVkey)
  })
  return found ?? []
}

async function verifyManifest(
  source: BundleSource,
  keys: readonly NoteKey[],
  problems: Problems,
  digests: Digests,
): Promise<{ manifest: Manifest | undefined; signers: NoteKey[] }> {
  const at = { check: 'signature', file: PATHS.note } as const
  const bytes = await attempt(problems, { check: 'signature', file: PATHS.manifest }, () =>
    readFile(source, PATHS.manifest, MANIFEST_LIMIT, digests),
  )
  const signers = await attempt(problems, at, async () => {
    const note = parseNote(await readText(source, PATHS.note, TEXT_LIMIT, digests))
    const verified = verifyNote(note, keys).map(({ key }) => key)
    const digest = bytes === undefined ? '' : Buffer.from(sha256(bytes)).toString('hex')
    if (note.text !== manifestText(digest))
      problems.add({ check: 'signature', file: PATHS.manifest, what: 'it is not the list of files that was signed' })
    return verified
  })
  const manifest =
    bytes === undefined
      ? undefined
      : await attempt(problems, { check: 'signature', file: PATHS.manifest }, () => parseManifest(bytes))
  return { manifest, signers: signers ?? [] }
}

function parseManifest(bytes: Buffer): Manifest {
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch {
    return must<Manifest>(undefined, 'it is not JSON')
  }
  const parsed = manifestSchema.safeParse(value)
  const where = parsed.error?.issues[0]?.path.join('.')
  return must(parsed.data, `it is no manifest of version 1 (at ${where})`)
}

interface Context {
  source: BundleSource
  digests: Digests
  problems: Problems
  details: Map<CheckName, string>
}

async function verifyContent(context: Context & { manifest: Manifest; checkpoint: Checkpoint; note: string }): Promise<void> {
  const { source, digests, problems, details, manifest, checkpoint, note } = context
  const { first, end } = manifest.log
  if (first > end || end > checkpoint.size || end - first > MOST_ENTRIES)
    return problems.add({
      check: 'completeness',
      file: PATHS.manifest,
      what: `the log has ${checkpoint.size} entries, and no stretch ${first} to ${end} that could be in one bundle`,
    })
  const tree = await openTree(source, checkpoint.size, checkpoint.size === 0 ? EMPTY_ROOT : checkpoint.root, digests).catch(
    (error: unknown) => {
      if (!(error instanceof TileFalse)) throw error
      problems.add({ check: 'tree', file: error.file, what: error.message })
    },
  )
  if (tree === undefined) return
  const present = new Uint8Array(Math.ceil((end - first) / 8))
  let distinct = 0
  const entryContext: EntryContext = {
    ...{ source, digests, problems, tree, root: checkpoint.root, checkpoint: note, first, end },
    seen: (index) => {
      const [byte, bit] = [(index - first) >>> 3, 1 << ((index - first) & 7)]
      if (((present[byte] ?? 0) & bit) === 0) distinct += 1
      present[byte] = (present[byte] ?? 0) | bit
    },
  }
  let total = 0
  for (const kind of LEDGER_KINDS) {
    const file = entriesPath(kind, 'jsonl')
    if (!source.files.has(file)) continue
    const at = { check: 'entries', file } as const
    const count = await attempt(problems, at, () => verifyEntries(kind, entryContext))
    const listed = manifest.entries.find((each) => each.kind === kind)?.count ?? 0
    if (count !== undefined && count !== listed)
      problems.add({ ...at, what: `it has ${count} lines, and the list of files says ${listed}` })
    total += count ?? 0
  }
  const gone = (await attempt(problems, { check: 'entries', file: PATHS.gone }, () => verifyGone(entryContext))) ?? 0
  const without = manifest.gone + manifest.altered + manifest.removed
  if (gone !== without)
    problems.add({ check: 'entries', file: PATHS.gone, what: `it has ${gone} rows, and the list of files says ${without}` })
  for (const path of source.files.keys())
    if (path.startsWith('proofs/') && !digests.has(path))
      problems.add({ check: 'proofs', file: path, what: 'no finding of this bundle stands behind it' })
  details.set('tree', `the hashes of ${digestedTiles(digests)} tiles lead to the root of the checkpoint`)
  details.set(
    'entries',
    `${total} entries stand in the log as they are here${gone === 0 ? '' : `, and ${gone} whose facts are past their retention`}`,
  )
  details.set('tables', 'every CSV of entries says what the entries say')
  details.set(
    'proofs',
    `${[...digests.keys()].filter((path) => path.startsWith('proofs/')).length} single proofs lead to the checkpoint`,
  )
  tellCompleteness(manifest, distinct, problems, details)
}

/** Whether something was chosen from the period. */
export function isChosen({ filters }: Pick<Manifest, 'filters'>): boolean {
  return Object.keys(filters).length > 0
}

function tellCompleteness(manifest: Manifest, distinct: number, problems: Problems, details: Map<CheckName, string>): void {
  const { log, filters } = manifest
  const all = log.end - log.first
  const later = isUnfinished(manifest) ? '; the period had not ended when this was made, and what came later is not here' : ''
  const named = Object.entries(filters).map(([name, value]) => `${name} ${value}`)
  if (named.length > 0)
    details.set(
      'completeness',
      `${distinct} of the ${all} entries of the period, chosen by ${named.join(', ')}: what was left out cannot be told from here${later}`,
    )
  else if (distinct === all)
    details.set(
      'completeness',
      `all ${all} entries of the log from index ${log.first} to before ${log.end} are here: nothing was left out${later}`,
    )
  else
    problems.add({
      check: 'completeness',
      file: PATHS.manifest,
      what: `${all - distinct} entries of the log from index ${log.first} to before ${log.end} are missing`,
    })
}

function digestedTiles(digests: Digests): number {
  return [...digests.keys()].filter((path) => path.startsWith('log/tile/')).length
}

/** The older checkpoint in the bundle, and the one that the caller holds. */
async function verifyOlder(
  checkpoint: Checkpoint,
  keys: readonly NoteKey[],
  held: string | undefined,
  context: Context,
): Promise<void> {
  const { source, digests, problems, details } = context
  const at = { check: 'consistency', file: PATHS.consistency } as const
  const own = source.files.has(PATHS.consistency)
    ? await attempt(problems, at, async () => parseConsistency(await readText(source, PATHS.consistency, TEXT_LIMIT, digests)))
    : undefined
  const continues = (old: Checkpoint): boolean =>
    old.size === checkpoint.size
      ? isSame(old.root, checkpoint.root)
      : own !== undefined &&
        own.from === old.size &&
        own.to === checkpoint.size &&
        verifyConsistency({ from: old.size, to: checkpoint.size, fromRoot: old.root, toRoot: checkpoint.root, proof: own.proof })
  const judge = (old: Checkpoint, whose: string) => {
    if (continues(old)) details.set('consistency', `the log continues ${whose} of ${old.size} entries`)
    else if (old.size > checkpoint.size)
      problems.add({
        ...at,
        file: PATHS.checkpoint,
        what: `the log has ${checkpoint.size} entries here, and ${whose} says ${old.size}: it was cut off, or restored from a backup, or this bundle is older`,
      })
    else problems.add({ ...at, what: `nothing here proves that the log continues ${whose} of ${old.size} entries` })
  }
  if (own !== undefined) {
    const opened = await attempt(problems, at, () => openCheckpoint(own.checkpoint, keys, { origin: checkpoint.origin }))
    if (opened !== undefined) judge(opened.checkpoint, 'the older checkpoint in the bundle')
  }
  if (held === undefined) return
  const opened = await attempt(problems, { check: 'consistency', file: 'the checkpoint that was given' }, () =>
    openCheckpoint(held, keys, { origin: checkpoint.origin }),
  )
  if (opened !== undefined) judge(opened.checkpoint, 'the checkpoint that was given,')
}

async function verifyFiles(
  source: BundleSource,
  manifest: Manifest,
  digests: Digests,
  problems: Problems,
  details: Map<CheckName, string>,
): Promise<void> {
  const listed = new Map(manifest.files.map((file) => [file.path, file]))
  for (const [path, size] of source.files) {
    if (path === PATHS.manifest || path === PATHS.note) continue
    const file = listed.get(path)
    const at = { check: 'files', file: path } as const
    if (file === undefined) problems.add({ ...at, what: 'the list of files does not name it' })
    else if (file.bytes !== size)
      problems.add({ ...at, offset: Math.min(file.bytes, size), what: `it has ${size} bytes instead of ${file.bytes}` })
    else {
      const digest = digests.get(path) ?? (await attempt(problems, at, () => digestOf(source, path)))
      if (digest !== undefined && digest !== file.sha256)
        problems.add({ ...at, what: 'its SHA-256 is not the one in the list of files' })
    }
  }
  for (const path of listed.keys())
    if (!source.files.has(path)) problems.add({ check: 'files', file: path, what: 'it is missing' })
  details.set('files', `${listed.size} files are as the signed list says`)
}
