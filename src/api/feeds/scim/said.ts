import { z } from 'zod'
import type { Facts } from '../../../domain/leaf.ts'
import type { Said } from '../../../intake/feed/said.ts'
import type { ScimOptions } from '../../../intake/sources/scim.ts'
import { ENTERPRISE, ScimFault } from './fault.ts'

const text = z.string().trim().min(1).max(512).optional().catch(undefined)
const userSchema = z.object({
  userName: text,
  externalId: text,
  displayName: text,
  userType: text,
  active: z.boolean().optional().catch(undefined),
  name: z.object({ formatted: text, givenName: text, familyName: text }).optional().catch(undefined),
  emails: z
    .array(z.object({ value: text, primary: z.boolean().optional().catch(undefined) }))
    .optional()
    .catch(undefined),
  [ENTERPRISE]: z.object({ employeeNumber: text, organization: text }).optional().catch(undefined),
})

/** Longer external ids are nobody's. */
const MOST = 256
const KINDS = new Map<string, 'service' | 'agent'>([
  ['service', 'service'],
  ['agent', 'agent'],
])

/** What is known of a user when something is written of him. */
export interface WrittenUser {
  data: Facts
  /** As he was before; undefined: he is new. */
  before: Facts | undefined
  /** This source has told of him: he is somebody here, by his key. */
  told: boolean
  /** It is said now whether he is active. */
  spoke: boolean
}

/**
 * What a user as a client keeps him says of somebody. One who comes to be of another organization than that which the source is for has
 * left it, where this source has told of him; where it has not, he is a stranger, though he has the name of somebody here: undefined.
 * Throws `ScimFault` for one of whom it tells first, and who lacks the attribute that names him here.
 */
export function saidOf(
  id: string,
  { data, before, told, spoke }: WrittenUser,
  options: Pick<ScimOptions, 'externalId' | 'organization'>,
): Said | undefined {
  const user = userSchema.parse(data)
  const [was, is] = [
    before === undefined ? undefined : membershipOf(userSchema.parse(before), options),
    membershipOf(user, options),
  ]
  if (is !== 'here' && !told) return undefined
  // Whoever is known is known by his key: a departure is not refused for want of a name.
  const externalId = nameOf(user, options) ?? (told ? id : undefined)
  if (externalId === undefined)
    throw new ScimFault(
      400,
      'invalidValue',
      `${options.externalId} is missing or longer than ${MOST} characters: it names the user here`,
    )
  const { formatted, givenName, familyName } = user.name ?? {}
  const full = [givenName, familyName].filter((part) => part !== undefined).join(' ')
  return {
    key: id,
    externalId,
    name: user.displayName ?? formatted ?? (full === '' ? (user.userName ?? externalId) : full),
    email: mailOf(user),
    kind: KINDS.get((user.userType ?? '').toLowerCase()),
    standing: { is: standingOf(user.active, { was, is, told, spoke }) },
  }
}

/** Whether a user has the attribute that names him here. */
export function isNamed(data: Facts, options: Pick<ScimOptions, 'externalId'>): boolean {
  return nameOf(userSchema.parse(data), options) !== undefined
}

type User = z.output<typeof userSchema>

function nameOf(user: User, { externalId }: Pick<ScimOptions, 'externalId'>): string | undefined {
  const { userName, externalId: external, [ENTERPRISE]: enterprise } = user
  const names = { userName, externalId: external, email: mailOf(user), employeeNumber: enterprise?.employeeNumber }
  const named = names[externalId]
  return named === undefined || named.length > MOST ? undefined : named
}

function mailOf({ emails }: User): string | undefined {
  return (emails?.find(({ primary }) => primary === true) ?? emails?.[0])?.value
}

/** Whether a user is of the organization that the source is for; undefined: none is written of him. */
type Membership = 'here' | 'elsewhere' | undefined

/** An organization is the same in any case (RFC 7643 §8.7.1). */
function membershipOf(user: User, { organization }: Pick<ScimOptions, 'organization'>): Membership {
  if (organization === undefined) return 'here'
  const own = user[ENTERPRISE]?.organization
  return own === undefined ? undefined : own.toLowerCase() === organization.trim().toLowerCase() ? 'here' : 'elsewhere'
}

interface Spoken {
  was: Membership
  is: Membership
  told: boolean
  spoke: boolean
}

/** A user of whom nothing is said stays as he was, and so does one of whom it is not said any more of which organization he is. */
function standingOf(active: boolean | undefined, { was, is, told, spoke }: Spoken): 'active' | 'inactive' | 'unsaid' {
  // Where nothing was written of his organization it is the configuration that has changed, and he has not left.
  if (is === 'elsewhere' && was !== 'elsewhere') return 'inactive'
  const isBack = is === 'here' && was !== 'here'
  if (told && !spoke && !isBack) return 'unsaid'
  if (active === false) return 'inactive'
  if (is !== 'here') return 'unsaid'
  return active === true || !told ? 'active' : 'unsaid'
}
