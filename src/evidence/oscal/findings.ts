import type { FindingKind } from '../../domain/finding.ts'
import { type FindingEvidence, type FindingName, findingEvidence, findingNames } from '../../store/evidence-statements.ts'
import { entriesPath } from '../bundle/format.ts'
import { findingKindsOf, type ReportDeps, type ReportScope, statementScope } from '../bundle/request.ts'
import { NAMESPACE, ORIGIN, oneLine, type RiskStatus, uuidOf, when } from './document.ts'

const PAGE = 500

/** The findings of a scope that were open in its period, a page at a time. */
export async function* findingsIn(
  deps: ReportDeps,
  scope: ReportScope,
  kinds: readonly FindingKind[] | undefined = findingKindsOf(deps, scope),
): AsyncGenerator<FindingEvidence> {
  let after = ''
  for (;;) {
    const rows = await findingEvidence(deps.db, statementScope(deps, scope), kinds, after, PAGE)
    yield* rows
    const last = rows.at(-1)
    if (last === undefined || rows.length < PAGE) return
    after = last.key
  }
}

/** The same findings by no more than their names. */
export async function* findingNamesIn(
  deps: ReportDeps,
  scope: ReportScope,
  kinds: readonly FindingKind[],
): AsyncGenerator<FindingName> {
  let after = ''
  for (;;) {
    const rows = await findingNames(deps.db, statementScope(deps, scope), kinds, after, NAMES_PAGE)
    yield* rows
    const last = rows.at(-1)
    if (last === undefined || rows.length < NAMES_PAGE) return
    after = last.id
  }
}

const NAMES_PAGE = 5_000

export function isOpenAt({ resolved_at, state }: FindingEvidence, at: Temporal.Instant): boolean {
  return resolved_at === null ? state !== 'resolved' : Temporal.Instant.compare(resolved_at, at) >= 0
}

export const observationId = ({ id, episode }: FindingName) => uuidOf(`observation:finding:${id}:${episode}`)
export const riskId = ({ id }: FindingName) => uuidOf(`risk:${id}`)

/** A finding as OSCAL's observation: what was seen, of whom, and where its evidence is. */
export function observationOf(finding: FindingEvidence, { inBundle }: { inBundle: boolean }) {
  return {
    uuid: observationId(finding),
    title: oneLine(titleOf(finding)),
    description: oneLine(
      `${statementOf(finding)} First seen ${when(finding.opened_at)}, last seen ${when(finding.last_seen_at)}${finding.resolved_at === null ? '' : `, over at ${when(finding.resolved_at)}`}.`,
    ),
    props: [
      { name: 'finding-id', ns: NAMESPACE, value: finding.id },
      { name: 'finding-kind', ns: NAMESPACE, value: finding.kind },
      { name: 'episode', ns: NAMESPACE, value: String(finding.episode) },
    ],
    methods: ['TEST'],
    types: ['discovery'],
    origins: ORIGIN,
    ...subjectsOf(finding),
    ...(inBundle
      ? {
          'relevant-evidence': [
            {
              href: `../${entriesPath('finding', 'jsonl')}`,
              description: oneLine(`Entries of the log with the finding_id ${finding.id}`),
            },
          ],
        }
      : {}),
    collected: when(finding.last_seen_at),
  }
}

function subjectsOf({ external_id, system }: FindingEvidence) {
  const subjects = [
    ...(external_id === null
      ? []
      : [{ 'subject-uuid': uuidOf(`identity:${external_id}`), type: 'user', title: oneLine(external_id) }]),
    ...(system === null ? [] : [{ 'subject-uuid': uuidOf(`system:${system}`), type: 'component', title: oneLine(system) }]),
  ]
  return subjects.length === 0 ? {} : { subjects }
}

/** A finding as OSCAL's risk, as it stood at the end of the period. */
export function riskOf(finding: FindingEvidence, at: Temporal.Instant) {
  return {
    uuid: riskId(finding),
    title: oneLine(titleOf(finding)),
    description: oneLine(MEANING[finding.kind]),
    statement: oneLine(statementOf(finding)),
    props: [{ name: 'severity', ns: NAMESPACE, value: finding.severity }],
    status: statusOf(finding, at),
    origins: ORIGIN,
    characterizations: [{ origin: ORIGIN[0], facets: [{ name: 'severity', system: NAMESPACE, value: finding.severity }] }],
    ...(finding.deadline === null ? {} : { deadline: when(finding.deadline) }),
    remediations: [
      {
        uuid: uuidOf(`remediation:${finding.id}`),
        lifecycle: 'recommendation',
        title: 'Close the path',
        description: oneLine(`${REMEDY[finding.kind]}${finding.owner === null ? '' : ` Owner of the system: ${finding.owner}.`}`),
      },
    ],
    'related-observations': [{ 'observation-uuid': observationId(finding) }],
  }
}

function statusOf(finding: FindingEvidence, at: Temporal.Instant): RiskStatus {
  if (!isOpenAt(finding, at)) return 'closed'
  if (finding.exempted) return 'deviation-approved'
  return finding.state === 'acknowledged' ? 'investigating' : 'open'
}

export function titleOf({ kind, external_id, system }: FindingEvidence): string {
  return [kind.replaceAll('_', ' '), external_id === null ? '' : `of ${external_id}`, system === null ? '' : `at ${system}`]
    .filter(Boolean)
    .join(' ')
}

function statementOf(finding: FindingEvidence): string {
  const { external_id, left_at, credential, system } = finding
  const who =
    external_id === null
      ? ''
      : ` ${external_id}${left_at === null ? '' : `, who left ${when(left_at)}`}${credential === null ? '' : `, credential ${credential}`}`
  return `${MEANING[finding.kind]}${who === '' ? '' : ` Concerns${who}.`}${system === null ? '' : ` System ${system}.`}`
}

const MEANING: Record<FindingKind, string> = {
  residual_access: 'A credential of somebody who left is accepted.',
  resurrected_access: 'A credential that was proven dead is accepted again.',
  shared_secret_not_rotated: 'One of the holders of a shared secret left and the old value is accepted.',
  handover_overdue: 'The old credential of an automation that was handed over is accepted after the agreed date.',
  open_system: 'The system accepts no credential at all, or a made-up one.',
  any_secret_accepted: 'The system accepts a right name with a made-up secret.',
  principal_mismatch: 'A credential signs in as another account than its own.',
  blind_system: 'A live credential is not accepted, so that refusals prove nothing.',
  unverified_past_deadline: 'The deadline has passed and no answer proves that access is gone.',
  orphaned_identity: 'The owner of a service account or agent has left.',
  feed_silent: 'A source of leavers has stopped reporting.',
  standing_grant:
    "An administrator's list still shows something of somebody who left. It is listed; nobody has signed in with it.",
}

const REMEDY: Record<FindingKind, string> = {
  residual_access: 'Revoke the credential at the system itself.',
  resurrected_access: 'Find out what brought it back, a restore or a synchronisation, and revoke it again.',
  shared_secret_not_rotated: 'Rotate the secret.',
  handover_overdue: 'Move the automation to its new credential and revoke the old one.',
  open_system: 'Require authentication.',
  any_secret_accepted: 'Make the system check secrets.',
  principal_mismatch: 'Revoke the credential and find out why it opens another account.',
  blind_system: 'Restore the canary or the path to the system.',
  unverified_past_deadline: 'Restore the path to the system so that it can be judged.',
  orphaned_identity: 'Name a new owner or terminate it.',
  feed_silent: 'Restore the feed.',
  standing_grant: 'Revoke or delete it at the system itself.',
}
