import { existsSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import fastify, { type FastifyInstance } from 'fastify'
import { generateKeyPair, SignJWT, UnsecuredJWT } from 'jose'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { addFeeds } from '../../../src/api/feeds/add-feeds.ts'
import type { IntakeDeps } from '../../../src/intake/deps.ts'
import type { Feed } from '../../../src/intake/feed/said.ts'
import { SSF } from '../../../src/intake/sources/ssf.ts'
import { EVENTS, eventName } from '../../../src/intake/ssf/events.ts'
import { ssfOptions } from '../../../src/intake/ssf/options.ts'
import { takeSet } from '../../../src/intake/ssf/take-set.ts'
import type { SecuritySet } from '../../../src/intake/ssf/verify.ts'
import { scanNowIn } from '../../../src/scan/scan-now.ts'
import { failedFeed, feedPosition, heardFeed, moveFeed, syncFeeds } from '../../../src/store/feed.ts'
import { findIdentities } from '../../../src/store/identity.ts'
import { openLogger } from '../../../src/telemetry/logger.ts'
import { type House, openHouse } from '../../intake/house.ts'
import { CLIENT_KEY, OAUTH, type SsfTransmitter, STATIC_TOKEN, startSsfTransmitter } from '../../servers/ssf-transmitter.ts'
import { STORES, type TestStore } from '../../servers/stores.ts'

const EXAMPLES = new URL('../../../../shared/standards/examples/', import.meta.url)
const RUNS = Number(process.env.REVENANT_FUZZ_RUNS ?? 200)
const RISC = 'https://schemas.openid.net/secevent/risc/event-type'
const CAEP = 'https://schemas.openid.net/secevent/caep/event-type'
const SSF_EVENT = 'https://schemas.openid.net/secevent/ssf/event-type'
const SCIM = 'urn:ietf:params:scim:event:prov'
const PUSH_TOKEN = 'push-token-of-the-stream-Tt1Tt1Tt1'
const SECRETS: Readonly<Record<string, string>> = {
  'env:SSF_TOKEN': STATIC_TOKEN,
  'env:PUSH_TOKEN': PUSH_TOKEN,
  'env:CLIENT_SECRET': `${OAUTH.secret}\n`,
  'env:CLIENT_KEY': CLIENT_KEY,
}
const NAMES = ['hints', 'facts', 'guarded', 'polled', 'pushed', 'polled-plain', 'google'] as const
type Name = (typeof NAMES)[number]

describe('shared signals', () => {
  let test: TestStore
  let house: House
  let app: FastifyInstance
  let address: string
  let transmitter: SsfTransmitter
  let feeds: ReadonlyMap<string, Feed>
  let logged = ''
  const written = new Map<string, Record<string, unknown>>()

  beforeAll(async () => {
    const [embedded] = STORES
    if (embedded === undefined) throw new Error('no store')
    test = await embedded.open()
    house = await openHouse(test.store)
    transmitter = await startSsfTransmitter(house.now)
    const rows = await syncFeeds(
      test.store.db,
      NAMES.map((name) => ({ name, kind: 'ssf', silentAfterMs: 60_000 })),
      house.now(),
    )
    const policy = { inactive: 'suspend', deleted: 'terminate', joiners: 'follow' } as const
    const mass = { share: 1, least: 1_000_000, windowMs: 3_600_000 }
    feeds = new Map(rows.map(({ id, name }) => [name, { id, name, kind: 'ssf', policy: { ...policy, mass } }]))
    app = fastify()
    await addFeeds(app, {
      db: test.store.db,
      feeds: (kind) =>
        kind !== 'ssf' ? [] : [...feeds.values()].map((feed) => ({ feed, options: written.get(feed.name) ?? {} })),
      intake: ({ name }) => intake(name),
      readReference,
      now: house.now,
      logger: openLogger({
        level: 'debug',
        fields: {},
        write: (line) => {
          logged += line
        },
      }),
    })
    address = await app.listen({ host: '127.0.0.1', port: 0 })
    await house.identities(['external_id,name,email', 'left-1,L,l1@example.com', 'here-1,H,h1@example.com'])
    await house.identities(['external_id,status,terminated_at', 'left-1,terminated,2026-11-01T00:00:00Z'])
    await house.credentials(['external_id,system,label,secret.token', `left-1,${house.system('api')},t,s3cret-left-1`])
  })
  afterAll(async () => {
    await app.close()
    await transmitter.stop()
    await house.close()
    await test.stop()
    for (const secret of Object.values(SECRETS)) expect(logged).not.toContain(secret.trim())
  })
  beforeEach(() => {
    Object.assign(transmitter, {
      loses: 'nothing',
      keysGone: false,
      critical: [],
      status: 'enabled',
      echoes: true,
      streamClaims: {},
    })
    transmitter.asked.length = 0
    transmitter.waiting.clear()
    transmitter.streams.clear()
    transmitter.refused.clear()
    configure('hints')
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  const POLLED = { delivery: 'poll', authorization: { token: 'env:SSF_TOKEN' } }

  let n = 0
  const readReference = async (reference: string) => {
    const secret = SECRETS[reference]
    if (secret === undefined) throw new Error('not there')
    return secret
  }
  const intake = (name: string): IntakeDeps => ({
    ...house.deps,
    actor: `feed ${name}`,
    onHint: async (tx, identityId) => {
      const { jobs, now } = house
      await scanNowIn(tx, { identityId }, { jobs, budgets: () => [], actor: `feed ${name}`, now })
    },
  })
  /** Writes what a source has in the configuration: another object, as a reload does. */
  const configure = (name: Name, more: Record<string, unknown> = {}) => {
    const { issuer, audience, configurationUrl } = transmitter
    written.set(name, { issuer, audience: [audience], configurationUrl, ...more })
  }
  const send = async (
    token: string,
    { name = 'hints', headers = {}, from }: { name?: string; headers?: Record<string, string>; from?: string } = {},
  ) => {
    const answer = await app.inject({
      ...{ method: 'POST', url: `/ssf/v1/${name}`, payload: token },
      headers: { 'content-type': 'application/secevent+jwt', ...headers },
      // Failures are counted by address.
      remoteAddress: from ?? `10.1.${++n >> 8}.${n & 255}`,
    })
    return {
      status: answer.statusCode,
      ...z.object({ err: z.string().optional() }).parse(answer.body === '' ? {} : answer.json()),
    }
  }
  const audits = async (action: string, subject: string) =>
    (
      await test.store.db.selectFrom('audit').selectAll().where('action', '=', action).where('subject', '=', subject).execute()
    ).map(({ actor, detail }) => ({ actor, detail }))
  const stands = async (who: string) => {
    const row = (await findIdentities(test.store.db, [who])).get(who)
    if (row === undefined) return 'unknown'
    return row.terminated_at !== null ? 'terminated' : row.suspended_at !== null ? 'suspended' : 'active'
  }
  const feedRow = (name: Name) => test.store.db.selectFrom('feed').selectAll().where('name', '=', name).executeTakeFirstOrThrow()
  const someone = async () => {
    const who = `p${++n}`
    await house.identities(['external_id,name,email', `${who},P,${who}@example.com`])
    return who
  }
  const purged = (who: string) => ({
    sub_id: { format: 'email', email: `${who}@example.com` },
    events: { [`${RISC}/account-purged`]: {} },
  })
  const hint = { sub_id: { format: 'email', email: 'H1@Example.com' }, events: { [`${CAEP}/session-revoked`]: {} } }

  it('tries at once what a leaver held, and only records a hint about somebody who is here', async () => {
    const set = await transmitter.sign({
      sub_id: { format: 'iss_sub', iss: transmitter.issuer, sub: 'left-1' },
      events: { [`${CAEP}/session-revoked`]: { event_timestamp: 1_795_328_200 } },
    })
    expect(await send(set)).toEqual({ status: 202 })
    const told = [{ actor: 'feed hints', detail: { feed: 'hints', events: ['session-revoked'], left: true } }]
    expect(await audits('identity.hint', 'left-1')).toEqual(told)
    expect(await audits('identity.scan', 'left-1')).toMatchObject([{ actor: 'feed hints', detail: { due: 1, trials: 1 } }])
    // Again: nothing happens twice.
    expect(await send(set)).toEqual({ status: 202 })
    expect(await audits('identity.hint', 'left-1')).toEqual(told)
    expect(await send(await transmitter.sign(hint))).toEqual({ status: 202 })
    expect(await audits('identity.hint', 'here-1')).toMatchObject([{ detail: { left: false } }])
    expect(await audits('identity.scan', 'here-1')).toEqual([])
    expect(await stands('here-1')).toBe('active')
    expect((await feedRow('hints')).heard_at?.toString()).toBe(house.now().toString())
  })

  it('takes for facts what the policy says, and takes them back', async () => {
    configure('facts', { events: { 'account-purged': 'fact', 'account-disabled': 'fact', 'scim-delete': 'fact' } })
    const who = await someone()
    const say = async (claims: Record<string, unknown>) => send(await transmitter.sign(claims), { name: 'facts' })
    const sub_id = { format: 'email', email: `${who}@example.com` }
    expect(await say({ sub_id, events: { [`${RISC}/account-disabled`]: { reason: 'hijacking' } } })).toEqual({ status: 202 })
    expect(await stands(who)).toBe('suspended')
    house.advance(1_000)
    await say({ sub_id, events: { [`${RISC}/account-enabled`]: {} } })
    expect(await stands(who)).toBe('active')
    house.advance(1_000)
    // The gravest of one token says it all.
    await say({ sub_id, events: { [`${RISC}/account-purged`]: {}, [`${RISC}/account-disabled`]: {} } })
    expect(await stands(who)).toBe('terminated')
    // What happened before is no news.
    await say({ sub_id, events: { [`${RISC}/account-enabled`]: { event_timestamp: 1_700_000_000 } } })
    expect(await stands(who)).toBe('terminated')
    house.advance(1_000)
    await say({ sub_id: { format: 'scim', externalId: who }, events: { [`${SCIM.replace('scim', 'SCIM')}:activate`]: {} } })
    expect(await stands(who)).toBe('active')
    // A session, a device or a group of him is not he.
    house.advance(1_000)
    await say({
      sub_id: { format: 'complex', user: sub_id, device: { format: 'opaque', id: 'd' } },
      events: { [`${RISC}/account-purged`]: {} },
    })
    expect(await stands(who)).toBe('active')
    await say({
      sub_id: { format: 'complex', user: sub_id, tenant: { format: 'opaque', id: 't' } },
      events: { [`${SCIM}:delete`]: {} },
    })
    expect(await stands(who)).toBe('terminated')
  })

  /** The events of RFC 9967 §2.3 to §2.5, as its examples have them. */
  const PUT = {
    schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'],
    userName: 'jdoe',
    emails: [{ type: 'work', value: 'j@x' }],
  }
  const PATCH = (...Operations: object[]) => ({ schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'], Operations })
  type Told = [string, Record<string, unknown>, { hint: string; fact: string }]
  const unclear =
    (method: string) =>
    (claims: Record<string, unknown>): Told => [`prov:${method}:full`, claims, { hint: 'recorded', fact: 'recorded' }]
  const notice =
    (method: string) =>
    (claims: Record<string, unknown>): Told => [`prov:${method}:notice`, claims, { hint: 'recorded', fact: 'refused' }]
  const RFC9967: Told[] = [
    ['feed:add', {}, { hint: 'recorded', fact: 'refused' }],
    ['feed:remove', {}, { hint: 'recorded', fact: 'refused' }],
    ['misc:asyncresp', { method: 'DELETE', status: '204' }, { hint: 'recorded', fact: 'refused' }],
    ['prov:create:notice', { attributes: ['id', 'name', 'userName'] }, { hint: 'recorded', fact: 'refused' }],
    ['prov:create:full', { data: { ...PUT, active: false } }, { hint: 'recorded', fact: 'suspended' }],
    ['prov:put:notice', { attributes: ['userName', 'active'] }, { hint: 'recorded', fact: 'refused' }],
    ['prov:put:notice', { attributes: ['emails', 'name.familyName'] }, { hint: 'none', fact: 'refused' }],
    ['prov:put:full', { version: 'W/"1"', data: { ...PUT, active: false } }, { hint: 'recorded', fact: 'suspended' }],
    ['prov:put:full', { data: { ...PUT, Active: 'False' } }, { hint: 'recorded', fact: 'suspended' }],
    ['prov:put:full', { data: PUT }, { hint: 'none', fact: 'none' }],
    ['prov:put:full', { data: { ...PUT, active: true } }, { hint: 'none', fact: 'unchanged' }],
    // What nobody can read may have been a departure.
    ...[{}, { data: null }, { data: 'PUT' }, { data: [PUT] }, { data: {} }, { data: { ...PUT, active: 'no' } }].map(
      unclear('put'),
    ),
    ...[{ data: { 'urn:ietf:params:scim:schemas:core:2.0:User': { active: 0 } } }].map(unclear('put')),
    ...[{}, { data: PUT }, { data: PATCH() }, { data: { Operations: 'x' } }, { data: PATCH({ path: 'nickName' }) }].map(
      unclear('patch'),
    ),
    ...[
      { op: 'replace', path: 'active', value: 'no' },
      { op: 'replace', value: 'x' },
      { op: 'replace', value: { active: null } },
    ]
      .map((operation) => ({ data: PATCH(operation) }))
      .map(unclear('patch')),
    [
      'prov:patch:full',
      { data: PATCH({ op: 'replace', path: 'active', value: 'no' }, { op: 'replace', value: { active: true } }) },
      { hint: 'none', fact: 'unchanged' },
    ],
    ...(['put', 'patch', 'create'] as const).flatMap((method) =>
      [{}, { attributes: null }, { attributes: 'emails' }, { attributes: [] }, { attributes: ['emails', 1] }].map(notice(method)),
    ),
    [
      'prov:patch:notice',
      { attributes: ['urn:ietf:params:scim:schemas:core:2.0:User:active'] },
      { hint: 'recorded', fact: 'refused' },
    ],
    ['prov:patch:full', { data: PATCH({ op: 'add', path: 'nickName', value: 'Babs' }) }, { hint: 'none', fact: 'none' }],
    [
      'prov:patch:full',
      { data: PATCH({ op: 'Replace', path: 'active', value: 'False' }) },
      { hint: 'recorded', fact: 'suspended' },
    ],
    ['prov:patch:full', { data: PATCH({ op: 'replace', value: { active: false } }) }, { hint: 'recorded', fact: 'suspended' }],
    [
      'prov:patch:full',
      { data: PATCH({ op: 'replace', path: 'active', value: false }, { op: 'replace', path: 'active', value: true }) },
      { hint: 'none', fact: 'unchanged' },
    ],
    ['prov:patch:full', { data: PATCH({ op: 'remove', path: 'active' }) }, { hint: 'none', fact: 'none' }],
    ['prov:delete', {}, { hint: 'recorded', fact: 'terminated' }],
    ['prov:activate', {}, { hint: 'recorded', fact: 'unchanged' }],
    ['prov:deactivate', {}, { hint: 'recorded', fact: 'suspended' }],
  ]
  const scimName = (uri: string) => eventName(`urn:ietf:params:scim:event:${uri}`) ?? expect.fail(`${uri} is not known`)

  it('knows every SCIM event of RFC 9967, in small letters and in those of its drafts', () => {
    const uris = new Set(RFC9967.map(([uri]) => uri))
    expect(uris.size).toBe(12)
    for (const uri of uris) {
      const name = scimName(uri)
      expect(EVENTS[name].uri).toBe(`urn:ietf:params:scim:event:${uri}`)
      expect(eventName(`urn:ietf:params:SCIM:event:${uri === 'misc:asyncresp' ? 'misc:asyncResp' : uri}`)).toBe(name)
    }
  })

  it.each(RFC9967)('takes the SCIM event %s with %j as %j', async (uri, claims, expected) => {
    const name = scimName(uri)
    const { issuer, audience } = transmitter
    for (const use of ['hint', 'fact'] as const) {
      const written = { issuer, audience: [audience], endpoints: { jwks: 'https://i.example/jwks' }, events: { [name]: use } }
      const options = ssfOptions.safeParse(written)
      if (!options.success) {
        expect(expected[use]).toBe('refused')
        continue
      }
      const who = await someone()
      const set: SecuritySet = {
        ...{ jti: `rfc-${++n}`, issuedAt: house.now(), happenedAt: undefined, criticalSubjects: [] },
        subject: { format: 'scim', uri: '/Users/44f6142df96bd6ab61e7521d9', externalId: who },
        events: [{ uri: `urn:ietf:params:scim:event:${uri}`, claims }],
      }
      const taken = await takeSet(feeds.get('facts') ?? expect.fail('no feed'), set, options.data, intake('facts'))
      expect([use, taken.events]).toEqual([use, [{ event: name, did: expected[use] }]])
      const standing = { suspended: 'suspended', terminated: 'terminated' }[expected[use]] ?? 'active'
      expect(await stands(who)).toBe(standing)
    }
  })

  it('takes for back by a PATCH who was gone by a deactivation, and no group for a person', async () => {
    configure('facts', { events: { 'scim-deactivate': 'fact', 'scim-delete': 'fact' } })
    const who = await someone()
    const say = async (uri: string, event: object, resource = '/Users/1') => {
      house.advance(1_000)
      const sub_id = { format: 'scim', uri: resource, externalId: who }
      const token = await transmitter.sign({ sub_id, events: { [`${SCIM}:${uri}`]: event } })
      expect(await send(token, { name: 'facts' })).toEqual({ status: 202 })
    }
    await say('deactivate', {})
    expect(await stands(who)).toBe('suspended')
    await say('patch:full', { data: PATCH({ op: 'replace', path: 'active', value: true }) })
    expect(await stands(who)).toBe('active')
    // Nobody has said that this is one.
    await say('patch:full', { data: PATCH({ op: 'replace', path: 'active', value: false }) })
    expect(await stands(who)).toBe('active')
    await say('delete', {}, 'https://scim.example.com/Groups/9')
    expect(await stands(who)).toBe('active')
  })

  it('is told nothing of anybody by default', async () => {
    const who = await someone()
    for (const event of [`${RISC}/account-purged`, `${RISC}/account-disabled`, `${SCIM}:delete`, `${SCIM}:deactivate`]) {
      expect(await send(await transmitter.sign({ ...purged(who), events: { [event]: {} } }))).toEqual({ status: 202 })
      expect(await stands(who)).toBe('active')
    }
  })

  it.each<[string, string | undefined, Record<string, unknown>, Parameters<SsfTransmitter['sign']>[1]?]>([
    ['another audience', 'invalid_audience', { aud: 'https://other.example.com' }],
    ['no audience', 'invalid_audience', { aud: undefined }],
    ['one of several audiences', undefined, { aud: ['https://other.example.com', 'https://revenant.example.com'] }],
    ['another issuer', 'invalid_issuer', { iss: 'https://other.example.com' }],
    ['another type', 'invalid_request', {}, { typ: 'JWT' }],
    ['no type', 'invalid_request', {}, { typ: undefined }],
    ['the whole media type', undefined, {}, { typ: 'application/secevent+jwt' }],
    ['an unknown key', 'invalid_key', {}, { kid: 'unknown' }],
    ['exp to come', 'invalid_request', { exp: 4_000_000_000 }],
    ['exp gone', 'invalid_request', { exp: 1 }],
    ['sub', 'invalid_request', { sub: 'here-1' }],
    ['no jti', 'invalid_request', { jti: undefined }],
    ['an empty jti', 'invalid_request', { jti: '' }],
    ['no iat', 'invalid_request', { iat: undefined }],
    ['an old iat', 'invalid_request', { iat: 1_790_000_000 }],
    ['an iat to come', 'invalid_request', { iat: 1_800_000_000 }],
    ['no events', 'invalid_request', { events: undefined }],
    ['empty events', 'invalid_request', { events: {} }],
    ['events that are none', 'invalid_request', { events: { [`${CAEP}/session-revoked`]: 'yes' } }],
    ['unknown events', undefined, { events: { 'https://example.com/event': { a: 1 } } }],
    ['an unknown claim', undefined, { another: { x: 1 } }],
  ])('answers for %s: %s', async (_what, err, claims, header) => {
    // A key that is not known is looked for every half minute only.
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 })
    const token = await transmitter.sign({ ...hint, ...claims }, header)
    expect(await send(token)).toEqual(err === undefined ? { status: 202 } : { status: 400, err })
  })

  it('takes no other signature', async () => {
    const iat = Math.floor(house.now().epochMilliseconds / 1_000)
    const claims = { iss: transmitter.issuer, aud: transmitter.audience, jti: 'x', iat, ...hint }
    const { privateKey } = await generateKeyPair('ES256')
    const good = await transmitter.sign(hint)
    const [header = '', payload = '', signature = ''] = good.split('.')
    const { kid } = z.object({ kid: z.string() }).parse(JSON.parse(Buffer.from(header, 'base64url').toString()))
    const typ = 'secevent+jwt'
    const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const tokens: [string, string][] = [
      [new UnsecuredJWT(claims).encode(), 'invalid_key'],
      [`${encoded({ alg: 'none', typ })}.${payload}.`, 'invalid_key'],
      [await new SignJWT(claims).setProtectedHeader({ alg: 'HS256', typ, kid }).sign(Buffer.alloc(32, 7)), 'invalid_key'],
      [await new SignJWT(claims).setProtectedHeader({ alg: 'ES256', typ, kid }).sign(privateKey), 'authentication_failed'],
      [`${header}.${encoded(claims)}.${signature}`, 'authentication_failed'],
      ['not a token', 'invalid_request'],
      [`${good}.x`, 'invalid_request'],
    ]
    const before = await audits('identity.hint', 'here-1')
    for (const [token, err] of tokens) expect(await send(token)).toEqual({ status: 400, err })
    expect(await audits('identity.hint', 'here-1')).toEqual(before)
    expect(await send(good)).toEqual({ status: 202 })
  })

  it('answers what is no push at all, and shuts out only who sends nothing good', async () => {
    const good = await transmitter.sign(hint)
    expect(await send(good, { name: 'nobody' })).toEqual({ status: 400, err: 'invalid_request' })
    expect(await send(good, { name: 'polled' })).toEqual({ status: 400, err: 'invalid_request' })
    expect(await send('', {})).toEqual({ status: 400, err: 'invalid_request' })
    expect(await send(good, { headers: { 'content-type': 'application/json' } })).toEqual({ status: 400, err: 'invalid_request' })
    expect(await send('x'.repeat(300_000))).toEqual({ status: 413, err: 'invalid_request' })
    const from = '192.0.2.1'
    for (let tries = 0; tries < 10; tries++) expect((await send('junk', { from })).status).toBe(400)
    expect(await send('junk', { from })).toEqual({ status: 429, err: 'access_denied' })
    expect(await send(good, { from })).toEqual({ status: 202 })
  })

  it('wants the token of the stream where it has one', async () => {
    configure('guarded', { pushTokens: ['env:MISSING', 'env:PUSH_TOKEN'] })
    const token = await transmitter.sign(hint)
    for (const headers of [{}, { authorization: 'Bearer wrong-token-0123456789' }, { authorization: PUSH_TOKEN }])
      expect(await send(token, { name: 'guarded', headers })).toEqual({ status: 400, err: 'authentication_failed' })
    expect(await send(token, { name: 'guarded', headers: { authorization: `Bearer ${PUSH_TOKEN}` } })).toEqual({ status: 202 })
  })

  it('follows the keys of the transmitter', async () => {
    const old = await transmitter.sign(hint)
    const older = await transmitter.sign(hint)
    expect(await send(await transmitter.sign(hint))).toEqual({ status: 202 })
    await transmitter.rotate({ keep: true })
    // Read just now: it may be sent again.
    const fresh = await transmitter.sign(hint)
    expect((await send(fresh)).status).toBe(503)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 31_000 })
    expect(await send(fresh)).toEqual({ status: 202 })
    expect(await send(old)).toEqual({ status: 202 })
    await transmitter.rotate({ keep: false })
    vi.setSystemTime(Date.now() + 601_000)
    expect(await send(older)).toEqual({ status: 400, err: 'invalid_key' })
    expect(await send(await transmitter.sign(hint))).toEqual({ status: 202 })
  })

  it('lets come again what it cannot judge', async () => {
    configure('hints')
    transmitter.keysGone = true
    const who = await someone()
    const token = await transmitter.sign(purged(who))
    expect((await send(token)).status).toBe(503)
    configure('hints', { issuer: 'https://other.example.com' })
    expect((await send(token)).status).toBe(503)
    configure('hints', { configurationUrl: 'http://127.0.0.1:9/' })
    expect((await send(token)).status).toBe(503)
    transmitter.keysGone = false
    configure('hints')
    expect(await send(token)).toEqual({ status: 202 })
    expect(await audits('identity.hint', who)).toHaveLength(1)
  })

  it.each<[string, boolean, Record<string, unknown>, Record<string, unknown>?]>([
    ['an e-mail address', true, { format: 'email', email: 'H1@EXAMPLE.COM' }],
    ['an address of nobody', false, { format: 'email', email: 'nobody@example.com' }],
    ['iss and sub', true, { format: 'iss_sub', iss: 'ISSUER', sub: 'here-1' }],
    ['sub of somebody else', false, { format: 'iss_sub', iss: 'https://other.example.com', sub: 'here-1' }],
    [
      'sub of a known other',
      true,
      { format: 'iss_sub', iss: 'https://o.example', sub: 'here-1' },
      { subjectIssuers: ['https://o.example'] },
    ],
    ['sub, where it is ignored', false, { format: 'iss_sub', iss: 'ISSUER', sub: 'here-1' }, { subjects: { issSub: 'ignore' } }],
    ['an opaque id', false, { format: 'opaque', id: 'here-1' }],
    ['an opaque id that is one', true, { format: 'opaque', id: 'here-1' }, { subjects: { opaque: 'externalId' } }],
    ['an account', true, { format: 'account', uri: 'acct:h1@example.com' }],
    ['a SCIM user', true, { format: 'scim', uri: '/Users/x', externalId: 'here-1' }],
    ['a SCIM user by id', true, { format: 'scim', uri: 'https://s.example/v2/Users/here-1' }, { subjects: { scim: 'id' } }],
    [
      'aliases',
      true,
      {
        format: 'aliases',
        identifiers: [
          { format: 'email', email: 'nobody@example.com' },
          { format: 'email', email: 'h1@example.com' },
        ],
      },
    ],
    [
      'aliases of two people',
      false,
      {
        format: 'aliases',
        identifiers: [
          { format: 'email', email: 'l1@example.com' },
          { format: 'email', email: 'h1@example.com' },
        ],
      },
    ],
    [
      'aliases within aliases',
      false,
      { format: 'aliases', identifiers: [{ format: 'aliases', identifiers: [{ format: 'email', email: 'h1@example.com' }] }] },
    ],
    [
      'a complex subject',
      true,
      { format: 'complex', user: { format: 'email', email: 'h1@example.com' }, session: { format: 'opaque', id: 's' } },
    ],
    ['a complex subject of a draft', true, { user: { format: 'email', email: 'h1@example.com' } }],
    [
      'a critical member',
      false,
      { format: 'complex', user: { format: 'email', email: 'h1@example.com' }, session: { format: 'opaque', id: 's' } },
      { criticalSubjects: ['session'] },
    ],
    [
      'a critical member that it need not understand',
      true,
      { format: 'complex', user: { format: 'email', email: 'h1@example.com' } },
      { criticalSubjects: ['user', 'session'] },
    ],
    ['a complex subject without a user', false, { format: 'complex', device: { format: 'email', email: 'h1@example.com' } }],
    ['a telephone number', false, { format: 'phone_number', phone_number: '+12065550100' }],
    ['NUL', false, { format: 'email', email: 'h1@example.com\0' }],
    ['nothing', false, {}],
  ])('finds by %s: %s', async (_what, found, subject, more) => {
    configure('hints', more)
    const before = (await audits('identity.hint', 'here-1')).length
    const sub_id = JSON.parse(JSON.stringify(subject).replace('ISSUER', transmitter.issuer))
    expect(await send(await transmitter.sign({ ...hint, sub_id }))).toEqual({ status: 202 })
    expect((await audits('identity.hint', 'here-1')).length - before).toBe(found ? 1 : 0)
  })

  it('discards what has a critical member by the word of the transmitter', async () => {
    transmitter.critical = ['application']
    configure('hints')
    const before = (await audits('identity.hint', 'here-1')).length
    const user = { format: 'email', email: 'h1@example.com' }
    const sub_id = { format: 'complex', user, application: { format: 'opaque', id: 'a' } }
    expect(await send(await transmitter.sign({ ...hint, sub_id }))).toEqual({ status: 202 })
    expect(await audits('identity.hint', 'here-1')).toHaveLength(before)
  })

  it('takes several events of one token as one hint, but no credential that was made', async () => {
    const before = (await audits('identity.hint', 'here-1')).length
    const change = (change_type: string) => ({ [`${CAEP}/credential-change`]: { credential_type: 'password', change_type } })
    for (const type of ['create', 'update'])
      expect(await send(await transmitter.sign({ ...hint, events: change(type) }))).toEqual({ status: 202 })
    expect(await audits('identity.hint', 'here-1')).toHaveLength(before)
    const events = { ...hint.events, ...change('revoke'), [`${CAEP}/token-claims-change`]: {}, 'urn:other': {} }
    await send(await transmitter.sign({ ...hint, events }))
    expect((await audits('identity.hint', 'here-1')).slice(before)).toMatchObject([
      { detail: { events: ['session-revoked', 'credential-change'] } },
    ])
  })

  it('understands what Google writes, from before SSF', async () => {
    configure('google', { acceptUntyped: true })
    const subject = { subject_type: 'iss-sub', iss: transmitter.issuer, sub: 'here-1' }
    const before = (await audits('identity.hint', 'here-1')).length
    const events = { [`${RISC}/account-disabled`]: { subject, reason: 'hijacking' } }
    expect(await send(await transmitter.sign({ events }, { typ: 'JWT' }), { name: 'google' })).toEqual({ status: 202 })
    expect(await audits('identity.hint', 'here-1')).toHaveLength(before + 1)
    const verification = { [`${RISC}/verification`]: { state: 'of Google' } }
    expect(await send(await transmitter.sign({ events: verification }, { typ: undefined }), { name: 'google' })).toEqual({
      status: 202,
    })
    // An ID token of the same issuer is none of these.
    const idToken = await transmitter.sign({ sub: 'here-1', exp: 4_000_000_000 }, { typ: 'JWT' })
    expect(await send(idToken, { name: 'google' })).toEqual({ status: 400, err: 'invalid_request' })
  })

  it.skipIf(!existsSync(EXAMPLES)).each([
    ['set-caep-credential-change', 'jdoe'],
    ['set-risc-account-purged', '00u1'],
    ['set-scim-deactivate', 'E10442'],
    ['set-ssf-verification', undefined],
  ])('takes the example %s', async (name, who) => {
    const example = z
      .looseObject({ iss: z.string(), iat: z.number() })
      .parse(JSON.parse(readFileSync(new URL(`${name}.json`, EXAMPLES), 'utf8')))
    if (who !== undefined) await house.identities(['external_id,name,email', `${who},X,${who}@example.com`])
    const iat = Math.floor(house.now().epochMilliseconds / 1_000)
    configure('hints', { subjectIssuers: [example.iss] })
    const claims = { ...example, iss: transmitter.issuer, aud: transmitter.audience, iat }
    expect(await send(await transmitter.sign(claims))).toEqual({ status: 202 })
    if (who !== undefined) expect(await audits('identity.hint', who)).toHaveLength(1)
  })

  it('says at its source that the transmitter and the configuration differ', async () => {
    await send(await transmitter.sign({ ...hint, aud: 'client-1' }))
    expect((await feedRow('hints')).fault).toBe('a token was not taken: aud is not an audience of this stream')
    await send('junk')
    await send(await transmitter.sign(hint))
    expect((await feedRow('hints')).fault).toBeNull()
    configure('hints', { issuer: 'https://other.example.com' })
    await send('junk')
    expect((await feedRow('hints')).fault).toContain('another issuer')
  })

  it('says at its source that nothing comes by a stream', async () => {
    const updated = async (status: string) =>
      send(
        await transmitter.sign({
          sub_id: { format: 'opaque', id: 's' },
          events: { [`${SSF_EVENT}/stream-updated`]: { status } },
        }),
      )
    await updated('paused')
    expect((await feedRow('hints')).fault).toContain('paused')
    await updated('enabled')
    expect((await feedRow('hints')).fault).toBeNull()
  })

  /** What the daemon does with a source on its clock. */
  const pull = async (
    name: Name,
    once: (context: Parameters<NonNullable<ReturnType<typeof SSF.open>['pull']>['once']>[0]) => Promise<void>,
  ) => {
    const feed = feeds.get(name)
    if (feed === undefined) throw new Error(name)
    const { db } = test.store
    try {
      await once({
        ...{ feed, deps: intake(name), readReference, fingerprint: () => '', signal: new AbortController().signal },
        position: await feedPosition(db, feed.id),
        move: (position) => moveFeed(db, feed.id, position),
        log: (level, message, fields) => {
          logged += JSON.stringify({ level, message, ...fields })
        },
      })
      await heardFeed(db, feed.id, house.now())
      return undefined
    } catch (error) {
      const { code, message } = z
        .object({ code: z.string(), message: z.string() })
        .parse(error instanceof Error ? { code: '', ...error, message: error.message } : {})
      await failedFeed(db, feed.id, message, house.now())
      return { code, message }
    }
  }
  const open = (name: Name) => {
    const { pull: opened } = SSF.open(written.get(name) ?? {})
    if (opened === undefined) throw new Error(`${name} is not pulled`)
    return () => pull(name, opened.once)
  }
  const asked = (path: string) => transmitter.asked.filter((each) => each.path === path)

  it('makes the stream that pushes, and keeps watch over it', async () => {
    configure('pushed', {
      authorization: { token: 'env:SSF_TOKEN', scheme: 'SSWS' },
      pushTokens: ['env:PUSH_TOKEN'],
      stream: { receiveAt: `${address}/ssf/v1/pushed` },
      events: { 'risk-level-change': 'hint', 'session-revoked': 'ignore' },
    })
    let look = open('pushed')
    expect(await look()).toBeUndefined()
    const [made] = asked('/streams').filter(({ method }) => method === 'POST')
    expect(made).toMatchObject({
      authorization: `SSWS ${STATIC_TOKEN}`,
      body: {
        delivery: {
          method: 'urn:ietf:rfc:8935',
          endpoint_url: `${address}/ssf/v1/pushed`,
          authorization_header: `Bearer ${PUSH_TOKEN}`,
        },
      },
    })
    const { events_requested } = z.object({ events_requested: z.array(z.string()) }).parse(made?.body)
    expect(events_requested).toContain(`${CAEP}/risk-level-change`)
    expect(events_requested).toContain(`${RISC}/account-purged`)
    expect(events_requested).not.toContain(`${CAEP}/session-revoked`)
    // The echo came before the answer; the next look sees it, and asks no more until it is time.
    expect(await look()).toBeUndefined()
    house.advance(60_000)
    expect(await look()).toBeUndefined()
    expect(asked('/verify')).toHaveLength(1)
    house.advance(86_400_000)
    transmitter.echoes = false
    expect(await look()).toBeUndefined()
    house.advance(600_001)
    expect(await look()).toMatchObject({ code: 'SOURCE_UNREACHABLE' })
    house.advance(60_000)
    expect(await look()).toMatchObject({ code: 'SOURCE_UNREACHABLE' })
    transmitter.echoes = true
    house.advance(600_001)
    expect(await look()).toMatchObject({ code: 'SOURCE_UNREACHABLE' })
    expect(await look()).toBeUndefined()
    transmitter.status = 'paused'
    house.advance(300_000)
    expect(await look()).toMatchObject({ code: 'SOURCE_REFUSED', message: expect.stringContaining('paused') })
    house.advance(60_000)
    expect(await look()).toMatchObject({ code: 'SOURCE_REFUSED' })
    transmitter.status = 'enabled'
    house.advance(300_000)
    expect(await look()).toBeUndefined()
    // Another start: the stream that is there is mended, and no second one made.
    look = open('pushed')
    expect(await look()).toBeUndefined()
    expect([...transmitter.streams]).toHaveLength(1)
    expect(asked('/streams').at(-1)).toMatchObject({ method: 'PATCH' })
    // Somebody deleted it.
    transmitter.streams.clear()
    house.advance(300_000)
    await look()
    expect(await look()).toBeUndefined()
    expect([...transmitter.streams]).toHaveLength(1)
    expect((await feedRow('pushed')).fault).toBeNull()
  })

  it('calls push what a transmitter of a draft calls it', async () => {
    const methods = ['https://schemas.openid.net/secevent/risc/delivery-method/push']
    transmitter.methods = methods
    const stream = { receiveAt: `${address}/ssf/v1/pushed` }
    configure('pushed', { authorization: { token: 'env:SSF_TOKEN' }, stream })
    expect(await open('pushed')()).toBeUndefined()
    expect([...transmitter.streams.values()]).toMatchObject([
      { delivery: { method: methods[0], endpoint_url: stream.receiveAt } },
    ])
    await open('pushed')()
    expect(transmitter.streams.size).toBe(1)
    transmitter.methods = ['urn:ietf:rfc:8935', 'urn:ietf:rfc:8936']
  })

  it.each([
    ['is of another issuer', { iss: 'https://other.example.com' }, 'another issuer'],
    ['is for another audience', { aud: 'client-1' }, '"client-1"'],
  ])('takes no stream that %s', async (_what, claims, words) => {
    transmitter.streamClaims = claims
    configure('polled', { delivery: 'poll', authorization: { token: 'env:SSF_TOKEN' }, stream: {} })
    expect(await open('polled')()).toMatchObject({ code: 'SOURCE_REFUSED', message: expect.stringContaining(words) })
  })

  it('polls a stream, and acknowledges only what is committed', async () => {
    const client = { tokenUrl: `${transmitter.issuer}/token`, clientId: OAUTH.id }
    configure('polled', { delivery: 'poll', authorization: { ...client, clientSecret: 'env:CLIENT_SECRET' }, stream: {} })
    const look = open('polled')
    const who = await someone()
    const add = async (jti: string, claims: Record<string, unknown>, header?: Parameters<SsfTransmitter['sign']>[1]) =>
      transmitter.waiting.set(jti, await transmitter.sign({ jti, ...claims }, header))
    for (let each = 0; each < 5; each++) await add(`good-${each}`, purged(who))
    await add('wrong-aud', { ...hint, aud: 'https://other.example.com' })
    await add('wrong-exp', { ...hint, exp: 1 })
    transmitter.waiting.set('wrong-name', await transmitter.sign({ ...hint, jti: 'another' }))
    // What is refused will not come again: its source says so, and is heard all the same.
    const fault = {
      code: 'SOURCE_REFUSED',
      message: expect.stringMatching(/refused for good \(3, the last at .*Z\): jti is not/),
    }
    expect(await look()).toMatchObject(fault)
    expect(await feedRow('polled')).toMatchObject({ fault: fault.message, heard_at: house.now() })
    expect(await audits('identity.hint', who)).toHaveLength(5)
    expect([...transmitter.refused]).toMatchObject([
      ['wrong-aud', { err: 'invalid_audience' }],
      ['wrong-exp', { err: 'invalid_request' }],
      ['wrong-name', { err: 'invalid_request' }],
    ])
    expect(asked('/token')).toHaveLength(1)
    // Only the echo of the verification is left: it comes with the next look.
    expect([...transmitter.waiting.keys()]).toEqual([expect.stringContaining('verification')])
    // For a day: a token that is taken does not bring back one that was not.
    expect(await look()).toMatchObject(fault)
    expect(transmitter.waiting.size).toBe(0)
    house.advance(86_400_000)
    expect(await look()).toBeUndefined()
    expect((await feedRow('polled')).fault).toBeNull()
    // The same again, as after an answer that was lost.
    await add('good-1', purged(who))
    expect(await look()).toBeUndefined()
    expect([...transmitter.waiting.keys()].filter((jti) => !jti.startsWith('verification'))).toEqual([])
    expect(await audits('identity.hint', who)).toHaveLength(5)
  })

  it.each([
    ['this machine', 'http://localhost:9/poll'],
    ['this machine, at another port', 'http://127.0.0.1:9/poll'],
    ['somewhere else', 'https://elsewhere.example.com/poll'],
    ['an address that is not safe', 'http://elsewhere.example.com/poll'],
  ])('polls nowhere but at the transmitter, though it names %s', async (_what, endpoint_url) => {
    transmitter.streamClaims = { delivery: { method: 'urn:ietf:rfc:8936', endpoint_url } }
    const keys = { delivery: 'poll', authorization: { token: 'env:SSF_TOKEN' }, stream: {} }
    configure('polled', keys)
    expect(await open('polled')()).toMatchObject({
      code: 'SOURCE_REFUSED',
      message: expect.stringMatching(/endpoints\.poll/),
    })
    expect(await feedPosition(test.store.db, (await feedRow('polled')).id)).not.toMatchObject({ pollUrl: endpoint_url })
    // The configuration may name any place.
    configure('polled', { ...keys, endpoints: { poll: `${transmitter.issuer}/poll` } })
    expect(await open('polled')()).toBeUndefined()
  })

  it('acknowledges nothing that it could not judge, and all that it could', async () => {
    configure('polled-plain', {
      ...{ delivery: 'poll', authorization: { token: 'env:SSF_TOKEN' } },
      endpoints: { poll: `${transmitter.issuer}/poll` },
    })
    const look = open('polled-plain')
    const who = await someone()
    const add = async (jti: string) => transmitter.waiting.set(jti, await transmitter.sign({ ...purged(who), jti }))
    await add('first')
    await transmitter.rotate({ keep: true })
    transmitter.waiting.set('broken', 'x.y.z')
    expect(await look()).toMatchObject({ message: expect.stringContaining('no signed JWT') })
    transmitter.refused.clear()
    await add('known')
    await transmitter.rotate({ keep: true })
    await add('unknown')
    expect(await look()).toMatchObject({ code: 'SOURCE_UNREACHABLE' })
    expect([...transmitter.waiting.keys()]).toEqual(['unknown'])
    expect((await feedRow('polled-plain')).fault).not.toBeNull()
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 31_000 })
    house.advance(86_400_000)
    expect(await look()).toBeUndefined()
    expect(transmitter.waiting.size).toBe(0)
    expect(await audits('identity.hint', who)).toHaveLength(3)
    expect(transmitter.refused.size).toBe(0)
  })

  it('proves itself by a key in place of a secret', async () => {
    const client = { tokenUrl: `${transmitter.issuer}/token`, clientId: OAUTH.id }
    configure('polled', { delivery: 'poll', authorization: { ...client, privateKey: 'env:CLIENT_KEY', keyId: 'k1' }, stream: {} })
    expect(await open('polled')()).toBeUndefined()
    configure('polled', { delivery: 'poll', authorization: { ...client, clientSecret: 'env:PUSH_TOKEN' }, stream: {} })
    expect(await open('polled')()).toMatchObject({ code: 'SOURCE_REFUSED' })
    configure('polled', { delivery: 'poll', authorization: { ...client, privateKey: 'env:PUSH_TOKEN' }, stream: {} })
    expect(await open('polled')()).toMatchObject({ code: 'SECRET_INVALID' })
  })

  it.each<[string, Record<string, unknown>, string]>([
    ['audience', { aud: 'https://other.example.com' }, 'aud is not an audience of this stream'],
    ['issuer', { iss: 'https://other.example.com' }, 'iss is not the issuer of this stream'],
  ])('says for a day that a polled token is of another %s, whatever is taken meanwhile', async (what, claims, words) => {
    configure('polled-plain', { ...POLLED, endpoints: { poll: `${transmitter.issuer}/poll` } })
    const look = open('polled-plain')
    const fault = { message: expect.stringContaining(words) }
    transmitter.waiting.set(`first-${what}`, await transmitter.sign({ ...hint, jti: `first-${what}` }))
    transmitter.waiting.set(`other-${what}`, await transmitter.sign({ ...hint, ...claims, jti: `other-${what}` }))
    expect(await look()).toMatchObject(fault)
    house.advance(60_000)
    transmitter.waiting.set(`own-${what}`, await transmitter.sign({ ...hint, jti: `own-${what}` }))
    expect(await look()).toMatchObject(fault)
    expect(transmitter.waiting.size).toBe(0)
    house.advance(86_400_000)
    expect(await look()).toBeUndefined()
    expect((await feedRow('polled-plain')).fault).toBeNull()
  })

  it.each(['refusals', 'answers'] as const)('tells of what was refused once, though %s were lost', async (lost) => {
    configure('polled-plain', { ...POLLED, endpoints: { poll: `${transmitter.issuer}/poll` } })
    const look = open('polled-plain')
    transmitter.loses = lost
    transmitter.waiting.set(`lost-${lost}`, await transmitter.sign({ ...hint, jti: `lost-${lost}`, exp: 1 }))
    expect(await look()).toMatchObject({ code: 'SOURCE_UNREACHABLE' })
    transmitter.loses = 'nothing'
    expect(await look()).toMatchObject({
      message: expect.stringMatching(/refused for good \(1, the last at .*Z\): exp must not/),
    })
    expect(transmitter.waiting.size).toBe(0)
    house.advance(86_400_000)
    expect(await look()).toBeUndefined()
  })

  it('bears any token, and does nothing by one that it refuses', { timeout: 30_000 + RUNS * 30 }, async () => {
    const claim = fc.oneof(
      fc.constant(undefined),
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.double(),
      fc.jsonValue({ maxDepth: 2 }),
    )
    const subject = fc.oneof(
      fc.jsonValue({ maxDepth: 3 }),
      fc.record(
        {
          format: fc.constantFrom('email', 'iss_sub', 'opaque', 'account', 'aliases', 'scim', 'complex', 'did'),
          email: fc.oneof(claim, fc.constant('h1@example.com')),
          iss: fc.constantFrom(transmitter.issuer, 'x'),
          sub: claim,
          id: claim,
          uri: claim,
          externalId: claim,
          identifiers: fc.array(fc.jsonValue({ maxDepth: 2 }), { maxLength: 3 }),
          user: fc.jsonValue({ maxDepth: 2 }),
        },
        { requiredKeys: ['format'] },
      ),
    )
    const names = [
      `${RISC}/account-purged`,
      `${RISC}/account-disabled`,
      `${CAEP}/credential-change`,
      `${SSF_EVENT}/verification`,
      `${SSF_EVENT}/stream-updated`,
    ]
    const events = fc.oneof(
      claim,
      fc.dictionary(
        fc.oneof(fc.constantFrom(...names), fc.string({ unit: 'binary', maxLength: 10 })),
        fc.oneof(
          fc.record(
            { state: claim, status: claim, event_timestamp: claim, change_type: fc.constantFrom('revoke', 1), subject },
            { requiredKeys: [] },
          ),
          fc.jsonValue({ maxDepth: 1 }),
        ),
        { maxKeys: 4 },
      ),
    )
    const iat = Math.floor(house.now().epochMilliseconds / 1_000)
    configure('hints')
    await fc.assert(
      fc.asyncProperty(
        fc.record(
          {
            jti: fc.oneof(claim, fc.uuid()),
            iat: fc.oneof(claim, fc.constant(iat)),
            toe: claim,
            txn: claim,
            sub_id: subject,
            events,
          },
          { requiredKeys: ['events'] },
        ),
        async (claims) => {
          const answer = await send(await transmitter.sign(JSON.parse(JSON.stringify(claims))))
          expect([202, 400]).toContain(answer.status)
          if (answer.status === 400) expect(answer.err).toBe('invalid_request')
        },
      ),
      { numRuns: RUNS },
    )
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 200 }), fc.nat(3), async (text, part) => {
        const parts = (await transmitter.sign(hint)).split('.')
        parts[part] = part === 3 ? text : `${parts[part]?.slice(0, -4)}${Buffer.from(text).toString('base64url')}`
        expect((await send(parts.join('.'))).status).toBe(400)
      }),
      { numRuns: RUNS },
    )
    expect(await stands('here-1')).toBe('active')
  })
})

