import { RevenantError } from '../domain/error.ts'
import { decodeBase64, decodeCount, encodeBase64 } from './base64.ts'
import { HASH_BYTES, type Hash } from './merkle.ts'

/** A proof that can be checked offline (`c2sp.org/tlog-proof@v1`): inclusion in the tree of a checkpoint. */
export interface TlogProof {
  /** Nobody signs it: a hint at most. */
  extra?: Uint8Array
  index: number
  proof: readonly Hash[]
  /** The signed note, verbatim. */
  checkpoint: string
}

const HEADER = 'c2sp.org/tlog-proof@v1'
/** A tree that a number can count is no higher. */
const MAX_HASHES = 63

export function formatTlogProof({ extra, index, proof, checkpoint }: TlogProof): string {
  const lines = [
    HEADER,
    ...(extra === undefined ? [] : [`extra ${encodeBase64(extra)}`]),
    `index ${index}`,
    ...proof.map(encodeBase64),
  ]
  return `${lines.join('\n')}\n\n${checkpoint}`
}

/** Reads what `formatTlogProof` wrote; verifies nothing. Throws `EVIDENCE_INVALID`. */
export function parseTlogProof(text: string): TlogProof {
  const end = text.indexOf('\n\n')
  const [header, ...lines] = text.slice(0, Math.max(0, end)).split('\n')
  if (header !== HEADER) throw invalid(`the first line must be ${HEADER}`)
  const extra = lines[0]?.startsWith('extra ') === true ? decodeBase64(lines.shift()?.slice(6) ?? '') : null
  if (extra === undefined) throw invalid('the extra data must be Base64')
  const first = lines.shift() ?? ''
  const index = first.startsWith('index ') ? decodeCount(first.slice(6)) : undefined
  if (index === undefined) throw invalid('the index of the entry is missing')
  if (lines.length > MAX_HASHES) throw invalid('it has too many hashes')
  const proof = lines.map((line) => {
    const hash = decodeBase64(line)
    if (hash?.length !== HASH_BYTES) throw invalid(`this is no SHA-256 hash in Base64: ${line.slice(0, 80)}`)
    return hash
  })
  return { ...(extra === null ? {} : { extra }), index, proof, checkpoint: text.slice(end + 2) }
}

function invalid(why: string): RevenantError {
  return new RevenantError('EVIDENCE_INVALID', `this is no tlog-proof: ${why}`)
}
