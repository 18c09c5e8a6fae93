import { RevenantError } from '../../domain/error.ts'
import { audit } from '../../store/audit.ts'
import { decideStatements, type FeedStatementRow, lockHeldById, lockOpenStatements } from '../../store/feed-statement.ts'
import { identitiesOf, moveSubject, subjectsOf } from '../../store/feed-subject.ts'
import type { IntakeDeps } from '../deps.ts'
import { inTransaction, type Tx } from '../transaction.ts'
import { appliedStanding } from './applied.ts'
import { planSaid } from './plan-said.ts'
import { type Feed, keptSaid, type Said, type Taken } from './said.ts'
import { prepareToTake, readKnown } from './take.ts'
import { writeSaid } from './write-said.ts'

/** What a person says to statements that were held. */
export type HeldDecision =
  /** Nothing is done; the same word of the feed is not put before anybody again until the feed takes it back. */
  | { is: 'dismiss' }
  /**
   * They are as the feed said. `departure`: what an inactivity was, left out: they left. `as`: a new subject with a known name is
   * somebody else, who is called this here; left out: the same person.
   */
  | { is: 'apply'; departure?: 'terminate' | 'suspend' | undefined; as?: string | undefined }

export interface Decided {
  statementId: string
  /** Absent where it was dismissed. */
  taken?: Taken
  /** Whom it was about, as they stand now. Absent where it was dismissed, or came to nobody. */
  identity?: DecidedIdentity
}

export interface DecidedIdentity {
  externalId: string
  terminatedAt: Temporal.Instant | null
  suspendedAt: Temporal.Instant | null
}

/**
 * Decides about statements that were held, all or none. A departure takes effect at the instant at which the feed told of it: the clock did
 * not wait for the decision. Throws `NOT_FOUND`; `CONFLICT` where one was decided already, the source has said something else since, or
 * the name in `as` is taken.
 */
export async function decideHeld(
  ids: readonly string[],
  decision: HeldDecision,
  deps: IntakeDeps & { feed(id: string): Feed | undefined },
): Promise<Decided[]> {
  await prepareToTake(deps)
  return inTransaction(deps.db, async (tx) => {
    const now = deps.now()
    const rows = await lockHeldById(tx, ids)
    if (rows.length < new Set(ids).size) throw new RevenantError('NOT_FOUND', 'there is no statement of this id')
    const over = rows.find(({ state }) => state !== 'held')
    if (over?.state === 'superseded')
      throw new RevenantError(
        'CONFLICT',
        `the source has said something else since statement ${over.id}: look at what is held now`,
      )
    if (over !== undefined) throw new RevenantError('CONFLICT', `statement ${over.id} is ${over.state} already`)
    if (decision.is === 'apply') refuseContradictions(rows, decision.as)
    const state = decision.is === 'apply' ? 'applied' : 'dismissed'
    await decideStatements(
      tx,
      rows.map(({ id }) => id),
      { state, by: deps.actor, at: now },
    )
    const detail = { statements: rows.length, ...decision, is: undefined }
    for (const [feedId, of] of Map.groupBy(rows, ({ feed_id }) => feed_id))
      await audit(tx, {
        actor: deps.actor,
        action: `feed.${decision.is}`,
        subject: deps.feed(feedId)?.name ?? feedId,
        detail: { ...detail, statements: of.length },
        at: now,
      })
    if (decision.is === 'dismiss') return rows.map(({ id }) => ({ statementId: id }))
    const decided: Decided[] = []
    for (const row of rows) decided.push({ statementId: row.id, taken: await applyOne(tx, row, decision, deps, now) })
    return withIdentities(tx, decided)
  })
}

