import { newId } from '../../../domain/id.ts'
import type { Facts } from '../../../domain/leaf.ts'
import type { Feed, Said } from '../../../intake/feed/said.ts'
import { prepareToTake, takeIn } from '../../../intake/feed/take.ts'
import type { ScimOptions } from '../../../intake/sources/scim.ts'
import { inTransaction, type Tx } from '../../../intake/transaction.ts'
import { clearFaults } from '../../../store/feed-fault.ts'
import { findSubjects } from '../../../store/feed-subject.ts'
import {
  deleteScimResource,
  insertScimResource,
  isNameTaken,
  type ScimResourceRow,
  type ScimType,
  scimResource,
  updateScimResource,
} from '../../../store/scim-resource.ts'
import type { FeedHttpDeps } from '../deps.ts'
import { ScimFault } from './fault.ts'
import { patchResource, readResource, type ScimChange, type ScimMeta, saysInactive, versionOf } from './protocol.ts'
import { isNamed, saidOf } from './said.ts'

/** A client of the server: one source. */
export interface Tenant {
  feed: Feed
  options: ScimOptions
}

export async function createResource(
  deps: FeedHttpDeps,
  { feed, options }: Tenant,
  type: ScimType,
  body: unknown,
): Promise<ScimResourceRow> {
  const data = readResource(type, body)
  return write(deps, feed, async (tx, now) => {
    const row = { id: newId(), feed_id: feed.id, type, version: 1, data, ...namesOf(type, data) }
    const conflict = await conflictOf(tx, row)
    if (conflict !== undefined) throw conflict
    await insertScimResource(tx, row, now)
    await take(
      deps,
      tx,
      feed,
      row.id,
      type === 'User' ? saidOf(row.id, { data, before: undefined, told: false, spoke: true }, options) : undefined,
    )
    return { ...row, created_at: now, updated_at: now }
  })
}

interface Addressed {
  type: ScimType
  id: string
  ifMatch: string | undefined
}

interface Write {
  method: 'PUT' | 'PATCH'
  body: unknown
  /** Throws `ScimFault`. */
  change(before: Facts): ScimChange
}

/**
 * Where a write cannot be taken, or another user has the new userName, nothing is written, but for one thing: the id says who is meant, so
 * that a user who is no longer active is taken for that.
 */
async function changeResource(
  deps: FeedHttpDeps,
  { feed, options }: Tenant,
  of: Addressed,
  { method, body, change }: Write,
): Promise<ScimResourceRow> {
  const { type, id } = of
  const { row, refused } = await write(deps, feed, async (tx, now) => {
    const before = await present(tx, feed, type, id, of.ifMatch)
    const told = type === 'User' && (await isTold(tx, feed, id))
    const wanted = attempt(() => change(before.data))
    const conflict =
      'fault' in wanted
        ? wanted.fault
        : wanted.data && (await conflictOf(tx, { id, feed_id: feed.id, ...namesOf(type, wanted.data) }))
    if (conflict !== undefined && (type !== 'User' || !saysInactive(type, method, body))) throw conflict
    const spoke = 'fault' in wanted || wanted.spoke
    const sayOf = (data: Facts) => (type === 'User' ? saidOf(id, { data, before: before.data, told, spoke }, options) : undefined)
    const data = conflict === undefined && !('fault' in wanted) ? wanted.data : { ...before.data, active: false }
    if (data === undefined || (conflict !== undefined && before.data.active === false)) {
      // Said once more: what did not count before may count now.
      await take(deps, tx, feed, id, sayOf(before.data))
      return { row: before, refused: conflict }
    }
    const row = { id, feed_id: feed.id, type, version: before.version + 1, data, ...namesOf(type, data) }
    await updateScimResource(tx, row, now)
    await take(deps, tx, feed, id, sayOf(data))
    return { row: { ...row, created_at: before.created_at, updated_at: now }, refused: conflict }
  })
  if (refused !== undefined)
    throw new ScimFault(
      refused.status,
      refused.scimType,
      `${refused.message}; that this one is not active was taken, and nothing else`,
    )
  return row
}

function attempt(change: () => ScimChange): ScimChange | { fault: ScimFault } {
  try {
    return change()
  } catch (error) {
    if (error instanceof ScimFault) return { fault: error }
    throw error
  }
}

export function replaceResource(deps: FeedHttpDeps, tenant: Tenant, of: Addressed, body: unknown): Promise<ScimResourceRow> {
  const change = () => ({ data: readResource(of.type, body), spoke: true })
  return changeResource(deps, tenant, of, { method: 'PUT', body, change })
}

export function patchStored(deps: FeedHttpDeps, tenant: Tenant, of: Addressed, body: unknown): Promise<ScimResourceRow> {
  const change = (data: Facts) => patchResource(of.type, { id: of.id, data }, body)
  return changeResource(deps, tenant, of, { method: 'PATCH', body, change })
}

export async function deleteResource(
  deps: FeedHttpDeps,
  { feed, options }: Tenant,
  { type, id, ifMatch }: Addressed,
): Promise<void> {
  await write(deps, feed, async (tx) => {
    const before = await present(tx, feed, type, id, ifMatch)
    await deleteScimResource(tx, id)
    const told = type === 'User' && (await isTold(tx, feed, id))
    // One of whom nothing was told, and whom nothing names, is nobody.
    const said =
      type === 'User' && (told || isNamed(before.data, options))
        ? saidOf(id, { data: before.data, before: before.data, told, spoke: true }, options)
        : undefined
    await take(deps, tx, feed, id, said === undefined ? undefined : { ...said, standing: { is: 'deleted' } })
  })
}

/** One resource. Throws `ScimFault` 404. */
export async function readStored(deps: FeedHttpDeps, { feed }: Tenant, type: ScimType, id: string): Promise<ScimResourceRow> {
  const row = await scimResource(deps.db, { feedId: feed.id, type, id }, 'look')
  if (row === undefined) throw missing()
  return row
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

/** @param id of the resource that something was written of */
async function take(deps: FeedHttpDeps, tx: Tx, feed: Feed, id: string, said: Said | undefined): Promise<void> {
  const [taken] = await takeIn(tx, feed, said === undefined ? [] : [said], deps.intake(feed))
  if (taken?.fault !== undefined) throw new ScimFault(400, 'invalidValue', taken.fault)
  if (said === undefined) await clearFaults(tx, feed.id, [{ key: id, saidAt: undefined }])
}

async function present(tx: Tx, feed: Feed, type: ScimType, id: string, ifMatch: string | undefined): Promise<ScimResourceRow> {
  const row = await scimResource(tx, { feedId: feed.id, type, id }, 'lock')
  if (row === undefined) throw missing()
  if (ifMatch !== undefined && ifMatch !== '*' && !ifMatch.split(',').some((each) => each.trim() === versionOf(row)))
    throw new ScimFault(412, undefined, 'the resource has changed since it was read')
  return row
}

async function conflictOf(
  tx: Tx,
  row: { id: string; feed_id: string; user_name: string | null },
): Promise<ScimFault | undefined> {
  const taken = row.user_name !== null && (await isNameTaken(tx, row.feed_id, row.user_name, row.id))
  return taken ? new ScimFault(409, 'uniqueness', 'another user has this userName') : undefined
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
