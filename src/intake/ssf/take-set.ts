import { hash } from 'node:crypto'
import { z } from 'zod'
import { audit } from '../../store/audit.ts'
import type { Queryable } from '../../store/db.ts'
import { failedFeed, heardFeed, isFirstEvent, wasEvent } from '../../store/feed.ts'
import type { IdentityRow } from '../../store/identity.ts'
import type { IntakeDeps } from '../deps.ts'
import type { Feed, Said, TakenOutcome } from '../feed/said.ts'
import { prepareToTake, takeIn } from '../feed/take.ts'
import { inTransaction, type Tx } from '../transaction.ts'
import { EVENTS, type EventName, type EventSays, eventName, STREAM_UPDATED, VERIFICATION } from './events.ts'
import type { SsfOptions } from './options.ts'
import { isUnclear, mayBeActive, saidActive } from './scim-data.ts'
import { findSubject, readSubject, type Unmatched } from './subject.ts'
import type { SecurityEvent, SecuritySet } from './verify.ts'

/** `enabled`, or why nothing comes by a stream. */
export const STREAM_STATES = ['enabled', 'paused', 'disabled'] as const
export type StreamState = (typeof STREAM_STATES)[number]

/** What came of a token. */
export interface TakenSet {
  /** It came before: nothing was done. */
  replayed: boolean
  events: {
    /** The name of the event; undefined for one that nobody here knows. */
    event: EventName | 'verification' | 'stream-updated' | undefined
    /** `recorded`: a hint about somebody who is here. */
    did: TakenOutcome | 'hinted' | 'recorded' | 'none' | Unmatched
  }[]
  /** What the transmitter says of the stream. */
  stream: StreamState | undefined
}

/**
 * Takes a verified token, whole or not at all: facts by the policy of the feed, hints about those who have left as trials of what they held.
 * A token that came before does nothing again.
 */
export async function takeSet(feed: Feed, set: SecuritySet, options: SsfOptions, deps: IntakeDeps): Promise<TakenSet> {
  await prepareToTake(deps)
  return inTransaction(deps.db, async (tx) => {
    const now = deps.now()
    if (!(await isFirstEvent(tx, feed.id, `set:${digest(set.jti)}`, now)))
      return { replayed: true, events: [], stream: undefined }
    const work: Work = { tx, feed, set, options, deps, now, facts: new Map(), hints: new Map(), events: [], stream: undefined }
    for (const event of set.events) await readEvent(work, event)
    await takeFacts(work)
    await takeHints(work)
    await heardFeed(tx, feed.id, now)
    if (work.stream !== undefined && work.stream !== 'enabled') await failedFeed(tx, feed.id, streamFault(work.stream), now)
    return { replayed: false, events: work.events, stream: work.stream }
  })
}

export function streamFault(state: Exclude<StreamState, 'enabled'>): string {
  return `the transmitter says that the stream is ${state}: nothing comes by it`
}

/** True where the transmitter has echoed this state. */
export function wasEchoed(db: Queryable, feedId: string, state: string): Promise<boolean> {
  return wasEvent(db, feedId, echoKey(state))
}

function echoKey(state: string): string {
  return `echo:${digest(state)}`
}

interface Fact {
  identity: IdentityRow
  said: Said & { standing: { is: 'active' | 'inactive' | 'deleted' } }
  event: EventName
}

interface Work extends Pick<TakenSet, 'events' | 'stream'> {
  tx: Tx
  feed: Feed
  set: SecuritySet
  options: SsfOptions
  deps: IntakeDeps
  now: Temporal.Instant
  /** By external id. */
  facts: Map<string, Fact>
  hints: Map<string, { identity: IdentityRow; events: EventName[] }>
}

async function readEvent(work: Work, event: SecurityEvent): Promise<void> {
  const { tx, feed, set, options, now } = work
  if (VERIFICATION.includes(event.uri)) {
    const state = z.string().min(1).max(1_000).safeParse(event.claims.state).data
    if (state !== undefined) await isFirstEvent(tx, feed.id, echoKey(state), now)
    work.events.push({ event: 'verification', did: 'none' })
    return
  }
  if (event.uri === STREAM_UPDATED) {
    work.stream = z.enum(STREAM_STATES).safeParse(event.claims.status).data ?? work.stream
    work.events.push({ event: 'stream-updated', did: 'none' })
    return
  }
  const name = eventName(event.uri)
  const use = name === undefined ? 'ignore' : options.events(name)
  if (name === undefined || use === 'ignore' || isHarmless(name, event, options)) {
    work.events.push({ event: name, did: 'none' })
    return
  }
  const read = readSubject(set.subject ?? event.claims.subject, options, set.criticalSubjects)
  const found = 'unmatched' in read ? read.unmatched : await findSubject(tx, read.handles)
  if (typeof found === 'string' || 'unmatched' in read) {
    work.events.push({ event: name, did: typeof found === 'string' ? found : 'unknown' })
    return
  }
  const says = saysOf(name, event)
  // Whoever is told by one event to be back, is by another that says the same.
  const isFact =
    use === 'fact' || (says === 'active' && options.events('scim-activate') === 'fact' && EVENTS[name].says === 'data')
  // What is said of a session or a device is said of no account.
  if (isFact && says !== undefined && read.whole) addFact(work, name, found, says, happenedAt(event, set, now))
  else addHint(work, name, found)
}

