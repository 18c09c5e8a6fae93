import { sql } from 'kysely'
import { toMs } from '../domain/facts/instant.ts'
import { listingFacts, type MissingGrant, type ShownGrant } from '../domain/facts/listing.ts'
import {
  type GrantFacts,
  type GrantKind,
  isMissing,
  type ListingFault,
  type ListingOutcome,
  looksFor,
  type PersonName,
  type TurnOutcome,
  type WholeLook,
} from '../domain/grant.ts'
import { newId } from '../domain/id.ts'
import type { IdentityKind } from '../domain/identity.ts'
import { leafOf } from '../domain/leaf.ts'
import type { Queryable } from './db.ts'
import { appendLedger } from './ledger.ts'

/** Somebody who left and whose turn it is. */
export interface DueListing {
  identityId: string
  identityKind: IdentityKind
  terminatedAt: Temporal.Instant
  /** By which it is looked for at this system, each of them; empty: it has none. */
  names: string[]
}

/** A listing that proves nothing is made again so soon. */
const RETRY_MS = 3_600_000

const NAMES: Record<PersonName, ReturnType<typeof sql>> = {
  email: sql`case when i.email is null or i.email = '' then '[]'::json else json_build_array(i.email) end`,
  externalId: sql`json_build_array(i.external_id)`,
  principal: sql`(select coalesce(json_agg(distinct k.principal), '[]'::json) from credential k
    where k.identity_id = i.id and k.system_id = s.id and k.principal is not null and k.principal <> '')`,
}

/**
 * Those who left and were not looked at for `everyMs`, or never, the longest ago first. By `principal`: only those with a credential at
 * the system. With `identityId`, that one alone, whenever it was
 * looked at last.
 */
export async function dueListings(
  db: Queryable,
  of: { systemId: string; by: PersonName; everyMs: number; now: Temporal.Instant; limit: number; identityId?: string },
): Promise<DueListing[]> {
  const before = (ms: number) => sql`${of.now.subtract({ milliseconds: ms }).toString()}::timestamptz`
  const again = sql`(l.at is null or l.at <= ${before(of.everyMs)}
    or (l.outcome = 'inconclusive' and l.at <= ${before(Math.min(of.everyMs, RETRY_MS))}))`
  const { rows } = await sql<DueListing>`
    select i.id as "identityId", i.kind as "identityKind", i.terminated_at as "terminatedAt", ${NAMES[of.by]} as names
    from identity i
    join system s on s.id = ${of.systemId}::uuid
    left join lateral (
      select l.at, l.outcome from listing l where l.system_id = s.id and l.identity_id = i.id order by l.at desc limit 1
    ) l on true
    where i.terminated_at <= ${of.now.toString()}::timestamptz
      and ${of.identityId === undefined ? again : sql`i.id = ${of.identityId}::uuid`}
      and ${of.by === 'principal' ? sql`exists (select 1 from credential k where k.identity_id = i.id and k.system_id = s.id)` : sql`true`}
    order by l.at nulls first, i.id limit ${of.limit}
  `.execute(db)
  return rows
}

/** How the last look at each of those who left went, at one system. */
export interface LookCounts {
  /** Of these there are looks: who left, by `principal` only with a credential at the system. */
  people: number
  complete: number
  inconclusive: number
  /** Not looked at yet. */
  never: number
  /** When the next of them is due, or was; null: there is nobody. */
  nextAt: Temporal.Instant | null
}

