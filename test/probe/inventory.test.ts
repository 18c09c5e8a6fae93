import { describe, expect, it } from 'vitest'
import { inventoryOf } from '../../src/probe/inventory.ts'
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
by: [principal, email]
`
const LOOKUP = `
lookups:
  - id: account
    request: { path: "/users/{person.name}" }
    find: { id: /id }
    unknown: [{ status: 404, json: { /code: no_such_user } }]
`
const list = (paging = '{ kind: none }', more = '') => `
lists:
  - id: tokens
    kind: api_key
    label: token
    request: { path: "/users/{person.id}/tokens", query: { size: "2" } }
    paging: ${paging}
    items: /items
    key: /id
    fields: { title: /name, scopes: /scopes, createdAt: /created, lastUsedAt: /used }
    ${more}
`
const SECRET = { token: 'adm-PLANTED-0123456789-secret' }
const user: Given = { status: 200, body: { id: 7 } }
const entry = (text: string) => inventoryOf(HEAD + text, 'thing.yaml')
const drive = (text: string, answer: Parameters<typeof driveInventory>[3], options?: DriveOptions) =>
  driveInventory(entry(text), (baseUrl) => ({ baseUrl: `${baseUrl}/api` }), SECRET, answer, options)
const page = (ids: number[], more: object = {}, headers = {}): Given => {
  return { status: 200, headers, body: { items: ids.map((id) => ({ id, name: `t${id}` })), ...more } }
}

describe('a listing', () => {
  it('finds the person, then what it holds, as who we are, below the path of the base', async () => {
    const item = { id: 1, name: 'CI', scopes: 'read write', created: '2026-01-02T03:04:05Z', used: 1_767_000_000 }
    const { listed, asked } = await drive(LOOKUP + list(), ({ url }) =>
      url === '/api/users/anna' ? user : { status: 200, body: { items: [item] } },
    )
    expect(asked.map(({ method, url }) => `${method} ${url}`)).toEqual(['GET /api/users/anna', 'GET /api/users/7/tokens?size=2'])
    expect(asked[0]?.headers).toMatchObject({
      authorization: `Bearer ${SECRET.token}`,
      'user-agent': 'revenant/test (+loopback)',
    })
    expect(listed).toEqual({
      known: true,
      parts: { tokens: 'complete' },
      account: '7',
      bounds: { tokens: {} },
      fault: undefined,
      retryAfterMs: undefined,
      grants: [
        {
          ...{ list: 'tokens', kind: 'api_key', key: '1', title: 'CI' },
          facts: { scopes: ['read', 'write'], createdAt: '2026-01-02T03:04:05.000Z', lastUsedAt: '2025-12-29T09:20:00.000Z' },
        },
      ],
    })
  })

  it('is complete, and empty, of somebody whom the system says by a code that it does not know', async () => {
    const { listed, asked } = await drive(LOOKUP + list(), () => ({ status: 404, body: { code: 'no_such_user' } }))
    expect(listed).toMatchObject({ known: false, grants: [], parts: { tokens: 'complete' }, fault: undefined })
    expect(asked).toHaveLength(1)
  })

  const notKnown: [string, Given, string][] = [
    ['a 404 of something else', { status: 404, body: { code: 'no_such_route' } }, 'unexpected_answer'],
    ['a page that is no JSON', { status: 200, body: '<html>sign in</html>' }, 'unexpected_answer'],
    ['another document', { status: 200, body: { hello: 1 } }, 'unexpected_answer'],
    ['a 401', { status: 401, body: {} }, 'unauthenticated'],
    ['a 403', { status: 403, body: {} }, 'forbidden'],
    ['a 429', { status: 429, headers: { 'retry-after': '30' }, body: {} }, 'rate_limited'],
    ['a 503', { status: 503, body: {} }, 'server_error'],
    ['a redirect, which is not followed', { status: 302, headers: { location: '/elsewhere' } }, 'redirected'],
  ]
  it.each(notKnown)('tells nothing of the person by %s', async (_name, given, fault) => {
    const { listed, asked } = await drive(LOOKUP + list(), () => given)
    expect(listed).toMatchObject({ known: undefined, fault, parts: { tokens: fault } })
    expect(asked).toHaveLength(1)
    expect(listed.retryAfterMs).toBe(fault === 'rate_limited' ? 30_000 : undefined)
  })
  it.each(notKnown)('is not complete by %s in the middle of a list, and keeps what it has seen', async (_name, given, fault) => {
    const { listed } = await drive(LOOKUP + list('{ kind: cursor, next: /next, query: after }'), ({ url }) =>
      url.includes('after=') ? given : url.includes('tokens') ? page([1, 2], { next: 'c1' }) : user,
    )
    expect(listed.parts).toEqual({ tokens: fault })
    expect(listed.grants.map(({ key }) => key)).toEqual(['1', '2'])
  })

  it.each<[string, string, (url: URL, origin: string) => Given]>([
    [
      'links',
      '{ kind: link }',
      ({ searchParams, pathname }, origin) => {
        const at = Number(searchParams.get('p') ?? 0)
        return page([at], {}, at < 2 ? { link: `<${origin}${pathname}?p=${at + 1}>; rel="next", <${origin}/>; rel="first"` } : {})
      },
    ],
    [
      'addresses',
      '{ kind: url, next: /next }',
      ({ searchParams, pathname }, origin) => {
        const at = Number(searchParams.get('p') ?? 0)
        return page([at], at < 2 ? { next: `${origin}${pathname}?p=${at + 1}` } : {})
      },
    ],
    [
      'a cursor',
      '{ kind: cursor, next: /next, query: p }',
      ({ searchParams }) => {
        const at = Number(searchParams.get('p') ?? 0)
        return page([at], { next: at < 2 ? String(at + 1) : '' })
      },
    ],
    [
      'page numbers',
      '{ kind: page, query: p, from: 0 }',
      ({ searchParams }) => {
        const at = Number(searchParams.get('p') ?? 0)
        return page(at < 3 ? [at] : [])
      },
    ],
    [
      'an offset',
      '{ kind: offset, query: p }',
      ({ searchParams }) => {
        const at = Number(searchParams.get('p') ?? 0)
        return page(at < 3 ? [at] : [])
      },
    ],
  ])('goes through a list by %s to its end', async (_name, paging, answer) => {
    const { listed } = await drive(LOOKUP + list(paging), ({ url }, origin) =>
      url === '/api/users/anna' ? user : answer(new URL(url, origin), origin),
    )
    expect(listed.grants.map(({ key }) => key)).toEqual(['0', '1', '2'])
    expect(listed.parts).toEqual({ tokens: 'complete' })
  })

  it.each([
    ['another origin', 'https://evil.example/api/users/7/tokens', 'paging_origin'],
    ['another operation', '/api/users/7/delete', 'paging_origin'],
    ['itself', '/api/users/7/tokens?size=2', 'paging_loop'],
  ])('follows no list to %s', async (_name, next, fault) => {
    const { listed, asked } = await drive(LOOKUP + list('{ kind: url, next: /next }'), ({ url }) =>
      url === '/api/users/anna' ? user : page([1], { next }),
    )
    expect(listed).toMatchObject({ parts: { tokens: fault }, grants: [{ key: '1' }] })
    expect(asked).toHaveLength(2)
  })

  it('is cut where a list is longer than is read', async () => {
    let n = 0
    const { listed } = await drive(LOOKUP + list('{ kind: page, query: p }', 'pages: 3'), ({ url }) =>
      url === '/api/users/anna' ? user : page([++n]),
    )
    expect(listed).toMatchObject({ parts: { tokens: 'paging_cut' }, fault: 'paging_cut' })
    expect(listed.grants).toHaveLength(3)
  })

  it("takes an item that does not say whose it is for no answer, and one that is nobody's for another's", async () => {
    const mine = list('{ kind: none }', 'match: { /owner: "{person.id}" }')
    const of = (items: object[]) =>
      drive(LOOKUP + mine, ({ url }) => (url === '/api/users/anna' ? user : { status: 200, body: { items } }))
    const { listed } = await of([
      { id: 1, owner: 7 },
      { id: 2, owner: null },
      { id: 3, owner: 8 },
    ])
    expect(listed).toMatchObject({ fault: undefined, grants: [{ key: '1' }] })
    expect((await of([{ id: 1 }])).listed).toMatchObject({ parts: { tokens: 'unexpected_answer' }, grants: [] })
  })

  it('never takes an item without a key for nothing', async () => {
    const { listed } = await drive(LOOKUP + list(), ({ url }) =>
      url === '/api/users/anna' ? user : { status: 200, body: { items: [{ id: 1 }, { name: 'no id' }] } },
    )
    expect(listed).toMatchObject({ parts: { tokens: 'unexpected_answer' }, grants: [{ key: '1', title: 'token' }] })
  })

  it('keeps nothing of what quotes the credential, and no control characters', async () => {
    const { listed } = await drive(LOOKUP + list(), ({ url }) =>
      url === '/api/users/anna'
        ? user
        : {
            status: 200,
            body: {
              items: [
                { id: 1, name: `x ${SECRET.token}` },
                { id: 2, name: 'a\u0000\r\nb\u202E' },
              ],
            },
          },
    )
    expect(listed.grants.map(({ title }) => title)).toEqual(['token', 'a b'])
    expect(JSON.stringify(listed)).not.toContain('PLANTED')
  })

  it('asks the other lists when one is refused, and says of each how far it got', async () => {
    const two = `${list()}  - id: keys
    kind: ssh_key
    label: key
    request: { path: "/users/{person.id}/keys" }
    items: /items
    key: /id
    fields: {}
