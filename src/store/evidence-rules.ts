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
