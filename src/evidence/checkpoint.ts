import { RevenantError } from '../domain/error.ts'
import { decodeBase64, decodeCount, encodeBase64 } from './base64.ts'
import { HASH_BYTES, type Hash } from './merkle.ts'
import type { NoteKey, NoteSigner } from './note-key.ts'
import { type Note, parseNote, signNote, type VerifiedSignature, verifyNote } from './signed-note.ts'

/** What a log says of itself at one size (C2SP tlog-checkpoint v1.0.0). */
export interface Checkpoint {
  /** Which log it is. */
  origin: string
  size: number
  root: Hash
  /** Lines that the log added; ours adds none. */
  extensions: readonly string[]
}

/** The text that is signed. Throws `EVIDENCE_INVALID` for an origin that is no line. */
export function checkpointText({
  origin,
  size,
  root,
  extensions = [],
}: Omit<Checkpoint, 'extensions'> & { extensions?: readonly string[] }): string {
  if (origin === '' || /[\r\n]/.test(origin)) throw invalid('the origin must be one line')
  return [origin, String(size), encodeBase64(root), ...extensions].map((line) => `${line}\n`).join('')
}

/** The signed note of a checkpoint. */
export function signCheckpoint(checkpoint: Omit<Checkpoint, 'extensions'>, signers: readonly NoteSigner[]): string {
  return signNote(checkpointText(checkpoint), signers)
}

/** Reads the text of a checkpoint, without signatures. Throws `EVIDENCE_INVALID`. */
export function parseCheckpoint(text: string): Checkpoint {
  const lines = text.split('\n')
  if (lines.pop() !== '' || lines.length < 3 || lines.includes('')) throw invalid('it must be three lines or more, none empty')
  const [origin = '', sizeText = '', rootText = '', ...extensions] = lines
  const [size, root] = [decodeCount(sizeText), decodeBase64(rootText)]
  if (size === undefined) throw invalid('the second line must be the number of leaves')
  if (root?.length !== HASH_BYTES) throw invalid('the third line must be a SHA-256 hash in Base64')
  return { origin, size, root, extensions }
}

export interface OpenedCheckpoint {
  checkpoint: Checkpoint
  note: Note
  verified: VerifiedSignature[]
}

/**
 * Reads a signed checkpoint: one of the log's keys must have signed it, and every signature of a known key, a witness's included, must
 * hold. Throws `EVIDENCE_INVALID`.
 *
 * @param origin the log that it must be of; left out: whatever one of the keys is named after
 * @param witnesses keys of cosignatures; none is needed
 */
export function openCheckpoint(
  signed: string,
  keys: readonly NoteKey[],
  options: { origin?: string; witnesses?: readonly NoteKey[] } = {},
): OpenedCheckpoint {
  const note = parseNote(signed)
  const checkpoint = parseCheckpoint(note.text)
  if (options.origin !== undefined && checkpoint.origin !== options.origin)
    throw invalid(`it is of the log ${checkpoint.origin}, not of ${options.origin}`)
  const verified = verifyNote(note, [...keys, ...(options.witnesses ?? [])])
  if (!verified.some(({ key }) => keys.includes(key) && key.name === checkpoint.origin))
    throw invalid(`no key of the log ${checkpoint.origin} signed it`)
  return { checkpoint, note, verified }
}

function invalid(why: string): RevenantError {
  return new RevenantError('EVIDENCE_INVALID', `this is no checkpoint: ${why}`)
}
