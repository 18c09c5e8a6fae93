import { RevenantError } from '../domain/error.ts'
import { decodeBase64, decodeCount, encodeBase64 } from './base64.ts'
import type { NoteKey, NoteSigner } from './note-key.ts'
import { isKeyName } from './note-key.ts'

/** A text and who signed it (C2SP signed-note v1.0.0). */
export interface Note {
  /** Ends in a newline; the blank line after it is not part of it. */
  text: string
  signatures: NoteSignature[]
}

export interface NoteSignature {
  name: string
  /** Hex. */
  id: string
  bytes: Uint8Array
  /** As it stands in the note, with its newline. */
  line: string
}

/** A signature that holds. */
export interface VerifiedSignature {
  key: NoteKey
  /** Of a cosignature: when the witness signed, epoch seconds. */
  atSeconds?: number
}

/** Those of the signed-note's limits that are ours: at least 16 signatures must be taken. */
const MAX_SIGNATURES = 100
const MAX_BYTES = 1_000_000

/** The signed note of a text, signatures in the order of the signers. The text ends in a newline. */
export function signNote(text: string, signers: readonly NoteSigner[]): string {
  if (!isNoteText(text)) throw invalid('a text must be lines, without control characters')
  return `${text}\n${signers.map((signer) => signatureLine(signer.name, signer.id, signer.sign(text))).join('')}`
}

/** One signature as a line of a note. */
export function signatureLine(name: string, id: string, signature: Uint8Array): string {
  return `— ${name} ${encodeBase64(Buffer.concat([Buffer.from(id, 'hex'), signature]))}\n`
}

/** Takes a signed note apart, verifying nothing. Throws `EVIDENCE_INVALID` for what is no signed note. */
export function parseNote(note: string): Note {
  if (Buffer.byteLength(note) > MAX_BYTES) throw invalid('it is too long')
  const end = note.lastIndexOf('\n\n')
  if (end < 0 || !isNoteText(note)) throw invalid('it has no text, blank line and signatures')
  const text = note.slice(0, end + 1)
  const lines = note
    .slice(end + 2)
    .split('\n')
    .slice(0, -1)
  if (lines.length === 0) throw invalid('it has no signature')
  if (lines.length > MAX_SIGNATURES) throw invalid(`it has more than ${MAX_SIGNATURES} signatures`)
  return { text, signatures: lines.map(parseSignature) }
}

/**
 * The signatures of known keys. Those of unknown keys are passed over, as the specification asks.
 * Throws `EVIDENCE_INVALID` where a known key's signature is false, and where no known key signed.
 */
export function verifyNote(note: Note, keys: readonly NoteKey[]): VerifiedSignature[] {
  const verified: VerifiedSignature[] = []
  for (const { name, id, bytes } of note.signatures) {
    for (const key of keys) {
      if (key.name !== name || key.id !== id) continue
      const found = verifySignature(note.text, key, bytes)
      if (found === undefined) throw invalid(`the signature of ${name} (key ${id}) is false`)
      if (!verified.some((each) => each.key === key)) verified.push(found)
    }
  }
  if (verified.length === 0) {
    const signers = note.signatures.map(({ name, id }) => `${name} (key ${id})`).join(', ')
    throw invalid(`no known key signed it, but ${signers.slice(0, 400)}`)
  }
  return verified
}

function verifySignature(text: string, key: NoteKey, bytes: Uint8Array): VerifiedSignature | undefined {
  if (key.type === 'ed25519') return key.verifies(Buffer.from(text), bytes) ? { key } : undefined
  // timestamped_signature (C2SP tlog-cosignature): u64 seconds, then the signature.
  if (bytes.length <= 8) return undefined
  const at = Buffer.from(bytes).readBigUInt64BE(0)
  if (at > BigInt(Number.MAX_SAFE_INTEGER)) return undefined
  const message = key.type === 'ed25519-cosignature' ? cosignedText(text, at) : cosignedMessage(text, key.name, at)
  if (message === undefined || !key.verifies(message, bytes.subarray(8))) return undefined
  return { key, atSeconds: Number(at) }
}

/** What an Ed25519 cosignature (0x04) signs. */
export function cosignedText(text: string, atSeconds: bigint): Uint8Array {
  return Buffer.from(`cosignature/v1\ntime ${atSeconds}\n${text}`)
}

/** What an ML-DSA-44 cosignature (0x06) of a whole checkpoint signs: the structure cosigned_message. */
function cosignedMessage(text: string, name: string, atSeconds: bigint): Uint8Array | undefined {
  const [origin = '', size = '', root = ''] = text.split('\n')
  const [end, hash] = [decodeCount(size), decodeBase64(root)]
  if (end === undefined || hash?.length !== 32) return undefined
  const numbers = (...values: bigint[]) => Buffer.concat(values.map((value) => uint(value)))
  const [who, whose] = [Buffer.from(name), Buffer.from(origin)]
  if (who.length > 255 || whose.length > 255) return undefined
  return Buffer.concat([
    Buffer.from('subtree/v1\n\0'),
    ...[Buffer.of(who.length), who, numbers(atSeconds)],
    ...[Buffer.of(whose.length), whose, numbers(0n, BigInt(end)), hash],
  ])
}

function uint(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(value)
  return bytes
}

/** Lines of a witness's answer, or of a note, without the text. Throws `EVIDENCE_INVALID`. */
export function parseSignatures(lines: string): NoteSignature[] {
  return parseNote(`-\n\n${lines}`).signatures
}

function parseSignature(line: string): NoteSignature {
  const [dash, name = '', base64 = '', ...more] = line.split(' ')
  const bytes = decodeBase64(base64)
  if (dash !== '—' || !isKeyName(name) || more.length > 0 || bytes === undefined || bytes.length < 5)
    throw invalid(`this is no signature line: ${line.slice(0, 120)}`)
  return { name, id: Buffer.from(bytes.subarray(0, 4)).toString('hex'), bytes: bytes.subarray(4), line: `${line}\n` }
}

/** Lines of text, the last one ended, with no control characters but newlines. */
function isNoteText(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.length > 0 && text.endsWith('\n') && !/[\u0000-\u0009\u000b-\u001f]/.test(text) && text.isWellFormed()
}

function invalid(why: string): RevenantError {
  return new RevenantError('EVIDENCE_INVALID', `this is no signed note that holds: ${why}`)
}
