import { sql } from 'kysely'
import type { Queryable } from './db.ts'

/** The external ids of the identities that have each of these e-mail addresses, which are in lower case; unknown ones are missing. */
export async function identitiesByEmail(db: Queryable, emails: readonly string[]): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>()
  if (emails.length === 0) return found
  const { rows } = await sql<{ email: string; externalId: string }>`
    select e.email, i.external_id as "externalId"
    from json_array_elements_text(${JSON.stringify(emails)}::json) as e (email)
    join identity i on lower(i.email) = e.email and i.email is not null
    order by i.external_id
  `.execute(db)
  for (const { email, externalId } of rows) found.set(email, [...(found.get(email) ?? []), externalId])
  return found
}
