import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { STORES, type TestStore } from '../../servers/stores.ts'
import { openWorld, READ_ROUTES, type World } from './world.ts'

const NOBODY = '00000000-0000-7000-8000-000000000000'
const list = z.object({ items: z.array(z.record(z.string(), z.unknown())), next: z.string().nullable() })
type Item = z.infer<typeof list>['items'][number]

/** Addresses with what stands for their parameters, by the path of their route. */
const ADDRESSES: Record<string, (world: World) => string> = {
  '/v1/overview': () => '/v1/overview?days=30',
  '/v1/identities/{id}': ({ house }) => `/v1/identities/${house.ids.anna}`,
  '/v1/identities/{id}/matrix': ({ house }) => `/v1/identities/${house.ids.anna}/matrix`,
  '/v1/identities/{id}/owned': ({ house }) => `/v1/identities/${house.ids.anna}/owned`,
  '/v1/identities/{id}/history': ({ house }) => `/v1/identities/${house.ids.anna}/history`,
  '/v1/credentials/{id}': ({ house }) => `/v1/credentials/${house.ids.credentials['anna@wiki']}`,
  '/v1/credentials/{id}/observations': ({ house }) => `/v1/credentials/${house.ids.credentials['anna@payroll']}/observations`,
  '/v1/systems/{id}': ({ house }) => `/v1/systems/${house.ids.systems.payroll}`,
  '/v1/trials/{id}': ({ ids }) => `/v1/trials/${ids.trial}`,
  '/v1/findings/{id}': ({ ids }) => `/v1/findings/${ids.anySecret}`,
  '/v1/findings/{id}/timeline': ({ ids }) => `/v1/findings/${ids.anySecret}/timeline`,
  '/v1/ledger/entries/{index}/proof': () => '/v1/ledger/entries/0/proof',
  '/v1/statements/{name}': ({ house }) =>
    `/v1/statements/leavers?from=${house.scope.from.toString()}&to=${house.scope.to.toString()}`,
}

/** Those that name one thing which only another answer tells. */
const FOUND_IN: Record<string, string> = {
  '/v1/observations/{id}': '/v1/credentials/{id}/observations',
  '/v1/exemptions/{id}': '/v1/exemptions',
  '/v1/alerts/{id}': '/v1/alerts',
  '/v1/deliveries/{id}': '/v1/deliveries',
}

/** Every list, with its sorts and how many rows the world has for it at least. */
const LISTS: [path: string, sorts: string[], rows: number][] = [
  ['/v1/identities', ['name', 'terminatedAt'], 15],
  ['/v1/identities/{id}/owned', ['name', 'terminatedAt'], 1],
  ['/v1/identities/{id}/history', ['at'], 3],
  ['/v1/credentials', ['id'], 6],
  ['/v1/credentials/{id}/observations', ['observedAt'], 2],
  ['/v1/systems', ['name'], 2],
  ['/v1/trials', ['startedAt'], 7],
  ['/v1/findings', ['severity', 'openedAt', 'lastSeenAt'], 6],
  ['/v1/findings/{id}/timeline', ['at'], 2],
  ['/v1/exemptions', ['createdAt', 'endsAt'], 4],
  ['/v1/alerts', ['at'], 2],
  ['/v1/deliveries', ['createdAt'], 4],
  ['/v1/sinks', ['name'], 3],
  ['/v1/audit', ['at'], 6],
]

