import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { groupIdOf } from '../../src/alerts/group-id.ts'
import { newId } from '../../src/domain/id.ts'

describe('groupIdOf', () => {
  const ids = Array.from({ length: 40 }, newId)

  it('is a UUID of version 8, the same for the same alerts in any order', () => {
    const id = groupIdOf(ids)
    expect(z.uuid({ version: 'v8' }).safeParse(id).error).toBeUndefined()
    expect(groupIdOf(ids.toReversed())).toBe(id)
    // What receivers have seen must stay known when the program is renewed.
    expect(groupIdOf(['a', 'b'])).toBe('c8687a08-aa5d-8ed2-8443-28fa6a697ab8')
  })

  it('is another for one alert more, less or in another’s place', () => {
    const all = [ids, [...ids, newId()], ids.slice(1), [...ids.slice(1), newId()], ids.slice(0, 1)].map(groupIdOf)
    expect(new Set(all).size).toBe(all.length)
  })
})