/** Counts what `dueListings` goes by. Reads the last listing of everybody who left: to be kept for a while. */
export async function lookCounts(
  db: Queryable,
  of: { systemId: string; by: PersonName; everyMs: number; now: Temporal.Instant },
): Promise<LookCounts> {
  const ms = (each: number) => sql`${each}::float8 * interval '1 millisecond'`
  const { rows } = await sql<LookCounts>`
    select count(*)::int as people, (count(*) filter (where l.outcome = 'complete'))::int as complete,
      (count(*) filter (where l.outcome = 'inconclusive'))::int as inconclusive, (count(*) filter (where l.at is null))::int as never,
      min(case when l.at is null then ${of.now.toString()}::timestamptz
        when l.outcome = 'inconclusive' then l.at + ${ms(Math.min(of.everyMs, RETRY_MS))} else l.at + ${ms(of.everyMs)} end) as "nextAt"
    from identity i
    left join lateral (
      select l.at, l.outcome from listing l where l.system_id = ${of.systemId}::uuid and l.identity_id = i.id order by l.at desc limit 1
    ) l on true
    where i.terminated_at <= ${of.now.toString()}::timestamptz
      and ${of.by === 'principal' ? sql`exists (select 1 from credential k where k.identity_id = i.id and k.system_id = ${of.systemId}::uuid)` : sql`true`}
  `.execute(db)
  return rows[0] ?? { people: 0, complete: 0, inconclusive: 0, never: 0, nextAt: null }
}

/**
 * True for the one process that is to ask a system now. Its turn ends by `until` at the latest, so that one that died keeps nobody out
 * for long; nobody asks again within `rest.ms` of the last turn's begin, or `rest.faultMs` where that one could not ask.
 */
export async function takeTurn(
  db: Queryable,
  systemId: string,
  now: Temporal.Instant,
  until: Temporal.Instant,
  rest: { ms: number; faultMs: number },
): Promise<boolean> {
  const ago = (ms: number) => sql`${now.subtract({ milliseconds: ms }).toString()}::timestamptz`
  const { rows } = await sql`
    insert into listing_turn (system_id, leased_until, asked_at)
    values (${systemId}::uuid, ${until.toString()}::timestamptz, ${now.toString()}::timestamptz)
    on conflict (system_id) do update set leased_until = excluded.leased_until, asked_at = excluded.asked_at
    where (listing_turn.leased_until is null or listing_turn.leased_until <= ${now.toString()}::timestamptz)
      and (listing_turn.asked_at is null
        or listing_turn.asked_at <= case when listing_turn.fault is null then ${ago(rest.ms)} else ${ago(rest.faultMs)} end)
    returning system_id
  `.execute(db)
  return rows.length > 0
}

/** Goes on with a turn, or ends it where `until` is undefined. False: somebody else has it meanwhile. */
export async function keepTurn(
  db: Queryable,
  systemId: string,
  begun: Temporal.Instant,
  until: Temporal.Instant | undefined,
): Promise<boolean> {
  const done = await sql`
    update listing_turn set leased_until = ${until?.toString() ?? null}::timestamptz
    where system_id = ${systemId}::uuid and asked_at = ${begun.toString()}::timestamptz
  `.execute(db)
  return (done.numAffectedRows ?? 0n) > 0n
}

/** What came of a turn. */
export interface TurnEnd {
  outcome: TurnOutcome
  /** Why the system could not be asked; undefined: it could. */
  fault: ListingFault | undefined
  people: number
  complete: number
  inconclusive: number
  grants: number
}

/** Writes what came of a turn that had somebody to look at; nothing where somebody else has begun another one since. */
export async function endTurn(
  db: Queryable,
  systemId: string,
  begun: Temporal.Instant,
  end: TurnEnd,
  at: Temporal.Instant,
): Promise<void> {
  const { outcome, fault, people, complete, inconclusive, grants } = end
  await db
    .updateTable('listing_turn')
    .set({ fault: fault ?? null, fault_at: fault === undefined ? null : at.toString() })
    .set({ finished_at: at.toString(), outcome, people, complete, inconclusive, listed: grants })
    .where('system_id', '=', systemId)
    .where(sql<boolean>`asked_at = ${begun.toString()}::timestamptz`)
    .execute()
}

