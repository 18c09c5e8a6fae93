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
  active: z.boolean().default(true).catch(true),
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
 * What a user as a client keeps him says of somebody. Undefined for one who is not of the organization that the source is for.
 * Throws `ScimFault` for one without the attribute that names him here.
 */
export function saidOf(id: string, data: Facts, options: Pick<ScimOptions, 'externalId' | 'organization'>): Said | undefined {
  const user = userSchema.parse(data)
  const enterprise = user[ENTERPRISE]
  if (options.organization !== undefined && enterprise?.organization !== options.organization) return undefined
  const email = (user.emails?.find(({ primary }) => primary === true) ?? user.emails?.[0])?.value
  const names = { userName: user.userName, externalId: user.externalId, email, employeeNumber: enterprise?.employeeNumber }
  const externalId = names[options.externalId]
  if (externalId === undefined || externalId.length > MOST)
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
    email: email ?? null,
    kind: KINDS[(user.userType ?? '').toLowerCase()],
    standing: { is: user.active ? 'active' : 'inactive' },
  }
}
