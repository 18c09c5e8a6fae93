import { createSecretKey, randomBytes } from 'node:crypto'
import { z } from 'zod'
import { RevenantError, toError } from '../domain/error.ts'
import { bindingOf } from './binding.ts'
import { ManagerError } from './managers/manager.ts'
import { type RingWrap, type RingWraps, wrapName, wrappedSchema } from './ring-wrap.ts'
import { openBytes, sealBytes } from './seal.ts'

const named = z.strictObject({ id: z.string().min(1), createdAt: z.iso.datetime() })

/**
 * The file of a wrapped ring. The keys are sealed (AES-256-GCM) under a key of this file alone, which is wrapped; their ids are in clear,
 * so that a ring that cannot be opened still tells which keys are lost with it.
 */
export const envelopeSchema = z.strictObject({
  version: z.literal(2),
  wrap: wrappedSchema,
  active: z.string().min(1),
  keys: z.array(named).min(1),
  ledgerKeys: z.array(named),
  /** nonce (12) | ring (JSON) | tag (16). */
  sealed: z.base64(),
})
export type Envelope = z.output<typeof envelopeSchema>
export type EnvelopeIndex = Pick<Envelope, 'active' | 'keys' | 'ledgerKeys'>

const FILE_KEY_BYTES = 32

/**
 * Seals a ring under a new key. That what it is wrapped with unwraps it is tried before anyone relies on it: a KMS may let us encrypt
 * and not decrypt. Throws a RevenantError.
 */
export async function sealEnvelope(ring: Uint8Array, index: EnvelopeIndex, by: RingWrap): Promise<Envelope> {
  const fileKey = randomBytes(FILE_KEY_BYTES)
  try {
    const wrap = await by.wrap(fileKey)
    if (!(await by.unwrap(wrap)).equals(fileKey))
      throw new ManagerError('unfit', 'what was wrapped does not unwrap to what it was')
    const { active, keys, ledgerKeys } = index
    const sealed = sealBytes(createSecretKey(fileKey), Buffer.of(), aadOf({ active, keys, ledgerKeys }), ring)
    return { version: 2, wrap, active, keys, ledgerKeys, sealed: Buffer.from(sealed).toString('base64') }
  } catch (error) {
    throw wrapFault(`cannot be wrapped with ${by.name}`, error)
  } finally {
    fileKey.fill(0)
  }
}

/** Opens what `sealEnvelope` made with whichever of the wraps does so. Throws a RevenantError that says what each came to. */
export async function openEnvelope(envelope: Envelope, wraps: RingWraps): Promise<Buffer> {
  const candidates = [wraps.wrap, ...wraps.previous]
    .filter((each) => each?.by === envelope.wrap.by)
    .filter((each) => each !== undefined)
  const is = `is wrapped with ${wrapName(envelope.wrap)}`
  if (candidates.length === 0)
    throw new RevenantError(
      'KEY_RING_INVALID',
      `${is}, which the configuration does not give: name it in keyRing.wrap or keyRing.previous`,
    )
  const faults: unknown[] = []
  for (const candidate of candidates) {
    try {
      return await openWith(envelope, candidate)
    } catch (error) {
      faults.push(error)
    }
  }
  throw wrapFault(`${is} and cannot be opened`, ...faults)
}

async function openWith(envelope: Envelope, by: RingWrap): Promise<Buffer> {
  const fileKey = await by.unwrap(envelope.wrap)
  const wrong = new ManagerError('unfit', 'what it unwraps to does not open the file: one of both was changed')
  if (fileKey.byteLength !== FILE_KEY_BYTES) throw wrong
  const ring = openBytes(createSecretKey(fileKey), 0, aadOf(envelope), Buffer.from(envelope.sealed, 'base64'))
  fileKey.fill(0)
  if (ring === undefined) throw wrong
  return ring
}

function aadOf({ active, keys, ledgerKeys }: EnvelopeIndex): Buffer {
  const spelt = (list: EnvelopeIndex['keys']) => JSON.stringify(list.map(({ id, createdAt }) => [id, createdAt]))
  return bindingOf('revenant/key-ring/v2', active, spelt(keys), spelt(ledgerKeys))
}

/** Of a foreign error only the name is told: its message may quote what it was given. */
function wrapFault(what: string, ...errors: readonly unknown[]): RevenantError {
  const known = (error: unknown) =>
    error instanceof ManagerError || error instanceof RevenantError ? error.message : toError(error).name
  return new RevenantError('KEY_RING_INVALID', `${what}: ${[...new Set(errors.map(known))].join('; ')}`)
}
