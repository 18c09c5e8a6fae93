import { hkdfSync } from 'node:crypto'
import { RevenantError } from '../domain/error.ts'
import type { DataKeys } from './data-keys.ts'
import type { RingKey } from './key-ring.ts'

/** What whoever hands over secrets encrypts to, and what opens them. */
export interface Submissions {
  /** `age1…`: belongs to the active key of the ring. */
  recipient(): Promise<string>
  /**
   * Opens an age file (age-encryption.org/v1, binary) that is encrypted to a key of the ring, an older one included. Throws
   * `SECRET_INVALID`: no age file, encrypted to somebody else, cut short, changed. The message quotes nothing.
   */
  open(file: Uint8Array): Promise<Uint8Array>
}

/** An X25519 key for each key of the ring, made from it: nothing more to keep, wrap, rotate or lose. */
export function openSubmissions(keys: Pick<DataKeys, 'ring' | 'newest'>): Submissions {
  const identities = new Map<string, Promise<CryptoKey>>()
  const identityOf = (key: RingKey) => {
    const known = identities.get(key.id) ?? deriveIdentity(key)
    identities.set(key.id, known)
    return known
  }
  return {
    recipient: async () => {
      // Another process may have rotated: this one then reads the ring again.
      await keys.newest()
      const { identityToRecipient } = await import('age-encryption')
      return identityToRecipient(await identityOf(keys.ring().active))
    },
    open: async (file) => {
      const ring = keys.ring()
      const opened = await decrypt(file, await Promise.all(ring.keys.map(identityOf)))
      if (opened !== 'stranger') return opened
      await keys.newest()
      const again = keys.ring() === ring ? opened : await decrypt(file, await Promise.all(keys.ring().keys.map(identityOf)))
      if (again !== 'stranger') return again
      throw invalid(
        'is not encrypted to this daemon: encrypt it to what `revenant keys recipient` prints. One that is older than a rotation with --drop-old has to be made anew',
      )
    },
  }
}

const HEADER = 'age-encryption.org/v1\n'
/** Each costs a scalar multiplication for each key of the ring. */
const MOST_STANZAS = 64

async function decrypt(file: Uint8Array, identities: readonly CryptoKey[]): Promise<Uint8Array | 'stranger'> {
  if (Buffer.from(file.subarray(0, HEADER.length)).toString('latin1') !== HEADER) throw invalid('is no age file')
  const { Decrypter } = await import('age-encryption')
  const decrypter = new Decrypter()
  // Of its errors the library tells nothing but English: how far it came says which one it was.
  let reached: 'nothing' | 'header' | 'nobody' = 'nothing'
  let stanzaCount = 0
  decrypter.addIdentity({
    unwrapFileKey: (stanzas) => {
      reached = 'header'
      stanzaCount = stanzas.length
      if (stanzaCount > MOST_STANZAS) throw new RangeError('too many stanzas')
      return null
    },
  })
  for (const identity of identities) decrypter.addIdentity(identity)
  decrypter.addIdentity({
    unwrapFileKey: () => {
      reached = 'nobody'
      return null
    },
  })
  try {
    return await decrypter.decrypt(file)
  } catch {
    if (isAt(reached, 'nobody')) return 'stranger'
    if (stanzaCount > MOST_STANZAS) throw invalid(`has more than ${MOST_STANZAS} recipients`)
    throw invalid(isAt(reached, 'nothing') ? 'has no whole age header: it was cut short' : 'was cut short, or changed')
  }
}

/** The compiler does not see that callbacks assign. */
function isAt<Place extends string>(reached: Place, place: Place): boolean {
  return reached === place
}

/** The header of a PKCS #8 X25519 key (RFC 8410 §7), before its 32 bytes. */
const PKCS8 = Buffer.from('302e020100300506032b656e04220420', 'hex')

async function deriveIdentity({ id, key }: RingKey): Promise<CryptoKey> {
  const bytes = key.export()
  const seed = Buffer.from(hkdfSync('sha256', bytes, id, 'revenant/submission/x25519/v1', 32))
  bytes.fill(0)
  const pkcs8 = Uint8Array.from([...PKCS8, ...seed])
  seed.fill(0)
  try {
    return await crypto.subtle.importKey('pkcs8', pkcs8, { name: 'X25519' }, false, ['deriveBits'])
  } finally {
    pkcs8.fill(0)
  }
}

/** The largest text of one row, and what is decrypted of it at most. */
export const LARGEST_TEXT = 256 * 1024

const ARMOUR = '-----BEGIN AGE ENCRYPTED FILE-----'

/** The age file of a text: armoured, or its binary form in base64. Throws `SECRET_INVALID`. */
export async function ageOfText(text: string): Promise<Uint8Array> {
  if (text.length > LARGEST_TEXT) throw invalid(`is longer than ${LARGEST_TEXT} characters`)
  if (text.trimStart().startsWith(ARMOUR)) return unarmoured(text)
  const base64 = text.replaceAll(/\s/g, '')
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) throw invalid('is neither an armoured age file nor one in base64')
  return Buffer.from(base64, 'base64')
}

/** The same of a file, which may be armoured or not. */
export async function ageOfFile(bytes: Uint8Array): Promise<Uint8Array> {
  const start = Buffer.from(bytes.subarray(0, 256)).toString('latin1').trimStart()
  return start.startsWith(ARMOUR) ? unarmoured(Buffer.from(bytes).toString('latin1')) : bytes
}

async function unarmoured(text: string): Promise<Uint8Array> {
  const { armor } = await import('age-encryption')
  try {
    return armor.decode(text)
  } catch {
    throw invalid('is armoured, and the armour is cut short or broken')
  }
}

function invalid(message: string): RevenantError {
  return new RevenantError('SECRET_INVALID', `the submission ${message}`)
}