export interface NewListing {
  id: string
  systemId: string
  identityId: string
  inventory: string
  at: Temporal.Instant
  outcome: ListingOutcome
  reason: ListingFault | undefined
  known: boolean | undefined
  parts: Record<string, 'complete' | ListingFault>
  /** Which lists of which account were read to their end. */
  looks: readonly WholeLook[]
  assurance: 'controlled' | 'explicit'
  traceId: string
  grants: readonly { account: string; list: string; kind: GrantKind; key: string; title: string; facts: GrantFacts }[]
}

/** A grant after a listing was written: seen in it, or missing from a list that was read to its end. */
export interface MovedGrant {
  id: string
  seen: boolean
}

/**
 * Writes a listing and what it says of grants, in the caller's transaction, and hands it to the ledger. Missing are those that a complete
 * list of their own account does not show; after the second in a row they are gone. Of a list with a fault nothing is missing; nor where
 * the account is not found any more: it may go by another name. Nor one whose account is not on record, until it is listed again.
 */
export async function saveListing(tx: Queryable, listing: NewListing): Promise<MovedGrant[]> {
  const at = toMs(listing.at).toString()
  const seen = listing.grants.map((grant) => ({ ...grant, id: newId() }))
  // Of those that were listed before accounts were kept.
  await sql`
    update standing_grant g set account = n.account
    from (select distinct on (list, key) list, key, account
      from json_to_recordset(${JSON.stringify(seen)}::json) as n (list text, key text, account text) order by list, key, account) n
    where g.system_id = ${listing.systemId}::uuid and g.identity_id = ${listing.identityId}::uuid and g.account = ''
      and g.list = n.list and g.key = n.key and not exists (select 1 from standing_grant o
        where o.system_id = g.system_id and o.identity_id = g.identity_id and o.list = g.list and o.key = g.key and o.account = n.account)
  `.execute(tx)
  const { rows: shown } = await sql<ShownGrant>`
    insert into standing_grant (id, system_id, identity_id, inventory, account, list, kind, key, title, detail, first_seen_at, last_seen_at,
      listing_id)
    select g.id, ${listing.systemId}::uuid, ${listing.identityId}::uuid, ${listing.inventory}, g.account, g.list, g.kind, g.key, g.title,
      g.facts, ${at}::timestamptz, ${at}::timestamptz, ${listing.id}::uuid
    from json_to_recordset(${JSON.stringify(seen)}::json)
      as g (id uuid, account text, list text, kind text, key text, title text, facts jsonb)
    order by g.list, g.key, g.account
    on conflict (system_id, identity_id, list, key, account) do update set kind = excluded.kind, title = excluded.title, detail = excluded.detail,
      last_seen_at = excluded.last_seen_at, missed = 0, gone_at = null, listing_id = excluded.listing_id, inventory = excluded.inventory
    returning account, id, key, kind, list
  `.execute(tx)
  const { whole, missing } = await missAbsent(tx, listing)
  await logListing(tx, listing, { whole, shown: shown.toSorted(byPlace), missing: missing.toSorted(byPlace) })
  return [...shown.map(({ id }) => ({ id, seen: true })), ...missing.map(({ id }) => ({ id, seen: false }))]
}

interface Judged {
  whole: WholeLook[]
  shown: ShownGrant[]
  missing: MissingGrant[]
}

/** Writes the row with all that its judgement rests on, so that it gives the same facts again, and its entry. */
async function logListing(tx: Queryable, listing: NewListing, { whole, shown, missing }: Judged): Promise<void> {
  const row = {
    id: listing.id,
    system_id: listing.systemId,
    identity_id: listing.identityId,
    inventory: listing.inventory,
    at: toMs(listing.at),
    outcome: listing.outcome,
    reason: listing.reason ?? null,
    known: listing.known ?? null,
    listed: listing.grants.length,
    parts: listing.parts,
    assurance: listing.assurance,
    trace_id: listing.traceId,
  }
  // As JSON has them: without what is undefined.
  const lists = { whole: whole.map((look) => ({ ...look })), shown, missing }
  await tx
    .insertInto('listing')
    .values({
      ...row,
      at: row.at.toString(),
      parts: JSON.stringify(row.parts),
      whole: JSON.stringify(lists.whole),
      shown: JSON.stringify(lists.shown),
      missing: JSON.stringify(lists.missing),
    })
    .execute()
  await appendLedger(tx, 'listing', [{ ref: row.id, digest: leafOf(listingFacts({ ...row, ...lists })) }])
}

