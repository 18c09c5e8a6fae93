import { newId } from '../../../domain/id.ts'
import type { Facts } from '../../../domain/leaf.ts'
import type { Feed, Said } from '../../../intake/feed/said.ts'
import { prepareToTake, takeIn } from '../../../intake/feed/take.ts'
import type { ScimOptions } from '../../../intake/sources/scim.ts'
import { inTransaction, type Tx } from '../../../intake/transaction.ts'
import { findSubjects } from '../../../store/feed-subject.ts'
import {
  deleteScimResource,
  insertScimResource,
  isNameTaken,
  type ScimName,
  type ScimResourceRow,
  type ScimType,
  scimPage,
  scimResource,
  updateScimResource,
} from '../../../store/scim-resource.ts'
import type { FeedHttpDeps } from '../deps.ts'
import { isKept, ScimFault } from './fault.ts'
import { MOST_RESULTS, matching, patchResource, readResource, type ScimMeta, tellResource, versionOf } from './protocol.ts'
import { isNamed, saidOf } from './said.ts'

/** A client of the server: one source. */
export interface Tenant {
  feed: Feed
  options: ScimOptions
}

/** Filters that no index answers are tried on so many resources at most. */
const MOST_FILTERED = 5_000

export async function createResource(
  deps: FeedHttpDeps,
  { feed, options }: Tenant,
  type: ScimType,
  body: unknown,
): Promise<ScimResourceRow> {
  const data = readResource(type, body)
  return write(deps, feed, async (tx, now) => {
    const row = { id: newId(), feed_id: feed.id, type, version: 1, data, ...namesOf(type, data) }
    await refuseTaken(tx, row)
    await insertScimResource(tx, row, now)
    await take(deps, tx, feed, type === 'User' ? saidOf(row.id, { data, before: undefined, told: false }, options) : undefined)
    return { ...row, created_at: now, updated_at: now }
  })
}

/** @param change what the resource becomes; undefined: nothing changes */
async function changeResource(
  deps: FeedHttpDeps,
  { feed, options }: Tenant,
  of: { type: ScimType; id: string; ifMatch: string | undefined },
  change: (before: Facts) => Promise<Facts | undefined>,
): Promise<ScimResourceRow> {
  const { type, id } = of
  return write(deps, feed, async (tx, now) => {
    const before = await present(tx, feed, type, id, of.ifMatch)
    const told = type === 'User' && (await isTold(tx, feed, id))
    const sayOf = (data: Facts) => (type === 'User' ? saidOf(id, { data, before: before.data, told }, options) : undefined)
    const data = await change(before.data)
    if (data === undefined) {
      // Said once more: what did not count before may count now.
      await take(deps, tx, feed, sayOf(before.data))
      return before
    }
    const row = { id, feed_id: feed.id, type, version: before.version + 1, data, ...namesOf(type, data) }
    await refuseTaken(tx, row)
    await updateScimResource(tx, row, now)
    await take(deps, tx, feed, sayOf(data))
    return { ...row, created_at: before.created_at, updated_at: now }
  })
}

export function replaceResource(
  deps: FeedHttpDeps,
  tenant: Tenant,
  of: { type: ScimType; id: string; ifMatch: string | undefined },
  body: unknown,
): Promise<ScimResourceRow> {
  const data = readResource(of.type, body)
  return changeResource(deps, tenant, of, async () => data)
}

export function patchStored(
  deps: FeedHttpDeps,
  tenant: Tenant,
  of: { type: ScimType; id: string; ifMatch: string | undefined },
  body: unknown,
): Promise<ScimResourceRow> {
  return changeResource(deps, tenant, of, (before) => patchResource(of.type, before, body))
}

export async function deleteResource(
  deps: FeedHttpDeps,
  { feed, options }: Tenant,
  { type, id, ifMatch }: { type: ScimType; id: string; ifMatch: string | undefined },
): Promise<void> {
  await write(deps, feed, async (tx) => {
    const before = await present(tx, feed, type, id, ifMatch)
    await deleteScimResource(tx, id)
    const told = type === 'User' && (await isTold(tx, feed, id))
    // One of whom nothing was told, and whom nothing names, is nobody.
    const said =
      type === 'User' && (told || isNamed(before.data, options))
        ? saidOf(id, { data: before.data, before: before.data, told }, options)
        : undefined
    await take(deps, tx, feed, said === undefined ? undefined : { ...said, standing: { is: 'deleted' } })
  })
}

/** One resource. Throws `ScimFault` 404. */
export async function readStored(deps: FeedHttpDeps, { feed }: Tenant, type: ScimType, id: string): Promise<ScimResourceRow> {
  const row = await scimResource(deps.db, { feedId: feed.id, type, id }, 'look')
  if (row === undefined) throw missing()
  return row
}

export interface ListAsk {
  filter: string | undefined
  /** From 1. */
  startIndex: number
  count: number
  sortBy: string | undefined
  descending: boolean
}

