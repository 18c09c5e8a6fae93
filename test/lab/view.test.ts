import { stripVTControlCharacters } from 'node:util'
import fc from 'fast-check'
import stringWidth from 'string-width'
import { describe, expect, it } from 'vitest'
import { changesSince } from '../../src/lab/changes.ts'
import type { DemoSnapshot } from '../../src/lab/snapshot.ts'
import { renderView } from '../../src/lab/view.ts'
import { SAMPLE } from './sample.ts'

const PLAIN = { colour: false, unicode: true }
const EMPTY: DemoSnapshot = { ...SAMPLE, open: [], closed: [], unjudged: [], systems: [], alerts: [], hints: [], waiting: 14 }

const SIZES = [
  { columns: 80, rows: 24 },
  { columns: 120, rows: 40 },
  { columns: 200, rows: 50 },
]

describe('the view', () => {
  it.each(SIZES)('names first and in full who still gets in where: $columns × $rows', (size) => {
    const lines = renderView(SAMPLE, { ...size, ...PLAIN })
    expect(lines[0]).toMatch(/^ REVENANT {2}7 STILL OPEN · 5 proven closed · 3 not judged +1:14$/)
    const first = lines.slice(1).filter((line) => line !== '')
    expect(first[0]).toMatch(/WHO +GETS INTO +WITH +GONE/)
    const rows = first.slice(1, 8).map((line) => line.trim().split(/ {2,}/).slice(0, 3))
    expect(rows.map((row) => row.join(' | ').replace(/ \((svc|service|AI|AI agent)\)/, ''))).toEqual([
      '✗ CRITICAL Maya Lindqvist | bastion | ssh key',
      '✗ CRITICAL Maya Lindqvist | payroll-db | reporting login',
      '✗ CRITICAL nightly-backup | code-host | mirror token',
      '✗ CRITICAL nightly-backup | payroll-db | backup login',
      '✗ HIGH | Maya Lindqvist | code-host',
      '✗ HIGH | triage-agent | code-host',
      '✗ MEDIUM | anybody | team-wiki',
    ])
    const text = lines.join('\n')
    for (const words of [
      'Could not be judged (3)',
      'rate limited',
      'the host does not answer',
      'Proven closed (5)',
      'Controls passed at 4 of 6',
      'Alerts: 5 delivered',
      'demo revoke maya-ssh-key',
      'CAME BACK',
      'as another',
      'open to all',
    ]) {
      expect(text).toContain(words)
    }
  })

  it('says how it knows, beside or below', () => {
    for (const size of [{ columns: 120, rows: 40 }, { columns: 200, rows: 50 }, { columns: 80 }, { columns: 80, rows: 70 }]) {
      expect(renderView(SAMPLE, { ...size, ...PLAIN }).join('\n')).toContain('as nightly_backup; decoy refused')
    }
  })

  it('shows everything where the height is not limited', () => {
    const text = renderView(SAMPLE, { columns: 80, ...PLAIN }).join('\n')
    expect(text).not.toContain('more')
    expect(text).toContain('old-ci      decoys unanswered  no canary        the host does not answer')
  })

  it.each([
    ['nothing is known yet', EMPTY, 'Nobody found inside so far.'],
    ['something could not be judged', { ...SAMPLE, open: [] }, 'Nobody found inside so far.'],
    ['everything is proven closed', { ...SAMPLE, open: [], unjudged: [] }, 'Nobody who left gets in anywhere.'],
  ])('claims no more than is known: %s', (_, snapshot, words) => {
    const [, first] = renderView(snapshot, { columns: 80, rows: 24, ...PLAIN }).filter((line) => line !== '')
    expect(first).toBe(` ${words}`)
  })

  it('says the same with and without colour', () => {
    const coloured = renderView(SAMPLE, { columns: 120, rows: 40, colour: true, unicode: true })
    expect(coloured.join('\n')).toContain('\x1b[')
    expect(coloured.map((line) => stripVTControlCharacters(line).trimEnd())).toEqual(
      renderView(SAMPLE, { columns: 120, rows: 40, ...PLAIN }),
    )
  })

  it('does with ASCII', () => {
    const text = renderView(SAMPLE, { columns: 80, rows: 24, colour: false, unicode: false }).join('\n')
    expect(text).toMatch(/^[\n\x20-\x7e]*$/)
    expect(text).toContain(' ! CRITICAL Maya Lindqvist')
  })

  it('fits every terminal, whatever names it is given', () => {
    const name = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.constant('漢字かな'.repeat(12)),
      fc.constant('\x1b[2J\u202e👩‍👩‍👧'),
    )
    const size = fc.record({ columns: fc.integer({ min: 40, max: 220 }), rows: fc.integer({ min: 8, max: 70 }) })
    fc.assert(
      fc.property(name, size, fc.boolean(), (text, { columns, rows }, colour) => {
        const snapshot = {
          ...SAMPLE,
          open: SAMPLE.open.map((door) => ({ ...door, identity: text, system: text.slice(0, 20), credential: text, how: text })),
          closed: SAMPLE.closed.map((door) => ({ ...door, identity: text })),
          unjudged: SAMPLE.unjudged.map((door) => ({ ...door, credential: text })),
          systems: SAMPLE.systems.map((system) => ({ ...system, note: text })),
          alerts: SAMPLE.alerts.map((alert) => ({ ...alert, title: text })),
          hints: [text],
        }
        const lines = renderView(snapshot, { columns, rows, colour, unicode: true })
        expect(lines.length).toBeLessThanOrEqual(rows)
        for (const line of lines) {
          expect(stringWidth(line)).toBeLessThanOrEqual(columns)
          expect(stripVTControlCharacters(line)).not.toMatch(/[\p{Cc}\u202e]/u)
        }
      }),
      { numRuns: 150 },
    )
  })
})

describe('the plain log', () => {
  const verbs = (lines: readonly string[]) =>
    lines.map((line) =>
      line
        .replace(/^\d\d:\d\d:\d\d /, '')
        .slice(0, 10)
        .trim(),
    )

  it('says everything once', () => {
    const lines = changesSince(EMPTY, SAMPLE)
    expect(Object.entries(Object.groupBy(verbs(lines), (verb) => verb)).map(([verb, all]) => [verb, all?.length])).toEqual([
      ['CONTROLS', 6],
      ['STILL OPEN', 7],
      ['CLOSED', 5],
      ['NOT JUDGED', 3],
      ['ALERT SENT', 5],
    ])
    expect(changesSince(SAMPLE, { ...SAMPLE, now: SAMPLE.now.add({ hours: 30 }) })).toEqual([])
  })

  it('says what changed: resolved, delivered, judged', () => {
    const [, ...open] = SAMPLE.open
    const alerts = SAMPLE.alerts.map((alert) => ({ ...alert, delivered: true }))
    const unjudged = SAMPLE.unjudged.slice(1)
    const closed = [
      ...SAMPLE.closed,
      {
        identity: 'Jonas Weber',
        system: 'crm',
        credential: 'export token',
        reason: 'token_invalid',
        assurance: 'controlled',
      } as const,
    ]
    const lines = changesSince(SAMPLE, { ...SAMPLE, open, alerts, unjudged, closed }).map((line) => line.slice(9))
    expect(lines).toEqual([
      'RESOLVED    Maya Lindqvist at code-host, laptop token',
      'CLOSED      Jonas Weber at crm, export token: not a valid token (controls passed)',
      'ALERT SENT  reopened, critical: Back again - Access came back: Maya Lindqvist gets into bastion again',
    ])
  })
})
