import { describe, expect, it } from 'vitest'
import { inventoryOf } from '../../src/probe/inventory.ts'
import { compilePick } from '../../src/probe/inventory-pick.ts'
import type { Given } from '../servers/hostile-http.ts'
import { type DriveOptions, driveInventory } from './inventory-drive.ts'

const HEAD = `
system: thing
summary: A thing
documentation: [https://docs.example.com/api]
permissions: [read]
target:
  baseUrl: { type: url, describe: The API }
base: "{target.baseUrl}"
secret: { fields: { token: { describe: A token } } }
auth: { kind: header, name: authorization, value: "Bearer {secret.token}" }
by: [principal]
`
const drive = (text: string, answer: Parameters<typeof driveInventory>[3], options?: DriveOptions) =>
  driveInventory(inventoryOf(HEAD + text, 'thing.yaml'), (baseUrl) => ({ baseUrl }), { token: 'adm-PLANTED' }, answer, options)
const ok = (items: unknown, more: object = {}): Given => ({ status: 200, body: { items, ...more } })
const list = (more: string, path = '/tokens') => `
lists:
  - id: tokens
    kind: api_key
    label: token
    request: { path: "${path}" }
    items: /items
    fields: { title: /name }
    ${more}
`
const people = ['bob', 'carol'].map((name) => ({ by: 'principal' as const, name }))
const MINE = list('match: { /owner/login: "{person.name}" }\n    key: /id')

describe('a list that is the same for everybody', () => {
  const items = [
    { id: 1, name: 'a', owner: { login: 'anna', id: 9 } },
    { id: 2, name: 'b', owner: { login: 'bob' } },
  ]

  it('is read once a turn, and told apart for each', async () => {
    const { listed, others, asked } = await drive(MINE, () => ok(items), { others: people })
    expect([listed, ...others].map(({ grants }) => grants.map(({ key, title }) => [key, title]))).toEqual([
      [['1', 'a']],
      [['2', 'b']],
      [],
    ])
    expect(asked).toHaveLength(1)
  })

  it('is read again for the next where it failed, and counts for nobody meanwhile', async () => {
    let n = 0
    const answer = () => (++n === 1 ? { status: 503, headers: { 'retry-after': '5' }, body: {} } : ok(items))
    const { listed, others, asked } = await drive(MINE, answer, { others: people })
    expect(listed).toMatchObject({ parts: { tokens: 'server_error' }, grants: [], retryAfterMs: 5_000 })
    expect(others.map(({ parts, grants }) => [parts.tokens, grants.length])).toEqual([
      ['complete', 1],
      ['complete', 0],
    ])
    expect(asked).toHaveLength(2)
  })

  it('is complete for nobody where an item does not say whose it is', async () => {
    const { listed, others } = await drive(MINE, () => ok([...items, { id: 3 }]), { others: people })
    expect([listed, ...others].map(({ parts }) => parts.tokens)).toEqual(Array.from({ length: 3 }, () => 'unexpected_answer'))
    expect(listed.grants.map(({ key }) => key)).toEqual(['1'])
  })

  it('is read for each whose name is in the request, wherever', async () => {
    const paths = [
      list('key: /id', '/of/{person.name}'),
      list('key: /id').replace('path:', 'query: { who: "{person.name}" }, path:'),
    ]
    for (const text of paths) {
      const { asked } = await drive(text, () => ok([]), { others: people })
      expect(asked).toHaveLength(3)
    }
  })

  it('has what it hangs on between', async () => {
    const over = `over: { request: { path: /projects }, items: /items, find: { project: /id } }
    match: { /owner/login: "{person.name}" }
    key: /id`
    const { listed, others, asked } = await drive(
      list(over, '/projects/{item.project}/hooks'),
      ({ url }) => (url === '/projects' ? ok([{ id: 5 }, { id: 6 }]) : url.includes('/5/') ? ok(items) : ok([])),
      { others: people },
    )
    expect([listed, ...others].map(({ grants }) => grants.map(({ key }) => key))).toEqual([['5 1'], ['5 2'], []])
    expect(listed.bounds).toEqual({ tokens: { under: ['5', '6'] } })
    expect(asked).toHaveLength(3)
  })
})

