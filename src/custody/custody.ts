import { RevenantError } from '../domain/error.ts'
import { listDataKeys } from '../store/data-key.ts'
import type { Db } from '../store/db.ts'
import { countByDataKey, dateSecret, pinReference, shredSecret } from '../store/secret.ts'
import type { Place } from './binding.ts'
import { boxSecret, type Secret, type SecretValue } from './box.ts'
import { openDataKeys } from './data-keys.ts'
import { datesOf, type SecretDates } from './expiry.ts'
import { fingerprint } from './fingerprint.ts'
import { openKeyRing, type RingPlace } from './key-ring.ts'
import type { ReadReference } from './local-reference.ts'
import { openWith } from './open-with.ts'
import { checkReference, sealReference } from './reference-seal.ts'
import { parseSecretReference, readReference, readSecret } from './references.ts'
import { NO_WRAPS, type RingWraps } from './ring-wrap.ts'
import {
  beginRotation,
  dropOldRingKeys,
  finishRotation,
  type ResealOptions,
  type ResealReport,
  rebindSecrets,
  rewrapRing,
} from './rotation.ts'
import { sealSecret } from './seal.ts'
import { parseSecretValue } from './secret-value.ts'
import { openSubmissions } from './submissions.ts'

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
  /** What the secret tells of its own end. */
  dates: SecretDates
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
  /** What whoever hands over secrets encrypts to: `age1…`. */
  recipient(): Promise<string>
  /** Opens an age file that was encrypted to it, or to one before a rotation. Throws `SECRET_INVALID`, and quotes nothing. */
  openSubmission(file: Uint8Array): Promise<Uint8Array>
  /** Makes new keys and seals everything with them, while others read and write. */
  rotate(options?: { dropOld?: boolean; progress?: Progress }): Promise<ResealReport>
  /** Ends a rotation that was cut short, and seals anew what others wrote under a retired key. Does nothing where nothing is due. */
  finishRotation(progress?: Progress): Promise<ResealReport>
  /** Binds a system's secrets to the origin that it has now; the caller has bound the system itself before. */
  rebind(systemId: string, origin: string, progress?: Progress): Promise<ResealReport>
  /** Forgets a credential's secret; its fingerprint stays. False: there was none. */
  shred(credentialId: string): Promise<boolean>
  /** Writes the ring's file again as it is configured to be wrapped; its keys stay what they are. Throws `KEY_RING_INVALID`. */
  rewrap(may: { unwrap: boolean }): Promise<void>
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
  /** How the ring is wrapped, as it is configured now. Left out: not at all. */
  wraps?: () => RingWraps
  /** Reads the references of credentials. Left out: those to the environment and to files. */
  read?: ReadReference
}

/**
 * Opens the key ring of a database; makes one for a database that has none yet.
 * Throws `KEY_RING_INVALID` (missing, broken, open to others, not to be unwrapped), `KEY_UNKNOWN` (the ring of another database).
 */
export async function openCustody({
  db,
  keyRingPath,
  clock,
  wraps = () => NO_WRAPS,
  read = readReference,
}: CustodyOptions): Promise<Custody> {
  const dataKeys = await listDataKeys(db)
  const place = (): RingPlace => ({ path: keyRingPath, wraps: wraps() })
  const ring = await openKeyRing(place(), { mayCreate: dataKeys.length === 0, now: clock() }).catch((error: unknown) => {
    if (!(error instanceof RevenantError) || dataKeys.length === 0) throw error
    throw new RevenantError(error.code, `${error.message}. revenant keys check tells what cannot be opened without it`)
  })
  const stranger = dataKeys.find((row) => !ring.keys.some((key) => key.id === row.ring_key_id))
  if (stranger !== undefined) {
    throw new RevenantError(
      'KEY_UNKNOWN',
      `the key ring ${keyRingPath} does not hold the key ${stranger.ring_key_id} that the database uses: restore the ring that belongs to it`,
    )
  }
  const keys = openDataKeys({ db, place, ring, clock })
  const options = (progress?: Progress): ResealOptions => ({
    db,
    place,
    keys,
    clock,
    ...(progress === undefined ? {} : { progress }),
  })
  const openReference = async (secret: StoredSecret): Promise<SecretValue> => {
    const { credentialId, reference, referenceMac, pinned } = secret
    if (reference === null) throw new RevenantError('SECRET_UNAVAILABLE', `the secret of credential ${credentialId} was shredded`)
    const key = keys.ring().fingerprintKey
    checkReference(key, secret, reference, referenceMac)
    const value = await readSecret(parseSecretReference(reference), read)
    const seen = fingerprint(key, `reference:${credentialId}`, value)
    if (pinned === null) await dateSecret(db, credentialId, await datesOf(value), clock())
    // The refusals of another secret must never count for the one that somebody left with.
    if ((pinned ?? (await pinReference(db, credentialId, seen))) !== seen) throw changed(credentialId)
    return value
  }
  const submissions = openSubmissions(keys)
  return {
    seal: async (place, value) => {
      const checked = parseSecretValue(value)
      const key = await keys.current()
      return { sealed: sealSecret(key, place, checked), dataKeyId: key.id, dates: await datesOf(checked) }
    },
    sealReference: (place, reference) => sealReference(keys.ring().fingerprintKey, place, reference),
    open: (secret, origin) => {
      checkOrigin(secret, origin)
      if (secret.sealed === null) return openReference(secret).then(boxSecret)
      const opened = openWith(keys, { ...secret, origin }, secret.sealed)
      return opened instanceof Promise ? opened.then(boxSecret) : boxSecret(opened)
    },
    fingerprint: (scope, value) => fingerprint(keys.ring().fingerprintKey, scope, parseSecretValue(value)),
    recipient: () => submissions.recipient(),
    openSubmission: (file) => submissions.open(file),
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
    rewrap: async (may) => {
      await rewrapRing(options(), may)
    },
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
