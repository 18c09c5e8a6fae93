import { existsSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FORMATS, render } from '../../src/alerts/formats/format.ts'
import { plain } from '../../src/alerts/plain.ts'
import type { Alert } from '../../src/domain/alert.ts'
import { ALERT, anyAlert, CONTEXT, FULL_CONTEXT, HEARTBEAT, HOSTILE, hostileAlert, ORPHAN } from './sample.ts'

/** Lines written by others, to know that the parsers below read the formats and not only our own output. */
const EXAMPLES = new URL('../../../shared/standards/examples/text-formats.txt', import.meta.url)

interface Parsed {
  header: string[]
  values: Map<string, string>
}

/** After ArcSight's description of CEF: seven header fields, then keys whose values reach to the next ` key=`. */
function parseCef(line: string): Parsed {
  const header: string[] = []
  let field = ''
  let at = 0
  for (; at < line.length && header.length < 7; at++) {
    const character = line[at] ?? ''
    if (character === '\\') field += line[++at] ?? ''
    else if (character === '|') {
      header.push(field)
      field = ''
    } else field += character
  }
  const extension = line.slice(at)
  const keys = [...extension.matchAll(/(?:^| )([A-Za-z0-9]+)(?<!\\)=/g)]
  const values = new Map<string, string>()
  keys.forEach((match, index) => {
    const value = extension.slice(match.index + match[0].length, keys[index + 1]?.index ?? extension.length)
    if (values.has(match[1] ?? '')) throw new Error(`the key ${match[1]} stands twice`)
    values.set(
      match[1] ?? '',
      value.replace(/\\([\\=n])/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped)),
    )
  })
  return { header, values }
}

/** After IBM's description of LEEF 2.0: six header fields, of which the last names the delimiter. */
function parseLeef(line: string): Parsed {
  const header = line.split('|', 6)
  const named = header[5] ?? ''
  const delimiter = named.length === 1 ? named : String.fromCharCode(Number.parseInt(named.replace(/^0?x/, ''), 16))
  const values = new Map<string, string>()
  for (const pair of line.slice(header.join('|').length + 1).split(delimiter)) {
    const split = pair.indexOf('=')
    if (split < 1) throw new Error(`no pair: ${pair}`)
    if (values.has(pair.slice(0, split))) throw new Error(`the key ${pair.slice(0, split)} stands twice`)
    values.set(pair.slice(0, split), pair.slice(split + 1))
  }
  return { header, values }
}

describe('the parsers', () => {
  it.skipIf(!existsSync(EXAMPLES))(`read the lines of others (needs ${EXAMPLES.pathname.split('/').slice(-2).join('/')})`, () => {
    const lines = existsSync(EXAMPLES) ? readFileSync(EXAMPLES, 'utf8').split('\n') : []
    const cef = parseCef(lines.find((line) => line.startsWith('CEF:')) ?? '')
    expect(cef.header[2]).toBe('Residual Access|Daemon')
    expect(cef.values.get('request')).toBe('https://api.github.com/user?per_page=1')
    expect(cef.values.get('msg')).toBe('accepted\n72.3 h after termination')
    const leef = parseLeef(lines.find((line) => line.startsWith('LEEF:')) ?? '')
    expect(leef.values.get('usrName')).toBe('jdoe')
    expect(leef.values.get('devTimeFormat')).toBe("yyyy-MM-dd'T'HH:mm:ss.SSSZ")
  })
})

