import { findingEventFacts } from '../domain/facts/finding-event.ts'
import { observationFacts } from '../domain/facts/observation.ts'
import { leafOf } from '../domain/leaf.ts'
import type { Queryable } from '../store/db.ts'
import { observationsOf } from '../store/evidence.ts'
import {
  type CheckClaim,
  type ClaimFilter,
  checkClaims,
  type FindingClaim,
  findingClaims,
  type LoggedEvent,
  loggedDigests,
} from '../store/evidence-claims.ts'
import { ledgerSince } from '../store/ledger-rows.ts'

/** A row of a derived table that says what the log does not bear out: the database was changed from outside. */
export interface Contradiction {
  table: 'check_state' | 'finding'
  /** Of the credential, of the finding. */
  id: string
  what: string
}

export interface ClaimsOptions extends ClaimFilter {
  db: Queryable
  /** Before it observations were removed as past their retention. */
  horizon: Temporal.Instant | undefined
  now: Temporal.Instant
}

const PAGE = 500

/**
 * Holds what statements are made from, the check states of those who left and the findings, against the observations and events that
 * were logged: neither table is in the log itself. Memory does not grow with their number.
 */
export async function* contradictions(options: ClaimsOptions): AsyncGenerator<Contradiction> {
  const { db, horizon, now } = options
  const since = (await ledgerSince(db, 'observation')) ?? now
  const isKnown = (at: Temporal.Instant) =>
    Temporal.Instant.compare(at, since) >= 0 && (horizon === undefined || Temporal.Instant.compare(at, horizon) >= 0)
  for await (const page of pages((after) => checkClaims(db, options, horizon, now, after, PAGE))) {
    const log = await readLog(db, page)
    for (const claim of page) {
      const what = faultOfCheck(claim, log, isKnown)
      if (what !== undefined) yield { table: 'check_state', id: claim.id, what }
    }
  }
  for await (const page of pages((after) => findingClaims(db, options, after, PAGE))) {
    const ids = page.flatMap(({ first, last }) => [first, last].flatMap((event) => event?.id ?? []))
    const logged = await loggedDigests(db, [...new Set(ids)])
    const isLogged = (event: LoggedEvent) =>
      event.at_ms < since.epochMilliseconds || logged.get(event.id)?.some(({ digest }) => digest === digestOf(event)) === true
    for (const claim of page) {
      const what = faultOfFinding(claim, isLogged)
      if (what !== undefined) yield { table: 'finding', id: claim.id, what }
    }
  }
}

async function* pages<Row extends { id: string }>(read: (after: string) => Promise<Row[]>): AsyncGenerator<Row[]> {
  let after = ''
  for (;;) {
    const page = await read(after)
    if (page.length > 0) yield page
    const last = page.at(-1)
    if (last === undefined || page.length < PAGE) return
    after = last.id
  }
}

/** What the log says of the observations of a page. */
interface Log {
  /** True where the stored row is what was logged. */
  holds(id: string): boolean
  /** True where one was logged before the other. Clocks can be set back, the log cannot. */
  isBefore(one: string, other: string): boolean
}

async function readLog(db: Queryable, page: readonly CheckClaim[]): Promise<Log> {
  const named = page.flatMap((claim) => Object.values(supportsOf(claim)).flatMap(({ id }) => id ?? []))
  const others = page.flatMap(({ later, let_in, accepted_later }) => [later, let_in, accepted_later].flatMap((ids) => ids ?? []))
  const ids = [...new Set([...named, ...others])]
  const logged = await loggedDigests(db, ids)
  const rows = ids.length === 0 ? [] : await observationsOf(db, ids, {})
  const holding = new Set(
    rows
      .filter((row) => {
        const digest = leafOf(observationFacts(row, row.observed_ms))
        return logged.get(row.id)?.some((each) => each.digest === digest) === true
      })
      .map(({ id }) => id),
  )
  const placeOf = (id: string) => logged.get(id)?.[0]?.index ?? null
  return {
    holds: (id) => holding.has(id),
    isBefore: (one, other) => {
      const [a, b] = [placeOf(one), placeOf(other)]
      // What waits in the outbox comes after all that stands in the log.
      return b === null || (a !== null && a < b)
    },
  }
}

/** Each instant that a check state names, and the observation of then that says the same. */
function supportsOf(claim: CheckClaim) {
  return {
    'last answer': { at: claim.observed_at, id: claim.last_id },
    'last judgement': { at: claim.judged_at, id: claim.judged_id },
    'last acceptance': { at: claim.accepted_at, id: claim.accepted_id },
    'first proven refusal': { at: claim.first_rejected_at, id: claim.first_id },
    'proof that it is closed': { at: claim.dead_at, id: claim.dead_id },
  }
}

