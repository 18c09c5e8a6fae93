import type { Facts } from '../../../domain/leaf.ts'
import { type ScimName, type ScimResourceRow, type ScimType, scimPage } from '../../../store/scim-resource.ts'
import type { FeedHttpDeps } from '../deps.ts'
import { ScimFault } from './fault.ts'
import { type Filter, isWanted, parseFilter } from './filter.ts'
import { placeOf, valuesAt } from './place.ts'
import { MOST_RESULTS, seenResource } from './protocol.ts'
import { metaOf, type Tenant } from './resources.ts'
import { shapeOf } from './shape.ts'

/** Filters that no index answers are tried on so many resources at most. */
const MOST_FILTERED = 5_000

export interface ListAsk {
  filter: string | undefined
  /** From 1. */
  startIndex: number
  count: number
  sortBy: string | undefined
  descending: boolean
}

/** Resources that a filter wants, some of them. */
export async function listStored(
  deps: FeedHttpDeps,
  { feed }: Tenant,
  type: ScimType,
  ask: ListAsk,
  base: string,
): Promise<{ total: number; rows: ScimResourceRow[] }> {
  const filter = ask.filter === undefined ? undefined : parseFilter(shapeOf(type), ask.filter)
  const named = filter === undefined ? undefined : indexedIn(filter)
  const isIndexed = filter === undefined || (named !== undefined && filter.is === 'compare')
  const limit = Math.min(ask.count, MOST_RESULTS)
  const of = { feedId: feed.id, type, named }
  if (ask.sortBy === undefined && isIndexed) return scimPage(deps.db, of, { offset: ask.startIndex - 1, limit })
  const all = await scimPage(deps.db, of, { offset: 0, limit: MOST_FILTERED + 1 })
  if (all.total > MOST_FILTERED)
    throw new ScimFault(
      400,
      'tooMany',
      `only id, userName, externalId and displayName can be asked for by eq among more than ${MOST_FILTERED} resources`,
    )
  const seen = all.rows.map((row) => ({ row, resource: seenResource(type, row.data, metaOf(row), base) }))
  const found = isIndexed ? seen : seen.filter(({ resource }) => isWanted(filter, resource))
  const rows = (ask.sortBy === undefined ? found : sorted(found, type, ask.sortBy, ask.descending)).map(({ row }) => row)
  return { total: rows.length, rows: rows.slice(ask.startIndex - 1, ask.startIndex - 1 + limit) }
}

interface Seen {
  row: ScimResourceRow
  resource: Facts
}

/** By the first value of an attribute, without case; whoever has none comes as if it were empty. */
function sorted(seen: readonly Seen[], type: ScimType, by: string, descending: boolean): Seen[] {
  const place = placeOf(shapeOf(type), by)
  const value = ({ resource }: Seen): string => {
    const first = place?.attribute === undefined ? undefined : valuesAt(resource, place)[0]
    return typeof first === 'string' ? first.toLowerCase() : ''
  }
  const way = descending ? -1 : 1
  return seen.toSorted((a, b) => (value(a) < value(b) ? -way : value(a) > value(b) ? way : 0))
}

/** What an index answers of a filter: the whole of it, or what all that it wants have. */
function indexedIn(filter: Filter): ScimName | undefined {
  if (filter.is !== 'and') return nameIn(filter)
  for (const each of filter.of) {
    const named = indexedIn(each)
    if (named !== undefined) return named
  }
  return undefined
}

/** One name by `eq`. */
function nameIn(filter: Filter): ScimName | undefined {
  if (filter.is !== 'compare' || filter.place === undefined || filter.by.operator !== 'eq') return undefined
  const { place, by } = filter
  if (place.extension !== undefined || place.sub !== undefined || typeof by.literal !== 'string') return undefined
  const value = by.literal
  switch (place.attribute.name) {
    case 'userName':
      return { userName: value }
    case 'externalId':
      return { externalId: value }
    case 'id':
      return { id: value }
    case 'displayName':
      return { displayName: value }
    default:
      return undefined
  }
}
