import { z } from 'zod'
import type { AzureAuth, AzureConfig } from '../../domain/secret-manager.ts'
import type { ReadReference } from '../local-reference.ts'
import { type Answer, answered, openHttp, type Question, segments } from './http.ts'
import { type ManagedPlace, ManagerError, type SecretManager, textOf } from './manager.ts'
import { type Lease, openTokens } from './tokens.ts'
import { openTurnstile } from './turnstile.ts'

/** Key vaults of Azure by their REST API. Its SDK brings a browser's sign-in along, thirty times as large as what is needed here. */
export function openAzure(config: AzureConfig, readLocal: ReadReference): SecretManager {
  const http = openHttp(config.address, async () => ({}))
  const turn = openTurnstile()
  const tokens = openTokens({ login: (signal) => login(config, readLocal, signal) })
  const ask = <T>(question: Omit<Question, 'signal' | 'headers'>, schema: z.ZodType<T>) =>
    turn(async (signal) => {
      const token = await tokens.get(signal)
      const answer = await http.ask({ ...question, headers: { authorization: `Bearer ${token}` }, signal })
      if (answer.status === 401) tokens.drop(token)
      return answered(schema, answer)
    })
  return {
    read: async (place) => textOf(Buffer.from((await ask({ method: 'GET', path: pathOf(place) }, secret)).value)),
    keys: {
      wrap: async (key, bytes) => {
        const json = { alg: ALGORITHM, value: Buffer.from(bytes).toString('base64url') }
        const { kid, value } = await ask({ method: 'POST', path: `${segments('keys', key, 'wrapkey')}${API}`, json }, operated)
        // A key that is rotated still unwraps with the version that wrapped.
        return `${versionOf(kid)}.${value}`
      },
      unwrap: async (key, wrapped) => {
        const [version = '', value = ''] = wrapped.split('.')
        const path = `${segments('keys', key, version, 'unwrapkey')}${API}`
        const answer = await ask({ method: 'POST', path, json: { alg: ALGORITHM, value } }, operated)
        return Buffer.from(answer.value, 'base64url')
      },
    },
    close: () => http.close(),
  }
}

const API = '?api-version=7.4'
const ALGORITHM = 'RSA-OAEP-256'

const secret = z.object({ value: z.string() })
const operated = z.object({ kid: z.string(), value: z.base64url() })
/** Entra says seconds as a number, the endpoints of managed identities as text. */
const granted = z.object({ access_token: z.string().min(1), expires_in: z.coerce.number().positive() })

function pathOf({ path, version }: ManagedPlace): string {
  if (path.includes('/')) throw new ManagerError('unfit', 'has no folders: the path is the name of the secret')
  return `${version === undefined ? segments('secrets', path) : segments('secrets', path, version)}${API}`
}

/** `https://NAME.vault.azure.net/keys/KEY/VERSION`. */
function versionOf(kid: string): string {
  const version = /\/([0-9a-f]{32})$/.exec(kid)?.[1]
  if (version === undefined) throw new ManagerError('unfit', 'answered 200, and did not say which version of the key it used')
  return version
}

/** The vaults' own name in each cloud, which tokens are asked for. */
const CLOUDS = ['vault.azure.net', 'vault.azure.cn', 'vault.usgovcloudapi.net', 'managedhsm.azure.net']

function audienceOf(address: string): string {
  const { hostname } = new URL(address)
  return `https://${CLOUDS.find((cloud) => hostname.endsWith(`.${cloud}`)) ?? 'vault.azure.net'}`
}

async function login({ address, auth }: AzureConfig, read: ReadReference, signal: AbortSignal): Promise<Lease> {
  const audience = audienceOf(address)
  const answer =
    auth.method === 'managed-identity' ? await askMachine(auth, audience, signal) : await askEntra(auth, audience, read, signal)
  // Entra says 400 and 401 to wrong credentials.
  if (answer.status >= 400 && answer.status < 429)
    throw new ManagerError('refused', `was not asked: no token by ${auth.method} (${answer.status})`)
  const { access_token: token, expires_in: seconds } = answered(granted, answer)
  return { token, livesMs: seconds * 1_000, renewable: false }
}

type Application = Exclude<AzureAuth, { method: 'managed-identity' }>

async function askEntra(auth: Application, audience: string, read: ReadReference, signal: AbortSignal): Promise<Answer> {
  const proof: Record<string, string> =
    auth.method === 'client-secret'
      ? { client_secret: await read(auth.clientSecret) }
      : {
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          client_assertion: await read(auth.token),
        }
  const form = { grant_type: 'client_credentials', client_id: auth.clientId, scope: `${audience}/.default`, ...proof }
  return askOnce(auth.authority, { method: 'POST', path: segments(auth.tenantId, 'oauth2', 'v2.0', 'token'), form, signal })
}

/** Apps have an endpoint of their own, named by their environment; machines have the metadata service, at a link-local address. */
async function askMachine(
  { clientId }: Extract<AzureAuth, { method: 'managed-identity' }>,
  audience: string,
  signal: AbortSignal,
): Promise<Answer> {
  const { IDENTITY_ENDPOINT: endpoint, IDENTITY_HEADER: header } = process.env
  const ofApp = endpoint !== undefined && header !== undefined
  const query = new URLSearchParams({
    'api-version': ofApp ? '2019-08-01' : '2018-02-01',
    resource: audience,
    ...(clientId === undefined ? {} : { client_id: clientId }),
  })
  const url = new URL(ofApp ? endpoint : 'http://169.254.169.254/metadata/identity/oauth2/token')
  const headers: Record<string, string> = ofApp ? { 'x-identity-header': header } : { metadata: 'true' }
  return askOnce(url.origin, { method: 'GET', path: `${url.pathname}?${query}`, headers, signal })
}

/** A token lasts an hour or a day: no connection is kept for it. */
async function askOnce(address: string, question: Question): Promise<Answer> {
  const http = openHttp(address, async () => ({}))
  try {
    return await http.ask(question)
  } finally {
    await http.close()
  }
}
