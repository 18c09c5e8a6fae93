/**
 * The receiver is written from RFC 8935 (push delivery of Security Event Tokens) and SSF 1.0: it
 * answers with their codes; tokens are verified by jose. No identity provider is to be had here.
 */
import { createLocalJWKSet, jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { advise } from '../../../src/alerts/advise.ts'
import { envelopeOf } from '../../../src/alerts/envelope.ts'
import { render } from '../../../src/alerts/formats/format.ts'
import { openSink, sinkEntry } from '../../../src/alerts/sinks/registry.ts'
import { contextFor } from '../../../src/alerts/sinks/sink.ts'
import type { Asked, Reply } from '../../servers/http-receiver.ts'
import { ALERT, CONTEXT, SIGNING_KEY } from '../sample.ts'
import { DEPS, failureOf, MARK, message, patience } from './deps.ts'
import { type HttpSinkSuite, httpSinkSuite, workshop } from './http-suite.ts'

const AUTHORIZATION = `Bearer ${MARK}-token`
const ISSUER = 'https://revenant.example.com'
const AUDIENCE = 'https://idp.example.com'

const suite: HttpSinkSuite = {
  kind: 'ssf',
  format: 'caep',
  entry: (origin) => ({
    to: `${origin}/push`,
    secret: 'env:SSF',
    signingKey: 'file:/key.pem',
    issuer: ISSUER,
    audience: AUDIENCE,
  }),
  deps: () => ({ secret: AUTHORIZATION, signingKey: SIGNING_KEY }),
  wrongDeps: () => ({ secret: `Bearer ${MARK}-other`, signingKey: SIGNING_KEY }),
  vendor: push,
  identity: ({ body }) => body.toString(),
  checksBody: false,
}

httpSinkSuite(suite)

describe('ssf', () => {
  const { open, receiver } = workshop(suite)

  it.each([
    [400, 'invalid_request', false, /CAEP/],
    [400, 'invalid_key', true, /jwks_uri/],
    [400, 'invalid_issuer', true, /`issuer`/],
    [400, 'invalid_audience', true, /`audience`/],
    [401, 'authentication_failed', true, /authorization_header/],
    [403, 'access_denied', true, /rights/],
    [400, MARK, false, /format/],
  ])('knows %i %s', async (status, err, retry, words) => {
    const { origin } = await receiver(() => ({ status, body: { err, description: MARK } }))
    const error = await failureOf(open(origin), message(ALERT, 'caep'))
    expect(error).toMatchObject({ retry, detail: { status, ...(err === MARK ? {} : { code: err }) } })
    expect(advise(error)).toMatch(words)
  })

  it('pushes what its own key signs, for its own audience, and the receiver verifies it', async () => {
    const { origin, asked } = await receiver(push)
    const sink = open(origin, { audience: 'https://other.example.com' })
    const subject = { type: 'alert', alert: ALERT } as const
    const one = { envelope: envelopeOf(subject), rendered: render('caep', subject, contextFor(sink, CONTEXT)) }
    expect(await sink.deliver(one, patience())).toEqual({ detail: { status: 202 } })
    const jwks = createLocalJWKSet({ keys: [{ ...sink.signer?.publicJwk }] })
    const options = {
      issuer: ISSUER,
      audience: 'https://other.example.com',
      typ: 'secevent+jwt',
      currentDate: new Date(ALERT.at),
    }
    const { payload } = await jwtVerify(asked[0]?.body.toString() ?? '', jwks, options)
    expect(payload).toMatchObject({ jti: ALERT.id, sub_id: { format: 'email', email: 'jdoe@example.com' } })
    expect(asked[0]?.headers).toMatchObject({ 'content-type': 'application/secevent+jwt', authorization: AUTHORIZATION })
  })

  it('takes no other format, and no other sink takes this one', () => {
    const entry = suite.entry('https://idp.example.com')
    expect(() => sinkEntry.parse({ name: 'idp', sink: 'ssf', format: 'json', ...entry })).toThrow(/takes caep/)
    expect(() => sinkEntry.parse({ name: 'hook', sink: 'webhook', format: 'caep', to: 'https://hooks.example.com' })).toThrow()
  })

  it('does not open with a key that cannot sign, and does not quote it', () => {
    const entry = sinkEntry.parse({ name: 'idp', sink: 'ssf', ...suite.entry('https://idp.example.com') })
    for (const [signingKey, code] of [
      [MARK, 'SECRET_INVALID'],
      ['', 'SECRET_UNAVAILABLE'],
    ] as const) {
      let thrown: unknown
      try {
        openSink(entry, { ...DEPS, secret: AUTHORIZATION, signingKey })
      } catch (error) {
        thrown = error
      }
      expect(thrown).toMatchObject({ code })
      expect(String(thrown)).not.toContain(MARK)
    }
  })
})

/** RFC 8935 §2: who sends, what it is, and whether it has the form of a token; the tests verify the signature. */
function push({ method, path, headers, body }: Asked): Reply {
  if (method !== 'POST' || path !== '/push') return { status: 404 }
  if (headers['content-type'] !== 'application/secevent+jwt')
    return { status: 400, body: { err: 'invalid_request', description: '' } }
  if (headers.authorization !== AUTHORIZATION) return { status: 401, body: { err: 'authentication_failed', description: '' } }
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(body.toString())) return { status: 400, body: { err: 'invalid_request', description: '' } }
  return { status: 202 }
}
