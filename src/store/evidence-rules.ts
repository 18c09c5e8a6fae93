import { type RawBuilder, sql } from 'kysely'

/** `isProvenRejection` of src/domain/verdict.ts, of the observation that goes by this name. */
export function provenRefusal(table: string): RawBuilder<boolean> {
  const of = (column: string) => sql.ref(`${table}.${column}`)
  return sql`(${of('verdict')} = 'rejected' and ${of('assurance')} <> 'none' and (${of('strength')} = 'strong' or ${of('assurance')} = 'controlled'))`
}

/** The system let it in, whatever that was worth: refusals before and after are not in a row. As src/scan/schedule.ts counts. */
export function wasLetIn(table: string): RawBuilder<boolean> {
  const of = (column: string) => sql.ref(`${table}.${column}`)
  return sql`(${of('verdict')} = 'accepted' or ${of('reason')} in ('any_secret_accepted', 'unconfirmed'))`
}

/**
 * True of the exemption `e` where it covers something of this identity, at this system: what it leaves open covers all that they
 * hold, and what it names is covered whether or not anything is held there.
 */
export function covering({
  identityId,
  systemId,
}: {
  identityId?: RawBuilder<string> | undefined
  systemId?: RawBuilder<string> | undefined
}): RawBuilder<boolean> {
  if (identityId === undefined && systemId === undefined) return sql`true`
  const held = sql`exists (select 1 from credential h
    where ${identityId === undefined ? sql`true` : sql`h.identity_id = ${identityId}`}
      and ${systemId === undefined ? sql`true` : sql`h.system_id = ${systemId}`}
      and (e.credential_id is null or e.credential_id = h.id) and (e.identity_id is null or e.identity_id = h.identity_id)
      and (e.system_id is null or e.system_id = h.system_id))`
  const named = sql`(${identityId === undefined ? sql`e.identity_id is null` : sql`e.identity_id = ${identityId}`}
    and ${systemId === undefined ? sql`e.system_id is null` : sql`e.system_id = ${systemId}`} and e.credential_id is null)`
  return sql`(${held} or ${named})`
}
