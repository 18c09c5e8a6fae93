import type { FeedStanding, HoldReason, StatementSays } from '../../domain/feed.ts'
import type { FeedSubjectRow } from '../../store/feed-subject.ts'
import type { IdentityRow } from '../../store/identity.ts'
import type { IdentityEntry, Standing } from '../identity-row.ts'
import type { Feed, Said } from './said.ts'

/** What is known of a subject when a feed speaks of it. */
export interface Known {
  /** What this feed said before. */
  subject: FeedSubjectRow | undefined
  /** Whom it speaks of: by its key, or else by the external id. */
  identity: IdentityRow | undefined
  /** Other words of feeds in use about that identity, this subject's own left out. */
  others: readonly FeedSubjectRow[]
}

/** What a statement makes of its subject. */
export interface SaidPlan {
  /** Undefined: nothing is said of the standing, or the word does not count. */
  says: StatementSays | undefined
  hold: HoldReason | undefined
  /** What is written of the identity; undefined: nothing. */
  entry: Omit<IdentityEntry, 'line'> | undefined
  standing: FeedStanding
  terminatedAt: Temporal.Instant | null
  /** Undefined: as it is. Null: not suspended any more. */
  suspendedAt: Temporal.Instant | null | undefined
  /** The word does not count: nothing is written, not even that it was said. */
  ignored: boolean
  /** They are called active, and have left by somebody else's word. */
  overruled: boolean
  /** What it says of a subject whom nobody knows yet: what is asked where it goes by the name of another. */
  word: { says: 'joined' | 'suspended' | 'terminated'; at: Temporal.Instant | null }
}

/**
 * What one statement comes to. Somebody has left at the earliest instant that any source in use gives, and is back only when the
 * source that said so takes it back: another one that has not heard yet must not undo it. Pure.
 *
 * @param decided a person has answered what would be asked
 */
export function planSaid(feed: Feed, said: Said, known: Known, now: Temporal.Instant, decided = false): SaidPlan {
  const { subject, identity } = known
  const before = { standing: subject?.standing ?? 'active', terminatedAt: subject?.terminated_at ?? null } as const
  const at = saidAtOf(said, known, now)
  const word = wordOf(feed, said, before, now)
  const untouched = {
    ...{ says: undefined, hold: undefined, entry: undefined, suspendedAt: undefined, overruled: false, ...before },
    word: askedOf(word),
  }
  if (subject !== undefined && Temporal.Instant.compare(at, subject.said_at) < 0) return { ...untouched, ignored: true }
  if (!decided && identity === undefined && feed.policy.joiners === 'ignore') return { ...untouched, ignored: true }
  if (!decided && isReuse(feed, said, known, now))
    return { ...untouched, hold: 'identifier_reuse', says: untouched.word.says, ignored: false }
  const says = askedAs(feed, said)
  const isNews = before.standing !== 'suspended' || (says === 'terminated' && said.standing.is !== 'inactive')
  if (word.ask && before.standing !== 'terminated' && isNews) {
    const hold = said.namedElsewhere === true ? 'named_elsewhere' : 'ask'
    return { ...untouched, says, hold, entry: entryOf(said, { is: 'unsaid' }), ignored: false }
  }
  return { hold: undefined, ...effectOf(said, known, word, now), word: untouched.word }
}

/**
 * When a word counts from. One without a time of its own is said now, and after all that was said before: that it is later is known by
 * the lock under which it is taken, whatever the clocks of those who took the others showed.
 */
export function saidAtOf(said: Said, { subject }: Known, now: Temporal.Instant): Temporal.Instant {
  if (said.at !== undefined) return said.at
  return subject !== undefined && Temporal.Instant.compare(subject.said_at, now) > 0 ? subject.said_at : now
}

function askedOf({ standing, terminatedAt, ask }: Word): SaidPlan['word'] {
  if (ask || standing === 'terminated') return { says: 'terminated', at: terminatedAt }
  return { says: standing === 'suspended' ? 'suspended' : 'joined', at: null }
}

/** What a departure that is asked about would be, by the policy. */
function askedAs({ policy }: Feed, { standing: { is } }: Said): 'terminated' | 'suspended' {
  return (is === 'inactive' || is === 'deleted') && policy[is] === 'suspend' ? 'suspended' : 'terminated'
}

interface Word {
  standing: FeedStanding
  terminatedAt: Temporal.Instant | null
  /** It may be a departure, or not. */
  ask: boolean
}

