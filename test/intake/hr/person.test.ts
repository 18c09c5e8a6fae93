import { describe, expect, it } from 'vitest'
import { type Before, lowerCase, readPerson, saidOf } from '../../../src/intake/hr/person.ts'
import { compileMap, personMap } from '../../../src/intake/hr/person-map.ts'

const NOW = Temporal.Instant.from('2026-11-22T12:00:00Z')
const FIND = compileMap(
  personMap.parse({
    ...{ key: '/id', externalId: '/mail', status: '/status', type: '/type', terminationDate: ['/day', '/other/day'] },
    ...{ terminationTime: '/time', timeZone: '/zone', hireDate: '/hired', at: '/at' },
  }),
)
const READ = {
  find: FIND,
  statuses: lowerCase({ Active: 'active', Leave: 'suspended', Inactive: 'inactive', Gone: 'terminated' }),
  types: lowerCase({
    left: 'terminated',
    hired: 'active',
    away: 'inactive',
    leave: 'suspended',
    erased: 'deleted',
    changed: 'unsaid',
  }),
  dayEnd: { timeZone: 'Europe/Berlin', terminationCutOff: '18:00' },
}
const read = (document: Record<string, unknown>) => readPerson({ id: 'p', mail: 'p@x.example', ...document }, {}, READ)
const at = (text: string) => Temporal.Instant.from(text)
const said = (document: Record<string, unknown>, before?: Before) => {
  const word = saidOf(read(document), before, NOW)?.standing
  return word === undefined ? 'nothing' : word.is === 'terminated' ? `terminated ${word.at}` : word.is
}
const PAST: Before = { standing: 'terminated', terminatedAt: at('2026-11-01T17:00:00Z') }
const AHEAD: Before = { standing: 'terminated', terminatedAt: at('2026-12-31T17:00:00Z') }

