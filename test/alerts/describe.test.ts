import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PROBE_KINDS } from '../../probes/registry.ts'
import { describe as describeAlert } from '../../src/alerts/describe.ts'
import { frameworksOf } from '../../src/alerts/frameworks.ts'
import { FINDING_EVENTS, FINDING_KINDS } from '../../src/domain/finding.ts'
import { span } from '../../src/domain/span.ts'
import { ALERT, anyAlert, ORPHAN } from './sample.ts'

const { title: _t, summary: _s, remediation: _r, ...FACTS } = ALERT

describe('describe', () => {
  it('tells what was seen, how far it is proven and how late it is', () => {
    const { title, summary, remediation } = describeAlert(FACTS)
    expect(title).toBe('Residual access: Jane Doe still gets into payroll-db')
    expect(summary).toBe(
      'Jane Doe left on 2026-11-19 06:00 UTC. The credential "payroll login" (password) is a way into payroll-db that should be closed. ' +
        'At 2026-11-22 06:17 UTC payroll-db accepted this credential. A made-up secret for the same account was refused, so it is this ' +
        'secret that opens the door. Access had to be gone by 2026-11-20 06:00 UTC, 2 d ago.',
    )
    expect(remediation[0]).toMatch(/^In the database, take LOGIN from the role/)
    expect(remediation.length).toBe(4)
  })

  it.each([
    ['opened', 'Residual access: Jane Doe still gets into payroll-db'],
    ['escalated', 'Now critical - Residual access: Jane Doe still gets into payroll-db'],
    ['reminded', 'Still open after 3 d - Residual access: Jane Doe still gets into payroll-db'],
    ['resolved', 'Resolved - Residual access: Jane Doe at payroll-db'],
    ['reopened', 'Back again - Residual access: Jane Doe still gets into payroll-db'],
  ] as const)('opens the title of %s', (event, title) => {
    expect(describeAlert({ ...FACTS, event, at: '2026-11-25T06:20:00Z' }).title).toBe(title)
  })

  it('says of a resolved finding that it was refused only where an answer refused', () => {
    const resolved = {
      ...FACTS,
      event: 'resolved' as const,
      finding: { ...FACTS.finding, state: 'resolved' as const, resolvedAt: '2026-11-23T08:17:42Z' },
    }
    const evidence = { ...ALERT.evidence, verdict: 'rejected' as const, reason: 'invalid_credentials' as const }
    expect(
      describeAlert({ ...resolved, evidence: { ...FACTS.evidence, ...evidence } as NonNullable<typeof ALERT.evidence> }).summary,
    ).toBe(
      'Opened on 2026-11-22 06:17 UTC: Jane Doe at payroll-db. At 2026-11-22 06:17 UTC payroll-db refused this credential ' +
        '(invalid_credentials; strong evidence, decoys refused and canary accepted by the same path). The finding is closed after 1 d 1 h.',
    )
    const { evidence: _e, ...bare } = resolved
    expect(describeAlert(bare).summary).toBe(
      'Opened on 2026-11-22 06:17 UTC: Jane Doe at payroll-db. The finding is closed after 1 d 1 h, without a new answer of the system.',
    )
  })

  it('has words for every kind and event', () => {
    const titles = new Set<string>()
    for (const kind of FINDING_KINDS)
      for (const event of FINDING_EVENTS) {
        const words = describeAlert({ ...FACTS, event, finding: { ...FACTS.finding, kind } })
        titles.add(words.title)
        expect(words.remediation.length, `${kind} ${event}`)[event === 'resolved' ? 'toBe' : 'toBeGreaterThan'](
          event === 'resolved' ? 0 : 1,
        )
      }
    expect(titles.size).toBe(FINDING_KINDS.length * FINDING_EVENTS.length)
    for (const kind of FINDING_KINDS) expect(Object.keys(frameworksOf(kind)).length, kind).toBeGreaterThan(1)
  })

  it('says of an orphan who it is, whose owner left and what to do, and speaks of no system', () => {
    const { title: _1, summary: _2, remediation: _3, ...facts } = ORPHAN
    const { title, summary, remediation } = describeAlert(facts)
    expect(title).toBe('Orphaned identity: svc-deploy has no owner: E10442 has left')
    expect(summary).toBe(
      'svc-deploy is a service account whose owner (E10442) has left: nobody would notice its misuse or end it.',
    )
    expect(remediation.map((step) => step.split(' ')[0])).toEqual(['Name', 'Rotate', 'Retire', 'Then'])
    const { owner: _o, ...unowned } = { ...ORPHAN.identity, id: 'i', externalId: 'S-7', kind: 'agent' as const, name: 'helper' }
    expect(describeAlert({ ...facts, identity: unowned })).toMatchObject({
      title: 'Orphaned identity: helper has no owner',
      summary: 'helper is an AI agent whose owner has left: nobody would notice its misuse or end it.',
    })
    const resolved = { ...facts, event: 'resolved' as const, finding: { ...facts.finding, resolvedAt: '2026-11-23T08:17:42Z' } }
    expect(describeAlert(resolved)).toEqual({
      title: 'Resolved - Orphaned identity: svc-deploy',
      summary: 'Opened on 2026-11-22 06:17 UTC: svc-deploy. The finding is closed after 1 d 1 h.',
      remediation: [],
    })
  })

  it('knows how to end a credential at every kind of system that there is', () => {
    for (const probe of PROBE_KINDS) {
      const steps = describeAlert({ ...FACTS, system: { ...ALERT.system, probe } }).remediation
      expect(steps.length, probe).toBeGreaterThan(3)
      expect(steps[0], probe).not.toMatch(/^Revoke the credential in the system itself/)
    }
    const unknown = describeAlert({ ...FACTS, system: { ...ALERT.system, probe: 'toString' } }).remediation
    expect(unknown[0]).toMatch(/^Revoke the credential in the system itself/)
  })

  it('puts the runbook of the system before every other step', () => {
    const system = { ...ALERT.system, runbook: 'https://wiki.example.com/payroll-access' }
    for (const kind of FINDING_KINDS) {
      const { remediation } = describeAlert({ ...FACTS, system, finding: { ...FACTS.finding, kind } })
      expect(remediation[0]).toBe('Runbook: https://wiki.example.com/payroll-access')
      expect(remediation.length).toBeGreaterThan(2)
    }
    expect(describeAlert(FACTS).remediation.join()).not.toContain('Runbook')
  })

  it('is printable, short and free of commands with names in them, whatever the names are', () => {
    fc.assert(
      fc.property(anyAlert, ({ title: _1, summary: _2, remediation: _3, ...facts }) => {
        const words = describeAlert(facts)
        for (const text of [words.title, words.summary, ...words.remediation]) expect(text).not.toMatch(/[\p{Cc}\u202a-\u202e]/u)
        expect(words.title.length).toBeLessThanOrEqual(250)
        expect(words.summary.length).toBeLessThanOrEqual(1_500)
      }),
      { numRuns: 300 },
    )
  })

  it('puts no name of a stranger into what somebody may paste into a shell', () => {
    const evil = {
      ...FACTS,
      identity: { ...FACTS.identity, id: 'i', kind: 'human' as const, externalId: 'x', name: '$(reboot)' },
      credential: {
        id: 'c',
        label: '`reboot`',
        kind: '; reboot',
        fingerprint: 'f',
        privilege: 'standard' as const,
        principal: "'; DROP",
      },
    }
    for (const kind of FINDING_KINDS) {
      const { remediation } = describeAlert({ ...evil, finding: { ...FACTS.finding, kind } })
      expect(remediation.join('\n')).not.toMatch(/reboot|DROP'|; DROP/)
    }
  })
})

describe('span', () => {
  it.each([
    [0, '0 s'],
    [999, '0 s'],
    [40_000, '40 s'],
    [-7_500_000, '2 h 5 min'],
    [3_600_000, '1 h'],
    [273_600_000, '3 d 4 h'],
    [86_401_000, '1 d'],
  ])('%i ms is %s', (ms, text) => {
    expect(span(ms)).toBe(text)
  })
})
