import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { type RawBuilder, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { applyRetention } from '../../src/daemon/retention.ts'
import { canonicalJson } from '../../src/domain/canonical-json.ts'
import { findingEventFacts } from '../../src/domain/facts/finding-event.ts'
import { type ListingFields, LONGEST_LIST, listingFacts } from '../../src/domain/facts/listing.ts'
import { isMissing, looksFor, type WholeLook } from '../../src/domain/grant.ts'
import { newId } from '../../src/domain/id.ts'
import { leafOf } from '../../src/domain/leaf.ts'
import type { ReportScope } from '../../src/evidence/bundle/request.ts'
import { checkLedger } from '../../src/evidence/check-ledger.ts'
import { storedFacts } from '../../src/evidence/facts.ts'
import { openBundle } from '../../src/evidence/verify/open-bundle.ts'
import { verifyBundle } from '../../src/evidence/verify/verify.ts'
import type { ListedGrant } from '../../src/probe/inventory-items.ts'
import { recordListing, type Together } from '../../src/scan/inventory-record.ts'
import { saveListing } from '../../src/store/listing.ts'
import { transact } from '../../src/store/transact.ts'
import { POLICY } from '../scan/house.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { type BundleHouse, openBundleHouse } from './bundle-house.ts'
import { idAt } from './house.ts'

const NOW = Temporal.Instant.from('2026-11-22T12:00:00.123999600Z')
const DAY_MS = 86_400_000
const FIELDS: ListingFields = {
  ...{ id: newId(), system_id: newId(), identity_id: newId(), inventory: 'okta', at: NOW, outcome: 'complete', reason: null },
  ...{ known: true, listed: 0, parts: { hooks: 'complete' }, assurance: 'explicit', trace_id: 't' },
  ...{ whole: [], shown: [], missing: [] },
}

describe('what is logged of looks', () => {
  const word = fc.constantFrom('a', 'b', 'a b', 'b c', '😀 a', 'p')
  const keys = fc.array(word, { maxLength: 4 })
  const place = fc.record({ account: fc.constantFrom('x', 'y'), list: fc.constantFrom('l', 'm') })
  const grant = fc.tuple(place, word, word).map(([at, one, two]) => ({ ...at, key: `${one} ${two}` }))
  const look = fc
    .tuple(place, fc.record({ under: keys, ended: fc.array(grant), unowned: fc.array(grant) }, { requiredKeys: [] }))
    .map(([at, { ended, unowned, ...more }]): WholeLook => {
      const keysOf = (name: 'ended' | 'unowned', all: { key: string }[] | undefined) =>
        all === undefined ? {} : { [name]: all.map(({ key }) => key) }
      return { ...at, ...more, ...keysOf('ended', ended), ...keysOf('unowned', unowned) }
    })

  it('says the same of every grant that stood, and nothing of what never did', () => {
    fc.assert(
      fc.property(fc.array(grant), fc.array(look), (grants, looks) => {
        const told = looksFor(grants, looks)
        expect(grants.map((each) => isMissing(each, told))).toEqual(grants.map((each) => isMissing(each, looks)))
        const mine = new Set(grants.map(({ key }) => key))
        const named = told.flatMap(({ ended = [], unowned = [] }) => [...ended, ...unowned])
        expect(named.every((key) => mine.has(key))).toBe(true)
      }),
      { numRuns: 500 },
    )
    const quoting: WholeLook = { account: 'x', list: 'l', under: ['s3cret'], ended: ['s3cret'], unowned: ['s3cret'] }
    expect(looksFor([{ account: 'x', list: 'l', key: 'k 1' }], [quoting])).toEqual([
      { account: 'x', list: 'l', under: [], ended: [], unowned: [] },
    ])
  })

  it('is a count and a digest of what is long', () => {
    const item = (n: number) => ({ account: 'x', id: newId(), key: `${n}`.padStart(300, 'k'), kind: 'webhook', list: 'l' })
    const long = Array.from({ length: 5_000 }, (_, n) => item(n))
    const look = { account: 'x', list: 'l', ended: long.map(({ key }) => key) }
    const facts = listingFacts({ ...FIELDS, whole: [look], shown: long, missing: long })
    expect(canonicalJson(facts).length).toBeLessThan(LONGEST_LIST)
    const digest = { count: 5_000, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) }
    expect(facts).toMatchObject({ shown: digest, missing: digest, whole: [{ account: 'x', list: 'l', ended: digest }] })
    const other = [...long.slice(1), item(1)]
    expect(leafOf(listingFacts({ ...FIELDS, shown: other }))).not.toBe(leafOf(listingFacts({ ...FIELDS, shown: long })))
    expect(listingFacts({ ...FIELDS, shown: long.slice(0, 9) })).toMatchObject({ shown: long.slice(0, 9) })
  })

  it('leaves the events of before as they were', () => {
    const event = {
      ...{ id: 'i', finding_id: 'f', kind: 'standing_grant' as const, system_id: 's', identity_id: 'p', credential_id: null },
      ...{ sequence: 1, event: 'opened', at: NOW, severity: 'high' as const, state: 'open' as const, observation_id: null },
      ...{ trace_id: null, actor: null, note: null, feed_id: null, grant_id: 'g', listing_id: null },
    }
    expect(leafOf(findingEventFacts(event))).toBe('d039f0790263a5f20f3d84b0f005ae521ebdc3db82e5a63d54a19d131077e1a6')
    expect(findingEventFacts({ ...event, listing_id: 'l' })).toMatchObject({ listing_id: 'l', grant_id: 'g' })
  })
})

