import { describe, expect, it } from 'vitest'
import { SOURCE_STATES, type Source, type Statement } from '../../src/api/schemas/source.ts'
import { handOverCommand } from '../../src/dashboard/hand-over.ts'
import { choicesOf, decisionOf, doneOf, isHarm, massGroups, meansOf, outcomesOf, whomOf } from '../../src/dashboard/held.ts'
import { fileGiven, textGiven } from '../../src/dashboard/import-given.ts'
import { feedLabel, SOURCE_STATES as STATES, sourceAdvice } from '../../src/dashboard/source-words.ts'
import { FEED_KINDS } from '../../src/domain/feed.ts'

const id = (n: number) => `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`

function held(n: number, delivery: number, more: Partial<Statement> = {}): Statement {
  return {
    ...{ id: id(n), source: { id: id(900), name: 'okta' }, key: `key-${n}`, called: `p${n}`, name: `Name ${n}`, identity: null },
    ...{ says: 'terminated', effectiveAt: null, state: 'held', reason: 'mass_event', deliveryId: id(delivery) },
    answers: { same: { standing: 'terminated', at: null }, other: { standing: 'terminated', at: null } },
    ...{ at: '2026-11-22T12:00:00Z', decidedAt: null, decidedBy: null },
    ...more,
  }
}

describe('mass events', () => {
  it('are what came in one delivery; what came one by one is one for each source', () => {
    const other = { source: { id: id(901), name: 'entra' } }
    const groups = massGroups([
      ...[held(1, 500), held(2, 501), held(3, 500), held(4, 502), held(5, 503, other)],
      ...[held(6, 504, { reason: 'ask' }), held(7, 500, { state: 'applied' })],
    ])
    expect(groups.map(({ source, together, statements }) => [source, together, statements.map(({ called }) => called)])).toEqual([
      ['okta', true, ['p1', 'p3']],
      ['okta', false, ['p2', 'p4']],
      ['entra', false, ['p5']],
    ])
    expect(new Set(groups.map(({ key }) => key)).size).toBe(3)
    expect(massGroups([])).toEqual([])
  })
})

