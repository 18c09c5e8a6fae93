import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openFeed } from '../../src/scan/feed.ts'

/** Pages of a list, `size` rows each; counts how often it is asked. */
function pagesOf(rows: readonly number[], size: number) {
  const asked: (number | undefined)[] = []
  const read = async (after: number | undefined) => {
    asked.push(after)
    await Promise.resolve()
    const from = after === undefined ? 0 : rows.indexOf(after) + 1
    return rows.slice(from, from + size)
  }
  return { asked, feed: openFeed(read) }
}

async function drain<Row>(take: () => Row | undefined | Promise<Row | undefined>): Promise<Row[]> {
  const seen: Row[] = []
  for (let row = await take(); row !== undefined; row = await take()) seen.push(row)
  return seen
}

describe('openFeed', () => {
  it('hands out every row once, to however many lanes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 40 }),
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 1, max: 6 }),
        async (length, size, lanes) => {
          const rows = Array.from({ length }, (_each, index) => index + 1)
          const { feed } = pagesOf(rows, size)
          const taken = await Promise.all(Array.from({ length: lanes }, () => drain(feed.take)))
          expect(taken.flat().toSorted((a, b) => a - b)).toEqual(rows)
          expect(await feed.take()).toBeUndefined()
        },
      ),
    )
  })

  it('keeps the order for one lane, and reads one page ahead, no more', async () => {
    const { asked, feed } = pagesOf([1, 2, 3, 4, 5, 6], 2)
    expect(asked).toEqual([])
    expect(await feed.take()).toBe(1)
    expect(asked).toEqual([undefined, 2])
    expect(feed.take()).toBe(2)
    expect(asked).toEqual([undefined, 2])
    expect(await drain(feed.take)).toEqual([3, 4, 5, 6])
    expect(asked).toEqual([undefined, 2, 4, 6])
  })

  it('fails the take that needs the page which could not be read, and nothing before', async () => {
    const feed = openFeed<number>(async (after) => {
      if (after !== undefined) throw new Error('the database went away')
      return [1, 2]
    })
    expect(await feed.take()).toBe(1)
    expect(feed.take()).toBe(2)
    await expect(feed.take()).rejects.toThrow('the database went away')
  })
})
