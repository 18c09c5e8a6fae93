import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openRaise } from '../../src/alerts/raise.ts'
import { newId } from '../../src/domain/id.ts'
import { type Policy, policyFor, type RevokeRule, type RevokeWithin, withinMs } from '../../src/domain/policy.ts'
import type { Route } from '../../src/domain/route.ts'
import { applySignals } from '../../src/findings/apply.ts'
import { type ObservedCredential, revokeBy, severity, signalsOf } from '../../src/findings/signals.ts'
import { latencies } from '../../src/store/overview.ts'
import { allowedMs } from '../../src/store/told.ts'
import { transact } from '../../src/store/transact.ts'
import { POLICY } from '../scan/house.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { addCheck, addSystem, clear, NOW } from './checks.ts'

const HOUR = 3_600_000
const RULES: RevokeRule[] = [
  { when: { identityKinds: ['agent'], tiers: ['critical'] }, ms: 60_000 },
  { when: { systems: ['payroll', 'ledger'], privileges: ['admin'] }, ms: HOUR },
  { when: { credentialKinds: ['api-key'] }, ms: 2 * HOUR },
  { when: { systems: ['payroll'] }, ms: 3 * HOUR },
]
const WITHIN: RevokeWithin = { ...POLICY.revokeWithinMs, rules: RULES }
const FACTS = {
  tier: 'standard',
  system: 'wiki',
  identityKind: 'human',
  privilege: 'standard',
  credentialKind: 'password',
} as const

describe('the rules of a policy', () => {
  it.each<[string, Partial<Record<keyof typeof FACTS, string>>, number]>([
    ['none fits', {}, 24 * HOUR],
    ['all that a rule names must fit', { identityKind: 'agent' }, 24 * HOUR],
    ['the first that fits counts', { system: 'payroll', privilege: 'admin', credentialKind: 'api-key' }, HOUR],
    ['one of several', { system: 'ledger', privilege: 'admin' }, HOUR],
    ['a kind of credential', { credentialKind: 'api-key', system: 'payroll' }, 2 * HOUR],
    ['a system', { system: 'payroll', privilege: 'admin' }, HOUR],
    ['a critical agent', { tier: 'critical', identityKind: 'agent', system: 'payroll' }, 60_000],
    ['by tier without one', { tier: 'critical' }, HOUR],
  ])('%s', (_name, fields, ms) => {
    expect(withinMs(WITHIN, { ...FACTS, ...fields } as Parameters<typeof withinMs>[1])).toBe(ms)
  })

  it('say each part by the first that has it, and nothing of what a thing does not have', () => {
    const rules: Policy['rules'] = [
      { when: { tiers: ['critical'] }, provenEveryMs: 1, tell: ['soc'] },
      {
        when: { tiers: ['critical', 'low'] },
        provenEveryMs: 2,
        cadence: [{ everyMs: 3 }],
        severity: { severity: 'low', exactly: true },
      },
    ]
    expect(policyFor({ rules }, { tier: 'critical' })).toEqual({
      provenEveryMs: 1,
      tell: ['soc'],
      cadence: [{ everyMs: 3 }],
      severity: { severity: 'low', exactly: true },
    })
    expect(policyFor({ rules }, { identityKind: 'service' })).toEqual({})
    expect(policyFor({}, FACTS)).toEqual({})
  })

  const at = Temporal.Instant.from('2026-01-03T00:00:00Z')
  const of = { ...FACTS, at, terminatedAt: at.subtract({ hours: 30 }) }
  it.each<[string, Policy['rules'], RevokeRule[] | undefined, string]>([
    ['no rule: what is counted', undefined, undefined, 'medium'],
    ['at least', [{ when: { systems: ['wiki'] }, severity: { severity: 'critical', exactly: false } }], undefined, 'critical'],
    ['at least, of more', [{ when: { systems: ['wiki'] }, severity: { severity: 'low', exactly: false } }], undefined, 'medium'],
    ['exactly', [{ when: { systems: ['wiki'] }, severity: { severity: 'low', exactly: true } }], undefined, 'low'],
    [
      'inside its deadline access is expected all the same',
      [{ when: { systems: ['wiki'] }, severity: { severity: 'critical', exactly: true } }],
      [{ when: { systems: ['wiki'] }, ms: 48 * HOUR }],
      'info',
    ],
  ])('severity: %s', (_name, rules, deadlines, expected) => {
    const policy: Policy = {
      ...POLICY,
      revokeWithinMs: { ...POLICY.revokeWithinMs, ...(deadlines === undefined ? {} : { rules: deadlines }) },
      ...(rules === undefined ? {} : { rules }),
    }
    expect(severity(of, 'residual_access', policy)).toBe(expected)
  })
})

