import { describe, expect, it } from 'vitest'
import type { Inventory, Listing } from '../../src/api/schemas/grant.ts'
import { faultAdvice, faultWords, inventoryMark, lookMark, noLookMark } from '../../src/dashboard/listing-words.ts'
import { LISTING_FAULTS, TURN_OUTCOMES } from '../../src/domain/grant.ts'

const ID = '00000000-0000-7000-8000-000000000000'
const AT = '2026-11-22T12:00:00Z'
const listing = (more: Partial<Listing>): Listing => ({
  ...{ id: ID, system: { id: ID, name: 'okta', tier: 'standard', owner: null } },
  identity: { id: ID, externalId: 'a', kind: 'human', name: 'Anna', terminatedAt: AT },
  ...{ inventory: 'okta', at: AT, outcome: 'complete', reason: null, known: true, listed: 0, standing: 0, parts: {} },
  ...{ assurance: 'controlled', traceId: 'b'.repeat(32) },
  ...more,
})
const inventory = (more: Partial<Inventory>): Inventory => ({
  ...{ systemId: ID, system: 'okta', askedAt: AT, running: false, fault: null, faultAt: null, standing: 0, nextAt: AT },
  inventory: { kind: 'okta', by: 'email', everyMs: 86_400_000, without: [], canary: 'configured' },
  last: { finishedAt: AT, outcome: 'completed', people: 1, complete: 1, inconclusive: 0, listed: 0 },
  looks: { people: 1, complete: 1, inconclusive: 0, never: 0 },
  ...more,
})

describe('a look at somebody', () => {
  it.each<[Partial<Listing>, string, string]>([
    [{}, 'Nothing left', 'closed'],
    [{ listed: 1 }, '1 grant left', 'open'],
    [{ known: false }, 'No account found', 'none'],
    [{ outcome: 'inconclusive', reason: 'forbidden', known: null }, 'Could not look', 'doubt'],
    [{ outcome: 'inconclusive', reason: 'rate_limited', listed: 2 }, 'Not all read', 'doubt'],
  ])('%j is "%s", %s', (more, label, look) => {
    expect(lookMark(listing(more), [])).toMatchObject({ label, look })
  })

  it.each(LISTING_FAULTS)('that %s kept from its end is never called closed, and says why', (reason) => {
    for (const [listed, known] of [
      [0, true],
      [0, false],
      [3, null],
    ] as const) {
      const { look, means } = lookMark(listing({ outcome: 'inconclusive', reason, listed, known }), [])
      expect(look).toBe('doubt')
      expect(means).toContain(faultWords(reason))
    }
    expect(faultWords(reason)).not.toBe(reason)
    expect(faultAdvice(reason)).toMatch(/\.$/)
  })

  it('without a canary says what that costs', () => {
    expect(lookMark(listing({ assurance: 'explicit' }), []).means).toContain('No canary')
    expect(lookMark(listing({}), []).means).not.toContain('canary')
  })

  it.each<[Partial<Listing>, string, RegExp]>([
    [{ standing: 2 }, '2 grants on record', /no proof yet/],
    [{ standing: 1, known: false }, '1 grant on record', /no proof yet/],
    [{ standing: 3, listed: 1 }, '1 grant left', /2 more stand/],
  ])('of whom something stands that it did not show (%j) does not say that nothing is left', (more, label, means) => {
    const mark = lookMark(listing(more), [])
    expect(mark).toMatchObject({ label, means: expect.stringMatching(means) })
    expect(mark.look).not.toBe('closed')
  })

  it('says what was not asked for, and calls nothing closed then', () => {
    const mark = lookMark(listing({ parts: { api_tokens: 'complete' } }), ['ssh_keys'])
    expect(mark).toMatchObject({ label: 'Nothing listed', look: 'plain', means: expect.stringContaining('ssh keys') })
    expect(lookMark(listing({ listed: 1 }), ['ssh_keys']).means).toContain('Not asked for: ssh keys')
    // It was asked for then.
    expect(lookMark(listing({ parts: { ssh_keys: 'complete' } }), ['ssh_keys']).label).toBe('Nothing left')
  })
})

describe('an inventory', () => {
  it.each<[string, Partial<Inventory>, string, string]>([
    ['that looked at everybody', {}, 'Completed', 'closed'],
    [
      'that looked at everybody, and not to the end',
      { last: { finishedAt: AT, outcome: 'completed', people: 2, complete: 1, inconclusive: 1, listed: 0 } },
      'Not all read',
      'doubt',
    ],
    ['that could not ask', { fault: 'forbidden' }, 'Could not look', 'doubt'],
    ['that could not ask, and tries again', { fault: 'forbidden', running: true }, 'Could not look', 'doubt'],
    ['that is asked now', { running: true }, 'Being asked', 'plain'],
    ['that was never asked', { last: null, askedAt: null }, 'Not asked yet', 'doubt'],
    ['for nobody', { last: null, looks: { people: 0, complete: 0, inconclusive: 0, never: 0 } }, 'Nobody to look for', 'none'],
    ['that was taken away', { inventory: null, fault: 'forbidden' }, 'Not configured', 'none'],
  ])('%s', (_what, more, label, look) => {
    expect(inventoryMark(inventory(more))).toMatchObject({ label, look })
  })

  it('is closed only where everybody was looked at', () => {
    const last = (outcome: (typeof TURN_OUTCOMES)[number]) => ({
      finishedAt: AT,
      outcome,
      people: 0,
      complete: 0,
      inconclusive: 0,
      listed: 0,
    })
    const closed = TURN_OUTCOMES.filter((outcome) => inventoryMark(inventory({ last: last(outcome) })).look === 'closed')
    expect(closed).toEqual(['completed'])
  })

  it('that has not looked at somebody says so, and why', () => {
    expect(noLookMark(inventory({}))).toMatchObject({ look: 'doubt', label: 'Not looked at' })
    expect(noLookMark(inventory({ fault: 'unauthenticated' })).means).toContain('was refused')
    const by = {
      ...inventory({}).inventory,
      kind: 'github',
      by: 'principal' as const,
      everyMs: 1,
      without: [],
      canary: 'missing' as const,
    }
    expect(noLookMark(inventory({ inventory: by })).means).toContain('without one, never')
  })

  it('tells a fault that is newer than the page by its own name', () => {
    expect(faultWords('moon_phase')).toBe('moon phase')
  })
})
