import { existsSync, readFileSync } from 'node:fs'
import fastify, { type FastifyInstance } from 'fastify'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { addFeeds } from '../../../src/api/feeds/add-feeds.ts'
import type { Departure } from '../../../src/domain/feed.ts'
import type { Store } from '../../../src/store/db.ts'
import { syncFeeds } from '../../../src/store/feed.ts'
import { feedFaults } from '../../../src/store/feed-fault.ts'
import { findIdentities } from '../../../src/store/identity.ts'
import { openLogger } from '../../../src/telemetry/logger.ts'
import { type House, openHouse } from '../../intake/house.ts'
import { STORES, type TestStore } from '../../servers/stores.ts'

const EXAMPLES = new URL('../../../../shared/standards/examples/', import.meta.url)
const USER = 'urn:ietf:params:scim:schemas:core:2.0:User'
const ENTERPRISE = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'
const PATCH = 'urn:ietf:params:scim:api:messages:2.0:PatchOp'
const TOKENS = {
  okta: 'okta-token-0123456789abcdef',
  entra: 'entra-token-0123456789abcdef',
  next: 'okta-next-0123456789abcdef',
  acme: 'acme-token-0123456789abcdef',
}
const POLICY = { deleted: 'terminate', joiners: 'follow', mass: { share: 1, least: 100_000, windowMs: 3_600_000 } } as const

const resource = z.looseObject({
  id: z.string(),
  userName: z.string().optional(),
  schemas: z.array(z.string()),
  meta: z.looseObject({ location: z.string(), version: z.string() }),
})

