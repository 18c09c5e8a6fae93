import { type Manifest, PATHS } from '../bundle/format.ts'
import { type Checkpoint, openCheckpoint } from '../checkpoint.ts'
import { parseVkey } from '../note-key.ts'
import { type Content, type VerifyContext, verifyContent } from './content.ts'
import { verifyFiles } from './files.ts'
import { type FirstFalse, locateFirst } from './locate/locate.ts'
import { verifyOlder } from './older.ts'
import { attempt, CHECK_NAMES, type CheckName, must, openProblems, type Problem } from './problems.ts'
import { readText } from './read.ts'
import { bundleKeys, TEXT_LIMIT, verifySeal } from './seal.ts'
import type { BundleSource } from './source.ts'

export interface VerifyOptions {
  /** Keys that the caller trusts; empty: the bundle's own are taken, which proves nothing about who made it. */
  vkeys: readonly string[]
  /** An older checkpoint of the log, which the bundle's must continue. */
  oldCheckpoint?: string
  /** How long the first false byte is looked for; by default three seconds. */
  mostLocateMs?: number
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
  /** Of the first file that is false, the first byte that is: manifest.note, manifest.json, then the files in the order of their list. */
  firstFalse: FirstFalse | undefined
}

/**
 * Verifies a bundle from itself alone: facts → entry → leaf → tree → checkpoint → key, and every file against the signed manifest.
 * Throws `EVIDENCE_INVALID` for what is no bundle at all, or where a key or checkpoint that was given cannot be read.
 */
export async function verifyBundle(source: BundleSource, options: VerifyOptions): Promise<VerifyResult> {
  const context: VerifyContext = { source, digests: new Map(), problems: openProblems(), details: new Map() }
  const { digests, problems, details } = context
  for (const path of [PATHS.manifest, PATHS.note, PATHS.checkpoint])
    if (!source.files.has(path)) must(undefined, `this is no bundle of Revenant: ${path} is missing`)
  const given = options.vkeys.map(parseVkey)
  const keys = given.length > 0 ? given : await bundleKeys(source, problems, digests)
  const seal = await verifySeal(source, keys, problems, digests)
  const { manifest, signers } = seal
  details.set(
    'signature',
    signers.length === 0
      ? 'no known key signed the list of files'
      : `the list of files is signed by ${signers.map((key) => `${key.name}+${key.id}`).join(', ')}`,
  )
  let content: Content | undefined
  let wrong: string[] = []
  if (manifest !== undefined) {
    const opened = await openHead(context, manifest, keys)
    if (opened !== undefined) {
      content = await verifyContent({ ...context, manifest, checkpoint: opened.checkpoint, note: opened.text })
      // Older checkpoints may be signed by older keys: whoever trusts the one that signed these files trusts their list.
      const older = given.length > 0 && signers.length > 0 ? [...keys, ...(await bundleKeys(source, problems, digests))] : keys
      await verifyOlder(opened.checkpoint, older, options.oldCheckpoint, context)
    }
    wrong = await verifyFiles(context, manifest)
  }
  const checks = checkResults(context, manifest)
  return {
    holds: problems.count === 0,
    manifest,
    signedBy: signers.map(({ vkey }) => vkey),
    keysGiven: given.length > 0,
    checks,
    firstFalse:
      problems.count === 0
        ? undefined
        : await locateFirst({
            ...{ source, digests, seal, keys, keysGiven: given.length > 0, content, wrong },
            problems: checks.flatMap((check) => check.problems),
            oldCheckpoint: options.oldCheckpoint,
            mostMs: options.mostLocateMs ?? MOST_LOCATE_MS,
          }),
  }
}

/** Looking for a place takes no longer than this, however large the file: then what is known by then is told. */
const MOST_LOCATE_MS = 3_000

/** The checkpoint of the bundle, which must be the one that the list of files names. */
async function openHead(
  { source, digests, problems, details }: VerifyContext,
  manifest: Manifest,
  keys: Parameters<typeof openCheckpoint>[1],
): Promise<{ text: string; checkpoint: Checkpoint } | undefined> {
  const at = { check: 'checkpoint', file: PATHS.checkpoint } as const
  const opened = await attempt(problems, at, async () => {
    const text = await readText(source, PATHS.checkpoint, TEXT_LIMIT, digests)
    return { text, checkpoint: openCheckpoint(text, keys, { origin: manifest.log.origin }).checkpoint }
  })
  if (opened === undefined) return undefined
  const { checkpoint } = opened
  details.set('checkpoint', `${checkpoint.origin}, ${checkpoint.size} entries, signed`)
  if (checkpoint.size !== manifest.log.size || Buffer.from(checkpoint.root).toString('hex') !== manifest.log.root)
    problems.add({ ...at, what: 'it is another checkpoint than the list of files names' })
  return opened
}

/** Whether something was chosen from the period. */
export function isChosen({ filters }: Pick<Manifest, 'filters'>): boolean {
  return Object.keys(filters).length > 0
}

function checkResults({ problems, details }: VerifyContext, manifest: Manifest | undefined): CheckResult[] {
  return CHECK_NAMES.map((name): CheckResult => {
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
}
