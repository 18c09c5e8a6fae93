import { createPrivateKey } from 'node:crypto'
import fc from 'fast-check'
import type { FormatContext } from '../../src/alerts/formats/format.ts'
import { openSigner } from '../../src/alerts/formats/signer.ts'
import type { AlertGroup, Heartbeat } from '../../src/alerts/subject.ts'
import type { Alert } from '../../src/domain/alert.ts'
import { CONTROLS } from '../../src/domain/control.ts'
import { PRIVILEGES } from '../../src/domain/credential.ts'
import { FINDING_EVENTS, FINDING_KINDS, FINDING_STATES, SEVERITIES } from '../../src/domain/finding.ts'
import { IDENTITY_KINDS } from '../../src/domain/identity.ts'
import { REASON_NAMES } from '../../src/domain/reason.ts'
import { TIERS, TRANSPORTS } from '../../src/domain/system.ts'
import { ASSURANCES, STRENGTHS, VERDICTS } from '../../src/domain/verdict.ts'

export const CONTEXT: FormatContext = {
  product: { name: 'Revenant', version: '0.1.0', instance: 'replica-1' },
  hostname: 'watch.example.com',
}

/** An Ed25519 key that is the same in every run (RFC 8410: PKCS #8 around a seed of 32 bytes), for signatures in golden files. */
export const SIGNING_SEED = Buffer.alloc(32, 7)
export const SIGNING_KEY = createPrivateKey({
  key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), SIGNING_SEED]),
  format: 'der',
  type: 'pkcs8',
})
  .export({ format: 'pem', type: 'pkcs8' })
  .toString()

/** With everything that a configuration can add. */
export const FULL_CONTEXT: FormatContext = {
  ...CONTEXT,
  publicUrl: 'https://revenant.example.com/',
  signer: openSigner({ privateKey: SIGNING_KEY, issuer: 'https://revenant.example.com', audience: 'https://idp.example.com' }),
}

/** A whole, ordinary alert. */
export const ALERT: Alert & Required<Pick<Alert, 'system'>> = {
  id: '0193a6b2-7d5e-7c1a-9f10-2b7f6d0c4e11',
  dedupKey: 'revenant:residual_access:0193a6b2-0000-7000-8000-000000000001',
  event: 'opened',
  sequence: 1,
  at: '2026-11-22T06:17:42.143Z',
  title: 'Residual access: Jane Doe still gets into payroll-db',
  summary: 'Jane Doe left on 2026-11-19 06:00 UTC. payroll-db still accepts her login.',
  remediation: ['Take LOGIN from the role.', 'Look in the log.'],
  finding: {
    id: '0193a6b2-0000-7000-8000-0000000000f1',
    kind: 'residual_access',
    severity: 'critical',
    state: 'open',
    episode: 1,
    openedAt: '2026-11-22T06:17:42.143Z',
    lastSeenAt: '2026-11-22T06:17:42.143Z',
  },
  system: {
    id: '0193a6b2-0000-7000-8000-0000000000a1',
    name: 'payroll-db',
    probe: 'postgres',
    origin: 'postgres://db.internal:5432',
    tier: 'critical',
    zone: 'default',
    owner: 'dba@example.com',
  },
  identity: {
    id: '0193a6b2-0000-7000-8000-0000000000b1',
    externalId: 'E10442',
    kind: 'human',
    name: 'Jane Doe',
    email: 'jdoe@example.com',
    terminatedAt: '2026-11-19T06:00:00Z',
  },
  credential: {
    id: '0193a6b2-0000-7000-8000-0000000000c1',
    label: 'payroll login',
    kind: 'password',
    fingerprint: 'hmac:5b2c0e6a91d3',
    privilege: 'admin',
    principal: 'jdoe',
  },
  evidence: {
    observationId: '0193a6b2-0000-7000-8000-0000000000d1',
    observedAt: '2026-11-22T06:17:42Z',
    verdict: 'accepted',
    reason: 'authenticated',
    strength: 'strong',
    assurance: 'controlled',
    confirmed: true,
    principal: 'jdoe',
    wire: { sqlstate: '00000' },
    latencyMs: 12,
    transport: 'verified',
    trialId: '0193a6b2-0000-7000-8000-0000000000e1',
    controls: [
      { control: 'stranger', verdict: 'rejected', reason: 'invalid_credentials', at: '2026-11-22T06:17:41Z' },
      { control: 'canary', verdict: 'accepted', reason: 'authenticated', at: '2026-11-22T06:17:41Z' },
    ],
  },
  deadline: { revokeBy: '2026-11-20T06:00:00Z', overdueMs: 173_862_143 },
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  frameworks: { owasp_nhi: ['NHI1:2025'], nist_800_53: ['AC-2(3)', 'PS-4'] },
}

