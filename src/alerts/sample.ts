import type { Alert } from '../domain/alert.ts'
import { newId } from '../domain/id.ts'
import { type AlertFacts, describe } from './describe.ts'
import { frameworksOf } from './frameworks.ts'

const HOUR_MS = 3_600_000

/**
 * A sample to try a sink with: shaped like the alert of a leaver who is still let in, and marked so that nobody takes it for one:
 * `test: true`, severity info, a deduplication key and a finding of its own, `TEST` in every name, example domains (RFC 2606).
 */
export function sampleAlert(at: Temporal.Instant): Alert {
  // As stored instants are: to the millisecond.
  const facts = factsOf(at.round('millisecond'))
  const { title, summary } = describe(facts)
  return {
    ...facts,
    title: `TEST - ${title}`,
    summary: `TEST: an operator sent this sample with \`revenant alerts test\`; nobody left and no door is open. ${summary}`,
    remediation: ['TEST: nothing needs to be done.'],
  }
}

function factsOf(at: Temporal.Instant): AlertFacts {
  const now = at.toString()
  const terminatedAt = at.subtract({ milliseconds: 25 * HOUR_MS }).toString()
  const sample = newId()
  return {
    id: newId(),
    dedupKey: `test:${sample}`,
    event: 'opened',
    sequence: 1,
    at: now,
    test: true,
    finding: {
      id: sample,
      kind: 'residual_access',
      severity: 'info',
      state: 'open',
      episode: 1,
      openedAt: now,
      lastSeenAt: now,
    },
    system: {
      id: newId(),
      name: 'TEST-system',
      probe: 'http',
      origin: 'https://test.example.com',
      tier: 'low',
      zone: 'default',
      owner: 'TEST-owner',
    },
    identity: {
      id: newId(),
      externalId: 'TEST-0',
      kind: 'human',
      name: 'TEST Nobody',
      email: 'test-nobody@example.com',
      terminatedAt,
    },
    credential: {
      id: newId(),
      label: 'TEST credential',
      kind: 'password',
      fingerprint: 'TEST-no-secret',
      privilege: 'standard',
      principal: 'TEST-nobody',
    },
    evidence: evidenceOf(now),
    deadline: { revokeBy: at.subtract({ milliseconds: HOUR_MS }).toString(), overdueMs: HOUR_MS },
    frameworks: frameworksOf('residual_access'),
  }
}

function evidenceOf(at: string): NonNullable<Alert['evidence']> {
  return {
    observationId: newId(),
    observedAt: at,
    verdict: 'accepted',
    reason: 'authenticated',
    strength: 'strong',
    assurance: 'explicit',
    confirmed: true,
    principal: 'TEST-nobody',
    wire: { status: 200 },
    latencyMs: 0,
    transport: 'verified',
    trialId: newId(),
    controls: [{ control: 'stranger', verdict: 'rejected', reason: 'invalid_credentials', at }],
  }
}
