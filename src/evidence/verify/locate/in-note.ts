import { encodeBase64 } from '../../base64.ts'
import { manifestText } from '../../bundle/format.ts'
import type { NoteKey } from '../../note-key.ts'
import { parseNote, verifyNote } from '../../signed-note.ts'
import { attempt, openProblems } from '../problems.ts'
import { textOf } from '../read.ts'
import { difference, type Place } from './place.ts'
import { singleEdits } from './single-edits.ts'

/**
 * Finds the first false byte of the note that signs the list of files. The list says what its text was, a key whether it was; of a
 * signature line name and id are the key's, and each of its other characters is tried. Otherwise the stretch of the text or of the
 * signatures is the answer.
 */
export async function placeInNote(found: Buffer, list: Buffer, keys: readonly NoteKey[], isSpent: () => boolean): Promise<Place> {
  const text = await manifestText(list)
  for (const key of keys) {
    const note = await signedNote(found, text, key, isSpent)
    const place = note === undefined ? undefined : difference(found, note)
    if (place !== undefined) return place
  }
  const head = Buffer.from(`${text}\n`)
  // One that was cut off is false where it ends.
  const last = found.at(-1) === 0x0a ? found.length - 1 : found.length
  const at = difference(found.subarray(0, head.length), head)?.offset
  // The text is the list's: what is false is what follows. Where it is another, nobody can tell which of the two was signed.
  return at === undefined ? { from: Math.min(head.length, last), to: last } : { from: 0, to: last }
}

/** The note that this key signed, when the signature line that is there is off by little. */
async function signedNote(found: Buffer, text: string, key: NoteKey, isSpent: () => boolean): Promise<Buffer | undefined> {
  const head = `${text}\n— ${key.name} `
  const id = encodeBase64(Buffer.from(key.id, 'hex')).slice(0, ID_CHARACTERS)
  const isSigned = async (base64: string): Promise<Buffer | undefined> => {
    const note = Buffer.from(`${head}${base64}\n`)
    const verified = await attempt(openProblems(), { check: 'signature', file: '' }, () =>
      verifyNote(parseNote(textOf(note, 'the note')), [key]),
    )
    return verified === undefined ? undefined : note
  }
  // Counted from the beginning, for what follows a whole beginning, and from the end, for what was put in or left out before.
  const from = Buffer.byteLength(head)
  const guesses = [
    found.subarray(from, from + LINE_CHARACTERS),
    found.subarray(-LINE_CHARACTERS - 1, -1),
    found.subarray(found.lastIndexOf(' ') + 1, -1).subarray(0, LINE_CHARACTERS + 1),
  ]
  const said = new Set(guesses.flatMap((guess) => [guess.toString('latin1'), id + guess.toString('latin1', ID_CHARACTERS)]))
  for (const base64 of said) {
    const note = await isSigned(base64)
    if (note !== undefined) return note
  }
  if (!isOfKey(found, key)) return undefined
  for (const base64 of said)
    for (const edited of singleEdits(Buffer.from(base64, 'latin1'), BASE64)) {
      if (isSpent()) return undefined
      if (edited.length !== LINE_CHARACTERS || edited.toString('latin1', 0, ID_CHARACTERS) !== id) continue
      const note = await isSigned(edited.toString('latin1'))
      if (note !== undefined) return note
    }
  return undefined
}

/** False for a note that somebody else signed: no single byte is to blame for that, and trying all takes a second. */
function isOfKey(found: Buffer, { name, id }: NoteKey): boolean {
  try {
    return parseNote(textOf(found, 'the note')).signatures.some((each) => each.name === name && each.id === id)
  } catch {
    return true
  }
}

/** Base64 of four bytes of the id and 64 of the signature. */
const LINE_CHARACTERS = 92
/** Those that are of the id alone. */
const ID_CHARACTERS = 5
const BASE64 = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=')