describe('the keys of a source of shared signals', () => {
  const PUSH = {
    issuer: 'https://i.example',
    audience: ['a'],
    configurationUrl: 'https://i.example/.well-known/ssf-configuration',
  }
  const POLL = { ...PUSH, delivery: 'poll', endpoints: { poll: 'https://i.example/poll' } }
  const TOKEN = { authorization: { token: 'env:T' } }
  it.each<[Record<string, unknown>, string | undefined]>([
    [PUSH, undefined],
    [POLL, undefined],
    [{ ...PUSH, configurationUrl: 'http://127.0.0.1:1/x' }, undefined],
    [{ ...PUSH, configurationUrl: 'http://i.example/x' }, 'configurationUrl'],
    [{ ...PUSH, configurationUrl: 'https://u:p@i.example/x' }, 'configurationUrl'],
    [{ ...PUSH, configurationUrl: undefined }, 'configurationUrl'],
    [{ issuer: 'i', audience: ['a'], endpoints: { jwks: 'https://i.example/jwks' } }, undefined],
    [{ ...PUSH, audience: [] }, 'audience'],
    [{ ...PUSH, algorithms: ['none'] }, 'algorithms.0'],
    [{ ...PUSH, algorithms: ['HS256'] }, 'algorithms.0'],
    [{ ...PUSH, other: 1 }, ''],
    [{ ...PUSH, events: { 'account-purged': 'fact' } }, undefined],
    [{ ...PUSH, events: { 'session-revoked': 'fact' } }, 'events.session-revoked'],
    [{ ...PUSH, events: { unknown: 'hint' } }, 'events'],
    [{ ...POLL, endpoints: {} }, 'endpoints.poll'],
    [{ ...POLL, pushTokens: ['env:T'] }, 'pushTokens'],
    [{ ...PUSH, pushTokens: ['the secret itself'] }, 'pushTokens.0'],
    [{ ...PUSH, stream: { receiveAt: 'https://r.example/ssf/v1/x' } }, 'authorization'],
    [{ ...PUSH, ...TOKEN, stream: {} }, 'stream.receiveAt'],
    [{ ...PUSH, ...TOKEN, stream: { receiveAt: 'https://r.example/ssf/v1/x' } }, undefined],
    [{ ...POLL, ...TOKEN, stream: { receiveAt: 'https://r.example/ssf/v1/x' } }, 'stream.receiveAt'],
    [{ ...PUSH, authorization: { tokenUrl: 'https://i.example/t', clientId: 'c' } }, 'authorization'],
  ])('%j: %s', (keys, fault) => {
    const given = Object.fromEntries(Object.entries(keys).filter(([, value]) => value !== undefined))
    const { error } = ssfOptions.safeParse(given)
    expect(error?.issues[0]?.path.join('.')).toBe(fault)
  })
})
