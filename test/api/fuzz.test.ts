import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { openApi } from '../../src/api/openapi.ts'
import { ROUTES } from '../../src/api/routes.ts'
import { may, ROLES, type Role } from '../../src/domain/access.ts'
import { type AccessHouse, bearer, json, NO_RATE, openAccessHouse } from './access-house.ts'

/** How long the fuzz may take, however many requests it gets to. */
const TIME_MS = 12_000
const MARK = 'Zq7mark3dSecretZq7'

const operation = z.looseObject({
  operationId: z.string(),
  parameters: z.array(z.looseObject({ name: z.string(), in: z.string(), schema: z.json().optional() })),
  requestBody: z.looseObject({ content: z.record(z.string(), z.looseObject({ schema: z.json().optional() })) }).optional(),
})
type Operation = z.infer<typeof operation>
const paths = z.record(z.string(), z.record(z.string(), operation))
const listed = z.looseObject({ items: z.array(z.looseObject({ id: z.string().optional(), name: z.string().optional() })) })

describe('whatever is sent to whatever address', () => {
  let house: AccessHouse
  const tokens = new Map<Role, string>()
  const known: string[] = []

  beforeAll(async () => {
    house = await openAccessHouse({
      rate: NO_RATE,
      config: {
        systems: [
          {
            name: 'api',
            probe: 'http',
            target: {
              url: 'http://127.0.0.1:9/me',
              credential: 'bearer',
              accept: [{ when: { status: 200, json: { '/login': { type: 'string' } } } }],
            },
          },
        ],
      },
    })
    house.deps.access.throttle.failed = () => {}
    for (const role of ROLES) tokens.set(role, await house.token(role))
    const admin = tokens.get('admin') ?? ''
    const upload = async (what: string, rows: readonly object[]) => {
      const body = rows.map((row) => `${JSON.stringify(row)}\n`).join('')
      const headers = { 'content-type': 'application/x-ndjson' }
      const answer = await house.ask(`/v1/import/${what}`, bearer(admin, { method: 'POST', body, headers }))
      expect([what, answer.status]).toEqual([what, 200])
    }
    const people = ['anna', 'bo', 'cleo'].map((external_id) => ({ external_id, terminated_at: '2026-01-01T00:00:00Z' }))
    await upload('identities', people)
    await upload(
      'credentials',
      people.map(({ external_id }) => ({ identity: external_id, system: 'api', secret: { token: `${MARK}-${external_id}` } })),
    )
    for (const path of ['identities', 'credentials', 'systems']) {
      const { items } = listed.parse(await (await house.ask(`/v1/${path}`, bearer(admin))).json())
      known.push(...items.flatMap(({ id }) => id ?? []))
    }
    expect(known).toHaveLength(7)
  }, 60_000)
  afterAll(() => house.stop())

  const junk = () =>
    fc.oneof(
      fc.constantFrom(
        '',
        '0',
        '-1',
        '1e9',
        'null',
        '[]',
        '%',
        '%00',
        "' or 1=1 --",
        '../..',
        '\ud800',
        '９',
        'true',
        '*',
        '__proto__',
        'admin',
      ),
      fc.constantFrom(
        '2026-01-01T00:00:00Z',
        '9999-12-31T23:59:59Z',
        '-271821-04-20T00:00:00Z',
        '00000000-0000-7000-8000-000000000000',
      ),
      fc.constantFrom('eyJ9', Buffer.from('{"sort":"x","keys":[null]}').toString('base64url'), 'x'.repeat(300)),
      fc.string({ unit: 'grapheme', maxLength: 20 }),
    )
  const id = () => fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...known) }, junk())
  /** A value that this schema may take, or nearly. */
  const fitting = (schema: unknown): fc.Arbitrary<unknown> => {
    const {
      type,
      properties,
      items,
      enum: values,
    } = z
      .looseObject({
        type: z.unknown(),
        properties: z.record(z.string(), z.unknown()).optional(),
        items: z.unknown(),
        enum: z.array(z.unknown()).optional(),
      })
      .catch({ type: undefined, items: undefined })
      .parse(schema)
    const wild = fc.oneof(fc.jsonValue({ maxDepth: 2 }), junk(), id(), fc.constant('x'.repeat(70_000)))
    const tame =
      values !== undefined
        ? fc.constantFrom(...values)
        : properties !== undefined
          ? fc.record(Object.fromEntries(Object.entries(properties).map(([name, of]) => [name, fitting(of)])), {
              requiredKeys: [],
            })
          : type === 'array'
            ? fc.array(fitting(items), { maxLength: 3 })
            : type === 'integer' || type === 'number'
              ? fc.oneof(fc.integer({ min: -1, max: 600 }), fc.double())
              : type === 'boolean'
                ? fc.boolean()
                : fc.oneof(id(), fc.constantFrom('2026-06-01T00:00:00Z', '2027-06-01T00:00:00Z', 'why', 'api'))
    return fc.oneof({ weight: 5, arbitrary: tame }, { weight: 1, arbitrary: wild })
  }
  const query = ({ parameters }: Operation) => {
    const own = parameters.filter((each) => each.in === 'query')
    const pairs = own.map((each) =>
      fc.tuple(
        fc.constant(each.name),
        fitting(each.schema).map((value) => String(value).slice(0, 2_000)),
      ),
    )
    return fc.array(fc.oneof(...pairs, fc.tuple(junk(), junk())), { maxLength: 3 })
  }
  const bodyOf = ({ requestBody }: Operation) => {
    const content = Object.entries(requestBody?.content ?? {})
    const bodies = content.map(([type, { schema }]) =>
      fc.tuple(fc.constant(type), type === 'application/json' ? fitting(schema).map((value) => JSON.stringify(value)) : text()),
    )
    const other = fc.tuple(
      fc.constantFrom('application/json', 'text/plain', 'text/csv', 'application/x-ndjson', 'application/zip', ''),
      text(),
    )
    return fc.oneof(...bodies.map((arbitrary) => ({ weight: 4, arbitrary })), { weight: 1, arbitrary: other })
  }
  const text = () =>
    fc.oneof(
      fc.constantFrom(
        '',
        '{',
        '[]',
        'null',
        '{}',
        '"',
        '\0',
        'external_id,terminated_at\na,2026-01-01\n',
        '{"external_id":"a"}\n{"x":1}\n',
      ),
      fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.stringify(value)),
      fc.string({ unit: 'binary', maxLength: 200 }),
    )

  it('nothing fails, nothing leaks, nobody does what he may not', { timeout: 120_000 }, async () => {
    const document = paths.parse(JSON.parse(JSON.stringify(openApi(ROUTES, '0').paths)))
    const operations = Object.entries(document).flatMap(([path, of]) =>
      Object.entries(of).map(([method, each]) => ({ path, method, each })),
    )
    const asked = new Map<string, Set<number>>()
    const request = fc.constantFrom(...operations).chain(({ path, method, each }) =>
      fc.record({
        path: fc.constant(path),
        ids: fc.array(id(), { minLength: 2, maxLength: 2 }),
        query: query(each),
        method: fc.oneof(
          { weight: 9, arbitrary: fc.constant(method.toUpperCase()) },
          { weight: 1, arbitrary: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS') },
        ),
        body: bodyOf(each),
        role: fc.oneof(
          { weight: 4, arbitrary: fc.constantFrom(...ROLES) },
          { weight: 1, arbitrary: fc.constantFrom(undefined, 'wrong' as const) },
        ),
        headers: fc.dictionary(
          fc.constantFrom(
            'idempotency-key',
            'if-match',
            'if-none-match',
            'last-event-id',
            'x-csrf-token',
            'cookie',
            'origin',
            'accept',
          ),
          fc.string({ maxLength: 30 }).map((value) => value.replace(/[^\x20-\x7e]/g, '')),
          { maxKeys: 2 },
        ),
      }),
    )
    await fc.assert(
      fc.asyncProperty(request, async (given) => {
        let used = 0
        const path = given.path.replaceAll(/\{\w+\}/g, () => encode(given.ids[used++] ?? ''))
        const search = given.query.map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&')
        const { role, method } = given
        const [type, body] = given.body
        const bare = method === 'GET' || method === 'HEAD'
        const headers = {
          ...given.headers,
          ...(type === '' || bare ? {} : { 'content-type': type }),
          ...(role === undefined
            ? {}
            : { authorization: `Bearer ${role === 'wrong' ? `rvt_${'x'.repeat(43)}` : tokens.get(role)}` }),
        }
        const answer = await house.ask(`${path}${search === '' ? '' : `?${search}`}`, {
          method,
          headers,
          ...(bare ? {} : { body }),
        })
        const told = answer.headers.get('content-type')?.startsWith('text/event-stream')
          ? await firstOf(answer)
          : await answer.text()
        const name = `${method} ${given.path}`
        asked.set(name, (asked.get(name) ?? new Set()).add(answer.status))
        expect(answer.status, `${name} ${told}`).toBeLessThan(500)
        expect(told, name).not.toContain(MARK)
        for (const token of tokens.values()) expect(told, name).not.toContain(token)
        if (answer.status >= 400 && method !== 'HEAD')
          expect([name, answer.headers.get('content-type')]).toEqual([name, 'application/problem+json; charset=utf-8'])
        const route = ROUTES.find((each) => each.path === given.path && each.method === (method === 'HEAD' ? 'GET' : method))
        // An id can be another address: `/v1/findings/acknowledge`.
        if (answer.status >= 400 || route === undefined || route.permission === 'anybody' || path.includes('..')) return
        expect([name, role, role !== undefined && role !== 'wrong' && may(role, route.permission)]).toEqual([name, role, true])
      }),
      { numRuns: 5_000, interruptAfterTimeLimit: TIME_MS, markInterruptAsFailure: false },
    )
    expect(house.logged()).not.toContain(MARK)
    const succeeded = [...asked.values()].filter((statuses) => [...statuses].some((status) => status < 300)).length
    // It gets past the first check often enough to mean something.
    expect(succeeded).toBeGreaterThan(10)
  })

  it('is found out where it would leak or fail', async () => {
    // The measure itself: what is planted is there to be leaked.
    const rows = await house.deps.db.selectFrom('secret').selectAll().execute()
    expect(rows).toHaveLength(3)
    expect((await house.ask('/v1/tokens', bearer(tokens.get('viewer') ?? '', json({ name: 'x', role: 'admin' })))).status).toBe(
      403,
    )
  })
})

function encode(value: string): string {
  return encodeURIComponent(value.toWellFormed())
}

async function firstOf(answer: Response): Promise<string> {
  const reader = answer.body?.getReader()
  const first = await reader?.read()
  await reader?.cancel()
  return new TextDecoder().decode(first?.value)
}
