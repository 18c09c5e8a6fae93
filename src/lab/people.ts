import type { Privilege } from '../domain/credential.ts'
import type { IdentityKind } from '../domain/identity.ts'

/** A row of `import identities`: its keys are the columns. */
export interface IdentityRow {
  external_id: string
  kind: IdentityKind
  name: string
  email: string
  owner: string
  status: 'active' | 'terminated'
  /** RFC 3339, UTC; empty while somebody is here. */
  terminated_at: string
}

/** A line of `import credentials`. */
export interface CredentialRow {
  identity: string
  system: string
  label: string
  kind: string
  /** Whom the credential should open. */
  principal: string
  privilege?: Privilege
  shared?: true
  secret: Readonly<Record<string, string>>
}

export const MAYA = 'maya.lindqvist'
export const JONAS = 'jonas.weber'
/** She leaves while the demo runs. */
export const PRIYA = 'priya.nair'
export const BACKUP = 'svc-nightly-backup'
export const AGENT = 'agent-triage'

/** Who left the demo's company, and how long ago; one is still here. */
export function leavers(now: Temporal.Instant): IdentityRow[] {
  const ago = (hours: number, minutes = 0) => now.subtract({ hours, minutes }).round('second').toString()
  const status = 'terminated'
  const platform = 'platform@example.com'
  return [
    {
      external_id: MAYA,
      kind: 'human',
      name: 'Maya Lindqvist',
      email: 'maya.lindqvist@example.com',
      owner: '',
      status,
      terminated_at: ago(26 * 24, 190),
    },
    {
      external_id: JONAS,
      kind: 'human',
      name: 'Jonas Weber',
      email: 'jonas.weber@example.com',
      owner: '',
      status,
      terminated_at: ago(0, 35),
    },
    {
      external_id: PRIYA,
      kind: 'human',
      name: 'Priya Nair',
      email: 'priya.nair@example.com',
      owner: '',
      status: 'active',
      terminated_at: '',
    },
    {
      external_id: BACKUP,
      kind: 'service',
      name: 'nightly-backup',
      email: '',
      owner: platform,
      status,
      terminated_at: ago(12 * 24, 75),
    },
    {
      external_id: AGENT,
      kind: 'agent',
      name: 'triage-agent',
      email: '',
      owner: platform,
      status,
      terminated_at: ago(2 * 24, 20),
    },
  ]
}
