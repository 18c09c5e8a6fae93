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
const KINDS: Readonly<Record<string, 'service' | 'agent'>> = { service: 'service', agent: 'agent' }

/**
 * What a user as a client keeps him says of somebody. One who is not of the organization that the source is for has left it, where he
 * was known; undefined where he was not. Throws `ScimFault` for a new one without the attribute that names him here.
 *
 * @param fresh he is new: here, unless it says otherwise
 */
export function saidOf(
  id: string,
  data: Facts,
  options: Pick<ScimOptions, 'externalId' | 'organization'>,
  fresh: boolean,
): Said | undefined {
  const user = userSchema.parse(data)
  const enterprise = user[ENTERPRISE]
  const elsewhere = options.organization !== undefined && enterprise?.organization !== options.organization
  if (elsewhere && fresh) return undefined
  const email = (user.emails?.find(({ primary }) => primary === true) ?? user.emails?.[0])?.value
  const names = { userName: user.userName, externalId: user.externalId, email, employeeNumber: enterprise?.employeeNumber }
  const named = names[options.externalId]
  // Whoever is known is known by his key: a departure is not refused for want of a name.
  const externalId = named === undefined || named.length > MOST ? (fresh ? undefined : id) : named
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
    email,
    kind: KINDS[(user.userType ?? '').toLowerCase()],
    standing: { is: standingOf(elsewhere, user.active, fresh) },
  }
}

/** A user of whom nothing is said stays as he was. */
function standingOf(elsewhere: boolean, active: boolean | undefined, fresh: boolean): 'active' | 'inactive' | 'unsaid' {
  if (elsewhere || active === false) return 'inactive'
  return active === true || fresh ? 'active' : 'unsaid'
}
