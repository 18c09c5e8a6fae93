import type { Control } from '../domain/control.ts'
import type { FindingKind, FindingState, Severity } from '../domain/finding.ts'
import type { GapReason } from '../domain/gap.ts'
import type { IdentityKind } from '../domain/identity.ts'
import type { Standing } from '../domain/standing.ts'
import { type Assurance, isProvenRejection, type Strength, type Verdict } from '../domain/verdict.ts'

/** What kinds of findings are called: as in the alerts (a test compares). */
export const KIND_LABELS: Record<FindingKind, string> = {
  residual_access: 'Residual access',
  resurrected_access: 'Access came back',
  shared_secret_not_rotated: 'Shared secret not rotated',
  handover_overdue: 'Handover overdue',
  open_system: 'Open system',
  any_secret_accepted: 'Any secret accepted',
  principal_mismatch: "Opens somebody else's account",
  blind_system: 'Blind system',
  unverified_past_deadline: 'Not proven closed',
  orphaned_identity: 'Orphaned identity',
  feed_silent: 'Feed silent',
  standing_grant: 'Standing grant',
}

export const STATE_LABELS: Record<FindingState, string> = { open: 'Open', acknowledged: 'Acknowledged', resolved: 'Resolved' }

export const SEVERITY_LABELS: Record<Severity, string> = {
  critical: 'Critical',
  high: 'High',
  medium: 'Medium',
  low: 'Low',
  info: 'Info',
}

/** How a credential stands: the word, how it looks, and what it means. */
export const STANDINGS: Record<Standing, { label: string; look: Look; means: string }> = {
  open: { label: 'Open', look: 'open', means: 'The system accepted it, and has proven nothing else since.' },
  unverified: { label: 'Not judged', look: 'doubt', means: 'The last answer proves nothing: it may work, it may not.' },
  not_tried: { label: 'Not tried', look: 'doubt', means: 'No answer yet.' },
  refused: { label: 'Not proven', look: 'doubt', means: 'Refused, but not often or clearly enough to call it closed.' },
  closed: { label: 'Closed', look: 'closed', means: 'Proven: refused often enough in a row.' },
  retired: { label: 'Retired', look: 'none', means: 'Taken off the list; its secret is shredded.' },
  resting: { label: 'Resting', look: 'none', means: 'Its identity is here: it is not tried.' },
}

/** `doubt` looks like nothing else: dashed and hatched. */
export type Look = 'open' | 'closed' | 'doubt' | 'none' | 'plain'

export const VERDICTS: Record<Verdict, { label: string; look: Look }> = {
  accepted: { label: 'Accepted', look: 'open' },
  rejected: { label: 'Refused', look: 'closed' },
  inconclusive: { label: 'Not judged', look: 'doubt' },
}

/** One answer about a credential, as far as it tells what it proves. */
export interface Answer {
  verdict: Verdict
  strength: Strength
  assurance: Assurance
}

/** How an answer looks: a refusal that proves nothing is no closed door. */
export function answerLook(answer: Answer): { label: string; look: Look } {
  const isUnproven = answer.verdict === 'rejected' && !isProvenRejection(answer)
  return isUnproven ? { label: 'Refused, not proven', look: 'doubt' } : VERDICTS[answer.verdict]
}

export const IDENTITY_KIND_LABELS: Record<IdentityKind, string> = { human: 'Person', service: 'Service', agent: 'AI agent' }

export const CONTROL_LABELS: Record<Control, string> = {
  nobody: 'Decoy, no credential',
  stranger: 'Decoy, made-up account',
  canary: 'Canary',
  'same-principal': 'Confirmation',
}

export const ASSURANCE_LABELS: Record<Assurance, string> = {
  controlled: 'decoys refused, canary accepted',
  explicit: 'decoys refused, no canary',
  none: 'no control passed',
}

export const GAP_LABELS: Record<GapReason, string> = {
  paused: 'paused',
  blind: 'controls fail',
  breaker: 'circuit breaker',
  held: 'asked to be left alone',
  origin_changed: 'waits for a rebind',
  window: 'outside its schedule',
  no_worker: 'no replica serves its zone',
  daemon_down: 'no replica was running',
  behind: 'too much to try',
}

const EVENTS: Readonly<Record<string, string>> = {
  opened: 'opened',
  escalated: 'became more severe',
  reminded: 'is still open',
  resolved: 'resolved',
  reopened: 'came back',
  acknowledged: 'acknowledged',
  exempted: 'exempted',
  closed: 'closed by an operator',
  handed_over: 'handed over',
}

export function eventLabel(event: string): string {
  return EVENTS[event] ?? humane(event)
}

/** `invalid_credentials` → `invalid credentials` */
export function humane(code: string): string {
  return code.replaceAll(/[_-]/g, ' ')
}

/** `1 finding`, `3 findings`, `1,204 findings` */
export function countOf(count: number, noun: string, plural = `${noun}s`): string {
  return `${figure(count)} ${count === 1 ? noun : plural}`
}

const FIGURE = new Intl.NumberFormat('en')

export function figure(count: number): string {
  return FIGURE.format(count)
}

/** A share as a whole per cent that says neither 0 nor 100 of what is neither. */
export function percent(part: number, whole: number): string {
  if (whole === 0) return '–'
  const share = (part / whole) * 100
  if (share > 0 && share < 1) return '<1'
  if (share < 100 && share > 99) return '>99'
  return String(Math.round(share))
}
