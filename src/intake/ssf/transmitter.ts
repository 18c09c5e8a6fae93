import { createPrivateKey } from 'node:crypto'
import { z } from 'zod'
import { openTokens, type Tokens } from '../../custody/managers/tokens.ts'
import { RevenantError } from '../../domain/error.ts'
import { newId } from '../../domain/id.ts'
import { openHttp, type SsfAnswer, type SsfHttp, type SsfQuestion } from './http.ts'
import { isSafeUrl, type SsfOptions } from './options.ts'

/** What a transmitter says of itself, with what the configuration says in its place. */
export interface Metadata {
  jwks: string | undefined
  poll: string | undefined
  configuration: string | undefined
  status: string | undefined
  verification: string | undefined
  criticalSubjects: readonly string[]
  /** How it delivers, as it calls it; empty: it does not say. */
  methods: readonly string[]
}

export interface Asking {
  /** Reads a secret by reference. */
  readReference(reference: string): Promise<string>
  signal?: AbortSignal | undefined
}

/** The other side of a source. */
export interface Transmitter {
  /** Without a right: keys and configuration are public. */
  http: SsfHttp
  /** Read once an hour. Throws `SOURCE_UNREACHABLE`, `SOURCE_REFUSED`. */
  metadata(signal?: AbortSignal): Promise<Metadata>
  /** Asks with the right that the configuration gives. Throws `SOURCE_UNREACHABLE`, `SOURCE_REFUSED`, `SECRET_*`. */
  ask(question: SsfQuestion, asking: Asking): Promise<SsfAnswer>
}

const KEPT_MS = 3_600_000
/** After a failure it is not asked again for so long. */
const PAUSE_MS = 10_000

const text = z.string().max(1_000).refine(isSafeUrl).optional()
const metadataSchema = z.object({
  issuer: z.string(),
  jwks_uri: text,
  configuration_endpoint: text,
  status_endpoint: text,
  verification_endpoint: text,
  delivery_methods_supported: z.array(z.string().max(1_000)).max(100).optional(),
  critical_subject_members: z.array(z.string().max(100)).max(100).optional(),
})

/** @param now monotonic milliseconds */
export function openTransmitter(options: SsfOptions, now: () => number = () => performance.now()): Transmitter {
  const http = openHttp()
  let kept: { metadata: Metadata; until: number } | undefined
  let failed: { error: unknown; until: number } | undefined
  let tokens: Tokens | undefined
  const metadata = async (signal?: AbortSignal): Promise<Metadata> => {
    if (kept !== undefined && kept.until > now()) return kept.metadata
    if (failed !== undefined && failed.until > now()) return kept?.metadata ?? Promise.reject(failed.error)
    try {
      kept = { metadata: await readMetadata(options, http, signal), until: now() + KEPT_MS }
      failed = undefined
    } catch (error) {
      failed = { error, until: now() + PAUSE_MS }
      // What it said before is better than nothing: keys have a life of their own.
      if (kept === undefined) throw error
    }
    return kept.metadata
  }
  const authorize = async (asking: Asking): Promise<string | undefined> => {
    const { authorization } = options
    if (authorization === undefined) return undefined
    if ('token' in authorization) return `${authorization.scheme} ${(await asking.readReference(authorization.token)).trim()}`
    tokens ??= openTokens({ login: () => logIn(authorization, http, asking) })
    return `Bearer ${await tokens.get(asking.signal ?? new AbortController().signal)}`
  }
  return {
    http,
    metadata,
    ask: async (question, asking) => {
      const header = await authorize(asking)
      const headers = { ...question.headers, ...(header === undefined ? {} : { authorization: header }) }
      const answer = await http({ ...question, headers, signal: asking.signal })
      if (answer.status === 401 && header !== undefined) tokens?.drop(header.slice('Bearer '.length))
      return answer
    },
  }
}

/** What an answer says, where its status is one of these. Throws `SOURCE_REFUSED`, `SOURCE_UNREACHABLE`. */
export function answered<Value>(
  schema: z.ZodType<Value>,
  answer: SsfAnswer,
  what: string,
  good: readonly number[] = [200],
): Value {
  refuseBut(answer, what, good)
  const parsed = schema.safeParse(answer.body)
  if (parsed.success) return parsed.data
  throw new RevenantError('SOURCE_REFUSED', `the transmitter's answer is no ${what}`)
}