/** An alert that concerns no system. */
export const ORPHAN: Alert = {
  id: '0193a6b2-7d5e-7c1a-9f10-2b7f6d0c4e12',
  dedupKey: 'finding:0193a6b2-0000-7000-8000-0000000000f2',
  event: 'opened',
  sequence: 1,
  at: '2026-11-22T06:17:42.143Z',
  title: 'Orphaned identity: svc-deploy has no owner: E10442 has left',
  summary: 'svc-deploy is a service account whose owner (E10442) has left: nobody would notice its misuse or end it.',
  remediation: ['Name a new owner.'],
  finding: {
    id: '0193a6b2-0000-7000-8000-0000000000f2',
    kind: 'orphaned_identity',
    severity: 'medium',
    state: 'open',
    episode: 1,
    openedAt: '2026-11-22T06:17:42.143Z',
    lastSeenAt: '2026-11-22T06:17:42.143Z',
  },
  identity: {
    id: '0193a6b2-0000-7000-8000-0000000000b2',
    externalId: 'S-7',
    kind: 'service',
    name: 'svc-deploy',
    owner: 'E10442',
  },
  frameworks: { owasp_nhi: ['NHI1:2025'] },
}

/** Two alerts of two findings. */
export const GROUP: AlertGroup = {
  id: '0193a6b2-7d5e-7c1a-9f10-2b7f6d0c4e99',
  key: 'identity:0193a6b2-0000-7000-8000-0000000000b1',
  about: 'Jane Doe',
  at: ORPHAN.at,
  alerts: [ORPHAN, ALERT],
}

/** So many alerts, each of a finding of its own. */
export function groupOf(alerts: readonly [Alert, ...Alert[]]): AlertGroup {
  return { ...GROUP, alerts }
}

export const HEARTBEAT: Heartbeat = {
  id: '0193a6b2-7d5e-7c1a-9f10-2b7f6d0c4eaa',
  at: '2026-11-22T06:20:00Z',
  nextBy: '2026-11-22T06:35:00Z',
  open: { info: 0, low: 1, medium: 2, high: 3, critical: 4 },
  coverage: { verified: 120, unverified: 5, overdue: 1 },
  deliveries: { pending: 2, dead: 0 },
}

/** What a stranger may choose as a name to forge a record, a mention, a link or a terminal's colours. */
export const HOSTILE: readonly string[] = [
  '"quoted" \\ back|slash]=',
  'line\nbreak\r\nact=allowed',
  'tab\tsev=1',
  'a|b|CEF:0|x',
  'a^sev=1^b',
  ' msg=forged cs1=none',
  '\u202Etfel ot thgir\u2066',
  'naïve 名前 😀\u200b',
  '\u001b[31mred\u001b[0m',
  '<!channel> <@U024BE7LH> <https://evil.example|click>',
  '[x](javascript:alert(1)) **bold** {{DATE(2017-02-14T06:00:00Z)}}',
  '</td><script>alert(1)</script><img src=x onerror=alert(1)>',
  "' onmouseover='alert(1)",
  '&lt;b&gt; &amp;amp;',
  '=cmd|calc!A0',
  '\ud800 lone',
]

/** An alert whose every free text is the same hostile one. */
export function hostileAlert(value: string): Alert {
  return {
    ...ALERT,
    title: value,
    summary: value,
    remediation: [value, value],
    system: { ...ALERT.system, name: value, probe: value, origin: value, zone: value, owner: value, runbook: value },
    identity: { id: 'i', externalId: value, kind: 'human', name: value, email: value, owner: value },
    credential: { id: 'c', label: value, kind: value, fingerprint: 'hmac:5b2c0e6a91d3', privilege: 'admin', principal: value },
    ...(ALERT.evidence === undefined ? {} : { evidence: { ...ALERT.evidence, principal: value, wire: { [value]: value } } }),
    frameworks: { [value]: [value] },
  }
}

const text = fc.oneof(
  fc.constantFrom(...HOSTILE),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ maxLength: 40 }),
  fc.constantFrom(
    '',
    'line\nbreak',
    '\u001b[31mred\u001b[0m',
    '"quoted" \\ ]',
    '\u202Etfel ot thgir',
    'naïve 名前 😀',
    'x'.repeat(5_000),
  ),
)
const instant = fc
  .date({ min: new Date('2001-01-01T00:00:00Z'), max: new Date('2099-12-31T00:00:00Z'), noInvalidDate: true })
  .map((date) => date.toISOString())
