import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import fastify, { type FastifyInstance } from 'fastify'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { addFeeds } from '../../../src/api/feeds/add-feeds.ts'
import { syncFeeds } from '../../../src/store/feed.ts'
import { feedPage } from '../../../src/store/feed-page.ts'
import { findIdentities } from '../../../src/store/identity.ts'
import { openLogger } from '../../../src/telemetry/logger.ts'
import { type Added, EDITS, edited, fuzz, fuzzMs, NOTHING_ADDED, openCensus, runs } from '../../intake/fuzz.ts'
import { type House, openHouse } from '../../intake/house.ts'
import { STORES, type TestStore } from '../../servers/stores.ts'

const RUNS = runs(300)
const USER = 'urn:ietf:params:scim:schemas:core:2.0:User'
const GROUP = 'urn:ietf:params:scim:schemas:core:2.0:Group'
const ENTERPRISE = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'
const PATCH = 'urn:ietf:params:scim:api:messages:2.0:PatchOp'
const TOKEN = 'scim-token-0123456789abcdef'
const HOOK = 'hook-secret-0123456789'
/** Stands where values do: what refuses it must not quote it. */
const MARK = 'Zq5mark3dValueZq5'
/** A password is kept nowhere, and told to nobody. */
const PASSWORD = 'Zq6p4sswordZq6'
/** One in three texts is no JSON any more, or another. */
const SOME_EDITS = fc.oneof({ weight: 2, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: EDITS })
const [embedded] = STORES
if (embedded === undefined) throw new Error('no database')

