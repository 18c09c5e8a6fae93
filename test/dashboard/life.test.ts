import { describe, expect, it } from 'vitest'
import type { CredentialDetail } from '../../src/api/schemas/credential.ts'
import { type Holder, knowsWords, lifeOf, rotationOf } from '../../src/dashboard/life.ts'
import { RETIRED_REASONS } from '../../src/domain/credential.ts'

const NOW = Date.parse('2026-11-22T12:00:00Z')
const [BEFORE, AFTER] = ['2026-11-20T12:00:00Z', '2026-11-24T12:00:00Z']
const ID = '00000000-0000-7000-8000-000000000000'
const who = (name: string, terminatedAt: string | null = null) => ({
  ...{ id: ID, externalId: name, kind: 'human' as const, name },
  terminatedAt,
})

type Lived = Parameters<typeof lifeOf>[0]
const lived = (more: Partial<Lived>): Lived => ({
  ...{ standing: 'open', attempts: 3, rotatedAt: null, retiredAt: null, retiredReason: null, handoverBy: null, handover: null },
  secret: { kept: 'sealed', scheme: null, origin: 'https://x.example', expiresAt: null },
  createdAt: BEFORE,
  ...more,
})
const secret = (expiresAt: string): CredentialDetail['secret'] => ({
  ...{ kept: 'sealed', scheme: null, origin: 'https://x.example' },
  expiresAt,
})
const handover = (state: 'running' | 'overdue' | 'done') => ({ id: ID, receiver: who('rob'), state })

describe('the life of a credential', () => {
  it.each<[string, Partial<Lived>, [string, string, string | null][]]>([
    ['of a leaver, tried', {}, []],
    ['of somebody who is here, kept for the day', { standing: 'resting', attempts: 0 }, [['Registered ahead', 'plain', BEFORE]]],
    ['of somebody who came back', { standing: 'resting' }, [['Rests again', 'none', BEFORE]]],
    ['of which the others have another value', { rotatedAt: BEFORE }, [['Replaced', 'plain', BEFORE]]],
    ['with a date of its own', { secret: secret(AFTER) }, [['Expires', 'plain', AFTER]]],
    ['past it', { secret: secret(BEFORE) }, [['Past its date', 'plain', BEFORE]]],
    [
      'past it, off the list',
      { secret: secret(BEFORE), standing: 'retired', retiredAt: AFTER, retiredReason: 'expired' },
      [['Expired', 'none', AFTER]],
    ],
    ['minimised', { standing: 'retired', retiredAt: BEFORE, retiredReason: 'proven_dead' }, [['Minimised', 'closed', BEFORE]]],
    [
      'replaced and refused',
      { standing: 'retired', rotatedAt: BEFORE, retiredAt: AFTER, retiredReason: 'rotated' },
      [['Replaced', 'closed', AFTER]],
    ],
    ['retired before reasons were kept', { standing: 'retired', retiredAt: BEFORE }, [['Taken off the list', 'none', BEFORE]]],
    ['handed over', { handoverBy: AFTER, handover: handover('running') }, [['Handed over', 'plain', AFTER]]],
    ['handed over, past the date', { handoverBy: BEFORE, handover: handover('overdue') }, [['Handover overdue', 'open', BEFORE]]],
    ['handed over and refused', { handoverBy: BEFORE, handover: handover('done') }, [['Handed over', 'closed', BEFORE]]],
    ['with a date that a file gave', { handoverBy: BEFORE }, [['Handover overdue', 'open', BEFORE]]],
    ['with such a date, refused', { handoverBy: BEFORE, standing: 'closed' }, [['Handed over', 'closed', BEFORE]]],
  ])('%s', (_what, more, expected) => {
    expect(lifeOf(lived(more), NOW).map(({ label, look, at }) => [label, look, at])).toEqual(expected)
  })

  it('ends in words of its own for each reason, and calls nothing closed that is not proven', () => {
    const ends = RETIRED_REASONS.map(
      (retiredReason) => lifeOf(lived({ standing: 'retired', retiredAt: BEFORE, retiredReason }), NOW)[0],
    )
    expect(new Set(ends.map((end) => end?.means)).size).toBe(RETIRED_REASONS.length)
    expect(ends.flatMap((end) => (end?.look === 'closed' ? [end.label] : []))).toEqual(['Minimised', 'Replaced'])
  })
})

describe('a shared secret', () => {
  const holder = (name: string, more: Partial<Holder> = {}): Holder => ({
    ...{
      credentialId: ID,
      identity: who(name),
      since: BEFORE,
      current: true,
      retiredAt: null,
      retiredReason: null,
      rotatedAt: null,
    },
    ...{ standing: 'resting', deadline: null },
    ...more,
  })
  const left = (standing: Holder['standing'], revokeBy: string, more: Partial<Holder> = {}) =>
    holder('cleo', {
      ...{ identity: who('cleo', BEFORE), standing },
      ...{ deadline: { revokeBy, state: 'running', closedAt: null }, ...more },
    })
  it.each<[string, Holder[], string, string, string | null]>([
    ['of people who are here', [holder('a'), holder('b')], 'Nothing to change', 'none', null],
    ['of one who will leave', [holder('a'), holder('b', { identity: who('b', AFTER) })], 'Nothing to change', 'none', null],
    ['that a leaver knows', [holder('a'), left('open', AFTER)], 'To be changed', 'plain', AFTER],
    ['that a leaver knows too long', [holder('a'), left('not_tried', BEFORE)], 'Overdue', 'open', BEFORE],
    ['the first deadline of two', [left('open', AFTER), left('open', BEFORE)], 'Overdue', 'open', BEFORE],
    [
      'of which one answer is not enough',
      [holder('a'), left('refused', AFTER, { current: false, rotatedAt: BEFORE })],
      'To be changed',
      'plain',
      AFTER,
    ],
    [
      'whose old value is refused',
      [holder('a'), left('closed', AFTER, { current: false, rotatedAt: BEFORE })],
      'Changed',
      'closed',
      null,
    ],
    ...(['proven_dead', 'rotated'] as const).map((retiredReason): [string, Holder[], string, string, null] => [
      `whose old value is off the list for its proof (${retiredReason})`,
      [holder('a'), left('retired', AFTER, { deadline: null, retiredReason })],
      'Changed',
      'closed',
      null,
    ]),
    ...(['operator', 'expired', null] as const).map((retiredReason): [string, Holder[], string, string, null] => [
      `whose old value is off the list without proof (${retiredReason})`,
      [holder('a'), left('retired', AFTER, { deadline: null, retiredReason })],
      'Not proven',
      'doubt',
      null,
    ]),
    [
      'of which one is off the list unproven, and one is open',
      [left('retired', AFTER, { deadline: null, retiredReason: 'operator' }), left('open', AFTER)],
      'To be changed',
      'plain',
      AFTER,
    ],
  ])('%s', (_what, holders, label, look, by) => {
    expect(rotationOf(holders, NOW)).toMatchObject({ label, look, by })
  })

  it('says what each knows', () => {
    const old = { current: false, rotatedAt: BEFORE }
    expect(
      [{}, old, { ...old, retiredAt: AFTER }, { current: false, retiredAt: AFTER }].map((more) => knowsWords(holder('a', more))),
    ).toEqual(['the value in use', 'an old value', 'an old value, off the list', 'off the list'])
  })
})
