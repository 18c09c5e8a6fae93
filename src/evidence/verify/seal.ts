import { type Manifest, type ManifestText, manifestSchema, PATHS, parseManifestText } from '../bundle/format.ts'
import { sha256 } from '../crypto.ts'
import { type NoteKey, parseVkey } from '../note-key.ts'
import { type Note, parseNote, verifyNote } from '../signed-note.ts'
import { attempt, must, type Problems } from './problems.ts'
import { type Digests, readFile, readText, textOf } from './read.ts'
import type { BundleSource } from './source.ts'

const MANIFEST_LIMIT = 256_000_000
export const TEXT_LIMIT = 16_000_000

/** The list of files and the note that signs it, as they were found. */
export interface Seal {
  /** Bytes of `manifest.json` and of `manifest.note`; undefined for one that is too large or cannot be unpacked. */
  list: Buffer | undefined
  noteBytes: Buffer | undefined
  /** What is written in the note, whoever signed it; undefined where it is no such note. */
  note: Note | undefined
  text: ManifestText | undefined
  /** Undefined where it could not be read. */
  manifest: Manifest | undefined
  /** Known keys whose signatures hold. */
  signers: readonly NoteKey[]
}

/** Reads the list of files, and verifies who signed it. */
export async function verifySeal(
  source: BundleSource,
  keys: readonly NoteKey[],
  problems: Problems,
  digests: Digests,
): Promise<Seal> {
  const [ofList, ofNote] = [
    { check: 'signature', file: PATHS.manifest },
    { check: 'signature', file: PATHS.note },
  ] as const
  const list = await attempt(problems, ofList, () => readFile(source, PATHS.manifest, MANIFEST_LIMIT, digests))
  const noteBytes = await attempt(problems, ofNote, () => readFile(source, PATHS.note, TEXT_LIMIT, digests))
  const note =
    noteBytes === undefined ? undefined : await attempt(problems, ofNote, () => parseNote(textOf(noteBytes, PATHS.note)))
  const signers =
    note === undefined ? undefined : await attempt(problems, ofNote, () => verifyNote(note, keys).map(({ key }) => key))
  const text = note === undefined ? undefined : parseManifestText(note.text)
  if (note !== undefined && (list === undefined || text?.sha256 !== Buffer.from(sha256(list)).toString('hex')))
    problems.add({ ...ofList, what: 'it is not the list of files that was signed' })
  const manifest = list === undefined ? undefined : await attempt(problems, ofList, () => parseManifest(list))
  return { list, noteBytes, note, text, manifest, signers: signers ?? [] }
}

/** True where a known key signed this very list of files. */
export function isSealed({ list, text, signers }: Pick<Seal, 'list' | 'text' | 'signers'>): boolean {
  return signers.length > 0 && list !== undefined && text?.sha256 === Buffer.from(sha256(list)).toString('hex')
}

/** The keys in the bundle itself. */
export async function bundleKeys(source: BundleSource, problems: Problems, digests: Digests): Promise<NoteKey[]> {
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
