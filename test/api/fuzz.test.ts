import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { EVIDENCE_ROUTES } from '../../src/api/evidence-routes.ts'
import { readAuditorTokens } from '../../src/api/evidence-tokens.ts'
import { openApi } from '../../src/api/openapi.ts'
import { ROUTES } from '../../src/api/routes.ts'
import { may, ROLES, type Role } from '../../src/domain/access.ts'
import { type AccessHouse, bearer, json, NO_RATE, openAccessHouse } from './access-house.ts'
import { openWorld, type World } from './routes/world.ts'

/** How long the fuzz may take, however many requests it gets to. */
const TIME_MS = 10_000
const MARK = 'Zq7mark3dSecretZq7'
/** The token of an auditor, as the configuration names it. */
const GRC = `grc-${'Zq8'.repeat(12)}`

const operation = z.looseObject({
  operationId: z.string(),
  parameters: z.array(
    z.looseObject({ name: z.string(), in: z.string(), required: z.boolean().optional(), schema: z.json().optional() }),
  ),
  requestBody: z.looseObject({ content: z.record(z.string(), z.looseObject({ schema: z.json().optional() })) }).optional(),
})
type Operation = z.infer<typeof operation>
const paths = z.record(z.string(), z.record(z.string(), operation))
const listed = z.looseObject({ items: z.array(z.looseObject({ id: z.string().optional(), name: z.string().optional() })) })

