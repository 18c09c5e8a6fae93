import type { OidcConfig } from '../../config/config.ts'
import { ROLES, type Role } from '../../domain/access.ts'

type Claims = Readonly<Record<string, unknown>>

/** A claim by its name, or by a path to it (`realm_access.roles`); a name that has dots in it counts first. */
export function claimAt(claims: Claims, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path]
  return path.split('.').reduce<unknown>((at, key) => (isClaims(at) && Object.hasOwn(at, key) ? at[key] : undefined), claims)
}

export function stringAt(claims: Claims, path: string): string | undefined {
  const value = claimAt(claims, path)
  return typeof value === 'string' && value !== '' && value.length <= MAX_NAME ? value : undefined
}

const MAX_NAME = 320

/** The highest role that these claims give; undefined: none. */
export function claimsRole(claims: Claims, rows: OidcConfig['roles']): Role | undefined {
  const given = rows.filter(({ claim, value }) => valuesOf(claimAt(claims, claim)).includes(value)).map(({ role }) => role)
  return ROLES.findLast((role) => given.includes(role))
}

function valuesOf(claim: unknown): string[] {
  const values: readonly unknown[] = Array.isArray(claim) ? claim : [claim]
  return values
    .filter((value) => typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number')
    .map(String)
}

/**
 * What the audit calls whoever has these claims. Only a whole e-mail address stands for itself: anything else could be somebody's wish to
 * be called `root`, `link` or `token:ci`.
 */
export function nameIn(claims: Claims, nameClaim: string): string {
  const name = stringAt(claims, nameClaim) ?? stringAt(claims, 'sub') ?? ''
  if (/^[^\s\p{C}@:]+@[^\s\p{C}@:]+$/u.test(name)) return name
  return `oidc:${name.toWellFormed().replace(/\p{Cc}/gu, '\uFFFD')}`
}

function isClaims(value: unknown): value is Claims {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
