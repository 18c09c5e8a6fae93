import { expect, it } from 'vitest'
import { openBearers } from '../../../src/api/feeds/bearer.ts'
import type { FeedHttpDeps } from '../../../src/api/feeds/deps.ts'
import { openLogger } from '../../../src/telemetry/logger.ts'

const TOKENS = new Map([
  ['env:A', 'token-of-a-0123456789'],
  ['env:B', 'token-of-b-0123456789'],
  ['env:BOTH', 'token-of-both-0123456789'],
])

function open(lines: string[]) {
  const deps: Pick<FeedHttpDeps, 'readReference' | 'logger'> = {
    readReference: async (reference) => TOKENS.get(reference) ?? Promise.reject(new Error('it is not set')),
    logger: openLogger({ level: 'warn', fields: {}, write: (line) => void lines.push(line) }),
  }
  const feeds = (['a', 'b'] as const).map((name) => {
    const policy = { inactive: 'ask', deleted: 'ask', joiners: 'follow', mass: { share: 1, least: 1, windowMs: 1 } } as const
    const tokens = [`env:${name.toUpperCase()}`, 'env:BOTH', 'env:NOT_SET']
    return { pushed: { feed: { id: name, name, kind: 'scim' as const, policy }, options: {} }, options: undefined, tokens }
  })
  return openBearers(deps, () => feeds)
}

it.each([
  ['the token of one', 'Bearer token-of-a-0123456789', 'a'],
  ['the token of another', 'bearer token-of-b-0123456789', 'b'],
  ['a token that two of them have', 'Bearer token-of-both-0123456789', undefined],
  ['a wrong token', 'Bearer token-of-c-0123456789', undefined],
  ['no token', undefined, undefined],
  ['another scheme', 'Basic token-of-a-0123456789', undefined],
])('%s', async (_, authorization, name) => {
  const lines: string[] = []
  expect((await open(lines)(authorization))?.pushed.feed.name).toBe(name)
  for (const token of TOKENS.values()) expect(lines.join()).not.toContain(token)
})