describe.each(STORES.slice(0, 2))('SCIM, on $name', ({ open }) => {
  let test: TestStore
  let store: Store
  let house: House
  let app: FastifyInstance
  const inactive: Record<string, Departure> = { okta: 'terminate', entra: 'suspend', acme: 'terminate' }
  let organization = 'Acme'
  /** What the driver says when a write begins. */
  let away: Error | undefined
  beforeAll(async () => {
    test = await open()
    store = test.store
    house = await openHouse(store)
    const names = ['okta', 'entra', 'acme'] as const
    const rows = await syncFeeds(
      store.db,
      names.map((name) => ({ name, kind: 'scim', silentAfterMs: 60_000 })),
      house.now(),
    )
    app = fastify()
    await addFeeds(app, {
      db: store.db,
      feeds: (kind) =>
        kind !== 'scim'
          ? []
          : rows.map(({ id, name }) => {
              const tokens = name === 'okta' ? ['env:okta', 'env:next'] : [`env:${name}`, 'env:missing']
              return {
                feed: { id, name, kind: 'scim', policy: { ...POLICY, inactive: inactive[name] ?? 'ask' } },
                options: { tokens, ...(name === 'acme' ? { organization } : {}) },
              }
            }),
      intake: ({ name }) => {
        if (away !== undefined) throw away
        return { ...house.deps, actor: `feed ${name}` }
      },
      readReference: async (reference) => {
        const token = new Map<string, string>(Object.entries(TOKENS)).get(reference.slice('env:'.length))
        if (token === undefined) throw new Error('not there')
        return token
      },
      now: house.now,
      logger: openLogger({ level: 'error', fields: {}, write: (line) => (away === undefined ? expect.fail(line) : undefined) }),
    })
    await app.ready()
  })
  afterAll(async () => {
    await app.close()
    await house.close()
    await test.stop()
  })

  type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  async function ask(
    method: Method,
    path: string,
    body?: unknown,
    options: { as?: string; headers?: Record<string, string> } = {},
  ) {
    const { as = TOKENS.okta, headers = {} } = options
    const answer = await app.inject({
      method,
      url: `/scim/v2${path}`,
      headers: {
        authorization: `Bearer ${as}`,
        ...(body === undefined ? {} : { 'content-type': 'application/scim+json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
    })
    return { status: answer.statusCode, body: answer.body === '' ? undefined : JSON.parse(answer.body), headers: answer.headers }
  }
  let n = 0
  const someone = () => `user${++n}@example.com`
  async function add(userName: string, more: Record<string, unknown> = {}, as?: string) {
    const made = await ask(
      'POST',
      '/Users',
      { schemas: [USER], userName, active: true, displayName: `D ${userName}`, ...more },
      { ...(as === undefined ? {} : { as }) },
    )
    expect(made.status).toBe(201)
    return resource.parse(made.body)
  }
  const patch = (id: string, Operations: unknown, options?: Parameters<typeof ask>[3]) =>
    ask('PATCH', `/Users/${id}`, { schemas: [PATCH], Operations }, options)
  const stands = async (who: string) => {
    const row = (await findIdentities(store.db, [who])).get(who)
    if (row === undefined) return 'unknown'
    return row.terminated_at !== null ? 'terminated' : row.suspended_at !== null ? 'suspended' : 'active'
  }

  it('lets in by its own token only, and says so', async () => {
    for (const as of ['', 'wrong', 'wrong-token-0123456789'])
      expect(await ask('GET', '/Users', undefined, { as })).toMatchObject({
        status: 401,
        body: { status: '401' },
        headers: { 'www-authenticate': 'Bearer realm="scim"' },
      })
    expect((await ask('GET', '/Users', undefined, { as: TOKENS.next })).status).toBe(200)
    const { id } = await add(someone())
    expect((await ask('GET', `/Users/${id}`, undefined, { as: TOKENS.entra })).status).toBe(404)
    for (let tries = 0; tries < 12; tries++) await ask('GET', '/Users', undefined, { as: 'wrong-token-0123456789' })
    expect((await ask('GET', '/Users', undefined, { as: 'wrong-token-0123456789' })).status).toBe(429)
    // Whoever has the token is not shut out by somebody who has not.
    expect((await ask('GET', '/Users')).status).toBe(200)
  })

  it('follows a joiner and a leaver, and makes what the leaver held due in the same transaction', async () => {
    const who = someone()
    const user = await add(who, {
      name: { givenName: 'Ann', familyName: 'Lee' },
      emails: [{ value: who, type: 'work', primary: true }],
    })
    expect(user.meta.location).toBe(`http://localhost:80/scim/v2/Users/${user.id}`)
    expect(await stands(who)).toBe('active')
    await house.credentials(['external_id,system,label,secret.token', `${who},${house.system('api')},t,s3cret-${who}`])
    const left = await patch(user.id, [{ op: 'replace', value: { active: false } }])
    expect(left).toMatchObject({ status: 200, body: { active: false } })
    expect(await stands(who)).toBe('terminated')
    const due = await store.db
      .selectFrom('check_state as c')
      .innerJoin('credential as k', 'k.id', 'c.credential_id')
      .innerJoin('identity as i', 'i.id', 'k.identity_id')
      .select('c.due_at')
      .where('i.external_id', '=', who)
      .execute()
    expect(due.map(({ due_at }) => due_at !== null)).toEqual([true])
    // Assigned again.
    await patch(user.id, [{ op: 'replace', value: { active: true } }])
    expect(await stands(who)).toBe('active')
    expect((await ask('DELETE', `/Users/${user.id}`)).status).toBe(204)
    expect(await stands(who)).toBe('terminated')
    expect((await ask('GET', `/Users/${user.id}`)).status).toBe(404)
  })

  it('takes the whole user that a custom application of Okta writes', async () => {
    const who = someone()
    const { id } = await add(who)
    const put = await ask('PUT', `/Users/${id}`, { schemas: [USER], id, userName: who, active: false, displayName: 'Other' })
    expect(put).toMatchObject({ status: 200, body: { active: false, displayName: 'Other' } })
    expect(await stands(who)).toBe('terminated')
  })

  it('understands what Entra writes, in both of its dialects', async () => {
    const who = someone()
    const { id } = await add(who, {}, TOKENS.entra)
    const as = TOKENS.entra
    expect(await patch(id, [{ op: 'Replace', path: 'active', value: 'False' }], { as })).toMatchObject({
      status: 200,
      body: { active: false },
    })
    expect(await stands(who)).toBe('suspended')
    await patch(id, [{ op: 'Replace', path: 'active', value: 'tRUE' }], { as })
    expect(await stands(who)).toBe('active')
    expect(await patch(id, [{ op: 'Replace', path: 'active', value: 'no' }], { as })).toMatchObject({
      status: 400,
      body: { scimType: 'invalidValue' },
    })
    expect(await stands(who)).toBe('active')
    const many = await patch(
      id,
      [
        { op: 'Add', path: 'emails[type eq "work"].value', value: 'a@b.example' },
        { op: 'Replace', path: 'emails[type eq "work"].value', value: 'b@b.example' },
        { op: 'replace', value: { displayName: 'Bjfe', 'name.givenName': 'Kkom', [`${ENTERPRISE}:employeeNumber`]: 'E1' } },
        { op: 'Add', path: `${ENTERPRISE}:manager`, value: 'm1' },
      ],
      { as },
    )
    expect(many).toMatchObject({
      status: 200,
      body: {
        emails: [{ type: 'work', value: 'b@b.example' }],
        displayName: 'Bjfe',
        name: { givenName: 'Kkom' },
        [ENTERPRISE]: { employeeNumber: 'E1', manager: { value: 'm1' } },
      },
    })
  })

  const of = (organization: string, more: Record<string, unknown> = {}) => ({
    ...{ schemas: [USER, ENTERPRISE], [ENTERPRISE]: { organization } },
    ...more,
  })
  const as = TOKENS.acme

  it('says nothing of a user of another organization, whoever has his name here', async () => {
    const who = someone()
    await house.identities(['external_id', who])
    const { id } = await add(who, of('Other'), as)
    for (const operation of [
      { op: 'replace', path: 'active', value: false },
      { op: 'replace', path: 'title', value: 'x' },
      { op: 'replace', path: 'displayName', value: 'Stranger' },
    ])
      expect((await patch(id, [operation], { as })).status).toBe(200)
    await ask('PUT', `/Users/${id}`, of('Other', { userName: who, active: false }), { as })
    await ask('DELETE', `/Users/${id}`, undefined, { as })
    expect(await stands(who)).toBe('active')
    const named = await store.db.selectFrom('identity').select('name').where('external_id', '=', who).executeTakeFirst()
    expect(named).toEqual({ name: who })
    expect(await store.db.selectFrom('feed_statement').select('id').where('key', '=', id).execute()).toEqual([])
  })

  it('follows a user into its organization and out of it, and calls nobody gone because the configuration changed', async () => {
    const [who, stays] = [someone(), someone()]
    const { id } = await add(who, of('Other'), as)
    const kept = await add(stays, of('Acme'), as)
    const move = (organization: string) =>
      patch(id, [{ op: 'replace', path: `${ENTERPRISE}:organization`, value: organization }], { as })
    expect(await stands(who)).toBe('unknown')
    await move('Acme')
    expect(await stands(who)).toBe('active')
    await move('Other')
    expect(await stands(who)).toBe('terminated')
    await move('Acme')
    expect(await stands(who)).toBe('active')
    organization = 'Acme Inc'
    await patch(kept.id, [{ op: 'replace', path: 'title', value: 'x' }], { as })
    expect(await stands(stays)).toBe('active')
    // What is said of himself counts.
    await patch(kept.id, [{ op: 'replace', path: 'active', value: false }], { as })
    expect(await stands(stays)).toBe('terminated')
    organization = 'Acme'
  })

  it('compares organizations as SCIM does, and calls nobody gone or back because none is written any more', async () => {
    const [who, left] = [someone(), someone()]
    const [{ id }, gone] = [await add(who, of('Acme'), as), await add(left, of('Acme'), as)]
    const write = (user: string, userName: string, more: object) =>
      ask('PUT', `/Users/${user}`, { schemas: [USER], userName, active: true, ...more }, { as })
    const path = `${ENTERPRISE}:organization`
    expect((await patch(id, [{ op: 'replace', path, value: 'ACME' }], { as })).status).toBe(200)
    expect((await write(id, who, {})).status).toBe(200)
    expect(await stands(who)).toBe('active')
    await patch(gone.id, [{ op: 'replace', path, value: 'Other' }], { as })
    await patch(gone.id, [{ op: 'remove', path }], { as })
    await write(gone.id, left, {})
    expect(await stands(left)).toBe('terminated')
    await write(gone.id, left, of('acme'))
    expect(await stands(left)).toBe('active')
    // Not active is not active, of whichever organization.
    await write(id, who, { active: false })
    expect(await stands(who)).toBe('terminated')
  })

  it.each<[string, object]>([
    ['a kind of e-mail that no schema has', { emails: [{ type: 'secondary', value: 'a@b.example' }] }],
    ['no address where one is due', { profileUrl: '' }],
    ['a number for a text', { title: 7 }],
    ['another number for a text', { [ENTERPRISE]: { employeeNumber: 12 } }],
    ['texts for roles', { roles: ['admin'] }],
    ['a text that cannot be kept', { displayName: 'a\0' }],
    ['a name that is written twice', { Title: 'a', title: 'b' }],
  ])('takes that somebody is not active though the rest is refused: %s', async (_what, more) => {
    const [put, patched, stays] = [someone(), someone(), someone()]
    const ids = await Promise.all([put, patched, stays].map(async (who) => (await add(who)).id))
    const whole = (userName: string, active: unknown) => ({ schemas: [USER, ENTERPRISE], userName, active, ...more })
    const answers = [
      await ask('PUT', `/Users/${ids[0]}`, whole(put, false)),
      await patch(ids[1] ?? '', [
        { op: 'replace', value: { active: 'False' } },
        { op: 'replace', path: 'title', value: { a: 1 } },
      ]),
    ]
    for (const { status, body } of answers) {
      expect(status).toBe(400)
      expect(body.detail).toContain('that this one is not active was taken, and nothing else')
    }
    expect([await stands(put), await stands(patched)]).toEqual(['terminated', 'terminated'])
    const kept = await ask('GET', `/Users/${ids[0]}`)
    expect(kept.body).toMatchObject({ active: false, displayName: `D ${put}` })
    // Whoever is called active, or not clearly inactive, stays.
    for (const active of [true, 'maybe']) await ask('PUT', `/Users/${ids[2]}`, whole(stays, active))
    expect(await stands(stays)).toBe('active')
  })

  it('takes a word for the last one though the clock was set back, or another machine took the one before', async () => {
    const [who, gone, refused] = [someone(), someone(), someone()]
    const [a, b, c] = [await add(who), await add(gone), await add(refused)]
    house.advance(-2_000)
    await patch(a.id, [{ op: 'replace', value: { active: false } }])
    expect((await ask('DELETE', `/Users/${b.id}`)).status).toBe(204)
    await patch(c.id, [{ op: 'replace', path: 'active', value: 'maybe' }])
    house.advance(2_000)
    expect([await stands(who), await stands(gone)]).toEqual(['terminated', 'terminated'])
    expect((await feedFaults(store.db, 'okta', 1_000)).map(({ key }) => key)).toContain(c.id)
  })

  it('asks to come again while the database is away', async () => {
    const who = someone()
    const { id } = await add(who)
    const leaves = [{ op: 'replace', value: { active: false } }]
    away = Object.assign(new Error('terminating connection'), { code: '57P01' })
    const refused = await patch(id, leaves).finally(() => {
      away = undefined
    })
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '60'])
    expect((await patch(id, leaves)).status).toBe(200)
    expect(await stands(who)).toBe('terminated')
  })

  it('knows an id in any case, and deletes whatever is said of the body', async () => {
    const [who, other] = [someone(), someone()]
    const [a, b] = [await add(who), await add(other)]
    await patch(a.id.toUpperCase(), [{ op: 'replace', value: { active: false } }])
    const url = `/scim/v2/Users/${b.id}`
    const headers = { authorization: `Bearer ${TOKENS.okta}`, 'content-type': 'application/x-www-form-urlencoded' }
    expect((await app.inject({ method: 'DELETE', url, headers })).statusCode).toBe(204)
    expect([await stands(who), await stands(other)]).toEqual(['terminated', 'terminated'])
  })

  it('finds one among very many by a name and something else, as Entra asks', async () => {
    const { id, userName = '' } = await add(someone(), {}, TOKENS.entra)
    await sql`
      insert into scim_resource (id, feed_id, type, version, data, user_name, external_id, created_at, updated_at)
      select gen_random_uuid(), feed_id, 'User', 1, '{}'::jsonb, 'u' || n, null, created_at, updated_at
      from scim_resource cross join generate_series(1, 5000) n where id = ${id}::uuid
    `.execute(store.db)
    const found = async (filter: string) => {
      const { status, body } = await ask('GET', `/Users?filter=${encodeURIComponent(filter)}`, undefined, { as: TOKENS.entra })
      return status === 200 ? body.totalResults : body.scimType
    }
    expect(await found(`userName eq "${userName}" and active eq true`)).toBe(1)
    expect(await found(`active eq false and userName eq "${userName}"`)).toBe(0)
    expect(await found(`id eq "${id}" and ${ENTERPRISE}:manager eq "m1"`)).toBe(0)
    expect(await found(`userName eq "${userName}" or active eq true`)).toBe('tooMany')
    await sql`delete from scim_resource where data = '{}'::jsonb`.execute(store.db)
  })

  it('holds whatever is said of a user who was made anew, until a person says who he is', async () => {
    const who = someone()
    await house.identities(['external_id,terminated_at', `${who},2026-01-01T00:00:00Z`])
    const { id } = await add(who)
    const held = async () =>
      (
        await store.db
          .selectFrom('feed_statement')
          .select(['said', 'state'])
          .where('key', '=', id)
          .where('state', '=', 'held')
          .orderBy('id')
          .execute()
      ).map(({ said, state }) => [said.is, state])
    expect(await held()).toEqual([['active', 'held']])
    await patch(id, [{ op: 'replace', value: { active: false, displayName: 'Second' } }])
    expect(await held()).toEqual([['inactive', 'held']])
    await patch(id, [{ op: 'replace', value: { active: true } }])
    expect(await held()).toEqual([['active', 'held']])
    const subjects = await store.db.selectFrom('feed_subject').select('key').where('key', '=', id).execute()
    const named = await store.db.selectFrom('identity').select('name').where('external_id', '=', who).executeTakeFirst()
    expect([subjects, named, await stands(who)]).toEqual([[], { name: who }, 'terminated'])
  })

  it
    .skipIf(!existsSync(EXAMPLES))
    .each([
      'scim-okta-deactivate',
      'scim-entra-deactivate-default',
      'scim-entra-deactivate-aadOptscim062020',
      'scim-entra-multi-replace-aadOptscim062020',
    ])('takes the recorded request %s', async (name) => {
    const who = someone()
    const { id } = await add(who)
    const answer = await ask('PATCH', `/Users/${id}`, JSON.parse(readFileSync(new URL(`${name}.patch.json`, EXAMPLES), 'utf8')))
    expect(answer.status).toBe(200)
    expect(await stands(who)).toBe(name.includes('deactivate') ? 'terminated' : 'active')
  })

  it('keeps the users of RFC 7643 (§8) as they are written', async () => {
    const full = {
      schemas: [USER, ENTERPRISE],
      externalId: '701984',
      userName: 'bjensen@example.com',
      name: {
        formatted: 'Ms. Barbara J Jensen, III',
        familyName: 'Jensen',
        givenName: 'Barbara',
        middleName: 'Jane',
        honorificPrefix: 'Ms.',
        honorificSuffix: 'III',
      },
      displayName: 'Babs Jensen',
      nickName: 'Babs',
      emails: [
        { value: 'bjensen@example.com', type: 'work', primary: true },
        { value: 'babs@jensen.org', type: 'home' },
      ],
      userType: 'Employee',
      title: 'Tour Guide',
      preferredLanguage: 'en-US',
      locale: 'en-US',
      timezone: 'America/Los_Angeles',
      active: true,
      [ENTERPRISE]: {
        employeeNumber: '701984',
        costCenter: '4130',
        organization: 'Universal Studios',
        division: 'Theme Park',
        department: 'Tour Operations',
      },
    }
    const made = await ask('POST', '/Users', { ...full, password: 't1meMa$heen' })
    expect(made.status).toBe(201)
    expect(made.body).toMatchObject(full)
    expect(JSON.stringify(made.body)).not.toContain('t1meMa')
    const kept = await store.db
      .selectFrom('scim_resource')
      .select('data')
      .where('user_name', '=', 'bjensen@example.com')
      .executeTakeFirst()
    expect(JSON.stringify(kept)).not.toContain('t1meMa')
    expect(await ask('POST', '/Users', { ...full, userName: 'BJENSEN@example.com' })).toMatchObject({
      status: 409,
      body: { scimType: 'uniqueness', status: '409' },
    })
  })

  it('pages, filters, sorts and leaves attributes out', async () => {
    const tag = `t${++n}`
    for (const each of ['c', 'a', 'b']) await add(`${tag}-${each}`, { externalId: `${tag}-x-${each}`, title: tag })
    const list = async (query: string) => (await ask('GET', `/Users?${query}`)).body
    const eq = encodeURIComponent(`userName eq "${tag.toUpperCase()}-A"`)
    expect(await list(`filter=${eq}`)).toMatchObject({
      totalResults: 1,
      startIndex: 1,
      itemsPerPage: 1,
      Resources: [{ userName: `${tag}-a` }],
    })
    expect(await list(`filter=${encodeURIComponent(`externalId eq "${tag}-x-b"`)}`)).toMatchObject({ totalResults: 1 })
    expect(await list(`filter=${encodeURIComponent('userName eq "nobody"')}`)).toMatchObject({ totalResults: 0, Resources: [] })
    const title = encodeURIComponent(`title eq "${tag}" and userName sw "${tag}"`)
    const names = async (query: string) => (await list(query)).Resources.map(({ userName }: { userName: string }) => userName)
    expect(await names(`filter=${title}&sortBy=userName`)).toEqual(['a', 'b', 'c'].map((each) => `${tag}-${each}`))
    expect(await names(`filter=${title}&sortBy=userName&sortOrder=descending&count=1&startIndex=2`)).toEqual([`${tag}-b`])
    expect(await list('count=0')).toMatchObject({ itemsPerPage: 0, Resources: [] })
    expect(Object.keys((await list(`filter=${eq}&attributes=userName`)).Resources[0]).toSorted()).toEqual(['id', 'userName'])
    expect((await list(`filter=${eq}&excludedAttributes=title`)).Resources[0].title).toBeUndefined()
    const search = await ask('POST', '/Users/.search', {
      schemas: ['urn:ietf:params:scim:api:messages:2.0:SearchRequest'],
      filter: `title eq "${tag}"`,
      attributes: ['userName'],
      count: 2,
    })
    expect(search.body).toMatchObject({ totalResults: 3, itemsPerPage: 2 })
    expect((await ask('GET', `/Users?filter=${encodeURIComponent('userName is "x"')}`)).status).toBe(400)
  })

  it('takes a departure whatever else is strange about the request, and leaves a user alone of whom it says nothing', async () => {
    const strange: [string, unknown][] = [
      ['a full name', [{ op: 'replace', path: `${USER}:active`, value: false }]],
      ['a list of one', [{ op: 'replace', path: 'active', value: [{ value: 'False' }] }]],
      ['an unknown attribute beside', [{ op: 'replace', value: { nonsense: 1, active: false } }]],
      [
        'a role by a boolean in quotes',
        [
          { op: 'add', path: 'roles[primary eq "True"].value', value: 'x' },
          { op: 'replace', path: 'active', value: 'False' },
        ],
      ],
    ]
    for (const [what, operations] of strange) {
      const who = someone()
      const { id } = await add(who)
      expect([what, (await patch(id, operations)).status, await stands(who)]).toEqual([what, 200, 'terminated'])
      // Said of him no more: he stays as he is.
      await ask('PUT', `/Users/${id}`, { schemas: [USER], userName: who, displayName: 'Kept' })
      expect([what, await stands(who)]).toEqual([what, 'terminated'])
    }
  })

  it('sends back nothing that was sent where it refuses', async () => {
    const { id } = await add(someone())
    const secret = 'hunter2-in-the-wrong-place'
    for (const operation of [
      { op: 'replace', path: 'active', value: secret },
      { op: 'replace', path: secret, value: 1 },
      { op: 'replace', path: `emails[type eq "${secret}"].nonsense`, value: 1 },
      { op: 'replace', path: 'name', value: secret },
      { op: secret, path: 'active', value: 1 },
    ]) {
      const { status, body } = await patch(id, [operation])
      expect([status, JSON.stringify(body).includes(secret)]).toEqual([400, false])
    }
  })

  it('refuses what cannot be kept or followed, before it does anything', async () => {
    const who = someone()
    const { id, meta } = await add(who)
    const user = { schemas: [USER], userName: someone() }
    const deep = JSON.parse(`${'['.repeat(5_000)}${']'.repeat(5_000)}`)
    for (const more of [{ userName: 'a\0' }, { displayName: '\ud800' }, { '\0': 1 }, { x: deep }])
      expect(await ask('POST', '/Users', { ...user, ...more })).toMatchObject({ status: 400 })
    const leaves = [{ op: 'replace', path: 'active', value: false }]
    expect((await patch(id, [...leaves, { op: 'add', path: 'title', value: deep }])).status).toBe(400)
    expect((await ask('PATCH', `/Users/${id}?attributes=title+eq+1`, { schemas: [PATCH], Operations: leaves })).status).toBe(400)
    expect((await ask('GET', `/Users?filter=${encodeURIComponent('userName eq "\\u0000"')}`)).status).toBe(400)
    expect([await stands(who), (await ask('GET', `/Users/${id}`)).headers.etag]).toEqual(['active', meta.version])
    // Names that every object has are no kinds.
    for (const userType of ['__proto__', 'constructor', 'toString']) await add(someone(), { userType })
    expect((await ask('GET', `/Users/${id}?attributes=userName,name.givenName,${ENTERPRISE}:manager`)).status).toBe(200)
  })

  it('says that a write was refused until one of the same user is taken, and checks what is asked for before it writes', async () => {
    const faults = async (key: string | null) =>
      (await feedFaults(store.db, 'okta', 1_000)).filter((each) => each.key === key).map(({ fault, count }) => [fault, count])
    const { id, userName } = await add(someone())
    await store.db.deleteFrom('feed_fault').execute()
    const { userName: taken } = await add(someone())
    const text = { authorization: `Bearer ${TOKENS.okta}`, 'content-type': 'text/plain' }
    const refused: [string, () => Promise<unknown>][] = [
      [
        'PATCH of a User was refused (400): active is true or false',
        () => patch(id, [{ op: 'replace', path: 'active', value: 'maybe' }]),
      ],
      [
        'PUT of a User was refused (409): another user has this userName',
        () => ask('PUT', `/Users/${id}`, { schemas: [USER], userName: taken, active: true }),
      ],
      [
        'PUT of a User was refused (412): the resource has changed since it was read',
        () => ask('PUT', `/Users/${id}`, { schemas: [USER], userName }, { headers: { 'if-match': 'W/"99"' } }),
      ],
      [
        'PUT of a User was refused (400): a body must be application/scim+json or application/json',
        () => app.inject({ method: 'PUT', url: `/scim/v2/Users/${id}`, headers: text, payload: 'active: false' }),
      ],
    ]
    for (const [n, [fault, request]] of refused.entries()) {
      await request()
      // What others write does not take it back, nor does a question.
      await add(someone())
      await ask('GET', `/Users/${id}`)
      expect(await faults(id)).toEqual([[fault, n + 1]])
    }
    // What was refused may have been a departure: only another word about that takes it back.
    await patch(id, [{ op: 'replace', path: 'title', value: 'x' }])
    expect(await faults(id)).toHaveLength(1)
    await patch(id, [{ op: 'replace', path: 'active', value: 'True' }])
    expect(await faults(id)).toEqual([])
    const nobody = '2819c223-7f76-453a-919d-413861904646'
    const missing = 'was refused (404): there is no resource of this id'
    expect((await ask('DELETE', `/Users/${nobody}`)).status).toBe(404)
    expect(await faults(nobody)).toEqual([])
    await patch(nobody, [{ op: 'replace', value: { active: false } }])
    expect(await faults(nobody)).toEqual([[`PATCH of a User ${missing}`, 1]])
    await ask('POST', '/Users', { schemas: [USER], userName: taken })
    expect(await faults(null)).toEqual([['POST of a User was refused (409): another user has this userName', 1]])
    // Whoever has no token has no source.
    await ask('POST', '/Users', {}, { as: 'wrong-token-0123456789' })
    expect(await faults(null)).toMatchObject([[expect.any(String), 1]])
    const who = someone()
    expect((await ask('POST', '/Users?attributes=%20%20,(', { schemas: [USER], userName: who })).status).toBe(400)
    expect([await stands(who), await faults(null)]).toMatchObject(['unknown', [[expect.any(String), 2]]])
  })

  it.each<[string, (id: string, userName: string) => ReturnType<typeof ask>]>([
    ['PUT', (id, userName) => ask('PUT', `/Users/${id}`, { schemas: [USER], userName, active: false, title: 'New' })],
    ['PATCH', (id, userName) => patch(id, [{ op: 'replace', value: { userName, title: 'New', active: false } }])],
  ])('takes a departure by the id, though the userName beside it is another user’s: %s', async (_method, write) => {
    const [who, other] = [someone(), someone()]
    const [{ id }] = [await add(who), await add(other)]
    for (let again = 0; again < 2; again++) {
      const answer = await write(id, other)
      expect(answer).toMatchObject({
        status: 409,
        body: { scimType: 'uniqueness', detail: expect.stringContaining('not active') },
      })
      expect([await stands(who), await stands(other)]).toEqual(['terminated', 'active'])
      const kept = await ask('GET', `/Users/${id}`)
      expect(kept.body).toMatchObject({ userName: who, active: false, meta: { version: 'W/"2"' } })
      expect(kept.body.title).toBeUndefined()
      expect((await feedFaults(store.db, 'okta', 1_000)).filter(({ key }) => key === id).length).toBe(1)
    }
  })

  it('filters users who lack what is asked for, and takes names in any case', async () => {
    const tag = `f${++n}`
    await add(`${tag}-a`, { emails: [{ type: 'work', value: `${tag}@x` }], name: { familyName: tag } })
    await add(`${tag}-b`)
    for (const filter of [`emails[type eq "work"].value eq "${tag}@x"`, `name.familyName co "${tag}"`, `USERNAME eq "${tag}-A"`])
      expect(await ask('GET', `/Users?filter=${encodeURIComponent(filter)}&attributes=USERNAME`)).toMatchObject({
        status: 200,
        body: { totalResults: 1, Resources: [{ userName: `${tag}-a` }] },
      })
    const all = `schemas eq "${USER}" and userName sw "${tag}" and meta.lastModified ge "2011-05-13T04:42:34Z" and id pr`
    expect(
      (await ask('GET', `/Users?filter=${encodeURIComponent(all)}&sortBy=NAME.familyName&sortOrder=descending`)).body,
    ).toMatchObject({
      totalResults: 2,
      Resources: [{ userName: `${tag}-a` }, { userName: `${tag}-b` }],
    })
  })

  it('tells versions, and changes nothing that has changed since', async () => {
    const { id, meta } = await add(someone())
    expect(meta.version).toBe('W/"1"')
    expect((await ask('GET', `/Users/${id}`, undefined, { headers: { 'if-none-match': 'W/"1"' } })).status).toBe(304)
    await patch(id, [{ op: 'replace', path: 'title', value: 'x' }], { headers: { 'if-match': 'W/"1"' } })
    expect((await patch(id, [{ op: 'replace', path: 'title', value: 'y' }], { headers: { 'if-match': 'W/"1"' } })).status).toBe(
      412,
    )
    expect((await ask('DELETE', `/Users/${id}`, undefined, { headers: { 'if-match': 'W/"1"' } })).status).toBe(412)
    // What changes nothing is no new version.
    expect((await patch(id, [{ op: 'replace', path: 'title', value: 'x' }])).headers.etag).toBe('W/"2"')
  })

  it('keeps groups and their members', async () => {
    const [a, b] = [await add(someone()), await add(someone())]
    const made = await ask('POST', '/Groups', {
      schemas: ['urn:ietf:params:scim:schemas:core:2.0:Group'],
      displayName: 'Staff',
      members: [{ value: a.id }, { value: b.id }],
    })
    expect(made.status).toBe(201)
    const { id } = resource.parse(made.body)
    const removed = await ask('PATCH', `/Groups/${id}`, {
      schemas: [PATCH],
      Operations: [{ op: 'remove', path: `members[value eq "${a.id}"]` }],
    })
    expect(removed.body.members.map(({ value }: { value: string }) => value)).toEqual([b.id])
    await ask('PATCH', `/Groups/${id}`, {
      schemas: [PATCH],
      Operations: [{ op: 'Add', path: 'members', value: [{ value: a.id }] }],
    })
    expect(
      (await ask('GET', `/Groups?filter=${encodeURIComponent('displayName eq "staff"')}&excludedAttributes=members`)).body,
    ).toMatchObject({ totalResults: 1 })
    const renamed = await ask('PATCH', `/Groups/${id}`, {
      schemas: [PATCH],
      Operations: [{ op: 'replace', value: { id, displayName: 'People' } }],
    })
    expect(renamed).toMatchObject({ status: 200, body: { displayName: 'People' } })
    expect(await store.db.selectFrom('feed').select('fault').where('name', '=', 'okta').executeTakeFirst()).toEqual({
      fault: null,
    })
  })

  it('says what it is and can', async () => {
    expect((await ask('GET', '/ServiceProviderConfig')).body).toMatchObject({
      patch: { supported: true },
      filter: { supported: true, maxResults: 200 },
      bulk: { supported: false },
      etag: { supported: true },
    })
    expect((await ask('GET', '/ResourceTypes')).body.Resources.map(({ id }: { id: string }) => id)).toEqual(['User', 'Group'])
    expect((await ask('GET', '/ResourceTypes/User')).body).toMatchObject({ endpoint: '/Users' })
    expect((await ask('GET', `/Schemas/${USER}`)).body).toMatchObject({ id: USER })
    expect((await ask('GET', '/Schemas/none')).status).toBe(404)
    for (const path of ['/Me', '/Bulk']) expect((await ask('GET', path)).status).toBe(501)
    expect(await ask('GET', '/Nothing')).toMatchObject({ status: 404, body: { status: '404' } })
  })

  it('is heard by whatever it is asked', async () => {
    await store.db.updateTable('feed').set({ heard_at: null }).where('name', '=', 'entra').execute()
    await add(someone(), {}, TOKENS.entra)
    expect(await store.db.selectFrom('feed').select('heard_at').where('name', '=', 'entra').executeTakeFirst()).toEqual({
      heard_at: house.now(),
    })
  })
})
