import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newId } from '../../../src/domain/id.ts'
import { withoutStrangers } from '../../../src/intake/directory/strangers.ts'
import { answersTo } from '../../../src/intake/feed/applied.ts'
import { decideHeld } from '../../../src/intake/feed/decide.ts'
import type { Feed, FeedPolicy, Said, SaidStanding } from '../../../src/intake/feed/said.ts'
import { takeStatements } from '../../../src/intake/feed/take.ts'
import { reinstateIdentity } from '../../../src/intake/terminate.ts'
import type { Store } from '../../../src/store/db.ts'
import { silences, syncFeeds } from '../../../src/store/feed.ts'
import { statementPage } from '../../../src/store/feed-page.ts'
import { findIdentities } from '../../../src/store/identity.ts'
import { insertSession } from '../../../src/store/session.ts'
import { STORES, type TestStore } from '../../servers/stores.ts'
import { type House, NOW, openHouse } from '../house.ts'

const POLICY: FeedPolicy = {
  ...{ inactive: 'terminate', deleted: 'terminate', joiners: 'follow' },
  mass: { share: 0.1, least: 1_000, windowMs: 3_600_000 },
}

describe.each(STORES.slice(0, 2))('what sources of leavers say, on $name', ({ open }) => {
  let test: TestStore
  let store: Store
  let house: House
  let n = 0
  beforeAll(async () => {
    test = await open()
    store = test.store
    house = await openHouse(store)
  })
  afterAll(async () => {
    await house.close()
    await test.stop()
  })

  async function feeds(count: number, policy: Partial<FeedPolicy> = {}): Promise<Feed[]> {
    const before = await store.db.selectFrom('feed').select(['name', 'kind']).where('retired_at', 'is', null).execute()
    const names = Array.from({ length: count }, () => `feed-${++n}`)
    const all = [...before, ...names.map((name) => ({ name, kind: 'scim' as const }))]
    const rows = await syncFeeds(
      store.db,
      all.map((each) => ({ ...each, silentAfterMs: 3_600_000 })),
      house.now(),
    )
    return names.map((name) => {
      const row = rows.find((each) => each.name === name)
      if (row === undefined) throw new Error(`no feed ${name}`)
      return { id: row.id, name, kind: 'scim', policy: { ...POLICY, ...policy } }
    })
  }
  const one = async (policy: Partial<FeedPolicy> = {}) => (await feeds(1, policy))[0] ?? expect.fail('no feed')
  const somebody = () => `p${++n}`
  const say = (who: string, standing: SaidStanding, more: Partial<Said> = {}): Said => ({
    ...{ key: `key-${who}`, externalId: who, name: `Name ${who}`, standing },
    ...more,
  })
  const take = async (feed: Feed, ...said: Said[]) =>
    (await takeStatements(feed, said, { ...house.deps, actor: `feed ${feed.name}` })).map(({ outcome }) => outcome)
  /** A session of the page that is theirs. */
  const signIn = (who: string) =>
    insertSession(
      store.db,
      {
        ...{ id: newId(), digest: randomBytes(32), actor: who, role: 'viewer', via: 'link', bearers: [who] },
        ...{ address: null, agent: null, expiresAt: house.now().add({ hours: 1 }) },
      },
      house.now(),
    )
  const row = async (who: string) => (await findIdentities(store.db, [who])).get(who)
  const left = async (who: string) => (await row(who))?.terminated_at?.toString() ?? null
  const held = async (feed: Feed) =>
    store.db
      .selectFrom('feed_statement')
      .selectAll()
      .where('feed_id', '=', feed.id)
      .where('state', '=', 'held')
      .orderBy('id')
      .execute()
  const decide = (of: Feed[], ids: string[], decision: Parameters<typeof decideHeld>[1]) =>
    decideHeld(ids, decision, { ...house.deps, feed: (id) => of.find((each) => each.id === id) })

  it('adds who joins, terminates who leaves at once, and makes their credentials due in the same transaction', async () => {
    const [feed, who] = [await one(), somebody()]
    expect(await take(feed, say(who, { is: 'active' }))).toEqual(['joined'])
    await house.credentials(['external_id,system,label,secret.token', `${who},${house.system('api')},t,s3cret-${who}`])
    expect(await take(feed, say(who, { is: 'active' }))).toEqual(['unchanged'])
    expect(await take(feed, say(who, { is: 'inactive' }))).toEqual(['terminated'])
    expect(await left(who)).toBe(house.now().toString())
    const due = await sql<{
      due: boolean
    }>`select c.due_at is not null as due from check_state c join credential k on k.id = c.credential_id
      join identity i on i.id = k.identity_id where i.external_id = ${who}`.execute(store.db)
    expect(due.rows).toEqual([{ due: true }])
    const told = await store.db.selectFrom('audit').select(['action', 'actor']).where('subject', '=', who).orderBy('id').execute()
    expect(told.map(({ action }) => action)).toEqual(['identity.join', 'identity.terminate'])
    expect(told[0]?.actor).toBe(`feed ${feed.name}`)
  })

  it('knows somebody by a name in other letters: who is disabled in a directory is no stranger', async () => {
    const [[feed, other], who] = [await feeds(2, { inactive: 'ask' }), somebody()]
    if (feed === undefined || other === undefined) throw new Error('no feeds')
    await take(other, say(who, { is: 'active' }))
    const said = [say(who.toUpperCase(), { is: 'inactive' }), say(somebody(), { is: 'inactive' })]
    expect(await withoutStrangers(feed, said, house.deps)).toEqual(said.slice(0, 1))
  })

  it('takes words without a time of their own as of when they were begun to be read', async () => {
    const [feed, who] = [await one(), somebody()]
    await take(feed, say(who, { is: 'active' }))
    const begun = house.now()
    house.advance(60_000)
    // Another reading, quicker and later than the first, which is slow.
    const later = await takeStatements(feed, [say(who, { is: 'inactive' })], house.deps, house.now())
    house.advance(60_000)
    const slow = await takeStatements(feed, [say(who, { is: 'active' })], house.deps, begun)
    expect([...later, ...slow].map(({ outcome }) => outcome)).toEqual(['terminated', 'ignored'])
    const at = await store.db.selectFrom('feed_subject').select('said_at').where('key', '=', `key-${who}`).executeTakeFirst()
    expect(at?.said_at.toString()).toBe(begun.add({ minutes: 1 }).toString())
    // Heard is when it was taken.
    const heard = await store.db.selectFrom('feed').select('heard_at').where('id', '=', feed.id).executeTakeFirst()
    expect(heard?.heard_at?.toString()).toBe(house.now().toString())
  })

  it('does not start the clock again when a departure is said again, and takes it back when the same source does', async () => {
    const [feed, who] = [await one(), somebody()]
    await take(feed, say(who, { is: 'active' }))
    await take(feed, say(who, { is: 'terminated', at: NOW.subtract({ hours: 5 }) }))
    const since = await left(who)
    expect(await take(feed, say(who, { is: 'inactive' }))).toEqual(['unchanged'])
    expect(await left(who)).toBe(since)
    expect(await take(feed, say(who, { is: 'active' }))).toEqual(['reinstated'])
    expect(await left(who)).toBeNull()
  })

  it('lets no source undo what another one said: the earliest departure that anybody tells of counts', async () => {
    const [hr, idp] = await feeds(2)
    if (hr === undefined || idp === undefined) return expect.fail('no feeds')
    const who = somebody()
    await take(hr, say(who, { is: 'active' }, { key: 'e1' }))
    await take(idp, say(who, { is: 'active' }))
    const day = NOW.add({ hours: 48 })
    await take(hr, say(who, { is: 'terminated', at: day }, { key: 'e1' }))
    expect(await take(idp, say(who, { is: 'active' }))).toEqual(['unchanged'])
    expect(await left(who)).toBe(day.toString())
    // The provider is earlier, then takes its word back: the other's word stands.
    expect(await take(idp, say(who, { is: 'inactive' }))).toEqual(['terminated'])
    expect(await left(who)).toBe(house.now().toString())
    await take(idp, say(who, { is: 'active' }))
    expect(await left(who)).toBe(day.toString())
    // A rescinded departure is undone.
    expect(await take(hr, say(who, { is: 'active' }, { key: 'e1' }))).toEqual(['reinstated'])
    expect(await left(who)).toBeNull()
  })

  it('does not bring back whom a file or an operator terminated', async () => {
    const [feed, who] = [await one(), somebody()]
    await house.identities(['external_id', who])
    expect(await take(feed, say(who, { is: 'active' }))).toEqual(['changed'])
    await house.identities(['external_id,terminated_at', `${who},${NOW.subtract({ hours: 1 })}`])
    expect(await take(feed, say(who, { is: 'active' }))).toEqual(['ignored'])
    expect(await left(who)).toBe(NOW.subtract({ hours: 1 }).toString())
  })

  it('suspends by policy without replaying, and asks by policy', async () => {
    const [suspending, asking] = [await one({ inactive: 'suspend' }), await one({ inactive: 'ask' })]
    const [a, b] = [somebody(), somebody()]
    await take(suspending, say(a, { is: 'active' }))
    await signIn(a)
    expect(await take(suspending, say(a, { is: 'inactive' }))).toEqual(['suspended'])
    expect(await row(a)).toMatchObject({ terminated_at: null, suspended_at: house.now() })
    expect(await take(suspending, say(a, { is: 'active' }))).toEqual(['reinstated'])
    // Though nothing was used meanwhile: whoever is back signs in anew.
    expect(await store.db.selectFrom('session').select('ended_by').where('actor', '=', a).execute()).toEqual([
      { ended_by: 'suspended' },
    ])
    expect(await row(a)).toMatchObject({ terminated_at: null, suspended_at: null })

    await take(asking, say(b, { is: 'active' }))
    expect(await take(asking, say(b, { is: 'inactive' }))).toEqual(['held'])
    expect(await take(asking, say(b, { is: 'inactive' }))).toEqual(['held'])
    expect(await left(b)).toBeNull()
    const asked = house.now()
    const [question, ...more] = await held(asking)
    expect([question?.reason, more]).toEqual(['ask', []])
    house.advance(60_000)
    await decide([asking], [question?.id ?? ''], { is: 'apply' })
    // The clock did not wait for the answer.
    expect(await left(b)).toBe(asked.toString())
    await expect(decide([asking], [question?.id ?? ''], { is: 'apply' })).rejects.toMatchObject({ code: 'CONFLICT' })

    // About somebody whom nobody knew as well: he is added when it is decided.
    const stranger = somebody()
    expect(await take(asking, say(stranger, { is: 'inactive' }))).toEqual(['held'])
    expect(await row(stranger)).toBeUndefined()
    await decide(
      [asking],
      (await held(asking)).map(({ id }) => id),
      { is: 'apply', departure: 'suspend' },
    )
    expect(await row(stranger)).toMatchObject({ terminated_at: null, suspended_at: house.now() })
  })

  it('does not ask again what was denied, until the source takes it back', async () => {
    const [feed, who] = [await one({ inactive: 'ask' }), somebody()]
    await take(feed, say(who, { is: 'active' }))
    await take(feed, say(who, { is: 'inactive' }))
    await decide(
      [feed],
      (await held(feed)).map(({ id }) => id),
      { is: 'dismiss' },
    )
    expect(await take(feed, say(who, { is: 'inactive' }))).toEqual(['ignored'])
    await take(feed, say(who, { is: 'active' }))
    expect(await take(feed, say(who, { is: 'inactive' }))).toEqual(['held'])
    // What was asked is no question any more when the source takes it back before anybody decides.
    await take(feed, say(who, { is: 'active' }))
    expect(await held(feed)).toEqual([])
    expect(await left(who)).toBeNull()
  })

  it('holds a mass event whole, in one delivery and in many, and lets it pass once it is confirmed', async () => {
    const feed = await one({ mass: { share: 0.5, least: 2, windowMs: 3_600_000 } })
    const people = Array.from({ length: 8 }, somebody)
    await take(feed, ...people.map((who) => say(who, { is: 'active' })))
    const gone = people.slice(0, 5).map((who) => say(who, { is: 'inactive' }))
    expect(new Set(await take(feed, ...gone))).toEqual(new Set(['held']))
    expect(await Promise.all(people.map(left))).toEqual(people.map(() => null))
    const statements = await held(feed)
    expect(new Set(statements.map(({ reason, delivery_id }) => `${reason} ${delivery_id}`)).size).toBe(1)
    await decide(
      [feed],
      statements.map(({ id }) => id),
      { is: 'apply' },
    )
    expect((await Promise.all(people.map(left))).filter((at) => at !== null)).toHaveLength(5)
    // What a person has confirmed makes no later departure one too many.
    expect(await take(feed, say(people[7] ?? '', { is: 'inactive' }))).toEqual(['terminated'])

    const drip = await one({ mass: { share: 0.5, least: 2, windowMs: 3_600_000 } })
    const others = Array.from({ length: 8 }, somebody)
    await take(drip, ...others.map((who) => say(who, { is: 'active' })))
    const outcomes: string[] = []
    for (const who of others.slice(0, 6)) outcomes.push(...(await take(drip, say(who, { is: 'inactive' }))))
    expect(outcomes).toEqual(['terminated', 'terminated', 'terminated', 'terminated', 'held', 'held'])
  })

  it('takes a new subject with a known name for nobody until a person says who it is', async () => {
    const [feed, who] = [await one(), somebody()]
    await take(feed, say(who, { is: 'active' }, { key: 'first' }))
    await take(feed, say(who, { is: 'inactive' }, { key: 'first' }))
    expect(await take(feed, say(who, { is: 'active' }, { key: 'second' }))).toEqual(['held'])
    expect(await left(who)).not.toBeNull()
    const [question] = await held(feed)
    expect(question?.reason).toBe('identifier_reuse')
    await expect(decide([feed], [question?.id ?? ''], { is: 'apply', as: who })).rejects.toMatchObject({ code: 'CONFLICT' })
    await decide([feed], [question?.id ?? ''], { is: 'apply', as: `${who}-2` })
    expect(await left(who)).not.toBeNull()
    expect(await row(`${who}-2`)).toMatchObject({ terminated_at: null })
    // From now on each key is its own person.
    await take(feed, say(who, { is: 'inactive' }, { key: 'second' }))
    expect(await left(`${who}-2`)).not.toBeNull()

    // Two of one delivery with one name.
    const twin = somebody()
    expect(await take(feed, say(twin, { is: 'active' }, { key: 'x' }), say(twin, { is: 'active' }, { key: 'y' }))).toEqual([
      'joined',
      'held',
    ])
  })

  it('does not take a newcomer for somebody who left, whoever said that he had', async () => {
    const [feed, who] = [await one(), somebody()]
    await house.identities(['external_id,terminated_at', `${who},${NOW.subtract({ hours: 9_000 })}`])
    expect(await take(feed, say(who, { is: 'active' }))).toEqual(['held'])
    expect(await row(who)).toMatchObject({ name: who })
    // What it says next is what is asked about.
    expect(await take(feed, say(who, { is: 'inactive' }, { name: 'Second' }))).toEqual(['held'])
    const [question, ...more] = await held(feed)
    expect([question?.said.is, more, (await row(who))?.name]).toEqual(['inactive', [], who])
  })

  it('asks about the last word on a name that is used twice', async () => {
    const [feed, who] = [await one(), somebody()]
    await take(feed, say(who, { is: 'active' }, { key: 'a' }))
    expect(await take(feed, say(who, { is: 'active' }, { key: 'b' }))).toEqual(['held'])
    expect(await take(feed, say(who, { is: 'inactive' }, { key: 'b' }))).toEqual(['held'])
    const [question, ...others] = await held(feed)
    expect([question?.said.is, others]).toEqual(['inactive', []])
    await decide([feed], [question?.id ?? ''], { is: 'apply', as: `${who}-b` })
    expect([await left(who), (await left(`${who}-b`)) !== null]).toEqual([null, true])
    // A question that was denied is asked anew when something else is said.
    expect(await take(feed, say(who, { is: 'active' }, { key: 'c' }))).toEqual(['held'])
    await decide(
      [feed],
      (await held(feed)).map(({ id }) => id),
      { is: 'dismiss' },
    )
    expect(await take(feed, say(who, { is: 'active' }, { key: 'c' }))).toEqual(['ignored'])
    expect(await take(feed, say(who, { is: 'deleted' }, { key: 'c' }))).toEqual(['held'])
  })

  it('says of a name that is used twice what will be applied, and lets no answer to an older word apply a newer one', async () => {
    const [feed, who] = [await one({ inactive: 'ask' }), somebody()]
    const asked = async () => {
      const { said: _, ...first } = (await held(feed))[0] ?? expect.fail('nothing is held')
      const [told] = await statementPage(
        store.db,
        { state: ['held'], source: feed.name },
        { sort: '-at', limit: 5, after: undefined },
      )
      return { ...first, answers: answersTo(told ?? expect.fail('nothing is told')) }
    }
    await take(feed, say(who, { is: 'active' }, { key: 'holder' }))
    expect(await take(feed, say(who, { is: 'active' }, { key: 'new' }))).toEqual(['held'])
    const joined = await asked()
    expect(joined).toMatchObject({ says: 'joined', effective_at: null, answers: { same: { standing: 'active', at: null } } })
    // The last word is another question: whoever has read the first must not answer it.
    const day = NOW.subtract({ hours: 30 })
    expect(await take(feed, say(who, { is: 'terminated', at: day }, { key: 'new' }))).toEqual(['held'])
    const leaving = await asked()
    const goes = { standing: 'terminated', at: day.toString() }
    expect(leaving).toMatchObject({ says: 'terminated', identity_id: joined.identity_id, answers: { same: goes, other: goes } })
    expect(leaving.effective_at?.toString()).toBe(day.toString())
    for (const decision of [{ is: 'apply' }, { is: 'dismiss' }] as const)
      await expect(decide([feed], [joined.id], decision)).rejects.toMatchObject({ code: 'CONFLICT' })
    expect(await left(who)).toBeNull()
    // A word that says nothing of it takes nothing back.
    expect(await take(feed, say(who, { is: 'unsaid' }, { key: 'new', name: 'Renamed' }))).toEqual(['held'])
    expect((await asked()).id).toBe(leaving.id)
    // What was told is what is done.
    const [done] = await decide([feed], [leaving.id], { is: 'apply' })
    expect(done?.identity).toEqual({ externalId: who, terminatedAt: day, suspendedAt: null })
    expect(await left(who)).toBe(day.toString())
  })

  it.each<[SaidStanding, Partial<FeedPolicy>, string, 'same' | 'other']>([
    [{ is: 'active' }, {}, 'active', 'same'],
    [{ is: 'active' }, {}, 'active', 'other'],
    [{ is: 'suspended' }, {}, 'suspended', 'same'],
    [{ is: 'suspended' }, {}, 'suspended', 'other'],
    [{ is: 'inactive' }, { inactive: 'ask' }, 'terminated', 'same'],
    [{ is: 'inactive' }, { inactive: 'ask' }, 'terminated', 'other'],
    [{ is: 'inactive' }, { inactive: 'suspend' }, 'suspended', 'same'],
    [{ is: 'deleted' }, {}, 'terminated', 'same'],
    [{ is: 'deleted' }, { deleted: 'ask' }, 'terminated', 'other'],
    [{ is: 'terminated', at: NOW.add({ hours: 90 }) }, {}, 'terminated', 'same'],
    [{ is: 'terminated' }, {}, 'terminated', 'other'],
    [{ is: 'unsaid' }, {}, 'active', 'other'],
  ])('does with a known name that is %j, by %j, what it said: %s, %s', async (standing, policy, expected, answer) => {
    const [feed, who] = [await one(policy), somebody()]
    await take(feed, say(who, { is: 'active' }, { key: 'holder' }))
    await take(feed, say(who, standing, { key: 'new' }))
    const [told] = await statementPage(
      store.db,
      { state: ['held'], source: feed.name },
      { sort: '-at', limit: 5, after: undefined },
    )
    if (told === undefined) return expect.fail('nothing is held')
    const said = answersTo(told)[answer]
    expect(said.standing).toBe(expected)
    house.advance(60_000)
    const as = answer === 'other' ? `${who}-2` : undefined
    const [done] = await decide([feed], [told.id], { is: 'apply', as })
    const { terminatedAt, suspendedAt } = done?.identity ?? expect.fail('nobody')
    const now = terminatedAt !== null ? 'terminated' : suspendedAt !== null ? 'suspended' : 'active'
    expect([now, terminatedAt?.toString() ?? null]).toEqual([expected, said.at])
    expect((await left(who)) === null).toBe(answer === 'other' || expected !== 'terminated')
    expect(await held(feed)).toEqual([])
  })

  /** Somebody is missing under his key, and named under another: both are asked about. */
  const renewed = async (policy: Partial<FeedPolicy> = {}, is: 'deleted' | 'inactive' = 'deleted') => {
    const [feed, who] = [await one(policy), somebody()]
    const gone = (more: Partial<Said> = {}) => say(who, { is }, { key: 'old', ...more })
    await take(feed, say(who, { is: 'active' }, { key: 'old' }))
    expect(await take(feed, say(who, { is: 'active' }, { key: 'new' }), gone({ namedElsewhere: true }))).toEqual(['held', 'held'])
    const asked = await held(feed)
    const idOf = (reason: string) => asked.find((each) => each.reason === reason)?.id ?? expect.fail(`none is held for ${reason}`)
    expect([asked.length, await left(who)]).toEqual([2, null])
    return { feed, who, gone, missing: idOf('named_elsewhere'), same: idOf('identifier_reuse') }
  }

  it.each([
    ['deleted', 'terminate', 'terminated'],
    ['deleted', 'suspend', 'suspended'],
    ['deleted', 'ask', 'terminated'],
    ['inactive', 'terminate', 'terminated'],
    ['inactive', 'suspend', 'suspended'],
  ] as const)(
    'asks about whoever is %s by his key and named by another, where that is to %s, and tells what is done',
    async (is, policy, expected) => {
      const { feed, who, missing } = await renewed({ [is]: policy }, is)
      const rows = await statementPage(
        store.db,
        { state: ['held'], source: feed.name, reason: ['named_elsewhere'] },
        { sort: '-at', limit: 5, after: undefined },
      )
      const told = answersTo(rows[0] ?? expect.fail('nothing is told')).same
      expect(told).toEqual({ standing: expected, at: expected === 'terminated' ? house.now().toString() : null })
      house.advance(60_000)
      const [done] = await decide([feed], [missing], { is: 'apply' })
      const { terminatedAt, suspendedAt } = done?.identity ?? expect.fail('nobody')
      expect([terminatedAt?.toString() ?? null, suspendedAt !== null]).toEqual([told.at, expected === 'suspended'])
      expect(await left(who)).toBe(told.at)
    },
  )

  it('ends the question about the old key where somebody has a new one, and believes the new one from then on', async () => {
    const { feed, who, missing, same } = await renewed()
    // Both at once would call one person gone and here.
    await expect(decide([feed], [missing, same], { is: 'apply' })).rejects.toMatchObject({ code: 'CONFLICT' })
    expect([(await held(feed)).length, await left(who)]).toEqual([2, null])
    await decide([feed], [same], { is: 'apply' })
    expect([await held(feed), await left(who)]).toEqual([[], null])
    await expect(decide([feed], [missing], { is: 'apply' })).rejects.toMatchObject({ code: 'CONFLICT' })
    expect(await take(feed, say(who, { is: 'deleted' }, { key: 'new' }))).toEqual(['terminated'])
  })

  it('goes on asking about the old key where the new one is somebody else', async () => {
    const { feed, who, missing, same } = await renewed()
    await decide([feed], [same], { is: 'apply', as: `${who}-2` })
    expect((await held(feed)).map(({ id }) => id)).toEqual([missing])
    await decide([feed], [missing], { is: 'apply' })
    expect([(await left(who)) === null, await left(`${who}-2`)]).toEqual([false, null])
  })

  it.each<[string, 'dismiss' | 'apply' | undefined, (who: string) => Partial<Said>, string, boolean]>([
    ['missing and named once more, where that was denied', 'dismiss', () => ({ namedElsewhere: true }), 'ignored', true],
    ['missing and named once more, while it is asked', undefined, () => ({ namedElsewhere: true }), 'held', true],
    ['named nowhere any more, where it was denied that he had left', 'dismiss', () => ({}), 'terminated', false],
    ['named nowhere any more, while it is asked', undefined, () => ({}), 'terminated', false],
    ['there again', undefined, () => ({ standing: { is: 'active' } }), 'unchanged', true],
    ['missing once more, where it was confirmed', 'apply', () => ({}), 'unchanged', false],
  ])('takes for what it is whoever is %s', async (_name, answer, more, outcome, isHere) => {
    const { feed, who, gone, missing } = await renewed()
    if (answer !== undefined) await decide([feed], [missing], { is: answer })
    house.advance(60_000)
    expect(await take(feed, gone(more(who)))).toEqual([outcome])
    expect((await left(who)) === null).toBe(isHere)
    const open = (await held(feed)).map(({ reason }) => reason)
    expect(open.toSorted()).toEqual(['identifier_reuse', ...(outcome === 'held' ? ['named_elsewhere'] : [])])
  })

  it('counts whoever is missing and named elsewhere for too many departures, as it counts others', async () => {
    const feed = await one({ mass: { share: 0.5, least: 2, windowMs: 3_600_000 } })
    const people = Array.from({ length: 5 }, somebody)
    await take(feed, ...people.map((who) => say(who, { is: 'active' })))
    const [a = '', b = '', c = ''] = people
    const named = [a, b].map((who) => say(who, { is: 'deleted' }, { namedElsewhere: true }))
    expect(await take(feed, ...named, say(c, { is: 'deleted' }))).toEqual(['held', 'held', 'held'])
    expect((await held(feed)).map(({ reason }) => reason).toSorted()).toEqual([
      'mass_event',
      'named_elsewhere',
      'named_elsewhere',
    ])
  })

  it('says of two of one delivery with one name what the second is', async () => {
    const [feed, who] = [await one(), somebody()]
    await take(feed, say(who, { is: 'active' }, { key: 'x' }), say(who, { is: 'terminated', at: NOW }, { key: 'y' }))
    expect((await held(feed)).map(({ says, effective_at }) => [says, effective_at?.toString()])).toEqual([
      ['terminated', NOW.toString()],
    ])
  })

  it('lets somebody return under a new key, and an operator override what sources said', async () => {
    const [feed, who] = [await one(), somebody()]
    await take(feed, say(who, { is: 'active' }, { key: 'old' }))
    await take(feed, say(who, { is: 'deleted' }, { key: 'old' }))
    expect(await take(feed, say(who, { is: 'active' }, { key: 'new' }))).toEqual(['held'])
    await decide(
      [feed],
      (await held(feed)).map(({ id }) => id),
      { is: 'apply' },
    )
    expect(await left(who)).toBeNull()
    await take(feed, say(who, { is: 'inactive' }, { key: 'new' }))
    await reinstateIdentity(who, house.deps)
    expect(await take(feed, say(who, { is: 'unsaid' }, { key: 'new', name: 'Renamed' }))).toEqual(['changed'])
    expect(await left(who)).toBeNull()
  })

  it('does nothing that was held or denied because it is said once more', async () => {
    const feed = await one({ mass: { share: 0.1, least: 2, windowMs: 3_600_000 } })
    const people = Array.from({ length: 6 }, somebody)
    await take(feed, ...people.map((who) => say(who, { is: 'active' })))
    await take(feed, ...people.slice(0, 4).map((who) => say(who, { is: 'inactive' })))
    const [first = '', second = ''] = people
    house.advance(7_200_000)
    expect(await take(feed, say(first, { is: 'inactive' }, { name: 'Touched' }))).toEqual(['held'])
    await decide(
      [feed],
      (await held(feed)).map(({ id }) => id),
      { is: 'dismiss' },
    )
    expect(await take(feed, say(second, { is: 'inactive' }, { name: 'Touched' }))).toEqual(['ignored'])
    expect([await left(first), await left(second)]).toEqual([null, null])
  })

  it('takes nobody back who was held or denied because he is called active once more, until he has left again', async () => {
    const feed = await one({ mass: { share: 0.1, least: 2, windowMs: 3_600_000 } })
    const people = Array.from({ length: 6 }, somebody)
    await take(feed, ...people.map((who) => say(who, { is: 'active' })))
    for (const who of people) {
      await take(feed, say(who, { is: 'inactive' }))
      house.advance(7_200_000)
    }
    const last = people.at(-1) ?? expect.fail('nobody')
    expect(new Set(await take(feed, ...people.map((who) => say(who, { is: 'active' }))))).toEqual(new Set(['held']))
    house.advance(7_200_000)
    expect(await take(feed, say(last, { is: 'active' }, { name: 'Touched' }))).toEqual(['held'])
    const ids = (await held(feed)).map(({ id }) => id)
    await decide([feed], ids, { is: 'dismiss' })
    house.advance(7_200_000)
    expect(await take(feed, say(last, { is: 'active' }, { name: 'Again' }))).toEqual(['ignored'])
    expect((await Promise.all(people.map(left))).filter((at) => at === null)).toEqual([])
    await take(feed, say(last, { is: 'inactive' }))
    expect(await take(feed, say(last, { is: 'active' }))).toEqual(['reinstated'])
  })

  it('takes nobody back by a return that waits, once he is said to be away again', async () => {
    const feed = await one({ mass: { share: 0.1, least: 1, windowMs: 60_000 } })
    const people = Array.from({ length: 4 }, somebody)
    for (const who of people) {
      await take(feed, say(who, { is: 'active' }))
      await take(feed, say(who, { is: 'inactive' }))
      house.advance(120_000)
    }
    await take(feed, ...people.map((who) => say(who, { is: 'active' })))
    const [first = ''] = people
    house.advance(1_000)
    expect(await take(feed, say(first, { is: 'deleted' }))).toEqual(['unchanged'])
    const questions = await held(feed)
    expect(questions).toHaveLength(3)
    await decide(
      [feed],
      questions.map(({ id }) => id),
      { is: 'apply' },
    )
    expect((await Promise.all(people.map(left))).map((at) => at === null)).toEqual([false, true, true, true])
  })

  it('counts a departure from when it was first told of, whatever word renews the question', async () => {
    const feed = await one({ inactive: 'ask', deleted: 'ask' })
    const [who, dated] = [somebody(), somebody()]
    await take(feed, say(who, { is: 'active' }), say(dated, { is: 'active' }))
    const first = house.now()
    await take(feed, say(who, { is: 'inactive' }), say(dated, { is: 'inactive' }))
    house.advance(3_600_000)
    expect(await take(feed, say(who, { is: 'deleted' }))).toEqual(['held'])
    await decide(
      [feed],
      (await held(feed)).map(({ id }) => id),
      { is: 'apply' },
    )
    expect((await left(who))?.toString()).toBe(first.toString())
  })

  it('asks about a deletion though the inactivity before it was answered', async () => {
    const feed = await one({ inactive: 'suspend', deleted: 'ask' })
    const who = somebody()
    await take(feed, say(who, { is: 'active' }))
    await take(feed, say(who, { is: 'inactive' }))
    expect(await take(feed, say(who, { is: 'deleted' }))).toEqual(['held'])
    const [question] = await held(feed)
    await decide([feed], [question?.id ?? ''], { is: 'apply' })
    expect(await left(who)).not.toBeNull()
  })

  it('holds a return of many as well: a wrong mapping must not end their trials', async () => {
    const feed = await one({ mass: { share: 0.5, least: 2, windowMs: 60_000 } })
    const people = Array.from({ length: 8 }, somebody)
    for (const who of people) {
      await take(feed, say(who, { is: 'active' }))
      await take(feed, say(who, { is: 'inactive' }))
      house.advance(120_000)
    }
    expect(new Set(await take(feed, ...people.map((who) => say(who, { is: 'active' }))))).toEqual(new Set(['held']))
    expect((await Promise.all(people.map(left))).filter((at) => at === null)).toEqual([])
    await decide(
      [feed],
      (await held(feed)).map(({ id }) => id),
      { is: 'apply' },
    )
    expect((await Promise.all(people.map(left))).filter((at) => at === null)).toHaveLength(8)
  })

  it('finds an external id whatever its case, and asks where several differ in it alone', async () => {
    const [feed, who] = [await one(), `Case${somebody()}`]
    await house.identities(['external_id', who])
    expect(await take(feed, say(who.toUpperCase(), { is: 'inactive' }))).toEqual(['terminated'])
    expect(await left(who)).not.toBeNull()
    const other = `Two${somebody()}`
    await house.identities(['external_id', other, other.toLowerCase()])
    expect(await take(feed, say(other.toUpperCase(), { is: 'inactive' }))).toEqual(['held'])
  })

  it('passes over what is older than what was said before, and strangers where joiners are not followed', async () => {
    const [feed, who] = [await one(), somebody()]
    await take(feed, say(who, { is: 'inactive' }, { at: NOW.add({ hours: 1 }) }))
    expect(await take(feed, say(who, { is: 'active' }, { at: NOW }))).toEqual(['ignored'])
    const closed = await one({ joiners: 'ignore' })
    const stranger = somebody()
    expect(await take(closed, say(stranger, { is: 'inactive' }))).toEqual(['ignored'])
    expect(await row(stranger)).toBeUndefined()
  })

  it('tells which sources fell silent, by their own periods', async () => {
    const [feed, other] = await feeds(2)
    if (feed === undefined || other === undefined) return expect.fail('no feeds')
    house.advance(3_000_000)
    await take(feed)
    house.advance(3_000_000)
    const silent = (await silences(store.db, house.now())).filter(({ silent }) => silent).map(({ id }) => id)
    expect(silent).toContain(other.id)
    expect(silent).not.toContain(feed.id)
  })

  it('counts those who leave at the same moment one after the other', async () => {
    const feed = await one({ mass: { share: 0.1, least: 3, windowMs: 3_600_000 } })
    const people = Array.from({ length: 8 }, somebody)
    await take(feed, ...people.map((who) => say(who, { is: 'active' })))
    const outcomes = (await Promise.all(people.map((who) => take(feed, say(who, { is: 'inactive' }))))).flat()
    expect(outcomes.filter((outcome) => outcome === 'terminated')).toHaveLength(3)
  })

  it('agrees with a simple model over any history of two sources', async () => {
    const word = fc.record({
      feed: fc.integer({ min: 0, max: 1 }),
      is: fc.constantFrom<'active' | 'terminated'>('active', 'terminated'),
      hours: fc.integer({ min: -48, max: 48 }),
    })
    const two = await feeds(2)
    await fc.assert(
      fc.asyncProperty(fc.array(word, { minLength: 1, maxLength: 8 }), async (words) => {
        const who = somebody()
        const said: (string | null)[] = [null, null]
        const heard: ('known' | 'unproven' | undefined)[] = [undefined, undefined]
        for (const { feed, is, hours } of words) {
          const at = NOW.add({ hours })
          const source = two[feed]
          if (source === undefined) return
          await take(source, say(who, is === 'active' ? { is } : { is, at }, { key: `${feed}-${who}` }))
          // Here by the name of one who left: a person is asked who it is, and nothing that it says counts until then.
          const left = said.some((each) => each !== null && Temporal.Instant.compare(each, house.now()) <= 0)
          heard[feed] ??= left && is === 'active' ? 'unproven' : 'known'
          if (heard[feed] === 'known') said[feed] = is === 'active' ? null : at.toString()
        }
        const earliest = said.filter((each) => each !== null).toSorted((a, b) => Temporal.Instant.compare(a, b))[0] ?? null
        expect(await left(who)).toBe(earliest)
      }),
      { numRuns: 60 },
    )
  }, 60_000)

  it('writes a delivery of thousands in pages, each identity once', async () => {
    const feed = await one()
    const tag = newId()
    const many = Array.from({ length: 1_200 }, (_, each) => say(`${tag}-${each}`, { is: 'active' }))
    expect(new Set(await take(feed, ...many))).toEqual(new Set(['joined']))
    const { count } = await store.db
      .selectFrom('feed_subject')
      .select(({ fn }) => fn.countAll<string>().as('count'))
      .where('feed_id', '=', feed.id)
      .executeTakeFirstOrThrow()
    expect(Number(count)).toBe(1_200)
  })
})