describe('whatever is sent to whatever address', () => {
  let house: AccessHouse
  let world: World
  const tokens = new Map<Role | 'grc', string>([['grc', GRC]])
  /** What may stand for the parameters of a path. */
  const idsOf = new Map<string, string[]>()

  beforeAll(async () => {
    vi.stubEnv('GRC_TOKEN', GRC)
    house = await openAccessHouse({
      rate: NO_RATE,
      auditors: await readAuditorTokens([{ name: 'grc', token: 'env:GRC_TOKEN' }]),
      config: {
        sources: [{ name: 'idp', source: 'scim', tokens: ['env:IDP_TOKEN'] }],
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
    house.deps.access.tokens.failed = () => {}
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
    // Findings, alerts, trials and what else the API has to tell of, beside it.
    world = await openWorld(house.deps.db, house.deps.custody)
    for (const path of LISTS) {
      const { items } = listed.parse(await (await house.ask(`/v1/${path}?limit=500`, bearer(admin))).json())
      idsOf.set(
        path,
        items.flatMap(({ id }) => id ?? []),
      )
      expect([path, items.length > 0]).toEqual([path, true])
    }
    // To be ended, unlike those that ask.
    await house.browser('viewer')
    await house.token('viewer', { name: 'victim' })
    const victims = [
      ['sessions', house.deps.db.selectFrom('session').select('id')],
      ['tokens', house.deps.db.selectFrom('api_token').select('id').where('name', '=', 'victim')],
    ] as const
    for (const [path, query] of victims)
      idsOf.set(
        path,
        (await query.execute()).map(({ id }) => id),
      )
    const judged = `/v1/credentials/${world.house.ids.credentials['anna@payroll']}/observations`
    const { items } = listed.parse(await (await house.ask(judged, bearer(admin))).json())
    idsOf.set(
      'observations',
      items.flatMap(({ id }) => id ?? []),
    )
  }, 60_000)
  afterAll(async () => {
    vi.unstubAllEnvs()
    await world.close()
    await house.stop()
  })

  const known = () => [...idsOf.values()].flat()
  /** What may stand for the parameters of this path. */
  const fillings = (path: string): string[] => {
    if (path.startsWith('/v1/sources/{name}')) return ['idp']
    if (path.endsWith('/{name}')) return ['leavers', 'coverage', 'findings']
    if (path.includes('{index}')) return ['0', '1']
    return idsOf.get(/^\/v1\/(\w+)\/\{id\}/.exec(path)?.[1] ?? '') ?? []
  }

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
  const id = () => fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...known()) }, junk())
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
    const document = paths.parse(JSON.parse(JSON.stringify(openApi(ROUTES, '0', EVIDENCE_ROUTES).paths)))
    const operations = Object.entries(document).flatMap(([path, of]) =>
      Object.entries(of).map(([method, each]) => ({ path, method, each })),
    )
    const asked = new Map<string, Set<number>>()
    const request = fc.constantFrom(...operations).chain(({ path, method, each }) =>
      fc.record({
        path: fc.constant(path),
        ids: fc.array(fc.oneof({ weight: 2, arbitrary: fc.constantFrom(...fillings(path), '0') }, id()), {
          ...{ minLength: 2, maxLength: 2 },
        }),
        query: query(each),
        method: fc.oneof(
          { weight: 9, arbitrary: fc.constant(method.toUpperCase()) },
          { weight: 1, arbitrary: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS') },
        ),
        body: bodyOf(each),
        role: fc.oneof(
          { weight: 4, arbitrary: fc.constantFrom(...ROLES, 'grc' as const) },
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
    type Given = typeof request extends fc.Arbitrary<infer Of> ? Of : never
    const check = async (given: Given) => {
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
      if (answer.status < 400 && isPull(given.path)) expect([name, role]).toEqual([name, 'grc'])
      const route = ROUTES.find((each) => each.path === given.path && each.method === (method === 'HEAD' ? 'GET' : method))
      // An id can be another address: `/v1/findings/acknowledge`.
      if (answer.status >= 400 || route === undefined || route.permission === 'anybody' || path.includes('..')) return
      expect([name, role, role !== undefined && role !== 'wrong' && role !== 'grc' && may(role, route.permission)]).toEqual([
        name,
        role,
        true,
      ])
    }
    // First what is right, of each address that can be read: whatever is sent then begins from there.
    const period = [
      ['from', world.house.scope.from.toString()],
      ['to', world.house.scope.to.toString()],
    ] as const
    for (const { path, each } of operations.filter(({ method }) => method === 'get')) {
      const needed = each.parameters.filter((of) => of.in === 'query' && of.required === true).map(({ name }) => name)
      const role = isPull(path) ? ('grc' as const) : ('admin' as const)
      const query = period.filter(([name]) => needed.includes(name)).map(([name, value]): [string, string] => [name, value])
      await check({ ...{ path, query, role, method: 'GET', headers: {} }, ids: fillings(path).slice(0, 1), body: ['', ''] })
    }
    const answered = [...asked].filter(([, statuses]) => [...statuses].some((status) => status < 300)).map(([name]) => name)
    const readable = operations
      .filter(({ path, method }) => method === 'get' && !isElsewhere(path))
      .map(({ path }) => `GET ${path}`)
    expect(answered.toSorted()).toEqual(readable.toSorted())
    asked.clear()
    await fc.assert(fc.asyncProperty(request, check), {
      numRuns: 5_000,
      interruptAfterTimeLimit: TIME_MS,
      markInterruptAsFailure: false,
    })
    expect(house.logged()).not.toContain(MARK)
    const succeeded = [...asked.values()].filter((statuses) => [...statuses].some((status) => status < 300)).length
    // It gets past the first check often enough to mean something.
    expect(succeeded).toBeGreaterThan(20)
  })

  it('is found out where it would leak or fail', async () => {
    // The measure itself: what is planted is there to be leaked.
    const rows = await house.deps.db.selectFrom('secret').selectAll().execute()
    expect(rows.length).toBeGreaterThan(3)
    expect((await house.ask('/v1/tokens', bearer(tokens.get('viewer') ?? '', json({ name: 'x', role: 'admin' })))).status).toBe(
      403,
    )
  })
})

/** Lists that hold what has an address of its own. */
const LISTS = ['identities', 'credentials', 'systems', 'trials', 'findings', 'exemptions', 'alerts', 'deliveries'] as const

function isPull(path: string): boolean {
  return EVIDENCE_ROUTES.some((each) => each.path === path)
}

/** Ways to a provider, of which this house has none: they answer with 303, or not at all. */
function isElsewhere(path: string): boolean {
  return ROUTES.some((each) => each.path === path && each.method === 'GET' && each.status === 303)
}

function encode(value: string): string {
  return encodeURIComponent(value.toWellFormed())
}

async function firstOf(answer: Response): Promise<string> {
  const reader = answer.body?.getReader()
  const first = await reader?.read()
  await reader?.cancel()
  return new TextDecoder().decode(first?.value)
}
