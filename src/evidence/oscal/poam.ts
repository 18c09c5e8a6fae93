import type { ReportDeps, ReportScope } from '../bundle/request.ts'
import { component, jsonArray, metadata, ORIGIN, oneLine, scopeKey, uuidOf } from './document.ts'
import { findingsIn, isOpenAt, observationId, observationOf, riskId, riskOf, titleOf } from './findings.ts'

/**
 * An OSCAL plan of action and milestones for what is open at the end of a period, in pieces of JSON. Nothing at all where nothing is
 * open: OSCAL knows no plan without an item.
 */
export async function* poam(deps: ReportDeps, scope: ReportScope, options: { inBundle: boolean }): AsyncGenerator<string> {
  if ((await open(deps, scope).next()).done === true) return
  const key = scopeKey(scope)
  const head = JSON.stringify({
    uuid: uuidOf(`poam:${key}`),
    metadata: metadata(deps, scope, 'Plan of action and milestones for residual access'),
    'system-id': { 'identifier-type': 'http://ietf.org/rfc/rfc4122', id: uuidOf(`installation:${deps.product.instance}`) },
    'local-definitions': { components: [component(deps)] },
  })
  yield `{"plan-of-action-and-milestones":${head.slice(0, -1)}`
  yield* jsonArray(
    'observations',
    mapped(open(deps, scope), (finding) => observationOf(finding, options)),
  )
  yield* jsonArray(
    'risks',
    mapped(open(deps, scope), (finding) => riskOf(finding, scope.to)),
  )
  yield* jsonArray(
    'poam-items',
    mapped(open(deps, scope), (finding) => ({
      uuid: uuidOf(`poam-item:${finding.id}`),
      title: oneLine(titleOf(finding)),
      description: oneLine(
        `Severity ${finding.severity}${finding.acknowledged_by === null ? '' : `, acknowledged by ${finding.acknowledged_by}`}${finding.deadline === null ? '' : `, due ${finding.deadline.toString()}`}.`,
      ),
      origins: ORIGIN,
      'related-observations': [{ 'observation-uuid': observationId(finding) }],
      'related-risks': [{ 'risk-uuid': riskId(finding) }],
    })),
  )
  yield '}}\n'
}

async function* open(deps: ReportDeps, scope: ReportScope) {
  for await (const finding of findingsIn(deps, scope)) if (isOpenAt(finding, scope.to)) yield finding
}

async function* mapped<In, Out>(items: AsyncIterable<In>, to: (item: In) => Out): AsyncGenerator<Out> {
  for await (const item of items) yield to(item)
}
