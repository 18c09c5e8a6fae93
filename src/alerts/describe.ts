import type { Alert } from '../domain/alert.ts'
import type { FindingEvent, FindingKind } from '../domain/finding.ts'
import type { IdentityKind } from '../domain/identity.ts'
import type { Reason } from '../domain/reason.ts'
import { span } from '../domain/span.ts'
import { plain } from './plain.ts'
import { remediate } from './remediate.ts'

/** Everything of an alert but its words. */
export type AlertFacts = Omit<Alert, 'title' | 'summary' | 'remediation'>

/**
 * The words of an alert, from its facts alone: a title of one line, a summary of a few sentences that says what was seen, how
 * far it is proven and by when access had to be gone, and the next steps in order. It claims no more than the facts hold:
 * "resolved" is said of the finding, "refused" only of an answer that refused.
 */
export function describe(facts: AlertFacts): Pick<Alert, 'title' | 'summary' | 'remediation'> {
  const kind = KINDS[facts.finding.kind]
  const opening = OPENINGS[facts.event](facts)
  const headline = facts.event === 'resolved' ? kind.topic(facts) : kind.headline(facts)
  return {
    title: plain(`${opening}${kind.label}: ${headline}`, 250),
    summary: [
      facts.event === 'resolved' ? `Opened on ${moment(facts.finding.openedAt)}: ${kind.topic(facts)}.` : kind.meaning(facts),
      kind.of === 'credential' ? credentialAnswer(facts) : systemAnswer(facts),
      deadlineSentence(facts),
      endSentence(facts),
    ]
      .filter((sentence) => sentence !== '')
      .join(' '),
    remediation: facts.event === 'resolved' ? [] : remediate(facts),
  }
}

/** What a kind is called, e.g. in an OCSF `types`. */
export function kindLabel(kind: FindingKind): string {
  return KINDS[kind].label
}

/** What each event puts before the title. */
const OPENINGS: Record<FindingEvent, (facts: AlertFacts) => string> = {
  opened: () => '',
  escalated: ({ finding }) => `Now ${finding.severity} - `,
  reminded: ({ at, finding }) => `Still open after ${since(finding.openedAt, at)} - `,
  resolved: () => 'Resolved - ',
  reopened: () => 'Back again - ',
}

interface Kind {
  label: string
  /** What the answer behind it speaks about: one credential, or how the system behaves towards everybody. */
  of: 'credential' | 'system'
  /** While it is open: what is wrong, as a clause. */
  headline(facts: AlertFacts): string
  /** When it is over: what it was about. */
  topic(facts: AlertFacts): string
  /** Why it matters, one sentence. */
  meaning(facts: AlertFacts): string
}

