import type { HoldReason, StatementSays } from '../../domain/feed.ts'
import { newId } from '../../domain/id.ts'
import { audit } from '../../store/audit.ts'
import { decideStatements, type FeedStatementRow, type FeedStatementWrite, insertStatements } from '../../store/feed-statement.ts'
import { type FeedSubjectWrite, saveSubjects, suspendIdentities } from '../../store/feed-subject.ts'
import { endThoseAway } from '../../store/leaver.ts'
import type { IntakeDeps } from '../deps.ts'
import { writePlan } from '../identities.ts'
import { planIdentities } from '../identity-plan.ts'
import type { IdentityEntry } from '../identity-row.ts'
import type { Tx } from '../transaction.ts'
import { type Known, type SaidPlan, saidAtOf } from './plan-said.ts'
import { type Feed, keepSaid, keptSaid, type Said, type SaidStanding, type Taken } from './said.ts'

export interface PlannedSaid {
  said: Said
  known: Known
  /** Another statement of the same delivery has its name. */
  doubled: boolean
  plan: SaidPlan
}

/** Whether more leave, or come back, than usually do. */
export interface Mass {
  departures: boolean
  returns: boolean
}

export interface WriteContext {
  deps: IntakeDeps
  now: Temporal.Instant
  /** What a person is asked, or has denied, about these subjects. */
  open: ReadonlyMap<string, readonly FeedStatementRow[]>
  /** Which of both wait for a person: there are too many. */
  mass: Mass
  deliveryId: string
  /** A person has decided about what was held: it is on record already. */
  decided?: true
}

/** Writes what statements come to, in the transaction that their identities are locked in. */
export async function writeSaid(tx: Tx, feed: Feed, planned: readonly PlannedSaid[], context: WriteContext): Promise<Taken[]> {
  const { deps, now, open } = context
  const settled = planned.map((each) => ({ ...each, outcome: outcomeOf(each, context) }))
  const entries = settled.flatMap((each, n) => (each.outcome.apply ? entryAt(each, n) : []))
  const rows = new Map(
    planned.flatMap(({ known: { identity } }) => (identity === undefined ? [] : [[identity.external_id, identity]])),
  )
  const plan = planIdentities(entries, rows, `${feed.kind}:${feed.name}`, now)
  await writePlan(tx, deps, plan, now)
  const added = new Map(plan.inserts.map(({ external_id, id }) => [external_id, id]))
  const faults = new Map(
    plan.faults.map(({ line, field, message }) => [line, field === undefined ? message : `${field} ${message}`]),
  )
  const changed = new Set(plan.updates.map(({ id }) => id))
  const results = settled.map((each, n) => {
    const identityId = each.known.identity?.id ?? added.get(each.said.externalId)
    return { ...each, identityId, fault: faults.get(n), changed: identityId !== undefined && changed.has(identityId) }
  })
  await saveSubjects(
    tx,
    results.flatMap((each) => subjectAt(feed, each, now)),
    now,
  )
  const suspensions = results.flatMap(({ plan: { suspendedAt }, outcome, identityId, fault }) =>
    !outcome.apply || suspendedAt === undefined || identityId === undefined || fault !== undefined
      ? []
      : [{ id: identityId, suspended_at: suspendedAt?.toString() ?? null }],
  )
  await suspendIdentities(tx, suspensions, now)
  if (suspensions.some(({ suspended_at }) => suspended_at !== null)) await endThoseAway(tx, deps.actor, now)
  const over = results.flatMap(({ said, outcome: { ends, renews } }) => {
    if (renews !== undefined) return [renews.id]
    return ends ? (open.get(said.key) ?? []).map(({ id }) => id) : []
  })
  await decideStatements(tx, over, { state: 'superseded', by: deps.actor, at: now })
  await insertStatements(
    tx,
    results.flatMap((each) => statementAt(feed, each, context)),
  )
  await tell(tx, feed, results, context)
  return results.map(takenOf)
}

