import { LEDGER_KINDS } from '../../../domain/ledger.ts'
import { entriesPath, type ListedFile, PATHS } from '../../bundle/format.ts'
import { sha256 } from '../../crypto.ts'
import { type NoteKey, parseVkey } from '../../note-key.ts'
import { verifyNote } from '../../signed-note.ts'
import type { Content } from '../content.ts'
import { attempt, openProblems, type Problem } from '../problems.ts'
import { type Digests, digestOf } from '../read.ts'
import { isSealed, type Seal } from '../seal.ts'
import type { BundleSource } from '../source.ts'
import { placeByBlocks } from './by-blocks.ts'
import { placeInLines, placeInRows, placeInTable, tableOf } from './by-entries.ts'
import { readmeKeys, rebuilt } from './by-rebuilding.ts'
import { foundFile, foundRange, lineOf, streamDifference } from './found-file.ts'
import { placeInNote } from './in-note.ts'
import { difference, isExact, narrower, type Place } from './place.ts'

/** The first thing that is false, as narrowly as can be told: `offset`, or else `stretch`; neither for a file that is missing. */
export interface FirstFalse extends Problem {
  /** The byte that is at `offset`, null where the file ends; and the one that was signed, null where it should have ended. */
  found?: number | null
  expected?: number | null
}

export interface LocateContext {
  source: BundleSource
  digests: Digests
  seal: Seal
  /** By which the seal was verified, and whether the caller named them. */
  keys: readonly NoteKey[]
  keysGiven: boolean
  content: Content | undefined
  /** Paths that are not as the list of files says, in its order. */
  wrong: readonly string[]
  /** In the order of the checks; not empty. */
  problems: readonly Problem[]
  oldCheckpoint: string | undefined
  /** Looking takes no longer than this: then what is known by then is told. */
  mostMs: number
}

/**
 * Finds the first false byte of a bundle in which something is false: first the note, then the list of files, then the files in the order of
 * the list. Where all are as signed, what was signed is false by itself, and the first problem says how.
 */
export async function locateFirst(context: LocateContext): Promise<FirstFalse | undefined> {
  const end = performance.now() + context.mostMs
  const isSpent = () => performance.now() > end
  const { seal, wrong, problems } = context
  const sealed = await placeInSeal(context, isSpent)
  if (sealed !== undefined) return told(context, sealed.file, sealed.place)
  const file = seal.manifest === undefined ? undefined : wrong[0]
  if (file === undefined) return problems[0]
  return told(context, file, await placeInFile(context, file, isSpent))
}

/** Undefined where a key of the log signed the list that is there. */
async function placeInSeal(
  context: LocateContext,
  isSpent: () => boolean,
): Promise<{ file: string; place: Place | undefined } | undefined> {
  const { source, keysGiven } = context
  const { keys, seal } = context.seal.signers.length > 0 || keysGiven ? context : await withReadmeKeys(context)
  const { list, noteBytes, text, signers } = seal
  if (isSealed(seal)) return undefined
  if (list === undefined) return { file: PATHS.manifest, place: undefined }
  if (signers.length > 0)
    return {
      file: PATHS.manifest,
      place: text === undefined ? undefined : await placeByBlocks(source, PATHS.manifest, text, isSpent),
    }
  return { file: PATHS.note, place: noteBytes === undefined ? undefined : await placeInNote(noteBytes, list, keys, isSpent) }
}

/** Where the keys of the bundle itself do not fit, keys.txt may be what is false: README.txt tells them too. */
async function withReadmeKeys({ source, keys, seal }: LocateContext): Promise<Pick<LocateContext, 'keys' | 'seal'>> {
  const nowhere = openProblems()
  const at = { check: 'signature', file: PATHS.readme } as const
  const told = await attempt(nowhere, at, async () => (await readmeKeys(source)).map(parseVkey))
  const known = [...keys, ...(told ?? [])]
  const { note } = seal
  const signers = note === undefined ? undefined : await attempt(nowhere, at, () => verifyNote(note, known).map(({ key }) => key))
  return { keys: known, seal: { ...seal, signers: signers ?? [] } }
}

