import { sql } from 'kysely'
import type { Queryable } from './db.ts'

/** A credential whose secret is known by its fingerprint. */
export interface Fingerprinted {
  systemId: string
  fingerprint: string
  externalId: string
  label: string
}

/** The credentials that have these secrets, whoever holds them, retired ones included, those in use first. */
export async function findByFingerprint(
  db: Queryable,
  keys: readonly { systemId: string; fingerprint: string }[],
): Promise<Fingerprinted[]> {
  if (keys.length === 0) return []
  const { rows } = await sql<Fingerprinted>`
    select distinct k.id, k.retired_at is not null as retired, k.system_id as "systemId", k.fingerprint,
      i.external_id as "externalId", k.label
    from json_to_recordset(${JSON.stringify(keys)}::json) as r ("systemId" uuid, fingerprint text)
    join credential k on k.system_id = r."systemId" and k.fingerprint = r.fingerprint
    join identity i on i.id = k.identity_id
    order by retired, k.id
  `.execute(db)
  return rows.map(({ systemId, fingerprint, externalId, label }) => ({ systemId, fingerprint, externalId, label }))
}