describe.each(STORES.filter(({ name }) => name === 'PGlite'))('the rules of a policy on $name', (kind) => {
  let test: TestStore
  const db = () => test.store.db
  beforeAll(async () => {
    test = await kind.open()
  })
  afterAll(() => test.stop())
  beforeEach(() => clear(db()))

  it('are the same to the database and to whoever counts', async () => {
    const facts: Record<string, { ms: number; system: string }> = {}
    for (const [system, tier] of [
      ['payroll', 'standard'],
      ['ledger', 'critical'],
      ['wiki', 'low'],
    ] as const) {
      const systemId = await addSystem(db(), system, { tier })
      for (const identityKind of ['human', 'agent'] as const)
        for (const privilege of ['standard', 'admin'] as const)
          for (const credentialKind of ['password', 'api-key']) {
            const { id, identityId } = await addCheck(db(), systemId, { terminatedAt: NOW.subtract({ hours: 50 }) })
            await db().updateTable('identity').set({ kind: identityKind }).where('id', '=', identityId).execute()
            await db().updateTable('credential').set({ privilege, kind: credentialKind }).where('id', '=', id).execute()
            facts[id] = { ms: withinMs(WITHIN, { tier, system, identityKind, privilege, credentialKind }), system }
          }
    }
    const { rows } = await sql<{ id: string; ms: number }>`
      select k.id, ${allowedMs(WITHIN)} as ms from credential k join system s on s.id = k.system_id
    `.execute(db())
    expect(Object.fromEntries(rows.map(({ id, ms }) => [id, ms]))).toEqual(
      Object.fromEntries(Object.entries(facts).map(([id, { ms }]) => [id, ms])),
    )
    expect(new Set(rows.map(({ ms }) => ms)).size).toBeGreaterThan(4)
    const rowsOf = await latencies(db(), { ...WITHIN, low: 100 * 24 * HOUR }, NOW.subtract({ hours: 60 }), NOW)
    // Passwords of the wiki have time; everything else had two days at most.
    expect(rowsOf.find(({ systemId }) => systemId === null)).toMatchObject({ running: 4, overdue: 20 })
  })

  it('say who is told: whoever they name, wherever the thing is, and nobody else', async () => {
    const systemId = await addSystem(db(), 'payroll', { tier: 'standard' })
    const other = await addSystem(db(), 'wiki', { tier: 'standard' })
    const routes: Route[] = [
      { name: 'everybody', minSeverity: 'info' },
      { name: 'payroll-team', minSeverity: 'info', tiers: ['critical'], owners: ['nobody'] },
      { name: 'payroll-pager', minSeverity: 'critical' },
    ]
    const rules: Policy['rules'] = [{ when: { systems: ['payroll'] }, tell: ['payroll-team', 'payroll-pager'] }]
    const deps = { routes: () => routes, runbook: () => undefined, enqueue: async () => {}, now: () => NOW }
    const see = async (system: string, name: string, verdict: 'accepted' | 'rejected', policy: Policy) => {
      const known = await db().selectFrom('credential').selectAll().where('system_id', '=', system).executeTakeFirst()
      const { id: credentialId, identityId } =
        known === undefined
          ? await addCheck(db(), system, { terminatedAt: NOW.subtract({ hours: 50 }) })
          : { id: known.id, identityId: known.identity_id }
      const seen: ObservedCredential = {
        ...{
          at: NOW,
          systemId: system,
          identityId,
          credentialId,
          observationId: newId(),
          trialId: newId(),
          traceId: 'f'.repeat(32),
        },
        ...{
          verdict,
          reason: verdict === 'accepted' ? 'authenticated' : 'token_revoked',
          strength: 'strong',
          assurance: 'controlled',
        },
        ...{ confirmed: verdict === 'accepted', otherPrincipal: false, shared: false, handoverBy: undefined, wasDead: false },
        ...{ ...FACTS, system: name, terminatedAt: NOW.subtract({ hours: 50 }) },
      }
      const raise = openRaise({ ...deps, policy: () => policy })
      await transact(db(), (tx) => applySignals(tx, signalsOf(seen, policy), policy, raise))
    }
    const told = async () => {
      const rows = await db().selectFrom('delivery').select('sink').orderBy('id').execute()
      await db().deleteFrom('delivery').execute()
      return rows.map(({ sink }) => sink).toSorted()
    }
    const ruled = { ...POLICY, confirmRejections: 1, rules }
    await see(systemId, 'payroll', 'accepted', ruled)
    expect(await told()).toEqual(['payroll-team'])
    await see(other, 'wiki', 'accepted', ruled)
    expect(await told()).toEqual(['everybody'])
  })

  it('move the deadline that people are told', () => {
    const terminatedAt = NOW.subtract({ hours: 2 })
    const facts = { ...FACTS, system: 'payroll', terminatedAt, handoverBy: undefined }
    expect(revokeBy(facts, { ...POLICY, revokeWithinMs: WITHIN }).toString()).toBe(NOW.add({ hours: 1 }).toString())
    expect(revokeBy({ ...facts, handoverBy: NOW }, { ...POLICY, revokeWithinMs: WITHIN }).toString()).toBe(NOW.toString())
  })
})
