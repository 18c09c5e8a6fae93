/** Who may do what in Revenant itself. Each role is named in docs/api.md; nobody has two. */
export const ROLES = ['viewer', 'auditor', 'operator', 'admin'] as const
export type Role = (typeof ROLES)[number]

/**
 * `read`: what was found. `evidence`: bundles and proofs. `audit`: who looked at and did what here. `operate`: findings, scans, pauses, who left.
 * `administer`: access, receivers, and what secrets are bound to.
 */
export const PERMISSIONS = ['read', 'evidence', 'audit', 'operate', 'administer'] as const
export type Permission = (typeof PERMISSIONS)[number]

const GRANTS: Record<Role, readonly Permission[]> = {
  viewer: ['read'],
  auditor: ['read', 'evidence', 'audit'],
  operator: ['read', 'evidence', 'operate'],
  admin: PERMISSIONS,
}

export function may(role: Role, permission: Permission): boolean {
  return GRANTS[role].includes(permission)
}

/** Whoever asks: a person in a browser, a program with a token. */
export interface Actor {
  /** As the audit names him: `anna@example.com`, `token:ci`, `link` (whoever opened the one-time link of the terminal). */
  name: string
  role: Role
  via: 'session' | 'token'
}
