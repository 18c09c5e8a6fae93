import { CHECKS, type Check, type FrameworkControl } from '../domain/framework.ts'
import { type CheckTally, checkTallies, type FindingTally, findingTallies } from '../store/evidence-summary.ts'
import { controlsIn, type ReportDeps, type ReportScope, summaryScope } from './bundle/request.ts'

/** One check that speaks to one requirement, and what it came to in the period. */
export interface SummaryRow extends CheckTally {
  framework: string
  control: string
  title: string
  subject: (typeof CHECKS)[Check]
  /** Findings of the requirement's kinds that this check speaks of. */
  findingsOpened: number
  findingsOpen: number
  state: ControlState
}

/** `passed` only where everything was tested, proven and in time, and nothing is open. */
export type ControlState = 'passed' | 'failed' | 'not_judged'

export interface Summary {
  rows: SummaryRow[]
  checks: CheckTally[]
  findings: FindingTally[]
}

/** What was tested of each requirement in a period, what passed, failed, and could not be judged. */
export async function summarise(deps: ReportDeps, scope: ReportScope): Promise<Summary> {
  const checks = await checkTallies(deps.db, summaryScope(deps, scope), deps)
  const findings = await findingTallies(deps.db, summaryScope(deps, scope))
  const rows = controlsIn(deps, scope).flatMap(({ framework, control }) =>
    checks.filter(({ check }) => control.checks.includes(check)).map((tally) => rowOf(framework, control, tally, findings)),
  )
  return { rows, checks, findings }
}

function rowOf(framework: string, control: FrameworkControl, tally: CheckTally, findings: readonly FindingTally[]): SummaryRow {
  const mine = findings.filter(({ kind }) => control.findings.includes(kind))
  const findingsOpen = mine.reduce((sum, { open }) => sum + open, 0)
  return {
    ...tally,
    framework,
    control: control.id,
    title: control.title,
    subject: CHECKS[tally.check],
    findingsOpened: mine.reduce((sum, { opened }) => sum + opened, 0),
    findingsOpen,
    state: stateOf(tally, findingsOpen),
  }
}

function stateOf({ subjects, tested, passed, failed, late }: CheckTally, findingsOpen: number): ControlState {
  if (failed + late > 0 || findingsOpen > 0) return 'failed'
  return subjects > 0 && tested === subjects && passed === tested ? 'passed' : 'not_judged'
}

/** One state for a requirement from those of its checks. */
export function stateOfControl(rows: readonly SummaryRow[]): ControlState {
  if (rows.some(({ state }) => state === 'failed')) return 'failed'
  return rows.length > 0 && rows.every(({ state }) => state === 'passed') ? 'passed' : 'not_judged'
}

export const SUMMARY_COLUMNS = [
  'framework',
  'control',
  'title',
  'check',
  'subject',
  'subjects',
  'tested',
  'passed',
  'failed',
  'late',
  'not_judged',
  'findings_opened',
  'findings_open',
  'state',
] as const

export function summaryCells(row: SummaryRow): (string | number)[] {
  return [
    ...[row.framework, row.control, row.title, row.check, row.subject],
    ...[row.subjects, row.tested, row.passed, row.failed, row.late, row.notJudged, row.findingsOpened, row.findingsOpen],
    row.state,
  ]
}
