import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { openMarks } from './marks.ts'

/** The search itself: what it cannot find, the other test would never miss. */
describe('the search for marks', () => {
  const marks = openMarks()
  const mark = marks.plant('bearer')
  const key = randomBytes(32)
  marks.plantBytes('ring key', key)

  const spellings: Record<string, string | Buffer> = {
    'as it is': mark,
    'a fragment of 12': mark.slice(-17, -5),
    'as JSON': JSON.stringify({ a: [{ token: mark }] }),
    'as base64': Buffer.from(mark).toString('base64'),
    'as the password of a Basic header': Buffer.from(`u:${mark}`).toString('base64'),
    'as another Basic header': Buffer.from(`us:${mark}`).toString('base64'),
    'as base64url': Buffer.from(`user:${mark}`).toString('base64url'),
    'as hex': Buffer.from(mark).toString('hex'),
    'as a bytea': `\\x${Buffer.from(JSON.stringify({ token: mark })).toString('hex')}`,
    'wholly percent-encoded': [...Buffer.from(mark)].map((byte) => `%${byte.toString(16).toUpperCase()}`).join(''),
    'in UTF-16': Buffer.from(mark, 'utf16le'),
    'in the middle of bytes': Buffer.concat([randomBytes(1_001), Buffer.from(mark), randomBytes(999)]),
    'a key as base64': key.toString('base64'),
    'a key as it is': Buffer.concat([randomBytes(33), key]),
  }
  it.each(Object.entries(spellings))('finds one %s', (_name, content) => {
    const [leak] = marks.search('here', content)
    expect(leak?.place).toBe('here')
    expect(leak?.context).not.toContain(mark.slice(-12))
  })

  it('finds nothing where there is nothing', () => {
    expect(marks.search('here', randomBytes(4_000_000))).toEqual([])
    expect(marks.search('here', openMarks().plant('bearer'))).toEqual([])
  })
})
