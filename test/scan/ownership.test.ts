import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { parseConfig } from '../../src/config/load.ts'
import { minimiseSecrets } from '../../src/daemon/minimise.ts'
import { type OwnershipRuntime, ownershipByClock, ownershipOfAll } from '../../src/daemon/ownership.ts'
import { cancelHandover, handOver, postponeHandover } from '../../src/findings/handover.ts'
import { type OwnershipDeps, settleOwnership } from '../../src/findings/ownership.ts'
import { resolveFinding } from '../../src/findings/resolve.ts'
import { type CredentialIntakeDeps, importCredentials } from '../../src/intake/credentials.ts'
import { checkStillHere, type HeldEntry } from '../../src/intake/holders.ts'
import { importIdentities } from '../../src/intake/identities.ts'
import { retireCredential } from '../../src/intake/retire.ts'
import { reinstateIdentity, terminateIdentity } from '../../src/intake/terminate.ts'
import { Outrun } from '../../src/intake/transaction.ts'
import type { TrialDeps } from '../../src/scan/deps.ts'
import { runTrial } from '../../src/scan/trial.ts'
import { toldCredential } from '../../src/store/credential-page.ts'
import { findingEvents } from '../../src/store/finding.ts'
import { handoverPage } from '../../src/store/handover.ts'
import type { IdentityRow } from '../../src/store/identity.ts'
import { holdersOf } from '../../src/store/share.ts'
import { checks } from '../config/checks.ts'
import { given } from '../intake/files.ts'
import type { TokenApi } from '../servers/token-api.ts'
import { type House, POLICY } from './house.ts'
import { type KeptHouse, type KeptHouses, openKeptHouses } from './kept-house.ts'

const HOUR_MS = 3_600_000
/** Decoys look like the secrets, and are none. */
const TOKENS = new Set(['own-old', 'own-new', 'own-one', 'own-two'])

