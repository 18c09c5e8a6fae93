import type { SaidStanding } from '../feed/said.ts'
import { type DirectoryEntry, firstText } from './entry.ts'
import { fileTime, generalizedTime, shadowDay } from './instants.ts'

/** What an account of a directory says of itself. */
export interface AccountState {
  /** Undefined: it does not say, or may not be read. */
  disabled: boolean | undefined
  /** When it expires or has expired; undefined: never. */
  expires: Temporal.Instant | undefined
}

/** How one kind of directory spells things. */
export interface Flavour {
  /** People and services, no computers. */
  filter: string
  attributes: { key: string; externalId: string; email: string; name: string }
  /** Read of each entry beside these. */
  states: readonly string[]
  state(entry: DirectoryEntry): AccountState
  /** Object classes of services. */
  services: readonly string[]
}

const MANAGED = ['msDS-GroupManagedServiceAccount', 'msDS-ManagedServiceAccount'] as const

/** A locked account (lockoutTime, pwdAccountLockedTime) and an expired password are no departure: neither is read. */
export const FLAVOURS: Readonly<Record<'ad' | 'openldap', Flavour>> = {
  ad: {
    // Computers are users by their class ([MS-ADSC]), and managed service accounts are computers.
    filter: `(|(&(objectCategory=person)(objectClass=user))${MANAGED.map((name) => `(objectClass=${name})`).join('')})`,
    attributes: { key: 'objectGUID', externalId: 'sAMAccountName', email: 'mail', name: 'displayName' },
    states: ['userAccountControl', 'accountExpires', 'msDS-UserAccountDisabled'],
    state: (entry) => ({ disabled: isDisabled(entry), expires: fileTime(firstText(entry, 'accountExpires') ?? '') }),
    services: MANAGED,
  },
  openldap: {
    filter: '(objectClass=inetOrgPerson)',
    attributes: { key: 'entryUUID', externalId: 'uid', email: 'mail', name: 'cn' },
    states: ['nsAccountLock', 'shadowExpire', 'krbPrincipalExpiration'],
    state: (entry) => ({
      disabled: firstText(entry, 'nsAccountLock')?.toLowerCase() === 'true',
      expires: earliest(
        shadowDay(firstText(entry, 'shadowExpire') ?? ''),
        generalizedTime(firstText(entry, 'krbPrincipalExpiration') ?? ''),
      ),
    }),
    services: [],
  },
}

/** ADS_UF_ACCOUNTDISABLE ([MS-ADTS] §2.2.16). */
const ACCOUNT_DISABLED = 2

/** AD LDS has no userAccountControl, and an attribute of its own. */
function isDisabled(entry: DirectoryEntry): boolean | undefined {
  const control = firstText(entry, 'userAccountControl')
  if (control !== undefined && /^-?\d+$/.test(control)) return (Number(control) & ACCOUNT_DISABLED) !== 0
  const disabled = firstText(entry, 'msDS-UserAccountDisabled')
  return disabled === undefined ? undefined : disabled.toLowerCase() === 'true'
}

function earliest(a: Temporal.Instant | undefined, b: Temporal.Instant | undefined): Temporal.Instant | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return Temporal.Instant.compare(a, b) <= 0 ? a : b
}

/**
 * What an account's state and place come to. What says more comes first: whoever was moved away or has expired has left, whoever is
 * disabled may have, and somebody whose account expires some day is here until then.
 */
export function standingOf(
  { disabled, expires }: AccountState,
  { moved, inactive }: { moved: boolean; inactive: boolean },
  now: Temporal.Instant,
): SaidStanding {
  const expired = expires !== undefined && Temporal.Instant.compare(expires, now) <= 0
  if (expired) return { is: 'terminated', at: expires }
  if (moved) return { is: 'terminated' }
  if (disabled === true || inactive) return { is: 'inactive' }
  if (expires !== undefined) return { is: 'terminated', at: expires }
  return { is: disabled === undefined ? 'unsaid' : 'active' }
}
