import { sql } from 'kysely'
import type { Queryable } from './db.ts'

/** One credential's secret as it is kept: sealed, referenced, or (both null) shredded. */
export interface SecretRow {
  credential_id: string
  system_id: string
  origin: string
  sealed: Uint8Array | null
  data_key_id: string | null
  reference: string | null
  reference_mac: Uint8Array | null
  pinned: string | null
}

const COLUMNS = ['credential_id', 'system_id', 'origin', 'sealed', 'data_key_id', 'reference', 'reference_mac', 'pinned'] as const

/** Keeps a credential's secret; a secret that is there is replaced. */
export async function putSecret(db: Queryable, row: SecretRow, now: Temporal.Instant): Promise<void> {
  const { credential_id, ...content } = row
  const updated = { ...content, updated_at: now.toString() }
  await db
    .insertInto('secret')
    .values({ credential_id, ...updated })
    .onConflict((conflict) => conflict.column('credential_id').doUpdateSet(updated))
    .execute()
}

export async function findSecret(db: Queryable, credentialId: string): Promise<SecretRow | undefined> {
  return db.selectFrom('secret').select(COLUMNS).where('credential_id', '=', credentialId).executeTakeFirst()
}

/** Forgets a secret, sealed or referenced; the row stays, and the credential's fingerprint. False: there was none. */
export async function shredSecret(db: Queryable, credentialId: string, now: Temporal.Instant): Promise<boolean> {
  const done = await db
    .updateTable('secret')
    .set({ sealed: null, data_key_id: null, reference: null, reference_mac: null, pinned: null, updated_at: now.toString() })
    .where('credential_id', '=', credentialId)
    .where((eb) => eb.or([eb('sealed', 'is not', null), eb('reference', 'is not', null)]))
    .executeTakeFirst()
  return done.numUpdatedRows > 0n
}

/** One page of the secrets that retired data keys still seal, in the order of their credentials. */
export async function pageUnderRetiredKeys(db: Queryable, after: string | undefined, limit: number): Promise<SecretRow[]> {
  return underRetiredKeys(db)
    .select(COLUMNS)
    .$if(after !== undefined, (query) => query.where('credential_id', '>', after ?? ''))
    .orderBy('credential_id')
    .limit(limit)
    .execute()
}

export async function countUnderRetiredKeys(db: Queryable): Promise<number> {
  const row = await underRetiredKeys(db)
    .select(({ fn }) => fn.countAll<number>().as('n'))
    .executeTakeFirst()
  return Number(row?.n ?? 0)
}

function underRetiredKeys(db: Queryable) {
  return db
    .selectFrom('secret')
    .where('data_key_id', 'in', db.selectFrom('data_key').select('id').where('retired_at', 'is not', null))
    .where('sealed', 'is not', null)
}

/** One page of a system's secrets that are bound to another origin, shredded ones included. */
export async function pageBoundElsewhere(
  db: Queryable,
  systemId: string,
  origin: string,
  after: string | undefined,
  limit: number,
): Promise<SecretRow[]> {
  return db
    .selectFrom('secret')
    .select(COLUMNS)
    .where('system_id', '=', systemId)
    .where('origin', '!=', origin)
    .$if(after !== undefined, (query) => query.where('credential_id', '>', after ?? ''))
    .orderBy('credential_id')
    .limit(limit)
    .execute()
}

/** How many secrets each data key seals. */
export async function countByDataKey(db: Queryable): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom('secret')
    .select(['data_key_id', ({ fn }) => fn.countAll<number>().as('n')])
    .where('data_key_id', 'is not', null)
    .groupBy('data_key_id')
    .execute()
  return new Map(rows.flatMap((row) => (row.data_key_id === null ? [] : [[row.data_key_id, Number(row.n)] as const])))
}

/** What a re-sealing changes. */
export interface Resealed {
  origin: string
  sealed: Uint8Array | null
  data_key_id: string | null
  reference_mac: Uint8Array | null
}

/** Replaces a secret's seal or binding only where it is still what was read: whoever wrote in between wins. False: somebody did. */
export async function replaceSeal(db: Queryable, before: SecretRow, after: Resealed, now: Temporal.Instant): Promise<boolean> {
  const done = await db
    .updateTable('secret')
    .set({ ...after, updated_at: now.toString() })
    .where('credential_id', '=', before.credential_id)
    .where('system_id', '=', before.system_id)
    .where('origin', '=', before.origin)
    .where((eb) => (before.sealed === null ? eb('sealed', 'is', null) : eb('sealed', '=', before.sealed)))
    .where((eb) => (before.reference === null ? eb('reference', 'is', null) : eb('reference', '=', before.reference)))
    .executeTakeFirst()
  return done.numUpdatedRows > 0n
}

/** Remembers what a reference held when it was first opened; answers what is remembered, which another replica may have written. */
export async function pinReference(db: Queryable, credentialId: string, seen: string): Promise<string | undefined> {
  const { rows } = await sql<{ pinned: string }>`
    update secret set pinned = coalesce(pinned, ${seen}) where credential_id = ${credentialId}::uuid and reference is not null
    returning pinned
  `.execute(db)
  return rows[0]?.pinned
}

/** Remembers when what a reference holds ends by its own date. */
export async function dateSecret(
  db: Queryable,
  credentialId: string,
  { expiresAt, isCloudKey }: { expiresAt: Temporal.Instant | undefined; isCloudKey: boolean },
  now: Temporal.Instant,
): Promise<void> {
  await db
    .updateTable('secret')
    .set({
      expires_at: expiresAt?.toString() ?? null,
      cloud_key_since: isCloudKey ? sql<string>`coalesce(cloud_key_since, ${now.toString()}::timestamptz)` : null,
    })
    .where('credential_id', '=', credentialId)
    .where('reference', 'is not', null)
    .execute()
}

/** Forgets what a reference held: what it holds at the next opening is remembered then. False: the credential has no reference. */
export async function unpinReference(db: Queryable, credentialId: string): Promise<boolean> {
  const done = await db
    .updateTable('secret')
    .set({ pinned: null, expires_at: null, cloud_key_since: null })
    .where('credential_id', '=', credentialId)
    .where('reference', 'is not', null)
    .executeTakeFirst()
  return done.numUpdatedRows > 0n
}