async function withIdentities(tx: Tx, decided: readonly Decided[]): Promise<Decided[]> {
  const rows = await identitiesOf(
    tx,
    decided.flatMap(({ taken }) => taken?.identityId ?? []),
    [],
    'look',
  )
  const byId = new Map(rows.map((row) => [row.id, row]))
  return decided.map((each) => {
    const row = byId.get(each.taken?.identityId ?? '')
    if (row === undefined) return each
    const { external_id: externalId, terminated_at: terminatedAt, suspended_at: suspendedAt } = row
    return { ...each, identity: { externalId, terminatedAt, suspendedAt } }
  })
}

async function applyOne(
  tx: Tx,
  row: FeedStatementRow,
  { departure, as }: Extract<HeldDecision, { is: 'apply' }>,
  deps: IntakeDeps & { feed(id: string): Feed | undefined },
  now: Temporal.Instant,
): Promise<Taken> {
  const feed = deps.feed(row.feed_id)
  if (feed === undefined)
    throw new RevenantError('CONFLICT', 'the configuration no longer names the source that said this: dismiss it')
  const said = decidedSaid(row, departure, as)
  if (row.reason === 'identifier_reuse' && as === undefined && row.identity_id !== null) {
    await endMissing(tx, { feedId: row.feed_id, identityId: row.identity_id }, { by: deps.actor, at: now })
    await moveSubject(tx, row.feed_id, row.identity_id, row.key)
  }
  const known = await readKnown(tx, feed, [said], 'lock')
  const each = known(said)
  if (as !== undefined && each.known.identity !== undefined)
    throw new RevenantError('CONFLICT', `${JSON.stringify(as)} is the external id of somebody else: choose another`)
  const planned = [{ said, known: each.known, doubled: false, plan: planSaid(feed, said, each.known, now, true) }]
  const context = {
    deps,
    now,
    open: new Map(),
    mass: { departures: false, returns: false },
    deliveryId: row.delivery_id,
    decided: true as const,
  }
  const [taken] = await writeSaid(tx, feed, planned, context)
  if (taken === undefined) throw new RevenantError('INTERNAL', 'a statement came to nothing')
  if (taken.fault !== undefined) throw new RevenantError('INPUT_INVALID', taken.fault)
  return taken
}

/**
 * Of one person it cannot be said at once that he has a new key, and that whoever had the old one has left. Throws `CONFLICT`.
 *
 * @param as those with a known name are somebody else: nothing is contradicted then
 */
function refuseContradictions(rows: readonly FeedStatementRow[], as: string | undefined): void {
  if (as !== undefined) return
  for (const missing of rows.filter(({ reason }) => reason === 'named_elsewhere')) {
    const same = rows.find(
      (row) => row.reason === 'identifier_reuse' && row.feed_id === missing.feed_id && row.identity_id === missing.identity_id,
    )
    if (same !== undefined)
      throw new RevenantError(
        'CONFLICT',
        `statement ${same.id} says that somebody is here under a new id, and ${missing.id} that he has left under the old one: apply one of them`,
      )
  }
}

/** Whoever has a new key is missing under the old one for good: that is no question any more. */
async function endMissing(
  tx: Tx,
  { feedId, identityId }: { feedId: string; identityId: string },
  decided: { by: string; at: Temporal.Instant },
): Promise<void> {
  const keys = (await subjectsOf(tx, [identityId])).flatMap(({ feed_id, key }) => (feed_id === feedId ? [key] : []))
  const over = (await lockOpenStatements(tx, feedId, keys)).filter(({ reason }) => reason === 'named_elsewhere')
  await decideStatements(
    tx,
    over.map(({ id }) => id),
    { state: 'superseded', ...decided },
  )
}

function decidedSaid(row: FeedStatementRow, departure: 'terminate' | 'suspend' | undefined, as: string | undefined): Said {
  const said = keptSaid(row.key, row.said)
  const named = as === undefined ? said : { ...said, externalId: as }
  const { says, effective_at: effectiveAt, at } = row
  return { ...named, standing: appliedStanding({ says, effectiveAt, at, standing: said.standing }, departure) }
}
