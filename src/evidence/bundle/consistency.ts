import { RevenantError } from '../../domain/error.ts'
import { decodeBase64, decodeCount, encodeBase64 } from '../base64.ts'
import { HASH_BYTES, type Hash } from '../merkle.ts'

/** A proof that a log grew from an older checkpoint to the one of the bundle. */
export interface Consistency {
  from: number
  to: number
  proof: readonly Hash[]
  /** The older checkpoint, a signed note, verbatim. */
  checkpoint: string
}

/** The sizes, the hashes of RFC 9162 §2.1.4.1 in Base64, a blank line, the older checkpoint: as in C2SP tlog-witness's add-checkpoint. */
export function formatConsistency({ from, to, proof, checkpoint }: Consistency): string {
  return `old ${from}\nnew ${to}\n${proof.map((hash) => `${encodeBase64(hash)}\n`).join('')}\n${checkpoint}`
}

/** Reads what `formatConsistency` wrote. Throws `EVIDENCE_INVALID`. */
export function parseConsistency(text: string): Consistency {
  const end = text.indexOf('\n\n')
  const [old = '', fresh = '', ...hashes] = text.slice(0, Math.max(0, end)).split('\n')
  const from = old.startsWith('old ') ? decodeCount(old.slice(4)) : undefined
  const to = fresh.startsWith('new ') ? decodeCount(fresh.slice(4)) : undefined
  if (from === undefined || to === undefined || hashes.length > 64) throw invalid()
  const proof = hashes.map((line) => {
    const hash = decodeBase64(line)
    if (hash?.length !== HASH_BYTES) throw invalid()
    return hash
  })
  return { from, to, proof, checkpoint: text.slice(end + 2) }
}

function invalid(): RevenantError {
  return new RevenantError(
    'EVIDENCE_INVALID',
    'this is no consistency proof: it must be `old N`, `new N`, hashes in Base64, a blank line, a checkpoint',
  )
}
