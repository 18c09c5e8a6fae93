import fc from 'fast-check'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { canonicalJson } from '../../src/domain/canonical-json.ts'
import { controlFacts } from '../../src/domain/facts/control.ts'
import { findingEventFacts } from '../../src/domain/facts/finding-event.ts'
import { toMs } from '../../src/domain/facts/instant.ts'
import { observationFacts } from '../../src/domain/facts/observation.ts'
import { trialFacts } from '../../src/domain/facts/trial.ts'
import { newId } from '../../src/domain/id.ts'
import { leafOf } from '../../src/domain/leaf.ts'
import { storedFacts } from '../../src/evidence/facts.ts'
import { recordGaps } from '../../src/evidence/gaps.ts'
import { audit, lastAudit } from '../../src/store/audit.ts'
import { grantExemption } from '../../src/store/exemption.ts'
import { closeGap, lockOpenGaps, openGap } from '../../src/store/gap.ts'
import { beat } from '../../src/store/heartbeat.ts'
import { addLedgerKeyRow } from '../../src/store/ledger-key.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { addCheck, addSystem } from '../store/checks.ts'

// The clock knows nanoseconds, and 999.6 ms is where rounding and cutting differ.
const NOW = Temporal.Instant.from('2026-11-22T12:00:00.123999600Z')

describe('canonical JSON', () => {
  it.each([
    [{ b: 1, a: 2 }, '{"a":2,"b":1}'],
    [{ '10': 1, '9': 2, a: { c: [{ z: 1, y: null }], b: true } }, '{"10":1,"9":2,"a":{"b":true,"c":[{"y":null,"z":1}]}}'],
    [{ '\u{1f600}': 1, '\ufb33': 2, é: 'ü\n' }, '{"é":"ü\\n","\u{1f600}":1,"\ufb33":2}'],
    [{ n: [1e21, 1e-7, -0, 4.5] }, '{"n":[1e+21,1e-7,0,4.5]}'],
  ])('%j', (facts, text) => {
    expect(canonicalJson(facts)).toBe(text)
  })
})

