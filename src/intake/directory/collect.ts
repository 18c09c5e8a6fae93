import type { Filter } from 'ldapts'
import { RevenantError } from '../../domain/error.ts'
import { findSubjects, identitiesOf } from '../../store/feed-subject.ts'
import type { Said } from '../feed/said.ts'
import { FLAVOURS } from './flavour.ts'
import { generalizedTime } from './instants.ts'
import { attributesOf } from './options.ts'
import type { Reading } from './reading.ts'
import { rootsOf } from './roots.ts'
import type { SaidOfEntry } from './said-of.ts'

/** All that a directory says at once is held in memory, since too many departures are to be noticed before the first is taken. */
export const MOST_ENTRIES = 100_000

/** What a search has found. */
export interface Collected {
  said: Map<string, Said>
  /** Keys of all entries, also of those that say nothing. */
  seen: Set<string>
  nameless: Nameless[]
  /** The newest change. */
  newest: Temporal.Instant | undefined
}

/** An entry of whom nothing can be said: nothing names him here, and this source has not told of him before. */
export interface Nameless {
  /** Undefined for an entry that has no key either. */
  key: string | undefined
  dn: string
  /** That it has, where it lacks a key. */
  externalId: string | undefined
}

/** Reads all entries that a filter finds, below every root. Throws `SOURCE_REFUSED` where they are too many, or not to be told apart. */
export async function collect(reading: Reading, filter: Filter): Promise<Collected> {
  const { options, directory, reader } = reading
  const found: Collected = { said: new Map(), seen: new Set(), nameless: [], newest: undefined }
  const unnamed = new Map<string, { dn: string; said: SaidOfEntry }>()
  const { key } = attributesOf(options)
  const always = key === FLAVOURS[options.flavour].attributes.key
  for (const root of rootsOf(options)) {
    for await (const page of directory.pages(root, { filter, attributes: reader.attributes })) {
      for (const entry of page) {
        const own = reader.keyOf(entry)
        if (own === undefined && always)
          throw new RevenantError(
            'SOURCE_REFUSED',
            `the directory shows ${entry.dn} without ${key}: may ${options.bindDn} read it?`,
          )
        if (own === undefined)
          found.nameless.push({ key: undefined, dn: entry.dn, externalId: reader.saidOf(entry, '', reading.now).externalId })
        else {
          const said = reader.saidOf(entry, own, reading.now)
          found.seen.add(own)
          if (said.externalId === undefined) unnamed.set(own, { dn: entry.dn, said })
          else found.said.set(own, { ...said, externalId: said.externalId })
        }
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
  // Whoever is known is known by his key: attributes are removed from whoever leaves, and a departure must not be lost by that.
  const names = await namesByKey(reading, [...unnamed.keys()])
  for (const [own, { dn, said }] of unnamed) {
    const externalId = names.get(own)
    if (externalId === undefined) found.nameless.push({ key: own, dn, externalId: undefined })
    else found.said.set(own, { ...said, externalId })
  }
  return found
}

const CHUNK = 500

/** What those are called here of whom this source has told, by its keys. */
export async function namesByKey({ context }: Reading, keys: readonly string[]): Promise<Map<string, string>> {
  const { db } = context.deps
  const names = new Map<string, string>()
  for (let from = 0; from < keys.length; from += CHUNK) {
    const subjects = [...(await findSubjects(db, context.feed.id, keys.slice(from, from + CHUNK))).values()]
    const ids = subjects.map(({ identity_id }) => identity_id)
    const identities = new Map((await identitiesOf(db, ids, [], 'look')).map((row) => [row.id, row]))
    for (const { key, identity_id } of subjects) {
      const name = identities.get(identity_id)?.external_id
      if (name !== undefined) names.set(key, name)
    }
  }
  return names
}