type Placed = Pick<ShownGrant, 'account' | 'list' | 'key'>

/** By account, list and key, as JavaScript orders texts: the same order whatever database it is. */
function byPlace(one: Placed, other: Placed): number {
  for (const name of ['account', 'list', 'key'] as const) if (one[name] !== other[name]) return one[name] < other[name] ? -1 : 1
  return 0
}

async function missAbsent(
  tx: Queryable,
  { id, systemId, identityId, at, looks }: NewListing,
): Promise<Pick<Judged, 'whole' | 'missing'>> {
  if (looks.length === 0) return { whole: [], missing: [] }
  const { rows: standing } = await sql<{ id: string; account: string; list: string; key: string }>`
    select id, account, list, key from standing_grant where system_id = ${systemId}::uuid and identity_id = ${identityId}::uuid
      and gone_at is null and listing_id <> ${id}::uuid and account <> '' order by id for update
  `.execute(tx)
  // Judged by what is logged: who has that comes to the same.
  const whole = looksFor(standing, looks)
  const absent = standing.filter((grant) => isMissing(grant, whole)).map((grant) => grant.id)
  if (absent.length === 0) return { whole, missing: [] }
  const { rows: missing } = await sql<MissingGrant>`
    update standing_grant set missed = missed + 1,
      gone_at = case when missed + 1 >= ${GONE_AFTER}::int then ${at.toString()}::timestamptz end
    where id in (select json_array_elements_text(${JSON.stringify(absent)}::json)::uuid)
    returning account, id, key, list, missed
  `.execute(tx)
  return { whole, missing }
}

/** Whole lists in a row that must lack a grant before it counts as gone. */
export const GONE_AFTER = 2

/** Ends what stands of identities that are here again: an inventory is of those who left. Answers whose findings are over. */
export async function endGrantsOfPresent(tx: Queryable, now: Temporal.Instant, limit: number): Promise<ReturnedGrant[]> {
  const { rows } = await sql<ReturnedGrant>`
    update standing_grant g set gone_at = ${now.toString()}::timestamptz, missed = ${GONE_AFTER}::int
    from identity i
    where g.id in (
        select g.id from standing_grant g join identity i on i.id = g.identity_id
        where g.gone_at is null and (i.terminated_at is null or i.terminated_at > ${now.toString()}::timestamptz)
        order by g.id limit ${limit} for update of g skip locked
      ) and i.id = g.identity_id
    returning g.id, g.system_id as "systemId", g.identity_id as "identityId"
  `.execute(tx)
  return rows
}

export interface ReturnedGrant {
  id: string
  systemId: string
  identityId: string
}

/**
 * Forgets listings older than `before`, the last one of each identity at each system apart, and those by which a grant stands. Answers how
 * many: the ledger has entries of them.
 */
export async function forgetListings(db: Queryable, before: Temporal.Instant): Promise<number> {
  const done = await sql`
    delete from listing l where l.at < ${before.toString()}::timestamptz
      and exists (select 1 from listing n where n.system_id = l.system_id and n.identity_id = l.identity_id and n.at > l.at)
      and not exists (select 1 from standing_grant g where g.identity_id = l.identity_id and g.listing_id = l.id and g.gone_at is null)
  `.execute(db)
  return Number(done.numAffectedRows ?? 0n)
}
