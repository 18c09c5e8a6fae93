import { z } from 'zod'
import { DEPARTURES, FEED_KINDS } from '../domain/feed.ts'
import { duration } from './duration.ts'
import { count, name } from './scalar.ts'

/** One source of leavers that is heard while the daemon runs. Further keys are the source's own. */
export const sourceSchema = z
  .looseObject({
    name: name().describe('Unique. What commands, the page and the log call the source.'),
    source: z.enum(FEED_KINDS).describe('How it tells: see docs/sources.md.'),
    onInactive: z
      .enum(DEPARTURES)
      .default('ask')
      .describe(
        'What becomes of somebody whom it calls inactive: un-assignment, suspension and departure often look the same. ask: a person decides.',
      ),
    onDeleted: z.enum(DEPARTURES).default('terminate').describe('What becomes of somebody whom it deletes.'),
    joiners: z.enum(['follow', 'ignore']).default('follow').describe('Whether people whom it names and nobody knows are added.'),
    massEvent: z
      .strictObject({
        share: z
          .number()
          .gt(0, { error: 'must be more than 0' })
          .max(1, { error: 'must be at most 1, which is everybody' })
          .default(0.1)
          .describe('Of those who are here, by the source: 0.1 is one in ten.'),
        least: count(1, 1_000_000).default(10).describe('So many are never too many.'),
        window: duration('1m', '7d').prefault('1h').describe('Departures within this time count together.'),
      })
      .transform(({ window, ...rest }) => ({ ...rest, windowMs: window }))
      .prefault({})
      .describe('More departures at once than this are held until a person confirms them.'),
    silentAfter: duration('1m', '365d')
      .exactOptional()
      .describe('After so much silence it is the finding feed_silent. Left out: what docs/sources.md says of its kind.'),
  })
  .transform(({ name, source, onInactive, onDeleted, joiners, massEvent, silentAfter, ...options }) => ({
    ...{ name, source, onInactive, onDeleted, joiners, massEvent, options },
    ...(silentAfter === undefined ? {} : { silentAfterMs: silentAfter }),
  }))
