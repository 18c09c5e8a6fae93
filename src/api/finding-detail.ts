import { frameworksOf } from '../alerts/frameworks.ts'
import { composeAlert } from '../alerts/raise.ts'
import { findingContext } from '../store/alert.ts'
import { deliveryPage } from '../store/delivery-page.ts'
import { exemptionsCovering } from '../store/exemption-page.ts'
import { isStillTried } from '../store/finding.ts'
import { toldFinding } from '../store/finding-list.ts'
import { latestCheckpoint } from '../store/ledger.ts'
import { placeOf, toldObservation } from '../store/observation-page.ts'
import type { ApiDeps } from './deps.ts'
import { mappingOf } from './mapping.ts'
import type { FindingDetail } from './schemas/finding.ts'
import { traceUrl } from './trace-url.ts'

const DELIVERIES_TOLD = 100

/** Everything that is told of one finding but its timeline; undefined where there is none of this id. The same bytes until something changes. */
export async function findingDetail(deps: ApiDeps, id: string): Promise<FindingDetail | undefined> {
  const { db, config } = deps
  const { policy } = config()
  const [told, context] = [await toldFinding(db, id, policy.revokeWithinMs, deps.now()), await findingContext(db, id)]
  if (told === undefined || context === undefined) return undefined
  const { traceId, observationId, lastEventId, deadline, sequence, ...finding } = told
  const runbook = config().systems.find(({ name }) => name === finding.system?.name)?.runbook
  // As of when it was last seen: the words do not change with every second.
  const at = context.finding.resolved_at ?? context.finding.last_seen_at
  const event = finding.state === 'resolved' ? ('resolved' as const) : ('opened' as const)
  const alert = composeAlert({ eventId: id, event, sequence, at }, context, policy, runbook)
  const checkpoint = await latestCheckpoint(db)
  const confirmation = context.controls.find(({ control }) => control === 'same-principal')
  const deliveries = await deliveryPage(db, { findingId: id }, { sort: '-createdAt', after: undefined, limit: DELIVERIES_TOLD })
  return {
    ...finding,
    sequence,
    dedupKey: alert.dedupKey,
    title: alert.title,
    summary: alert.summary,
    remediation: alert.remediation,
    runbook: runbook ?? null,
    deadline,
    evidence: {
      observation: observationId === null ? null : await observationOf(deps, observationId),
      controls: context.controls,
      confirmation:
        confirmation === undefined ? null : { verdict: confirmation.verdict, reason: confirmation.reason, at: confirmation.at },
      traceId,
      traceUrl: traceUrl(config(), traceId),
    },
    frameworks: frameworksOf(finding.kind, await mappingOf(config())),
    proof: {
      event: lastEventId === null ? null : await placeOf(db, lastEventId),
      observation: observationId === null ? null : await placeOf(db, observationId),
      checkpoint: checkpoint === undefined ? null : { size: checkpoint.size, at: checkpoint.at.toString() },
    },
    deliveries: deliveries.map(({ keys: _, ...delivery }) => delivery),
    exemptions: await exemptionsCovering(db, id, deps.now()),
    stillTried: await isStillTried(db, context.finding),
  }
}

async function observationOf({ db }: ApiDeps, id: string): Promise<FindingDetail['evidence']['observation']> {
  const found = await toldObservation(db, id)
  if (found === undefined) return null
  const { identity: _i, system: _s, credential: _c, digest: _d, ledger: _l, ...observation } = found
  return observation
}
