import type { FrameworkControl } from '../../domain/framework.ts'
import type { CheckTally } from '../../store/evidence-summary.ts'
import { PATHS } from '../bundle/format.ts'
import { controlsIn, type ReportDeps, type ReportScope } from '../bundle/request.ts'
import { type Summary, stateOfControl } from '../summary.ts'
import { component, jsonArray, metadata, NAMESPACE, ORIGIN, oneLine, scopeKey, TOOL, uuidOf, when } from './document.ts'
import { findingNamesIn, findingsIn, observationId, observationOf, riskId, riskOf } from './findings.ts'

type Targeted = FrameworkControl & { oscal: NonNullable<FrameworkControl['oscal']> }

/**
 * OSCAL assessment results of a period, in pieces of JSON: an observation for each check and each finding, a risk for each finding, a
 * finding for each requirement that `frameworks.yaml` gives an OSCAL target. Only what NIST's catalogue names has one.
 */
export async function* assessmentResults(
  deps: ReportDeps,
  scope: ReportScope,
  summary: Summary,
  options: { inBundle: boolean },
): AsyncGenerator<string> {
  const key = scopeKey(scope)
  const targets = targetsIn(deps, scope)
  if (targets.length === 0) return
  const plan = uuidOf(`plan:${key}`)
  const head = JSON.stringify({
    uuid: uuidOf(`assessment-results:${key}`),
    metadata: metadata(deps, scope, 'Residual access assessment'),
    'import-ap': { href: `#${plan}` },
  })
  const result = JSON.stringify({
    uuid: uuidOf(`result:${key}`),
    title: 'Replay of the credentials of those who left',
    description:
      'Credentials of identities that were terminated were replayed against the systems that must no longer accept them, with decoys and canaries as controls.',
    start: when(scope.from),
    end: when(scope.to),
    'local-definitions': {
      'assessment-assets': {
        components: [component(deps)],
        'assessment-platforms': [
          { uuid: uuidOf('platform:revenant'), title: deps.product.name, 'uses-components': [{ 'component-uuid': TOOL }] },
        ],
      },
    },
    'reviewed-controls': {
      'control-selections': [
        { 'include-controls': [...new Set(targets.map(({ oscal }) => oscal.controlId))].map((id) => ({ 'control-id': id })) },
      ],
    },
  })
  yield `{"assessment-results":${head.slice(0, -1)},"results":[${result.slice(0, -1)}`
  yield* jsonArray('observations', observations(deps, scope, summary, options))
  yield* jsonArray('risks', risks(deps, scope))
  yield* findings(deps, scope, summary, targets)
  const resource = {
    uuid: plan,
    title: 'Assessment plan',
    description: 'The checks are those of Revenant; which requirement each speaks to is given by frameworks.yaml.',
  }
  yield `}],"back-matter":${JSON.stringify({ resources: [resource] })}}}\n`
}

function targetsIn(deps: ReportDeps, scope: ReportScope): Targeted[] {
  return controlsIn(deps, scope).flatMap(({ control }) =>
    control.oscal === undefined ? [] : [{ ...control, oscal: control.oscal }],
  )
}

async function* observations(
  deps: ReportDeps,
  scope: ReportScope,
  { checks }: Summary,
  options: { inBundle: boolean },
): AsyncGenerator<unknown> {
  for (const tally of checks) yield checkObservation(tally, scope, options)
  for await (const finding of findingsIn(deps, scope)) yield observationOf(finding, options)
}

const checkId = (check: string, scope: ReportScope) => uuidOf(`observation:check:${check}:${scopeKey(scope)}`)

function checkObservation(tally: CheckTally, scope: ReportScope, { inBundle }: { inBundle: boolean }) {
  const { check, subjects, tested, passed, failed, late, notJudged } = tally
  return {
    uuid: checkId(check, scope),
    title: `Check ${check}`,
    description: `${subjects} subjects: ${tested} tested, ${passed} passed, ${failed} failed, ${late} late, ${notJudged} not judged.`,
    props: Object.entries({ subjects, tested, passed, failed, late, 'not-judged': notJudged }).map(([name, value]) => ({
      name,
      ns: NAMESPACE,
      value: String(value),
    })),
    methods: ['TEST'],
    types: ['control-objective'],
    origins: ORIGIN,
    ...(inBundle
      ? { 'relevant-evidence': [{ href: `../${PATHS.summary}`, description: 'The same figures for each requirement' }] }
      : {}),
    collected: when(scope.to),
  }
}

async function* risks(deps: ReportDeps, scope: ReportScope): AsyncGenerator<unknown> {
  for await (const finding of findingsIn(deps, scope)) yield riskOf(finding, scope.to)
}

/** In pieces, as the links of one finding are: a requirement can have as many as there are findings. */
async function* findings(
  deps: ReportDeps,
  scope: ReportScope,
  summary: Summary,
  targets: readonly Targeted[],
): AsyncGenerator<string> {
  for (const [at, target] of targets.entries()) {
    const rows = summary.rows.filter(({ control, title }) => control === target.id && title === target.title)
    const state = stateOfControl(rows)
    const figures = rows.map(
      ({ check, tested, passed, failed, late, notJudged }) =>
        `${check}: ${tested} tested, ${passed} passed, ${failed} failed, ${late} late, ${notJudged} not judged`,
    )
    const reason = ({ passed: 'pass', failed: 'fail', not_judged: 'other' } as const)[state]
    const finding = {
      uuid: uuidOf(`finding:${target.oscal.targetId}:${scopeKey(scope)}`),
      title: oneLine(`${target.id} ${target.title}`),
      description: oneLine(
        `${figures.join('. ') || 'Nothing was tested'}. The state speaks of these checks only, not of the whole requirement.`,
      ),
      target: {
        type: target.oscal.type,
        'target-id': target.oscal.targetId,
        status: { state: state === 'passed' ? 'satisfied' : 'not-satisfied', reason },
      },
    }
    yield `${at === 0 ? ',"findings":[' : ',\n'}${JSON.stringify(finding).slice(0, -1)}`
    yield* jsonArray('related-observations', relatedObservations(deps, scope, target))
    yield* jsonArray('related-risks', relatedRisks(deps, scope, target))
    yield '}'
  }
  yield ']'
}

async function* relatedObservations(deps: ReportDeps, scope: ReportScope, target: Targeted): AsyncGenerator<unknown> {
  for (const check of target.checks) yield { 'observation-uuid': checkId(check, scope) }
  for await (const finding of findingNamesIn(deps, scope, target.findings)) yield { 'observation-uuid': observationId(finding) }
}

async function* relatedRisks(deps: ReportDeps, scope: ReportScope, target: Targeted): AsyncGenerator<unknown> {
  for await (const finding of findingNamesIn(deps, scope, target.findings)) yield { 'risk-uuid': riskId(finding) }
}
