import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { z } from 'zod'
import { RevenantError } from '../../src/domain/error.ts'

/** A client's signing key as the library takes it. */
export interface ClientKey {
  key: CryptoKey
  kid?: string
}

const text = z.string().exactOptional()
/** The members of RFC 7518 §6.2 and §6.3 and RFC 8037 that Node's import reads. */
const jwk = z.object({
  ...{ kty: z.string(), kid: text, alg: text, crv: text, x: text, y: text, d: text },
  ...{ n: text, e: text, p: text, q: text, dp: text, dq: text, qi: text },
})

/**
 * Reads a PEM (PKCS#8, PKCS#1, SEC 1) or a JWK (RFC 7517). The algorithm is the JWK's own, else the usual one of its kind: RS256,
 * ES256/384/512, Ed25519. Throws `SECRET_INVALID` without the reason, which could quote the key.
 */
export async function readClientKey(given: string): Promise<ClientKey> {
  try {
    const { key, alg, kid } = parse(given)
    const der = new Uint8Array(key.export({ type: 'pkcs8', format: 'der' }))
    const imported = await crypto.subtle.importKey('pkcs8', der, algorithmOf(key, alg), false, ['sign'])
    der.fill(0)
    return { key: imported, ...(kid === undefined ? {} : { kid }) }
  } catch {
    throw new RevenantError('SECRET_INVALID', 'the private key cannot be read: give a PEM or a JWK of RSA, EC or Ed25519')
  }
}

/** A key of the same kind, known by nobody, for decoys. The made-up one is of P-256 where the real one cannot be read. */
export function makeClientKey(like: string): string {
  const kind = kindOf(like)
  if (kind === 'rsa') {
    // A tenth of a second and more, in which nothing else runs: one for the life of the process is as unknown as many.
    madeUpRsa ??= pemOf(generateKeyPairSync('rsa', { modulusLength: 2_048 }))
    return madeUpRsa
  }
  return pemOf(
    kind === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: kind ?? 'prime256v1' }),
  )
}

let madeUpRsa: string | undefined

function pemOf({ privateKey }: { privateKey: KeyObject }): string {
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

const CURVES: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' }

function algorithmOf(key: KeyObject, alg: string | undefined) {
  const { asymmetricKeyType: type } = key
  if (type === 'ed25519') return 'Ed25519'
  if (type === 'ec') return { name: 'ECDSA', namedCurve: CURVES[key.asymmetricKeyDetails?.namedCurve ?? ''] ?? '' }
  if (type !== 'rsa') throw new TypeError('a key of another kind')
  const [, name = 'RS', size = '256'] = /^(RS|PS)(256|384|512)$/.exec(alg ?? '') ?? []
  return { name: name === 'PS' ? 'RSA-PSS' : 'RSASSA-PKCS1-v1_5', hash: `SHA-${size}` }
}

function parse(given: string): { key: KeyObject; alg?: string | undefined; kid?: string | undefined } {
  if (!given.trimStart().startsWith('{')) return { key: createPrivateKey(given) }
  const { alg, kid, ...members } = jwk.parse(JSON.parse(given))
  return { key: createPrivateKey({ key: members, format: 'jwk' }), alg, kid }
}

function kindOf(given: string): string | undefined {
  try {
    const { key } = parse(given)
    return key.asymmetricKeyType === 'ec' ? key.asymmetricKeyDetails?.namedCurve : key.asymmetricKeyType
  } catch {
    return undefined
  }
}