`
    const answer = ({ url }: { url: string }) =>
      url.endsWith('/anna') ? user : url.includes('tokens') ? { status: 403, body: {} } : page([5])
    const { listed } = await drive(LOOKUP + two, answer)
    expect(listed).toMatchObject({ parts: { tokens: 'forbidden', keys: 'complete' }, fault: 'forbidden', grants: [{ key: '5' }] })
    const left = await drive(LOOKUP + two, answer, { without: ['tokens'] })
    expect(left.listed).toMatchObject({ parts: { keys: 'complete' }, fault: undefined })
  })

  it('stops at a limit: no other list is asked', async () => {
    const { listed, asked } = await drive(
      LOOKUP + list() + list().replace('lists:', '').replace('id: tokens', 'id: more'),
      ({ url }) => (url.endsWith('/anna') ? user : { status: 429, body: {} }),
    )
    expect(listed.parts).toEqual({ tokens: 'rate_limited', more: 'rate_limited' })
    expect(asked).toHaveLength(2)
  })

  it.each([
    ['..', 'no_name'],
    ['.', 'no_name'],
  ])('does not climb by the name %s', async (name, fault) => {
    const { listed, asked } = await drive(LOOKUP + list(), () => user, { person: { by: 'principal', name } })
    expect(listed.fault).toBe(fault)
    expect(asked).toEqual([])
  })

  it('escapes a name for where it goes', async () => {
    const { asked } = await drive(LOOKUP + list(), () => user, { person: { by: 'email', name: 'a/b?c#d@x.example' } })
    expect(asked[0]?.url).toBe('/api/users/a%2Fb%3Fc%23d%40x.example')
  })

  it('says that it was stopped, and that nobody answers', async () => {
    const stopped = new AbortController()
    stopped.abort(new Error('stop'))
    const none = await drive(LOOKUP + list(), () => user, { signal: stopped.signal })
    expect([none.listed.fault, none.asked]).toEqual(['stopped', []])
    const down = await driveInventory(
      entry(LOOKUP + list()),
      () => ({ baseUrl: 'http://127.0.0.1:9' }),
      SECRET,
      () => user,
    )
    expect(down.listed.fault).toBe('unreachable')
  })
})

describe('a person that is looked for in a list', () => {
  const search = `