const place = z.object({ account: z.string(), list: z.string() })
const lineSchema = z.object({
  index: z.number(),
  facts: z.looseObject({
    ...{ id: z.string(), event: z.string().optional(), kind: z.string().optional(), outcome: z.string().nullish() },
    ...{ grant_id: z.string().optional(), listing_id: z.string().optional(), identity_id: z.string().nullish() },
    whole: z.array(place.extend({ ended: z.array(z.string()).optional() })).optional(),
    shown: z.array(place.extend({ id: z.string(), key: z.string(), kind: z.string() })).optional(),
    missing: z.array(place.extend({ id: z.string(), key: z.string(), missed: z.number() })).optional(),
  }),
})

describe.each(STORES.filter(({ name }) => name !== 'Postgres 15'))('listings on $name', { timeout: 60_000 }, (kind) => {
  let store: TestStore
  let house: BundleHouse
  const folders: string[] = []
  const db = () => store.store.db
  const when = it.skipIf(!kind.available)
  beforeAll(async () => {
    if (!kind.available) return
    store = await kind.open()
    house = await openBundleHouse(db())
  })
  afterAll(async () => {
    if (kind.available) await store.stop()
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  })

  const grantOf = (list: string, key: string): ListedGrant & { account: string } => {
    return { account: 'anna', list, key, kind: 'webhook', title: 'told to nobody', facts: { scopes: ['told to nobody'] } }
  }
  const told = (keys: string[], more: Partial<Together> = {}): Together => ({
    ...{ known: true, fault: undefined, retryAfterMs: undefined },
    parts: { hooks: 'complete', apps: 'complete' },
    looks: [
      { account: 'anna', list: 'hooks' },
      { account: 'anna', list: 'apps', ended: ["somebody's app"] },
    ],
    grants: keys.map((key) => grantOf(key.startsWith('app ') ? 'apps' : 'hooks', key)),
    ...more,
  })
  const record = async (minutesAgo: number, listed: Together) => {
    const system = { id: house.ids.systems.wiki, kind: 'okta', name: 'wiki', tier: 'standard' } as const
    const at = Temporal.Now.instant().subtract({ minutes: minutesAgo })
    const terminatedAt = at.subtract({ hours: 10 })
    const done = await recordListing(
      system,
      { identityId: house.ids.anna, identityKind: 'human', terminatedAt, names: ['anna'] },
      listed,
      { assurance: 'controlled', traceId: 'b'.repeat(32), at },
      { db: db(), policy: () => POLICY, raise: async () => {} },
    )
    expect(done).toBe(true)
  }
  const bundle = async (scope: Partial<ReportScope> = {}) => {
    const folder = await house.bundle({ scope })
    folders.push(folder)
    const source = await openBundle(folder)
    const verified = await verifyBundle(source, { vkeys: [] })
    await source.close()
    return { folder, ...verified }
  }
  const linesOf = (folder: string, kind: string) =>
    readFileSync(join(folder, `entries/${kind}.jsonl`), 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => lineSchema.parse(JSON.parse(line)))
  const faults = async () => {
    const { keys, origin } = await house.sequencer.signers()
    const report = await checkLedger({ db: db(), keys, origin, now: () => Temporal.Now.instant() })
    return { gone: report.gone, faults: report.faults.map(({ where, what }) => `${where} ${what}`) }
  }
  const listingIds = async () => (await db().selectFrom('listing').select('id').orderBy('at').execute()).map(({ id }) => id)

  when('are in a bundle with what their judgement rests on, and a closed finding leads to the two that closed it', async () => {
    await record(50, told(['k1', 'k2', 'app A']))
    await record(40, told(['k2', 'app A']))
    await record(30, told([], { fault: 'forbidden', parts: { hooks: 'forbidden', apps: 'complete' }, looks: [] }))
    await record(20, told(['k2']))
    await house.sequencer.run()
    const { folder, holds, manifest } = await bundle()
    expect(holds).toBe(true)
    expect(manifest?.entries).toContainEqual({ kind: 'listing', count: 4 })
    expect(readFileSync(join(folder, 'README.txt'), 'utf8')).toContain('entries/listing.jsonl')
    expect(readFileSync(join(folder, 'report.html'), 'utf8')).toContain('<b>4</b>listings in this bundle')
    const listings = linesOf(folder, 'listing')
    expect(readFileSync(join(folder, 'entries/listing.jsonl'), 'utf8')).not.toContain('told to nobody')
    expect(listings.map(({ facts }) => [facts.outcome, facts.reason, facts.assurance, facts.listed])).toEqual([
      ['complete', null, 'controlled', 3],
      ['complete', null, 'controlled', 2],
      ['inconclusive', 'forbidden', 'controlled', 0],
      ['complete', null, 'controlled', 1],
    ])

    const events = linesOf(folder, 'finding').filter(({ facts }) => facts.kind === 'standing_grant')
    const resolved = events.find(({ facts }) => facts.event === 'resolved') ?? expect.fail('nothing was resolved')
    const opened = events.find(({ facts }) => facts.event === 'opened' && facts.grant_id === resolved.facts.grant_id)
    const first = listings.find(({ facts }) => facts.id === opened?.facts.listing_id)
    const grant = first?.facts.shown?.find(({ id }) => id === resolved.facts.grant_id) ?? expect.fail('it was not shown')
    expect(grant).toMatchObject({ account: 'anna', list: 'hooks', key: 'k1', kind: 'webhook' })
    const second = listings.findIndex(({ facts }) => facts.id === resolved.facts.listing_id)
    const lacking = (missed: number) =>
      listings
        .slice(0, second + 1)
        .findLast(({ facts }) => facts.missing?.some((each) => each.id === grant.id && each.missed === missed))
    expect(lacking(2)?.facts.id).toBe(resolved.facts.listing_id)
    for (const missed of [1, 2]) {
      const { whole = [], shown = [], missing = [], identity_id } = lacking(missed)?.facts ?? {}
      expect(identity_id).toBe(house.ids.anna)
      expect(missing).toEqual([{ account: 'anna', id: grant.id, key: 'k1', list: 'hooks', missed }])
      expect(shown.map(({ id }) => id)).not.toContain(grant.id)
      const looks = whole.map(({ ended, ...each }): WholeLook => ({ ...each, ...(ended === undefined ? {} : { ended }) }))
      expect(isMissing(grant, looks)).toBe(true)
    }
    // A log that does not say that it is over ends nothing, and of strangers' things nothing is kept.
    expect(listings[3]?.facts.whole).toEqual([
      { account: 'anna', list: 'hooks' },
      { account: 'anna', ended: [], list: 'apps' },
    ])
    const { faults: found, gone } = await faults()
    expect([found, gone]).toEqual([[], 0])
  })

  when.each<[string, () => Partial<ReportScope>, number]>([
    ['whose they are', () => ({ identity: { name: 'E1', id: house.ids.anna } }), 4],
    ['others', () => ({ identity: { name: 'E2', id: house.ids.bert } }), 0],
    ['their system', () => ({ system: { name: 'wiki', id: house.ids.systems.wiki } }), 4],
    ['another system', () => ({ system: { name: 'payroll', id: house.ids.systems.payroll } }), 0],
    ['a requirement that they speak of', () => ({ framework: 'nist_800_53', control: 'IA-4' }), 4],
    ['a requirement that they say nothing of', () => ({ framework: 'nist_800_53', control: 'AC-3' }), 0],
  ])('are chosen by %s', async (_by, scope, count) => {
    const { folder, firstFalse, manifest } = await bundle(scope())
    expect(firstFalse).toBeUndefined()
    expect(manifest?.entries.find(({ kind }) => kind === 'listing')?.count ?? 0).toBe(count)
    expect(readFileSync(join(folder, 'README.txt'), 'utf8').includes('listing')).toBe(count > 0)
  })

  when('have names in a bundle, also of somebody who holds no credential there', async () => {
    const { bot, systems } = house.ids
    await transact(db(), (tx) =>
      saveListing(tx, {
        ...{
          id: newId(),
          systemId: systems.payroll,
          identityId: bot,
          inventory: 'okta',
          at: Temporal.Now.instant().subtract({ hours: 2 }),
        },
        ...{
          outcome: 'complete',
          reason: undefined,
          known: false,
          parts: {},
          looks: [],
          assurance: 'explicit',
          traceId: 't',
          grants: [],
        },
      }),
    )
    await house.sequencer.run()
    const { folder } = await bundle({ system: { name: 'payroll', id: systems.payroll } })
    expect(readFileSync(join(folder, 'names/identities.csv'), 'utf8')).toContain('bot-7')
    const of = await bundle({ identity: { name: 'bot-7', id: bot } })
    expect(readFileSync(join(of.folder, 'names/systems.csv'), 'utf8')).toContain('payroll')
    expect((await faults()).faults).toEqual([])
  })

  when.each<[string, RawBuilder<unknown>, boolean?]>([
    ['its outcome', sql`outcome = 'inconclusive'`, true],
    ['whether it is proof', sql`assurance = 'explicit'`],
    ['when it was', sql`at = at - interval '1 second'`],
    ['whose it is', sql`identity_id = (select id from identity where external_id = 'E2')`, true],
    ['a list', sql`parts = parts || '{"hooks": "forbidden"}'`],
    ['a grant that it showed', sql`shown = shown - 0`, true],
    ['the key of one', sql`shown = jsonb_set(shown, '{0,key}', '"k9"')`],
    ['what is no member of one', sql`shown = jsonb_set(shown, '{0,more}', '1')`],
    ['what was missing', sql`missing = '[]'`],
    ['what was read to its end', sql`whole = whole || '[{"account": "bert", "list": "hooks"}]'`],
    ['what a log said is over', sql`whole = jsonb_set(whole, '{1,ended}', '["app A"]')`],
    ['all that it rests on', sql`whole = null, shown = null, missing = null`, true],
  ])('do not lie: %s changed in the database is found by name', async (_what, change, inBundle = false) => {
    const [, id = ''] = await listingIds().then((ids) => ids.slice(-4))
    await sql`create table before as select * from listing where id = ${id}::uuid`.execute(db())
    await sql`update listing set ${change} where id = ${id}::uuid`.execute(db())
    expect((await faults()).faults).toEqual([expect.stringMatching(`^row listing ${id} .* is not what was recorded$`)])
    // Whoever it is said to be now: a filter that passes it over tells of it.
    for (const scope of inBundle ? [{}, { identity: { name: 'E1', id: house.ids.anna } }] : []) {
      const { folder, holds, manifest, firstFalse } = await bundle(scope)
      expect([holds, manifest?.altered, manifest?.contradicted]).toEqual([false, 1, 0])
      expect(firstFalse).toMatchObject({ check: 'entries', file: 'entries/gone.csv' })
      expect(readFileSync(join(folder, 'entries/gone.csv'), 'utf8')).toMatch(new RegExp(`,listing,${id},[0-9a-f]{64},altered\n`))
    }
    await sql`delete from listing where id = ${id}::uuid`.execute(db())
    await sql`insert into listing select * from before`.execute(db())
    await sql`drop table before`.execute(db())
    expect((await faults()).faults).toEqual([])
  })

  when('are told of where one is missing, or was written past the log', async () => {
    const id = (await listingIds()).at(-1) ?? ''
    await sql`create table kept as select * from listing where id = ${id}::uuid`.execute(db())
    await db().deleteFrom('listing').where('id', '=', id).execute()
    expect((await faults()).faults).toEqual([expect.stringMatching(`^row listing ${id} .* is missing$`)])
    const { folder, holds } = await bundle()
    expect(holds).toBe(false)
    expect(readFileSync(join(folder, 'entries/gone.csv'), 'utf8')).toMatch(`,listing,${id},`)
    await sql`insert into listing select * from kept`.execute(db())
    expect((await faults()).faults).toEqual([])

    const past = newId()
    await sql`insert into listing select * from json_populate_record((select k from kept k), json_build_object('id', ${past}::text))`.execute(
      db(),
    )
    const unlogged = `row listing ${past} has no entry in the ledger: it was written past it`
    expect((await faults()).faults).toEqual([unlogged])
    // One without its facts, of before there were any, is no fault; one that says that it is older while the log has always had them is.
    await sql`update listing set at = '2026-01-01T00:00:00Z', whole = null, shown = null, missing = null where id = ${past}::uuid`.execute(
      db(),
    )
    expect((await faults()).faults).toEqual([unlogged])
    await sql`update kysely_migration set "timestamp" = '2027-01-01T00:00:00Z' where name = '0019-listings'`.execute(db())
    expect((await faults()).faults).toEqual([])
    expect((await bundle()).holds).toBe(true)
    const old = await db().selectFrom('listing').selectAll().where('id', '=', past).executeTakeFirstOrThrow()
    expect(storedFacts.listing(old)).toEqual([])
    await sql`update kysely_migration set "timestamp" = (select min("timestamp") from kysely_migration) where name = '0019-listings'`.execute(
      db(),
    )
    await db().deleteFrom('listing').where('id', '=', past).execute()
  })

  when('go with their retention, and are called gone, never removed', async () => {
    const days = (count: number) => Temporal.Now.instant().subtract({ hours: 24 * count })
    const save = async (age: number, keys: string[]) => {
      const id = idAt(days(age))
      await transact(db(), (tx) =>
        saveListing(tx, {
          ...{ id, systemId: house.ids.systems.payroll, identityId: house.ids.bert, inventory: 'okta', at: days(age) },
          ...{ outcome: 'complete', reason: undefined, known: true, parts: { hooks: 'complete' }, looks: told([]).looks },
          ...{ assurance: 'explicit', traceId: 't', grants: keys.map((key) => grantOf('hooks', key)) },
        }),
      )
      return id
    }
    const gone = await save(70, ['r1'])
    const standing = await save(60, ['r1'])
    const last = await save(50, [])
    await house.sequencer.run()
    const apply = () => {
      const runtime = {
        config: { retention: { observationsMs: 40 * DAY_MS } },
        instance: 'r1',
        now: () => Temporal.Now.instant(),
      }
      return applyRetention({ ...runtime, store: store.store } as unknown as Parameters<typeof applyRetention>[0])
    }
    await apply()
    // The last one, and what shows a grant that stands, stay.
    const left = new Set(await listingIds())
    expect([gone, standing, last].map((id) => left.has(id))).toEqual([false, true, true])
    const { detail } = await db()
      .selectFrom('audit')
      .select('detail')
      .where('action', '=', 'retention.applied')
      .executeTakeFirstOrThrow()
    expect(detail).toMatchObject({ listings: 1 })
    await house.sequencer.run()
    expect(await faults()).toEqual({ gone: 1, faults: [] })
    const { folder, holds, manifest } = await bundle()
    expect([holds, manifest?.gone, manifest?.removed]).toEqual([true, 1, 0])
    expect(readFileSync(join(folder, 'entries/gone.csv'), 'utf8')).toMatch(`,listing,${gone},`)
    // A younger one did not go by itself.
    const [young = ''] = (await listingIds()).slice(-2)
    await db().deleteFrom('listing').where('id', '=', young).execute()
    expect((await faults()).faults).toEqual([expect.stringMatching(`^row listing ${young} .* is missing$`)])
    expect(existsSync(join((await bundle()).folder, 'entries/gone.csv'))).toBe(true)
  })
})
