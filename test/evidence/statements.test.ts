import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newId } from '../../src/domain/id.ts'
import { statementScope } from '../../src/evidence/bundle/request.ts'
import { type StatementName, statementRows } from '../../src/evidence/statements.ts'
import { summarise } from '../../src/evidence/summary.ts'
import type { StatementScope } from '../../src/store/evidence-statements.ts'
import { coverageDays, survivalRows } from '../../src/store/evidence-summary.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { type BundleHouse, openBundleHouse } from './bundle-house.ts'

const HOUR = 3_600_000

describe.each(STORES)('statements on $name', { timeout: 60_000 }, ({ available, open }) => {
  let store: TestStore
  let house: BundleHouse
  const rows = (name: StatementName, scope: Partial<StatementScope> = {}, limit?: number) =>
    Array.fromAsync(statementRows(house.db, name, { ...statementScope(house.deps, house.scope), ...scope }, limit))
  const when = it.skipIf(!available)
  beforeAll(async () => {
    if (!available) return
    store = await open()
    house = await openBundleHouse(store.store.db)
  })
  afterAll(async () => {
    if (available) await store.stop()
  })

  when('leavers: every path, and when it was proven closed', async () => {
    const all = await rows('leavers')
    expect(all.map(({ external_id, system, state, in_time, took_ms }) => [external_id, system, state, in_time, took_ms])).toEqual(
      [
        ['E1', 'payroll', 'closed', true, HOUR],
        ['E1', 'wiki', 'open', null, null],
        ['E2', 'wiki', 'unverified', null, null],
      ],
    )
    expect(all[0]).toMatchObject({ allowed_ms: 2 * HOUR, closed_at: expect.stringMatching(/Z$/) })
    expect(await rows('leavers', { identity: 'E2' })).toHaveLength(1)
    expect(await rows('leavers', { system: 'payroll' })).toHaveLength(1)
    expect(await rows('leavers', { from: house.scope.to, to: house.scope.to.add({ hours: 1 }) })).toEqual([])
  })

  when('leavers: late where the deadline has passed, whatever is known', async () => {
    const strict = await rows('leavers', { revokeWithinMs: { low: 1, standard: 1, critical: 1 } })
    expect(strict.map(({ in_time }) => in_time)).toEqual([false, false, false])
  })

  when('leavers: somebody without a credential, and one that was retired', async () => {
    const { db } = house
    const id = newId()
    const left = house.scope.from.add({ hours: 1 }).toString()
    await db
      .insertInto('identity')
      .values({ id, external_id: 'E0', kind: 'human', name: 'Nobody', terminated_at: left, source: 'test' })
      .execute()
    const credential = house.ids.credentials['anna@wiki'] ?? ''
    await db.updateTable('credential').set({ retired_at: house.scope.to.toString() }).where('id', '=', credential).execute()
    const all = await rows('leavers')
    expect(all.map(({ external_id, state, in_time }) => [external_id, state, in_time])).toEqual([
      ['E0', null, null],
      ['E1', 'closed', true],
      ['E1', 'retired', null],
      ['E2', 'unverified', null],
    ])
    await db.deleteFrom('identity').where('id', '=', id).execute()
    await db.updateTable('credential').set({ retired_at: null }).where('id', '=', credential).execute()
  })

  when('what was taken off the list before anything was proven is told, and counts for nobody', async () => {
    const { db } = house
    const credential = house.ids.credentials['anna@wiki'] ?? ''
    const retire = (at: Temporal.Instant | null) =>
      db
        .updateTable('credential')
        .set({ retired_at: at?.toString() ?? null })
        .where('id', '=', credential)
        .execute()
    await retire(house.scope.to.subtract({ hours: 1 }))
    const why = (all: Awaited<ReturnType<typeof rows>>) =>
      all.map(({ external_id, state, why: reason }) => [external_id, state, reason])
    expect(why(await rows('unverified'))).toEqual([
      ['E1', 'retired', 'retired_before_proof'],
      ['E2', 'unverified', 'unreachable'],
    ])
    const figures = ({ system, credentials, in_time, not_proven, retired }: Record<string, unknown>) => [
      system,
      credentials,
      in_time,
      not_proven,
      retired,
    ]
    expect((await rows('revocation')).map(figures)).toEqual([
      ['payroll', 1, 1, 0, 0],
      ['wiki', 1, 0, 1, 1],
    ])
    // Nor is the curve better for it.
    const ends = await survivalRows(db, { from: house.scope.from, to: house.scope.to })
    expect(ends.reduce((sum, { censored, closed }) => sum + censored + closed, 0)).toBe(3)
    // Before the holder left it was no path of a leaver.
    await retire(house.scope.from.subtract({ hours: 99 }))
    expect(await rows('unverified')).toHaveLength(1)
    expect((await rows('revocation')).map(figures)[1]).toEqual(['wiki', 1, 0, 1, 0])
    await retire(null)
  })

  when('whoever leaves tomorrow has not left, in a period that has not ended', async () => {
    const { db } = house
    const tomorrow = house.deps.now().add({ hours: 24 })
    const bert = house.ids.bert
    const { terminated_at: before } = await db
      .selectFrom('identity')
      .select('terminated_at')
      .where('id', '=', bert)
      .executeTakeFirstOrThrow()
    await db.updateTable('identity').set({ terminated_at: tomorrow.toString() }).where('id', '=', bert).execute()
    const scope = { ...house.scope, to: tomorrow.add({ hours: 24 }) }
    const all = (name: StatementName) => Array.fromAsync(statementRows(db, name, statementScope(house.deps, scope)))
    expect((await all('leavers')).map(({ external_id }) => external_id)).toEqual(['E1', 'E1'])
    expect(await all('unverified')).toEqual([])
    const { checks } = await summarise(house.deps, scope)
    // What was observed of him stands, as long as he had left.
    expect(checks[0]).toMatchObject({ check: 'revocation', tested: 3 })
    await db
      .updateTable('identity')
      .set({ terminated_at: before?.toString() ?? null })
      .where('id', '=', bert)
      .execute()
  })

  when('revocation: time against policy, by system', async () => {
    const figures = ({ system, credentials, in_time, late, still_open, not_proven, median_ms }: Record<string, unknown>) => [
      system,
      credentials,
      in_time,
      late,
      still_open,
      not_proven,
      median_ms,
    ]
    expect((await rows('revocation')).map(figures)).toEqual([
      ['payroll', 1, 1, 0, 0, 0, HOUR],
      ['wiki', 2, 0, 0, 1, 1, null],
    ])
    const strict = await rows('revocation', { revokeWithinMs: { low: 1, standard: 1, critical: HOUR - 1 } })
    expect(strict.map(figures)[0]).toEqual(['payroll', 1, 0, 1, 0, 0, HOUR])
  })

  when('unverified: what nothing is proven of, and why', async () => {
    expect(await rows('unverified')).toMatchObject([
      { external_id: 'E2', system: 'wiki', why: 'unreachable', failures: 3, last_proof_at: null },
    ])
    await house.db
      .insertInto('pause')
      .values({ scope: '*', paused_at: house.scope.from.toString(), paused_by: 'x', note: '' })
      .execute()
    expect(await rows('unverified')).toMatchObject([{ why: 'paused' }])
    await house.db.deleteFrom('pause').execute()
  })

  when('gaps, exemptions, operators and open items', async () => {
    expect(await rows('gaps')).toMatchObject([{ system: 'wiki', reason: 'paused', to_at: null, credentials: 1 }])
    expect(await rows('gaps', { identity: 'E2' })).toHaveLength(1)
    expect(await rows('gaps', { system: 'payroll' })).toEqual([])
    expect(await rows('exemptions')).toMatchObject([
      { external_id: 'E2', owner: 'wiki@example.com', signed_by: 'carla', reason: 'moves on Monday', revoked_at: null },
    ])
    expect(await rows('exemptions', { to: house.scope.from.add({ hours: 2 }) })).toEqual([])
    expect(await rows('operators')).toMatchObject([
      { actor: 'carla', action: 'finding.exempt', subject: 'E2', detail: { until: 'tomorrow' } },
    ])
    expect(await rows('operators', { identity: 'E1' })).toEqual([])
    expect(await rows('operators', { identity: 'E2' })).toHaveLength(1)
    expect((await rows('open-items')).map(({ kind, severity }) => [kind, severity])).toEqual([
      ['residual_access', 'high'],
      ['unverified_past_deadline', 'medium'],
      ['orphaned_identity', 'medium'],
    ])
  })

  when('rows come in pages without loss or repetition, and no more than asked for', async () => {
    const { db } = house
    const left = house.scope.from.add({ hours: 1 })
    const people = Array.from({ length: 2_500 }, (_, n) => ({
      id: newId(),
      external_id: `P${n}`,
      kind: 'human' as const,
      name: 'x',
      terminated_at: left.add({ seconds: n % 7 }).toString(),
      source: 'pages',
    }))
    await db.insertInto('identity').values(people).execute()
    const all = await rows('leavers')
    expect(new Set(all.map(({ external_id }) => external_id)).size).toBe(2_502)
    expect(all).toHaveLength(2_503)
    expect(await rows('leavers', {}, 7)).toHaveLength(7)
    await db.deleteFrom('identity').where('source', '=', 'pages').execute()
  })

  when('the summary: tested, passed, failed, not judged, by requirement', async () => {
    const { checks, findings, rows: summary } = await summarise(house.deps, house.scope)
    expect(checks).toEqual([
      { check: 'revocation', subjects: 3, tested: 3, passed: 1, failed: 1, notJudged: 1 },
      { check: 'coverage', subjects: 3, tested: 3, passed: 2, failed: 1, notJudged: 0 },
      { check: 'decoys', subjects: 2, tested: 2, passed: 2, failed: 0, notJudged: 0 },
      { check: 'canary', subjects: 2, tested: 1, passed: 1, failed: 0, notJudged: 0 },
      { check: 'ownership', subjects: 1, tested: 1, passed: 0, failed: 1, notJudged: 0 },
    ])
    expect(findings).toContainEqual({ kind: 'residual_access', opened: 1, resolved: 0, open: 1 })
    const of = (framework: string, control: string) =>
      summary.filter((row) => row.framework === framework && row.control === control).map(({ check, state }) => [check, state])
    expect(of('nist_800_53', 'AC-3')).toEqual([['decoys', 'passed']])
    expect(of('pci_dss', '8.2.5')).toEqual([
      ['revocation', 'failed'],
      ['coverage', 'failed'],
    ])
    const quiet = await summarise(house.deps, {
      ...house.scope,
      from: house.scope.from.subtract({ hours: 99 }),
      to: house.scope.from,
    })
    expect(quiet.rows.every(({ state }) => state === 'not_judged')).toBe(true)
  })

  when('figures for the plots', async () => {
    const scope = { from: house.scope.from, to: house.scope.to }
    expect(await survivalRows(house.db, scope)).toEqual([
      { minutes: 0, closed: 0, censored: 1 },
      { minutes: 60, closed: 1, censored: 0 },
      { minutes: 570, closed: 0, censored: 1 },
    ])
    const days = await coverageDays(house.db, scope, 2)
    expect(days).toMatchObject([{ accepted: 2, rejected: 2, inconclusive: 1, credentials: 3, judged: 2 }])
    expect(days[0]?.from.epochMilliseconds).toBe(scope.from.epochMilliseconds)
  })
})
