import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PRIVILEGES } from '../../src/domain/credential.ts'
import { atLeast, FINDING_KINDS, type Severity } from '../../src/domain/finding.ts'
import { IDENTITY_KINDS } from '../../src/domain/identity.ts'
import { TIERS } from '../../src/domain/system.ts'
import { type SeverityFacts, severityOf } from '../../src/findings/severity.ts'

const DAY = 86_400_000
const facts = (fields: Partial<SeverityFacts>): SeverityFacts => ({
  kind: 'residual_access',
  tier: 'standard',
  identityKind: 'human',
  privilege: 'standard',
  overdueMs: 1,
  withinMs: DAY,
  ...fields,
})

describe('severityOf', () => {
  it.each<[string, Partial<SeverityFacts>, Severity]>([
    ['inside the deadline', { overdueMs: -1, tier: 'critical', privilege: 'admin' }, 'info'],
    ['inside the deadline of a handover', { kind: 'handover_overdue', overdueMs: -1 }, 'info'],
    ['inside the deadline, but back from the dead', { kind: 'resurrected_access', overdueMs: -1 }, 'high'],
    ['low tier', { tier: 'low' }, 'low'],
    ['standard tier', {}, 'medium'],
    ['critical tier', { tier: 'critical' }, 'high'],
    ['critical tier, elevated', { tier: 'critical', privilege: 'elevated' }, 'critical'],
    ['admin', { privilege: 'admin' }, 'critical'],
    ['a service account', { identityKind: 'service' }, 'high'],
    ['seven deadlines past is not yet stale', { overdueMs: 7 * DAY }, 'medium'],
    ['more than seven deadlines past', { overdueMs: 7 * DAY + 1 }, 'high'],
    ['a shared secret', { kind: 'shared_secret_not_rotated' }, 'high'],
    ['nothing was judged', { kind: 'unverified_past_deadline' }, 'low'],
    ['never below low', { kind: 'unverified_past_deadline', tier: 'low' }, 'low'],
    ['never above critical', { tier: 'critical', privilege: 'admin', identityKind: 'agent', overdueMs: 99 * DAY }, 'critical'],
  ])('%s', (_name, fields, expected) => {
    expect(severityOf(facts(fields))).toBe(expected)
  })

  it.each(['blind_system', 'open_system'] as const)('%s goes by the tier alone', (kind) => {
    const of = (tier: (typeof TIERS)[number]) => severityOf({ kind, tier, overdueMs: 0, withinMs: 1 })
    expect(TIERS.map(of)).toEqual(kind === 'blind_system' ? ['low', 'medium', 'high'] : ['medium', 'high', 'critical'])
  })

  it('never sinks when tier, privilege or age rise', () => {
    const arbitrary = fc.record({
      kind: fc.constantFrom(...FINDING_KINDS),
      tier: fc.constantFrom(...TIERS),
      identityKind: fc.constantFrom(...IDENTITY_KINDS),
      privilege: fc.constantFrom(...PRIVILEGES),
      overdueMs: fc.integer({ min: -DAY, max: 30 * DAY }),
      withinMs: fc.integer({ min: 1, max: 7 * DAY }),
    })
    fc.assert(
      fc.property(arbitrary, fc.integer({ min: 0, max: 90 * DAY }), (one, later) => {
        const rises: SeverityFacts[] = [
          { ...one, tier: 'critical' },
          { ...one, privilege: 'admin' },
          { ...one, overdueMs: one.overdueMs + later },
        ]
        for (const risen of rises) expect(atLeast(severityOf(risen), severityOf(one))).toBe(true)
      }),
    )
  })
})
