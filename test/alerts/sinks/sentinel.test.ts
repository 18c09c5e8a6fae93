/**
 * The receivers are written from Microsoft's documentation ("Logs Ingestion API in Azure Monitor", "Microsoft identity platform and
 * the OAuth 2.0 client credentials flow", RFC 6749 §4.4 and §5); Azure itself is not to be had here.
 */
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { advise } from '../../../src/alerts/advise.ts'
import { sinkEntry } from '../../../src/alerts/sinks/registry.ts'
import type { Asked, Receive, Reply } from '../../servers/http-receiver.ts'
import { ALERT } from '../sample.ts'
import { DEPS, failureOf, MARK, message, patience } from './deps.ts'
import { type HttpSinkSuite, httpSinkSuite, workshop } from './http-suite.ts'

const TENANT = 'contoso.example.com'
const CLIENT = '11111111-2222-4333-8444-555555555555'
const SECRET = `${MARK}~client-secret`
const DCR = 'dcr-00000000000000000000000000000abc'
const TOKEN_PATH = `/${TENANT}/oauth2/v2.0/token`
const STREAM_PATH = `/dataCollectionRules/${DCR}/streams/Custom-Revenant_CL`
const COLUMNS = ['TimeGenerated', 'AlertId', 'DedupKey', 'EventName', 'Severity', 'AlertTitle', 'IsTest', 'Facts', 'Document']
const record = z.looseObject({ AlertId: z.string(), Document: z.unknown() })

const suite: HttpSinkSuite = {
  kind: 'sentinel',
  format: 'json',
  entry: (origin) => ({ to: origin, authority: origin, tenant: TENANT, clientId: CLIENT, dcr: DCR, secret: 'env:ENTRA' }),
  deps: () => ({ secret: SECRET }),
  wrongDeps: () => ({ secret: `${MARK}-other` }),
  vendor: azure(),
  carries: ({ path }) => path === STREAM_PATH,
  identity: (asked) => recordIn(asked),
  checksBody: false,
  success: 204,
  mostBytes: 900_000,
}

httpSinkSuite(suite)