describe.each(STORES)('facts on $name', ({ available, open }) => {
  let at: TestStore
  const db = () => at.store.db
  beforeAll(async () => {
    if (available) at = await open()
  })
  afterAll(async () => {
    if (available) await at.stop()
  })
  beforeEach(async () => {
    if (!available) return
    for (const table of [
      'ledger_outbox',
      'audit',
      'exemption',
      'gap',
      'ledger_key',
      'heartbeat',
      'check_state',
      'pause',
    ] as const)
      await db().deleteFrom(table).execute()
  })
  const when = it.skipIf(!available)

  async function logged(): Promise<{ kind: string; ref: string; digest: string }[]> {
    const { rows } = await sql<{ kind: string; ref: string; digest: string }>`
      select o.kind, u.ref, encode(u.digest, 'hex') as digest from ledger_outbox o, unnest(o.refs, o.digests) as u (ref, digest)
      order by o.created_at
    `.execute(db())
    return rows
  }

  when('of the audit come out of the stored row as they were logged', async () => {
    const detail = { note: 'a "b" \u0000\ud800 é', count: 1e-7, list: [3, { z: 1, '10': 2, '9': 1 }], left: undefined, no: null }
    await audit(db(), { actor: 'me', action: 'identity.terminate', subject: 'alice', detail, at: NOW })
    await audit(db(), {
      actor: 'daemon a',
      action: 'configuration.accepted',
      subject: '/f',
      detail: { parts: { a: 'b' } },
      at: NOW,
    })
    const rows = await db().selectFrom('audit').selectAll().orderBy('action').execute()
    const [configuration, operator] = rows
    if (configuration === undefined || operator === undefined) throw new Error('no rows')
    expect(await logged()).toEqual([
      { kind: 'operator', ref: operator.id, digest: leafOf(storedFacts.operator(operator)[0] ?? {}) },
      { kind: 'configuration', ref: configuration.id, digest: leafOf(storedFacts.configuration(configuration)[0] ?? {}) },
    ])
    expect((await lastAudit(db(), 'configuration.accepted', 'daemon a'))?.detail).toEqual({ parts: { a: 'b' } })
    expect(await lastAudit(db(), 'configuration.accepted', 'daemon b')).toBeUndefined()
  })

  when('are logged with the row or not at all', async () => {
    const failing = db()
      .transaction()
      .execute(async (tx) => {
        await audit(tx, { actor: 'me', action: 'x', subject: 'y', at: NOW })
        throw new Error('no')
      })
    await expect(failing).rejects.toThrow('no')
    expect(await logged()).toEqual([])
  })

  when('of exemptions, keys and gaps come out as they were logged', async () => {
    const systemId = newId()
    const exemption = {
      ...{ id: newId(), finding_kind: null, credential_id: null, identity_id: null, system_id: systemId },
      ...{ owner: 'o', reason: 'r', starts_at: NOW, ends_at: NOW.add({ hours: 1 }), created_at: NOW, created_by: 'me' },
    }
    await db()
      .transaction()
      .execute((tx) => grantExemption(tx, exemption))
    await db()
      .transaction()
      .execute((tx) => addLedgerKeyRow(tx, 'a+b+c', NOW))
    await db()
      .transaction()
      .execute((tx) => addLedgerKeyRow(tx, 'a+d+e', NOW))
    await db()
      .transaction()
      .execute((tx) => openGap(tx, { systemId, reason: 'paused', from: NOW, credentials: 3 }, NOW))
    const [gap] = await db().transaction().execute(lockOpenGaps)
    if (gap === undefined) throw new Error('no gap')
    await db()
      .transaction()
      .execute((tx) => closeGap(tx, { ...gap, credentials: 7 }, NOW.add({ minutes: 9 })))
    await db().updateTable('gap').set({ credentials: 7 }).execute()
    const rows = [
      ...(await db().selectFrom('exemption').selectAll().execute()).flatMap(storedFacts.exemption),
      ...(await db().selectFrom('ledger_key').selectAll().orderBy('created_at').execute()).flatMap(storedFacts.key),
      ...(await db().selectFrom('gap').selectAll().execute()).flatMap(storedFacts.gap),
    ]
    expect(await logged()).toMatchObject(rows.map((facts) => ({ digest: leafOf(facts) })))
    expect(rows.map(({ type, previous = '-', event = '-' }) => [type, previous, event])).toEqual([
      ['exemption', '-', '-'],
      ['key', null, '-'],
      ['key', 'a+b+c', '-'],
      ['gap', '-', 'opened'],
      ['gap', '-', 'closed'],
    ])
  })

  when('of observations and controls survive the database, whatever the latency and the wire', async () => {
    const text = fc.string({ unit: 'grapheme' }).map((each) => each.toWellFormed().replaceAll('\0', ''))
    const wire = fc.dictionary(text, fc.oneof(text, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer()))
    const latency = fc.double({ min: 0, max: 1e7, noNaN: true })
    await fc.assert(
      fc.asyncProperty(wire, latency, fc.option(text), async (facts, latencyMs, principal) => {
        const common = {
          trial_id: newId(),
          system_id: newId(),
          wire: facts,
          latency_ms: latencyMs,
          transport: 'verified' as const,
        }
        const judged = { verdict: 'rejected' as const, reason: 'token_invalid' as const, strength: 'strong' as const }
        const observation = {
          ...{ id: newId(), credential_id: newId(), identity_id: newId(), assurance: 'explicit' as const, confirmed: false },
          ...{ principal, effects: null, trace_id: 't', ...common, ...judged },
        }
        const control = { id: newId(), credential_id: null, control: 'nobody' as const, ...common, ...judged }
        const written = { observed_at: toMs(NOW).toString(), wire: JSON.stringify(facts), leaf: Buffer.alloc(32) }
        await db()
          .insertInto('observation')
          .values({ ...observation, ...written })
          .execute()
        await db()
          .insertInto('control')
          .values({ ...control, ...written })
          .execute()
        const stored = await db().selectFrom('observation').selectAll().where('id', '=', observation.id).executeTakeFirstOrThrow()
        const storedControl = await db().selectFrom('control').selectAll().where('id', '=', control.id).executeTakeFirstOrThrow()
        const ms = NOW.epochMilliseconds
        expect(storedFacts.observation(stored).map(leafOf)).toEqual([leafOf(observationFacts(observation, ms))])
        expect(storedFacts.control(storedControl).map(leafOf)).toEqual([leafOf(controlFacts(control, ms))])
      }),
      { numRuns: 60 },
    )
  })

  when('of trials and findings need their instants cut to milliseconds', async () => {
    const trial = {
      ...{
        id: newId(),
        system_id: newId(),
        shard: 0,
        zone: 'default',
        instance: 'i',
        trace_id: 't',
        started_at: NOW,
        finished_at: NOW,
      },
      ...{ outcome: 'completed', assurance: null, accepted: 1, rejected: 2, inconclusive: 3 },
    }
    const cut = toMs(NOW).toString()
    await db()
      .insertInto('trial')
      .values({ ...trial, started_at: cut, finished_at: cut })
      .execute()
    const stored = await db().selectFrom('trial').selectAll().where('id', '=', trial.id).executeTakeFirstOrThrow()
    expect(storedFacts.trial(stored)).toEqual([trialFacts(trial)])
    expect(storedFacts.trial({ ...stored, finished_at: null })).toEqual([])
    const event = {
      ...{ kind: 'residual_access' as const, system_id: newId(), identity_id: newId(), credential_id: null },
      ...{ id: newId(), finding_id: newId(), sequence: 1, event: 'opened' as const, at: NOW, severity: 'high' as const },
      ...{ state: 'open' as const, observation_id: null, trace_id: null, actor: null, note: 'n' },
      ...{ feed_id: null, grant_id: null, listing_id: null },
    }
    expect(storedFacts.finding({ ...event, at: toMs(NOW) })).toEqual([findingEventFacts(event)])
  })

  describe('gaps', () => {
    const START = toMs(NOW)
    const later = (minutes: number) => START.add({ minutes })
    const pass = (now: Temporal.Instant, downSince?: Temporal.Instant) =>
      recordGaps({ db: db(), now: () => now, graceMs: 300_000, failures: ['unreachable'] }, downSince)
    const live = (now: Temporal.Instant) => beat(db(), { instance: 'a', zones: ['default'], startedAt: START, at: now })
    const gaps = async () =>
      (await db().selectFrom('gap').selectAll().orderBy('from_at').execute()).map((row) => [
        row.reason,
        row.from_at.since(START).total('minutes'),
        row.to_at?.since(START).total('minutes'),
        row.credentials,
      ])

    when('begin when something is overdue, last, and end when it is tried', async () => {
      const systemId = await addSystem(db(), `gap-${newId()}`)
      const first = await addCheck(db(), systemId, { dueAt: START })
      await live(later(3))
      expect(await pass(later(3))).toBe(0)
      expect(await gaps()).toEqual([])
      await live(later(6))
      await pass(later(6))
      expect(await gaps()).toEqual([['behind', 0, undefined, 1]])
      await addCheck(db(), systemId, { dueAt: later(1) })
      await live(later(8))
      await pass(later(8))
      expect(await gaps()).toEqual([['behind', 0, undefined, 2]])
      await db()
        .updateTable('check_state')
        .set({ due_at: later(99).toString() })
        .execute()
      await pass(later(9))
      expect(await gaps()).toEqual([['behind', 0, 9, 2]])
      expect(first.id).toBeDefined()
      const [row] = await db().selectFrom('gap').selectAll().execute()
      if (row === undefined) throw new Error('no gap')
      expect((await logged()).map(({ digest }) => digest)).toEqual(storedFacts.gap(row).map(leafOf))
    })

    when.each([
      ['paused', sql`insert into pause values ('*', now(), 'me', '')`],
      ['no_worker', sql`update heartbeat set zones = '{other}'`],
      ['no_worker', sql`update heartbeat set at = at - interval '4 minutes'`],
      ['origin_changed', sql`update system set origin = 'https://y'`],
      ['breaker', sql`update system set hold_until = '2026-11-22T13:00:00Z', hold_reason = 'unreachable'`],
      ['held', sql`update system set hold_until = '2026-11-22T13:00:00Z', hold_reason = 'rate_limited'`],
      ['window', sql`update system set schedule = '0 2 * * * UTC', schedule_due_at = '2026-11-23T02:00:00Z'`],
      ['behind', sql`select 1`],
    ] as const)('say %s', async (reason, cause) => {
      const systemId = await addSystem(db(), `gap-${newId()}`)
      await addCheck(db(), systemId, { dueAt: START })
      await live(later(6))
      await cause.execute(db())
      await pass(later(6))
      expect(await gaps()).toEqual([[reason, 0, undefined, 1]])
      // Another reason is another gap.
      await db().insertInto('pause').values({ scope: systemId, paused_at: 'now', paused_by: 'me', note: '' }).execute()
      if (reason !== 'paused') {
        await pass(later(7))
        expect(await gaps()).toEqual([
          [reason, 0, 7, 1],
          ['paused', 7, undefined, 1],
        ])
      }
    })

    when('say that the daemon was down, from its last sign of life', async () => {
      const systemId = await addSystem(db(), `gap-${newId()}`)
      await addCheck(db(), systemId, { dueAt: later(20) })
      await addCheck(db(), systemId, { dueAt: later(-10) })
      await live(later(0))
      await pass(later(0))
      expect(await gaps()).toEqual([['behind', -10, undefined, 1]])
      await pass(later(180), later(0))
      expect(await gaps()).toEqual([
        ['behind', -10, 0, 1],
        ['daemon_down', 0, undefined, 2],
      ])
      await live(later(181))
      await pass(later(181))
      expect((await gaps()).slice(1)).toEqual([
        ['daemon_down', 0, 181, 2],
        ['behind', 181, undefined, 2],
      ])
    })
  })
})
