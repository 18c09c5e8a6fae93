import { RevenantError } from '../domain/error.ts'
import { listDataKeys } from '../store/data-key.ts'
import type { Db } from '../store/db.ts'
import { countByDataKey, pinReference, shredSecret } from '../store/secret.ts'
import type { Place } from './binding.ts'
import { boxSecret, type Secret, type SecretValue } from './box.ts'
import { openDataKeys } from './data-keys.ts'
import { fingerprint } from './fingerprint.ts'
import { openKeyRing } from './key-ring.ts'
import { openWith } from './open-with.ts'
import { checkReference, sealReference } from './reference-seal.ts'
import { parseSecretReference, readSecret } from './references.ts'
import {
  beginRotation,
  dropOldRingKeys,
  finishRotation,
  type ResealOptions,
  type ResealReport,
  rebindSecrets,
} from './rotation.ts'
import { sealSecret } from './seal.ts'
import { parseSecretValue } from './secret-value.ts'

/** A credential's secret as the store keeps it. */
export interface StoredSecret extends Place {
  sealed: Uint8Array | null
  reference: string | null
  referenceMac: Uint8Array | null
  /** What the reference held when it was first opened, as a fingerprint; null before. */
  pinned: string | null
}

/** The columns that sealing fills. */
export interface SealedParts {
  sealed: Uint8Array
  dataKeyId: string
}

export type Progress = (done: number, total: number) => void

/** Seals, opens and names secrets. */
export interface Custody {
  /**
   * Seals a secret for one credential at one system and origin.
   * Throws `SECRET_EMPTY`, `SECRET_INVALID`.
   */
  seal(place: Place, value: unknown): Promise<SealedParts>
  /** Binds a reference to one credential at one system and origin, as a seal does a secret. */
  sealReference(place: Place, reference: string): Uint8Array
  /**
   * Opens a stored secret for the origin that it is about to be sent to; at once where it can, so that a replay does not wait a
   * turn. Throws (or rejects with) `ORIGIN_CHANGED`, `SEAL_BROKEN`, `KEY_UNKNOWN`, `SECRET_UNAVAILABLE`, `SECRET_EMPTY`,
   * `SECRET_INVALID`, `SECRET_CHANGED` (a reference that holds another secret than when it was first opened).
   */
  open(secret: StoredSecret, origin: string): Secret | Promise<Secret>
  /** `hmac-sha256:` and 16 hex digits: the same secret in the same scope has the same one. Throws as `seal` does. */
  fingerprint(scope: string, value: unknown): string
  /** Makes new keys and seals everything with them, while others read and write. */
  rotate(options?: { dropOld?: boolean; progress?: Progress }): Promise<ResealReport>
  /** Ends a rotation that was cut short, and seals anew what others wrote under a retired key. Does nothing where nothing is due. */
  finishRotation(progress?: Progress): Promise<ResealReport>
  /** Binds a system's secrets to the origin that it has now; the caller has bound the system itself before. */
  rebind(systemId: string, origin: string, progress?: Progress): Promise<ResealReport>
  /** Forgets a credential's secret; its fingerprint stays. False: there was none. */
  shred(credentialId: string): Promise<boolean>
  /** The keys, without what they are made of. */
  describe(): Promise<CustodyKeys>
}

export interface CustodyKeys {
  ring: { id: string; createdAt: Temporal.Instant; active: boolean; dataKeys: number }[]
  data: { id: string; ringKeyId: string; createdAt: Temporal.Instant; retiredAt: Temporal.Instant | null; secrets: number }[]
}

export interface CustodyOptions {
  db: Db
  keyRingPath: string
  clock: () => Temporal.Instant
}

/**
 * Opens the key ring of a database; makes one for a database that has none yet.
 * Throws `KEY_RING_INVALID` (missing, broken, open to others), `KEY_UNKNOWN` (the ring of another database).
 */