interface Outcome {
  /** It is written. */
  apply: boolean
  /** It is put before a person. */
  hold: HoldReason | undefined
  /** A person is asked already. */
  waits: boolean
  /** What a person was asked is no question any more. */
  ends: boolean
  /** What a person was asked is this now, under another id: whoever has read the old question must not answer the new one. */
  renews: FeedStatementRow | undefined
}

interface Settled extends PlannedSaid {
  outcome: Outcome
}

interface Result extends Settled {
  identityId: string | undefined
  fault: string | undefined
  changed: boolean
}

const NOTHING = { apply: false, hold: undefined, waits: false, ends: false, renews: undefined } as const

function outcomeOf({ said, known, plan, doubled }: PlannedSaid, { open, mass, decided }: WriteContext): Outcome {
  if (plan.ignored) return NOTHING
  const before = open.get(said.key) ?? []
  const question = before.find(({ state }) => state === 'held')
  const isMass = decided !== true && ((mass.departures && isDeparture(plan.says)) || (mass.returns && plan.says === 'reinstated'))
  // Nobody has said yet that the subject is whom its name means: neither is anything else that it says.
  const unproven = decided !== true && known.subject === undefined && before.some(({ reason }) => reason === 'identifier_reuse')
  const hold = doubled || unproven ? 'identifier_reuse' : (plan.hold ?? (isMass ? 'mass_event' : undefined))
  // Missing, and named nowhere any more, is another word than missing and named elsewhere.
  const saysSame = (row: FeedStatementRow) =>
    isSameWord(keptSaid(said.key, row.said).standing, said.standing) &&
    (row.reason === 'named_elsewhere') === (said.namedElsewhere === true)
  const again = before.find(saysSame)
  // A question stands as long as the feed says the same, or nothing; about a name that is used twice the last word is what is asked.
  if (hold !== undefined && question !== undefined)
    return said.standing.is === 'unsaid' || saysSame(question)
      ? { ...NOTHING, waits: true }
      : { ...NOTHING, hold, renews: question }
  if (hold !== undefined)
    return again === undefined && (said.standing.is !== 'unsaid' || before.length === 0) ? { ...NOTHING, hold } : NOTHING
  // What a person was asked, or has denied, is not done because the feed says it once more.
  if (again !== undefined && (said.standing.is !== 'active' || plan.says === 'reinstated'))
    return { ...NOTHING, waits: question !== undefined }
  // Another word than the one that was denied ends it: said again after that, it is news.
  const isOther = said.standing.is !== 'unsaid' && question === undefined && before.some((row) => !saysSame(row))
  // A return that waits is over where he is said to be away after it, though that changes nothing.
  const isAway = said.standing.is !== 'active' && said.standing.is !== 'unsaid' && before.some(isReturn)
  const ends = said.standing.is === 'active' || plan.says !== undefined || isOther || isAway
  return { ...NOTHING, apply: true, waits: question !== undefined && !ends, ends }
}

function isReturn({ key, said }: FeedStatementRow): boolean {
  return keptSaid(key, said).standing.is === 'active'
}

function isSameWord(a: SaidStanding, b: SaidStanding): boolean {
  if (a.is !== 'terminated' || b.is !== 'terminated') return a.is === b.is
  return a.at === undefined || b.at === undefined ? a.at === b.at : Temporal.Instant.compare(a.at, b.at) === 0
}

function isDeparture(says: StatementSays | undefined): boolean {
  return says === 'terminated' || says === 'suspended'
}

/** What is written of the identity, under the external id that it has here; `line` finds it again. */
function entryAt({ plan, known }: Settled, line: number): IdentityEntry[] {
  if (plan.entry === undefined) return []
  return [{ line, ...plan.entry, externalId: known.identity?.external_id ?? plan.entry.externalId }]
}

