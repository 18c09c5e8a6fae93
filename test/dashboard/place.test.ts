import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HOME, hrefOf, parsePlace, returnPlace, VIEWS } from '../../src/dashboard/place.ts'

describe('an address of the page', () => {
  it.each([
    ['', HOME],
    ['#', HOME],
    ['#/', HOME],
    ['#/findings', { view: 'findings', filters: {} }],
    ['#/findings/', { view: 'findings', filters: {} }],
    ['#/findings?severity=high&q=a%20b', { view: 'findings', filters: { severity: 'high', q: 'a b' } }],
    ['#/findings/1-2', { view: 'findings', id: '1-2', filters: {} }],
    ['#/sign-in?code=a_-b', { view: 'sign-in', filters: { code: 'a_-b' } }],
    ['#/no/such', undefined],
    ['#/findings/1/2', undefined],
    ['#/%', undefined],
  ])('%s', (hash, place) => {
    expect(parsePlace(hash)).toEqual(place)
  })

  it('says again what it was made of', () => {
    const filters = fc.dictionary(
      fc.stringMatching(/^[a-zA-Z]{1,8}$/),
      fc.string({ minLength: 1, maxLength: 12, unit: 'binary' }),
      {
        noNullPrototype: true,
        maxKeys: 3,
      },
    )
    fc.assert(
      fc.property(
        fc.constantFrom(...VIEWS),
        fc.option(fc.string({ minLength: 1, maxLength: 12, unit: 'binary' }), { nil: undefined }),
        filters,
        (view, id, given) => {
          expect(parsePlace(hrefOf(view, id, given))).toEqual({ view, filters: given, ...(id === undefined ? {} : { id }) })
        },
      ),
    )
  })

  it('leaves out what is not set', () => {
    expect(hrefOf('findings', undefined, { kind: '', state: undefined, severity: 'low' })).toBe('#/findings?severity=low')
  })
})

describe('whoever has just signed in', () => {
  const finding = { view: 'findings', id: '1-2', filters: {} } as const
  const gate = { view: 'sign-in', filters: {} } as const
  it.each([
    ['comes back to what he came for, from the provider', HOME, '#/findings/1-2', finding],
    ['and from a one-time link', gate, '#/findings/1-2', finding],
    ['with its filters', HOME, '#/findings?severity=high', { view: 'findings', filters: { severity: 'high' } }],
    ['stays where he is', finding, '#/systems', undefined],
    ['stays where there is nothing', undefined, '#/systems', undefined],
    ['begins where everybody begins', gate, undefined, HOME],
    ['is there already', HOME, undefined, undefined],
    ['is sent nowhere that is not here', gate, '#//evil.example/x', HOME],
    ['nor to the sign-in again', gate, '#/sign-in?code=abc', HOME],
  ] as const)('%s', (_, here, kept, place) => {
    expect(returnPlace(here, kept)).toEqual(place)
  })
})
