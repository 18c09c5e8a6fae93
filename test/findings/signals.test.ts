import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { REASON_NAMES, reasonFits } from '../../src/domain/reason.ts'
import { ASSURANCES, STRENGTHS, VERDICTS } from '../../src/domain/verdict.ts'
import {
  findingKey,
  type KeyedSignal,
  type ObservedCredential,
  orphanSignal,
  revokeBy,
  signalsOf,
  systemSignal,
  unverifiedSignal,
} from '../../src/findings/signals.ts'
import { POLICY } from '../scan/house.ts'

const AT = Temporal.Instant.from('2026-03-03T00:00:00Z')
const SEEN: ObservedCredential = {
  at: AT,
  systemId: 's',
  identityId: 'i',
  credentialId: 'c',
  observationId: 'o',
  trialId: 't',
  traceId: 'f',
  verdict: 'accepted',
  reason: 'authenticated',
  strength: 'strong',
  assurance: 'explicit',
  confirmed: true,
  otherPrincipal: false,
  tier: 'standard',
  system: 'payroll',
  identityKind: 'human',
  privilege: 'standard',
  credentialKind: 'password',
  shared: false,
  handoverBy: undefined,
  terminatedAt: AT.subtract({ hours: 48 }),
  wasDead: false,
}

const said = (signals: readonly KeyedSignal[]) =>
  Object.fromEntries(
    signals.map(({ key, signal }) => [key.slice(0, key.indexOf(':')), signal.holds ? signal.kind : `gone/${signal.needed}`]),
  )
const of = (fields: Partial<ObservedCredential>) => said(signalsOf({ ...SEEN, ...fields }, POLICY))

describe('signalsOf', () => {
  const closes = { mismatch: 'gone/1', 'any-secret': 'gone/1', unverified: 'gone/1' }
  it.each<[string, Partial<ObservedCredential>, Record<string, string>]>([
    ['a confirmed acceptance', {}, { access: 'residual_access', ...closes }],
    ['one that nobody confirmed', { confirmed: false }, {}],
    ['one of the dead', { wasDead: true }, { access: 'resurrected_access', ...closes }],
    ['one of a shared secret', { shared: true }, { access: 'shared_secret_not_rotated', ...closes }],
    [
      'one of a shared secret that is being handed over',
      { shared: true, handoverBy: AT },
      { access: 'handover_overdue', ...closes },
    ],
    [
      'one as somebody else',
      { otherPrincipal: true },
      { mismatch: 'principal_mismatch', 'any-secret': 'gone/1', unverified: 'gone/1' },
    ],
    [
      'a strong rejection',
      { verdict: 'rejected', reason: 'token_revoked', confirmed: false },
      { access: 'gone/2', mismatch: 'gone/2', 'any-secret': 'gone/1', unverified: 'gone/1' },
    ],
    [
      'a weak one without a canary',
      { verdict: 'rejected', reason: 'invalid_credentials', strength: 'weak', confirmed: false },
      {},
    ],
    [
      'a weak one whose canary passed',
      { verdict: 'rejected', reason: 'invalid_credentials', strength: 'weak', assurance: 'controlled', confirmed: false },
      { access: 'gone/2', mismatch: 'gone/2', 'any-secret': 'gone/1', unverified: 'gone/1' },
    ],
    [
      'a strong one without any control',
      { verdict: 'rejected', reason: 'token_revoked', assurance: 'none', confirmed: false },
      {},
    ],
    ['a time-out', { verdict: 'inconclusive', reason: 'timeout', confirmed: false }, {}],
    ['a lock', { verdict: 'inconclusive', reason: 'account_locked', confirmed: false }, {}],
    [
      'any secret',
      { verdict: 'inconclusive', reason: 'any_secret_accepted', confirmed: false },
      { 'any-secret': 'any_secret_accepted' },
    ],
  ])('of %s', (_name, fields, expected) => {
    expect(of(fields)).toEqual(expected)
  })

  const anything = fc
    .record({
      verdict: fc.constantFrom(...VERDICTS),
      reason: fc.constantFrom(...REASON_NAMES),
      strength: fc.constantFrom(...STRENGTHS),
      assurance: fc.constantFrom(...ASSURANCES),
      confirmed: fc.boolean(),
      otherPrincipal: fc.boolean(),
      shared: fc.boolean(),
      wasDead: fc.boolean(),
    })
    .filter(({ verdict, reason }) => reasonFits(verdict, reason))
  const always = (holds: (seen: ObservedCredential, signals: KeyedSignal[]) => void) =>
    fc.assert(
      fc.property(anything, (fields) => {
        const seen = { ...SEEN, ...fields }
        holds(seen, signalsOf(seen, POLICY))
      }),
      { numRuns: 500 },
    )

  it('closes nothing on an inconclusive answer', () => {
    always(({ verdict }, signals) => {
      if (verdict === 'inconclusive') expect(signals.filter(({ signal }) => !signal.holds)).toEqual([])
    })
  })

  it('closes nothing on a rejection that proves nothing', () => {
    always(({ verdict, strength, assurance }, signals) => {
      if (verdict !== 'rejected' || (assurance !== 'none' && (strength === 'strong' || assurance === 'controlled'))) return
      expect(signals).toEqual([])
    })
  })

  it('opens access on a confirmed acceptance only, and never closes it on an acceptance', () => {
    always(({ verdict, confirmed }, signals) => {
      const access = signals.find(({ key }) => key === findingKey('access', 'c'))
      if (access?.signal.holds === true) expect([verdict, confirmed]).toEqual(['accepted', true])
      if (access?.signal.holds === false) expect(verdict).toBe('rejected')
    })
  })

  it('says one thing of one finding, and names the observation', () => {
    always((_seen, signals) => {
      expect(new Set(signals.map(({ key }) => key)).size).toBe(signals.length)
      for (const signal of signals) expect(signal).toMatchObject({ credentialId: 'c', observationId: 'o', trialId: 't' })
    })
  })
})