/** What an event says of somebody; undefined: nothing that could be a fact. */
function saysOf(name: EventName, { claims }: SecurityEvent): EventSays | undefined {
  const { says } = EVENTS[name]
  if (says !== 'data') return says
  const active = saidActive(claims.data)
  return active === undefined ? undefined : active ? 'active' : 'inactive'
}

/**
 * A credential that was made or renewed, and a resource of which something else than `active` was written, is no reason to look at those
 * that should be gone; one of which nobody can tell what was written is. That somebody is active is none either, and news only where this source may have said that he had left.
 */
function isHarmless(name: EventName, event: SecurityEvent, { events }: SsfOptions): boolean {
  const { claims } = event
  switch (name) {
    case 'credential-change':
      return claims.change_type !== 'revoke' && claims.change_type !== 'delete'
    case 'scim-put-notice':
    case 'scim-patch-notice':
      return !mayBeActive(claims.attributes)
    default: {
      if (EVENTS[name].says !== 'data') return false
      if (isUnclear(claims.data, name === 'scim-patch-full')) return false
      const says = saysOf(name, event)
      return says === undefined || (says === 'active' && events(name) !== 'fact' && events('scim-activate') !== 'fact')
    }
  }
}

const RANK = { active: 0, inactive: 1, deleted: 2 } as const

function addFact(
  work: Work,
  event: EventName,
  identity: IdentityRow,
  is: 'active' | 'inactive' | 'deleted',
  at: Temporal.Instant,
) {
  // Events of one token are one thing that happened (RFC 8417 §2): the gravest says it all.
  const before = work.facts.get(identity.external_id)
  if (before !== undefined && RANK[before.said.standing.is] >= RANK[is]) return
  const key = identity.external_id
  work.facts.set(key, { identity, event, said: { key, externalId: key, standing: { is }, at } })
}

function addHint({ hints }: Work, event: EventName, identity: IdentityRow): void {
  const before = hints.get(identity.external_id)
  hints.set(identity.external_id, { identity, events: [...(before?.events ?? []), event] })
}

/** When an event came to be, never later than now: its own time, that of the token, or that of its issue. */
function happenedAt(
  { claims }: SecurityEvent,
  { happenedAt: toe, issuedAt }: SecuritySet,
  now: Temporal.Instant,
): Temporal.Instant {
  const said = z.number().min(0).max(253_402_300_799).safeParse(claims.event_timestamp).data
  const at = said === undefined ? (toe ?? issuedAt) : Temporal.Instant.fromEpochMilliseconds(Math.floor(said * 1_000))
  return Temporal.Instant.compare(at, now) > 0 ? now : at
}

async function takeFacts(work: Work): Promise<void> {
  const { tx, feed, deps, facts, now } = work
  if (facts.size === 0) return
  const taken = await takeIn(
    tx,
    feed,
    [...facts.values()].map(({ said }) => said),
    deps,
  )
  for (const { key, outcome } of taken) {
    const fact = facts.get(key)
    if (fact === undefined) continue
    work.events.push({ event: fact.event, did: outcome })
    // Of somebody who had left it is news all the same, unless it says that he is back.
    if (fact.said.standing.is !== 'active' && hasLeft(fact.identity, now)) addHint(work, fact.event, fact.identity)
  }
}

/** Who has left is looked at now. Who is here is not: a hint is no departure, and nothing of his is ever tried. */
async function takeHints({ tx, feed, deps, hints, now, events: told }: Work): Promise<void> {
  for (const [subject, { identity, events }] of hints) {
    const left = hasLeft(identity, now)
    await audit(tx, { actor: deps.actor, action: 'identity.hint', subject, detail: { feed: feed.name, events, left }, at: now })
    if (left) await deps.onHint?.(tx, identity.id)
    told.push(...events.map((event) => ({ event, did: left ? ('hinted' as const) : ('recorded' as const) })))
  }
}

function hasLeft({ terminated_at }: IdentityRow, now: Temporal.Instant): boolean {
  return terminated_at !== null && Temporal.Instant.compare(terminated_at, now) <= 0
}

/** Of one length, and of characters that every database takes. */
export function digest(text: string): string {
  return hash('sha256', text, 'base64url')
}
