import { sql } from 'kysely'
import type { Queryable } from './db.ts'

/**
 * Takes one wrong try of each account from the realm's budget before the try is made, so that a crash can only leave too few tries,
 * never too many. One statement decides, so that replicas cannot both take the last one.
 *
 * @returns the accounts that got their try; the others are exhausted or locked
 */
export async function reserveTries(
  db: Queryable,
  realm: string,
  accounts: readonly string[],
  limit: { count: number; windowMs: number },
  now: Temporal.Instant,
): Promise<Set<string>> {
  if (accounts.length === 0) return new Set()
  const at = now.toString()
  const windowEnds = now.add({ milliseconds: limit.windowMs }).toString()
  const distinct = [...new Set(accounts)].sort()
  const { rows } = await sql<{ account: string }>`
    insert into lockout_budget as b (realm, account, window_ends_at, tries)
    select ${realm}, a, ${windowEnds}::timestamptz, 1 from json_array_elements_text(${JSON.stringify(distinct)}::json) as a
    on conflict (realm, account) do update set
      tries = case when b.window_ends_at <= ${at}::timestamptz then 1 else b.tries + 1 end,
      window_ends_at = case when b.window_ends_at <= ${at}::timestamptz then excluded.window_ends_at else b.window_ends_at end
    where (b.locked_until is null or b.locked_until <= ${at}::timestamptz)
      and (b.window_ends_at <= ${at}::timestamptz or b.tries < ${limit.count})
    returning account
  `.execute(db)
  return new Set(rows.map((row) => row.account))
}

/**
 * The system counted the try: the window lasts a whole length from the last such try. Windows that follow one another would let
 * twice the tries through around the instant where they meet.
 */
export async function countTry(db: Queryable, realm: string, account: string, windowEnds: Temporal.Instant): Promise<void> {
  await sql`
    update lockout_budget set window_ends_at = greatest(window_ends_at, ${windowEnds.toString()}::timestamptz)
    where realm = ${realm} and account = ${account}
  `.execute(db)
}

/** Gives a try back that the system did not count against the account: it was accepted, or the system was never reached. */
export async function refundTry(db: Queryable, realm: string, account: string): Promise<void> {
  await sql`update lockout_budget set tries = greatest(tries - 1, 0) where realm = ${realm} and account = ${account}`.execute(db)
}

/** The system said that the account is locked: nobody of this realm tries it again before `until`. */
export async function markLocked(db: Queryable, realm: string, account: string, until: Temporal.Instant): Promise<void> {
  await sql`
    insert into lockout_budget (realm, account, window_ends_at, tries, locked_until)
    values (${realm}, ${account}, ${until.toString()}::timestamptz, 1, ${until.toString()}::timestamptz)
    on conflict (realm, account) do update set locked_until = greatest(lockout_budget.locked_until, excluded.locked_until)
  `.execute(db)
}

/** When an account may be tried again; undefined when it may be now. */
export async function budgetEnds(db: Queryable, realm: string, account: string): Promise<Temporal.Instant | undefined> {
  const { rows } = await sql<{ ends: Temporal.Instant | null }>`
    select greatest(window_ends_at, locked_until) as ends from lockout_budget where realm = ${realm} and account = ${account}
  `.execute(db)
  return rows[0]?.ends ?? undefined
}

/** Forgets windows that ended long ago. */
export async function dropOldBudgets(db: Queryable, before: Temporal.Instant): Promise<void> {
  await sql`delete from lockout_budget where window_ends_at < ${before.toString()}::timestamptz and (locked_until is null or locked_until < ${before.toString()}::timestamptz)`.execute(
    db,
  )
}
