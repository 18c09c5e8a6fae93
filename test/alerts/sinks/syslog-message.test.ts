import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { envelopeOf } from '../../../src/alerts/envelope.ts'
import { FORMATS } from '../../../src/alerts/formats/format.ts'
import { type SyslogLayout, syslogMessage } from '../../../src/alerts/syslog/message.ts'
import { FINDING_EVENTS, SEVERITIES } from '../../../src/domain/finding.ts'
import { ALERT, anyAlert, CONTEXT } from '../sample.ts'

const LAYOUT: SyslogLayout = {
  facility: 'authpriv',
  appName: 'revenant',
  enterpriseId: 32_473,
  bom: true,
  maxBytes: 8_192,
  procId: '411',
}

const text = (alert = ALERT, body = 'hello', layout: Partial<SyslogLayout> = {}) =>
  syslogMessage(envelopeOf({ type: 'alert', alert }), body, CONTEXT, { ...LAYOUT, ...layout }).bytes.toString()

// RFC 5424 §6, written from the grammar: PRI VERSION SP TIMESTAMP SP HOST SP APP SP PROCID SP MSGID SP SD [SP MSG].
const VALUE = '"(?:[^"\\\\\\]]|\\\\["\\\\\\]])*"'
const NAME = '[\\x21\\x23-\\x3c\\x3e-\\x5c\\x5e-\\x7e]{1,32}'
const GRAMMAR = new RegExp(
  `^<(\\d{1,3})>1 (\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(?:\\.\\d{1,6})?Z) ([\\x21-\\x7e]{1,255}) ([\\x21-\\x7e]{1,48}) ([\\x21-\\x7e]{1,128}) ([\\x21-\\x7e]{1,32}) ` +
    `((?:\\[${NAME}(?: ${NAME}=${VALUE})*\\])+) \\ufeff(.*)$`,
  'su',
)

describe('syslogMessage', () => {
  it('is laid out as RFC 5424 says', () => {
    expect(text()).toBe(
      '<82>1 2026-11-22T06:17:42.143Z watch.example.com revenant 411 opened [origin software="Revenant" swVersion="0.1.0"]' +
        '[revenant@32473 id="0193a6b2-7d5e-7c1a-9f10-2b7f6d0c4e11" dedup="revenant:residual_access:0193a6b2-0000-7000-8000-000000000001" ' +
        'event="opened" sequence="1" finding="0193a6b2-0000-7000-8000-0000000000f1" kind="residual_access" severity="critical" state="open" ' +
        'system="payroll-db" identity="E10442" fingerprint="hmac:5b2c0e6a91d3" verdict="accepted" reason="authenticated" ' +
        'trace="4bf92f3577b34da6a3ce929d0e0e4736" instance="replica-1"] \uFEFFhello',
    )
  })

  it.each([
    ['critical', 'opened', 82],
    ['high', 'escalated', 83],
    ['medium', 'reminded', 84],
    ['low', 'reopened', 85],
    ['info', 'opened', 86],
    ['critical', 'resolved', 85],
    ['info', 'resolved', 86],
  ] as const)('gives %s %s the priority %i', (severity, event, pri) => {
    expect(text({ ...ALERT, event, finding: { ...ALERT.finding, severity } })).toMatch(new RegExp(`^<${pri}>1 `))
  })

  it('knows other facilities, applications, enterprises and the want of a BOM', () => {
    expect(text(ALERT, 'hello', { facility: 'local7', appName: 'x', enterpriseId: 1, bom: false })).toMatch(
      /^<186>1 .* x 411 opened .*\[revenant@1 .*\] hello$/,
    )
  })

  it('escapes what the structured data must not hold, and only that', () => {
    const alert = { ...ALERT, dedupKey: 'a"b]c\\d=[e', system: { ...ALERT.system, name: 'two\nlines\u0000' } }
    expect(text(alert)).toContain('dedup="a\\"b\\]c\\\\d=[e"')
    expect(text(alert)).toContain('system="two lines"')
  })

  it.each([
    ['a\nb', 'a | b'],
    ['a\r\n  b\n\n', 'a | b | '],
    ['tab\tnul\u0000bell\u0007', 'tab nul bell '],
    ['naïve 名前 😀', 'naïve 名前 😀'],
  ])('puts the body %j on one line', (body, line) => {
    expect(text(ALERT, body)).toMatch(new RegExp(`\\ufeff${line.replaceAll('|', '\\|')}$`, 'u'))
  })

  it('is one line within the grammar and the limits for every alert and format', () => {
    fc.assert(
      fc.property(
        anyAlert,
        fc.constantFrom('json', 'ocsf', 'text' as const),
        fc.string({ unit: 'binary' }),
        (alert, format, hostname) => {
          const { body } = FORMATS[format](alert, { ...CONTEXT, maxBytes: 7_168 })
          const { bytes, cutBytes } = syslogMessage(envelopeOf({ type: 'alert', alert }), body, { ...CONTEXT, hostname }, LAYOUT)
          const message = bytes.toString()
          expect(bytes.length).toBeLessThanOrEqual(8_192)
          expect(Buffer.from(message).equals(bytes), 'well-formed UTF-8').toBe(true)
          expect(message).not.toMatch(/\p{Cc}/u)
          const parts = GRAMMAR.exec(message)
          expect(parts, message).not.toBeNull()
          if (format !== 'text' && cutBytes === 0) JSON.parse(parts?.[8] ?? '')
        },
      ),
      { numRuns: 500 },
    )
  })

  it('cuts a body too long between two characters, says so, and keeps the structured data whole', () => {
    for (let extra = 0; extra < 4; extra++) {
      const { bytes, cutBytes } = syslogMessage(
        envelopeOf({ type: 'alert', alert: ALERT }),
        `${'x'.repeat(extra)}${'名'.repeat(3_000)}`,
        CONTEXT,
        LAYOUT,
      )
      expect(bytes.length).toBeGreaterThan(8_188)
      expect(bytes.length).toBeLessThanOrEqual(8_192)
      expect(bytes.toString()).toMatch(/ truncated="yes"\] \ufeffx{0,3}名+$/u)
      expect(cutBytes).toBeGreaterThan(800)
    }
  })

  it('has a priority for all events and severities', () => {
    for (const event of FINDING_EVENTS)
      for (const severity of SEVERITIES)
        expect(text({ ...ALERT, event, finding: { ...ALERT.finding, severity } })).toMatch(/^<8[2-6]>1 /)
  })
})
