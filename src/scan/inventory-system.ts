import type { Dispatcher } from 'undici'
import type { PersonName } from '../domain/grant.ts'
import type { Tier } from '../domain/system.ts'
import type { BoundInventory } from '../probe/inventory.ts'
import type { RateLimiter } from './rate.ts'

/** A system as an inventory needs it: whom to ask, by which name, how gently. Made by the daemon. */
export interface InventorySystem {
  id: string
  name: string
  tier: Tier
  zone: string
  /** Its file in `probes/inventory`. */
  kind: string
  bound: BoundInventory
  by: PersonName
  everyMs: number
  without: ReadonlySet<string>
  /** The name of somebody who is here and has a grant. */
  canary: string | undefined
  attribution: string
  http(): Dispatcher
  /** Of the system: replays and lists share one time line. */
  rate: RateLimiter
  concurrency: number
  timeoutMs: number
  /** Reads the administrator's credential just in time. Throws a RevenantError. */
  credential(): Promise<unknown>
}
