import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { ProtocolFault } from './connection.ts'

const derive = promisify(pbkdf2)

/** A server names the work to be done: beyond this (0.5 s of one core) it gets none. PostgreSQL's default is 4096. */
const MAX_ITERATIONS = 1_000_000

export interface Scram {
  /** The client-first-message. */
  first: string
  /** The client-final-message that answers a server-first-message. Throws a ProtocolFault when that is not one. */
  final(serverFirst: string): Promise<string>
  /** True when the server-final-message proves that the server holds this password's verifier. */
  proves(serverFinal: string): boolean
}

/**
 * The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677) without channel binding. PostgreSQL takes the user's name from the
 * startup message and ignores the one in here.
 */
export function startScram(password: string): Scram {
  const nonce = randomBytes(18).toString('base64')
  let expected: Buffer | undefined
  return {
    first: `n,,n=*,r=${nonce}`,
    final: async (serverFirst) => {
      const { salt, iterations, joint } = parseServerFirst(serverFirst, nonce)
      const withoutProof = `c=biws,r=${joint}`
      const message = `n=*,r=${nonce},${serverFirst},${withoutProof}`
      const salted = await derive(saslPrep(password), salt, iterations, 32, 'sha256')
      const clientKey = hmac(salted, 'Client Key')
      const signature = hmac(createHash('sha256').update(clientKey).digest(), message)
      expected = hmac(hmac(salted, 'Server Key'), message)
      return `${withoutProof},p=${xor(clientKey, signature).toString('base64')}`
    },
    proves: (serverFinal) => {
      const given = Buffer.from(/^v=([A-Za-z0-9+/=]+)$/.exec(serverFinal)?.[1] ?? '', 'base64')
      return expected !== undefined && given.length === expected.length && timingSafeEqual(given, expected)
    },
  }
}

/**
 * False when we cannot know which bytes the server made of this password. SASLprep (RFC 4013) works on Unicode 3.2, and
 * PostgreSQL takes a password that has a newer or a forbidden character as it is; JavaScript cannot tell which those are. It
 * matters only where normalisation changes something: a mismatch then proves nothing.
 */
export function isSurelyPrepared(password: string): boolean {
  return saslPrep(password) === password || SURELY_ASSIGNED.test(password)
}

/** Blocks without gaps in Unicode 3.2 and without controls: Latin, ideographs, Hangul, ligatures, full-width forms. */
const SURELY_ASSIGNED =
  /^[\u0020-\u007e\u00a0-\u021f\u2000-\u200b\u202f\u3000\u3041-\u3094\u30a1-\u30fe\u4e00-\u9fa5\uac00-\ud7a3\ufb00-\ufb06\uff01-\uff5e]*$/

/** RFC 3454 C.1.2: spaces that become a space. B.1: characters that become nothing. */
const SPACES = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/g
const NOTHING = /\u00ad|\u034f|\u1806|[\u180b-\u180d]|\u200c|\u200d|\u2060|[\ufe00-\ufe0f]|\ufeff/g

function saslPrep(password: string): string {
  const prepared = password.replace(SPACES, ' ').replace(NOTHING, '').normalize('NFKC')
  return prepared === '' ? password : prepared
}

function parseServerFirst(message: string, nonce: string): { salt: Buffer; iterations: number; joint: string } {
  const parts = /^r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/=]+),i=([1-9][0-9]{0,9})$/.exec(message)
  const [, joint = '', salt = '', count = ''] = parts ?? []
  // A joint nonce that is not ours and more is a replayed message.
  if (!joint.startsWith(nonce) || joint.length === nonce.length) {
    throw new ProtocolFault('protocol_error', 'not an answer to our SCRAM message')
  }
  const iterations = Number(count)
  if (iterations > MAX_ITERATIONS) throw new ProtocolFault('auth_method_unsupported', 'more SCRAM iterations than we do')
  return { salt: Buffer.from(salt, 'base64'), iterations, joint }
}

function hmac(key: Buffer, message: string): Buffer {
  return createHmac('sha256', key).update(message).digest()
}

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((byte, index) => byte ^ (b[index] ?? 0)))
}
