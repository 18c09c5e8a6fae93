import { sql } from 'kysely'
import type { FeedKind, FeedStanding } from '../domain/feed.ts'
import type { Queryable } from './db.ts'
import { at, told } from './told.ts'

/** What a source says of an identity now. */
export interface ToldSubject {
  source: { id: string; name: string; kind: FeedKind; retired: boolean; silent: boolean }
  key: string
  standing: FeedStanding
  terminatedAt: string | null
  saidAt: string
  held: number
}

/** What each source says of an identity, by name; `held`: so many statements of it wait for a decision. */
export async function toldSubjects(
  db: Queryable,
  identityId: string,
  now: Temporal.Instant,
  limit: number,
): Promise<ToldSubject[]> {
  const { rows } = await sql<ToldSubject>`
    select json_build_object('id', d.id, 'name', d.name, 'kind', d.kind, 'retired', d.retired_at is not null, 'silent',
        d.retired_at is null and coalesce(d.heard_at, d.created_at) + d.silent_after_ms * interval '1 millisecond' < ${at(now)}) as source,
      s.key, s.standing, ${told(sql`s.terminated_at`)} as "terminatedAt", ${told(sql`s.said_at`)} as "saidAt",
      (select count(*)::int from feed_statement t where t.feed_id = s.feed_id and t.key = s.key and t.state = 'held') as held
    from feed_subject s join feed d on d.id = s.feed_id
    where s.identity_id = ${identityId}::uuid order by d.name, s.key limit ${limit}
  `.execute(db)
  return rows
}