const KINDS: Record<FindingKind, Kind> = {
  residual_access: {
    label: 'Residual access',
    of: 'credential',
    headline: (f) => `${who(f)} still gets into ${where(f)}`,
    topic: (f) => `${who(f)} at ${where(f)}`,
    meaning: (f) => `${who(f)}${left(f)}. ${what(f)} is a way into ${where(f)} that should be closed.`,
  },
  resurrected_access: {
    label: 'Access came back',
    of: 'credential',
    headline: (f) => `${who(f)} gets into ${where(f)} again`,
    topic: (f) => `${who(f)} at ${where(f)}`,
    meaning: (f) =>
      `${who(f)}${left(f)}. ${where(f)} had refused ${what(f, 'the')} before and takes it again: a restore, a rehire or a re-enabled account may have brought it back.`,
  },
  shared_secret_not_rotated: {
    label: 'Shared secret not rotated',
    of: 'credential',
    headline: (f) => `${who(f)} still knows a secret that ${where(f)} accepts`,
    topic: (f) => `${what(f, 'the')} at ${where(f)}`,
    meaning: (f) =>
      `${who(f)}, one of its holders${left(f, ',')}: ${what(f, 'the')} at ${where(f)} had to be replaced and the old value refused.`,
  },
  handover_overdue: {
    label: 'Handover overdue',
    of: 'credential',
    headline: (f) => `${where(f)} still accepts the old credential of ${who(f)}`,
    topic: (f) => `${what(f, 'the')} at ${where(f)}`,
    meaning: (f) =>
      `The automation behind ${what(f, 'the')} was to move to a credential of its own; the old one had to stop working by the date agreed.`,
  },
  open_system: {
    label: 'Open system',
    of: 'system',
    headline: (f) => `${where(f)} lets anybody in`,
    topic: (f) => where(f),
    meaning: (f) =>
      `${where(f)} accepted a control that nobody can hold: no credential at all, or a made-up one. Its other answers prove nothing until this is mended.`,
  },
  any_secret_accepted: {
    label: 'Any secret accepted',
    of: 'system',
    headline: (f) => `${where(f)} takes any secret for ${account(f)}`,
    topic: (f) => `${account(f)} at ${where(f)}`,
    meaning: (f) => `${where(f)} accepted ${account(f)} with a made-up secret: whoever knows the name gets in.`,
  },
  principal_mismatch: {
    label: "Opens somebody else's account",
    of: 'credential',
    headline: (f) =>
      `a credential of ${who(f)} signs in to ${where(f)} as ${plain(f.evidence?.principal ?? 'somebody else', 80)}`,
    topic: (f) => `${who(f)} at ${where(f)}`,
    meaning: (f) =>
      `${where(f)} took ${what(f, 'the')} of ${who(f)} for another account: the secret is shared, was reused, or is registered wrongly.`,
  },
  blind_system: {
    label: 'Blind system',
    of: 'system',
    headline: (f) => `${where(f)} cannot be judged`,
    topic: (f) => where(f),
    meaning: (f) =>
      `A live credential that ${where(f)} must accept did not pass: a refusal there proves nothing now, and nothing is recorded as revoked.`,
  },
  unverified_past_deadline: {
    label: 'Not proven closed',
    of: 'credential',
    headline: (f) => `nobody can say whether ${who(f)} is out of ${where(f)}`,
    topic: (f) => `${who(f)} at ${where(f)}`,
    meaning: (f) => `${who(f)}${left(f)}. ${where(f)} has given no answer that proves ${what(f, 'the')} dead.`,
  },
  orphaned_identity: {
    label: 'Orphaned identity',
    of: 'system',
    headline: (f) => `${who(f)} has no owner${owner(f, ': ', ' has left')}`,
    topic: (f) => who(f),
    meaning: (f) =>
      `${who(f)} is ${identityKind(f)} whose owner${owner(f, ' (', ')')} has left: nobody would notice its misuse or end it.`,
  },
  standing_grant: {
    label: 'Standing grant',
    of: 'system',
    headline: (f) => `${where(f)} still lists ${grant(f)} of ${who(f)}`,
    topic: (f) => `${grant(f)} of ${who(f)} at ${where(f)}`,
    meaning: (f) =>
      `${who(f)}${left(f)}. An administrator's list of ${where(f)} shows ${grant(f)}${used(f)}. It is listed: Revenant does not have its secret and has not signed in with it.`,
  },
  feed_silent: {
    label: 'Feed silent',
    of: 'system',
    headline: (f) => `${source(f)} has stopped reporting`,
    topic: (f) => source(f),
    meaning: (f) =>
      `The source ${source(f)} says who leaves; ${f.feed?.heardAt === undefined ? 'it has never been heard' : `it was last heard at ${moment(f.feed.heardAt)}`}. While it is silent, leavers are missed.`,
  },
}

/** What a system did beside accepting the credential. The credential is alive all the same. */
const ACCEPTED_AND: Partial<Record<Reason, string>> = {
  mfa_required: ', then asked for a second factor',
  password_expired: ', then asked for a new password',
  password_change_required: ', then asked for a new password',
  insufficient_scope: ', then denied the operation',
  insufficient_privilege: ', then denied the operation',
  access_restricted: ', then restricted access',
  consent_required: ', then asked for consent',
  interaction_required: ', then asked for the user',
  device_required: ', then asked for a managed device',
  policy_blocked: ', then a policy stopped it',
}