lookups:
  - id: account
    list: true
    request: { path: /users, query: { search: "{person.name}" } }
    match: { /mail: "{person.name}" }
    find: { id: /id }
${list()}`
  it.each([
    [
      'is the one that matches',
      [
        { id: 1, mail: 'other' },
        { id: 7, mail: 'Anna' },
      ],
      { known: true, fault: undefined },
    ],
    ['is unknown where none does', [{ id: 1, mail: 'annabel' }], { known: false, fault: undefined }],
    [
      'is nobody where two do',
      [
        { id: 1, mail: 'anna' },
        { id: 2, mail: 'anna' },
      ],
      { known: undefined, fault: 'several_accounts' },
    ],
  ])('%s', async (_name, users, expected) => {
    const { listed } = await drive(search, ({ url }) => (url.includes('search') ? { status: 200, body: users } : page([])))
    expect(listed).toMatchObject(expected)
  })
})

describe('a file of an inventory', () => {
  it.each([
    ['an unknown key', `${LOOKUP}${list()}\nextra: 1`, /extra/],
    ['a name that nothing finds', `${list()}`, /there is no person\.id/],
    ['a POST that may change something', LOOKUP + list().replace('request: {', 'request: { method: POST,'), /readOnly: true/],
    ['nobody by a refusal', LOOKUP.replace('status: 404', 'status: 403') + list(), /says nothing about the person/],
    ['nobody by a status alone', LOOKUP.replace(', json: { /code: no_such_user }', '') + list(), /a code that machines read/],
    ['a list by a failure', LOOKUP + list('{ kind: none }', 'when: { status: 404, json: { /x: y } }'), /2xx/],
    ['another file', `${LOOKUP}${list()}`.replace('', ''), undefined],
  ])('with %s', (_name, text, fault) => {
    if (fault === undefined) expect(() => inventoryOf(HEAD + text, 'other.yaml')).toThrow(/the file is called other\.yaml/)
    else expect(() => entry(text)).toThrow(fault)
  })
})
