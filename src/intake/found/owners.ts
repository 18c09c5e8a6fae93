import { RevenantError } from '../../domain/error.ts'
import type { Queryable } from '../../store/db.ts'
import { findIdentities } from '../../store/identity.ts'
import { identitiesByEmail } from '../../store/identity-email.ts'
import { type Aside, type Candidate, setAside } from './candidate.ts'

/** What the operator said of whose things are. */
export interface OwnerWords {
  /** Whose everything is that names nobody who is known. */
  identity?: string
  /** Whose the files below a folder are; the longest folder wins. */
  folders: readonly { folder: string; identity: string }[]
}

/** Tells the external id of whoever held a secret, or why nobody can tell. */
export type OwnerOf = (found: Candidate) => string | Aside

/**
 * Finds out whose things are: by the folder that the operator gave to somebody, then by the e-mail address, then by `identity`. An
 * address that several identities have is nobody's. Throws `NOT_FOUND` where the operator names an identity that is not known.
 */
export async function openOwners(db: Queryable, words: OwnerWords, found: readonly Candidate[]): Promise<OwnerOf> {
  const named = [...(words.identity === undefined ? [] : [words.identity]), ...words.folders.map(({ identity }) => identity)]
  const known = await findIdentities(db, named)
  const missing = named.find((id) => !known.has(id))
  if (missing !== undefined)
    throw new RevenantError('NOT_FOUND', `no identity has the id ${JSON.stringify(missing)}: import identities first`)
  const addresses = new Set(found.flatMap(({ email }) => (email === undefined ? [] : [email.toLowerCase()])))
  const byEmail = await identitiesByEmail(db, [...addresses])
  const folders = words.folders.toSorted((a, b) => b.folder.length - a.folder.length)
  return (each) => {
    const folder = folders.find((one) => isBelow(each.file, one.folder))
    if (folder !== undefined) return folder.identity
    const [only, ...more] = each.email === undefined ? [] : (byEmail.get(each.email.toLowerCase()) ?? [])
    if (only !== undefined && more.length === 0) return only
    if (words.identity !== undefined) return words.identity
    if (each.email === undefined) return setAside(each, 'identity_missing')
    return setAside(each, only === undefined ? 'identity_unknown' : 'identity_ambiguous')
  }
}

function isBelow(file: string, folder: string): boolean {
  const bare = folder.replace(/[\\/]+$/, '')
  return file === bare || file.startsWith(`${bare}/`) || file.startsWith(`${bare}\\`)
}
