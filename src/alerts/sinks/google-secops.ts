import { createPrivateKey, type KeyObject } from 'node:crypto'
import { z } from 'zod'
import { RevenantError } from '../../domain/error.ts'
import { CERTIFICATE_PAIR } from './entry-rules.ts'
import { documentOf, httpSink } from './http.ts'
import { below, plainUrlField, urlField } from './http-address.ts'
import { isPage, isSuccess, refused, unexpected } from './http-answer.ts'
import { tokenSource } from './http-token.ts'
import { commonFields, formatField, requiredSecret, resolvedSecret, type Sink, type SinkDeps, tlsFields } from './sink.ts'

export const googleSecopsEntry = z
  .strictObject({
    ...commonFields,
    ...tlsFields,
    secret: requiredSecret('The key of a service account, as the JSON file that Google Cloud hands out.'),
    format: formatField(['udm']),
    sink: z.literal('google-secops'),
    to: urlField('The regional endpoint of the Chronicle API: https://chronicle.eu.rep.googleapis.com.'),
    project: z
      .string()
      .regex(/^[a-z0-9-]{1,63}$/, 'give the id or number of the Google Cloud project')
      .describe('The Google Cloud project of the instance.'),
    location: z
      .string()
      .regex(/^[a-z0-9-]{1,40}$/, 'give a location such as eu, us or europe-west3')
      .describe('The location of the instance.'),
    instance: z.guid().describe('The customer id of the instance.'),
    apiVersion: z.enum(['v1', 'v1beta', 'v1alpha']).default('v1beta').describe('The version of the Chronicle API.'),
    authority: plainUrlField('Where tokens come from.').default('https://oauth2.googleapis.com/token'),
  })
  .refine(CERTIFICATE_PAIR.holds, CERTIFICATE_PAIR.fault)

type GoogleSecopsEntry = z.output<typeof googleSecopsEntry>

const SCOPE = 'https://www.googleapis.com/auth/cloud-platform'
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
/** The longest that Google takes. */
const ASSERTION_SECONDS = 3_600
/** One batch of the ingestion service. */
const MOST_BYTES = 1_000_000

/** Only what is used. `token_uri` is not: a key file must not say where its own signature is sent. */
const keyFile = z.object({
  type: z.literal('service_account'),
  client_email: z.email(),
  private_key: z.string().min(1),
  private_key_id: z.string().min(1),
})

const KEY_FILE = 'the JSON key file of a Google service account'

const ADVICE: Readonly<Record<number, string>> = {
  400: 'The instance cannot read the event: check that the format is udm, and see the ingestion metrics of the instance.',
  401: 'The API does not accept the token: check that the service account exists and its key is not disabled.',
  403: 'The service account may not import events: give it the permission chronicle.events.import, and enable the Chronicle API in the project.',
  404: 'The API knows no such instance: check `to`, `project`, `location`, `instance` and `apiVersion`.',
}

/**
 * Imports each alert as one UDM event (Chronicle API, events.import). Delivered: the API has taken it; indexing comes later. A retry
 * imports it again, with the same `metadata.product_log_id`.
 */
export function openGoogleSecops(entry: GoogleSecopsEntry, deps: SinkDeps): Sink {
  const account = accountOf(entry, deps)
  const tokens = tokenSource({
    name: entry.name,
    url: entry.authority,
    now: deps.now,
    form: async () => ({ grant_type: JWT_BEARER, assertion: await assertion(account, entry.authority, deps) }),
    advice: ({ error }) =>
      error === 'invalid_grant'
        ? 'Google does not accept the key: check the clock of this machine, and that the key of the service account still exists.'
        : undefined,
  })
  const parent = `${entry.apiVersion}/projects/${entry.project}/locations/${entry.location}/instances/${entry.instance}`
  return httpSink(entry, deps, {
    kind: 'google-secops',
    mostBytes: MOST_BYTES,
    async deliver(message, http) {
      const token = await tokens.get(http)
      const answer = await http.post({
        url: below(http.to, `${parent}/events:import`),
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ inlineSource: { events: [{ udm: documentOf(message) }] } }),
      })
      if (isSuccess(answer) && !isPage(answer)) return { detail: { status: answer.status } }
      if (isSuccess(answer)) throw unexpected(entry.name, answer)
      if (answer.status === 401) tokens.forget(token)
      throw refused(entry.name, answer, { advice: ADVICE[answer.status] })
    },
  })
}

interface Account {
  email: string
  keyId: string
  key: KeyObject
}

function accountOf(entry: GoogleSecopsEntry, deps: SinkDeps): Account {
  const secret = resolvedSecret(entry, deps, { pattern: /^\{[\s\S]*\}$/, words: KEY_FILE })
  try {
    const { client_email: email, private_key_id: keyId, private_key } = keyFile.parse(JSON.parse(secret))
    return { email, keyId, key: createPrivateKey(private_key) }
  } catch {
    // What zod, JSON and OpenSSL say of it may quote the key.
    throw new RevenantError('SECRET_INVALID', `sink ${entry.name}: secret (${entry.secret}) must hold ${KEY_FILE}`)
  }
}

/** RFC 7523 §2.1, signed as Google asks for. */
async function assertion({ email, keyId, key }: Account, audience: string, { now }: SinkDeps): Promise<string> {
  const { SignJWT } = await import('jose')
  const issuedAt = Math.floor(now().epochMilliseconds / 1_000)
  return new SignJWT({ scope: SCOPE })
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: keyId })
    .setIssuer(email)
    .setAudience(audience)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + ASSERTION_SECONDS)
    .sign(key)
}
