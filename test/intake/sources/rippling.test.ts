import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { sourceSchema } from '../../../src/config/source-schema.ts'
import { CONFIG_CHECKS } from '../../../src/daemon/checks.ts'
import type { FeedPolicy } from '../../../src/intake/feed/said.ts'
import { hrisOptions } from '../../../src/intake/hr/pull-options.ts'
import { type HrHouse, openHrHouse } from './hr-house.ts'

const POLICY: FeedPolicy = {
  ...{ inactive: 'ask', deleted: 'terminate', joiners: 'follow' },
  mass: { share: 0.9, least: 10, windowMs: 3_600_000 },
}

describe('Rippling, by its documented answers on the loopback (no real system was hr.asked)', () => {
  let hr: HrHouse
  beforeAll(async () => {
    hr = await openHrHouse({
      policy: POLICY,
      options: { preset: 'rippling', password: 'env:RIPPLING_TOKEN' },
      readReference: () => 'rippling-token',
    })
  })
  beforeEach(() => {
    hr.asked.length = 0
  })
  afterAll(() => hr.close())

  const worker = (id: string, more: Record<string, unknown> = {}) => ({
    ...{ id, created_at: '2023-03-15T10:00:00Z', updated_at: '2024-01-15T14:30:00Z', user_id: `usr_${id}`, country: 'US' },
    ...{ start_date: '2023-03-15', end_date: null, number: 1001, work_email: `${id}@rip.example`, status: 'ACTIVE', ...more },
  })
  const page = (results: unknown[], next_link: string | null = null) => ({ status: 200, body: { results, next_link } })
  const left = (id: string) => hr.left(`${id}@rip.example`)

  it('is read page by page with its token, and says who left and who will', async () => {
    const pull = await hr.watch({ timeZone: 'America/Denver' })
    hr.answer = ({ searchParams }) =>
      searchParams.has('cursor')
        ? page([
            worker('w3', { status: 'TERMINATED', end_date: '2026-11-20' }),
            worker('w4', { status: 'HIRED', start_date: '2027-01-04' }),
            worker('w5', { status: 'TERMINATED', end_date: '2024-01-31', start_date: '2020-01-01' }),
          ])
        : page([worker('w1'), worker('w2', { end_date: '2026-12-31' })], `${hr.origin}/workers/?cursor=xyz789`)
    await pull()
    expect(hr.asked).toEqual([
      { url: '/workers?order_by=id', authorization: 'Bearer rippling-token' },
      { url: '/workers/?cursor=xyz789', authorization: 'Bearer rippling-token' },
    ])
    expect(await Promise.all(['w1', 'w2', 'w3', 'w4', 'w5'].map(left))).toEqual([
      ...[null, '2027-01-01T01:00:00Z', '2026-11-21T01:00:00Z', null, '2024-02-01T01:00:00Z'],
    ])
    // Moved, rescinded, hired again.
    hr.house.advance(3_600_000)
    hr.answer = () =>
      page([
        worker('w1', { end_date: '2027-03-31' }),
        worker('w2'),
        worker('w5', { start_date: '2026-11-01', end_date: '2024-01-31' }),
      ])
    await pull()
    expect(await Promise.all(['w1', 'w2', 'w5'].map(left))).toEqual(['2027-04-01T00:00:00Z', null, null])
  })

  it('shows its token to no other origin, and takes nothing of a list that goes there', async () => {
    const pull = await hr.watch()
    hr.answer = () => page([worker('x1')], 'https://elsewhere.example/workers?cursor=1')
    await expect(pull()).rejects.toMatchObject({ code: 'SOURCE_REFUSED' })
    expect(await left('x1')).toBe('unknown')
  })

  it.each([
    [401, {}, 'SOURCE_UNREACHABLE'],
    [403, {}, 'SOURCE_UNREACHABLE'],
    [429, {}, 'SOURCE_UNREACHABLE'],
    [200, { data: [] }, 'SOURCE_REFUSED'],
    [200, { results: [{ id: 'y1', work_email: 'y1@rip.example', status: 'ON_THE_MOON' }], next_link: null }, 'INPUT_INVALID'],
  ])('takes nothing of %i %j', async (status, body, code) => {
    const pull = await hr.watch()
    hr.answer = () => ({ status, body })
    await expect(pull()).rejects.toMatchObject({ code })
    expect(await left('y1')).toBe('unknown')
  })
})

it('a preset says where and what; what is given counts over it', () => {
  expect(hrisOptions.parse({ preset: 'rippling', password: 'env:P' })).toMatchObject({
    ...{ origin: 'https://rest.ripplingapis.com', path: '/workers?order_by=id', next: '/next_link' },
    map: { people: '/results', key: '/id', terminationDate: '/end_date' },
  })
  const own = { path: '/workers?expand=user', map: { externalId: '/number' }, statuses: { FURLOUGHED: 'suspended' } }
  expect(hrisOptions.parse({ preset: 'rippling', password: 'env:P', ...own })).toMatchObject({
    ...{ path: '/workers?expand=user', map: { externalId: '/number', key: '/id' } },
    statuses: { FURLOUGHED: 'suspended', TERMINATED: 'terminated' },
  })
})

it.each<[Record<string, unknown>, string]>([
  [{ password: 'env:P' }, 'is needed where there is no preset'],
  [{ preset: 'ripling', password: 'env:P' }, 'rippling'],
  [{ preset: 'rippling' }, 'password'],
  [{ preset: 'rippling', password: 'env:P', path: '/workers?x={nothing}' }, 'may hold {today}'],
])('is refused by the check of the configuration: %j', async (options, words) => {
  const problems = await CONFIG_CHECKS.checkSource(sourceSchema.parse({ name: 'x', source: 'hris', ...options }))
  expect(problems.map(({ path, message }) => `${path.join('.')} ${message}`).join()).toContain(words)
})
