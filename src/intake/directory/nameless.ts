import { clearFaults, feedFaults, noteFault } from '../../store/feed-fault.ts'
import type { Collected } from './collect.ts'
import { attributesOf } from './options.ts'
import type { Reading } from './reading.ts'

/** So many faults the database keeps of one source. */
const MOST = 1_000

/**
 * Lets a fault stand for each nameless entry, until it is heard well: it may be somebody who has left. Where everybody was asked for, those
 * who are nameless no more, or not there, are taken back.
 */
export async function noteNameless(
  { context, options, now }: Reading,
  { nameless, seen }: Pick<Collected, 'nameless' | 'seen'>,
  full: boolean,
): Promise<void> {
  const { feed, deps, log } = context
  const { key: keyName, externalId } = attributesOf(options)
  const at = deps.now()
  if (full) {
    const keys = new Set(nameless.map(({ key }) => key))
    const stand = (await feedFaults(deps.db, feed.name, MOST + 1)).flatMap(({ key }) => (key === null ? [] : [key]))
    const over = stand.filter((key) => !keys.has(key) && !seen.has(key))
    await clearFaults(
      deps.db,
      feed.id,
      over.map((key) => ({ key, saidAt: at })),
    )
  }
  for (const { key, dn } of nameless.slice(0, MOST)) {
    const lacks = key === undefined ? keyName : externalId
    const fault = `nobody hears of ${dn}: it has no usable ${lacks}. Give it one, or a filter that leaves it out`
    await noteFault(deps.db, feed.id, { key, fault, saidAt: now }, at)
  }
  if (nameless.length > 0) log('warn', 'nothing names some entries here', { entries: nameless.length })
}