const optional = { requiredKeys: [] as [] }
const origin = fc.oneof(
  fc.constantFrom(
    'postgres://db.internal:5432',
    'https://api.github.com',
    'https://[2001:db8::1]:8443',
    'ldaps://10.0.0.7:636',
    'ssh://host:22',
    'https://a.example https://auth.example',
    'postgres://300.1.1.1:1',
    '',
  ),
  text,
)

/** Any alert that the types allow, with every optional field there or not; an orphan has a system in no case. */
export const anyAlert: fc.Arbitrary<Alert> = fc
  .record({
    whole: fc.record({
      id: fc.uuid(),
      dedupKey: fc.uuid(),
      event: fc.constantFrom(...FINDING_EVENTS),
      sequence: fc.integer({ min: 1, max: 1_000_000 }),
      at: instant,
      title: text,
      summary: text,
      remediation: fc.array(text, { maxLength: 50 }),
      frameworks: fc.dictionary(text, fc.array(text, { maxLength: 5 }), { maxKeys: 5 }),
    }),
    finding: fc.record(
      {
        id: fc.uuid(),
        kind: fc.constantFrom(...FINDING_KINDS),
        severity: fc.constantFrom(...SEVERITIES),
        state: fc.constantFrom(...FINDING_STATES),
        episode: fc.integer({ min: 1, max: 100 }),
        openedAt: instant,
        lastSeenAt: instant,
        resolvedAt: instant,
      },
      { requiredKeys: ['id', 'kind', 'severity', 'state', 'episode', 'openedAt', 'lastSeenAt'] },
    ),
    system: fc.record(
      {
        id: fc.uuid(),
        name: text,
        probe: fc.oneof(fc.constantFrom('postgres', 'ssh', 'ldap', 'github'), text),
        origin,
        tier: fc.constantFrom(...TIERS),
        zone: text,
        owner: text,
        runbook: fc.oneof(fc.webUrl(), text),
      },
      { requiredKeys: ['id', 'name', 'probe', 'origin', 'tier', 'zone'] },
    ),
    rest: fc.record(
      {
        identity: fc.record(
          {
            id: fc.uuid(),
            externalId: text,
            kind: fc.constantFrom(...IDENTITY_KINDS),
            name: text,
            email: fc.oneof(fc.emailAddress(), text),
            owner: text,
            terminatedAt: instant,
          },
          { requiredKeys: ['id', 'externalId', 'kind', 'name'] },
        ),
        credential: fc.record(
          {
            id: fc.uuid(),
            label: text,
            kind: text,
            fingerprint: fc.uuid(),
            privilege: fc.constantFrom(...PRIVILEGES),
            principal: text,
          },
          { requiredKeys: ['id', 'label', 'kind', 'fingerprint', 'privilege'] },
        ),
        evidence: fc.record(
          {
            observationId: fc.uuid(),
            observedAt: instant,
            verdict: fc.constantFrom(...VERDICTS),
            reason: fc.constantFrom(...REASON_NAMES),
            strength: fc.constantFrom(...STRENGTHS),
            assurance: fc.constantFrom(...ASSURANCES),
            confirmed: fc.boolean(),
            principal: text,
            wire: fc.dictionary(fc.oneof(fc.constant('status'), text), fc.oneof(text, fc.integer()), { maxKeys: 10 }),
            latencyMs: fc.nat(),
            transport: fc.constantFrom(...TRANSPORTS),
            trialId: fc.uuid(),
            controls: fc.array(
              fc.record({
                control: fc.constantFrom(...CONTROLS),
                verdict: fc.constantFrom(...VERDICTS),
                reason: fc.constantFrom(...REASON_NAMES),
                at: instant,
              }),
              { maxLength: 100 },
            ),
          },
          {
            requiredKeys: [
              'observationId',
              'observedAt',
              'verdict',
              'reason',
              'strength',
              'assurance',
              'confirmed',
              'wire',
              'latencyMs',
              'transport',
              'trialId',
              'controls',
            ],
          },
        ),
        deadline: fc.record({ revokeBy: instant, overdueMs: fc.integer() }),
        traceId: fc.stringMatching(/^[0-9a-f]{32}$/),
        test: fc.constant(true as const),
      },
      optional,
    ),
  })
  .map(({ whole, finding, system, rest }) => ({
    ...whole,
    finding,
    ...(finding.kind === 'orphaned_identity' ? {} : { system }),
    ...rest,
  }))
