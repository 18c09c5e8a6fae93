import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newId } from '../../src/domain/id.ts'
import { type ReportScope, statementScope } from '../../src/evidence/bundle/request.ts'
import { type StatementName, statementRows } from '../../src/evidence/statements.ts'
import { summarise } from '../../src/evidence/summary.ts'
import { type EvidenceFilter, exemptionsOf } from '../../src/store/evidence.ts'
import type { StatementScope } from '../../src/store/evidence-statements.ts'
import { coverageDays, type SummaryPolicy, survivalRows } from '../../src/store/evidence-summary.ts'
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
      ['orphaned_identity', 'medium'],
      ['unverified_past_deadline', 'medium'],
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
      { check: 'revocation', subjects: 3, tested: 3, passed: 1, failed: 1, late: 0, notJudged: 1 },
      { check: 'coverage', subjects: 3, tested: 3, passed: 2, failed: 1, late: 0, notJudged: 0 },
      { check: 'decoys', subjects: 2, tested: 2, passed: 2, failed: 0, late: 0, notJudged: 0 },
      { check: 'canary', subjects: 2, tested: 1, passed: 1, failed: 0, late: 0, notJudged: 0 },
      { check: 'ownership', subjects: 1, tested: 1, passed: 0, failed: 1, late: 0, notJudged: 0 },
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

  describe('the summary of a path that is said to be closed', () => {
    const tally = async (policy: Partial<SummaryPolicy> = {}, scope: Partial<ReportScope> = {}) => {
      const { deps, ids } = house
      const payroll = { system: { name: 'payroll', id: ids.systems.payroll } }
      const { checks, rows: all } = await summarise({ ...deps, ...policy }, { ...house.scope, ...payroll, ...scope })
      const [revocation, coverage] = checks
      const state = all.find(({ check, control }) => check === 'revocation' && control === '6.5')?.state
      return { revocation, coverage, state }
    }
    const credential = () => sql`${house.ids.credentials['anna@payroll'] ?? ''}::uuid`
    const kept = ['check_state', 'observation', 'finding', 'finding_event', 'gap'] as const
    const restored = async (work: () => Promise<void>) => {
      const { db } = house
      for (const table of kept) await sql.raw(`create table kept_${table} as select * from ${table}`).execute(db)
      try {
        await work()
      } finally {
        for (const table of kept.toReversed()) await sql.raw(`delete from ${table}`).execute(db)
        for (const table of kept) await sql.raw(`insert into ${table} select * from kept_${table}`).execute(db)
        for (const table of kept) await sql.raw(`drop table kept_${table}`).execute(db)
      }
    }

    when('passes only with as many refusals in a row as the policy asks', async () => {
      expect(await tally()).toMatchObject({ revocation: { passed: 1, late: 0, notJudged: 0 }, state: 'passed' })
      expect(await tally({ confirmRejections: 3 })).toMatchObject({
        revocation: { passed: 0, notJudged: 1 },
        state: 'not_judged',
      })
      expect((await rows('leavers', { system: 'payroll', confirmRejections: 3 }))[0]).toMatchObject({ state: 'refused' })
      await restored(async () => {
        await sql`update check_state set dead_at = null, rejections = 1 where credential_id = ${credential()}`.execute(house.db)
        expect(await tally()).toMatchObject({ revocation: { passed: 0, notJudged: 1 }, state: 'not_judged' })
        // A credential that was begun anew since is judged by what was seen then.
        await sql`update check_state set dead_at = null, rejections = 0, first_rejected_at = null, verdict = null, observed_at = null
          where credential_id = ${credential()}`.execute(house.db)
        expect(await tally()).toMatchObject({ revocation: { passed: 1 } })
        expect(await tally({ confirmRejections: 3 })).toMatchObject({ revocation: { passed: 0, notJudged: 1 } })
        await sql`update observation set verdict = 'inconclusive', reason = 'unconfirmed' where id = (select id from observation
          where credential_id = ${credential()} and verdict = 'rejected' order by observed_at limit 1)`.execute(house.db)
        expect(await tally()).toMatchObject({ revocation: { passed: 0, notJudged: 1 } })
      })
    })

    when('is late where it was closed in the period after its deadline, and then does not pass', async () => {
      const strict = { revokeWithinMs: { low: 1, standard: 1, critical: HOUR - 1 } }
      expect(await tally(strict)).toMatchObject({ revocation: { tested: 1, passed: 0, late: 1, failed: 0 }, state: 'failed' })
      // In a later period it is simply closed.
      await restored(async () => {
        await sql`update check_state set first_rejected_at = first_rejected_at - interval '20 days', dead_at = dead_at - interval '20 days'
          where credential_id = ${credential()}`.execute(house.db)
        expect(await tally(strict)).toMatchObject({ revocation: { passed: 1, late: 0 }, state: 'passed' })
      })
    })

    when('is covered only where it was never without a judgement beyond its time', async () => {
      const { db, ids, scope } = house
      expect(await tally()).toMatchObject({ coverage: { passed: 1, failed: 0, notJudged: 0 } })
      const gap = (from: Temporal.Instant, to: Temporal.Instant) =>
        db
          .insertInto('gap')
          .values({
            ...{ id: newId(), system_id: ids.systems.payroll, reason: 'paused', credentials: 1, credentials_at_start: 1 },
            ...{ from_at: from.toString(), to_at: to.toString(), seen_at: to.toString() },
          })
          .execute()
      const now = scope.to.subtract({ hours: 24 })
      await restored(async () => {
        await gap(now.subtract({ hours: 7 }), now.subtract({ hours: 1 }))
        expect(await tally()).toMatchObject({ coverage: { passed: 1, notJudged: 0 } })
        expect(await tally({ verifyWithinMs: 6 * HOUR })).toMatchObject({ coverage: { passed: 0, failed: 0, notJudged: 1 } })
      })
      await restored(async () => {
        // It was judged within this one.
        await gap(now.subtract({ hours: 20 }), now.subtract({ hours: 2 }))
        expect(await tally({ verifyWithinMs: HOUR })).toMatchObject({ coverage: { passed: 1 } })
      })
      const finding = newId()
      const edge = (sequence: number, event: 'opened' | 'resolved', at: Temporal.Instant) => ({
        ...{
          id: newId(),
          finding_id: finding,
          kind: 'unverified_past_deadline' as const,
          sequence,
          event,
          severity: 'medium' as const,
        },
        ...{ at: at.toString(), state: event === 'opened' ? ('open' as const) : ('resolved' as const) },
      })
      await restored(async () => {
        const [opened, over] = [now.subtract({ hours: 6 }), now.subtract({ hours: 5 })]
        await db
          .insertInto('finding')
          .values({
            ...{
              id: finding,
              key: 'x',
              kind: 'unverified_past_deadline',
              severity: 'medium',
              state: 'resolved',
              episode: 1,
              sequence: 2,
            },
            ...{
              credential_id: ids.credentials['anna@payroll'] ?? '',
              opened_at: opened.toString(),
              last_seen_at: over.toString(),
            },
            ...{ alerted_at: over.toString(), resolved_at: over.toString() },
          })
          .execute()
        await db
          .insertInto('finding_event')
          .values([edge(1, 'opened', opened), edge(2, 'resolved', over)])
          .execute()
        expect(await tally()).toMatchObject({ coverage: { passed: 0, failed: 1 } })
        expect(await tally({}, { from: now.subtract({ hours: 4 }) })).toMatchObject({ coverage: { failed: 1 } })
        await db
          .updateTable('finding_event')
          .set({ at: scope.from.subtract({ hours: 1 }).toString() })
          .where('finding_id', '=', finding)
          .execute()
        expect(await tally()).toMatchObject({ coverage: { passed: 1, failed: 0 } })
      })
    })
  })

  when('exemptions that are wider than a filter are told under it', async () => {
    const { db, ids } = house
    const now = house.deps.now()
    const grant = (scope: { identity_id?: string; system_id?: string }, reason: string) => {
      const none = { finding_kind: null, credential_id: null, identity_id: null, system_id: null }
      const row = {
        ...{ id: newId(), ...none, ...scope, owner: 'o', reason, created_by: 'me' },
        ...{ starts_at: now.toString(), ends_at: now.add({ hours: 9 }).toString(), created_at: now.toString() },
      }
      return db.insertInto('exemption').values(row).execute()
    }
    await grant({ system_id: ids.systems.wiki }, 'whole wiki')
    await grant({ identity_id: ids.anna }, 'all of anna')
    const told = async (scope: Partial<StatementScope>) =>
      (await rows('exemptions', scope)).map(({ reason }) => String(reason)).toSorted()
    expect(await told({})).toEqual(['all of anna', 'moves on Monday', 'whole wiki'])
    expect(await told({ identity: 'E1' })).toEqual(['all of anna', 'whole wiki'])
    expect(await told({ identity: 'E2' })).toEqual(['moves on Monday', 'whole wiki'])
    expect(await told({ identity: 'bot-7' })).toEqual([])
    expect(await told({ system: 'wiki' })).toEqual(['all of anna', 'moves on Monday', 'whole wiki'])
    expect(await told({ system: 'payroll' })).toEqual(['all of anna'])
    expect(await told({ identity: 'E2', system: 'payroll' })).toEqual([])
    expect(await told({ identity: 'nobody' })).toEqual([])
    const every = (await db.selectFrom('exemption').select('id').execute()).map(({ id }) => id)
    const entries = async (filter: EvidenceFilter) =>
      (await exemptionsOf(db, every, filter)).map(({ reason }) => reason).toSorted()
    expect(await entries({ identityId: ids.anna })).toEqual(['all of anna', 'whole wiki'])
    expect(await entries({ systemId: ids.systems.payroll })).toEqual(['all of anna'])
    await db.deleteFrom('exemption').where('created_by', '=', 'me').execute()
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
