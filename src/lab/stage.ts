import type { Door } from './door.ts'
import type { CredentialRow } from './people.ts'

/** An entry of the configuration's `systems:`. */
export interface SystemEntry {
  name: string
  probe: string
  target: Readonly<Record<string, unknown>>
  tier: 'low' | 'standard' | 'critical'
  owner: string
  limits: Readonly<Record<string, string | number>>
  controls?: { canary: Readonly<Record<string, string>> }
}

/** One system of the lab as it is when the demo begins: who held what there, and which doors can be closed and opened. */
export interface Stage {
  system: SystemEntry
  credentials: CredentialRow[]
  doors: Door[]
}

/** Writes a secret into a file of its own (mode 0600) and answers the reference to it: `file:/…`. */
export type KeepSecret = (name: string, secret: string) => string

/** A lab has no lockouts, and nobody wants to wait for it. */
export const LIMITS = { rate: '50/s', failuresPerPrincipal: '5000/1h', timeout: '3s' } as const