describe('a decision', () => {
  it.each([
    ['an inactivity', { reason: 'ask', says: 'terminated' }, ['left', 'suspended', 'dismiss']],
    ['one of many', { reason: 'mass_event', says: 'terminated' }, ['left', 'suspended', 'dismiss']],
    ['one of many who are suspended', { reason: 'mass_event', says: 'suspended' }, ['suspended', 'dismiss']],
    ['a known name', { reason: 'identifier_reuse', says: 'joined' }, ['same', 'other', 'dismiss']],
  ] as const)('about %s', (_, statement, choices) => {
    expect(choicesOf(statement)).toEqual(choices)
  })

  it.each([
    ['left', 'terminated', { decision: 'apply' }],
    ['suspended', 'terminated', { decision: 'apply', departure: 'suspend' }],
    ['suspended', 'suspended', { decision: 'apply' }],
    ['same', 'joined', { decision: 'apply' }],
    ['dismiss', 'terminated', { decision: 'dismiss' }],
  ] as const)('%s, of what says %s', (choice, says, body) => {
    expect(decisionOf({ says }, choice)).toEqual(body)
  })

  it('says what each answer to a known name does, with its day, and that one of them calls somebody gone', () => {
    const identity = { id: id(1), externalId: 'bob', kind: 'human', name: 'Bob Ray', terminatedAt: null } as const
    const goes = { standing: 'terminated', at: '2026-11-20T17:00:00Z' } as const
    const stays = { standing: 'unsaid', at: null } as const
    const reuse = held(1, 500, { reason: 'identifier_reuse', identity, answers: { same: goes, other: goes } })
    const when = (at: string) => at.slice(0, 10)
    expect(meansOf('same', reuse, when)).toMatch(/Bob Ray is gone as of 2026-11-20: what they held is tried\.$/)
    expect(meansOf('other', reuse, when)).toMatch(/They are gone as of 2026-11-20/)
    expect([isHarm('same', reuse), isHarm('other', reuse), isHarm(undefined, reuse)]).toEqual([true, false, false])
    const quiet = { ...reuse, answers: { same: stays, other: { standing: 'active', at: null } as const } }
    expect(meansOf('same', quiet, when)).toMatch(/Of Bob Ray nothing changes\.$/)
    expect(meansOf('other', quiet, when)).toMatch(/They are here\.$/)
    expect(isHarm('same', quiet)).toBe(false)
    const item = { outcome: 'terminated', externalId: 'bob', terminatedAt: goes.at, suspendedAt: null }
    expect(doneOf(item, when)).toBe('bob is gone as of 2026-11-20')
    expect(doneOf({ ...item, terminatedAt: null, suspendedAt: goes.at }, when)).toBe('bob is suspended')
    expect(doneOf({ ...item, terminatedAt: null }, when)).toBe('bob is here')
    expect(doneOf({ ...item, outcome: null }, when)).toBeUndefined()
  })

  it('that it is somebody else never becomes the same person for want of a name', () => {
    expect(decisionOf({ says: 'joined' }, 'other', 'anna-2')).toEqual({ decision: 'apply', as: 'anna-2' })
    expect(decisionOf({ says: 'joined' }, 'other')).toEqual({ decision: 'apply', as: '' })
  })

  it('is told in numbers', () => {
    expect(outcomesOf([{ outcome: 'unchanged' }, { outcome: 'terminated' }, { outcome: 'terminated' }])).toBe(
      '2 terminated, 1 unchanged',
    )
    expect(outcomesOf([{ outcome: null }])).toBe('1 dismissed')
  })

  it('names whom it is about as well as it can', () => {
    expect(whomOf(held(1, 500))).toBe('Name 1')
    expect(whomOf(held(1, 500, { name: null }))).toBe('p1')
    const identity = { id: id(1), externalId: 'p1', kind: 'human', name: 'Anna Berg', terminatedAt: null } as const
    expect(whomOf(held(1, 500, { identity }))).toBe('Anna Berg')
  })
})

describe('sources', () => {
  it('have a word and an icon each, and only what is not known looks doubtful', () => {
    expect(new Set(Object.values(STATES).map(({ label }) => label)).size).toBe(SOURCE_STATES.length)
    const doubtful = SOURCE_STATES.filter((state) => STATES[state].look === 'doubt')
    expect(doubtful).toEqual(['waiting', 'failing'])
  })

  it.each(SOURCE_STATES)('%s: what is not well says what to do', (state: Source['state']) => {
    for (const pulled of [true, false]) expect(sourceAdvice({ state, pulled }) === undefined).toBe(state === 'heard')
  })

  it('are called by a name whatever their kind', () => {
    for (const kind of FEED_KINDS) expect(feedLabel(kind)).toMatch(/^\S/)
    expect(feedLabel('some_new-kind')).toBe('some new kind')
  })
})

describe('what is brought in', () => {
  it.each([
    ['held.csv', 'text/csv'],
    ['held.JSONL', 'application/x-ndjson'],
    ['held.csv.age', 'application/vnd.age'],
  ])('%s is %s', (name, type) => {
    expect(fileGiven(name)).toEqual({ name, type })
  })

  it.each([
    ['external_id\nanna', 'text/csv'],
    ['\n {"identity":"anna"}', 'application/x-ndjson'],
    ['-----BEGIN AGE ENCRYPTED FILE-----\nabc', 'application/vnd.age'],
  ])('%j is %s', (text, type) => {
    expect(textGiven(text).type).toBe(type)
  })

  it('is handed over by a command for this daemon and its recipient', () => {
    const command = handOverCommand('age1abc', 'https://revenant.example.com')
    expect(command).toContain('age -r age1abc')
    expect(command).toContain('https://revenant.example.com/v1/import/credentials')
  })
})
