import { atLeast, type FindingEvent, type FindingKind, type FindingState, type Severity } from '../domain/finding.ts'

/** The part of a finding that its transitions read and write. */
export interface Episode {
  kind: FindingKind
  severity: Severity
  state: FindingState
  /** Counts reopenings from 1. */
  episode: number
  /** Counts events from 1. */
  sequence: number
  /** Proofs in a row that it is over. */
  rejections: number
  openedAt: Temporal.Instant
  lastSeenAt: Temporal.Instant
  /** The last alert of this episode. */
  alertedAt: Temporal.Instant | undefined
  resolvedAt: Temporal.Instant | undefined
  /** Acknowledged by the exemption that is in force, not by a person. */
  exempted: boolean
}

/** What one observation says about one finding. */
export type Signal = Present | Absent

/** It holds. */
export interface Present {
  holds: true
  kind: FindingKind
  severity: Severity
  at: Temporal.Instant
  /** An exemption covers it at this instant. */
  exempt: boolean
}

/** It is proven not to hold; `needed` such proofs in a row close it. */
export interface Absent {
  holds: false
  at: Temporal.Instant
  needed: number
  /** How many there are in a row, where that is counted elsewhere: another secret, or an acceptance, begins the count anew. */
  inARow?: number
}

export interface TransitionPolicy {
  remindEveryMs: number
}

export interface Transition {
  finding: Episode | undefined
  /** At most one edge to alert about. */
  event: FindingEvent | undefined
}

/**
 * What becomes of a finding. Pure: the same finding, signal and policy always give the same answer. An observation that proves
 * nothing makes no signal at all, so that it can neither close nor prolong anything.
 */
export function transition(finding: Episode | undefined, signal: Signal, policy: TransitionPolicy): Transition {
  if (finding === undefined) return signal.holds ? open(signal) : { finding: undefined, event: undefined }
  if (signal.holds) return finding.state === 'resolved' ? reopen(finding, signal) : persist(finding, signal, policy)
  return finding.state === 'resolved' ? { finding, event: undefined } : disprove(finding, signal)
}

/**
 * As what a finding goes on. Whoever was told that access is back must hear under that name that it is over: an open episode stays
 * `resurrected_access`, though by the next acceptance nothing of the credential's death is left.
 */
export function kindOf(finding: Pick<Episode, 'kind' | 'state'> | undefined, signal: Pick<Present, 'kind'>): FindingKind {
  const isBack = finding !== undefined && finding.state !== 'resolved' && finding.kind === 'resurrected_access'
  return isBack ? finding.kind : signal.kind
}

/** What becomes of a finding whose exemption has ended, though nobody has looked at it since: whoever was spared is told now. Pure. */
export function endExemption(finding: Episode, at: Temporal.Instant): Transition {
  return alert({ ...finding, exempted: false, state: 'open' }, firstOr('reopened', finding), at)
}

/**
 * What time alone makes of an open finding: what nobody has judged since its last alert, a system that is down for instance, is told of
 * again all the same. Pure. No event: it is not open, or the last alert is not old enough.
 *
 * @param severity what it is today: severity grows with age
 */
export function remind(finding: Episode, severity: Severity, at: Temporal.Instant, policy: TransitionPolicy): Transition {
  const isSilent = finding.state !== 'open' || finding.exempted
  if (isSilent || !isReminderDue(finding, at, policy)) return { finding, event: undefined }
  const isWorse = severity !== finding.severity && atLeast(severity, finding.severity)
  return isWorse ? alert({ ...finding, severity }, 'escalated', at) : alert(finding, 'reminded', at)
}

/**
 * What becomes of a finding that no observation moves any more, at the severity that it has by now: whoever acknowledged the smaller one is
 * told as well. Pure. No event: it has not grown.
 */
export function escalate(finding: Episode, severity: Severity, at: Temporal.Instant): Transition {
  const isWorse = severity !== finding.severity && atLeast(severity, finding.severity)
  return isWorse ? alert({ ...finding, severity }, 'escalated', at) : { finding, event: undefined }
}

function open(signal: Present): Transition {
  const finding: Episode = {
    kind: signal.kind,
    severity: signal.severity,
    state: signal.exempt ? 'acknowledged' : 'open',
    episode: 1,
    sequence: signal.exempt ? 0 : 1,
    rejections: 0,
    openedAt: signal.at,
    lastSeenAt: signal.at,
    alertedAt: signal.exempt ? undefined : signal.at,
    resolvedAt: undefined,
    exempted: signal.exempt,
  }
  return { finding, event: signal.exempt ? undefined : 'opened' }
}

function reopen(finding: Episode, signal: Present): Transition {
  const base = {
    ...finding,
    kind: signal.kind,
    severity: signal.severity,
    episode: finding.episode + 1,
    rejections: 0,
    lastSeenAt: signal.at,
    resolvedAt: undefined,
    exempted: signal.exempt,
  }
  // Nobody hears of this episode, so nobody is to hear that it is over.
  if (signal.exempt) return { finding: { ...base, state: 'acknowledged', alertedAt: undefined }, event: undefined }
  return alert({ ...base, state: 'open' }, firstOr('reopened', finding), signal.at)
}

function persist(finding: Episode, signal: Present, policy: TransitionPolicy): Transition {
  const seen: Episode = {
    ...finding,
    kind: kindOf(finding, signal),
    rejections: 0,
    lastSeenAt: signal.at,
    exempted: signal.exempt,
  }
  if (signal.exempt) {
    // An exemption silences; what a person has seen before stays as it was.
    return { finding: { ...seen, severity: signal.severity, state: 'acknowledged' }, event: undefined }
  }
  if (finding.exempted) {
    // The exemption has ended: whoever was spared before is told now.
    return alert({ ...seen, severity: signal.severity, state: 'open' }, firstOr('reopened', finding), signal.at)
  }
  if (signal.severity !== finding.severity && atLeast(signal.severity, finding.severity)) {
    return alert({ ...seen, severity: signal.severity }, 'escalated', signal.at)
  }
  // Severity never sinks while a finding is open: the alert that was sent stays true.
  if (finding.state === 'open' && isReminderDue(finding, signal.at, policy)) return alert(seen, 'reminded', signal.at)
  return { finding: seen, event: undefined }
}

function disprove(finding: Episode, signal: Absent): Transition {
  const rejections = signal.inARow ?? finding.rejections + 1
  if (rejections < signal.needed) return { finding: { ...finding, rejections }, event: undefined }
  const resolved: Episode = { ...finding, rejections, state: 'resolved', resolvedAt: signal.at, exempted: false }
  // What was never alerted needs no all-clear.
  return finding.alertedAt === undefined ? { finding: resolved, event: undefined } : alert(resolved, 'resolved', signal.at)
}

/** Whoever hears of a finding for the first time hears that it opened, whatever an exemption kept silent before. */
function firstOr(event: FindingEvent, finding: Episode): FindingEvent {
  return finding.sequence === 0 ? 'opened' : event
}

function alert(finding: Episode, event: FindingEvent, at: Temporal.Instant): Transition {
  return { finding: { ...finding, sequence: finding.sequence + 1, alertedAt: at }, event }
}

function isReminderDue(finding: Episode, at: Temporal.Instant, policy: TransitionPolicy): boolean {
  if (finding.alertedAt === undefined) return false
  return at.epochMilliseconds - finding.alertedAt.epochMilliseconds >= policy.remindEveryMs
}
