import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { loadInventory } from '../../probes/inventories.ts'
import { composeAlert } from '../../src/alerts/raise.ts'
import type { WholeLook } from '../../src/domain/grant.ts'
import { newId } from '../../src/domain/id.ts'
import type { FindingEdge } from '../../src/findings/apply.ts'
import { openDispatcher } from '../../src/probe/dispatcher.ts'
import type { Listed } from '../../src/probe/inventory-ask.ts'
import { type InventoryDeps, runInventory } from '../../src/scan/inventory.ts'
import { endReturned, recordListing, together } from '../../src/scan/inventory-record.ts'
import type { InventorySystem } from '../../src/scan/inventory-system.ts'
import { openRateLimiter } from '../../src/scan/rate.ts'
import { findingContext } from '../../src/store/alert.ts'
import { isStillTried } from '../../src/store/finding.ts'
import { grantPage, listingTurns } from '../../src/store/grant-page.ts'
import { saveListing } from '../../src/store/listing.ts'
import { pause, resume } from '../../src/store/pause.ts'
import { takePlaces } from '../../src/store/rate.ts'
import { findSystem, syncSystems } from '../../src/store/system.ts'
import { type Given, type HttpServer, openHttp } from '../servers/hostile-http.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { POLICY } from './house.ts'

const never = new AbortController().signal
const SECRET = 'adm-PLANTED-inventory-token'
const UNKNOWN: Given = { status: 404, body: { errorCode: 'E0000007' } }