describe('revokeBy', () => {
  it('is the policy of the tier, or the date of the handover', () => {
    const terminatedAt = Temporal.Instant.from('2026-03-01T00:00:00Z')
    const by = (tier: 'standard' | 'critical', handoverBy?: Temporal.Instant) =>
      revokeBy({ tier, terminatedAt, handoverBy }, POLICY).toString()
    expect(by('standard')).toBe('2026-03-02T00:00:00Z')
    expect(by('critical')).toBe('2026-03-01T01:00:00Z')
    expect(by('critical', Temporal.Instant.from('2026-05-01T00:00:00Z'))).toBe('2026-05-01T00:00:00Z')
    // Who is still here at the date that was agreed must not be late for it.
    expect(by('standard', Temporal.Instant.from('2026-02-01T00:00:00Z'))).toBe('2026-03-01T00:00:00Z')
  })
})

describe('the other signals', () => {
  it('speak of the system, and of the credential that nobody could judge', () => {
    const system = { at: AT, systemId: 's', system: 'payroll', tier: 'low' } as const
    expect(said([systemSignal('open', { ...system, holds: true }, POLICY)])).toEqual({ open: 'open_system' })
    expect(said([systemSignal('blind', { ...system, holds: false }, POLICY)])).toEqual({ blind: 'gone/1' })
    expect(said([unverifiedSignal(SEEN, POLICY)])).toEqual({ unverified: 'unverified_past_deadline' })
  })

  it('have the severity that the rules of the policy give systems and orphans', () => {
    const severityOf = ({ signal }: KeyedSignal) => (signal.holds ? signal.severity : undefined)
    const system = { at: AT, systemId: 's', system: 'payroll', tier: 'low', holds: true } as const
    const orphan = { at: AT, identityId: 'i', identityKind: 'service', holds: true } as const
    expect([severityOf(systemSignal('open', system, POLICY)), severityOf(orphanSignal(orphan, POLICY))]).toEqual([
      'medium',
      'medium',
    ])
    const rules = [
      { when: { systems: ['payroll'] }, severity: { severity: 'critical', exactly: false } },
      { when: { identityKinds: ['service'] }, severity: { severity: 'info', exactly: true } },
    ] as const
    expect(severityOf(systemSignal('open', system, { ...POLICY, rules }))).toBe('critical')
    expect(severityOf(systemSignal('open', { ...system, system: 'wiki' }, { ...POLICY, rules }))).toBe('medium')
    expect(severityOf(orphanSignal(orphan, { ...POLICY, rules }))).toBe('info')
    expect(severityOf(orphanSignal({ ...orphan, identityKind: 'agent' }, { ...POLICY, rules }))).toBe('medium')
  })
})
