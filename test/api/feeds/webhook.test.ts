import { createHmac } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import fastify, { type FastifyInstance } from 'fastify'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { PushedFeed } from '../../../src/api/feeds/deps.ts'
import { addWebhook } from '../../../src/api/feeds/webhook.ts'
import type { FeedPolicy } from '../../../src/intake/feed/said.ts'
import { webhookOptions } from '../../../src/intake/hr/hook-options.ts'
import type { Store } from '../../../src/store/db.ts'
import { syncFeeds } from '../../../src/store/feed.ts'
import { dismissFaults, feedFaults, noteFault } from '../../../src/store/feed-fault.ts'
import { feedPage } from '../../../src/store/feed-page.ts'
import { findIdentities } from '../../../src/store/identity.ts'
import { openLogger } from '../../../src/telemetry/logger.ts'
import { type House, openHouse } from '../../intake/house.ts'
import { STORES, type TestStore } from '../../servers/stores.ts'

const SECRETS: Record<string, string> = {
  ...{
    'env:HOOK': 'hook-secret-0123456789',
    'env:NEXT': 'next-secret-0123456789',
    'env:BAMBOO': 'bamboo-secret',
    'env:BOB': 'bob-secret',
  },
  ...{ 'env:BAMBOO_KEY': 'bamboo-api-key', 'env:BOB_USER': 'service-user', 'env:BOB_TOKEN': 'bob-api-token' },
}
const POLICY: FeedPolicy = {
  ...{ inactive: 'suspend', deleted: 'terminate', joiners: 'follow' },
  mass: { share: 0.5, least: 100, windowMs: 3_600_000 },
}
const [embedded] = STORES
if (embedded === undefined) throw new Error('no database')

interface Asked {
  method: string
  url: string
  authorization: string | undefined
  body: string
}