function credentialAnswer(facts: AlertFacts): string {
  const { evidence } = facts
  if (evidence === undefined) return ''
  const at = `At ${moment(evidence.observedAt)} ${where(facts)}`
  if (evidence.verdict === 'accepted') {
    const proof = evidence.confirmed
      ? ' A made-up secret for the same account was refused, so it is this secret that opens the door.'
      : ' It is not confirmed by a made-up secret for the same account.'
    return `${at} accepted this credential${ACCEPTED_AND[evidence.reason] ?? ''}.${proof}`
  }
  if (evidence.verdict === 'rejected') {
    return `${at} refused this credential (${evidence.reason}; ${evidence.strength} evidence, ${ASSURANCE_WORDS[evidence.assurance]}).`
  }
  return `${at} gave no answer that proves anything (${evidence.reason}).`
}

function systemAnswer({ evidence }: AlertFacts): string {
  return evidence === undefined ? '' : `Last answer: ${evidence.verdict} (${evidence.reason}), ${moment(evidence.observedAt)}.`
}

const ASSURANCE_WORDS = {
  controlled: 'decoys refused and canary accepted by the same path',
  explicit: 'decoys refused, no canary',
  none: 'no control passed',
} as const

function deadlineSentence({ deadline, event }: AlertFacts): string {
  if (deadline === undefined || event === 'resolved') return ''
  const late = deadline.overdueMs
  const distance = late > 0 ? `${span(late)} ago` : `in ${span(late)}`
  return `Access had to be gone by ${moment(deadline.revokeBy)}, ${distance}.`.replace(
    'had to be',
    late > 0 ? 'had to be' : 'has to be',
  )
}

function endSentence({ event, finding, evidence, system }: AlertFacts): string {
  if (event !== 'resolved') return ''
  const after = `The finding is closed after ${since(finding.openedAt, finding.resolvedAt ?? finding.lastSeenAt)}`
  if (finding.kind === 'standing_grant') return `${after}: it is not listed any more.`
  return evidence === undefined && system !== undefined ? `${after}, without a new answer of the system.` : `${after}.`
}

function who({ identity, credential }: AlertFacts): string {
  const name = [identity?.name, identity?.externalId, credential?.principal].find((n) => n !== undefined && n.trim() !== '')
  return plain(name ?? 'somebody who left', 80)
}

function where({ system }: AlertFacts): string {
  return plain(system?.name ?? '', 80) || 'the system'
}

function source({ feed }: AlertFacts): string {
  return plain(feed?.name ?? '', 80) || 'a source of leavers'
}

function grant({ grant }: AlertFacts): string {
  if (grant === undefined) return 'a grant'
  return `the ${grant.kind.replaceAll('_', ' ')} "${plain(grant.title, 80)}"`
}

function used({ grant }: AlertFacts): string {
  return grant?.lastUsedAt === undefined ? '' : `, last used at ${moment(grant.lastUsedAt)} as the system says`
}

function owner({ identity }: AlertFacts, before: string, after: string): string {
  const name = plain(identity?.owner ?? '', 80)
  return name === '' ? '' : `${before}${name}${after}`
}

const IDENTITY_WORDS: Record<IdentityKind, string> = { human: 'a person', service: 'a service account', agent: 'an AI agent' }

function identityKind({ identity }: AlertFacts): string {
  return identity === undefined ? 'an identity' : IDENTITY_WORDS[identity.kind]
}

function what({ credential }: AlertFacts, article: 'the' | 'The' = 'The'): string {
  if (credential === undefined) return `${article} credential`
  return `${article} credential "${plain(credential.label, 80)}" (${plain(credential.kind, 40)})`
}

function account({ credential, evidence }: AlertFacts): string {
  return plain(evidence?.principal ?? credential?.principal ?? 'an account', 80)
}

function left({ identity }: AlertFacts, opening = ''): string {
  return identity?.terminatedAt === undefined ? '' : `${opening} left on ${moment(identity.terminatedAt)}`
}

/** To the minute: seconds tell a reader nothing, and the exact instants stand in the fields. */
export function moment(instant: string): string {
  return `${Temporal.Instant.from(instant).toString({ smallestUnit: 'minute' }).replace('T', ' ').replace('Z', '')} UTC`
}

function since(from: string, to: string): string {
  return span(Temporal.Instant.from(to).epochMilliseconds - Temporal.Instant.from(from).epochMilliseconds)
}