/** The first false byte of one file. Undefined for one that is missing. */
async function placeInFile(context: LocateContext, path: string, isSpent: () => boolean): Promise<Place | undefined> {
  const { source, seal } = context
  const size = source.files.get(path)
  if (size === undefined) return undefined
  const listed = seal.manifest?.files.find((file) => file.path === path)
  // Of a file that should not be there every byte is false.
  if (listed === undefined) return { offset: 0, found: (await foundRange(source, path, 0, 1))[0] ?? null, expected: null }
  let best: Place | undefined
  for (const strategy of [byTwinFile, byBlocks, byRebuilding, byTable, byLines]) {
    best = narrower(best, await strategy(context, listed, best, isSpent))
    if (isExact(best) || isSpent()) break
  }
  // Of a file that is too short its end may be what is false.
  return best ?? { from: 0, to: size < listed.bytes ? size : Math.max(0, size - 1) }
}

type Strategy = (
  context: LocateContext,
  listed: ListedFile,
  known: Place | undefined,
  isSpent: () => boolean,
) => Promise<Place | undefined>

/** The true file may lie elsewhere in the bundle: whoever swaps two files changes no byte of them. */
const byTwinFile: Strategy = async ({ source, digests }, { path, bytes, sha256: digest }, _known, isSpent) => {
  for (const [other, size] of source.files) {
    if (size !== bytes || other === path || isSpent()) continue
    const found =
      digests.get(other) ?? (await attempt(openProblems(), { check: 'files', file: other }, () => digestOf(source, other)))
    if (found !== undefined) digests.set(other, found)
    if (found === digest) return streamDifference(foundFile(source, path), foundFile(source, other), isSpent)
  }
  return undefined
}

const byBlocks: Strategy = async ({ source }, { path, bytes, blocks }, _known, isSpent) =>
  blocks === undefined ? undefined : placeByBlocks(source, path, { bytes, blocks }, isSpent)

const byRebuilding: Strategy = async (context, { path, sha256: digest }, _known, isSpent) => {
  const { source, seal, oldCheckpoint } = context
  const { manifest } = seal
  if (manifest === undefined) return undefined
  return attempt(openProblems(), { check: 'files', file: path }, async () => {
    for await (const made of rebuilt({ source, manifest, oldCheckpoint, isSpent }, path)) {
      const bytes = Buffer.from(made)
      if (Buffer.from(sha256(bytes)).toString('hex') !== digest) continue
      return difference(await foundRange(source, path, 0, bytes.length + 1), bytes)
    }
    return undefined
  })
}

/** A table of entries is made from its lines. */
const byTable: Strategy = async (context, { path }, known, isSpent) => {
  const kind = LEDGER_KINDS.find((each) => entriesPath(each, 'csv') === path)
  if (kind === undefined) return undefined
  const { source, content } = context
  if (!isTrue(context, entriesPath(kind, 'jsonl')))
    return content === undefined ? undefined : placeInTable(content, kind, known, isSpent)
  return content === undefined
    ? streamDifference(foundFile(source, path), tableOf(source, kind), isSpent)
    : placeInRows(content, kind, source.files.get(path) ?? 0)
}

/** The other way round; a table that were false would have been met before. */
const byLines: Strategy = async (context, { path }, _known, isSpent) => {
  const kind = LEDGER_KINDS.find((each) => entriesPath(each, 'jsonl') === path)
  if (kind === undefined || context.content === undefined || !isTrue(context, entriesPath(kind, 'csv'))) return undefined
  return placeInLines(context.content, kind, isSpent)
}

function isTrue({ seal, wrong }: LocateContext, path: string): boolean {
  return !wrong.includes(path) && seal.manifest?.files.some((file) => file.path === path) === true
}

/** What was found of a file, with its place instead of what was known of it. */
async function told({ source, problems }: LocateContext, file: string, place: Place | undefined): Promise<FirstFalse> {
  const { check, what } = problems.find((problem) => problem.file === file) ?? {
    check: 'files' as const,
    what: 'it is not as it was signed',
  }
  if (place === undefined) return { check, file, what }
  const from = isExact(place) ? place.offset : place.from
  const line = file.startsWith('log/tile/') ? {} : { line: await lineOf(source, file, from) }
  if (!isExact(place)) return { check, file, ...line, stretch: { from: place.from, to: place.to }, what }
  return { check, file, ...line, offset: place.offset, found: place.found, expected: place.expected, what }
}