describe('what an HR system says of a person', () => {
  it.each<[string, Record<string, unknown>, Before | undefined, string]>([
    [
      'a last day to come counts whatever the status is',
      { status: 'Active', day: '2026-12-31' },
      undefined,
      'terminated 2026-12-31T17:00:00Z',
    ],
    [
      'in their time zone',
      { status: 'Active', day: '2026-12-31', zone: 'America/New_York' },
      undefined,
      'terminated 2026-12-31T23:00:00Z',
    ],
    ['at their time', { status: 'Active', day: '2026-12-31', time: '09:30' }, undefined, 'terminated 2026-12-31T08:30:00Z'],
    [
      'at a time that the clocks skip',
      { status: 'Active', day: '2027-03-28', time: '02:30' },
      undefined,
      'terminated 2027-03-28T01:30:00Z',
    ],
    [
      'at a time that comes twice',
      { status: 'Active', day: '2027-10-31', time: '02:30' },
      undefined,
      'terminated 2027-10-31T01:30:00Z',
    ],
    ['as an instant', { status: 'Active', day: '2026-12-31T09:00:00-05:00' }, undefined, 'terminated 2026-12-31T14:00:00Z'],
    ['as a local time', { status: 'Active', day: '2026-12-31T09:00:00' }, undefined, 'terminated 2026-12-31T08:00:00Z'],
    [
      'as a date with an offset, which is no time',
      { status: 'Active', day: '2026-12-31-08:00' },
      undefined,
      'terminated 2026-12-31T17:00:00Z',
    ],
    ['at another place', { status: 'Active', other: { day: '2026-12-31' } }, undefined, 'terminated 2026-12-31T17:00:00Z'],
    ['moved', { status: 'Active', day: '2027-01-31' }, AHEAD, 'terminated 2027-01-31T17:00:00Z'],
    ['rescinded: removed', { day: null }, AHEAD, 'active'],
    ['rescinded: blank', { status: 'Active', day: '' }, AHEAD, 'active'],
    ['rescinded: no date as MySQL writes it', { status: 'Active', day: '0000-00-00' }, AHEAD, 'active'],
    ['rescinded: active again', { status: 'Active' }, AHEAD, 'active'],
    ['nothing is said of it', {}, AHEAD, 'unsaid'],
    [
      'a day that has passed, though the status lags',
      { status: 'Active', day: '2026-11-20' },
      undefined,
      'terminated 2026-11-20T17:00:00Z',
    ],
    ['a day of an earlier employment', { status: 'Active', day: '2026-01-31', hired: '2026-06-01' }, PAST, 'active'],
    ['hired again, the old day still there', { type: 'hired', day: '2026-01-31' }, PAST, 'active'],
    ['hired until a day', { type: 'hired', day: '2027-01-31' }, undefined, 'terminated 2027-01-31T17:00:00Z'],
    [
      'left, at the time of the event',
      { type: 'left', at: '2026-11-22T09:00:00Z' },
      undefined,
      'terminated 2026-11-22T09:00:00Z',
    ],
    [
      'left, of which an earlier day is known',
      { type: 'left', at: '2026-11-22T09:00:00Z' },
      PAST,
      'terminated 2026-11-01T17:00:00Z',
    ],
    [
      'left, before the day that was planned',
      { type: 'left', at: '2026-11-22T09:00:00Z' },
      AHEAD,
      'terminated 2026-11-22T09:00:00Z',
    ],
    [
      'left, by a clock that is ahead',
      { type: 'left', at: '2026-11-23T09:00:00Z' },
      undefined,
      'terminated 2026-11-22T12:00:00Z',
    ],
    ['left, recorded for a day to come', { type: 'left', day: '2026-12-31' }, undefined, 'terminated 2026-12-31T17:00:00Z'],
    ['inactive', { type: 'away' }, undefined, 'inactive'],
    ['inactive after they left', { type: 'away' }, PAST, 'unsaid'],
    ['on leave before they leave', { type: 'leave' }, AHEAD, 'unsaid'],
    ['on leave, the departure rescinded', { status: 'Leave', day: null }, AHEAD, 'suspended'],
    ['deleted', { type: 'erased', day: '2027-01-01' }, undefined, 'deleted'],
    ['an event of no interest', { type: 'birthday', status: 'Gone' }, undefined, 'nothing'],
    [
      'a change, by its status',
      { type: 'changed', status: 'Gone', day: '2026-11-20' },
      undefined,
      'terminated 2026-11-20T17:00:00Z',
    ],
    ['words in another case', { status: 'GONE' }, undefined, 'terminated 2026-11-22T12:00:00Z'],
  ])('%s', (_name, document, before, standing) => expect(said(document, before)).toBe(standing))

  it.each<[string, Record<string, unknown>, string]>([
    ['no key', { id: null }, 'key is missing'],
    ['a key that is no text', { id: { s3cret: 1 } }, 'key is no text'],
    ['a status that nobody explained', { status: 's3cret' }, 'status is a word that statuses does not explain'],
    ['a day of another country', { day: '31/12/s3cret' }, 'terminationDate must be YYYY-MM-DD or an instant'],
    ['a day that is none', { day: '2026-02-30' }, 'terminationDate: the date is none of the calendar'],
    [
      'a zone that is none',
      { day: '2026-12-31', zone: 's3cret' },
      'terminationDate: the time zone must be an IANA name such as Europe/Berlin',
    ],
    ['an address that is too long', { mail: 'x'.repeat(257) }, 'externalId is longer than 256 characters'],
  ])('%s is a fault that quotes nothing', (_name, document, message) => {
    expect(() => read(document)).toThrow(expect.objectContaining({ code: 'INPUT_INVALID', message }))
  })

  it('reads own members only, and numbers as text', () => {
    expect(readPerson({ id: 17 }, {}, READ)).toMatchObject({ key: '17', externalId: undefined })
    const { find } = { find: compileMap({ key: '/constructor/name' }) }
    expect(() => readPerson({}, {}, { ...READ, find })).toThrow('key is missing')
  })
})
