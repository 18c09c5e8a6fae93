import type { FindingKind } from '../../domain/finding.ts'
import type { FrameworkControl, FrameworkMapping } from '../../domain/framework.ts'
import type { LedgerKind } from '../../domain/ledger.ts'
import type { RevokeWithin } from '../../domain/policy.ts'
import type { Db } from '../../store/db.ts'
import type { EvidenceFilter } from '../../store/evidence.ts'
import type { StatementScope } from '../../store/evidence-statements.ts'
import type { SummaryScope } from '../../store/evidence-summary.ts'
import type { LedgerSigners } from '../signers.ts'

/** What reports are made with. */
export interface ReportDeps {
  db: Db
  mapping: FrameworkMapping
  revokeWithinMs: RevokeWithin
  /** Of the policy, as the next one. */
  confirmRejections: number
  verifyWithinMs: number
  product: { name: string; version: string; instance: string }
  now(): Temporal.Instant
}

/** What a report is about, with names and with the ids that they stand for. */
export interface ReportScope {
  from: Temporal.Instant
  to: Temporal.Instant
  framework?: string
  control?: string
  identity?: { name: string; id: string }
  system?: { name: string; id: string }
}

export interface BundleRequest {
  scope: ReportScope
  signers: LedgerSigners
  /** An empty folder. */
  folder: string
  /** A signed checkpoint that the auditor holds already: the bundle then proves that the log continues it. */
  since?: string
  /** Called as entries are written. */
  onProgress?(done: number, of: number): void
}

/** The requirements that a scope is about. */
export function controlsIn(
  { mapping }: Pick<ReportDeps, 'mapping'>,
  scope: ReportScope,
): { framework: string; title: string; control: FrameworkControl }[] {
  return mapping.frameworks
    .filter(({ name }) => scope.framework === undefined || name === scope.framework)
    .flatMap(({ name, title, controls }) =>
      controls
        .filter(({ id }) => scope.control === undefined || id === scope.control)
        .map((control) => ({ framework: name, title, control })),
    )
}

/** The kinds of findings that a scope is about; undefined: all. */
export function findingKindsOf(deps: Pick<ReportDeps, 'mapping'>, scope: ReportScope): FindingKind[] | undefined {
  if (scope.framework === undefined) return undefined
  return [...new Set(controlsIn(deps, scope).flatMap(({ control }) => control.findings))]
}

export function evidenceFilter(deps: Pick<ReportDeps, 'mapping'>, scope: ReportScope): EvidenceFilter {
  const { identity, system } = scope
  const findingKinds = findingKindsOf(deps, scope)
  return {
    ...(identity === undefined ? {} : { identityId: identity.id }),
    ...(system === undefined ? {} : { systemId: system.id }),
    ...(findingKinds === undefined ? {} : { findingKinds }),
    subjects: [identity?.name, system?.name, identity?.id, system?.id].filter((name) => name !== undefined),
  }
}

export function statementScope(
  { revokeWithinMs, confirmRejections, now }: Pick<ReportDeps, 'revokeWithinMs' | 'confirmRejections' | 'now'>,
  { from, to, identity, system }: ReportScope,
): StatementScope {
  return {
    ...{ from, to: soFar(to, now()), revokeWithinMs, confirmRejections, now: now() },
    ...(identity === undefined ? {} : { identity: identity.name }),
    ...(system === undefined ? {} : { system: system.name }),
  }
}

export function summaryScope({ now }: Pick<ReportDeps, 'now'>, { from, to, identity, system }: ReportScope): SummaryScope {
  return {
    from,
    to: soFar(to, now()),
    ...(identity === undefined ? {} : { identityId: identity.id }),
    ...(system === undefined ? {} : { systemId: system.id }),
  }
}

/** The end of a period, or now in one that has not ended: whoever will leave tomorrow has not left. */
function soFar(to: Temporal.Instant, now: Temporal.Instant): Temporal.Instant {
  return Temporal.Instant.compare(to, now) > 0 ? now : to
}

/** How many entries of each kind a bundle has. */
export type EntryCounts = ReadonlyMap<LedgerKind, number>