function subjectAt(
  feed: Feed,
  { said, known, plan, outcome, identityId, fault }: Result,
  now: Temporal.Instant,
): FeedSubjectWrite[] {
  if (!outcome.apply || identityId === undefined || fault !== undefined) return []
  const at = saidAtOf(said, known, now)
  return [
    {
      ...{ feed_id: feed.id, key: said.key, identity_id: identityId, standing: plan.standing },
      ...{ terminated_at: plan.terminatedAt?.toString() ?? null, said_at: at.toString() },
    },
  ]
}

function statementAt(feed: Feed, each: Result, { deliveryId, now, decided }: WriteContext): FeedStatementWrite[] {
  const { said, plan, outcome, identityId, fault, known } = each
  // Where it is not known who is meant, what is asked is what the subject is said to be, and not what that changes here.
  const asked = outcome.hold === 'identifier_reuse'
  const says = asked ? plan.word.says : plan.says
  if (decided === true || fault !== undefined || says === undefined) return []
  const state = outcome.hold !== undefined ? 'held' : outcome.apply ? 'applied' : undefined
  if (state === undefined) return []
  const at = sinceAsked(each, (asked ? plan.word.at : plan.terminatedAt) ?? (state === 'held' ? now : null))
  return [
    {
      ...{
        id: newId(),
        feed_id: feed.id,
        key: said.key,
        identity_id: state === 'held' ? (known.identity?.id ?? null) : (identityId ?? null),
      },
      ...{ says, effective_at: isDeparture(says) ? (at?.toString() ?? null) : null },
      ...{ said: keepSaid(said), state, reason: outcome.hold ?? null, delivery_id: deliveryId, at: now.toString() },
    },
  ]
}

/** A question that another word without a date renews is about the same departure: it counts from when it was first told. */
function sinceAsked({ said: { standing }, outcome: { renews } }: Result, at: Temporal.Instant | null): Temporal.Instant | null {
  const first = renews?.effective_at ?? null
  if (at === null || first === null || (standing.is === 'terminated' && standing.at !== undefined)) return at
  return Temporal.Instant.compare(first, at) < 0 ? first : at
}

const ACTIONS = {
  joined: 'identity.join',
  reinstated: 'identity.reinstate',
  suspended: 'identity.suspend',
  terminated: 'identity.terminate',
} as const satisfies Record<StatementSays, string>

async function tell(tx: Tx, feed: Feed, results: readonly Result[], { deps, now, deliveryId }: WriteContext): Promise<void> {
  const held = results.filter(({ outcome }) => outcome.hold !== undefined)
  if (held.length > 0) {
    const reasons = Object.fromEntries(
      Map.groupBy(held, ({ outcome }) => outcome.hold)
        .entries()
        .map(([reason, of]) => [reason, of.length]),
    )
    await audit(tx, {
      actor: deps.actor,
      action: 'feed.hold',
      subject: feed.name,
      detail: { ...reasons, delivery: deliveryId },
      at: now,
    })
  }
  for (const { plan, outcome, said, known, fault } of results) {
    if (!outcome.apply || fault !== undefined || plan.says === undefined) continue
    const subject = known.identity?.external_id ?? said.externalId
    // Somebody may be heard of for the first time when he has left.
    const dated = isDeparture(plan.says) || plan.terminatedAt !== null
    const detail = { feed: feed.name, ...(dated ? { terminatedAt: plan.terminatedAt?.toString() } : {}) }
    await audit(tx, { actor: deps.actor, action: ACTIONS[plan.says], subject, detail, at: now })
  }
}

function takenOf({ said, plan, outcome, identityId, fault, changed }: Result): Taken {
  const { key } = said
  const whom = identityId === undefined ? {} : { identityId }
  if (fault !== undefined) return { key, outcome: 'ignored', fault, ...whom }
  if (outcome.hold !== undefined) return { key, outcome: 'held', reason: outcome.hold, ...whom }
  if (!outcome.apply) return { key, outcome: outcome.waits ? 'held' : 'ignored', ...whom }
  return { key, outcome: plan.says ?? (plan.overruled ? 'ignored' : changed ? 'changed' : 'unchanged'), ...whom }
}
