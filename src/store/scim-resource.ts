import { type Selectable, sql } from 'kysely'
import type { Facts } from '../domain/leaf.ts'
import type { Queryable } from './db.ts'
import type { ScimResourceTable } from './tables.ts'

export type ScimResourceRow = Selectable<ScimResourceTable>
export type ScimType = ScimResourceRow['type']

/** What is asked for by one attribute, whose index answers it. Names are compared without case. */
export type ScimName = { userName: string } | { externalId: string } | { id: string } | { displayName: string }

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** One resource of a client; `lock`: until the transaction ends. */
export async function scimResource(
  db: Queryable,
  { feedId, type, id }: { feedId: string; type: ScimType; id: string },
  mode: 'lock' | 'look',
): Promise<ScimResourceRow | undefined> {
  if (!UUID.test(id)) return undefined
  const row = db
    .selectFrom('scim_resource')
    .selectAll()
    .where('feed_id', '=', feedId)
    .where('type', '=', type)
    .where('id', '=', id)
  return (mode === 'lock' ? row.forUpdate() : row).executeTakeFirst()
}

/** How many resources there are, and some of them in the order in which they were made. */
export async function scimPage(
  db: Queryable,
  { feedId, type, named }: { feedId: string; type: ScimType; named?: ScimName | undefined },
  page: { offset: number; limit: number },
): Promise<{ total: number; rows: ScimResourceRow[] }> {
  const wanted = sql`feed_id = ${feedId}::uuid and type = ${type} and ${named === undefined ? sql`true` : isNamed(named)}`
  const counted = await sql<{ total: number }>`select count(*)::int as total from scim_resource where ${wanted}`.execute(db)
  const total = counted.rows[0]?.total ?? 0
  if (page.limit === 0 || page.offset >= total) return { total, rows: [] }
  const { rows } = await sql<ScimResourceRow>`
    select * from scim_resource where ${wanted} order by created_at, id limit ${page.limit} offset ${page.offset}
  `.execute(db)
  return { total, rows }
}

function isNamed(named: ScimName) {
  if ('id' in named) return UUID.test(named.id) ? sql`id = ${named.id}::uuid` : sql`false`
  if ('externalId' in named) return sql`external_id = ${named.externalId}`
  if ('userName' in named) return sql`lower(user_name) = lower(${named.userName})`
  return sql`lower(data ->> 'displayName') = lower(${named.displayName})`
}

export interface ScimWrite {
  id: string
  feed_id: string
  type: ScimType
  user_name: string | null
  external_id: string | null
  data: Facts
  version: number
}

export async function insertScimResource(tx: Queryable, row: ScimWrite, now: Temporal.Instant): Promise<void> {
  const at = now.toString()
  await tx
    .insertInto('scim_resource')
    .values({ ...row, data: JSON.stringify(row.data), created_at: at, updated_at: at })
    .execute()
}

export async function updateScimResource(tx: Queryable, row: ScimWrite, now: Temporal.Instant): Promise<void> {
  const { user_name, external_id, data, version } = row
  await tx
    .updateTable('scim_resource')
    .set({ user_name, external_id, data: JSON.stringify(data), version, updated_at: now.toString() })
    .where('id', '=', row.id)
    .execute()
}

export async function deleteScimResource(tx: Queryable, id: string): Promise<void> {
  await tx.deleteFrom('scim_resource').where('id', '=', id).execute()
}

/** Whether another user of this client has the name. */
export async function isNameTaken(tx: Queryable, feedId: string, userName: string, exceptId: string): Promise<boolean> {
  const { rows } = await sql`
    select 1 from scim_resource
    where feed_id = ${feedId}::uuid and type = 'User' and lower(user_name) = lower(${userName}) and id <> ${exceptId}::uuid limit 1
  `.execute(tx)
  return rows.length > 0
}
