import { z } from 'zod'
import { identitiesOf } from '../../store/feed-subject.ts'
import type { IdentityRow } from '../../store/identity.ts'
import { identitiesByEmail } from '../../store/identity-email.ts'
import type { Tx } from '../transaction.ts'
import type { SsfOptions } from './options.ts'

/** By what an identity is looked for. */
export interface Handle {
  by: 'externalId' | 'email'
  value: string
}

/**
 * Why a subject leads to nobody. `critical`: a member that must be understood is not. `unsupported`: a form that the configuration does
 * not use. `unknown`: nobody has that name. `ambiguous`: several have.
 */
export type Unmatched = 'critical' | 'unsupported' | 'unknown' | 'ambiguous'

export type ReadSubject =
  /** `whole`: it is the account, not a session or a device of it. */
  { handles: Handle[]; whole: boolean } | { unmatched: Unmatched }

type SubjectOptions = Pick<SsfOptions, 'subjects' | 'issuer' | 'subjectIssuers'>

/** No database takes NUL, and no name has control characters. */
const text = z
  .string()
  .trim()
  .min(1)
  .max(256)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u)

const formatSchema = z.object({ format: z.string().max(100).optional(), subject_type: z.string().max(100).optional() })
const members = z.record(z.string(), z.unknown())

/** Members beside the user that leave it the account as a whole. */
const WHOLE = new Set(['format', 'user', 'tenant', 'org_unit'])

/** What a subject identifier (RFC 9493, SSF 1.0 §3) says of whom it means. */
export function readSubject(subject: unknown, options: SubjectOptions, critical: readonly string[]): ReadSubject {
  const object = members.safeParse(subject).data
  if (object === undefined) return { unmatched: 'unsupported' }
  const format = formatOf(object)
  if (format === 'complex' || (format === undefined && object.user !== undefined)) {
    const names = Object.keys(object).filter((name) => name !== 'format')
    // SSF 1.0 §3.4: what must be understood and is not makes the whole event void.
    if (names.some((name) => name !== 'user' && critical.includes(name))) return { unmatched: 'critical' }
    const handles = handlesOf(object.user, options)
    return handles.length === 0 ? { unmatched: 'unsupported' } : { handles, whole: names.every((name) => WHOLE.has(name)) }
  }
  const handles = format === 'aliases' ? aliasesOf(object, options) : handlesOf(object, options)
  return handles.length === 0 ? { unmatched: 'unsupported' } : { handles, whole: true }
}

/** Whom a subject means: the one identity to which each of its names that anybody has leads. Locked until the transaction ends. */
export async function findSubject(tx: Tx, handles: readonly Handle[]): Promise<IdentityRow | 'unknown' | 'ambiguous'> {
  const named = (by: Handle['by']) => handles.flatMap((handle) => (handle.by === by ? [handle.value] : []))
  const byEmail = await identitiesByEmail(
    tx,
    named('email').map((email) => email.toLowerCase()),
  )
  const externalIds = [...new Set([...named('externalId'), ...[...byEmail.values()].flat()])]
  const [row, ...more] = await identitiesOf(tx, [], externalIds, 'lock')
  if (row === undefined) return 'unknown'
  return more.length === 0 ? row : 'ambiguous'
}

/** `subject_type`, with hyphens, is of the drafts: Google writes it. */
function formatOf(object: Readonly<Record<string, unknown>>): string | undefined {
  const { format, subject_type } = formatSchema.safeParse(object).data ?? {}
  return format ?? subject_type?.replaceAll('-', '_')
}

function aliasesOf({ identifiers }: Readonly<Record<string, unknown>>, options: SubjectOptions): Handle[] {
  // RFC 9493 §3.2.8: none of them is a list of aliases again.
  return (z.array(z.unknown()).max(20).safeParse(identifiers).data ?? []).flatMap((each) => handlesOf(each, options))
}

function handlesOf(subject: unknown, { subjects, issuer, subjectIssuers }: SubjectOptions): Handle[] {
  const object = members.safeParse(subject).data ?? {}
  const said = (name: string) => text.safeParse(object[name]).data
  const handle = (by: Handle['by'] | 'ignore', value: string | undefined): Handle[] =>
    by === 'ignore' || value === undefined ? [] : [{ by, value }]
  switch (formatOf(object)) {
    case 'email':
      return handle(subjects.email, said('email'))
    case 'account':
      return handle(subjects.account, /^acct:(.+)$/i.exec(said('uri') ?? '')?.[1])
    case 'iss_sub': {
      // Another issuer gives the same `sub` to somebody else.
      const iss = object.iss
      const known = typeof iss === 'string' && (iss === issuer || subjectIssuers.includes(iss))
      return known ? handle(subjects.issSub, said('sub')) : []
    }
    case 'opaque':
      return handle(subjects.opaque, said('id'))
    case 'scim':
      // A group may have the external id of a person.
      if (/(?:^|\/)Groups\//i.test(said('uri') ?? '')) return []
      if (subjects.scim === 'id') return handle('externalId', /(?:^|\/)Users\/([^/?#]+)$/.exec(said('uri') ?? '')?.[1])
      return handle(subjects.scim, said('externalId'))
    default:
      return []
  }
}
