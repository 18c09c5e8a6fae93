import type { Filter } from 'ldapts'
import { RevenantError } from '../../domain/error.ts'
import type { Said } from '../feed/said.ts'
import { FLAVOURS } from './flavour.ts'
import { generalizedTime } from './instants.ts'
import { attributesOf } from './options.ts'
import type { Reading } from './reading.ts'
import { rootsOf } from './roots.ts'

/** All that a directory says at once is held in memory, since too many departures are to be noticed before the first is taken. */
export const MOST_ENTRIES = 100_000

/** What a search has found. */
export interface Collected {
  said: Map<string, Said>
  /** Keys of all entries, also of those that say nothing. */
  seen: Set<string>
  /** The newest change. */
  newest: Temporal.Instant | undefined
}

/** Reads all entries that a filter finds, below every root. Throws `SOURCE_REFUSED` where they are too many, or not to be told apart. */
export async function collect(reading: Reading, filter: Filter): Promise<Collected> {
  const { options, context, directory, reader } = reading
  const found: Collected = { said: new Map(), seen: new Set(), newest: undefined }
  const key = attributesOf(options).key
  const always = key === FLAVOURS[options.flavour].attributes.key
  let unnamed = 0
  for (const root of rootsOf(options)) {
    for await (const page of directory.pages(root, { filter, attributes: reader.attributes })) {
      for (const entry of page) {
        const own = reader.keyOf(entry)
        if (own === undefined && always)
          throw new RevenantError(
            'SOURCE_REFUSED',
            `the directory shows ${entry.dn} without ${key}: may ${options.bindDn} read it?`,
          )
        const said = own === undefined ? undefined : reader.saidOf(entry, own, reading.now)
        if (own !== undefined) found.seen.add(own)
        if (said === undefined) unnamed++
        else found.said.set(said.key, said)
        const changed = generalizedTime(reader.changed(entry) ?? '')
        if (changed !== undefined && (found.newest === undefined || Temporal.Instant.compare(changed, found.newest) > 0))
          found.newest = changed
      }
      if (found.seen.size > MOST_ENTRIES)
        throw new RevenantError(
          'SOURCE_REFUSED',
          `the directory names more than ${MOST_ENTRIES} people: divide its bases among several sources`,
        )
    }
  }
  if (unnamed > 0) context.log('warn', 'entries without key or external id were passed over', { entries: unnamed })
  return found
}