it.each<[string, string[], unknown, unknown]>([
  ['members alone', ['/a/b', '/c~1d'], { a: { b: 1, x: 2 }, 'c/d': 3, e: 4 }, { a: { b: 1 }, 'c/d': 3 }],
  ['what lies below another one once', ['/a', '/a/b'], { a: { b: 1, x: 2 }, e: 4 }, { a: { b: 1, x: 2 } }],
  ['nothing of what is not there', ['/a/b', '/c'], { a: 7, c: null }, { c: null }],
  ['an item of an array', ['/a/1/b'], { a: [{ b: 1 }, { b: 2 }] }, { a: { 1: { b: 2 } } }],
  ['no prototype', ['/__proto__/x', '/y'], JSON.parse('{"__proto__":{"x":1},"y":2}'), JSON.parse('{"__proto__":{"x":1},"y":2}')],
  ['a null that stands above', ['/a/b', '/c/d/e'], { a: null, c: { d: null, x: 1 } }, { a: null, c: { d: null } }],
  ['the whole where it is wanted', ['', '/a'], { a: 1, b: 2 }, { a: 1, b: 2 }],
])('picks %s', (_name, pointers, item, expected) => {
  const picked = compilePick(pointers)(item)
  expect(JSON.parse(JSON.stringify(picked))).toEqual(expected)
  expect(Object.hasOwn(Object.prototype, 'x')).toBe(false)
})

describe('a member that at least one item must have', () => {
  const text = `${MINE.trimEnd()}\n    sees: /owner\n`
  it.each([
    ['is there', [{ id: 1, owner: { login: 'anna' } }, { id: 2 }], 'complete', 1],
    ['is there, and has nothing in it', [{ id: 1, owner: null }], 'forbidden', 0],
    [
      'is there once, and has nothing in it otherwise',
      [
        { id: 1, owner: null },
        { id: 2, owner: { login: 'bob' } },
      ],
      'complete',
      0,
    ],
    ['need not be where there is nothing', [], 'complete', 0],
    ['is not shown', [{ id: 1 }, { id: 2 }], 'forbidden', 0],
  ])('%s', async (_name, items, part, grants) => {
    const { listed } = await drive(text, () => ok(items))
    expect([listed.parts.tokens, listed.grants.length]).toEqual([part, grants])
  })

  it.each([
    ['the same for everybody', text],
    ['of one person', text.replace('path: "/tokens"', 'path: "/of/{person.name}"')],
  ])("leaves what is nobody's in a list %s, told by its key", async (_name, given) => {
    const items = [{ id: 1 }, { id: 2, owner: null }, { id: 3, owner: { login: 'bob' } }, { id: 4, owner: { login: 'anna' } }]
    const { listed } = await drive(given, () => ok(items))
    expect(listed).toMatchObject({ fault: undefined, grants: [{ key: '4' }], bounds: { tokens: { unowned: ['1', '2'] } } })
    expect((await drive(given, () => ok([...items, { owner: null }]))).listed.parts.tokens).toBe('unexpected_answer')
  })
})

it('is not read again in a turn where it would come to the same', async () => {
  const cut = MINE.replace('items: /items', 'items: /items\n    pages: 2\n    paging: { kind: page, query: p }')
  const { listed, others, asked } = await drive(cut, () => ok([{ id: 1, owner: { login: 'anna' } }]), { others: people })
  expect([listed, ...others].map(({ parts }) => parts.tokens)).toEqual(['paging_cut', 'paging_cut', 'paging_cut'])
  expect(asked).toHaveLength(2)
})

it('is no list without its items, unless the vendor leaves them out and says so otherwise', async () => {
  const when = 'when: { status: 200, json: { /kind: tokens } }\n    key: /id'
  const part = async (text: string, body: object) => (await drive(list(text), () => ({ status: 200, body }))).listed.parts.tokens
  expect(await part(when, { kind: 'tokens' })).toBe('unexpected_answer')
  expect(await part(`omitsEmpty: true\n    ${when}`, { kind: 'tokens' })).toBe('complete')
  expect(await part(`omitsEmpty: true\n    ${when}`, { kind: 'tokens', items: null })).toBe('unexpected_answer')
  expect(() => inventoryOf(HEAD + list('omitsEmpty: true\n    key: /id'), 'thing.yaml')).toThrow(/omitsEmpty/)
})

