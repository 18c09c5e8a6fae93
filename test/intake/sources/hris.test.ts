import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { sourceSchema } from '../../../src/config/source-schema.ts'
import { CONFIG_CHECKS } from '../../../src/daemon/checks.ts'
import type { Facts } from '../../../src/domain/leaf.ts'
import type { Feed, FeedPolicy } from '../../../src/intake/feed/said.ts'
import { hrisOptions } from '../../../src/intake/hr/pull-options.ts'
import { SOURCES } from '../../../src/intake/sources/registry.ts'
import type { Store } from '../../../src/store/db.ts'
import { syncFeeds } from '../../../src/store/feed.ts'
import { findIdentities } from '../../../src/store/identity.ts'
import { STORES, type TestStore } from '../../servers/stores.ts'
import { type House, openHouse } from '../house.ts'

const POLICY: FeedPolicy = {
  ...{ inactive: 'ask', deleted: 'terminate', joiners: 'follow' },
  mass: { share: 0.6, least: 3, windowMs: 3_600_000 },
}
const [embedded] = STORES
if (embedded === undefined) throw new Error('no database')

describe('a report of an HR system', () => {
  let test: TestStore
  let store: Store
  let house: House
  let server: Server
  let origin = ''
  let asked: { url: string; authorization: string | undefined }[] = []
  let answer: (url: URL) => { status: number; body: unknown } = () => ({ status: 500, body: {} })
  let n = 0
  beforeAll(async () => {
    test = await embedded.open()
    store = test.store
    house = await openHouse(store)
    server = createServer((request, response) => {
      asked.push({ url: request.url ?? '', authorization: request.headers.authorization })
      const { status, body } = answer(new URL(request.url ?? '', 'http://x'))
      response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  beforeEach(() => {
    asked = []
  })
  afterAll(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await house.close()
    await test.stop()
  })

  async function watch(options: Record<string, unknown> = {}) {
    const name = `hris${++n}`
    const [row] = await syncFeeds(store.db, [{ name, kind: 'hris', silentAfterMs: 60_000 }], house.now())
    const feed: Feed = { id: row?.id ?? '', name, kind: 'hris', policy: POLICY }
    let position: Facts | null = null
    /** The same source, configured anew. */
    const open = (more: Record<string, unknown> = {}) => {
      const { pull } = SOURCES.hris.open({
        ...{ origin, path: '/report?format=json', user: 'env:USER', password: 'env:PASSWORD' },
        ...{ ...options, ...more },
      })
      return () =>
        pull?.once({
          ...{
            feed,
            deps: { ...house.deps, actor: `feed ${name}` },
            position,
            log: () => {},
            signal: new AbortController().signal,
          },
          move: async (to) => {
            position = to
          },
          readReference: async (reference) => (reference === 'env:USER' ? 'ISU_revenant' : 's3cret-password'),
        })
    }
    return Object.assign(open(), { with: open, feed })
  }
  const entry = (id: string, more: Record<string, unknown> = {}) => ({
    Employee_ID: id,
    Work_Email: `${id}@wd.example`,
    Worker_Status: 'Active',
    ...more,
  })
  const report =
    (...Report_Entry: unknown[]) =>
    () => ({ status: 200, body: { Report_Entry } })
  const left = async (id: string) => {
    const row = (await findIdentities(store.db, [`${id}@wd.example`])).get(`${id}@wd.example`)
    return row === undefined ? 'unknown' : (row.terminated_at?.toString() ?? null)
  }

  it('is read with its credential and window, and followed', async () => {
    const pull = await watch({
      path: '/ccx/service/customreport2/acme/ISU/Leavers?format=json&From={from}&To={to}&Since={since}&Day={today}',
      timeZone: 'Pacific/Auckland',
    })
    answer = report(
      entry('w1'),
      entry('w2', { Termination_Date: '2026-12-31', Time_Zone: 'America/New_York' }),
      entry('w3', { Worker_Status: 'Terminated', Termination_Date: '2026-11-20-08:00' }),
    )
    await pull()
    expect(asked[0]).toEqual({
      url: '/ccx/service/customreport2/acme/ISU/Leavers?format=json&From=2026-11-09&To=2027-02-21&Since=2026-11-08T12%3A00%3A00Z&Day=2026-11-23',
      authorization: `Basic ${Buffer.from('ISU_revenant:s3cret-password').toString('base64')}`,
    })
    expect(await Promise.all(['w1', 'w2', 'w3'].map(left))).toEqual([null, '2026-12-31T23:00:00Z', '2026-11-20T05:00:00Z'])
    // Rescinded, and moved.
    house.advance(3_600_000)
    answer = report(entry('w2', { Termination_Date: '' }), entry('w1', { Termination_Date: '2027-01-31' }))
    await pull()
    expect(await Promise.all(['w1', 'w2'].map(left))).toEqual(['2027-01-31T05:00:00Z', null])
    // From the last time that it was read, and not from now.
    house.advance(30 * 86_400_000)
    await pull()
    expect(asked[2]?.url).toContain('Since=2026-11-08T13%3A00%3A00Z')
  })

  it('says what stood when it began to be read, however long that takes', async () => {
    const pull = await watch()
    answer = report(entry('slow'))
    await pull()
    house.advance(60_000)
    const begun = house.now()
    answer = () => {
      house.advance(600_000)
      return report(entry('slow', { Worker_Status: 'Terminated' }))()
    }
    await pull()
    expect(await left('slow')).toBe(begun.toString())
    const word = await store.db.selectFrom('feed_subject').select('said_at').where('key', '=', 'slow').executeTakeFirst()
    expect(word?.said_at.toString()).toBe(begun.toString())
  })

  it('is read by pages, by number and by what the answer names', async () => {
    const people = ['p1', 'p2', 'p3', 'p4', 'p5'].map((id) => entry(id))
    const pull = await watch({ path: '/r?offset={offset}&limit={limit}&page={page}', pageSize: 2 })
    answer = (url) => report(...people.slice(Number(url.searchParams.get('offset'))).slice(0, 2))()
    await pull()
    expect(asked.map(({ url }) => url)).toEqual([
      '/r?offset=0&limit=2&page=1',
      '/r?offset=2&limit=2&page=2',
      '/r?offset=4&limit=2&page=3',
    ])
    expect(await left('p5')).toBeNull()
    answer = report(people[0], people[1])
    await expect(pull()).rejects.toMatchObject({ code: 'SOURCE_REFUSED', message: expect.stringContaining('repeat') })

    const linked = await watch({ path: '/r', next: '/next' })
    answer = (url) => ({
      status: 200,
      body: url.search === '' ? { Report_Entry: [entry('q1')], next: '/r?more=1' } : { Report_Entry: [entry('q2')], next: null },
    })
    await linked()
    expect(await left('q2')).toBeNull()
    answer = () => ({ status: 200, body: { Report_Entry: [entry('q3')], next: 'https://elsewhere.example/r' } })
    await expect(linked()).rejects.toMatchObject({ code: 'SOURCE_REFUSED' })
    expect(await left('q3')).toBe('unknown')
  })

  it('of everybody deletes who is missing, holds too many, and deletes nobody on a report that is not whole', async () => {
    const pull = await watch({ complete: true })
    const all = ['c1', 'c2', 'c3', 'c4', 'c5', 'c6'].map((id) => entry(id))
    answer = report(...all)
    await pull()
    answer = report(...all.slice(1))
    await pull()
    expect([(await left('c1')) === null, await left('c2')]).toEqual([false, null])
    answer = report()
    await expect(pull()).rejects.toThrow('everybody would be gone')
    answer = report(all[2], { ...all[1], Worker_Status: 's3cret' })
    await expect(pull()).rejects.toThrow(
      'some people of the report were passed over: status is a word that statuses does not explain',
    )
    expect(await Promise.all(['c2', 'c4'].map(left))).toEqual([null, null])
    answer = report(all[2])
    await pull()
    expect(await left('c4')).toBeNull()
  })

  it('calls nobody gone who was shifted from a page that came to one that was read', async () => {
    const pull = await watch({ complete: true, path: '/r?offset={offset}', pageSize: 2 })
    let all = ['s1', 's2', 's3', 's4', 's5'].map((id) => entry(id))
    const page = (url: URL) => report(...all.slice(Number(url.searchParams.get('offset'))).slice(0, 2))()
    answer = page
    await pull()
    house.advance(60_000)
    answer = (url) => {
      const told = page(url)
      // Removed while the next page is asked for: s3 is on no page of this reading.
      all = all.filter(({ Employee_ID }) => Employee_ID !== 's1')
      return told
    }
    await pull()
    const people = ['s1', 's2', 's3', 's4', 's5']
    expect(await Promise.all(people.map(left))).toEqual(people.map(() => null))
    await pull()
    expect(await Promise.all(people.map(left))).toEqual([house.now().toString(), null, null, null, null])
    // As long as nobody is missing once is enough.
    asked = []
    await pull()
    expect(asked.length).toBe(3)
  })

  it('says that pages are sorted by nothing, and calls nobody gone then', async () => {
    const pull = await watch({ complete: true, path: '/r?offset={offset}', pageSize: 2 })
    const all = ['u1', 'u2', 'u3', 'u4', 'u5'].map((id) => entry(id))
    let turn = 0
    const page = (url: URL) => {
      const rest = all.slice(1)
      const turned = [...rest.slice(turn % 4), ...rest.slice(0, turn % 4)]
      return report(...turned.slice(Number(url.searchParams.get('offset'))).slice(0, 2))()
    }
    answer = (url) => report(...all.slice(Number(url.searchParams.get('offset'))).slice(0, 2))()
    await pull()
    answer = (url) => {
      if (url.searchParams.get('offset') === '0') turn++
      return page(url)
    }
    await expect(pull()).rejects.toMatchObject({ code: 'SOURCE_REFUSED', message: expect.stringContaining('sorted') })
    expect(await left('u1')).toBeNull()
    answer = page
    await pull()
    expect(await left('u1')).not.toBeNull()
  })

  it('calls nobody gone because another report is read, also not later, and does where the first one is read again', async () => {
    const hq = await watch({ complete: true })
    const [a, b] = [['a1', 'a2', 'a3', 'a4', 'a5'].map((id) => entry(id)), ['b1', 'b2', 'b3'].map((id) => entry(id))]
    answer = report(...a)
    await hq()
    const plant = hq.with({ path: '/plant' })
    house.advance(60_000)
    answer = report(...b, a[1])
    await plant()
    const told = () =>
      store.db
        .selectFrom('audit')
        .select('detail')
        .where('action', '=', 'feed.rescope')
        .where('subject', '=', hq.feed.name)
        .execute()
    expect(await told()).toEqual([{ detail: { outOfSight: 4 } }])
    house.advance(60_000)
    answer = report(b[0], b[1])
    await plant()
    const people = ['a1', 'a2', 'a3', 'b1', 'b2', 'b3']
    const gone = async () => {
      const all = await Promise.all(people.map(async (id) => ((await left(id)) === null ? [] : [id])))
      return all.flat()
    }
    // Whoever was seen in both is in sight; the others are not.
    expect(await gone()).toEqual(['a2', 'b3'])
    house.advance(60_000)
    answer = report(...a.slice(1))
    await hq()
    expect(await gone()).toEqual(['a1', 'b3'])
  })

  it('takes somebody back who was missing from one report, though nothing of him has changed', async () => {
    const pull = await watch({ complete: true, map: { at: '/Changed' } })
    const all = ['r1', 'r2', 'r3'].map((id) => entry(id, { Changed: '2026-01-01T00:00:00Z' }))
    answer = report(...all)
    await pull()
    house.advance(60_000)
    answer = report(...all.slice(1))
    await pull()
    expect(await left('r1')).not.toBeNull()
    house.advance(60_000)
    answer = report(...all)
    await pull()
    expect(await left('r1')).toBeNull()
  })

  it.each([
    [500, {}, 'SOURCE_UNREACHABLE', 'answered 500'],
    [401, {}, 'SOURCE_UNREACHABLE', 'look at the credential'],
    [404, {}, 'SOURCE_REFUSED', 'answered 404'],
    [200, '<html>', 'SOURCE_REFUSED', 'no JSON'],
    [200, {}, 'SOURCE_REFUSED', 'people finds no list'],
  ])('says what %i %j is, without the credential', async (status, body, code, words) => {
    const pull = await watch()
    answer = () => ({ status, body })
    const error: unknown = await Promise.resolve(pull()).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code, message: expect.stringContaining(words) })
    expect(String(error)).not.toContain('s3cret')
  })

  it.each<[string, Record<string, unknown>, string]>([
    ['hris', { origin: 'https://wd.example', path: '/r?x={nothing}', password: 'env:P' }, 'may hold {today}'],
    ['hris', { origin: 'https://wd.example', path: '/r?x={since}', password: 'env:P', complete: true }, 'path asks for a window'],
    ['hris', { origin: 'ftp://wd.example', path: '/r', password: 'env:P' }, 'must be an https:// address'],
    ['webhook', { preset: 'bamboohr', secrets: ['env:X'] }, 'have no values'],
    ['files', { folder: '/drop', every: '1x' }, 'must be a duration'],
    ['files', { folder: '/drop', setle: '1m' }, 'settle'],
  ])('is refused by the check of the configuration: %s %j', async (source, options, words) => {
    const entryOf = sourceSchema.parse({ name: 'x', source, ...options })
    expect((await CONFIG_CHECKS.checkSource(entryOf)).map(({ message }) => message).join()).toContain(words)
    expect(hrisOptions.safeParse({ origin: 'https://wd.example', path: '/r', password: 'env:P' }).success).toBe(true)
  })
})