describe.each(STORES)('the reads of the API on $name', { timeout: 60_000 }, (kind) => {
  let test: TestStore
  let world: World
  beforeAll(async () => {
    if (!kind.available) return
    test = await kind.open()
    world = await openWorld(test.store.db)
  })
  afterAll(async () => {
    if (!kind.available) return
    await world.close()
    await test.stop()
  })

  const addressOf = async (path: string): Promise<string> => {
    const found = FOUND_IN[path]
    if (found === undefined) return ADDRESSES[path]?.(world) ?? path
    const [first] = await itemsAt(await addressOf(found))
    return path.replace('{id}', String(first?.id))
  }
  const itemsAt = async (address: string): Promise<Item[]> => {
    const said = await world.get(address)
    expect([address, said.status, said.detail]).toEqual([address, 200, undefined])
    return list.parse(said.body).items
  }
  const pathsWith = (address: string, query: string) => `${address}${address.includes('?') ? '&' : '?'}${query}`

  it.skipIf(!kind.available).each(READ_ROUTES.map(({ path }) => path))('%s answers as it is described', async (path) => {
    const said = await world.get(await addressOf(path))
    expect([said.status, said.detail]).toEqual([200, undefined])
    const route = READ_ROUTES.find((each) => each.path === path)
    expect(route?.answer.safeParse(said.body).error?.issues).toBeUndefined()
    expect(JSON.stringify(said.body)).not.toContain('MARKED')
  })

  it.skipIf(!kind.available).each(LISTS)('%s is the same list in pages as in one, by %j', async (path, sorts, rows) => {
    const address = await addressOf(path)
    for (const sort of sorts.flatMap((name) => [name, `-${name}`])) {
      const whole = await itemsAt(pathsWith(address, `sort=${sort}&limit=500`))
      expect(whole.length).toBeGreaterThanOrEqual(rows)
      const paged: Item[] = []
      let cursor = ''
      for (let page = 0; page <= whole.length; page++) {
        const said = await world.get(pathsWith(address, `sort=${sort}&limit=1${cursor}`))
        const { items, next } = list.parse(said.body)
        expect(items).toHaveLength(1)
        expect(said.next ?? null).toBe(next)
        paged.push(...items)
        if (next === null) break
        cursor = `&cursor=${next}`
      }
      expect(paged).toEqual(whole)
      const back = await itemsAt(pathsWith(address, `sort=${sort.startsWith('-') ? sort.slice(1) : `-${sort}`}&limit=500`))
      expect(back.toReversed()).toEqual(whole)
    }
  })

  it.skipIf(!kind.available)('take no cursor to another question', async () => {
    const next = list.parse((await world.get('/v1/identities?limit=1&state=active')).body).next
    expect((await world.get(`/v1/identities?limit=3&state=active&cursor=${next}`)).status).toBe(200)
    const texts = (...keys: string[]) => Buffer.from(JSON.stringify(keys)).toString('base64url')
    const question = z.tuple([z.string()], z.string()).parse(JSON.parse(Buffer.from(next ?? '', 'base64url').toString()))[0]
    for (const query of [
      `cursor=${next}`,
      `state=terminated&cursor=${next}`,
      `state=active&sort=-name&cursor=${next}`,
      'state=active&cursor=',
      'state=active&cursor=%00',
      `state=active&cursor=${texts(question)}`,
      `state=active&cursor=${texts(question, 'a', 'no id')}`,
      `state=active&cursor=${texts(question, 'a\0', NOBODY)}`,
      `state=active&cursor=${texts(question, 'a', NOBODY, 'more')}`,
      `state=active&cursor=${Buffer.from('{"a":1}').toString('base64url')}`,
    ])
      expect([query, (await world.get(`/v1/identities?${query}`)).status]).toEqual([query, 400])
    const started = list.parse((await world.get('/v1/trials?limit=1')).body).next ?? ''
    const place = z.array(z.string()).parse(JSON.parse(Buffer.from(started, 'base64url').toString()))
    for (const at of ['x', '2026-13-01 00:00:00+00', '2026-01-01T00:00:00Z', 'NaN', "'; select"])
      expect((await world.get(`/v1/trials?cursor=${texts(place[0] ?? '', at, NOBODY)}`)).status).toBe(400)
  })

  it.skipIf(!kind.available).each([
    ['/v1/identities?colour=red', 'colour'],
    ['/v1/identities?limit=0', 'limit'],
    ['/v1/identities?limit=501', 'limit'],
    ['/v1/identities?limit=1e2', 'limit'],
    ['/v1/identities?sort=email', 'sort'],
    ['/v1/identities?state=gone', 'state'],
    ['/v1/identities?kind=human,robot', 'kind'],
    ['/v1/identities?open=yes', 'open'],
    ['/v1/identities?q=', 'q'],
    ['/v1/identities?q=%00', 'q'],
    ['/v1/credentials?standing=shut', 'standing'],
    ['/v1/trials?from=2026-01-01', 'from'],
    ['/v1/trials?from=0000-01-01T00:00:00Z', 'from'],
    ['/v1/findings?minSeverity=bad', 'minSeverity'],
    ['/v1/findings?credential=1', 'credential'],
    ['/v1/findings/1', 'id'],
    ['/v1/overview?days=8', 'days'],
    ['/v1/coverage?from=2026-02-30', 'from'],
    ['/v1/ledger/entries/-1/proof', 'index'],
    ['/v1/statements/leavers', 'from to'],
  ])('refuse %s', async (address, field) => {
    expect(await world.get(address)).toMatchObject({ status: 400, detail: field })
  })

  it.skipIf(!kind.available)('know nothing of what there is not', async () => {
    for (const { path } of READ_ROUTES.filter((route) => route.path.includes('{id}')))
      expect([path, (await world.get(path.replace('{id}', NOBODY))).status]).toEqual([path, 404])
    expect((await world.get('/v1/statements/nothing')).status).toBe(404)
    expect((await world.get('/v1/ledger/entries/999999999/proof')).status).toBe(404)
  })

  it.skipIf(!kind.available).each<[string, (world: World) => string, unknown[]]>([
    ['who left', () => '/v1/identities?state=terminated&sort=terminatedAt', ['P11', 'P08', 'P05', 'P02', 'E1', 'E2']],
    ['who will leave is here', () => '/v1/identities?state=active&sort=terminatedAt&limit=1', ['P01']],
    ['of two kinds', () => '/v1/identities?kind=agent,service', ['bot-7', 'P04']],
    ['with an open door', () => '/v1/identities?open=true', ['E1']],
    ['without, who left', () => '/v1/identities?open=false&state=terminated&kind=human&q=e', ['E2']],
    ['by a beginning of the e-mail', () => '/v1/identities?q=PERSON3@', ['P03']],
    ['by a beginning of the name', () => '/v1/identities?q=zO%C3%8B&limit=2&sort=-terminatedAt', ['P10', 'P06']],
    ['by a beginning of the external id', () => '/v1/identities?q=p1', ['P11', 'P10']],
    ['with signs that mean something to SQL', () => '/v1/identities?q=%25', []],
    ['by the owner', () => '/v1/identities?owner=E1', ['bot-7']],
    ['by the owner’s id', ({ house }) => `/v1/identities?owner=${house.ids.anna}`, ['bot-7']],
  ])('list identities %s', async (_what, address, expected) => {
    const found = (await itemsAt(address(world))).map(({ externalId }) => externalId)
    if (expected.length === 2 && expected.includes('P10')) expect(new Set(found).size).toBe(2)
    else expect(found).toEqual(expected)
  })

  it.skipIf(!kind.available).each<[string, (world: World) => string, string[]]>([
    ['all but the retired', () => '', ['fresh', 'once', 'payroll token', 'rests', 'wiki token', 'wiki token']],
    ['retired', () => 'standing=retired', ['old']],
    ['open', () => 'standing=open', ['wiki token']],
    ['closed', () => 'standing=closed', ['payroll token']],
    ['neither', () => 'standing=unverified,not_tried,refused', ['fresh', 'once', 'wiki token']],
    ['open or resting', () => 'standing=open,resting', ['rests', 'wiki token']],
    ['retired or not tried', () => 'standing=retired,not_tried', ['fresh', 'old']],
    ['accepted last', () => 'verdict=accepted', ['wiki token']],
    ['accepted or refused last', () => 'verdict=accepted,rejected', ['once', 'payroll token', 'wiki token']],
    ['due', () => 'due=true&system=payroll', ['once', 'payroll token']],
    ['not due', () => 'due=false', ['fresh', 'rests']],
    ['of one', () => 'identity=E2', ['fresh', 'once', 'wiki token']],
    ['of one by id', ({ house }) => `identity=${house.ids.bert}&system=${house.ids.systems.payroll}`, ['fresh', 'once']],
    ['of nobody', () => 'identity=nobody', []],
    ['of nowhere', () => 'system=nowhere', []],
  ])('list credentials %s', async (_what, query, expected) => {
    expect((await itemsAt(`/v1/credentials?${query(world)}`)).map(({ label }) => String(label)).sort()).toEqual(expected)
  })

  it.skipIf(!kind.available).each<[string, string, unknown[]]>([
    ['most severe first', '', ['open_system', 'any_secret_accepted', 'residual_access']],
    ['of some kinds', 'kind=blind_system,orphaned_identity&sort=openedAt', ['orphaned_identity', 'blind_system']],
    ['severe enough', 'minSeverity=high', ['open_system', 'any_secret_accepted', 'residual_access']],
    ['severe enough and named', 'minSeverity=high&severity=high,low', ['any_secret_accepted', 'residual_access']],
    ['none that fits', 'minSeverity=critical&severity=low', []],
    ['resolved', 'state=resolved', ['blind_system']],
    ['not resolved, of one', 'state=unresolved&identity=E2', ['unverified_past_deadline']],
    ['of a system', 'system=payroll', ['open_system', 'blind_system']],
    ['of somebody whose name begins so', 'q=anna', ['any_secret_accepted', 'residual_access']],
    ['of a system whose name begins so', 'q=PAY', ['open_system', 'blind_system']],
    ['exempted', 'exempted=true', []],
    ['acknowledged', 'acknowledged=true', []],
    ['opened lately', 'openedFrom=2099-01-01T00:00:00Z', []],
  ])('list findings %s', async (_what, query, expected) => {
    const kinds = (await itemsAt(`/v1/findings?${query}`)).map((item) => item.kind)
    const sorted = query.includes('kind=')
    expect(sorted ? kinds.toSorted() : kinds.slice(0, Math.max(expected.length, query === '' ? 3 : kinds.length))).toEqual(
      sorted ? expected.toSorted() : expected,
    )
  })

  it.skipIf(!kind.available).each<[string, (world: World) => string, number]>([
    ['trials of a system', () => '/v1/trials?system=payroll', 7],
    ['trials that run', () => '/v1/trials?running=true', 1],
    ['trials that ended', () => '/v1/trials?running=false&outcome=completed,blind', 6],
    ['blind trials', () => '/v1/trials?outcome=blind', 1],
    ['trials of a time', ({ now }) => `/v1/trials?from=${now.subtract({ hours: 37 })}&to=${now.subtract({ hours: 13 })}`, 2],
    [
      'observations of a time',
      ({ house }) => `/v1/credentials/${house.ids.credentials['anna@payroll']}/observations?to=2020-01-01T00:00:00Z`,
      0,
    ],
    ['paused systems', () => '/v1/systems?state=paused', 1],
    ['open systems', () => '/v1/systems?state=open&tier=critical&probe=http&zone=default&q=Pay', 1],
    ['exemptions in force', () => '/v1/exemptions?state=in_force', 1],
    ['exemptions to come and past', () => '/v1/exemptions?state=coming,ended&identity=E2&owner=hr', 2],
    ['revoked exemptions', () => '/v1/exemptions?state=revoked', 1],
    ['exemptions of a kind', () => '/v1/exemptions?kind=unverified_past_deadline', 1],
    ['exemptions of a credential', ({ house }) => `/v1/exemptions?credential=${house.ids.credentials['bert@wiki']}`, 1],
    ['alerts of a finding', ({ ids }) => `/v1/alerts?finding=${ids.openSystem}`, 1],
    ['critical alerts', () => '/v1/alerts?severity=critical&event=opened', 1],
    ['deliveries given up', () => '/v1/deliveries?state=dead', 2],
    ['deliveries to a receiver', () => '/v1/deliveries?sink=soc&state=delivered,pending', 2],
    ['deliveries of a finding', ({ ids }) => `/v1/deliveries?finding=${ids.openSystem}`, 2],
    ['what somebody did', () => '/v1/audit?actor=carla&action=pause,credential.retire', 2],
    ['looks of somebody', () => '/v1/audit?looks=true&actor=token:ci', 1],
    ['no looks', () => '/v1/audit?looks=false&actor=token:ci', 0],
    ['what was done to one', () => '/v1/audit?subject=E2&looks=false', 2],
    ['what was done long ago', ({ now }) => `/v1/audit?to=${now.subtract({ hours: 99 })}`, 1],
  ])('find %s', async (_what, address, count) => {
    expect(await itemsAt(address(world))).toHaveLength(count)
  })

  it.skipIf(!kind.available)('tell an identity with what it holds', async () => {
    const { ids } = world.house
    const one = await world.get(`/v1/identities/${ids.anna}`)
    expect(one.body).toMatchObject({
      ...{ externalId: 'E1', state: 'terminated', email: 'anna@example.com', owner: null },
      credentials: { open: 1, closed: 1, retired: 1, unverified: 0, not_tried: 0, refused: 0, resting: 0 },
      findings: { unresolved: 2, worst: 'high' },
    })
    const bot = await world.get(`/v1/identities/${ids.bot}`)
    expect(bot.body).toMatchObject({ ownerExternalId: 'E1', owner: { id: ids.anna, kind: 'human' }, state: 'active' })
    const matrix = await world.get(`/v1/identities/${ids.anna}/matrix`)
    expect(matrix.body).toMatchObject({
      identity: { id: ids.anna },
      more: false,
      rows: [
        {
          system: { name: 'payroll', tier: 'critical' },
          credentials: [
            { credential: { label: 'old' }, standing: 'retired', deadline: null },
            { credential: { label: 'payroll token' }, standing: 'closed', verdict: 'rejected', deadline: { state: 'in_time' } },
          ],
        },
        {
          system: { name: 'wiki' },
          credentials: [
            {
              ...{ standing: 'open', verdict: 'accepted', deadline: { state: 'running', closedAt: null } },
              finding: { severity: 'high', exempted: false },
            },
          ],
        },
      ],
    })
    const history = await itemsAt(`/v1/identities/${ids.anna}/history`)
    expect(history.map(({ event }) => event)).toEqual(['credential.retire', 'opened', 'opened'])
    expect(history[0]).toMatchObject({ type: 'operator', actor: 'carla', note: 'as agreed', finding: null })
    expect(history[1]).toMatchObject({ type: 'finding', finding: { kind: 'any_secret_accepted' }, system: { name: 'wiki' } })
  })

  it.skipIf(!kind.available)('tell a credential, and of its secret how it is kept', async () => {
    const { ids, house } = world
    const { body } = await world.get(`/v1/credentials/${ids.refused}`)
    expect(body).toMatchObject({
      ...{ standing: 'refused', rejections: 1, revokedAfterMs: 4 * 3_600_000, deadAt: null },
      secret: { kept: 'reference', scheme: 'env', origin: 'https://x.example' },
      // Two hours are allowed there, and it is five since he left.
      deadline: { state: 'overdue', closedAt: null },
    })
    expect((await world.get(`/v1/credentials/${ids.retired}`)).body).toMatchObject({
      ...{ standing: 'retired', deadline: null, secret: { kept: 'none', scheme: null } },
    })
    const open = await world.get(`/v1/credentials/${house.ids.credentials['anna@wiki']}`)
    expect(open.body).toMatchObject({
      standing: 'open',
      findings: [{ kind: 'any_secret_accepted' }, { kind: 'residual_access' }],
    })
    const refusals = await itemsAt(`/v1/credentials/${house.ids.credentials['anna@payroll']}/observations?verdict=rejected`)
    expect(new Set(refusals.map(({ verdict }) => verdict))).toEqual(new Set(['rejected']))
    const [observation] = await itemsAt(`/v1/credentials/${house.ids.credentials['anna@payroll']}/observations`)
    expect(observation).toMatchObject({ verdict: 'rejected', wire: { status: 401, 'odd 1': 'ü' }, latencyMs: 12.345 })
    expect((await world.get(`/v1/observations/${observation?.id}`)).body).toMatchObject({
      ...{ identity: { externalId: 'E1' }, system: { name: 'payroll' }, credential: { label: 'payroll token' } },
      ledger: { index: expect.any(Number) },
    })
  })

  it.skipIf(!kind.available)('tell a system with its limits and what is spent of them', async () => {
    const { body } = await world.get(`/v1/systems/${world.house.ids.systems.payroll}`)
    expect(body).toMatchObject({
      ...{ state: 'open', canary: 'configured', runbook: 'https://runbooks.example/payroll', pause: null, blindSince: null },
      credentials: { closed: 1, refused: 1, not_tried: 1, retired: 1, resting: 0 },
      ...{ dueNow: 2, findings: { unresolved: 1, worst: 'critical' } },
      limits: { failuresPerPrincipal: { count: 3 } },
      lockoutBudget: { realm: 'corp', limit: 3, accounts: 2, mostSpent: 3, exhausted: 1, locked: 1 },
      gaps: [{ reason: 'no_worker', credentials: 2 }],
    })
    const { trials } = z.object({ trials: z.array(z.record(z.string(), z.unknown())) }).parse(body)
    expect(trials).toHaveLength(7)
    const wiki = await world.get(`/v1/systems/${world.house.ids.systems.wiki}`)
    expect(wiki.body).toMatchObject({ state: 'paused', pause: { by: 'carla', note: 'cut-over' }, canary: 'missing' })
    const trial = await world.get(`/v1/trials/${world.ids.trial}`)
    expect(trial.body).toMatchObject({
      controls: [{ control: 'nobody' }, { control: 'stranger' }],
      moreControls: false,
      system: { name: 'payroll' },
    })
  })

  it.skipIf(!kind.available)('tell a finding with what it rests on, what to do, who was told, and its proof', async () => {
    const { ids, house } = world
    const address = `/v1/findings/${ids.anySecret}`
    const one = await world.get(address)
    expect(one.body).toMatchObject({
      ...{ kind: 'any_secret_accepted', severity: 'high', state: 'open', sequence: 1, dedupKey: `finding:${ids.anySecret}` },
      ...{ title: expect.stringContaining('wiki takes any secret'), deadline: { state: 'running' }, stillTried: true },
      ...{ frameworks: { owasp_nhi: expect.any(Array) }, exemptions: [] },
      evidence: { observation: null, confirmation: null, controls: [] },
      proof: { event: { index: expect.any(Number) }, observation: null, checkpoint: { size: expect.any(Number) } },
    })
    expect(z.object({ remediation: z.array(z.string()) }).parse(one.body).remediation.length).toBeGreaterThan(1)
    const { deliveries } = z.object({ deliveries: z.array(z.object({ sink: z.string(), state: z.string() })) }).parse(one.body)
    expect(deliveries.map(({ sink, state }) => `${sink} ${state}`).sort()).toEqual(['mail dead', 'soc delivered'])
    // The same bytes until something changes: whoever acts on what he read says which it was.
    expect((await world.get(address)).body).toEqual(one.body)
    const { evidence } = z
      .object({ evidence: z.object({ traceId: z.string().nullable(), traceUrl: z.string().nullable() }) })
      .parse(one.body)
    expect(evidence.traceUrl).toBe(evidence.traceId === null ? null : `https://traces.example/?id=${evidence.traceId}`)
    const payroll = await world.get(`/v1/findings/${ids.openSystem}`)
    expect(payroll.body).toMatchObject({ runbook: 'https://runbooks.example/payroll', identity: null, deadline: null })
    const [late] = await itemsAt('/v1/findings?kind=unverified_past_deadline')
    expect((await world.get(`/v1/findings/${late?.id}`)).body).toMatchObject({
      exemptions: [
        { owner: 'wiki@example.com', state: 'in_force', silenced: 1, credential: { id: house.ids.credentials['bert@wiki'] } },
      ],
    })
    const [over] = await itemsAt('/v1/findings?state=resolved')
    expect((await world.get(`/v1/findings/${over?.id}`)).body).toMatchObject({ remediation: [], state: 'resolved' })
  })

  it.skipIf(!kind.available)('tell what happened around a finding', async () => {
    const { ids } = world
    const any = await itemsAt(`/v1/findings/${ids.anySecret}/timeline`)
    const traced = any.filter(({ traceId }) => traceId !== null)
    expect(traced.length).toBeGreaterThan(0)
    for (const { traceId, traceUrl } of traced) expect(traceUrl).toBe(`https://traces.example/?id=${traceId}`)
    expect(any.filter(({ traceId, traceUrl }) => traceId === null && traceUrl !== null)).toEqual([])
    expect(any.map(({ type, verdict, event }) => `${type} ${verdict ?? event}`)).toEqual(['observation accepted', 'event opened'])
    expect(any.every(({ ledger }) => ledger !== null)).toBe(true)
    const open = await itemsAt(`/v1/findings/${ids.openSystem}/timeline`)
    expect(open.map(({ type, control, event }) => `${type} ${control ?? event}`).sort()).toEqual([
      ...['control nobody', 'control stranger', 'event opened'],
    ])
  })

  it.skipIf(!kind.available)('tell receivers with what waits for them', async () => {
    const sinks = await itemsAt('/v1/sinks')
    expect(sinks.map(({ name, state, pending, dead }) => [name, state, pending, dead])).toEqual([
      ['broken', 'broken', 0, 0],
      ['mail', 'dead', 0, 2],
      ['soc', 'idle', 0, 0],
    ])
    expect(sinks[0]).toMatchObject({ kinds: ['blind_system'], fault: expect.stringContaining('REVENANT_TEST_NOT_SET') })
    expect(sinks[1]).toMatchObject({ lastFailure: { detail: 'ENOSPC' }, heartbeatMs: 3_600_000, lastDeliveredAt: null })
    expect(sinks[2]).toMatchObject({ lastLagMs: 3_600_000, lastFailure: null, minSeverity: 'high' })
  })

  it.skipIf(!kind.available)('count it all in one answer', async () => {
    world.fresh()
    const { body } = await world.get('/v1/overview')
    expect(body).toMatchObject({
      doors: { terminated: 6, open: 1, unproven: 1, closed: 0, without: 4 },
      identities: 15,
      credentials: { open: 1, closed: 1, retired: 1, unverified: 1, not_tried: 1, refused: 1, resting: 1 },
      findings: { unresolved: 5, unacknowledged: 5 },
      coverage: { credentials: 5, verified: 2, blind: 1, overdue: 1, pending: 1 },
      latency: { days: 90, closed: 1, medianMs: 3_600_000, p90Ms: 3_600_000, inTime: 1, late: 0, overdue: 2, running: 2 },
      survival: { days: 90, medianMinutes: expect.any(Number) },
      ...{ paused: null, pausedSystems: 1, dueNow: 4, replicas: { alive: 1 } },
    })
    const told = z
      .object({
        events: z.array(z.object({ type: z.string(), event: z.string() })),
        coverage: z.object({
          systems: z.array(z.object({ system: z.object({ name: z.string() }), blindSince: z.string().nullable() })),
        }),
      })
      .parse(body)
    expect(told.events.filter(({ type }) => type === 'operator').map(({ event }) => event)).toEqual(
      expect.arrayContaining(['identity.terminate', 'pause', 'credential.retire', 'system.rebind']),
    )
    expect(told.events.map(({ event }) => event)).not.toContain('findings.view')
    expect(told.coverage.systems.map(({ system, blindSince }) => [system.name, blindSince !== null])).toEqual([
      ['payroll', false],
      ['wiki', true],
    ])
  })

  it.skipIf(!kind.available)('tell at once what somebody did', async () => {
    await world.get('/v1/overview')
    await world.db
      .insertInto('pause')
      .values({ scope: '*', paused_at: world.now.toString(), paused_by: 'eve', note: 'n' })
      .execute()
    try {
      expect((await world.get('/v1/overview')).body).toMatchObject({ paused: { by: 'eve', note: 'n' } })
    } finally {
      await world.db.deleteFrom('pause').where('scope', '=', '*').execute()
    }
  })

  it.skipIf(!kind.available)('tell the log, the days, and statements', async () => {
    const { body } = await world.get('/v1/ledger')
    expect(body).toMatchObject({
      ...{ checkpoint: { note: expect.stringContaining('example.com/test-log') }, waiting: { entries: expect.any(Number) } },
      ...{ keys: [{ signs: true }], anchors: [] },
    })
    const proof = await world.get('/v1/ledger/entries/0/proof')
    expect(proof.body).toContain('c2sp.org/tlog-proof@v1')
    const today = world.now.toString().slice(0, 10)
    const days = await world.get('/v1/coverage')
    const told = z
      .object({
        to: z.literal(today),
        days: z.array(
          z.object({
            day: z.string(),
            system: z.object({ name: z.string() }),
            trials: z.number(),
            rejected: z.number(),
            blindMs: z.number(),
            reasons: z.array(z.string()),
          }),
        ),
      })
      .parse(days.body).days
    const of = (name: string) => told.filter(({ system }) => system.name === name)
    expect(of('payroll').reduce((sum, { trials }) => sum + trials, 0)).toBe(7)
    expect(of('payroll').reduce((sum, { rejected }) => sum + rejected, 0)).toBe(14)
    expect(of('payroll').reduce((sum, { blindMs }) => sum + blindMs, 0)).toBe(10 * 3_600_000)
    // It lasts: since five hours ago.
    expect(of('wiki').reduce((sum, { blindMs }) => sum + blindMs, 0)).toBeGreaterThanOrEqual(5 * 3_600_000)
    expect(of('wiki').flatMap(({ reasons }) => reasons)).toContain('paused')
    const one = await world.get('/v1/coverage?system=payroll&from=2026-01-01&to=2026-12-31')
    expect(one.status).toBe(200)
    expect((await world.get('/v1/coverage?from=2026-01-01&to=2026-12-31')).status).toBe(400)
    expect((await world.get('/v1/coverage?from=2026-02-01&to=2026-01-01')).status).toBe(400)
    const { scope } = world.house
    const rows = await itemsAt(`/v1/statements/leavers?from=${scope.from}&to=${scope.to}&identity=E1&limit=2`)
    expect(rows[0]).toMatchObject({ external_id: 'E1', state: expect.any(String) })
    expect((await world.get(`/v1/statements/leavers?from=${scope.to}&to=${scope.from}`)).status).toBe(400)
  })

  it.skipIf(!kind.available)('tell who did something to those who may read the audit', async () => {
    const events = z.object({
      events: z.array(z.object({ type: z.string(), actor: z.string().nullable(), subject: z.string().nullable() })),
    })
    for (const [role, named] of [
      ['auditor', true],
      ['operator', false],
      ['viewer', false],
    ] as const) {
      const told = events.parse((await world.get('/v1/overview', role)).body).events.filter(({ type }) => type === 'operator')
      expect(told.some(({ actor, subject }) => actor === 'carla' && subject !== null)).toBe(named)
      expect(told.every(({ actor, subject }) => actor === null && subject === null)).toBe(!named)
      const history = list.parse((await world.get(`/v1/identities/${world.house.ids.anna}/history`, role)).body).items
      expect(history.some(({ actor }) => actor === 'carla')).toBe(named)
    }
  })

  it.skipIf(!kind.available)('are written down as looks, once an hour', async () => {
    const looks = async (action: string) =>
      await world.db
        .selectFrom('audit')
        .select(['actor', 'subject'])
        .where('action', '=', action)
        .where('actor', '=', 'anna')
        .execute()
    await world.get(`/v1/credentials/${world.ids.untried}`)
    await world.get(`/v1/credentials/${world.ids.untried}`)
    expect((await looks('credential.view')).filter(({ subject }) => subject === world.ids.untried)).toHaveLength(1)
    expect(await looks('finding.view')).toContainEqual({ actor: 'anna', subject: world.ids.anySecret })
    expect((await looks('audit.view')).length).toBeGreaterThan(0)
  })
})
