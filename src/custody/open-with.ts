import type { Place } from './binding.ts'
import type { SecretValue } from './box.ts'
import type { DataKeys } from './data-keys.ts'
import { dataKeyIdOf, openSealed } from './seal.ts'

/**
 * Opens a sealed secret with the data key that it names: at once when the key is known, which it is for all but the first.
 * Throws (or rejects with) `SEAL_BROKEN`, `KEY_UNKNOWN`.
 */
export function openWith(keys: DataKeys, place: Place, sealed: Uint8Array): SecretValue | Promise<SecretValue> {
  const id = dataKeyIdOf(place, sealed)
  const key = keys.cached(id)
  return key === undefined ? keys.load(id).then((loaded) => openSealed(loaded, place, sealed)) : openSealed(key, place, sealed)
}
