import { hash, timingSafeEqual } from 'node:crypto'
import type { FeedHttpDeps, PushedFeed } from './deps.ts'

export interface BearerFeed<Options> {
  pushed: PushedFeed
  options: Options
  /** References. */
  tokens: readonly string[]
}

/** What a reference holds is read again after so long: a token may be replaced while the daemon runs. */
const KEPT_MS = 30_000

/** Finds the source of a bearer token among many, each with tokens by reference. A reference that cannot be read opens nothing. */
export function openBearers<Options>(
  deps: Pick<FeedHttpDeps, 'readReference' | 'logger'>,
  feeds: () => readonly BearerFeed<Options>[],
): (authorization: string | undefined) => Promise<BearerFeed<Options> | undefined> {
  const kept = new Map<string, { digest: Buffer | undefined; until: number }>()
  const digestOf = async (reference: string): Promise<Buffer | undefined> => {
    const known = kept.get(reference)
    if (known !== undefined && known.until > performance.now()) return known.digest
    const token = await deps.readReference(reference).catch((error: unknown) => {
      deps.logger.warn({ err: error }, 'a token of a source cannot be read: it opens nothing')
      return undefined
    })
    const digest = token === undefined ? undefined : hash('sha256', token.trim(), 'buffer')
    kept.set(reference, { digest, until: performance.now() + KEPT_MS })
    return digest
  }
  return async (authorization) => {
    const [, token] = /^Bearer +(\S{16,4096})$/i.exec(authorization ?? '') ?? []
    if (token === undefined) return undefined
    const given = hash('sha256', token, 'buffer')
    const found: BearerFeed<Options>[] = []
    for (const feed of feeds())
      for (const reference of feed.tokens) {
        const digest = await digestOf(reference)
        // All are looked at: how long it takes tells nobody which one was right.
        if (digest !== undefined && timingSafeEqual(digest, given)) found.push(feed)
      }
    const [first, ...others] = found
    if (others.every((each) => each === first)) return first
    deps.logger.error(
      { feeds: found.map(({ pushed }) => pushed.feed.name) },
      'sources have the same token: it opens none of them',
    )
    return undefined
  }
}