it('leaves out what is over, the day of its end not yet', async () => {
  const today = new Date().toISOString().slice(0, 10)
  const { listed } = await drive(list('until: /until\n    key: /id'), () =>
    ok([
      { id: 'past', until: '2025-01-01T00:00:00Z' },
      { id: 'past day', until: '2025-01-01' },
      { id: 'past seconds', until: 1_700_000_000 },
      { id: 'today', until: today },
      { id: 'ahead', until: '2099-01-01T00:00:00Z' },
      { id: 'never', until: null },
      { id: 'unsaid' },
    ]),
  )
  expect(listed.grants.map(({ key }) => key)).toEqual(['today', 'ahead', 'never', 'unsaid'])
})

it('takes an item whose list of people has this one', async () => {
  const { listed } = await drive(list('match: { /who: "{person.name}" }\n    key: /id'), () =>
    ok([
      { id: 1, who: ['bob', 'ANNA'] },
      { id: 2, who: ['bob'] },
      { id: 3, who: [] },
    ]),
  )
  expect(listed).toMatchObject({ fault: undefined, grants: [{ key: '1' }] })
})

describe('pages', () => {
  const answers = (last: unknown) => (asked: { url: string }) => {
    const at = Number(new URL(asked.url, 'http://x').searchParams.get('p') ?? 1)
    // As some do, what lies after the last page is the last page again.
    return ok([{ id: Math.min(at, 2) }], { last })
  }
  it.each([
    ['to the last', 2, 'complete', 2],
    ['of which there is one', 1, 'complete', 1],
    ['of which there are none', 0, 'complete', 1],
    ['without the number of the last', undefined, 'unexpected_answer', 1],
  ])('go %s', async (_name, last, part, grants) => {
    const { listed } = await drive(list('paging: { kind: page, query: p, last: /last }\n    key: /id'), answers(last))
    expect([listed.parts.tokens, listed.grants.length]).toEqual([part, grants])
  })

  it.each([
    ['a cursor', 'bmV4dA==', 'complete', '/tokens?after=bmV4dA%3D%3D'],
    ['an address', '/tokens?after=x', 'complete', '/tokens?after=x'],
    ['an address elsewhere', 'https://evil.example/tokens', 'paging_origin', undefined],
    ['an address of another scheme', 'ftp://evil.example/tokens', 'complete', '/tokens?after=ftp%3A%2F%2Fevil.example%2Ftokens'],
    ['an address without a scheme', '//evil.example/tokens', 'paging_origin', undefined],
  ])('go on by %s', async (_name, next, part, second) => {
    const { listed, asked } = await drive(list('paging: { kind: url, next: /next, query: after }\n    key: /id'), ({ url }) =>
      ok([{ id: url }], url === '/tokens' ? { next } : {}),
    )
    expect(listed.parts.tokens).toBe(part)
    expect(asked[1]?.url).toBe(second)
  })
})

it.each([
  ['unauthenticated', { error: 'invalid_auth' }],
  ['forbidden', { error: 'missing_scope' }],
  ['rate_limited', { error: 'slow_down' }],
])('knows a success that is %s by its code', async (fault, body) => {
  const words = `
limited: [{ status: 200, json: { /error: slow_down } }]
unauthenticated: [{ status: 200, json: { /error: invalid_auth } }]
forbidden: [{ status: 200, json: { /error: missing_scope } }]`
  const { listed } = await drive(words + list('key: /id'), () => ({ status: 200, body }))
  expect(listed).toMatchObject({ fault, grants: [] })
})

