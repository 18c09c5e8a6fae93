import { z } from 'zod'
import type { GcpConfig } from '../../domain/secret-manager.ts'
import type { ReadReference } from '../local-reference.ts'
import { answered, openHttp, segments } from './http.ts'
import { type ManagedPlace, ManagerError, type SecretManager, textOf } from './manager.ts'
import { openTurnstile } from './turnstile.ts'

/** Google Cloud's Secret Manager and KMS by their REST API; Google's own library finds and renews the credentials. */
export function openGcp(config: GcpConfig, readLocal: ReadReference): SecretManager {
  const secrets = openHttp(config.endpoint ?? secretsAddress(config), async () => ({}))
  const kms = openHttp(config.endpoint ?? 'https://cloudkms.googleapis.com', async () => ({}))
  const turn = openTurnstile()
  const token = openToken(config, readLocal)
  const headers = async () => ({ authorization: `Bearer ${await token()}` })
  const cipher = <T>(path: string, json: Record<string, string>, schema: z.ZodType<T>) =>
    turn(async (signal) =>
      answered(
        schema,
        await kms.ask({
          method: 'POST',
          path,
          json: { ...json, additionalAuthenticatedData: CONTEXT },
          headers: await headers(),
          signal,
        }),
      ),
    )
  return {
    read: (place) =>
      turn(async (signal) => {
        const answer = await secrets.ask({ method: 'GET', path: pathOf(config, place), headers: await headers(), signal })
        return textOf(Buffer.from(answered(accessed, answer).payload.data, 'base64'))
      }),
    keys: {
      wrap: async (key, secret) =>
        (await cipher(`/v1${segments(key)}:encrypt`, { plaintext: Buffer.from(secret).toString('base64') }, encrypted))
          .ciphertext,
      unwrap: async (key, ciphertext) =>
        Buffer.from((await cipher(`/v1${segments(key)}:decrypt`, { ciphertext }, decrypted)).plaintext, 'base64'),
    },
    close: async () => {
      await Promise.all([secrets.close(), kms.close()])
    },
  }
}

/** Authenticated with what is encrypted. */
const CONTEXT = Buffer.from('revenant/key-ring').toString('base64')

const accessed = z.object({ payload: z.object({ data: z.base64() }) })
const encrypted = z.object({ ciphertext: z.string().min(1) })
const decrypted = z.object({ plaintext: z.base64() })

function secretsAddress({ location }: GcpConfig): string {
  return location === undefined ? 'https://secretmanager.googleapis.com' : `https://secretmanager.${location}.rep.googleapis.com`
}

function pathOf({ project, location }: GcpConfig, { path, version = 'latest' }: ManagedPlace): string {
  if (path.includes('/')) throw new ManagerError('unfit', 'has no folders: the path is the name of the secret')
  const place = location === undefined ? ['projects', project] : ['projects', project, 'locations', location]
  return `/v1${segments(...place, 'secrets', path, 'versions', version)}:access`
}

const SCOPE = 'https://www.googleapis.com/auth/cloud-platform'

/** The library keeps the token until it is about to end. */
function openToken({ credentials, project }: GcpConfig, read: ReadReference): () => Promise<string> {
  const open = async () => {
    const { GoogleAuth, JWT } = await import('google-auth-library')
    // Named here, or the library would start gcloud to learn the project.
    const options = { scopes: [SCOPE], projectId: project }
    if (credentials === undefined) return new GoogleAuth(options)
    const { client_email: email, private_key: key } = keyOf(await read(credentials))
    return new GoogleAuth({ ...options, authClient: new JWT({ email, key, scopes: [SCOPE] }) })
  }
  let auth: ReturnType<typeof open> | undefined
  return async () => {
    auth ??= open()
    try {
      const token = await (await auth).getAccessToken()
      if (typeof token === 'string' && token !== '') return token
    } catch (error) {
      auth = undefined
      // Of the credentials. What the library says may quote what it was given.
      if (error instanceof ManagerError) throw error
    }
    throw new ManagerError('refused', 'was not asked: no token could be had with the credentials')
  }
}

const serviceAccount = z.object({
  type: z.literal('service_account'),
  client_email: z.string().min(1),
  private_key: z.string().min(1),
})

/** Other forms name addresses and programs of their own: those are for whoever sets up this machine, as its default credentials. */
function keyOf(text: string): z.output<typeof serviceAccount> {
  try {
    return serviceAccount.parse(JSON.parse(text))
  } catch {
    throw new ManagerError('unfit', 'was not asked: its credentials are no JSON key of a service account')
  }
}
