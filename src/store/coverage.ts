import { sql } from 'kysely'
import type { Reason } from '../domain/reason.ts'
import type { Queryable } from './db.ts'

/** How the credentials of terminated identities stand. */
export interface Coverage {
  credentials: number
  /** The last answer was an acceptance. */
  open: number
  /** Enough proven rejections in a row, and no answer since that says otherwise. */
  closed: number
  /** Everything else: never tried, not judged, or not proven often enough yet. */
  unverified: number
  /** Null: not tried yet. `awaiting_proof`: refused, but not often enough yet, or too weakly for want of a canary. */
  reasons: { system: string; reason: Reason | 'awaiting_proof' | null; count: number }[]
}

export async function coverage(db: Queryable): Promise<Coverage> {
  const { rows } = await sql<{
    system: string
    state: 'open' | 'closed' | 'unverified'
    reason: Reason | 'awaiting_proof' | null
    count: number
  }>`
    select s.name as system, state, reason, count(*)::int as count from (
      select c.system_id,
        case
          when c.verdict = 'accepted' then 'open'
          when c.dead_at is not null and c.verdict = 'rejected' then 'closed'
          else 'unverified'
        end as state,
        case
          when c.due_at <= now() and exists (select 1 from pause p where p.scope in ('*', c.system_id::text)) then 'paused'
          when c.verdict = 'inconclusive' then c.reason
          when c.verdict is null then (select y.hold_reason from system y where y.id = c.system_id and y.hold_until > now())
          else 'awaiting_proof'
        end as reason
      from check_state c where c.due_at is not null and c.terminated_at <= now()
    ) t join system s on s.id = t.system_id
    group by s.name, state, reason order by s.name, reason
  `.execute(db)
  const count = (state: string) => rows.filter((row) => row.state === state).reduce((sum, row) => sum + row.count, 0)
  return {
    credentials: rows.reduce((sum, row) => sum + row.count, 0),
    open: count('open'),
    closed: count('closed'),
    unverified: count('unverified'),
    reasons: rows
      .filter((row) => row.state === 'unverified')
      .map(({ system, reason, count: n }) => ({ system, reason, count: n })),
  }
}
