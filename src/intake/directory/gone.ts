import type { Filter } from 'ldapts'
import { RevenantError } from '../../domain/error.ts'
import type { PresentSubject } from '../../store/feed-subject.ts'
import type { Said } from '../feed/said.ts'
import { type Changes, filtersOf } from './changes.ts'
import { namesByKey } from './collect.ts'
import { guidBytes } from './guid.ts'
import { attributesOf } from './options.ts'
import type { Reading } from './reading.ts'
import { rootsOf } from './roots.ts'

/** Keys of one question. */
const BATCH = 100

/**
 * What is said of those who were here and are missing from everybody. Each is looked for by his key first. Deleted: he is not found (in
 * Active Directory, where deleted objects are read: he is found among them). Inactive: the filter no longer finds him, or he is out of
 * sight. Throws `SOURCE_REFUSED` where one is there that the directory had left out: its answer was not whole.
 */
export async function saidGone(reading: Reading, missing: readonly PresentSubject[]): Promise<Said[]> {
  const { options } = reading
  const said: Said[] = []
  for (let from = 0; from < missing.length; from += BATCH) {
    const batch = missing.slice(from, from + BATCH)
    const keys = batch.map(({ key }) => key)
    const there = await findKeys(reading, keys)
    if (there.size > 0 && (await findKeys(reading, [...there], filtersOf(reading).all)).size > 0)
      throw new RevenantError('SOURCE_REFUSED', 'the directory left people out who are there: its answer was not whole')
    const deleted = options.deletedObjects ? await findDeleted(reading, keys) : undefined
    for (const { key, external_id } of batch) {
      const is = there.has(key) || deleted?.has(key) === false ? 'inactive' : 'deleted'
      said.push({ key, externalId: external_id, standing: { is } })
    }
  }
  return said
}

/** What is said of those who were deleted since, where deleted objects are read; of strangers nothing. */
export async function saidDeleted(reading: Reading, changes: Changes): Promise<Said[]> {
  const { options } = reading
  if (!options.deletedObjects) return []
  const { is, and, atLeast } = filtersOf(reading)
  const keys = [...(await searchDeleted(reading, and(is('isDeleted', 'TRUE'), is('objectClass', 'user'), atLeast(changes))))]
  const names = await namesByKey(reading, keys)
  return [...names].map(([key, externalId]) => ({ key, externalId, standing: { is: 'deleted' } }))
}

/** Those of some keys that are there, below any root. */
async function findKeys(reading: Reading, keys: readonly string[], filter?: Filter): Promise<Set<string>> {
  const { options, directory, reader } = reading
  const { and } = filtersOf(reading)
  const wanted = ofKeys(reading, keys)
  const found = new Set<string>()
  const query = { filter: filter === undefined ? wanted : and(filter, wanted), attributes: [attributesOf(options).key] }
  for (const root of rootsOf(options))
    for await (const page of directory.pages(root, query)) for (const entry of page) found.add(reader.keyOf(entry) ?? '')
  return found
}

async function findDeleted(reading: Reading, keys: readonly string[]): Promise<Set<string>> {
  const { and, is } = filtersOf(reading)
  return searchDeleted(reading, and(is('isDeleted', 'TRUE'), ofKeys(reading, keys)))
}

async function searchDeleted({ directory, domain, reader }: Reading, filter: Filter): Promise<Set<string>> {
  const found = new Set<string>()
  if (domain === undefined) return found
  for await (const page of directory.pages(domain.deletedObjects, { filter, attributes: ['objectGUID'], deleted: true }))
    for (const entry of page) found.add(reader.keyOf(entry) ?? '')
  return found
}

function ofKeys(reading: Reading, keys: readonly string[]): Filter {
  const { is, anyOf } = filtersOf(reading)
  const { key } = attributesOf(reading.options)
  const binary = key.toLowerCase() === 'objectguid'
  return anyOf(keys.map((text) => is(key, binary ? (guidBytes(text) ?? text) : text)))
}