describe.each(STORES.filter((kind) => kind.name !== 'Postgres 15'))('an inventory on $name', (kind) => {
  let test: TestStore
  let server: HttpServer
  let system: InventorySystem
  let deps: InventoryDeps
  let edges: FindingEdge[]
  let logged: unknown[]
  let offsetMs: number
  /** API tokens by the e-mail of whoever has them; who is not here is unknown. */
  let held: Map<string, string[]>
  /** In place of the usual answer. */
  let instead: ((url: string) => Given | undefined) | undefined
  let closers: (() => Promise<void>)[]

  beforeAll(async () => {
    test = await kind.open()
  })
  afterAll(() => test.stop())
  const db = () => test.store.db

  beforeEach(async () => {
    ;[held, edges, logged, closers, instead, offsetMs] = [new Map(), [], [], [], undefined, 0]
    server = await openHttp(({ url }) => instead?.(url) ?? answer(url))
    closers.push(() => server.stop())
    system = await systemOf({})
  })
  afterEach(async () => {
    for (const close of closers.reverse()) await close()
    await db().deleteFrom('pause').execute()
    await db().updateTable('identity').set({ terminated_at: null }).execute()
  })

  function answer(url: string): Given {
    const [path = ''] = url.split('?')
    const name = decodeURIComponent(/^\/api\/v1\/users\/([^/]+)/.exec(path)?.[1] ?? '')
    if (path === '/api/v1/api-tokens')
      return {
        status: 200,
        body: [...held].flatMap(([who, tokens]) =>
          tokens.map((id) => ({ id, name: `Token ${id}`, userId: who, lastUpdated: '2026-02-01T00:00:00Z' })),
        ),
      }
    if (/\/(?:grants|clients|eventHooks|api-services)$/.test(path)) return { status: 200, body: [] }
    return held.has(name) ? { status: 200, body: { id: name } } : UNKNOWN
  }

  async function systemOf(more: Partial<InventorySystem>): Promise<InventorySystem> {
    const bound = (await loadInventory('okta')).bind({ baseUrl: server.origin, tls: 'disable' })
    const name = `okta-${newId().slice(-6)}`
    const common = {
      tier: 'standard',
      zone: 'default',
      owner: undefined,
      schedule: undefined,
      scheduleDueAt: undefined,
      shards: 1,
    } as const
    const rows = await syncSystems(db(), [{ name, probe: 'okta', origin: server.origin, ...common }], now())
    const id = rows.get(name)?.id ?? expect.fail('no system')
    const http = openDispatcher({ origins: bound.origins, ...bound.http, connections: 2, connectTimeoutMs: 1_000 })
    closers.push(() => http.destroy())
    deps = {
      db: db(),
      policy: () => POLICY,
      raise: async (_tx, raised) => {
        edges.push(...raised)
      },
      trace: () => ({ traceId: 'b'.repeat(32), attempt: () => ({ end: () => {} }), end: () => {} }),
      log: (_level, _message, fields) => logged.push(fields),
      now,
      budgetMs: 60_000,
    }
    return {
      ...{ id, name, tier: 'standard', zone: 'default', kind: 'okta', bound, by: 'email', everyMs: 86_400_000 },
      ...{ without: new Set(), canary: undefined, attribution: 'revenant/test', concurrency: 2, timeoutMs: 2_000 },
      http: () => http,
      rate: openRateLimiter({ count: 1_000_000, perMs: 1_000 }, (places) => takePlaces(db(), id, places)),
      credential: async () => ({ token: SECRET }),
      ...more,
    }
  }

  const now = () => Temporal.Now.instant().add({ milliseconds: offsetMs })
  const day = () => {
    offsetMs += 86_500_000
  }
  const run = (more: Partial<InventorySystem> = {}, identityId?: string) =>
    runInventory({ ...system, ...more }, deps, never, identityId === undefined ? undefined : { identityId })
  async function leaver(email: string | null, terminatedAgoMs = 172_800_000): Promise<string> {
    const id = newId()
    const terminated_at = now().subtract({ milliseconds: terminatedAgoMs }).toString()
    await db()
      .insertInto('identity')
      .values({ id, external_id: id, kind: 'human', name: 'Anna', email, source: 'test', terminated_at, owner_external_id: null })
      .execute()
    return id
  }
  const grants = async () => {
    const rows = await grantPage(db(), { systemId: system.id }, { sort: 'lastSeenAt', limit: 50, after: undefined })
    return rows.map(({ key, state }) => `${key} ${state}`).toSorted()
  }
  const saved = (identityId: string, looks: WholeLook[], keys: string[]) =>
    db()
      .transaction()
      .execute((tx) =>
        saveListing(tx, {
          ...{
            id: newId(),
            systemId: system.id,
            identityId,
            inventory: 'okta',
            at: now(),
            outcome: 'complete',
            reason: undefined,
          },
          ...{ known: true, parts: { hooks: 'complete' }, looks, assurance: 'explicit', traceId: 'c'.repeat(32) },
          grants: keys.map((key) => ({ account: 'a', list: 'hooks', kind: 'webhook', key, title: 'Hook', facts: {} })),
        }),
      )
  const findGrant = (key: string) =>
    db().selectFrom('standing_grant').selectAll().where('system_id', '=', system.id).where('key', '=', key).execute()
  const findings = () => db().selectFrom('finding').selectAll().where('system_id', '=', system.id).orderBy('key').execute()
  const listings = () => db().selectFrom('listing').selectAll().where('system_id', '=', system.id).orderBy('at').execute()

  it('finds what a leaver still has, says that it is listed, and closes it after two whole lists without it', async () => {
    const id = await leaver('anna@corp.example')
    held.set('anna@corp.example', ['t1', 't2'])
    held.set('bob@corp.example', ['t3'])
    expect(await run()).toMatchObject({ outcome: 'completed', people: 1, complete: 1, grants: 2 })
    expect(await grants()).toEqual(['t1 standing', 't2 standing'])
    const [finding] = await findings()
    expect(finding).toMatchObject({
      kind: 'standing_grant',
      state: 'open',
      identity_id: id,
      credential_id: null,
      trace_id: 'b'.repeat(32),
    })
    expect(edges.map(({ event }) => event)).toEqual(['opened', 'opened'])
    const context = (await findingContext(db(), finding?.id ?? '')) ?? expect.fail('no context')
    const alert = composeAlert({ eventId: newId(), event: 'opened', sequence: 1, at: now() }, context, POLICY)
    expect(alert.grant).toMatchObject({ kind: 'api_key', title: expect.stringMatching(/^Token t[12]$/), scopes: [] })
    expect(alert.evidence).toBeUndefined()
    expect(`${alert.title} ${alert.summary}`).toMatch(
      /still lists the api key "Token t[12]" of Anna.*It is listed: .*has not signed in with it/s,
    )
    expect(`${alert.title} ${alert.summary} ${alert.remediation.join(' ')}`).not.toMatch(/authenticat|accepted|gets into/i)
    expect(await isStillTried(db(), finding ?? expect.fail('no finding'))).toBe(true)

    held.set('anna@corp.example', ['t2'])
    day()
    expect(await run()).toMatchObject({ grants: 1 })
    expect((await findings()).filter(({ state }) => state === 'open')).toHaveLength(2)
    day()
    await run()
    expect(await grants()).toEqual(['t1 gone', 't2 standing'])
    expect((await findings()).map(({ state }) => state).toSorted()).toEqual(['open', 'resolved'])
    expect(edges.map(({ event }) => event)).toContain('resolved')

    held.set('anna@corp.example', ['t1', 't2'])
    day()
    await run()
    expect(await grants()).toEqual(['t1 standing', 't2 standing'])
    expect(edges.map(({ event }) => event)).toContain('reopened')
  })

  it('takes no list that was not read to its end for a proof that something is gone', async () => {
    await leaver('anna@corp.example')
    held.set('anna@corp.example', ['t1'])
    await run()
    for (const status of [403, 500, 404]) {
      day()
      instead = (url) => (url.startsWith('/api/v1/api-tokens') ? { status, body: {} } : undefined)
      expect(await run()).toMatchObject({ people: 1, inconclusive: 1 })
    }
    expect(await grants()).toEqual(['t1 standing'])
    expect((await findings()).map(({ state }) => state)).toEqual(['open'])
    expect((await listings()).at(-1)).toMatchObject({
      ...{ outcome: 'inconclusive', reason: 'unexpected_answer', known: true },
      parts: { consents: 'complete', refresh_tokens: 'complete', api_tokens: 'unexpected_answer' },
    })
  })

  it('takes an account that is not found any more for no proof: it may go by another name', async () => {
    await leaver('anna@corp.example')
    held.set('anna@corp.example', ['t1'])
    await run()
    held.delete('anna@corp.example')
    for (let n = 0; n < 3; n++) {
      day()
      expect(await run()).toMatchObject({ people: 1, complete: 1 })
    }
    expect(await grants()).toEqual(['t1 standing'])
    expect((await findings()).map(({ state }) => state)).toEqual(['open'])
  })

  it('misses nothing where it has not looked: below an item of another list that is not shown any more', async () => {
    const identityId = await leaver('anna@corp.example')
    await saved(identityId, [{ account: 'a', list: 'hooks', under: ['p1', 'p2'] }], ['p1 7', 'p2 8'])
    for (let n = 0; n < 2; n++) await saved(identityId, [{ account: 'a', list: 'hooks', under: ['p1'] }], [])
    expect(await grants()).toEqual(['p1 7 gone', 'p2 8 standing'])
  })

  it("misses of a log what that says is over, of any list nothing that it shows as nobody's", async () => {
    const identityId = await leaver('anna@corp.example')
    const look = (more: object): WholeLook[] => [{ account: 'a', list: 'hooks', ...more }]
    await saved(identityId, look({ ended: [] }), ['app A', 'app B', 'app C'])
    for (let n = 0; n < 2; n++) await saved(identityId, look({ ended: ['app B', 'app Z'] }), [])
    expect(await grants()).toEqual(['app A standing', 'app B gone', 'app C standing'])
    for (let n = 0; n < 2; n++) await saved(identityId, look({ unowned: ['app C'] }), [])
    expect(await grants()).toEqual(['app A gone', 'app B gone', 'app C standing'])
  })

  it('does not miss a hook that is listed without its maker', async () => {
    await leaver('anna@corp.example')
    held.set('anna@corp.example', [])
    const hook = (id: string, createdBy: string | null) => ({ id, name: id, status: 'ACTIVE', createdBy })
    let hooks = [hook('w1', 'anna@corp.example'), hook('w2', 'bob')]
    instead = (url) => (url.startsWith('/api/v1/eventHooks') ? { status: 200, body: hooks } : undefined)
    await run()
    hooks = [hook('w1', null), hook('w2', 'bob')]
    for (let n = 0; n < 3; n++) {
      day()
      expect(await run()).toMatchObject({ complete: 1 })
    }
    expect(await grants()).toEqual(['w1 standing'])
    hooks = [hook('w2', 'bob')]
    for (let n = 0; n < 2; n++) {
      day()
      await run()
    }
    expect(await grants()).toEqual(['w1 gone'])
  })

  it.each<[string, (boolean | undefined)[], boolean | undefined]>([
    ['every name', [true, true], true],
    ['not every name', [true, false], false],
    ['no name', [false, false], false],
    ['nobody can tell', [true, undefined], undefined],
  ])('knows somebody by all names or not at all: %s', (_what, all, expected) => {
    const of = (known: boolean | undefined): Listed => ({
      ...{ known, account: known === false ? undefined : 'a', fault: undefined, retryAfterMs: undefined },
      ...{ parts: { hooks: 'complete' }, bounds: { hooks: {} }, grants: [] },
    })
    expect(together(all.map(of)).known).toBe(expected)
  })

  it("misses nothing of one account by another's lists", async () => {
    const identityId = await leaver('anna@corp.example')
    const of = (account: string, keys: string[], known = true): Listed => ({
      ...{ known, account: known ? account : undefined, fault: undefined, retryAfterMs: undefined },
      ...{ parts: { hooks: 'complete' }, bounds: { hooks: {} } },
      grants: keys.map((key) => ({ list: 'hooks', kind: 'webhook', key, title: 'Hook', facts: {} })),
    })
    const who = { identityId, identityKind: 'human', terminatedAt: now().subtract({ hours: 48 }), names: ['a', 'b'] } as const
    const record = (...all: Listed[]) =>
      recordListing(
        system,
        { ...who, names: [...who.names] },
        together(all),
        { assurance: 'explicit', traceId: 'd'.repeat(32), at: now() },
        deps,
      )
    await record(of('a', ['1', '2']), of('b', ['1', '3']))
    expect(await grants()).toEqual(['1 standing', '1 standing', '2 standing', '3 standing'])
    // The second goes by another name by now.
    for (let n = 0; n < 3; n++) expect(await record(of('a', ['1']), of('b', [], false))).toBe(true)
    expect(await grants()).toEqual(['1 standing', '1 standing', '2 gone', '3 standing'])
    expect((await findings()).map(({ state }) => state).toSorted()).toEqual(['open', 'open', 'open', 'resolved'])
    for (let n = 0; n < 2; n++) await record(of('a', []), of('b', ['3']))
    expect(await grants()).toEqual(['1 gone', '1 gone', '2 gone', '3 standing'])
  })

  it('misses nothing where a changed address finds another account', async () => {
    const id = await leaver('anna@corp.example')
    held.set('anna@corp.example', ['t1'])
    await run()
    held.set('anna.new@corp.example', ['t2'])
    await db().updateTable('identity').set({ email: 'anna.new@corp.example' }).where('id', '=', id).execute()
    for (let n = 0; n < 3; n++) {
      day()
      expect(await run()).toMatchObject({ people: 1, complete: 1, grants: 1 })
    }
    expect(await grants()).toEqual(['t1 standing', 't2 standing'])
  })

  it('misses nothing that was listed before accounts were kept, until it is listed again', async () => {
    const identityId = await leaver('anna@corp.example')
    const look: WholeLook[] = [{ account: 'a', list: 'hooks' }]
    await saved(identityId, look, ['1', '2'])
    const [before] = await findGrant('1')
    await db().updateTable('standing_grant').set({ account: '' }).where('identity_id', '=', identityId).execute()
    for (let n = 0; n < 3; n++) await saved(identityId, look, ['1'])
    expect(await grants()).toEqual(['1 standing', '2 standing'])
    expect(await findGrant('1')).toMatchObject([{ id: before?.id, account: 'a' }])
    for (let n = 0; n < 2; n++) await saved(identityId, look, [])
    expect(await grants()).toEqual(['1 gone', '2 standing'])
  })

  describe('with lists that take long', () => {
    /** So many pages of one list, each of which waits for its turn. */
    function long(path: RegExp, pages: number, waitMs: number, beforePage = (_page: number) => {}): Partial<InventorySystem> {
      let waits = false
      instead = (url) => {
        if (!path.test(url)) return undefined
        waits = true
        const at = Number(new URL(url, server.origin).searchParams.get('p') ?? 1)
        beforePage(at)
        const next = `<${server.origin}${url.split('?')[0]}?p=${at + 1}>; rel="next"`
        waits = at < pages
        return { status: 200, headers: at < pages ? { link: next } : {}, body: [] }
      }
      const acquire = () => (waits ? new Promise<void>((resolve) => setTimeout(resolve, waitMs)) : undefined)
      return { rate: { ...system.rate, acquire } }
    }

    it('reads what is the same for everybody to its end, whatever the time of a turn', async () => {
      for (const name of ['a', 'b']) {
        await leaver(`${name}@corp.example`)
        held.set(`${name}@corp.example`, [])
      }
      deps.budgetMs = 400
      expect(await run(long(/api-tokens/, 30, 20))).toMatchObject({ outcome: 'completed', fault: undefined, complete: 2 })
    })

    it('records of whom it had no time to read all, and begins with others then', async () => {
      const ids = [await leaver('a@corp.example'), await leaver('b@corp.example')]
      for (const name of ['a', 'b']) held.set(`${name}@corp.example`, ['t1'])
      deps.budgetMs = 300
      const slow = { ...long(/users.*\/grants/, 40, 20), concurrency: 1 }
      expect(await run(slow)).toMatchObject({ outcome: 'unfinished', people: 1, inconclusive: 1 })
      expect(await listings()).toMatchObject([{ outcome: 'inconclusive', reason: 'timeout', known: true }])
      offsetMs += 3_700_000
      await run(slow)
      expect((await listings()).map(({ identity_id }) => identity_id).toSorted()).toEqual(ids.toSorted())
    })

    it('says that it took too long, and of whom, where there is no end to it', async () => {
      await leaver('a@corp.example')
      held.set('a@corp.example', [])
      deps.budgetMs = 150
      expect(await run(long(/api-tokens/, 45, 60))).toMatchObject({ outcome: 'unfinished', fault: 'timeout', inconclusive: 1 })
      expect(await listings()).toMatchObject([{ reason: 'timeout', parts: { api_tokens: 'timeout' } }])
      expect(await listingTurns(db())).toContainEqual(expect.objectContaining({ system: system.name, fault: 'timeout' }))
    })

    it('keeps its turn all the while', async () => {
      await leaver('a@corp.example')
      held.set('a@corp.example', [])
      const others: Promise<unknown>[] = []
      const slow = long(/api-tokens/, 12, 0, (page) => {
        offsetMs += 60_000
        if (page === 10) others.push(run())
      })
      expect(await run(slow)).toMatchObject({ outcome: 'completed', people: 1, complete: 1 })
      expect(await Promise.all(others)).toMatchObject([{ outcome: 'skipped' }])
    })

    it('asks no more once it is paused', async () => {
      await leaver('a@corp.example')
      held.set('a@corp.example', [])
      const pauses: Promise<unknown>[] = []
      const slow = long(/api-tokens/, 40, 10, (page) => {
        offsetMs += 20_000
        if (page === 2) pauses.push(pause(db(), system.id, 'test', 'now', now()))
      })
      expect(await run(slow)).toMatchObject({ outcome: 'paused', people: 0 })
      expect(server.asked.filter(({ url }) => url.includes('api-tokens')).length).toBeLessThan(40)
      await Promise.all(pauses)
    })
  })

  it('looks at each leaver once a period, at nobody who is here, and again within the hour where nothing was proven', async () => {
    await leaver('anna@corp.example')
    await leaver('later@corp.example', -86_400_000)
    expect(await run()).toMatchObject({ people: 1 })
    offsetMs += 120_000
    expect(await run()).toMatchObject({ outcome: 'skipped' })
    offsetMs += 86_500_000 - 120_000
    instead = (url) => (url.includes('/grants') ? { status: 403, body: {} } : undefined)
    held.set('anna@corp.example', [])
    // By now the second one has left too, and is unknown there.
    expect(await run()).toMatchObject({ people: 2, complete: 1, inconclusive: 1 })
    offsetMs += 3_700_000
    instead = undefined
    expect(await run()).toMatchObject({ people: 1, complete: 1 })
  })

  it.each<[string, () => void, Partial<InventorySystem>, string]>([
    [
      'a decoy is found',
      () => {
        instead = (url) => (/users\/[^/]+$/.test(url) ? { status: 200, body: { id: 'x' } } : undefined)
      },
      {},
      'decoy_listed',
    ],
    ['the canary has nothing', () => held.set('canary@corp.example', []), { canary: 'canary@corp.example' }, 'canary_empty'],
    ['the canary is unknown', () => {}, { canary: 'canary@corp.example' }, 'canary_empty'],
    [
      'the credential is refused',
      () => {
        instead = () => ({ status: 401, body: {} })
      },
      {},
      'unauthenticated',
    ],
    ['the credential cannot be read', () => {}, { credential: async () => ({ wrong: 'x' }) }, 'credential_unavailable'],
  ])('looks at nobody where %s', async (_name, prepare, more, fault) => {
    await leaver('anna@corp.example')
    held.set('anna@corp.example', ['t1'])
    prepare()
    expect(await run(more)).toMatchObject({ outcome: 'blind', fault, people: 0 })
    expect(await listings()).toEqual([])
    expect(await listingTurns(db())).toContainEqual(expect.objectContaining({ system: system.name, fault }))
    // Not again at once: a refused credential must not be hammered.
    offsetMs += 120_000
    expect(await run(more)).toMatchObject({ outcome: 'skipped' })
  })

  it('with a canary that has something is controlled', async () => {
    await leaver('anna@corp.example')
    held.set('canary@corp.example', ['t9'])
    expect(await run({ canary: 'canary@corp.example' })).toMatchObject({ outcome: 'completed', people: 1 })
    expect((await listings())[0]).toMatchObject({ assurance: 'controlled', known: false, outcome: 'complete', listed: 0 })
  })

  it('keeps away as long as it is asked to, replays included, and stops what is under way', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) await leaver(`${name}@corp.example`)
    let n = 0
    instead = (url) =>
      /users\/[^/]+$/.test(url) && ++n > 2 ? { status: 429, headers: { 'retry-after': '600' }, body: {} } : undefined
    expect(await run({ concurrency: 1 })).toMatchObject({ outcome: 'held', fault: 'rate_limited', people: 2, inconclusive: 1 })
    expect(n).toBe(3)
    const row = await findSystem(db(), system.id)
    expect(row?.hold_reason).toBe('rate_limited')
    expect((row?.hold_until?.epochMilliseconds ?? 0) - now().epochMilliseconds).toBeGreaterThan(590_000)
    offsetMs += 300_000
    expect(await run()).toMatchObject({ outcome: 'skipped' })
  })

  it('leaves a system alone that does not answer, and one that is paused', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) await leaver(`${name}@corp.example`)
    let n = 0
    instead = (url) => (/users\/[^/]+$/.test(url) && ++n > 1 ? { status: 503, body: {} } : undefined)
    expect(await run({ concurrency: 1 })).toMatchObject({ outcome: 'held', fault: 'server_error', people: 3 })
    offsetMs += 3_700_000
    await pause(db(), system.id, 'test', 'now', now())
    expect(await run()).toMatchObject({ outcome: 'skipped' })
    await resume(db(), system.id)
    instead = undefined
    expect(await run()).toMatchObject({ outcome: 'completed', people: 5 })
  })

  it('is one turn at a time, whoever asks', async () => {
    await leaver('anna@corp.example')
    const outcomes = (await Promise.all([run(), run(), run()])).map(({ outcome }) => outcome)
    expect(outcomes.toSorted()).toEqual(['completed', 'skipped', 'skipped'])
  })

  it('says of whom it has no name', async () => {
    const id = await leaver(null)
    expect(await run({}, id)).toMatchObject({ people: 1, inconclusive: 1 })
    expect((await listings())[0]).toMatchObject({ outcome: 'inconclusive', reason: 'no_name', known: null })
  })

  it('ends what stands of whoever is here again', async () => {
    const id = await leaver('anna@corp.example')
    held.set('anna@corp.example', ['t1'])
    await run()
    await db().updateTable('identity').set({ terminated_at: null }).where('id', '=', id).execute()
    expect(await endReturned(now(), 100, deps)).toBeGreaterThanOrEqual(1)
    expect(await grants()).toEqual(['t1 gone'])
    expect((await findings()).map(({ state }) => state)).toEqual(['resolved'])
    expect(await endReturned(now(), 100, deps)).toBe(0)
  })

  it('keeps the credential out of the database, the log and the findings', async () => {
    await leaver('anna@corp.example')
    held.set('anna@corp.example', ['t1'])
    instead = (url) =>
      url.startsWith('/api/v1/api-tokens')
        ? {
            status: 200,
            body: [
              { id: 't1', name: `made by ${SECRET}`, userId: 'anna@corp.example' },
              { id: SECRET, userId: 'anna@corp.example' },
            ],
          }
        : undefined
    const summary = await run()
    const rows = [
      await listings(),
      await findings(),
      await db().selectFrom('standing_grant').selectAll().execute(),
      await listingTurns(db()),
    ]
    expect(server.asked.every(({ url }) => !url.includes(SECRET))).toBe(true)
    expect(JSON.stringify([rows, logged, summary, edges])).not.toContain('PLANTED')
    expect(await grants()).toEqual(['t1 standing'])
  })
})