describe('malformed requests of sources', () => {
  let test: TestStore
  let house: House
  let app: FastifyInstance
  let census: () => Promise<Added>
  let logged = ''

  beforeAll(async () => {
    test = await embedded.open()
    house = await openHouse(test.store)
    const { db } = test.store
    const mass = { share: 1, least: 10_000_000, windowMs: 3_600_000 }
    const policy = { inactive: 'terminate', deleted: 'terminate', joiners: 'follow', mass } as const
    const options: Record<string, Record<string, unknown>> = {
      scim: { tokens: ['env:scim'] },
      webhook: {
        secrets: ['env:hook'],
        signature: { header: 'X-Signature', prefix: 'sha256=', signs: '{timestamp}.{body}', timestamp: 'X-Timestamp' },
        map: {
          ...{ people: '/people', key: '/id', externalId: '/mail', name: '/name', email: '/mail', status: '/status' },
          ...{ terminationDate: '/lastDay', timeZone: '/zone', event: '/event' },
        },
        statuses: { Here: 'active', Away: 'inactive', Gone: 'terminated' },
      },
    }
    const kinds = ['scim', 'webhook'] as const
    const rows = await syncFeeds(
      db,
      kinds.map((kind) => ({ name: kind, kind, silentAfterMs: 60_000 })),
      house.now(),
    )
    app = fastify()
    await addFeeds(app, {
      db,
      feeds: (wanted) =>
        rows.flatMap(({ id, name, kind }) =>
          kind === wanted ? [{ feed: { id, name, kind, policy }, options: options[kind] ?? {} }] : [],
        ),
      intake: ({ name }) => ({ ...house.deps, actor: `feed ${name}` }),
      readReference: async (reference) => (reference === 'env:scim' ? TOKEN : HOOK),
      now: house.now,
      logger: openLogger({
        level: 'debug',
        fields: {},
        write: (line) => {
          logged += line
        },
      }),
    })
    await app.ready()
    census = openCensus(db)
  }, 60_000)
  afterAll(async () => {
    await app.close()
    await house.close()
    await test.stop()
  })

  const stands = async (who: string) => {
    const row = (await findIdentities(test.store.db, [who])).get(who)
    return row === undefined ? 'unknown' : row.terminated_at === null ? 'here' : 'left'
  }
  const faultOf = async (name: string) =>
    (await feedPage(test.store.db, { sort: 'name', limit: 50, after: undefined })).find((feed) => feed.name === name)?.fault ??
    null
  /** What was logged since it was looked at last. */
  const takeLog = () => {
    const text = logged
    logged = ''
    return text
  }

  const value = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom(
        'False',
        'tRUE',
        'active',
        'a@example.com',
        USER,
        PATCH,
        MARK,
        'a'.repeat(600),
        '\0',
        '\ud800',
        '__proto__',
      ),
      fc.constantFrom(true, false, null, 0, -1, 1e300, ''),
      fc.string({ unit: 'binary', maxLength: 12 }),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(
        fc.constantFrom('value', 'type', 'primary', 'display', '$ref', 'formatted', 'givenName', 'manager', '__proto__', '\0'),
        tie('value'),
        { maxKeys: 3 },
      ),
    ),
  })).value

  it(`of SCIM: no 5xx, and done is what is answered (${RUNS})`, { timeout: fuzzMs(RUNS) }, async () => {
    const send = (method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', url: string, payload?: string, more = {}) =>
      app.inject({
        ...{ method, url: `/scim/v2${url}` },
        headers: {
          authorization: `Bearer ${TOKEN}`,
          ...(payload === undefined ? {} : { 'content-type': 'application/scim+json' }),
          ...more,
        },
        ...(payload === undefined ? {} : { payload }),
      })
    let n = 0
    const userOf = (more: object) => ({
      schemas: [USER],
      userName: `u${++n}@example.com`,
      active: true,
      password: PASSWORD,
      ...more,
    })
    const resource = z.looseObject({ id: z.string() })
    const add = async (path: string, body: object) => {
      const made = await send('POST', path, JSON.stringify(body))
      expect([made.statusCode, made.body]).toEqual([201, made.body])
      return resource.parse(made.json()).id
    }
    // One whom every request may speak of, one whom none does, and those that the requests make.
    const ids = [await add('/Users', userOf({ displayName: 'One' }))]
    await add('/Users', userOf({ userName: 'bystander@example.com' }))
    const groups = [await add('/Groups', { schemas: [GROUP], displayName: 'G', members: [] })]
    await census()

    const attribute = fc.constantFrom(
      ...['active', 'userName', 'displayName', 'name', 'name.givenName', 'emails', 'emails[type eq "work"].value', 'members'],
      ...['externalId', 'userType', 'title', 'password', 'roles[primary eq "True"].value', ENTERPRISE, `${ENTERPRISE}:manager`],
      ...['[', 'a[b eq', 'members[value eq "1"]', '$ref', 'nonsense', 'schemas', `${USER}:active`, 'id', 'meta', MARK],
    )
    const user = fc.dictionary(attribute, value, { maxKeys: 2 }).map((more) => ({ ...userOf({}), ...more }))
    const patch = fc
      .array(
        fc.record(
          { op: fc.constantFrom('replace', 'Add', 'remove', 'move', ''), path: attribute, value },
          { requiredKeys: ['op'] },
        ),
        { maxLength: 3 },
      )
      .map((Operations) => ({ schemas: [PATCH], Operations }))
    const group = fc.record({
      schemas: fc.constant([GROUP]),
      displayName: value,
      members: fc.array(fc.record({ value: fc.oneof(value, fc.constantFrom(...ids)) }), { maxLength: 2 }),
    })
    const deep = fc
      .constantFrom(20, 40, 100_000)
      .map((depth) => `{"schemas":["${USER}"],"userName":"deep","x":${'['.repeat(depth)}${']'.repeat(depth)}}`)
    const asText = (of: fc.Arbitrary<unknown>) => of.map((each) => JSON.stringify(each) ?? '')
    /** What fits the request, mostly. */
    const bodyFor = (method: string, type: string) =>
      fc
        .tuple(
          fc.oneof(
            { weight: 60, arbitrary: asText(method === 'PATCH' ? patch : type === 'Users' ? user : group) },
            { weight: 10, arbitrary: asText(fc.oneof(user, patch, group, value)) },
            { weight: 1, arbitrary: deep },
          ),
          SOME_EDITS,
        )
        .map(([text, edits]) => (edits === null || text.length > 10_000 ? text : edited(text, edits)))
    const operand = fc.oneof(
      fc.constantFrom(
        'userName eq "u1@example.com"',
        'userName eq "\\u0000"',
        'id eq "x"',
        'externalId eq "\\ud800"',
        'a sw "b"',
      ),
      fc.constantFrom('displayName eq "\\u0000"', 'active eq true and (', 'emails[type eq "work"]', 'meta.created gt "x"', MARK),
      fc.string({ unit: 'binary', maxLength: 20 }).map((text) => text.toWellFormed()),
    )
    const query = fc
      .dictionary(
        fc.constantFrom('filter', 'startIndex', 'count', 'sortBy', 'sortOrder', 'attributes', 'excludedAttributes'),
        fc.oneof(
          operand,
          fc.constantFrom(
            '',
            ',',
            'name.givenName,active',
            '1',
            '-1',
            '0',
            '1e9',
            '9007199254740991',
            'ascending',
            '__proto__',
            'userName',
          ),
        ),
        { maxKeys: 2 },
      )
      .map((pairs) => new URLSearchParams(pairs).toString())
    const request = fc
      .tuple(
        fc.constantFrom('POST', 'PUT', 'PATCH', 'PATCH', 'GET', 'DELETE'),
        fc.constantFrom('Users', 'Users', 'Users', 'Groups'),
      )
      .chain(([method, type]) =>
        fc.record({
          ...{ method: fc.constant(method), type: fc.constant(type), body: bodyFor(method, type), query },
          which: fc.oneof({ weight: 9, arbitrary: fc.nat() }, { weight: 1, arbitrary: fc.constantFrom('%00', 'x', '.search') }),
          match: fc.option(fc.constantFrom('W/"1"', '*', '"', MARK), { freq: 1 }),
        }),
      )
    const statuses = new Map<number, number>()
    await fuzz(
      fc.asyncProperty(request, async ({ method, type, which, body: payload, query: search, match }) => {
        const known = type === 'Users' ? ids : groups
        const [first = ''] = known
        // The first is never deleted, so that something is there to be spoken of.
        const id = typeof which === 'string' ? which : (known[which % known.length] ?? first)
        const isOne = !(method === 'POST' && which !== '.search') && !(method === 'GET' && id === first)
        const url = `/${type}${isOne ? `/${id}` : ''}${search === '' ? '' : `?${search}`}`
        if (method === 'DELETE' && id === first) return
        const bare = method === 'GET' || method === 'DELETE'
        const answer = await send(method, url, bare ? undefined : payload, match === null ? {} : { 'if-match': match })
        const status = answer.statusCode
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
        const added = await census()
        expect(status, answer.body).toBeLessThan(500)
        expect(answer.body + takeLog()).not.toContain(PASSWORD)
        if (status >= 400) {
          expect(answer.body).not.toContain(MARK)
          expect(added).toEqual(NOTHING_ADDED)
          if (status === 400 && !bare && isOne && known.includes(id) && !search) expect(await faultOf('scim')).not.toBeNull()
        }
        if (status === 201) {
          const made = resource.parse(answer.json()).id
          known.push(made)
          expect(added).toMatchObject({ scim_resource: 1, credential: 0 })
          expect(added.identity).toBeLessThanOrEqual(type === 'Users' ? 1 : 0)
        } else expect(added).toMatchObject({ scim_resource: 0, identity: 0, credential: 0 })
        if (status === 204) known.splice(known.indexOf(id), 1)
        // What is answered of a resource is what is kept.
        if (status === 200 && (method === 'PUT' || method === 'PATCH')) {
          const kept = await test.store.db.selectFrom('scim_resource').select('version').where('id', '=', id).executeTakeFirst()
          expect(answer.headers.etag).toBe(`W/"${kept?.version}"`)
        }
        // Few, so that a filter is tried on few.
        if (known.length > 60) {
          for (const each of known.splice(1)) expect((await send('DELETE', `/${type}/${each}`)).statusCode).toBe(204)
          await census()
        }
      }),
      RUNS,
    )
    expect(await stands('bystander@example.com')).toBe('here')
    const { rows } = await sql`select 1 from scim_resource where data::text like ${`%${PASSWORD}%`}`.execute(test.store.db)
    expect(rows).toEqual([])
    // It gets past the first check often enough to mean something.
    tellStatuses('SCIM', statuses)
    for (const status of [200, 201, 204, 400]) expect([status, (statuses.get(status) ?? 0) > RUNS / 100]).toEqual([status, true])
  })

  it(`of HR systems: taken is what is told, and the rest is said (${RUNS})`, { timeout: fuzzMs(RUNS) }, async () => {
    const post = (payload: string) => {
      const at = String(Math.floor(house.now().epochMilliseconds / 1_000))
      const signature = createHmac('sha256', HOOK).update(`${at}.`).update(payload).digest('hex')
      const headers = { 'content-type': 'application/json', 'x-signature': `sha256=${signature}`, 'x-timestamp': at }
      return app.inject({ method: 'POST', url: '/hooks/webhook', payload, headers })
    }
    const fields = z.object({
      outcomes: z.record(z.string(), z.number()),
      passedOver: z.number(),
      repeated: z.boolean(),
    })
    let n = 0
    const said = fc.oneof(
      value,
      fc.constantFrom('Here', 'Away', 'Gone', 'Other', '2026-12-31', '2026-02-30', '0000-00-00', 'Europe/Berlin', MARK, null),
      fc.nat(200).map((who) => `w${who}@example.com`),
    )
    const person = fc
      .record(
        { id: fc.oneof(fc.nat(200).map(String), said), mail: said, name: said, status: said, lastDay: said, zone: said },
        { requiredKeys: [] },
      )
      .map((each) => ({
        ...each,
        ...(n++ % 3 === 0 ? { mail: `w${n}@example.com`, status: 'Here', lastDay: null, zone: null } : {}),
      }))
    const body = fc
      .tuple(
        fc.oneof(
          fc.record({
            event: fc.oneof({ weight: 20, arbitrary: fc.uuid() }, { weight: 1, arbitrary: said }),
            people: fc.array(person, { maxLength: 4 }),
          }),
          fc.record({ event: said, people: said }),
        ),
        SOME_EDITS,
      )
      .map(([each, edits]) => (edits === null ? JSON.stringify(each) : edited(JSON.stringify(each), edits)))
    const statuses = new Map<number, number>()
    await census()
    takeLog()
    await fuzz(
      fc.asyncProperty(
        fc.oneof(
          { weight: 90, arbitrary: body },
          { weight: 5, arbitrary: fc.json() },
          { weight: 5, arbitrary: fc.string({ unit: 'binary' }) },
          {
            weight: 1,
            arbitrary: fc
              .constantFrom(10, 100_000)
              .map((depth) => `{"people":[{"id":"deep","name":${'['.repeat(depth)}${']'.repeat(depth)}}]}`),
          },
        ),
        async (text) => {
          const answer = await post(text)
          const status = answer.statusCode
          statuses.set(status, (statuses.get(status) ?? 0) + 1)
          const added = await census()
          expect([200, 422], answer.body).toContain(status)
          expect(answer.body + takeLog()).not.toContain(MARK)
          if (status === 422) {
            expect(added).toEqual(NOTHING_ADDED)
            expect(await faultOf('webhook')).toContain('a webhook could not be taken')
            return
          }
          const { outcomes, passedOver, repeated } = fields.parse(answer.json())
          if (repeated) expect(added).toEqual(NOTHING_ADDED)
          const { joined = 0, terminated = 0, suspended = 0, reinstated = 0 } = outcomes
          expect(added.identity).toBe(joined)
          expect(added.audit).toBe(
            joined +
              terminated +
              suspended +
              reinstated +
              (added.feed_statement > joined + terminated + suspended + reinstated ? 1 : 0),
          )
          const fault = await faultOf('webhook')
          if (passedOver > 0) expect(fault).toContain('a webhook could not be taken')
          expect(fault ?? '').not.toContain(MARK)
        },
      ),
      RUNS,
    )
    tellStatuses('HR', statuses)
    for (const status of [200, 422]) expect([status, (statuses.get(status) ?? 0) > RUNS / 100]).toEqual([status, true])
  })
})

/** Of a long run: what came of how many. */
function tellStatuses(what: string, statuses: ReadonlyMap<number, number>): void {
  if (RUNS >= 100_000) process.stdout.write(`${what}: ${JSON.stringify(Object.fromEntries(statuses))}\n`)
}