/** What a feed's own word is, by its policy. */
function wordOf(
  feed: Feed,
  { standing, namedElsewhere }: Said,
  before: { standing: FeedStanding; terminatedAt: Temporal.Instant | null },
  now: Temporal.Instant,
): Word {
  const gone = (at: Temporal.Instant | undefined): Word => {
    const known = before.terminatedAt !== null && Temporal.Instant.compare(before.terminatedAt, now) <= 0
    // Said again without a date: the clock of a departure that is known does not start anew.
    const from = at ?? (known && before.terminatedAt !== null ? before.terminatedAt : now)
    return { standing: 'terminated', terminatedAt: toMicroseconds(from), ask: false }
  }
  const away: Word = { standing: 'suspended', terminatedAt: null, ask: false }
  switch (standing.is) {
    case 'unsaid':
      return { ...before, ask: false }
    case 'active':
      return { standing: 'active', terminatedAt: null, ask: false }
    case 'suspended':
      return away
    case 'terminated':
      return gone(standing.at)
    default: {
      const departure = feed.policy[standing.is]
      // Missing is no departure where the same reading has him by name, whatever the policy makes of one.
      if (departure === 'ask' || namedElsewhere === true) return { ...before, ask: true }
      return departure === 'suspend' ? away : gone(undefined)
    }
  }
}

/** A subject whose key is new goes by the name of an identity that this feed knows by another key, or is said to be here by the name of one who left. */
function isReuse(feed: Feed, { standing }: Said, { subject, identity, others }: Known, now: Temporal.Instant): boolean {
  if (subject !== undefined || identity === undefined) return false
  if (others.some(({ feed_id }) => feed_id === feed.id)) return true
  const left = identity.terminated_at !== null && Temporal.Instant.compare(identity.terminated_at, now) <= 0
  return left && standing.is === 'active'
}

function effectOf(said: Said, known: Known, word: Word, now: Temporal.Instant): Omit<SaidPlan, 'hold' | 'word'> {
  const { subject, identity, others } = known
  const own = subject?.terminated_at ?? null
  const current = identity?.terminated_at ?? null
  const elsewhere = earliest(others.map(({ terminated_at }) => terminated_at))
  // Whatever is in force and not by this feed's word was said by somebody else: another feed, a file, an operator.
  const foreign = current !== null && !sameInstant(current, own) ? current : null
  const effective = earliest([word.terminatedAt, elsewhere, foreign])
  const standing = standingOf(said, current, effective)
  const suspended = word.standing === 'suspended' || others.some((other) => other.standing === 'suspended')
  const since = identity?.suspended_at ?? null
  const left = effective !== null && Temporal.Instant.compare(effective, now) <= 0
  const suspendedAt = suspended && !left ? (since ?? toMicroseconds(now)) : null
  return {
    says: saysOf(current, effective, since, suspendedAt, identity === undefined),
    entry: entryOf(said, standing),
    standing: word.standing,
    terminatedAt: word.terminatedAt,
    suspendedAt: sameInstant(since, suspendedAt) ? undefined : suspendedAt,
    ignored: false,
    overruled: said.standing.is === 'active' && left && sameInstant(current, effective),
  }
}

function standingOf(said: Said, current: Temporal.Instant | null, effective: Temporal.Instant | null): Standing {
  if (sameInstant(current, effective)) return { is: 'unsaid' }
  if (effective === null) return said.standing.is === 'unsaid' ? { is: 'unsaid' } : { is: 'active' }
  return { is: 'terminated', at: effective }
}

function saysOf(
  current: Temporal.Instant | null,
  effective: Temporal.Instant | null,
  since: Temporal.Instant | null,
  suspendedAt: Temporal.Instant | null,
  fresh: boolean,
): StatementSays | undefined {
  if (fresh) return 'joined'
  if (effective !== null && !sameInstant(current, effective)) return 'terminated'
  if (current !== null && effective === null) return 'reinstated'
  if (effective === null && since === null && suspendedAt !== null) return 'suspended'
  if (effective === null && since !== null && suspendedAt === null) return 'reinstated'
  return undefined
}

function entryOf({ externalId, name, email, kind, owner }: Said, standing: Standing): Omit<IdentityEntry, 'line'> {
  return { externalId, name, email, kind, owner, standing }
}

function earliest(instants: readonly (Temporal.Instant | null)[]): Temporal.Instant | null {
  return instants.reduce(
    (first, each) => (first === null || (each !== null && Temporal.Instant.compare(each, first) < 0) ? each : first),
    null,
  )
}

/** The database's grain: an instant must compare equal when it is read back. */
function toMicroseconds(at: Temporal.Instant): Temporal.Instant {
  return at.round({ smallestUnit: 'microsecond', roundingMode: 'floor' })
}

function sameInstant(a: Temporal.Instant | null, b: Temporal.Instant | null): boolean {
  return a === null || b === null ? a === b : Temporal.Instant.compare(a, b) === 0
}
