import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto'
import { RevenantError } from '../domain/error.ts'
import { bindingOf, type Place } from './binding.ts'

/**
 * Binds a reference to its credential, system and origin, keyed with the ring: whoever can write the database but not the ring can
 * point no credential at another variable or file of the daemon.
 */
export function sealReference(key: KeyObject, { credentialId, systemId, origin }: Place, reference: string): Uint8Array {
  return createHmac('sha256', key)
    .update(bindingOf('revenant/reference/v1', credentialId, systemId, origin, reference))
    .digest()
}

/** Throws `SEAL_BROKEN` where a reference is not what was imported for this credential, system and origin. */
export function checkReference(key: KeyObject, place: Place, reference: string, mac: Uint8Array | null): void {
  const right = sealReference(key, place, reference)
  if (mac !== null && mac.length === right.length && timingSafeEqual(mac, right)) return
  throw new RevenantError(
    'SEAL_BROKEN',
    `the reference of credential ${place.credentialId} is not the one that was imported for this system and origin: import the credential again`,
  )
}