function faultOfCheck(claim: CheckClaim, log: Log, isKnown: (at: Temporal.Instant) => boolean): string | undefined {
  const own = inconsistency(claim)
  if (own !== undefined) return own
  for (const [name, { at, id }] of Object.entries(supportsOf(claim))) {
    if (at === null || !isKnown(at)) continue
    if (id === null) return `no observation of its credential is the ${name} that it names, at ${at.toString()}`
    if (!log.holds(id)) return `its ${name} rests on observation ${id}, which is not as it was logged`
  }
  const { last_id, first_id, accepted_id, first_rejected_at, rejections, refused } = claim
  const after = (ids: readonly string[] | null, than: string | null) =>
    (ids ?? []).find((id) => log.holds(id) && (than === null || !log.isBefore(id, than)))
  const later = after(claim.later, last_id)
  if (later !== undefined) return `observation ${later} was logged after the last answer that it knows`
  const letIn = after(claim.let_in, first_id)
  if (letIn !== undefined) return `observation ${letIn} was let in after the first refusal that it names`
  const accepted = after(claim.accepted_later, accepted_id)
  if (accepted !== undefined) return `observation ${accepted} was accepted after the last acceptance that it names`
  if (first_rejected_at !== null && isKnown(first_rejected_at) && refused < rejections)
    return `it counts ${rejections} proven refusals in a row, and there are ${refused}`
  return undefined
}

/** What a check state cannot say, whatever was observed. */
function inconsistency(claim: CheckClaim): string | undefined {
  const { verdict, observed_at, judged_at, accepted_at, first_rejected_at, dead_at, rejections } = claim
  const isUntried = observed_at === null
  if (isUntried && (verdict ?? judged_at ?? accepted_at ?? first_rejected_at ?? dead_at ?? (rejections || null)) !== null)
    return 'it tells of answers, and that there were none'
  if (!isUntried && verdict === null) return 'it tells of an answer without its verdict'
  if ((first_rejected_at === null) !== (rejections === 0))
    return 'it counts refusals without the first of them, or names one uncounted'
  if (dead_at !== null && (first_rejected_at === null || Temporal.Instant.compare(dead_at, first_rejected_at) < 0))
    return 'it calls its credential closed without a refusal before'
  if (verdict === 'accepted' && rejections > 0) return 'it counts refusals in a row up to an acceptance'
  return undefined
}

/** Findings are kept to the microsecond, events are cut to the millisecond. */
const ROUNDED_MS = 1

function faultOfFinding(claim: FindingClaim, isLogged: (event: LoggedEvent) => boolean): string | undefined {
  const { first, last, state, severity, exempted, sequence, episode, ended } = claim
  for (const event of [first, last])
    if (event !== null && !isLogged(event)) return `event ${event.id} of its history is not as it was logged`
  if (sequence !== (last?.sequence ?? 0)) return `it counts ${sequence} events, and the last one is number ${last?.sequence ?? 0}`
  if (episode <= ended) return `it is said to have begun ${episode} times, and ended ${ended} times before`
  if (state === 'acknowledged' && !exempted && !claim.acknowledged) return 'nobody acknowledged it whom it names'
  if (exempted && !claim.covered) return 'it is said to be exempted, and no exemption covers it'
  // Nobody was told of this episode, since an exemption covered it: it has no edges.
  if (claim.alerted_at === null) {
    if (last !== null && last.state !== 'resolved')
      return `it is said that nobody was told, and event ${last.id} says that it is ${last.state}`
    return state === 'open' || (state === 'acknowledged' && !exempted) ? 'it is open, and nobody was told' : undefined
  }
  if (first === null || last === null) return 'it is said that somebody was told, and it has no history'
  if (claim.system_id !== last.system_id || claim.identity_id !== last.identity_id || claim.credential_id !== last.credential_id)
    return `it is about something else than event ${last.id} of its history`
  if (claim.opened_ms > first.at_ms + ROUNDED_MS) return `it is said to have opened after event ${first.id}, which tells of it`
  if ((state === 'resolved') !== (last.state === 'resolved'))
    return `it is said to be ${state}, and event ${last.id} says ${last.state}`
  if (state === 'resolved' && Math.abs((claim.resolved_ms ?? 0) - last.at_ms) > ROUNDED_MS)
    return `it is said to have been resolved at another time than event ${last.id} says`
  if (state !== 'resolved' && !exempted && severity !== last.severity)
    return `it is said to be ${severity}, and event ${last.id} says ${last.severity}`
  return undefined
}

function digestOf(event: LoggedEvent): string {
  return leafOf(findingEventFacts({ ...event, at: Temporal.Instant.fromEpochMilliseconds(event.at_ms) }))
}