describe('a log', () => {
  const text = list(`log:
      of: [/service, /app]
      at: /at
      match: { /who: "{person.name}" }
      begins: { /does: { in: [added, enabled] } }
      suspends: { /does: disabled }
      ends: { /does: removed }`)
  const event = (does: string, at: number, who = 'anna', more: object = { app: 'A' }) => ({
    ...{ does, who },
    at: 1_700_000_000 + at,
    ...more,
  })
  it.each<[string, object[], string[]]>([
    ['what was added', [event('added', 1)], ['app A']],
    ['nothing that somebody else added', [event('added', 1, 'bob')], []],
    ['nothing that was removed after, by anybody', [event('added', 1), event('removed', 2, 'bob')], []],
    ['nothing that was disabled after', [event('disabled', 2, 'bob'), event('added', 1)], []],
    [
      'what somebody else has enabled again',
      [event('added', 1), event('disabled', 2, 'bob'), event('enabled', 3, 'bob')],
      ['app A'],
    ],
    ['nothing that somebody else added again', [event('added', 1), event('removed', 2, 'bob'), event('added', 3, 'bob')], []],
    ['what was added again', [event('added', 1), event('removed', 2), event('added', 3)], ['app A']],
    ['what began when it ended', [event('removed', 1), event('added', 1)], ['app A']],
    [
      'nothing that the system disabled, of whom it says nothing',
      [event('added', 1), { does: 'disabled', at: 1_700_000_002, app: 'A' }],
      [],
    ],
    ['things by themselves', [event('added', 1), event('removed', 2, 'anna', { service: 'A' })], ['app A']],
    ['the first name of a thing', [event('added', 1, 'anna', { service: 7, app: 'A' })], ['service 7']],
    ['nothing of other events', [event('updated', 1), { does: 'viewed' }], []],
  ])('leaves %s', async (_name, items, keys) => {
    const { listed } = await drive(text, () => ok(items))
    expect(listed).toMatchObject({ parts: { tokens: 'complete' } })
    expect(listed.grants.map(({ key }) => key)).toEqual(keys)
  })

  it.each<[string, object[], string[]]>([
    ['what was removed', [event('added', 1), event('removed', 2, 'bob')], ['app A']],
    ['what was removed, and began before the log does', [event('removed', 2, 'bob')], ['app A']],
    ['what was disabled last', [event('disabled', 2, 'bob')], ['app A']],
    ['what somebody else added again', [event('added', 1), event('removed', 2, 'bob'), event('added', 3, 'bob')], ['app A']],
    ['nothing that was enabled again', [event('disabled', 2, 'bob'), event('enabled', 3, 'bob')], []],
    ['nothing that somebody else began, without an end', [event('added', 1, 'bob')], []],
    ['nothing that it does not reach back to', [], []],
    ['nothing that stands', [event('removed', 1), event('added', 2)], []],
  ])('says that it is over of %s', async (_name, items, ended) => {
    const { listed } = await drive(text, () => ok(items))
    expect(listed.bounds).toEqual({ tokens: { ended } })
  })

  it.each<[string, object]>([
    ['what it is about', event('added', 2, 'anna', {})],
    ['when it was', { does: 'added', who: 'anna', app: 'B' }],
    ['whose it is', { does: 'added', at: 1_700_000_002, app: 'B' }],
  ])('is not complete where an event does not say %s', async (_name, item) => {
    const { listed } = await drive(text, () => ok([event('added', 1), item]))
    expect(listed).toMatchObject({ parts: { tokens: 'unexpected_answer' }, grants: [{ key: 'app A' }] })
  })

  it('may be longer than what one person may hold', async () => {
    const others = Array.from({ length: 6_000 }, (_, at) => event('added', at, 'bob', { app: `b${at}` }))
    const { listed } = await drive(text, () => ok([...others, event('added', 1)]))
    expect(listed).toMatchObject({ parts: { tokens: 'complete' }, grants: [{ key: 'app A' }] })
    const mine = await drive(text, () => ok(others.map((each) => ({ ...each, who: 'anna' }))))
    expect([mine.listed.parts.tokens, mine.listed.grants.length]).toEqual(['paging_cut', 5_000])
  })

  it('tells nothing where it was read in part', async () => {
    const paged = text.replace('items: /items', 'items: /items\n    paging: { kind: cursor, next: /next, query: after }')
    const { listed } = await drive(paged, ({ url }) =>
      url.includes('after') ? { status: 500, body: {} } : ok([event('added', 1)], { next: 'x' }),
    )
    expect(listed).toMatchObject({ parts: { tokens: 'server_error' }, grants: [] })
  })

  it.each([
    ['a key', text.replace('log:', 'key: /id\n    log:'), /a log has no key/],
    ['a match of its own', text.replace('log:', 'match: { /who: "{person.name}" }\n    log:'), /a log has no match/],
    ['neither a key nor a log', list(''), /say what tells two of them apart/],
    ['a name that nothing finds', text.replace('{person.name}', '{person.id}'), /there is no person\.id/],
  ])('is refused with %s', (_name, given, fault) => {
    expect(() => inventoryOf(HEAD + given, 'thing.yaml')).toThrow(fault)
  })
})
