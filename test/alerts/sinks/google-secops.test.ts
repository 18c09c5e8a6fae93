/**
 * The receivers are written from Google's documentation ("Method: events.import" of the Chronicle API, "Using OAuth 2.0 for Server to
 * Server Applications", RFC 7523); Google SecOps itself is not to be had here. The assertion is verified with jose's own verifier.
 */
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { decodeProtectedHeader, jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { advise } from '../../../src/alerts/advise.ts'
import type { Asked, Receive, Reply } from '../../servers/http-receiver.ts'
import { ALERT } from '../sample.ts'
import { DEPS, failureOf, MARK, message, patience } from './deps.ts'
import { type HttpSinkSuite, httpSinkSuite, workshop } from './http-suite.ts'

const keys = generateKeyPairSync('rsa', { modulusLength: 2_048 })
const pem = keys.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
const ACCOUNT = 'revenant@project-1.iam.gserviceaccount.com'
const INSTANCE = '11111111-2222-4333-8444-555555555555'
const IMPORT_PATH = `/v1beta/projects/project-1/locations/eu/instances/${INSTANCE}/events:import`
const TOKEN_PATH = '/token'
const udmEvent = z.looseObject({ metadata: z.looseObject({ event_type: z.string() }) })
const importRequest = z.strictObject({
  inlineSource: z.strictObject({ events: z.tuple([z.strictObject({ udm: z.looseObject({}) })]) }),
})

const keyFile = (over: object = {}) =>
  JSON.stringify(
    {
      type: 'service_account',
      project_id: 'project-1',
      private_key_id: `${MARK}key`,
      private_key: pem,
      client_email: ACCOUNT,
      token_uri: 'https://attacker.example.com/token',
      ...over,
    },
    null,
    2,
  )

const suite: HttpSinkSuite = {
  kind: 'google-secops',
  format: 'udm',
  entry: (origin) => ({
    to: origin,
    authority: `${origin}${TOKEN_PATH}`,
    project: 'project-1',
    location: 'eu',
    instance: INSTANCE,
    secret: 'file:/run/key.json',
  }),
  deps: () => ({ secret: `${keyFile()}\n` }),
  wrongDeps: () => ({ secret: keyFile({ private_key_id: 'unknown' }) }),
  vendor: google,
  carries: ({ path }) => path === IMPORT_PATH,
  identity: ({ body }) => JSON.parse(body.toString()),
  checksBody: false,
  mostBytes: 1_000_000,
}

httpSinkSuite(suite)

describe('google-secops', () => {
  const { open, receiver } = workshop(suite)

  it('imports one UDM event', async () => {
    const { origin, asked } = await receiver(google)
    await open(origin).deliver(message(ALERT, 'udm'), patience())
    const sent = asked.find(({ path }) => path === IMPORT_PATH)
    const { events } = importRequest.parse(JSON.parse(String(sent?.body))).inlineSource
    expect(udmEvent.safeParse(events[0].udm).success).toBe(true)
    expect(JSON.stringify(events[0].udm)).toContain(ALERT.id)
  })

  it('shows an assertion that is verified with the public key, and no key', async () => {
    const now = Temporal.Now.instant().round('second')
    const { origin, asked } = await receiver(google)
    await open(origin, {}, { ...DEPS, secret: keyFile(), now: () => now }).deliver(message(ALERT, 'udm'), patience())
    const form = new URLSearchParams(asked[0]?.body.toString())
    const { payload } = await jwtVerify(form.get('assertion') ?? '', createPublicKey(keys.privateKey), {
      algorithms: ['RS256'],
      issuer: ACCOUNT,
      audience: `${origin}${TOKEN_PATH}`,
    })
    expect(payload).toMatchObject({
      scope: 'https://www.googleapis.com/auth/cloud-platform',
      iat: now.epochMilliseconds / 1_000,
      exp: now.epochMilliseconds / 1_000 + 3_600,
    })
  })

  it('asks for a token once', async () => {
    const { origin, asked } = await receiver(google)
    const sink = open(origin)
    for (let n = 0; n < 3; n++) await sink.deliver(message(ALERT, 'udm'), patience())
    expect(asked.filter(({ path }) => path === TOKEN_PATH).length).toBe(1)
  })

  it.each([
    [400, { error: 'invalid_grant', error_description: MARK }, /clock/],
    [401, { error: 'invalid_client' }, /token endpoint/],
  ])('knows what the token endpoint says: %i %j', async (status, body, words) => {
    const { origin } = await receiver(() => ({ status, body }))
    const error = await failureOf(open(origin), message(ALERT, 'udm'))
    expect(error).toMatchObject({ retry: true, detail: { stage: 'token', status, code: body.error } })
    expect(advise(error)).toMatch(words)
  })

  it.each([
    [401, /service account/],
    [403, /chronicle\.events\.import/],
    [404, /`instance`/],
  ])('says what to do about %i', async (status, words) => {
    const { origin } = await receiver((one, response) => (one.path === IMPORT_PATH ? { status } : google(one, response)))
    expect(advise(await failureOf(open(origin), message(ALERT, 'udm')))).toMatch(words)
  })

  it.each([
    ['no JSON', MARK],
    ['another kind of file', keyFile({ type: 'authorized_user' })],
    ['no key', keyFile({ private_key: MARK })],
    ['half of it', keyFile().slice(0, 200)],
  ])('refuses a key file that is %s, without quoting it', (_, secret) => {
    const fail = () => open('https://chronicle.eu.rep.googleapis.com', {}, { ...DEPS, secret })
    expect(fail).toThrow(expect.objectContaining({ code: 'SECRET_INVALID' }))
    expect(fail).not.toThrow(new RegExp(MARK))
  })
})

function google(asked: Asked, _response: Parameters<Receive>[1]): Reply {
  return asked.path === TOKEN_PATH ? token(asked) : importEvents(asked)
}

function token({ body }: Asked): Reply {
  const form = new URLSearchParams(body.toString())
  if (form.get('grant_type') !== 'urn:ietf:params:oauth:grant-type:jwt-bearer')
    return { status: 400, body: { error: 'unsupported_grant_type' } }
  const header = decodeProtectedHeader(form.get('assertion') ?? '')
  if (header.alg !== 'RS256' || header.kid !== `${MARK}key`)
    return { status: 400, body: { error: 'invalid_grant', error_description: `Invalid JWT Signature: ${MARK}` } }
  return { status: 200, body: { access_token: `${MARK}-token`, expires_in: 3_599, token_type: 'Bearer' } }
}

function importEvents({ path, headers, body }: Asked): Reply {
  if (headers.authorization !== `Bearer ${MARK}-token`)
    return { status: 401, body: { error: { code: 401, status: 'UNAUTHENTICATED' } } }
  if (path !== IMPORT_PATH) return { status: 404, body: { error: { code: 404, status: 'NOT_FOUND' } } }
  const valid = importRequest.safeParse(JSON.parse(body.toString())).success
  return valid
    ? { status: 200, body: {} }
    : { status: 400, body: { error: { code: 400, status: 'INVALID_ARGUMENT', message: MARK } } }
}