/** Throws for every other status. */
export function refuseBut({ status }: SsfAnswer, what: string, good: readonly number[]): void {
  if (good.includes(status)) return
  const code = status === 429 || status >= 500 ? 'SOURCE_UNREACHABLE' : 'SOURCE_REFUSED'
  throw new RevenantError(code, `the transmitter answered ${status} when asked for its ${what}`)
}

async function readMetadata(options: SsfOptions, http: SsfHttp, signal: AbortSignal | undefined): Promise<Metadata> {
  const { configurationUrl, endpoints, issuer, criticalSubjects } = options
  const own = { ...emptyOf(endpoints), criticalSubjects, methods: [] }
  if (configurationUrl === undefined) return own
  const said = answered(metadataSchema, await http({ method: 'GET', url: configurationUrl, signal }), 'configuration')
  if (said.issuer !== issuer)
    throw new RevenantError('SOURCE_REFUSED', 'the configuration of the transmitter is of another issuer than `issuer`')
  const clear = configurationUrl.startsWith('http:')
  const found = [said.jwks_uri, said.configuration_endpoint, said.status_endpoint, said.verification_endpoint]
  if (!clear && found.some((each) => each?.startsWith('http:') === true))
    throw new RevenantError('SOURCE_REFUSED', 'the configuration of the transmitter names addresses that are not https://')
  return {
    jwks: own.jwks ?? said.jwks_uri,
    poll: own.poll,
    configuration: own.configuration ?? said.configuration_endpoint,
    status: own.status ?? said.status_endpoint,
    verification: own.verification ?? said.verification_endpoint,
    criticalSubjects: [...criticalSubjects, ...(said.critical_subject_members ?? [])],
    methods: said.delivery_methods_supported ?? [],
  }
}

function emptyOf({ jwks, poll, configuration, status, verification }: SsfOptions['endpoints']) {
  return { jwks, poll, configuration, status, verification }
}

type ClientCredentials = Extract<SsfOptions['authorization'], { clientId: string }>

const leaseSchema = z.object({ access_token: z.string().min(1).max(16_384), expires_in: z.number().positive().optional() })

async function logIn(client: ClientCredentials, http: SsfHttp, asking: Asking) {
  const { tokenUrl, clientId, scopes } = client
  const form = { grant_type: 'client_credentials', ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }) }
  const proof = await proofOf(client, asking)
  const answer = await http({
    ...{ method: 'POST', url: tokenUrl, form: { ...form, ...proof.form }, headers: proof.headers, signal: asking.signal },
  })
  const { access_token, expires_in } = answered(leaseSchema, answer, `token for the client ${clientId}`)
  return { token: access_token, livesMs: (expires_in ?? 300) * 1_000, renewable: false }
}

async function proofOf(
  { tokenUrl, clientId, clientSecret, privateKey, keyId }: ClientCredentials,
  { readReference }: Asking,
): Promise<{ form: Record<string, string>; headers: Record<string, string> }> {
  if (clientSecret !== undefined) {
    const secret = (await readReference(clientSecret)).trim()
    // RFC 6749 §2.3.1: both are encoded as in a form before they are joined.
    const joined = [clientId, secret].map((part) => new URLSearchParams({ p: part }).toString().slice(2)).join(':')
    return { form: {}, headers: { authorization: `Basic ${Buffer.from(joined).toString('base64')}` } }
  }
  if (privateKey === undefined) throw new RevenantError('CONFIG_INVALID', 'authorization has neither clientSecret nor privateKey')
  const key = keyOf(await readReference(privateKey), privateKey)
  const { SignJWT } = await import('jose')
  const assertion = await new SignJWT({})
    .setProtectedHeader({
      alg: key.asymmetricKeyType === 'rsa' ? 'RS256' : 'ES256',
      ...(keyId === undefined ? {} : { kid: keyId }),
    })
    .setIssuer(clientId)
    .setSubject(clientId)
    .setAudience(tokenUrl)
    .setJti(newId())
    .setIssuedAt()
    .setExpirationTime('2m')
    .sign(key)
  const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
  return { form: { client_id: clientId, client_assertion_type: type, client_assertion: assertion }, headers: {} }
}

function keyOf(pem: string, reference: string) {
  try {
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyType === 'rsa' || key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key
  } catch {
    // Its message may quote the key.
  }
  throw new RevenantError('SECRET_INVALID', `${reference} is no private key of RSA or P-256 in PEM`)
}
