import { describe, expect, it } from 'vitest'
import { envelopeOf } from '../../src/alerts/envelope.ts'
import { FORMATS, render } from '../../src/alerts/formats/format.ts'
import type { Alert } from '../../src/domain/alert.ts'
import { FINDING_KINDS, SEVERITIES } from '../../src/domain/finding.ts'
import { ALERT, FULL_CONTEXT, groupOf, ORPHAN } from './sample.ts'

function over(alert: Alert, id = alert.finding.id): Alert {
  const finding = { ...alert.finding, id, state: 'resolved' as const, resolvedAt: alert.at }
  return { ...alert, event: 'resolved', title: `Resolved - ${alert.title}`, remediation: [], finding }
}

const OVER = over(ALERT)
const FOR_PEOPLE = ['slack', 'teams', 'mail', 'text'] as const

function said(name: (typeof FOR_PEOPLE)[number], alerts: readonly [Alert, ...Alert[]]): string {
  const subject =
    alerts.length === 1 ? ({ type: 'alert', alert: alerts[0] } as const) : ({ type: 'group', group: groupOf(alerts) } as const)
  const { subject: line = '', body, alternatives = [] } = render(name, subject, FULL_CONTEXT)
  return [line, body, ...alternatives.map((part) => part.body)].join('\n')
}

describe.each(FOR_PEOPLE)('the end of a finding in %s', (name) => {
  it('raises no alarm: neither the word nor the colour of its severity stands there', () => {
    expect(said(name, [ALERT])).toMatch(/CRITICAL|🔴/)
    for (const alerts of [[OVER], [OVER, over(ORPHAN)]] as const)
      expect(said(name, alerts)).not.toMatch(/CRITICAL|MEDIUM|🔴|🟡|Attention|#b3261e/)
    for (const kind of FINDING_KINDS)
      for (const severity of SEVERITIES)
        expect(said(name, [{ ...OVER, finding: { ...OVER.finding, kind, severity } }])).not.toContain(severity.toUpperCase())
  })

  it('says what is open in a message that speaks of both, as severe as that is, and first', () => {
    const both = said(name, [OVER, ORPHAN])
    expect(both).toMatch(/MEDIUM|🟡/)
    expect(both).not.toMatch(/CRITICAL|🔴/)
    expect(both.indexOf('svc-deploy')).toBeLessThan(both.indexOf('Jane Doe still gets'))
  })

  it('leaves what is over out of a message before what is open', () => {
    const many = Array.from({ length: 199 }, (_, index) =>
      over(ALERT, `0193a6b2-0000-7000-8000-${String(index).padStart(12, '0')}`),
    )
    const low: Alert = { ...ORPHAN, finding: { ...ORPHAN.finding, severity: 'low' } }
    const [first = OVER, ...rest] = many
    const both = said(name, [first, ...rest, low])
    expect(both).toContain('svc-deploy')
  })
})

describe('the severity of a group', () => {
  it.each([
    ['the highest that is open', [OVER, ORPHAN], 'medium', false],
    ['the highest of all where nothing is', [over(ORPHAN), OVER], 'critical', true],
    ['that of what is left, where one was opened and resolved in between', [ALERT, ORPHAN, OVER], 'medium', false],
    ['over, where all were opened and resolved in between', [ALERT, OVER], 'critical', true],
    ['open, where one came back', [OVER, { ...ALERT, event: 'reopened' as const }], 'critical', false],
  ] as const)('is %s', (_name, alerts, severity, closes) => {
    expect(envelopeOf({ type: 'group', group: groupOf(alerts) })).toMatchObject({ severity, closes })
  })
})

describe('the facts of an envelope', () => {
  it('are short and printable, whatever stands in names', () => {
    const long = `${'n'.repeat(5_000_000)}\u0000\ud800`
    const identity = { id: 'i', externalId: `a\r\nb${long}`, kind: 'human', name: long } as const
    const { facts } = envelopeOf({ type: 'alert', alert: { ...ALERT, system: { ...ALERT.system, name: long }, identity } })
    for (const [name, value] of Object.entries(facts)) {
      expect(value.length, name).toBeLessThanOrEqual(256)
      expect(value, name).not.toMatch(/\p{Cc}/u)
      expect(value.isWellFormed(), name).toBe(true)
    }
    expect(facts.dedup).toBe(ALERT.dedupKey)
  })
})

describe('an alert with names of five megabytes', () => {
  it.each(Object.entries(FORMATS))('stays small as %s, in reasonable time', (_name, format) => {
    const long = 'ä<&"|^=\\'.repeat(640_000)
    const alert: Alert = { ...ALERT, title: long, summary: long, system: { ...ALERT.system, name: long, runbook: long } }
    const started = performance.now()
    const { body, alternatives = [] } = format(alert, FULL_CONTEXT)
    expect(Buffer.byteLength([body, ...alternatives.map((part) => part.body)].join(''))).toBeLessThanOrEqual(20_000)
    expect(performance.now() - started).toBeLessThan(5_000)
  })
})

describe('a mail on a narrow screen', () => {
  it('breaks what strangers chose wherever it must, and no label (seen in Chromium at 360 px)', () => {
    const html = FORMATS.mail(ALERT, FULL_CONTEXT).alternatives?.[0]?.body ?? ''
    expect(html).toMatch(/<body style="[^"]*overflow-wrap:anywhere/)
    const labels = [...html.matchAll(/<td style="([^"]*)"><b>/g)].map(([, style]) => style)
    expect(labels.length).toBeGreaterThan(8)
    for (const style of labels) expect(style).toContain('white-space:nowrap')
  })
})
