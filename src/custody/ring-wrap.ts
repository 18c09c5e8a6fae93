import { argon2, createHash, createSecretKey, type KeyObject, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { z } from 'zod'
import { RevenantError } from '../domain/error.ts'
import { type RingWrapConfig, WRAP_MANAGERS } from '../domain/secret-manager.ts'
import type { ReadReference } from './local-reference.ts'
import { type KeyService, ManagerError } from './managers/manager.ts'
import type { SecretManagers } from './managers/open.ts'
import { openBytes, sealBytes } from './seal.ts'

/** What the file of a wrapped ring says of its wrap: enough to unwrap it with what the configuration gives, and nothing secret. */
export const wrappedSchema = z.discriminatedUnion('by', [
  z.strictObject({
    by: z.literal('passphrase'),
    // Bounds, so that a file that somebody changed cannot take all memory.
    memoryKiB: z.int().min(8_192).max(1_048_576),
    passes: z.int().min(1).max(32),
    lanes: z.int().min(1).max(16),
    salt: z.base64().min(22).max(100),
    wrapped: z.base64(),
  }),
  ...(['awsKms', 'gcpKms', 'azureKeyVault', 'vaultTransit'] as const).map((by) =>
    z.strictObject({ by: z.literal(by), key: z.string().min(1).max(2_048), wrapped: z.string().min(1).max(16_384) }),
  ),
])
export type Wrapped = z.output<typeof wrappedSchema>

/** Wraps the key that a ring's file is sealed with. */
export interface RingWrap {
  readonly by: RingWrapConfig['by']
  /** For messages: `awsKms alias/revenant`. */
  readonly name: string
  /** Throws what `unwrap` throws. */
  wrap(fileKey: Uint8Array): Promise<Wrapped>
  /** Throws a RevenantError or a ManagerError: it cannot be asked, or it is not what wrapped this. */
  unwrap(wrapped: Wrapped): Promise<Buffer>
}

/** How a ring is to be wrapped, and how it may be. */
export interface RingWraps {
  /** Undefined: not at all. */
  readonly wrap: RingWrap | undefined
  readonly previous: readonly RingWrap[]
}

export const NO_WRAPS: RingWraps = { wrap: undefined, previous: [] }

/** The wraps of a configuration. Nothing is asked, and no passphrase read, before a ring is opened or written. */
export function openRingWraps(
  { wrap, previous }: { wrap?: RingWrapConfig; previous: readonly RingWrapConfig[] },
  managers: SecretManagers,
  readLocal: ReadReference,
): RingWraps {
  const open = (config: RingWrapConfig) =>
    config.by === 'passphrase' ? byPassphrase(config.passphrase, readLocal) : byManager(config, managers)
  return { wrap: wrap === undefined ? undefined : open(wrap), previous: previous.map(open) }
}

/** RFC 9106 §4, the second recommended option: 64 MiB, three passes, four lanes. */
const ARGON2 = { memoryKiB: 65_536, passes: 3, lanes: 4 }
const SALT_BYTES = 16
/** NIST SP 800-63B-4 §3.1.1.2, for a secret that is the only one. */
const SHORTEST = 15

function byPassphrase(reference: string, read: ReadReference): RingWrap {
  // Kept, so that a process derives it once and not at each look at the file: whoever reads its memory finds the ring there as well.
  let derived: { of: string; key: KeyObject } | undefined
  const keyOf = async (salt: Buffer, { memoryKiB, passes, lanes }: typeof ARGON2) => {
    const text = (await read(reference)).normalize('NFC')
    if (text.length < SHORTEST)
      throw new RevenantError(
        'SECRET_INVALID',
        `${reference}: a passphrase for the key ring needs at least ${SHORTEST} characters`,
      )
    const of = createHash('sha256')
      .update(JSON.stringify([memoryKiB, passes, lanes]))
      .update(salt)
      .update(text)
      .digest('hex')
    if (derived?.of === of) return derived.key
    const options = { message: text, nonce: salt, memory: memoryKiB, passes, parallelism: lanes, tagLength: 32 }
    const key = createSecretKey(await promisify(argon2)('argon2id', options))
    derived = { of, key }
    return key
  }
  return {
    by: 'passphrase',
    name: 'a passphrase',
    wrap: async (fileKey) => {
      const salt = randomBytes(SALT_BYTES)
      const wrapped = sealBytes(await keyOf(salt, ARGON2), Buffer.of(), AAD, fileKey)
      return { by: 'passphrase', ...ARGON2, salt: salt.toString('base64'), wrapped: Buffer.from(wrapped).toString('base64') }
    },
    unwrap: async (wrapped) => {
      if (wrapped.by !== 'passphrase') throw stranger()
      const key = await keyOf(Buffer.from(wrapped.salt, 'base64'), wrapped)
      const fileKey = openBytes(key, 0, AAD, Buffer.from(wrapped.wrapped, 'base64'))
      if (fileKey === undefined) throw new ManagerError('refused', 'the passphrase is not the one that it was wrapped with')
      return fileKey
    },
  }
}

const AAD = Buffer.from('revenant/key-ring/v2/passphrase')

function byManager(config: Exclude<RingWrapConfig, { by: 'passphrase' }>, managers: SecretManagers): RingWrap {
  const { by, manager: name, key } = config
  const mount = config.by === 'vaultTransit' ? config.mount : undefined
  const asked = async <T>(work: (keys: KeyService) => Promise<T>): Promise<T> => {
    const found = managers.find(name)
    const keys = found?.kind === WRAP_MANAGERS[by] ? (await found.open()).keys : undefined
    if (keys === undefined) throw new ManagerError('unfit', `the configuration has no secret manager ${name} that wraps by ${by}`)
    return work(keys).catch((error: unknown) => {
      throw error instanceof ManagerError ? new ManagerError(error.fault, `${name} ${error.message}`) : error
    })
  }
  return {
    by,
    name: `${by} ${key}`,
    wrap: async (fileKey) => ({ by, key, wrapped: await asked((keys) => keys.wrap(key, fileKey, mount)) }),
    unwrap: async (wrapped) => {
      if (wrapped.by === 'passphrase') throw stranger()
      return asked((keys) => keys.unwrap(key, wrapped.wrapped, mount))
    },
  }
}

function stranger(): ManagerError {
  return new ManagerError('unfit', 'it is wrapped in another way')
}

/** What a file says that it is wrapped with. */
export function wrapName(wrapped: Wrapped): string {
  return wrapped.by === 'passphrase' ? 'a passphrase' : `${wrapped.by} ${wrapped.key}`
}