describe('sentinel', () => {
  const { open, receiver } = workshop(suite)

  it('sends an array of one record, gzipped, with the columns of the documentation', async () => {
    const { origin, asked } = await receiver(azure())
    await open(origin).deliver(message({ ...ALERT, at: '2026-11-22T06:17:42.143599121Z' }), patience())
    const sent = asked.find(({ path }) => path === STREAM_PATH)
    if (sent === undefined) throw new Error('nothing was sent')
    expect(sent.headers['content-encoding']).toBe('gzip')
    expect(sent.query.get('api-version')).toBe('2023-01-01')
    expect(Object.keys(recordIn(sent)).toSorted()).toEqual(COLUMNS.toSorted())
    expect(recordIn(sent)).toMatchObject({
      TimeGenerated: '2026-11-22T06:17:42.143Z',
      AlertId: ALERT.id,
      DedupKey: ALERT.dedupKey,
      IsTest: false,
      Document: { data: { id: ALERT.id, finding: ALERT.finding } },
    })
  })

  it('asks for a token once, until it is nearly over', async () => {
    let now = Temporal.Instant.from('2026-11-22T06:00:00Z')
    const { origin, asked } = await receiver(azure())
    const sink = open(origin, {}, { ...DEPS, secret: SECRET, now: () => now })
    const tokens = () => asked.filter(({ path }) => path === TOKEN_PATH).length
    await sink.deliver(message(), patience())
    now = now.add({ minutes: 54 })
    await sink.deliver(message(), patience())
    expect(tokens()).toBe(1)
    now = now.add({ minutes: 2 })
    await sink.deliver(message(), patience())
    expect(tokens()).toBe(2)
  })

  it('asks for another token after a 401', async () => {
    let revoked = true
    const { origin, asked } = await receiver((one, response) => {
      if (one.path !== STREAM_PATH || !revoked) return azure()(one, response)
      revoked = false
      return { status: 401 }
    })
    const sink = open(origin)
    expect(await failureOf(sink)).toMatchObject({ retry: true, detail: { status: 401 } })
    await sink.deliver(message(), patience())
    expect(asked.map(({ path }) => path)).toEqual([TOKEN_PATH, STREAM_PATH, TOKEN_PATH, STREAM_PATH])
  })

  it.each([
    [401, 'invalid_client', 7_000_215, /value, not its id/],
    [401, 'invalid_client', 7_000_222, /expired/],
    [400, 'unauthorized_client', 700_016, /no such application/],
    [400, 'invalid_request', 90_002, /no such tenant/],
    [400, 'invalid_client', 1, /clientId/],
  ])('knows what Entra says: %i %s %i', async (status, error, number, words) => {
    const body = { error, error_codes: [number], error_description: `AADSTS${number}: ${MARK}` }
    const { origin, asked } = await receiver(() => ({ status, body }))
    const failure = await failureOf(open(origin))
    expect(failure).toMatchObject({ retry: true, detail: { stage: 'token', status, code: `${error} ${number}` } })
    expect(advise(failure)).toMatch(words)
    expect(
      asked.map(({ path }) => path),
      'nothing is sent without a token',
    ).toEqual([TOKEN_PATH])
  })

  it.each([
    [400, /columns/],
    [403, /Monitoring Metrics Publisher/],
    [404, /`dcr`/],
  ])('says what to do about %i', async (status, words) => {
    const { origin } = await receiver((one, response) =>
      one.path === STREAM_PATH ? { status, body: MARK } : azure()(one, response),
    )
    expect(advise(await failureOf(open(origin)))).toMatch(words)
  })

  it('takes no page for a token, and says where it came from', async () => {
    const { origin } = await receiver(() => ({ status: 200, body: `<html>${MARK}` }))
    const error = await failureOf(open(origin))
    expect(error).toMatchObject({ retry: true, detail: { stage: 'token', error: 'UNEXPECTED_ANSWER' } })
    expect(advise(error)).toMatch(/token endpoint/)
  })

  it.each([
    ['a rule by its name', { dcr: 'dcr-mine' }],
    ['a client that is no UUID', { clientId: 'me' }],
    ['a tenant with a path', { tenant: 'a/b' }],
    ['an authority with a password', { authority: `https://u:${MARK}@login.example.com` }],
    ['a format that no table takes', { format: 'slack' }],
  ])('refuses %s', (_, entry) => {
    const { error } = sinkEntry.safeParse({ name: 's', sink: 'sentinel', ...suite.entry('https://a'), ...entry })
    expect(error).toBeDefined()
    expect(String(error)).not.toContain(MARK)
  })
})

function recordIn({ body }: Asked) {
  const [only] = z.tuple([record]).parse(JSON.parse(gunzipSync(body).toString()))
  return only
}

function azure(): Receive {
  return (asked) => (asked.path === TOKEN_PATH ? token(asked) : ingest(asked))
}

function token({ headers, body }: Asked): Reply {
  const form = new URLSearchParams(body.toString())
  if (headers['content-type'] !== 'application/x-www-form-urlencoded' || form.get('grant_type') !== 'client_credentials')
    return { status: 400, body: { error: 'unsupported_grant_type', error_codes: [70_003] } }
  if (form.get('scope') !== 'https://monitor.azure.com/.default')
    return { status: 400, body: { error: 'invalid_scope', error_codes: [70_011] } }
  if (form.get('client_id') !== CLIENT || form.get('client_secret') !== SECRET)
    return { status: 401, body: { error: 'invalid_client', error_codes: [7_000_215], error_description: MARK } }
  return { status: 200, body: { token_type: 'Bearer', expires_in: 3_599, access_token: `${MARK}.access.token` } }
}

function ingest(asked: Asked): Reply {
  if (asked.headers.authorization !== `Bearer ${MARK}.access.token`) return { status: 401 }
  if (asked.path !== STREAM_PATH || asked.query.get('api-version') === null) return { status: 404 }
  if (Object.keys(recordIn(asked)).some((column) => ['id', 'Title', 'Type', 'TenantId'].includes(column))) return { status: 400 }
  return { status: 204 }
}