/** Handovers and shared secrets, with real trials against a real API that writes down every token it sees. */
describe('what others go on with', () => {
  let houses: KeptHouses
  let kept: KeptHouse
  let api: TokenApi
  let house: House
  let deps: TrialDeps
  let intake: CredentialIntakeDeps
  let acting: OwnershipDeps
  let clock: OwnershipRuntime
  let system: string
  const db = () => houses.db()
  beforeAll(async () => {
    houses = await openKeptHouses()
  })
  afterAll(() => houses.stop())
  beforeEach(async () => {
    kept = await houses.open()
    ;({ api, house, deps, intake, system } = kept)
    acting = { db: db(), actor: 'test', now: deps.now, policy: POLICY, raise: deps.raise }
    clock = {
      ...{ store: houses.store, now: deps.now, raise: deps.raise, config: { policy: POLICY } },
      onOwnership: (tx, ownerships, at) => settleOwnership(tx, ownerships, at, acting),
    }
  })
  afterEach(async () => {
    await kept.close()
  })

  const who = (name: string) => `${name} of ${system}`
  const here = (...names: string[]) =>
    importIdentities(
      given(`external_id,status\n${names.map((name) => `${who(name)},active\n`).join('')}`, 'csv', 1_000),
      intake,
      {
        dryRun: false,
      },
    )
  const register = (rows: object[], dryRun = false) =>
    importCredentials(given(rows.map((each) => JSON.stringify({ system, ...each })).join('\n'), 'jsonl', 1_000), intake, {
      dryRun,
    })
  const leave = (name: string) => terminateIdentity(who(name), undefined, intake)
  const run = () => runTrial({ systemId: house.system.id, shard: 0 }, new AbortController().signal, deps)
  const seen = () => [...new Set(api.requests.flatMap(({ token }) => (token !== undefined && TOKENS.has(token) ? [token] : [])))]
  const later = async (ms: number) => {
    house.advance(ms)
    return run()
  }
  const held = async (name: string) =>
    db()
      .selectFrom('credential as k')
      .innerJoin('identity as i', 'i.id', 'k.identity_id')
      .innerJoin('check_state as c', 'c.credential_id', 'k.id')
      .select(['k.id', 'k.share_id', 'k.rotated_at', 'k.retired_reason', 'k.handover_by', 'c.due_at', 'c.dead_at'])
      .where('i.external_id', '=', who(name))
      .executeTakeFirstOrThrow()
  const findingOf = async (name: string) =>
    db()
      .selectFrom('finding')
      .selectAll()
      .where('credential_id', '=', (await held(name)).id)
      .executeTakeFirst()
  const told = () =>
    house.edges.filter(({ event }) => event !== 'reminded').map(({ event, finding }) => [event, finding.kind, finding.severity])

  it('gives access over until a date, and calls for its end from then on; the new one is never tried', async () => {
    await here('lea', 'rob')
    await register([{ identity: who('lea'), secret: { token: 'own-old' } }])
    api.live.set('own-old', 'lea')
    api.live.set('own-new', 'rob')
    await leave('lea')
    const by = deps.now().add({ hours: 240 }).round('second')
    const agreement = { leaver: who('lea'), receiver: who('rob'), by, note: 'payroll moves' }
    expect(await handOver(agreement, acting)).toMatchObject({ created: true, credentials: 1, transferred: [], orphaned: [] })
    await register([{ identity: who('rob'), secret: { token: 'own-new' } }])
    await run()
    expect(told()).toEqual([['opened', 'handover_overdue', 'info']])
    // A second before the date it is still what was agreed: the check at the date itself is planned.
    await later(by.epochMilliseconds - deps.now().epochMilliseconds - 1_000)
    await run()
    expect(told()).toHaveLength(1)
    expect((await held('lea')).due_at?.epochMilliseconds).toBe(by.epochMilliseconds)
    await later(2_000)
    expect(told().at(-1)).toEqual(['escalated', 'handover_overdue', 'medium'])
    api.live.delete('own-old')
    await later(26 * HOUR_MS)
    await later(HOUR_MS)
    expect(told().at(-1)).toEqual(['resolved', 'handover_overdue', 'medium'])
    expect((await held('rob')).due_at).toBeNull()
    expect(seen()).toEqual(['own-old'])
  })

  it('makes what was found before an agreed thing, moves its date, and takes it back', async () => {
    await here('lea', 'rob')
    await register([{ identity: who('lea'), secret: { token: 'own-old' } }])
    api.live.set('own-old', 'lea')
    await terminateIdentity(who('lea'), deps.now().subtract({ hours: 72 }), intake)
    await run()
    expect(told()).toEqual([['opened', 'residual_access', 'medium']])
    const agreement = { leaver: who('lea'), receiver: who('rob'), by: deps.now().add({ hours: 48 }) }
    const { id } = await handOver(agreement, acting)
    const finding = await findingOf('lea')
    expect(finding).toMatchObject({ severity: 'info', state: 'open' })
    const events = await findingEvents(db(), finding?.id ?? '')
    expect(events.at(-1)).toMatchObject({ event: 'handed_over', severity: 'info', actor: 'test' })
    await later(HOUR_MS * 30)
    expect(told()).toHaveLength(1)
    // Once more between the same two: the same handover, another date.
    const sooner = deps.now().add({ hours: 1 }).round('second')
    expect(await handOver({ ...agreement, by: sooner }, acting)).toMatchObject({ id, created: false, credentials: 1 })
    expect((await held('lea')).handover_by?.toString()).toBe(sooner.toString())
    await later(2 * HOUR_MS)
    expect(told().at(-1)).toEqual(['escalated', 'handover_overdue', 'medium'])
    expect(await postponeHandover(id, deps.now().add({ hours: 24 }), 'one more day', acting)).toEqual({ credentials: 1 })
    expect(await findingOf('lea')).toMatchObject({ severity: 'info' })
    // Rob leaves in two days: until then he takes over, and no longer.
    await terminateIdentity(who('rob'), deps.now().add({ hours: 48 }), intake)
    const beyond = postponeHandover(id, deps.now().add({ hours: 72 }), undefined, acting)
    await expect(beyond).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      message: expect.stringContaining('will have by the date'),
    })
    expect(await cancelHandover(id, undefined, acting)).toEqual({ credentials: 1 })
    await expect(cancelHandover(id, undefined, acting)).rejects.toMatchObject({ code: 'CONFLICT' })
    await run()
    expect(told().at(-1)).toEqual(['escalated', 'residual_access', 'medium'])
    expect((await held('lea')).handover_by).toBeNull()
  })

  const handoversOf = async (name: string) => {
    const { id } = await db().selectFrom('identity').select('id').where('external_id', '=', who(name)).executeTakeFirstOrThrow()
    const rows = await handoverPage(db(), { identityId: id }, { sort: 'createdAt', after: undefined, limit: 10 }, deps.now())
    return rows.map(({ state, credentials }) => ({ state, ...credentials }))
  }
  const oneOf = async (name: string) =>
    (await toldCredential(db(), (await held(name)).id, { within: POLICY.revokeWithinMs, now: deps.now() }))?.handover?.state

  it('tells what was taken off the list from what is refused, and calls for it on the date', async () => {
    await here('lea', 'rob')
    await register([{ identity: who('lea'), secret: { token: 'own-old' } }])
    api.live.set('own-old', 'lea')
    await terminateIdentity(who('lea'), deps.now().subtract({ hours: 72 }), intake)
    await run()
    await handOver({ leaver: who('lea'), receiver: who('rob'), by: deps.now().add({ hours: 48 }) }, acting)
    const { id } = await held('lea')
    await retireCredential(id, intake)
    const left = { total: 1, refused: 0, retired: 1, open: 0 }
    expect(await handoversOf('lea')).toEqual([{ state: 'running', ...left }])
    await ownershipByClock(clock)
    expect(await findingOf('lea')).toMatchObject({ severity: 'info' })
    house.advance(49 * HOUR_MS)
    expect(await handoversOf('lea')).toEqual([{ state: 'overdue', ...left }])
    expect(await oneOf('lea')).toBe('overdue')
    await ownershipByClock(clock)
    await ownershipByClock(clock)
    expect(told()).toEqual([
      ['opened', 'residual_access', 'medium'],
      ['escalated', 'residual_access', 'medium'],
    ])
    expect(await findingOf('lea')).toMatchObject({ severity: 'medium', state: 'open' })
    // Nothing tries it any more: whoever knows closes it by hand, and nothing is left of the handover.
    await resolveFinding((await findingOf('lea'))?.id ?? '', 'seen to', acting)
    expect(await handoversOf('lea')).toEqual([{ state: 'done', ...left }])
    expect(await oneOf('lea')).toBe('done')
  })

  it('gives the severity back where a handover is cancelled whose credential is off the list', async () => {
    await here('lea', 'rob')
    await register([{ identity: who('lea'), secret: { token: 'own-old' } }])
    api.live.set('own-old', 'lea')
    await terminateIdentity(who('lea'), deps.now().subtract({ hours: 72 }), intake)
    await run()
    const by = deps.now().add({ hours: 48 })
    const { id } = await handOver({ leaver: who('lea'), receiver: who('rob'), by }, acting)
    await retireCredential((await held('lea')).id, intake)
    await cancelHandover(id, undefined, acting)
    await ownershipByClock(clock)
    expect(told().at(-1)).toEqual(['escalated', 'residual_access', 'medium'])
  })

  it('counts as refused what is proven, on the list or off it for that', async () => {
    await here('lea', 'rob')
    await register([{ identity: who('lea'), secret: { token: 'own-old' } }])
    await terminateIdentity(who('lea'), deps.now().subtract({ hours: 72 }), intake)
    await handOver({ leaver: who('lea'), receiver: who('rob'), by: deps.now().add({ hours: 48 }) }, acting)
    await run()
    expect(await handoversOf('lea')).toEqual([{ state: 'running', total: 1, refused: 0, retired: 0, open: 0 }])
    await later(HOUR_MS)
    const done = { state: 'done', total: 1, refused: 1, retired: 0, open: 0 }
    expect(await handoversOf('lea')).toEqual([done])
    await retireCredential((await held('lea')).id, intake)
    expect(await handoversOf('lea')).toEqual([done])
  })

  it('calls a handover empty that nothing is given over by: of services only, or taken over by a later one, or an import', async () => {
    await here('lea', 'rob', 'ann')
    await terminateIdentity(who('lea'), undefined, intake)
    await handOver({ leaver: who('lea'), receiver: who('rob'), by: deps.now().add({ hours: 1 }) }, acting)
    const nothing = { state: 'empty', total: 0, refused: 0, retired: 0, open: 0 }
    expect(await handoversOf('lea')).toEqual([nothing])
    await register([{ identity: who('lea'), secret: { token: 'own-old' } }])
    const by = deps.now().add({ hours: 2 })
    await handOver({ leaver: who('lea'), receiver: who('rob'), by }, acting)
    await handOver({ leaver: who('lea'), receiver: who('ann'), by }, acting)
    house.advance(3 * HOUR_MS)
    expect(await handoversOf('lea')).toEqual([nothing, { ...nothing, state: 'overdue', total: 1 }])
    const date = deps.now().add({ hours: 9 }).toString({ smallestUnit: 'second' })
    await register([{ identity: who('lea'), secret: { token: 'own-old' }, handover_by: date }])
    expect(await handoversOf('lea')).toEqual([nothing, nothing])
  })

  it('moves the date of what is off the list as well', async () => {
    await here('lea', 'rob')
    await register([{ identity: who('lea'), secret: { token: 'own-old' } }])
    api.live.set('own-old', 'lea')
    await terminateIdentity(who('lea'), deps.now().subtract({ hours: 72 }), intake)
    await run()
    const { id } = await handOver({ leaver: who('lea'), receiver: who('rob'), by: deps.now().add({ hours: 48 }) }, acting)
    await retireCredential((await held('lea')).id, intake)
    await postponeHandover(id, deps.now().add({ hours: 96 }), undefined, acting)
    house.advance(50 * HOUR_MS)
    await ownershipByClock(clock)
    expect(await findingOf('lea')).toMatchObject({ severity: 'info' })
    await postponeHandover(id, deps.now().add({ hours: 2 }), undefined, acting)
    house.advance(3 * HOUR_MS)
    await ownershipByClock(clock)
    expect(await findingOf('lea')).toMatchObject({ severity: 'medium', state: 'open' })
  })

  it('ends with the return of the leaver: of another departure nothing is agreed', async () => {
    await here('lea', 'rob')
    await register([{ identity: who('lea'), secret: { token: 'own-old' } }])
    api.live.set('own-old', 'lea')
    await terminateIdentity(who('lea'), deps.now().subtract({ hours: 72 }), intake)
    await run()
    await handOver({ leaver: who('lea'), receiver: who('rob'), by: deps.now().add({ hours: 480 }) }, acting)
    expect(await findingOf('lea')).toMatchObject({ severity: 'info' })
    await reinstateIdentity(who('lea'), intake)
    expect(await handoversOf('lea')).toEqual([{ state: 'cancelled', total: 0, refused: 0, retired: 0, open: 0 }])
    await terminateIdentity(who('lea'), deps.now().subtract({ hours: 72 }), intake)
    await later(HOUR_MS)
    expect((await findingOf('lea'))?.severity).not.toBe('info')
  })

  it('opens and closes what is orphaned by the clock, and of that only', async () => {
    const at = deps.now().add({ hours: 1 }).round('second')
    const rows = [
      `${who('olga')},human,,${at.toString()}`,
      `${who('bot')},service,${who('olga')},`,
      `${who('agent')},agent,${who('olga')},${at.add({ hours: 1 }).toString()}`,
      `${who('gone')},service,${who('olga')},${at.subtract({ minutes: 1 }).toString()}`,
    ]
    const file = `external_id,kind,owner,terminated_at\n${rows.map((row) => `${row}\n`).join('')}`
    const report = await importIdentities(
      given(file, 'csv', 1_000),
      { ...intake, onOwnership: clock.onOwnership },
      { dryRun: false },
    )
    expect(report).toMatchObject({ created: 4, badTotal: 0 })
    const orphans = async () =>
      (
        await db()
          .selectFrom('finding as f')
          .innerJoin('identity as i', 'i.id', 'f.identity_id')
          .select(['i.external_id', 'f.state'])
          .where('i.external_id', 'in', ['bot', 'agent', 'gone'].map(who))
          .orderBy('i.external_id')
          .execute()
      ).map(({ external_id, state }) => [external_id, state])
    await ownershipByClock(clock)
    expect(await orphans()).toEqual([])
    house.advance(at.epochMilliseconds - deps.now().epochMilliseconds)
    await ownershipByClock(clock)
    const opened = [
      [who('agent'), 'open'],
      [who('bot'), 'open'],
    ]
    expect(await orphans()).toEqual(opened)
    // What is told of already is left alone.
    const edges = house.edges.length
    await ownershipByClock(clock)
    expect(house.edges).toHaveLength(edges)
    house.advance(HOUR_MS)
    await ownershipByClock(clock)
    const closed = [[who('agent'), 'resolved'], opened[1]]
    expect(await orphans()).toEqual(closed)
    // However long nothing ran.
    await terminateIdentity(who('bot'), deps.now().add({ hours: 1 }), { ...intake, onOwnership: clock.onOwnership })
    house.advance(9 * HOUR_MS)
    await ownershipByClock(clock)
    expect(await orphans()).toEqual(closed)
    await ownershipOfAll(clock)
    expect(await orphans()).toEqual([closed[0], [who('bot'), 'resolved']])
  })

  it('tries the value that a leaver knew until it is refused, and never the one that the others have since', async () => {
    await here('anna', 'ben', 'cleo')
    const shared = { label: 'root', holders: `${who('ben')}; ${who('cleo')}` }
    const first = { ...shared, identity: who('anna'), secret: { token: 'own-one' } }
    expect(await register([first], true)).toMatchObject({ created: 3, badTotal: 0 })
    expect(await register([first])).toMatchObject({ created: 3, dueNow: 0 })
    expect(await register([first])).toMatchObject({ created: 0, updated: 0, unchanged: 3 })
    api.live.set('own-one', 'root')
    api.live.set('own-two', 'root')
    await run()
    expect(seen()).toEqual([])
    await leave('cleo')
    await run()
    expect(told()).toEqual([['opened', 'shared_secret_not_rotated', 'info']])
    await later(25 * HOUR_MS)
    expect(told().at(-1)).toEqual(['escalated', 'shared_secret_not_rotated', 'high'])

    // Registered for one of those who are here: it is the value of all who are, and of nobody else.
    const second = { label: 'root', identity: who('ben'), secret: { token: 'own-two' } }
    expect(await register([second])).toMatchObject({ updated: 2, dueNow: 0, badTotal: 0 })
    expect(await register([second])).toMatchObject({ updated: 0, unchanged: 2 })
    const cleo = await held('cleo')
    expect(cleo).toMatchObject({ rotated_at: expect.anything(), retired_reason: null })
    const now = await holdersOf(db(), cleo.id, 10, { within: POLICY.revokeWithinMs, now: deps.now() })
    expect(now.map(({ identity, current }) => [identity.externalId, current])).toEqual([
      [who('anna'), true],
      [who('ben'), true],
      [who('cleo'), false],
    ])
    await later(26 * HOUR_MS)
    expect(seen()).toEqual(['own-one'])

    // Nothing is retired before it is proven refused.
    const config = await parseConfig('systems: []', 'f.yaml', checks)
    const own = { config: { ...config, custody: {} }, instance: 'r', now: deps.now, store: houses.store }
    const minimise = () => minimiseSecrets(own)
    expect(await minimise()).toMatchObject({ rotated: 0 })
    api.live.delete('own-one')
    await later(26 * HOUR_MS)
    expect(await minimise()).toMatchObject({ rotated: 0 })
    await later(HOUR_MS)
    expect(told().at(-1)).toEqual(['resolved', 'shared_secret_not_rotated', 'high'])
    expect(await minimise()).toMatchObject({ rotated: 1 })
    expect(await held('cleo')).toMatchObject({ retired_reason: 'rotated', due_at: null })
    expect(seen()).toEqual(['own-one'])

    // The next to leave knows the value of his time.
    await leave('ben')
    await run()
    expect(seen()).toEqual(['own-one', 'own-two'])
  })

  it('keeps a leaver out of whatever is said of the others, and takes a value for whom it names where nobody is left', async () => {
    await here('anna', 'ben')
    const row = { identity: who('anna'), label: 'x', holders: who('ben'), secret: { token: 'own-one' } }
    await register([row])
    await leave('anna')
    // Still under the name of whoever was first: he has left, and it is not his.
    expect(await register([{ ...row, secret: { token: 'own-two' } }])).toMatchObject({ updated: 1, dueNow: 0, badTotal: 0 })
    await run()
    expect(seen()).toEqual(['own-one'])
    expect(await register([{ ...row, retired: false, secret: { token: 'own-two' } }])).toMatchObject({ updated: 0 })
    await leave('ben')
    await run()
    expect(seen()).toEqual(['own-one', 'own-two'])
    const alone = { identity: who('ben'), label: 'x', secret: { token: 'own-new' } }
    expect(await register([alone])).toMatchObject({ updated: 1, dueNow: 1 })
    expect(await register([{ identity: who('anna'), label: 'x', holders: who('ben'), retired: true }])).toMatchObject({
      updated: 2,
    })
    expect(await held('ben')).toMatchObject({ retired_reason: 'operator' })
  })

  it('has a batch read anew where somebody leaves meanwhile', () => {
    const left = { terminated_at: intake.now().subtract({ seconds: 1 }) }
    const entry = { externalId: 'ben', onlyHere: true } as HeldEntry
    const known = (row: object) => new Map([['ben', row as IdentityRow]])
    expect(() => checkStillHere([entry], known(left), intake.now())).toThrow(Outrun)
    checkStillHere([entry], known({ terminated_at: null }), intake.now())
    checkStillHere([{ ...entry, onlyHere: false }], known(left), intake.now())
  })

  it('names holders that are not known, and a row of his own counts for each', async () => {
    await here('anna', 'ben')
    const row = { identity: who('anna'), label: 'x', secret: { token: 'own-a' } }
    const report = await register([{ ...row, holders: `${who('ben')};nobody;nobody else` }])
    expect(report).toMatchObject({ created: 0, badTotal: 1 })
    expect(report.bad).toMatchObject([{ line: 1, field: 'holders', message: expect.stringContaining('2 who are not known') }])
    expect(await register([{ ...row, holders: who('ben'), shared: false }])).toMatchObject({ badTotal: 1 })
    const own = { identity: who('ben'), label: 'x', secret: { token: 'own-b' } }
    expect(await register([{ ...row, holders: who('ben') }, own])).toMatchObject({ created: 2, badTotal: 0 })
    expect((await held('ben')).share_id).toBeNull()
  })

  it('refuses what nobody can agree', async () => {
    await here('lea', 'rob', 'gone')
    await leave('gone')
    const by = deps.now().add({ hours: 1 })
    const agreement = { leaver: who('lea'), receiver: who('rob'), by }
    const refused: [object, string][] = [
      [{ receiver: who('lea') }, 'INPUT_INVALID'],
      [{ receiver: who('gone') }, 'INPUT_INVALID'],
      [{ receiver: 'nobody' }, 'NOT_FOUND'],
      [{ by: deps.now() }, 'INPUT_INVALID'],
      [{ owner: who('lea') }, 'INPUT_INVALID'],
      [{ owner: who('gone') }, 'INPUT_INVALID'],
      [{ credentialIds: ['00000000-0000-7000-8000-000000000000'] }, 'NOT_FOUND'],
    ]
    for (const [fields, code] of refused)
      await expect(handOver({ ...agreement, ...fields }, acting)).rejects.toMatchObject({ code })
    expect(
      await db()
        .selectFrom('handover')
        .selectAll()
        .where('leaver_id', 'in', db().selectFrom('identity').select('id').where('external_id', '=', who('lea')))
        .execute(),
    ).toEqual([])
  })
})
