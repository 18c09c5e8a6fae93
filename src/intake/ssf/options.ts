import { z } from 'zod'
import { duration } from '../../config/duration.ts'
import { line, printable, reference } from '../../config/scalar.ts'
import { isLoopbackHost } from '../../domain/loopback.ts'
import { EVENT_NAMES, EVENTS, eventPolicy, USES } from './events.ts'

/** True for an address to which secrets may go, and from which keys may come: `http://` is for this machine alone. */
export function isSafeUrl(text: string): boolean {
  const url = URL.parse(text)
  if (url === null || url.username !== '' || url.password !== '' || url.hash !== '' || /\s/.test(text)) return false
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname.replace(/^\[|\]$/g, '')))
}

function url(what: string) {
  return z
    .string()
    .max(1_000, { error: 'must have at most 1000 characters' })
    .refine(isSafeUrl, {
      error: 'must be an https:// URL without user or fragment: http:// is for a transmitter on this machine alone',
    })
    .describe(what)
}

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'] as const
/** Members of a complex subject (SSF 1.0). */
export const SUBJECT_MEMBERS = ['user', 'device', 'session', 'application', 'tenant', 'org_unit', 'group'] as const

const authorization = z.union([
  z.strictObject({
    token: reference().describe('A token that does not change.'),
    scheme: printable(20).default('Bearer').describe('How it is announced in the header Authorization.'),
  }),
  z
    .strictObject({
      tokenUrl: url('Where a token is to be had by the grant client_credentials.'),
      clientId: printable(200),
      clientSecret: reference().exactOptional().describe('Sent as HTTP Basic (RFC 6749 §2.3.1).'),
      privateKey: reference()
        .exactOptional()
        .describe('PEM (PKCS#8) of an RSA or P-256 key that signs in place of a secret (RFC 7523).'),
      keyId: printable(200).exactOptional().describe('`kid` of that key.'),
      scopes: z.array(printable(200)).max(20).default(['ssf.manage', 'ssf.read']),
    })
    .refine(({ clientSecret, privateKey }) => (clientSecret === undefined) !== (privateKey === undefined), {
      error: 'must have either clientSecret or privateKey',
    }),
])

/** The keys of a source that is a transmitter of shared signals. */
export const ssfOptions = z
  .strictObject({
    issuer: z.string().min(1).max(500).describe('`iss` of its tokens, character by character.'),
    audience: z
      .array(line())
      .min(1, { error: 'must hold at least one audience' })
      .max(10, { error: 'must hold at most 10 audiences' })
      .describe('`aud` of its tokens: one of these.'),
    delivery: z
      .enum(['push', 'poll'])
      .default('push')
      .describe('push: to /ssf/v1/NAME (RFC 8935). poll: it is asked (RFC 8936).'),
    configurationUrl: url('Where the transmitter says what it is: /.well-known/ssf-configuration.').exactOptional(),
    endpoints: z
      .strictObject({
        jwks: url('Its keys.').exactOptional(),
        poll: url('Where tokens are polled.').exactOptional(),
        configuration: url('Where streams are made.').exactOptional(),
        status: url('Where the status of a stream is told.').exactOptional(),
        verification: url('Where verification is asked for.').exactOptional(),
      })
      .prefault({})
      .describe('What configurationUrl does not say, or there is none; these count before what it says.'),
    authorization: authorization.exactOptional().describe('By what the stream is managed and polled.'),
    stream: z
      .strictObject({
        receiveAt: url('Where the transmitter reaches /ssf/v1/NAME. Of push.').exactOptional(),
        verifyEvery: duration('10m', '30d').prefault('1d').describe('How often the transmitter is asked for a sign of life.'),
        answerWithin: duration('10s', '1d').prefault('10m').describe('Later it is a fault.'),
      })
      .exactOptional()
      .describe('Revenant makes the stream and keeps watch over it. Left out: you have made it.'),
    pushTokens: z
      .array(reference())
      .max(5)
      .default([])
      .describe(
        'References to bearer tokens, one of which the transmitter must send with a push; a stream is made with the first.',
      ),
    pollEvery: duration('10s', '1d').prefault('1m'),
    algorithms: z.array(z.enum(ALGORITHMS)).min(1).default(['RS256', 'PS256', 'ES256', 'EdDSA']).describe('Of signatures.'),
    acceptUntyped: z
      .boolean()
      .default(false)
      .describe('Tokens need not have the type secevent+jwt: for transmitters from before RFC 8417.'),
    maxAge: duration('1m', '30d').prefault('7d').describe('Tokens that were issued longer ago are refused.'),
    subjects: z
      .strictObject({
        email: z.enum(['email', 'externalId', 'ignore']).default('email'),
        issSub: z.enum(['externalId', 'ignore']).default('externalId'),
        opaque: z.enum(['externalId', 'ignore']).default('ignore'),
        account: z.enum(['email', 'externalId', 'ignore']).default('email'),
        scim: z.enum(['externalId', 'id', 'ignore']).default('externalId'),
      })
      .prefault({})
      .describe('By what of an identity each form of subject finds it.'),
    subjectIssuers: z
      .array(z.string().min(1).max(500))
      .max(10)
      .default([])
      .describe('Whose subjects it may name beside its own (`iss` of iss_sub).'),
    criticalSubjects: z
      .array(z.string().min(1).max(100))
      .max(20)
      .default([])
      .describe('Members of subjects that are critical beside those that configurationUrl names.'),
    events: z
      .partialRecord(z.enum(EVENT_NAMES), z.enum(USES))
      .default({})
      .describe('What becomes of an event: fact, hint or ignore.'),
  })
  .superRefine((options, context) => {
    const fault = (path: (string | number)[], message: string) => context.addIssue({ code: 'custom', path, message })
    const { delivery, configurationUrl, endpoints, stream, pushTokens, events } = options
    if (configurationUrl === undefined && endpoints.jwks === undefined)
      fault(['configurationUrl'], 'is needed where endpoints.jwks is not given')
    if (delivery === 'poll' && endpoints.poll === undefined && stream === undefined)
      fault(['endpoints', 'poll'], 'is needed where Revenant does not make the stream')
    if (delivery === 'poll' && pushTokens.length > 0) fault(['pushTokens'], 'are for push')
    if (stream !== undefined) {
      if (options.authorization === undefined) fault(['authorization'], 'is needed for a stream that Revenant makes')
      if (configurationUrl === undefined && endpoints.configuration === undefined)
        fault(['configurationUrl'], 'is needed where endpoints.configuration is not given')
      if ((delivery === 'push') !== (stream.receiveAt !== undefined))
        fault(['stream', 'receiveAt'], delivery === 'push' ? 'is needed for push' : 'is for push')
    }
    for (const [name, use] of Object.entries(events)) {
      const event = EVENT_NAMES.find((each) => each === name)
      if (use === 'fact' && event !== undefined && EVENTS[event].says === undefined)
        fault(['events', name], 'says nothing of who is here: it can be hint or ignore')
    }
  })
  .transform(({ events, ...rest }) => ({ ...rest, events: eventPolicy(events) }))

export type SsfOptions = z.output<typeof ssfOptions>
