import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { sourceSchema } from '../../../src/config/source-schema.ts'
import { CONFIG_CHECKS } from '../../../src/daemon/checks.ts'
import type { FeedPolicy } from '../../../src/intake/feed/said.ts'
import { hrisOptions } from '../../../src/intake/hr/pull-options.ts'
import { type HrHouse, openHrHouse, type Pull } from './hr-house.ts'

const POLICY: FeedPolicy = {
  ...{ inactive: 'ask', deleted: 'terminate', joiners: 'follow' },
  mass: { share: 0.6, least: 3, windowMs: 3_600_000 },
}

const USERS: Readonly<Record<string, string>> = {
  'env:USER': 'ISU_revenant',
  'file:/run/user': 'ISU_revenant',
  'env:OTHER': 'ISU_other',
}

describe('a report of an HR system', () => {
  let hr: HrHouse
  beforeAll(async () => {
    hr = await openHrHouse({
      policy: POLICY,
      options: { path: '/report?format=json', user: 'env:USER', password: 'env:PASSWORD' },
      readReference: (reference) => USERS[reference] ?? 's3cret-password',
    })
  })
  beforeEach(() => {
    hr.asked.length = 0
  })
  afterAll(() => hr.close())

  const entry = (id: string, more: Record<string, unknown> = {}) => ({
    Employee_ID: id,
    Work_Email: `${id}@wd.example`,
    Worker_Status: 'Active',
    ...more,
  })
  const report =
    (...Report_Entry: unknown[]) =>
    () => ({ status: 200, body: { Report_Entry } })
  const left = (id: string) => hr.left(`${id}@wd.example`)

  it('is read with its credential and window, and followed', async () => {
    const pull = await hr.watch({
      path: '/ccx/service/customreport2/acme/ISU/Leavers?format=json&From={from}&To={to}&Since={since}&Day={today}',
      timeZone: 'Pacific/Auckland',
    })
    hr.answer = report(
      entry('w1'),
      entry('w2', { Termination_Date: '2026-12-31', Time_Zone: 'America/New_York' }),
      entry('w3', { Worker_Status: 'Terminated', Termination_Date: '2026-11-20-08:00' }),
    )
    await pull()
    expect(hr.asked[0]).toEqual({
      url: '/ccx/service/customreport2/acme/ISU/Leavers?format=json&From=2026-11-09&To=2027-02-21&Since=2026-11-08T12%3A00%3A00Z&Day=2026-11-23',
      authorization: `Basic ${Buffer.from('ISU_revenant:s3cret-password').toString('base64')}`,
    })
    expect(await Promise.all(['w1', 'w2', 'w3'].map(left))).toEqual([null, '2026-12-31T23:00:00Z', '2026-11-20T05:00:00Z'])
    // Rescinded, and moved.
    hr.house.advance(3_600_000)
    hr.answer = report(entry('w2', { Termination_Date: '' }), entry('w1', { Termination_Date: '2027-01-31' }))
    await pull()
    expect(await Promise.all(['w1', 'w2'].map(left))).toEqual(['2027-01-31T05:00:00Z', null])
    // From the last time that it was read, and not from now.
    hr.house.advance(30 * 86_400_000)
    await pull()
    expect(hr.asked[2]?.url).toContain('Since=2026-11-08T13%3A00%3A00Z')
  })

  it('says what stood when it began to be read, however long that takes', async () => {
    const pull = await hr.watch()
    hr.answer = report(entry('slow'))
    await pull()
    hr.house.advance(60_000)
    const begun = hr.house.now()
    hr.answer = () => {
      hr.house.advance(600_000)
      return report(entry('slow', { Worker_Status: 'Terminated' }))()
    }
    await pull()
    expect(await left('slow')).toBe(begun.toString())
    const word = await hr.store.db.selectFrom('feed_subject').select('said_at').where('key', '=', 'slow').executeTakeFirst()
    expect(word?.said_at.toString()).toBe(begun.toString())
  })

  it('is read by pages, by number and by what the answer names', async () => {
    const people = ['p1', 'p2', 'p3', 'p4', 'p5'].map((id) => entry(id))
    const pull = await hr.watch({ path: '/r?offset={offset}&limit={limit}&page={page}', pageSize: 2 })
    hr.answer = (url) => report(...people.slice(Number(url.searchParams.get('offset'))).slice(0, 2))()
    await pull()
    expect(hr.asked.map(({ url }) => url)).toEqual([
      '/r?offset=0&limit=2&page=1',
      '/r?offset=2&limit=2&page=2',
      '/r?offset=4&limit=2&page=3',
    ])
    expect(await left('p5')).toBeNull()
    hr.answer = report(people[0], people[1])
    await expect(pull()).rejects.toMatchObject({ code: 'SOURCE_REFUSED', message: expect.stringContaining('repeat') })

    const linked = await hr.watch({ path: '/r', next: '/next' })
    hr.answer = (url) => ({
      status: 200,
      body: url.search === '' ? { Report_Entry: [entry('q1')], next: '/r?more=1' } : { Report_Entry: [entry('q2')], next: null },
    })
    await linked()
    expect(await left('q2')).toBeNull()
    hr.answer = () => ({ status: 200, body: { Report_Entry: [entry('q3')], next: 'https://elsewhere.example/r' } })
    await expect(linked()).rejects.toMatchObject({ code: 'SOURCE_REFUSED' })
    expect(await left('q3')).toBe('unknown')
  })

  it('of everybody deletes who is missing, holds too many, and deletes nobody on a report that is not whole', async () => {
    const pull = await hr.watch({ complete: true })
    const all = ['c1', 'c2', 'c3', 'c4', 'c5', 'c6'].map((id) => entry(id))
    hr.answer = report(...all)
    await pull()
    hr.answer = report(...all.slice(1))
    await pull()
    expect([(await left('c1')) === null, await left('c2')]).toEqual([false, null])
    hr.answer = report()
    await expect(pull()).rejects.toThrow('everybody would be gone')
    hr.answer = report(all[2], { ...all[1], Worker_Status: 's3cret' })
    await expect(pull()).rejects.toThrow(
      'some people of the report were passed over: status is a word that statuses does not explain',
    )
    expect(await Promise.all(['c2', 'c4'].map(left))).toEqual([null, null])
    hr.answer = report(all[2])
    await pull()
    expect(await left('c4')).toBeNull()
  })

  it('asks about whoever is on a report of everybody under another number, and calls gone who is on it under none', async () => {
    const pull = await hr.watch({ complete: true })
    hr.answer = report(...['n1', 'n2', 'n3', 'n4'].map((id) => entry(id)))
    await pull()
    hr.answer = report(entry('n1-anew', { Work_Email: 'N1@wd.example' }), entry('n2'), entry('n3'))
    await pull()
    expect([...(await Promise.all(['n1', 'n2'].map(left))), (await left('n4')) === null]).toEqual([null, null, false])
    const held = await hr.store.db
      .selectFrom('feed_statement')
      .select(['key', 'reason'])
      .where('feed_id', '=', pull.feed.id)
      .where('state', '=', 'held')
      .execute()
    expect(held.map(({ key, reason }) => `${key} ${reason}`).toSorted()).toEqual([
      'n1 named_elsewhere',
      'n1-anew identifier_reuse',
    ])
  })

  it('calls nobody gone who was shifted from a page that came to one that was read', async () => {
    const pull = await hr.watch({ complete: true, path: '/r?offset={offset}', pageSize: 2 })
    let all = ['s1', 's2', 's3', 's4', 's5'].map((id) => entry(id))
    const page = (url: URL) => report(...all.slice(Number(url.searchParams.get('offset'))).slice(0, 2))()
    hr.answer = page
    await pull()
    hr.house.advance(60_000)
    hr.answer = (url) => {
      const told = page(url)
      // Removed while the next page is asked for: s3 is on no page of this reading.
      all = all.filter(({ Employee_ID }) => Employee_ID !== 's1')
      return told
    }
    await pull()
    const people = ['s1', 's2', 's3', 's4', 's5']
    expect(await Promise.all(people.map(left))).toEqual(people.map(() => null))
    await pull()
    expect(await Promise.all(people.map(left))).toEqual([hr.house.now().toString(), null, null, null, null])
    // As long as nobody is missing once is enough.
    hr.asked.length = 0
    await pull()
    expect(hr.asked.length).toBe(3)
  })

  it('says that pages are sorted by nothing, and calls nobody gone then', async () => {
    const pull = await hr.watch({ complete: true, path: '/r?offset={offset}', pageSize: 2 })
    const all = ['u1', 'u2', 'u3', 'u4', 'u5'].map((id) => entry(id))
    let turn = 0
    const page = (url: URL) => {
      const rest = all.slice(1)
      const turned = [...rest.slice(turn % 4), ...rest.slice(0, turn % 4)]
      return report(...turned.slice(Number(url.searchParams.get('offset'))).slice(0, 2))()
    }
    hr.answer = (url) => report(...all.slice(Number(url.searchParams.get('offset'))).slice(0, 2))()
    await pull()
    hr.answer = (url) => {
      if (url.searchParams.get('offset') === '0') turn++
      return page(url)
    }
    await expect(pull()).rejects.toMatchObject({ code: 'SOURCE_REFUSED', message: expect.stringContaining('sorted') })
    expect(await left('u1')).toBeNull()
    hr.answer = page
    await pull()
    expect(await left('u1')).not.toBeNull()
  })

  it('calls nobody gone because another report is read, also not later, and does where the first one is read again', async () => {
    const hq = await hr.watch({ complete: true })
    const [a, b] = [['a1', 'a2', 'a3', 'a4', 'a5'].map((id) => entry(id)), ['b1', 'b2', 'b3'].map((id) => entry(id))]
    hr.answer = report(...a)
    await hq()
    const plant = hq.with({ path: '/plant' })
    hr.house.advance(60_000)
    hr.answer = report(...b, a[1])
    await plant()
    const told = () =>
      hr.store.db
        .selectFrom('audit')
        .select('detail')
        .where('action', '=', 'feed.rescope')
        .where('subject', '=', hq.feed.name)
        .execute()
    expect(await told()).toEqual([{ detail: { outOfSight: 4 } }])
    hr.house.advance(60_000)
    hr.answer = report(b[0], b[1])
    await plant()
    const people = ['a1', 'a2', 'a3', 'b1', 'b2', 'b3']
    const gone = async () => {
      const all = await Promise.all(people.map(async (id) => ((await left(id)) === null ? [] : [id])))
      return all.flat()
    }
    // Whoever was seen in both is in sight; the others are not.
    expect(await gone()).toEqual(['a2', 'b3'])
    hr.house.advance(60_000)
    hr.answer = report(...a.slice(1))
    await hq()
    expect(await gone()).toEqual(['a1', 'b3'])
  })

  describe('that is changed', () => {
    const gone = async (...ids: string[]) => {
      const all = await Promise.all(ids.map(async (id) => ((await left(id)) === null ? [] : [id])))
      return all.flat()
    }
    /** Read under this path, with somebody who is not understood. */
    const faulty = async (pull: Pull, ...people: unknown[]) => {
      hr.house.advance(60_000)
      hr.answer = report(...people, entry('odd', { Worker_Status: 's3cret' }))
      await expect(pull()).rejects.toThrow('passed over')
    }
    const read = async (pull: Pull, ...people: unknown[]) => {
      hr.house.advance(60_000)
      hr.answer = report(...people)
      await pull()
    }

    it('calls nobody gone who was named by a first reading with faults', async () => {
      const wide = await hr.watch({ complete: true })
      await faulty(wide, entry('f1'), entry('f2'), entry('f3'))
      await read(wide.with({ path: '/narrow' }), entry('f1'))
      expect(await gone('f1', 'f2', 'f3')).toEqual([])
    })

    it('calls nobody gone whom only another report with faults named', async () => {
      const hq = await hr.watch({ complete: true })
      await read(hq, entry('g1'), entry('g2'))
      await faulty(hq.with({ path: '/plant' }), entry('h1'), entry('h2'))
      await read(hq, entry('g1'), entry('g2'))
      expect(await gone('g1', 'g2', 'h1', 'h2')).toEqual([])
      const told = hr.store.db.selectFrom('audit').select('detail').where('action', '=', 'feed.rescope')
      expect(await told.where('subject', '=', hq.feed.name).execute()).toEqual([{ detail: { outOfSight: 2 } }])
    })

    it('calls gone who was named with faults, and left before they were mended', async () => {
      const hq = await hr.watch({ complete: true })
      await read(hq, entry('i1'), entry('i2'), entry('i3'))
      const plant = hq.with({ path: '/plant' })
      await faulty(plant, entry('i1'), entry('i2'))
      await read(plant, entry('i1'))
      expect(await gone('i1', 'i2', 'i3')).toEqual(['i2'])
      const told = hr.store.db.selectFrom('audit').select('detail').where('action', '=', 'feed.rescope')
      expect(await told.where('subject', '=', hq.feed.name).execute()).toEqual([{ detail: { outOfSight: 1 } }])
    })

    it('is for whom its account sees, by whatever reference that is read', async () => {
      const pull = await hr.watch({ complete: true })
      await read(pull, entry('j1'), entry('j2'), entry('j3'))
      await read(pull.with({ user: 'file:/run/user' }), entry('j1'), entry('j2'))
      expect(await gone('j1', 'j2', 'j3')).toEqual(['j3'])
      await read(pull.with({ user: 'env:OTHER' }), entry('j1'))
      expect(await gone('j1', 'j2', 'j3')).toEqual(['j3'])
      expect(JSON.stringify(pull.position())).not.toContain('ISU')
    })
  })

  it('takes somebody back who was missing from one report, though nothing of him has changed', async () => {
    const pull = await hr.watch({ complete: true, map: { at: '/Changed' } })
    const all = ['r1', 'r2', 'r3'].map((id) => entry(id, { Changed: '2026-01-01T00:00:00Z' }))
    hr.answer = report(...all)
    await pull()
    hr.house.advance(60_000)
    hr.answer = report(...all.slice(1))
    await pull()
    expect(await left('r1')).not.toBeNull()
    hr.house.advance(60_000)
    hr.answer = report(...all)
    await pull()
    expect(await left('r1')).toBeNull()
  })

  it.each([
    [500, {}, 'SOURCE_UNREACHABLE', 'answered 500'],
    [401, {}, 'SOURCE_UNREACHABLE', 'look at the credential'],
    [404, {}, 'SOURCE_REFUSED', 'answered 404'],
    [200, '<html>', 'SOURCE_UNREACHABLE', 'no JSON'],
    [200, {}, 'SOURCE_REFUSED', 'people finds no list'],
  ])('says what %i %j is, without the credential', async (status, body, code, words) => {
    const pull = await hr.watch()
    hr.answer = () => ({ status, body })
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