describe('cef', () => {
  const parsed = (alert: Alert) => parseCef(FORMATS.cef(alert, FULL_CONTEXT).body)

  it('reads back as what the alert says', () => {
    const { header, values } = parsed(ALERT)
    expect(header).toEqual(['CEF:0', 'Revenant', 'Revenant', '0.1.0', 'residual_access', 'Residual access', '10'])
    expect(Object.fromEntries(values)).toMatchObject({
      rt: String(Date.parse(ALERT.at)),
      externalId: ALERT.id,
      act: 'opened',
      outcome: 'accepted',
      duid: 'E10442',
      duser: 'jdoe',
      dpriv: 'admin',
      destinationServiceName: 'payroll-db',
      dhost: 'db.internal',
      dpt: '5432',
      cs1: ALERT.dedupKey,
      cs1Label: 'dedup key',
      cs2: 'Jane Doe, jdoe@example.com, human',
      cs4: 'hmac:5b2c0e6a91d3',
      cs6: '1. Take LOGIN from the role.\n2. Look in the log.',
      cn3: '173862',
      deviceCustomDate1: String(Date.parse('2026-11-20T06:00:00Z')),
      flexString1: ALERT.traceId,
      RevenantLink: `https://revenant.example.com/findings/${ALERT.finding.id}`,
    })
  })

  it('lets no value end its field, start a key or break the line, whatever it is', () => {
    const keys = new Set([...parsed(hostileAlert('x')).values.keys()])
    for (const value of HOSTILE) {
      const { header, values } = parsed(hostileAlert(value))
      expect(header.length).toBe(7)
      for (const key of values.keys()) expect(keys).toContain(key)
      expect(values.get('destinationServiceName')?.trim()).toBe(plain(value))
      expect(values.get('act')).toBe('opened')
    }
    fc.assert(
      fc.property(anyAlert, (alert) => {
        const { body } = FORMATS.cef(alert, FULL_CONTEXT)
        expect(body).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u)
        expect(body.isWellFormed()).toBe(true)
        const { header, values } = parseCef(body)
        expect(header.length).toBe(7)
        expect(values.get('externalId')).toBe(alert.id)
        for (const label of [...values.keys()].filter((key) => key.endsWith('Label')))
          expect(values.has(label.slice(0, -'Label'.length)), label).toBe(true)
      }),
      { numRuns: 200 },
    )
  })

  it('has a place for each kind of address', () => {
    const at = (origin: string) => parsed({ ...ALERT, system: { ...ALERT.system, origin } }).values
    expect(at('ldaps://10.0.0.7:636').get('dst')).toBe('10.0.0.7')
    expect(at('https://[2001:db8::1]:8443').get('c6a3')).toBe('2001:db8::1')
    expect(at('nonsense').has('dhost')).toBe(false)
  })

  it('does not page anybody for an end', () => {
    expect(parsed({ ...ALERT, event: 'resolved' }).header[6]).toBe('3')
    expect(parsed(ORPHAN).header[6]).toBe('5')
  })

  it('has a sign of life', () => {
    const { header, values } = parseCef(render('cef', { type: 'heartbeat', heartbeat: HEARTBEAT }, CONTEXT).body)
    expect(header.slice(4)).toEqual(['heartbeat', 'Heartbeat', '5'])
    expect(values.get('cn1')).toBe('10')
    expect(values.get('deviceCustomDate1')).toBe(String(Date.parse(HEARTBEAT.nextBy)))
  })
})

describe('leef', () => {
  const parsed = (alert: Alert) => parseLeef(FORMATS.leef(alert, FULL_CONTEXT).body)

  it('reads back as what the alert says', () => {
    const { header, values } = parsed(ALERT)
    expect(header).toEqual(['LEEF:2.0', 'Revenant', 'Revenant', '0.1.0', 'residual_access', '^'])
    expect(Object.fromEntries(values)).toMatchObject({
      cat: 'Residual access',
      sev: '10',
      devTime: '2026-11-22T06:17:42.143+0000',
      devTimeFormat: "yyyy-MM-dd'T'HH:mm:ss.SSSZ",
      usrName: 'jdoe',
      identityId: 'E10442',
      resource: 'payroll-db',
      dstHost: 'db.internal',
      dstPort: '5432',
      eventId: ALERT.id,
      dedupKey: ALERT.dedupKey,
      fingerprint: 'hmac:5b2c0e6a91d3',
      verdict: 'accepted',
      overdueSeconds: '173862',
      url: `https://revenant.example.com/findings/${ALERT.finding.id}`,
    })
  })

  it('lets no value end its attribute or break the line, whatever it is', () => {
    const keys = new Set([...parsed(hostileAlert('x')).values.keys()])
    for (const value of HOSTILE) {
      const { values } = parsed(hostileAlert(value))
      for (const key of values.keys()) expect(keys).toContain(key)
      expect(values.get('resource')).toBe(plain(value.replaceAll('^', ' ')))
      expect(values.get('sev')).toBe('10')
    }
    fc.assert(
      fc.property(anyAlert, (alert) => {
        const { body } = FORMATS.leef(alert, FULL_CONTEXT)
        expect(body).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u)
        const { header, values } = parseLeef(body)
        expect(header.length).toBe(6)
        expect(values.get('eventId')).toBe(alert.id)
        expect(Number(values.get('sev'))).toBeGreaterThanOrEqual(1)
      }),
      { numRuns: 200 },
    )
  })

  it('has a sign of life', () => {
    const { header, values } = parseLeef(render('leef', { type: 'heartbeat', heartbeat: HEARTBEAT }, CONTEXT).body)
    expect(header[4]).toBe('heartbeat')
    expect(Object.fromEntries(values)).toMatchObject({ sev: '5', open_critical: '4', overdue: '1', nextBy: HEARTBEAT.nextBy })
  })
})
