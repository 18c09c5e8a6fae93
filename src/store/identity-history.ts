import { sql } from 'kysely'
import type { FindingKind, Severity } from '../domain/finding.ts'
import type { Queryable } from './db.ts'
import { keyset, type PageAsk, type SortKeys } from './keyset.ts'
import { type SystemRef, systemRef, told } from './told.ts'

const placed = (table: string): SortKeys => [
  { column: sql`${sql.ref(`${table}.at`)}`, type: 'timestamptz' },
  { column: sql`${sql.ref(`${table}.id`)}`, type: 'uuid' },
]
export const HISTORY_SORTS = { at: placed('t') } as const satisfies Record<string, SortKeys>

export interface ToldHistory {
  id: string
  at: string
  type: 'finding' | 'operator'
  event: string
  actor: string | null
  note: string | null
  finding: { id: string; kind: FindingKind; severity: Severity } | null
  system: SystemRef | null
}

/**
 * What happened to an identity: events of its findings, and what operators did to it and to its credentials. Who looked is no part
 * of it, and what was done to findings stands among their events.
 */
export async function identityHistory(
  db: Queryable,
  of: { id: string; externalId: string },
  ask: PageAsk<keyof typeof HISTORY_SORTS>,
): Promise<(ToldHistory & { keys: string[] })[]> {
  const { order, keys } = keyset(HISTORY_SORTS, ask)
  const [events, acts] = [keyset({ at: placed('e') }, ask), keyset({ at: placed('a') }, ask)]
  const { rows } = await sql<ToldHistory & { keys: string[] }>`
    select t.id, ${told(sql`t.at`)} as at, t.type, t.event, t.actor, t.note, t.finding, ${systemRef('s')} as system, ${keys} as keys
    from (
      (select e.id, e.at, 'finding' as type, e.event, e.actor, e.note,
        json_build_object('id', f.id, 'kind', f.kind, 'severity', e.severity) as finding, f.system_id
        from finding f join finding_event e on e.finding_id = f.id
        where f.identity_id = ${of.id}::uuid and ${events.past} order by ${events.order} limit ${ask.limit})
      union all
      (select a.id, a.at, 'operator' as type, a.action as event, a.actor, a.detail ->> 'note' as note, null::json as finding, null::uuid as system_id
        from audit a
        where a.subject in (select ${of.externalId}::text union all select ${of.id}::text
            union all select k.id::text from credential k where k.identity_id = ${of.id}::uuid
            union all select h.id::text from handover h where ${of.id}::uuid in (h.leaver_id, h.receiver_id))
          and a.action not like '%.view' and a.action not like 'finding.%' and a.action not like 'report.%' and a.action <> 'evidence.pull'
          and ${acts.past} order by ${acts.order} limit ${ask.limit})
    ) t left join system s on s.id = t.system_id
    order by ${order} limit ${ask.limit}
  `.execute(db)
  return rows
}
