import { nameOf } from '../domain/account-name.ts'
import type { ScanSystem } from './system.ts'

/** The account of a realm that a secret's wrong tries count against could not be told from its name. */
export const NAMELESS = Symbol('nameless')

/**
 * The account whose lockout budget a try of a secret takes from. Where systems share a realm, one account goes by many names: `anna`,
 * `CORP\anna`, `anna@corp.example` and `uid=anna,ou=people` are one lock, and so one budget, under the short name without case. A DN
 * that begins with a display name (`cn=Anna Smith`) holds no short name: it is the one of `principal`, and NAMELESS without such
 * a one, since a budget of its own would come on top of the account's. A system alone counts by its probe's own form, without case.
 *
 * @param account as the probe names it; undefined: no wrong try of this secret can lock anyone
 * @param principal who the credential is registered as; for the canary, whom the configuration names
 */
export function budgetAccount(
  { sharesRealm }: Pick<ScanSystem, 'sharesRealm'>,
  account: string | undefined,
  principal: string | undefined,
): string | undefined | typeof NAMELESS {
  if (account === undefined) return undefined
  if (!sharesRealm) return account.trim().toLowerCase()
  const short = nameOf(account).short ?? (principal === undefined ? undefined : nameOf(principal).short)
  return short === undefined || short === '' ? NAMELESS : short
}
