import type { SecretValue } from '../../custody/box.ts'
import { type AsideReason, aside, type Candidate, candidate, type Found } from '../found/candidate.ts'
import type { Place } from '../found/place.ts'

/** What a store holds in one place: a secret, or a word of why there is none. */
export type Stored = StoredSecret | StoredAside

export interface StoredSecret {
  /** The store by default; `env:NAME` for a variable. */
  detector?: string
  kinds: Candidate['kinds']
  parts: SecretValue
  place?: Place | undefined
  principal?: string
  line?: number
}

export interface StoredAside {
  detector?: string
  reason: AsideReason
  why?: string
  host?: string
  line?: number
}

/** Reads the text of a store; throws nothing of its own. */
export type ReadStore = (text: string, path: string) => readonly Stored[] | Promise<readonly Stored[]>

/** What is found in a file of a store. */
export function foundIn(store: string, file: string, stored: Stored): Found {
  const spot = { file, ...(stored.line === undefined ? {} : { line: stored.line }) }
  const detector = stored.detector ?? store
  if ('reason' in stored) {
    const host = stored.host === undefined ? {} : { host: stored.host }
    return aside({ ...spot, detector, ...host }, stored.reason, stored.why)
  }
  const { kinds, parts, place, principal } = stored
  return candidate({ ...spot, detector, kinds, parts, place, ...(principal === undefined ? {} : { principal }) })
}

/** What is said of a variable in place of a secret. */
export const VARIABLE: StoredAside = { reason: 'elsewhere', why: 'names a variable: the secret is not in the file' }

/** What is said of a file that is not what its name says. */
export function notOne(form: string): StoredAside {
  return { reason: 'unreadable', why: `is not ${form}` }
}

/** Users that stand for "the password is a token". */
const TOKEN_USERS: ReadonlySet<string> = new Set([
  '__token__',
  'oauth2',
  'x-access-token',
  'x-token-auth',
  'token',
  'pat',
  'git-token',
])

/** A name and a password, or a token that was written as one. Without a name it is half of a login, which a system would refuse. */
export function loginParts(username: string | undefined, password: string): SecretValue {
  if (username === undefined) return { password }
  return TOKEN_USERS.has(username) ? { username, password, token: password } : { username, password }
}