export async function openCustody({ db, keyRingPath, clock }: CustodyOptions): Promise<Custody> {
  const dataKeys = await listDataKeys(db)
  const ring = await openKeyRing(keyRingPath, { mayCreate: dataKeys.length === 0, now: clock() })
  const stranger = dataKeys.find((row) => !ring.keys.some((key) => key.id === row.ring_key_id))
  if (stranger !== undefined) {
    throw new RevenantError(
      'KEY_UNKNOWN',
      `the key ring ${keyRingPath} does not hold the key ${stranger.ring_key_id} that the database uses: restore the ring that belongs to it`,
    )
  }
  const keys = openDataKeys({ db, keyRingPath, ring, clock })
  const options = (progress?: Progress): ResealOptions => ({
    db,
    keyRingPath,
    keys,
    clock,
    ...(progress === undefined ? {} : { progress }),
  })
  const openReference = async (secret: StoredSecret): Promise<SecretValue> => {
    const { credentialId, reference, referenceMac, pinned } = secret
    if (reference === null) throw new RevenantError('SECRET_UNAVAILABLE', `the secret of credential ${credentialId} was shredded`)
    const key = keys.ring().fingerprintKey
    checkReference(key, secret, reference, referenceMac)
    const value = await readSecret(parseSecretReference(reference))
    const seen = fingerprint(key, `reference:${credentialId}`, value)
    // The refusals of another secret must never count for the one that somebody left with.
    if ((pinned ?? (await pinReference(db, credentialId, seen))) !== seen) throw changed(credentialId)
    return value
  }
  return {
    seal: async (place, value) => {
      const checked = parseSecretValue(value)
      const key = await keys.current()
      return { sealed: sealSecret(key, place, checked), dataKeyId: key.id }
    },
    sealReference: (place, reference) => sealReference(keys.ring().fingerprintKey, place, reference),
    open: (secret, origin) => {
      checkOrigin(secret, origin)
      if (secret.sealed === null) return openReference(secret).then(boxSecret)
      const opened = openWith(keys, { ...secret, origin }, secret.sealed)
      return opened instanceof Promise ? opened.then(boxSecret) : boxSecret(opened)
    },
    fingerprint: (scope, value) => fingerprint(keys.ring().fingerprintKey, scope, parseSecretValue(value)),
    rotate: async ({ dropOld = false, progress } = {}) => {
      await beginRotation(options())
      const report = await finishRotation(options(progress))
      // A secret that does not open may still open with the older key, once its data key is restored.
      if (dropOld && report.broken.length === 0) await dropOldRingKeys(options())
      return report
    },
    finishRotation: (progress) => finishRotation(options(progress)),
    rebind: (systemId, origin, progress) => rebindSecrets(options(progress), systemId, origin),
    shred: (credentialId) => shredSecret(db, credentialId, clock()),
    describe: async () => describeKeys(db, keys.ring()),
  }
}

/** Plain text, so that the operator learns the truth; the seal itself is bound to the origin as well. */
function checkOrigin(secret: StoredSecret, origin: string): void {
  if (secret.origin === origin) return
  throw new RevenantError(
    'ORIGIN_CHANGED',
    `the secret of credential ${secret.credentialId} was registered for ${secret.origin}, not for ${origin}: if the system really moved, run systems rebind NAME`,
  )
}

function changed(credentialId: string): RevenantError {
  return new RevenantError(
    'SECRET_CHANGED',
    `the reference of credential ${credentialId} holds another secret than the one that was tried before: put the old one back, retire the credential, or run credentials repin`,
  )
}

async function describeKeys(db: Db, ring: Awaited<ReturnType<typeof openKeyRing>>): Promise<CustodyKeys> {
  const rows = await listDataKeys(db)
  const counts = await countByDataKey(db)
  return {
    ring: ring.keys.map(({ id, createdAt }) => ({
      id,
      createdAt,
      active: id === ring.active.id,
      dataKeys: rows.filter((row) => row.ring_key_id === id).length,
    })),
    data: rows.map((row) => ({
      id: row.id,
      ringKeyId: row.ring_key_id,
      createdAt: row.created_at,
      retiredAt: row.retired_at,
      secrets: counts.get(row.id) ?? 0,
    })),
  }
}
