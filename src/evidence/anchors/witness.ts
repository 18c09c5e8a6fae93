import { RevenantError } from '../../domain/error.ts'
import { decodeCount, encodeBase64 } from '../base64.ts'
import { openCheckpoint } from '../checkpoint.ts'
import { type NoteKey, parseVkey } from '../note-key.ts'
import { parseNote, parseSignatures } from '../signed-note.ts'
import type { Anchor, AnchorContext } from './anchor.ts'
import { post, refused } from './post.ts'

/**
 * Asks a witness to cosign (C2SP tlog-witness v1.0.0, `add-checkpoint`): it does so once it has seen proof that the log has only grown
 * since it last cosigned. Its cosignature is verified before it is believed.
 */
export function witnessAnchor(options: { url: string; vkey: string; authorization?: string | undefined }): Anchor {
  const key = parseVkey(options.vkey)
  const url = `${options.url.replace(/\/$/, '')}/add-checkpoint`
  return async ({ note, size }, context) => {
    const ask = async (from: number) => {
      const body = await requestBody(note, from, size, context)
      return post(url, {
        body,
        contentType: 'text/plain; charset=utf-8',
        authorization: options.authorization,
        signal: context.signal,
      })
    }
    let answer = await ask(context.lastSize)
    // It knows another size than we remember: 409 says which, and the proof is made from there.
    if (answer.status === 409) {
      const known = decodeCount(answer.body.toString('utf8').trimEnd())
      if (known === undefined || known > size) throw refused(answer.status)
      answer = await ask(known)
    }
    if (answer.status !== 200) throw refused(answer.status)
    return verified(note, answer.body.toString('utf8'), key, context)
  }
}

async function requestBody(note: string, from: number, size: number, { proveGrowth }: AnchorContext): Promise<string> {
  const proof = from === 0 ? [] : await proveGrowth(from, size)
  return [`old ${from}`, ...proof.map(encodeBase64), '', note].join('\n')
}

function verified(note: string, answer: string, key: NoteKey, { keys }: AnchorContext) {
  const own = parseSignatures(answer).filter(({ name, id }) => name === key.name && id === key.id)
  const [signature] = own
  if (signature === undefined) throw new RevenantError('EVIDENCE_INVALID', 'the witness answered without a signature of its key')
  const { text, signatures } = parseNote(note)
  const cosigned = `${text}\n${signatures.map(({ line }) => line).join('')}${signature.line}`
  const found = openCheckpoint(cosigned, keys, { witnesses: [key] }).verified.find((each) => each.key === key)
  if (found?.atSeconds === undefined || found.atSeconds === 0)
    throw new RevenantError('EVIDENCE_INVALID', 'the cosignature of the witness states no time')
  return {
    statedAt: Temporal.Instant.fromEpochMilliseconds(found.atSeconds * 1_000),
    proof: Buffer.from(signature.line),
    cosignature: signature.line,
  }
}
