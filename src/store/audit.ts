import { newId } from '../domain/id.ts'
import type { Queryable } from './db.ts'

/** Records what an operator did. `detail` holds facts and never a secret. */
export async function audit(
  db: Queryable,
  entry: { actor: string; action: string; subject: string; detail?: Record<string, unknown>; at: Temporal.Instant },
): Promise<void> {
  await db
    .insertInto('audit')
    .values({
      id: newId(),
      at: entry.at.toString(),
      actor: entry.actor,
      action: entry.action,
      subject: entry.subject,
      detail: JSON.stringify(entry.detail ?? {}),
    })
    .execute()
}
