import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { Decoy } from '../../src/domain/control.ts'
import { secretText } from '../../src/probe/http-target.ts'
import { madeUpName, madeUpPassword, madeUpToken } from '../../src/probe/made-up.ts'
import { makeClientKey } from './client-key.ts'
import type { ClientProof } from './library.ts'
import { refreshQuestionOf, type Target } from './target.ts'

/** PEM or JWK: line breaks are a PEM's own. */
const keyText = z
  .string()
  .max(16_384)
  .refine((text) => text.trim() !== '' && !text.includes('\0'), 'empty')

const accessToken = z.strictObject({ accessToken: secretText, clientId: secretText.optional() })
const refreshToken = z.strictObject({
  refreshToken: secretText,
  /** The client that it was given to, where it is not the target's. Without a secret: a public one. */
  clientId: secretText.optional(),
  clientSecret: secretText.optional(),
  privateKey: keyText.optional(),
  /** Set in successors only: the client that has redeemed the one before. */
  redeemedBy: secretText.optional(),
})
const clientSecret = z.strictObject({ clientId: secretText, clientSecret: secretText })
const privateKey = z.strictObject({ clientId: secretText, privateKey: keyText })

export type AccessToken = z.infer<typeof accessToken>
export type RefreshToken = z.infer<typeof refreshToken>
export type Client = z.infer<typeof clientSecret> | z.infer<typeof privateKey>

export const secretSchema = z.union([
  accessToken,
  refreshToken.refine(
    (of) => of.clientId !== undefined || (of.clientSecret === undefined && of.privateKey === undefined),
    'a client secret or key needs its clientId',
  ),
  clientSecret,
  privateKey,
])
/** `{}` is nobody: no schema lets it in, only `decoy` makes it. */
export type Secret = z.infer<typeof secretSchema> | Record<string, never>

export const NOBODY: Secret = Object.freeze({})

export function isAccessToken(secret: Secret): secret is AccessToken {
  return 'accessToken' in secret
}

export function isRefreshToken(secret: Secret): secret is RefreshToken {
  return 'refreshToken' in secret
}

/** The client that a secret is of; undefined for nobody. */
export function clientIn(secret: Client | Record<string, never>): ClientProof | undefined {
  const { clientId: id } = secret
  if (id === undefined) return undefined
  return 'privateKey' in secret ? { id, privateKey: secret.privateKey } : { id, secret: secret.clientSecret }
}

/**
 * What kind of secret this is, for the canary. A token vouches only for those of its client, and where it is a JWT for those of its issuer
 * and audience: a server says "inactive" of a live token too when it is not the asker's business (RFC 7662 §2.2).
 */
export function formOf(secret: Secret, target: Target): string | undefined {
  if (isAccessToken(secret)) {
    const question = target.introspect === undefined ? 'userinfo' : 'introspect'
    // Nobody can tell whose it is: the canary of another client proves nothing of it.
    if (question === 'introspect' && secret.clientId === undefined && tokenKind(secret.accessToken) === 'opaque') return undefined
    return [question, secret.clientId ?? '', tokenKind(secret.accessToken)].join(':')
  }
  if (isRefreshToken(secret)) {
    const client = secret.clientId ?? target.client?.id ?? ''
    return [refreshQuestionOf(target) ?? '', client, tokenKind(secret.refreshToken)].join(':')
  }
  return `${target.clients}:${'privateKey' in secret ? 'private_key_jwt' : target.clientAuth}`
}

/**
 * A secret that nobody holds. Of tokens never one that names a real one: a made-up signature under a real token's claims could end its
 * family at a server that looks it up before it checks.
 */
export function decoyOf(secret: Secret, of: Decoy, target: Target | undefined): Secret | undefined {
  // The token endpoint and introspection take nobody without a client.
  if (of === 'nobody') return isAccessToken(secret) && target?.introspect === undefined ? NOBODY : undefined
  if (isAccessToken(secret)) return { ...secret, accessToken: madeUpToken(secret.accessToken, [], of) }
  if (isRefreshToken(secret)) return { ...secret, refreshToken: madeUpToken(secret.refreshToken) }
  const client = clientIn(secret)
  if (client === undefined) return undefined
  const clientId = of === 'stranger' ? madeUpName() : client.id
  return client.privateKey === undefined
    ? { clientId, clientSecret: madeUpPassword() }
    : { clientId, privateKey: makeClientKey(client.privateKey) }
}

const claims = z.object({
  iss: z.unknown(),
  aud: z.unknown(),
  client_id: z.unknown(),
  azp: z.unknown(),
})

/** `opaque`, or a digest of what a JWT says of the circle that it is meant for. */
function tokenKind(token: string): string {
  const [, payload, signature] = token.split('.')
  if (payload === undefined || signature === undefined) return 'opaque'
  try {
    const { iss, aud, client_id, azp } = claims.parse(JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')))
    return createHash('sha256')
      .update(JSON.stringify([iss ?? null, aud ?? null, client_id ?? azp ?? null]))
      .digest('hex')
      .slice(0, 16)
  } catch {
    return 'opaque'
  }
}