/** Resources that a filter wants, some of them. `tell` makes of a row what is answered. */
export async function listStored(
  deps: FeedHttpDeps,
  { feed }: Tenant,
  type: ScimType,
  ask: ListAsk,
  base: string,
): Promise<{ total: number; rows: ScimResourceRow[] }> {
  const named = ask.filter === undefined ? undefined : nameIn(ask.filter)
  const limit = Math.min(ask.count, MOST_RESULTS)
  const of = { feedId: feed.id, type, named }
  if (ask.sortBy === undefined && (ask.filter === undefined || named !== undefined))
    return scimPage(deps.db, of, { offset: ask.startIndex - 1, limit })
  const all = await scimPage(deps.db, of, { offset: 0, limit: MOST_FILTERED + 1 })
  if (all.total > MOST_FILTERED)
    throw new ScimFault(
      400,
      'tooMany',
      `only id, userName, externalId and displayName can be asked for by eq among more than ${MOST_FILTERED} resources`,
    )
  const found = ask.filter === undefined || named !== undefined ? all.rows : filtered(all.rows, type, ask.filter, base)
  const rows = ask.sortBy === undefined ? found : sorted(found, ask.sortBy, ask.descending)
  return { total: rows.length, rows: rows.slice(ask.startIndex - 1, ask.startIndex - 1 + limit) }
}

function filtered(rows: readonly ScimResourceRow[], type: ScimType, filter: string, base: string): ScimResourceRow[] {
  const told = rows.map((row) => tellResource(type, row.data, metaOf(row), base))
  const ids = new Set(matching(filter, told).map(({ id }) => id))
  return rows.filter(({ id }) => ids.has(id))
}

function sorted(rows: readonly ScimResourceRow[], by: string, descending: boolean): ScimResourceRow[] {
  const path = by.split('.')
  const value = ({ data }: ScimResourceRow): string => {
    let at: unknown = data
    for (const name of path)
      at =
        typeof at === 'object' && at !== null
          ? Object.entries(at).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1]
          : undefined
    return typeof at === 'string' ? at.toLowerCase() : ''
  }
  const way = descending ? -1 : 1
  return rows.toSorted((a, b) => (value(a) < value(b) ? -way : value(a) > value(b) ? way : 0))
}

const NAMED = /^\s*(userName|externalId|id|displayName)\s+eq\s+("(?:[^"\\]|\\.)*")\s*$/i

function nameIn(filter: string): ScimName | undefined {
  const [, name, literal] = NAMED.exec(filter) ?? []
  if (name === undefined || literal === undefined) return undefined
  const value = literalOf(literal)
  switch (name.toLowerCase()) {
    case 'username':
      return { userName: value }
    case 'externalid':
      return { externalId: value }
    case 'id':
      return { id: value }
    default:
      return { displayName: value }
  }
}

function literalOf(literal: string): string {
  let value: string
  try {
    value = String(JSON.parse(literal))
  } catch {
    throw new ScimFault(400, 'invalidFilter', 'the value of the filter is no JSON text')
  }
  if (!isKept(value)) throw new ScimFault(400, 'invalidFilter', 'the value of the filter holds characters that nothing here has')
  return value
}

export function metaOf({ id, version, created_at, updated_at }: ScimResourceRow): ScimMeta {
  return { id, version, createdAt: created_at, updatedAt: updated_at }
}

async function write<Value>(
  deps: FeedHttpDeps,
  feed: Feed,
  work: (tx: Tx, now: Temporal.Instant) => Promise<Value>,
): Promise<Value> {
  await prepareToTake(deps.intake(feed))
  return inTransaction(deps.db, (tx) => work(tx, deps.now()))
}

/** Whether this source has told of a user: his key is somebody's. */
async function isTold(tx: Tx, feed: Feed, id: string): Promise<boolean> {
  return (await findSubjects(tx, feed.id, [id])).size > 0
}

async function take(deps: FeedHttpDeps, tx: Tx, feed: Feed, said: Said | undefined): Promise<void> {
  const [taken] = await takeIn(tx, feed, said === undefined ? [] : [said], deps.intake(feed))
  if (taken?.fault !== undefined) throw new ScimFault(400, 'invalidValue', taken.fault)
}

async function present(tx: Tx, feed: Feed, type: ScimType, id: string, ifMatch: string | undefined): Promise<ScimResourceRow> {
  const row = await scimResource(tx, { feedId: feed.id, type, id }, 'lock')
  if (row === undefined) throw missing()
  if (ifMatch !== undefined && ifMatch !== '*' && !ifMatch.split(',').some((each) => each.trim() === versionOf(row)))
    throw new ScimFault(412, undefined, 'the resource has changed since it was read')
  return row
}

async function refuseTaken(tx: Tx, row: { id: string; feed_id: string; user_name: string | null }): Promise<void> {
  if (row.user_name !== null && (await isNameTaken(tx, row.feed_id, row.user_name, row.id)))
    throw new ScimFault(409, 'uniqueness', 'another user has this userName')
}

function namesOf(type: ScimType, { userName, externalId }: Facts): { user_name: string | null; external_id: string | null } {
  return {
    user_name: type === 'User' && typeof userName === 'string' ? userName : null,
    external_id: typeof externalId === 'string' ? externalId : null,
  }
}

function missing(): ScimFault {
  return new ScimFault(404, undefined, 'there is no resource of this id')
}