describe('webhooks of HR systems', () => {
  let test: TestStore
  let store: Store
  let house: House
  let app: FastifyInstance
  let hr: Server
  const log: string[] = []
  let asked: Asked[] = []
  let answer: (asked: Asked) => { status: number; body: unknown } = () => ({ status: 500, body: {} })
  const feeds: PushedFeed[] = []

  beforeAll(async () => {
    test = await embedded.open()
    store = test.store
    house = await openHouse(store)
    hr = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const one = {
          ...{ method: request.method ?? '', url: request.url ?? '', authorization: request.headers.authorization },
          body: Buffer.concat(chunks).toString(),
        }
        asked.push(one)
        const { status, body } = answer(one)
        response
          .writeHead(status, status === 302 ? { location: '/elsewhere' } : {})
          .end(typeof body === 'string' ? body : JSON.stringify(body))
      })
    })
    await new Promise<void>((resolve) => hr.listen(0, '127.0.0.1', resolve))
    const { port } = hr.address() as AddressInfo
    const origin = `http://127.0.0.1:${port}`
    const all: Record<string, Record<string, unknown>> = {
      own: {
        secrets: ['env:HOOK', 'env:MISSING', 'env:NEXT'],
        signature: { header: 'X-Signature', prefix: 'sha256=', signs: '{timestamp}.{body}', timestamp: 'X-Timestamp' },
        map: {
          ...{ people: '/people', key: '/id', externalId: '/mail', name: '/name', email: '/mail', status: '/status' },
          ...{ terminationDate: '/lastDay', timeZone: '/zone', event: '/event' },
        },
        statuses: { Here: 'active', Away: 'inactive', Gone: 'terminated' },
      },
      many: {
        ...{ secrets: ['env:HOOK'], signature: { header: 'X-Signature', prefix: 'sha256=', signs: '{body}' } },
        map: { people: '/people', key: '/id', type: '/type', event: '/event' },
        ...{ types: { updated: 'lookup', gone: 'deleted' }, statuses: { Here: 'active', Gone: 'terminated' } },
        api: { origin, path: '/{key}', password: 'env:BAMBOO_KEY', map: { externalId: '/mail', status: '/status' } },
      },
      bamboo: { preset: 'bamboohr', secrets: ['env:BAMBOO'], api: { origin, password: 'env:BAMBOO_KEY' } },
      bob: { preset: 'hibob', secrets: ['env:BOB'], api: { origin, user: 'env:BOB_USER', password: 'env:BOB_TOKEN' } },
      alone: { preset: 'hibob', secrets: ['env:BOB'] },
      unready: { preset: 'hibob', secrets: ['env:MISSING'] },
    }
    const rows = await syncFeeds(
      store.db,
      Object.keys(all).map((name) => ({ name, kind: 'webhook', silentAfterMs: 60_000 })),
      house.now(),
    )
    for (const { id, name } of rows) feeds.push({ feed: { id, name, kind: 'webhook', policy: POLICY }, options: all[name] ?? {} })
    app = fastify()
    await addWebhook(app, {
      db: store.db,
      feeds: (kind) => (kind === 'webhook' ? feeds : []),
      intake: ({ name }) => ({ ...house.deps, actor: `feed ${name}` }),
      readReference: async (reference) => {
        const secret = SECRETS[reference]
        if (secret === undefined) throw new Error('not there')
        return secret
      },
      now: house.now,
      logger: openLogger({ level: 'warn', fields: {}, write: (line) => log.push(line) }),
    })
    await app.ready()
  })
  beforeEach(() => {
    asked = []
    answer = () => ({ status: 500, body: {} })
  })
  afterAll(async () => {
    await app.close()
    hr.closeAllConnections()
    await new Promise((resolve) => hr.close(resolve))
    await house.close()
    await test.stop()
  })

  const seconds = () => String(Math.floor(house.now().epochMilliseconds / 1_000))
  async function post(name: string, payload: string | Buffer, headers: Record<string, string>, remoteAddress = '127.0.0.1') {
    const said = await app.inject({
      method: 'POST',
      url: `/hooks/${name}`,
      payload,
      headers: { 'content-type': 'application/json', ...headers },
      remoteAddress,
    })
    return { status: said.statusCode, body: said.json<Record<string, unknown>>() }
  }
  function own(body: unknown, secret = SECRETS['env:HOOK'] ?? '', at = seconds()) {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const signature = createHmac('sha256', secret).update(`${at}.${text}`).digest('hex')
    return post('own', text, { 'x-signature': `sha256=${signature}`, 'x-timestamp': at })
  }
  const bamboo = (body: unknown) => {
    const text = JSON.stringify(body)
    const signature = createHmac('sha256', 'bamboo-secret')
      .update(text + seconds())
      .digest('hex')
    return post('bamboo', text, { 'x-bamboohr-signature': signature, 'x-bamboohr-timestamp': seconds() })
  }
  const bob = (type: string, employeeId: string, at = house.now().toString(), name = 'bob') => {
    const text = JSON.stringify({
      version: 'v2',
      type,
      triggeredBy: 'system',
      triggeredAt: at,
      companyId: 1,
      data: { employeeId },
    })
    return post(name, text, { 'bob-signature': createHmac('sha512', 'bob-secret').update(text).digest('base64') })
  }
  let n = 0
  const someone = () => `hr${++n}@example.com`
  const stands = async (who: string) => {
    const row = (await findIdentities(store.db, [who])).get(who)
    if (row === undefined) return 'unknown'
    return row.terminated_at !== null ? row.terminated_at.toString() : row.suspended_at !== null ? 'suspended' : 'active'
  }
  const told = async (name: string) =>
    (await feedPage(store.db, { sort: 'name', limit: 50, after: undefined })).find((feed) => feed.name === name) ??
    expect.fail(`no feed ${name}`)
  const faultOf = async (name: string) => (await told(name)).fault
  let events = 0
  const say = (person: Record<string, unknown>, event = `e${++events}`) => own({ event, people: [person] })

  it('follows a joiner, a departure to come, its correction, its rescission and the departure', async () => {
    const who = someone()
    const person = { id: who, mail: who, name: 'Ann' }
    const steps: [Record<string, unknown>, string][] = [
      [{ status: 'Here', lastDay: null }, 'active'],
      [{ status: 'Here', lastDay: '2026-12-31', zone: 'America/New_York' }, '2026-12-31T23:00:00Z'],
      [{ status: 'Here', lastDay: '2027-01-31' }, '2027-01-31T17:00:00Z'],
      [{ status: 'Here', lastDay: null }, 'active'],
      [{ status: 'Gone', lastDay: '2026-11-20' }, '2026-11-20T17:00:00Z'],
      [{ status: 'Away' }, '2026-11-20T17:00:00Z'],
      [{ status: 'Here' }, 'active'],
      [{ status: 'Away' }, 'suspended'],
    ]
    for (const [words, standing] of steps) {
      expect((await say({ ...person, ...words })).status).toBe(200)
      expect(await stands(who)).toBe(standing)
    }
  })

  it('makes credentials due at the instant of a departure to come', async () => {
    const who = someone()
    await say({ id: who, mail: who, status: 'Here' })
    await house.credentials(['external_id,system,label,secret.token', `${who},${house.system('api')},t,s3cret-${who}`])
    await say({ id: who, mail: who, status: 'Here', lastDay: '2026-12-31' })
    const due = await store.db
      .selectFrom('check_state as c')
      .innerJoin('credential as k', 'k.id', 'c.credential_id')
      .innerJoin('identity as i', 'i.id', 'k.identity_id')
      .select('c.due_at')
      .where('i.external_id', '=', who)
      .execute()
    expect(due.map(({ due_at }) => due_at?.toString())).toEqual(['2026-12-31T17:00:00Z'])
  })

  it('is believed by its signature only, and by either secret', async () => {
    const who = someone()
    const body = { event: `e${++events}`, people: [{ id: who, mail: who, status: 'Here' }] }
    expect((await own(body, 'wrong')).status).toBe(401)
    expect((await post('own', JSON.stringify(body), {})).status).toBe(401)
    expect(await own(body, SECRETS['env:HOOK'], String(Number(seconds()) - 301))).toMatchObject({
      status: 401,
      body: { error: 'the timestamp is too far from now' },
    })
    expect(await stands(who)).toBe('unknown')
    expect((await own(body, SECRETS['env:NEXT'])).status).toBe(200)
    expect(await stands(who)).toBe('active')
    for (let tries = 0; tries < 12; tries++) await own(body, 'wrong')
    expect((await own(body, 'wrong')).status).toBe(429)
    // Whoever signs rightly is not shut out by somebody who does not.
    expect((await own({ event: `e${++events}`, people: [] })).status).toBe(200)
    expect((await post('nobody', '{}', {}, '127.0.0.2')).status).toBe(404)
    // A secret that cannot be read may be there when the sender tries again.
    expect(
      (await bob('employee.left', '1', undefined, 'unready').then(() => post('unready', '{}', {}, '127.0.0.3'))).status,
    ).toBe(503)
  })

  it('does nothing twice', async () => {
    const [who, event] = [someone(), `e${++events}`]
    await say({ id: who, mail: who, status: 'Gone' }, event)
    await say({ id: who, mail: who, status: 'Here' })
    expect(await say({ id: who, mail: who, status: 'Gone' }, event)).toMatchObject({ status: 200, body: { repeated: true } })
    expect(await stands(who)).toBe('active')
    const both = await Promise.all(['Gone', 'Gone'].map((status) => say({ id: who, mail: who, status }, 'same')))
    expect(both.map(({ body }) => body.repeated).toSorted()).toEqual([false, true])
  })

  it('takes those of a list that can be understood, and says why the others cannot', async () => {
    const [a, b] = [someone(), someone()]
    const said = await own({
      event: `e${++events}`,
      people: [
        { id: a, mail: a, status: 'Gone' },
        { id: b, mail: b, status: 's3cret-word' },
      ],
    })
    expect(said).toEqual({ status: 200, body: { repeated: false, outcomes: { joined: 1 }, passedOver: 1 } })
    expect([(await stands(a)) === 'active', await stands(b)]).toEqual([false, 'unknown'])
    expect(await faultOf('own')).toBe('a webhook could not be taken: status is a word that statuses does not explain')
    await say({ id: a, mail: a, status: 'Here' })
    expect(await faultOf('own')).toContain('statuses does not explain')
    expect(await say({ id: b, mail: b, status: 's3cret-word' })).toMatchObject({ status: 422 })
    await say({ id: b, mail: b, status: 'Here' })
    expect(await told('own')).toMatchObject({ fault: null, refused: null })
    expect((await own('{')).body).toEqual({ error: 'the body is no JSON' })
    expect((await own({ event: 'x', people: {} })).body).toEqual({ error: 'people finds no list' })
    expect((await own({ people: Array.from({ length: 501 }, () => ({})) })).status).toBe(422)
    expect((await own(' '.repeat(1_048_577))).status).toBe(413)
    expect(log.join()).not.toContain('s3cret-word')
  })

  it('keeps in mind whose departure it refused, whoever is heard well after it, until he is', async () => {
    const [leaver, joiner] = [someone(), someone()]
    const inFull = () => house.now().toString({ smallestUnit: 'microsecond' })
    await dismissFaults(store.db, (await told('own')).id)
    await say({ id: leaver, mail: leaver, status: 'Here' })
    const refused = { id: leaver, mail: leaver, status: 'Gone', lastDay: 's3cret-31.12.2026' }
    const first = inFull()
    expect((await say(refused)).status).toBe(422)
    house.advance(1_000)
    expect((await say(refused)).status).toBe(422)
    await say({ id: joiner, mail: joiner, status: 'Here' })
    expect(await stands(leaver)).toBe('active')
    const row = await told('own')
    expect(row.refused).toEqual({ subjects: 1, count: 2, firstAt: first, lastAt: inFull() })
    expect(row.fault).toBe('a webhook could not be taken: terminationDate must be YYYY-MM-DD or an instant')
    expect(await feedFaults(store.db, 'own', 10)).toEqual([
      {
        ...{ source: { id: row.id, name: 'own' }, key: leaver, externalId: leaver, count: 2 },
        ...{ fault: row.fault, firstAt: first, lastAt: inFull() },
      },
    ])
    await say({ id: leaver, mail: leaver, status: 'Gone', lastDay: '2026-11-20' })
    expect(await told('own')).toMatchObject({ fault: null, faultAt: null, refused: null })

    // Of whom it was cannot be told: nobody's good word takes it back, somebody does.
    expect((await own('{')).status).toBe(422)
    expect((await own({ event: `e${++events}`, people: [{ id: { a: 1 }, status: 'Gone' }] })).status).toBe(422)
    await say({ id: joiner, mail: joiner, status: 'Here' })
    expect((await feedFaults(store.db, 'own', 10)).map(({ key, count }) => [key, count])).toEqual([[null, 2]])
    expect(await dismissFaults(store.db, row.id, [joiner])).toBe(0)
    expect(await dismissFaults(store.db, row.id, [null])).toBe(1)
    expect((await told('own')).refused).toBeNull()
  })

  it('keeps so many of them apart, and counts the rest', async () => {
    const { id } = await told('own')
    const at = house.now()
    const fault = (key: string) => noteFault(store.db, id, { key, fault: 'x'.repeat(900), saidAt: at }, at)
    await sql`insert into feed_fault select ${id}::uuid, 'k' || n, 'x', 1, now(), now(), now() from generate_series(1, 999) n`.execute(
      store.db,
    )
    await fault('last')
    for (const key of ['last', 'more', 'more']) await fault(key)
    expect((await told('own')).refused).toMatchObject({ subjects: 1_001, count: 1_003 })
    expect((await feedFaults(store.db, 'own', 2_000)).find(({ key }) => key === 'last')?.fault).toHaveLength(500)
    expect(await dismissFaults(store.db, id)).toBe(1_001)
  })

  it('takes what needs no question while the HR system cannot be asked, and notes for whom it would have been', async () => {
    const [gone, changed, other] = [`g${++n}`, `c${n}`, `o${n}`]
    const send = (...people: [string, string][]) => {
      const body = JSON.stringify({ event: `e${++events}`, people: people.map(([id, type]) => ({ id, type })) })
      const signature = createHmac('sha256', SECRETS['env:HOOK'] ?? '')
        .update(body)
        .digest('hex')
      return post('many', body, { 'x-signature': `sha256=${signature}` })
    }
    answer = ({ url }) => ({ status: 200, body: { mail: `${url.slice(1)}@example.com`, status: 'Here' } })
    await send([gone, 'updated'], [changed, 'updated'], [other, 'updated'])
    house.advance(1_000)
    answer = () => ({ status: 503, body: {} })
    expect((await send([gone, 'gone'], [changed, 'updated'], [other, 'birthday'])).status).toBe(503)
    expect([await stands(`${gone}@example.com`), await stands(`${changed}@example.com`)]).toEqual([expect.any(String), 'active'])
    expect(await stands(`${gone}@example.com`)).not.toBe('active')
    expect((await feedFaults(store.db, 'many', 10)).map(({ key }) => key)).toEqual([changed])
    house.advance(1_000)
    answer = ({ url }) => ({ status: 200, body: { mail: `${url.slice(1)}@example.com`, status: 'Here' } })
    expect((await send([gone, 'gone'], [changed, 'updated'], [other, 'birthday'])).status).toBe(200)
    expect(await feedFaults(store.db, 'many', 10)).toEqual([])
  })

  it('takes an older word for no fault of somebody of whom it heard since, and a late one for no good word', async () => {
    const key = `late-${++n}`
    const { id } = await told('bamboo')
    const at = (minutes: number) => `2026-11-22T11:${minutes}:00+0000`
    const event = (minutes: number) => ({
      type: 'employee.updated',
      timestamp: at(minutes),
      data: { companyId: '1', employeeId: key },
    })
    const good = () => ({ status: 200, body: { displayName: 'L', workEmail: `${key}@example.com`, status: 'Active' } })
    answer = () => ({ status: 200, body: { displayName: 'L', workEmail: `${key}@example.com`, status: 'Unheard of' } })
    await bamboo(event(40))
    answer = good
    await bamboo(event(30))
    expect(await feedFaults(store.db, 'bamboo', 10)).toMatchObject([{ key, count: 1 }])
    await bamboo(event(50))
    answer = () => ({ status: 503, body: {} })
    await bamboo(event(45))
    expect(await feedFaults(store.db, 'bamboo', 10)).toEqual([])
    await dismissFaults(store.db, id)
  })

  describe('BambooHR', () => {
    const event = (type: string, employeeId: string) => ({
      type,
      timestamp: '2026-11-22T11:59:00+0000',
      data: { companyId: '1', employeeId },
    })
    const employee = (more: Record<string, unknown>) => () => ({
      status: 200,
      body: { id: '1', displayName: 'Ann Lee', hireDate: '2020-01-01', ...more },
    })

    it('asks for the values, and follows them', async () => {
      const who = someone()
      const steps: [Record<string, unknown>, string][] = [
        [{ status: 'Active', terminationDate: '0000-00-00' }, 'active'],
        [{ status: 'Active', terminationDate: '2026-12-31' }, '2026-12-31T17:00:00Z'],
        [{ status: 'Active', terminationDate: '0000-00-00' }, 'active'],
        [{ status: 'Inactive', terminationDate: '2026-11-20' }, '2026-11-20T17:00:00Z'],
      ]
      for (const [values, standing] of steps) {
        answer = employee({ workEmail: who, ...values })
        house.advance(1_000)
        expect((await bamboo(event('employee.updated', '67/890'))).status).toBe(200)
        expect(await stands(who)).toBe(standing)
      }
      expect(asked[0]).toMatchObject({
        method: 'GET',
        url: '/api/v1/employees/67%2F890?fields=displayName,workEmail,employeeNumber,status,terminationDate,hireDate&onlyCurrent=false',
        authorization: `Basic ${Buffer.from('bamboo-api-key:x').toString('base64')}`,
      })
    })

    it('terminates who is deleted, though nobody can be asked any more', async () => {
      const who = someone()
      answer = employee({ workEmail: who, status: 'Active' })
      await bamboo(event('employee.created', 'd1'))
      asked = []
      house.advance(1_000)
      expect((await bamboo(event('employee.deleted', 'd1'))).status).toBe(200)
      expect(asked).toEqual([])
      expect(await stands(who)).not.toBe('active')
    })

    it.each([
      [500, {}, 503],
      [429, {}, 503],
      [401, {}, 503],
      [404, {}, 422],
      [410, {}, 422],
      [400, {}, 503],
      [302, {}, 503],
      [204, '', 503],
      [200, '<html>maintenance', 503],
      [200, '', 503],
      [200, { status: 'Other' }, 503],
      [200, { status: 'Active' }, 503],
    ])('answers where its API says %i %j with %i, and nothing is done', async (status, body, expected) => {
      answer = () => ({ status, body })
      const said = await bamboo(event('employee.updated', `x${++n}`))
      expect(said.status).toBe(expected)
      expect(asked).toHaveLength(1)
      expect(await faultOf('bamboo')).toContain('a webhook could not be taken')
      expect(JSON.stringify([said, log, await faultOf('bamboo')])).not.toMatch(/bamboo-api-key|YmFtYm9vLWFwaS1rZXk/)
    })

    it('says what stood when the event came, however long it asks for the rest', async () => {
      const [who, begun] = [someone(), house.now()]
      answer = () => {
        house.advance(20_000)
        return employee({ workEmail: who, status: 'Active' })()
      }
      const key = `slow-${++n}`
      expect((await bamboo({ ...event('employee.updated', key), timestamp: undefined })).status).toBe(200)
      const word = await store.db.selectFrom('feed_subject').select('said_at').where('key', '=', key).executeTakeFirst()
      expect(word?.said_at.toString()).toBe(begun.toString())
    })

    it('takes the same event once its API answers again', async () => {
      const who = someone()
      const one = event('employee.updated', 'again')
      expect((await bamboo(one)).status).toBe(503)
      answer = employee({ workEmail: who, status: 'Active' })
      expect((await bamboo(one)).body).toMatchObject({ repeated: false })
      expect(await stands(who)).toBe('active')
    })
  })

  describe('HiBob', () => {
    const person = (email: string, more: Record<string, unknown>) => () => ({
      status: 200,
      body: { id: 'b', displayName: 'Bob', email, ...more },
    })

    it('answers the trial of a connection, which is not signed', async () => {
      for (const body of ['Ping test', '{"text":"Ping test"}']) expect((await post('bob', body, {})).body).toEqual({ ping: true })
      expect((await post('bob', '{"text":"Ping"}', {}, '127.0.0.4')).status).toBe(401)
    })

    it('knows who left from who is away', async () => {
      const who = someone()
      answer = person(who, { internal: { status: 'Active' } })
      await bob('employee.created', 'b1')
      expect(asked[0]).toMatchObject({
        method: 'POST',
        url: '/v1/people/b1',
        authorization: `Basic ${Buffer.from('service-user:bob-api-token').toString('base64')}`,
      })
      house.advance(1_000)
      await bob('employee.inactivated', 'b1')
      expect(await stands(who)).toBe('suspended')
      house.advance(1_000)
      await bob('employee.activated', 'b1')
      expect(await stands(who)).toBe('active')
      house.advance(1_000)
      const left = house.now().toString()
      await bob('employee.left', 'b1', left)
      expect(await stands(who)).toBe(left)
      house.advance(1_000)
      // Bob tells of a departure twice: as one who left, and as one who is inactive. The clock does not start anew.
      await bob('employee.inactivated', 'b1')
      await bob('employee.access.revoked.immediately', 'b1')
      expect(await stands(who)).toBe(left)
      expect((await bob('timeoff.request', 'b1')).body).toMatchObject({ outcomes: {} })
    })

    it('asks who it is that left, where nobody knew, and keeps the time of the event', async () => {
      const who = someone()
      answer = person(who, { '/root/email': { value: 'other' }, internal: { status: 'Active', terminationDate: '2027-02-01' } })
      const at = house.now().subtract({ hours: 2 }).toString()
      await bob('employee.left', 'garden', at)
      expect(await stands(who)).toBe(at)
    })

    it('takes events alone where it may not ask', async () => {
      await bob('employee.joined', 'alone-1', undefined, 'alone')
      expect(await stands('alone-1')).toBe('active')
      house.advance(1_000)
      await bob('employee.access.revoked.immediately', 'alone-1', undefined, 'alone')
      expect(await stands('alone-1')).toBe(house.now().toString())
    })
  })

  it.each<[Record<string, unknown>, string]>([
    [{}, 'is needed where there is no preset'],
    [{ signature: { header: 'x' } }, 'needs a key where there is no preset'],
    [{ signature: { header: 'x' }, map: { key: '/id' } }, 'nothing would be said of anybody'],
    [{ signature: { header: 'x' }, map: { key: '/id', type: '/t' } }, 'would look like one that is sent twice'],
    [{ preset: 'bamboohr' }, 'the events of BambooHR have no values'],
    [{ preset: 'bamboohr', api: { origin: 'http://acme.example', password: 'env:X' } }, 'must be an https:// address'],
    [{ preset: 'bamboohr', api: { origin: 'https://acme.example/x', password: 'env:X' } }, 'must be an https:// address'],
    [{ preset: 'bamboohr', api: { origin: 'https://acme.example', path: '//evil/{key}', password: 'env:X' } }, 'must be a path'],
    [{ preset: 'hibob', secrets: ['plain'] }, 'must be a reference'],
    [{ preset: 'hibob', map: { key: 'id' } }, ''],
  ])('refuses the configuration %j', (options, message) => {
    const { error } = webhookOptions.safeParse({ secrets: ['env:X'], ...options })
    expect(error?.issues.map((issue) => issue.message).join()).toContain(message)
  })
})
