import { timingSafeEqual } from 'node:crypto'
import type { AuditorTokenConfig } from '../config/config.ts'
import type { ReadReference } from '../custody/local-reference.ts'
import { readReference } from '../custody/references.ts'
import { RevenantError } from '../domain/error.ts'
import { sha256 } from '../evidence/crypto.ts'

/**
 * The auditors' tokens of one configuration. They themselves are not kept, only their digests. They have neither owner nor end: whoever
 * configured them takes them out again, and `revenant doctor` (doctor-access.ts) says when each was last used.
 */
export interface AuditorTokens {
  readonly count: number
  /** Whose token this is; undefined: nobody's. Takes the same time whichever it is. */
  nameOf(token: string): string | undefined
}

/** The name under which the audit logs what was read with such a token; the actor is `token:NAME`. */
export const EVIDENCE_PULLED = 'evidence.pull'

/** What a bearer token may be made of (RFC 6750 §2.1), and at least so long that nobody guesses it. */
const TOKEN = /^[A-Za-z0-9._~+/-]{32,1024}=*$/

/**
 * Reads the tokens that references point to. Throws `SECRET_UNAVAILABLE`, `SECRET_EMPTY`, and `SECRET_INVALID` for one that is too
 * short, cannot be sent in a header, or is somebody else's too; the message names the entry, never the token.
 */
export async function readAuditorTokens(
  configs: readonly AuditorTokenConfig[],
  read: ReadReference = readReference,
): Promise<AuditorTokens> {
  const known: { name: string; digest: Uint8Array }[] = []
  for (const { name, token: reference } of configs) {
    const digest = await digestOf(name, reference, read)
    const other = known.find((each) => timingSafeEqual(each.digest, digest))
    if (other !== undefined) throw invalid(name, `it is the token of ${other.name} too: the audit could not tell them apart`)
    known.push({ name, digest })
  }
  return {
    count: known.length,
    nameOf: (token) => {
      const given = sha256(Buffer.from(token))
      return known.reduce<string | undefined>(
        (found, { name, digest }) => (timingSafeEqual(given, digest) ? name : found),
        undefined,
      )
    },
  }
}

async function digestOf(name: string, reference: string, read: ReadReference): Promise<Uint8Array> {
  const token = await read(reference).catch((error: unknown) => {
    throw error instanceof RevenantError ? new RevenantError(error.code, `${entry(name)}: ${error.message}`) : error
  })
  if (!TOKEN.test(token))
    throw invalid(name, `${reference} must hold one line of at least 32 characters of A-Z a-z 0-9 - . _ ~ + /`)
  return sha256(Buffer.from(token))
}

function invalid(name: string, why: string): RevenantError {
  return new RevenantError('SECRET_INVALID', `${entry(name)}: ${why}`)
}

function entry(name: string): string {
  return `evidence.auditorTokens, ${name}`
}
