import { SEVERITIES } from '../../domain/finding.ts'
import { span } from '../../domain/span.ts'
import { type CoverageDay, coverageDays, survivalRows } from '../../store/evidence-summary.ts'
import type { WrittenEntries } from '../bundle/entries.ts'
import { controlsIn, type ReportDeps, type ReportScope, statementScope, summaryScope } from '../bundle/request.ts'
import { STATEMENTS, type StatedRow, type StatementName, statementRows } from '../statements.ts'
import { type Summary, stateOfControl } from '../summary.ts'
import { coveragePlot, latencyPlot, openPlot, survivalPlot, tableHtml } from './plots.ts'
import { STYLE } from './style.ts'
import { survivalSteps } from './survival.ts'
import { escapeHtml } from './svg.ts'

/** Rows of a long list that are printed; the rest is in the CSV beside it. */
const LISTED = 200
/** Bars of the plot over time. */
const MOST_BARS = 92
const DAY_MS = 86_400_000

/** The entries of a bundle, and how many rows that its statements are made from the log does not bear out. */
export type ReportedEntries = WrittenEntries & { contradicted: number }

/** The report of a bundle for people: one HTML page without scripts or anything from elsewhere, in pieces. */
export async function* reportHtml(
  deps: ReportDeps,
  scope: ReportScope,
  summary: Summary,
  written: ReportedEntries,
): AsyncGenerator<string> {
  const { from, to } = scope
  const chosen = [scope.framework, scope.control, scope.identity?.name, scope.system?.name].filter((name) => name !== undefined)
  yield `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">\n`
  yield `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"><title>Residual access, ${day(from)} to ${day(to)}</title>\n<style>${STYLE}</style></head><body>\n`
  yield `<h1>Residual access of those who left</h1><p>${escapeHtml(from.toString())} to ${escapeHtml(to.toString())}${chosen.length === 0 ? '' : `; only ${escapeHtml(chosen.join(', '))}`}.${Temporal.Instant.compare(to, deps.now()) > 0 ? ' The period has not ended.' : ''} Made ${escapeHtml(deps.now().toString({ smallestUnit: 'second' }))} by ${escapeHtml(`${deps.product.name} ${deps.product.version}`)}.</p>`
  yield headline(summary, written)
  yield await survivalHtml(deps, scope)
  yield await latencyHtml(deps, scope)
  yield await coverageHtml(deps, scope)
  yield await openHtml(deps, scope)
  yield controlsHtml(deps, scope, summary)
  for (const name of ['unverified', 'gaps', 'exemptions'] as const) yield await listHtml(deps, scope, name)
  yield `<h2>What this rests on</h2><p>Each figure is counted from the database when this page was made. The observations, controls, listings, findings and gaps behind it are in <code>entries/</code>, each provable against the signed log; <code>README.txt</code> says how. A refusal proves that a credential was not accepted by that system at that time; what could not be judged is never counted as refused.</p>\n</body></html>\n`
}

function headline({ checks }: Summary, { counts, gone, altered, removed, contradicted }: ReportedEntries): string {
  const revocation = checks.find(({ check }) => check === 'revocation')
  const { subjects = 0, passed = 0, failed = 0, late = 0 } = revocation ?? {}
  const figures: [string, number][] = [
    ['credentials of those who left', subjects],
    ['refused, with proof by the policy', passed + late],
    ['of these too late', late],
    ['still accepted', failed],
    ['not judged, or not proven yet', subjects - passed - failed - late],
    ['observations in this bundle', counts.get('observation') ?? 0],
    ...(counts.has('listing') ? [['listings in this bundle', counts.get('listing') ?? 0] satisfies [string, number]] : []),
  ]
  const cards = figures.map(([name, count]) => `<div><b>${count.toLocaleString('en-GB')}</b>${escapeHtml(name)}</div>`).join('')
  const warning =
    altered + removed === 0
      ? ''
      : `<p class="warning">${altered} rows of the database say something else than what was logged, and ${removed} are missing: see entries/gone.csv.</p>`
  const untrue =
    contradicted === 0
      ? ''
      : `<p class="warning">${contradicted} rows of the database that this page and the statements are made from are not borne out by the log: see statements/contradicted.csv.</p>`
  const old =
    gone === 0
      ? ''
      : `<p>The facts of ${gone} entries are past their retention: the log keeps their digests (entries/gone.csv).</p>`
  return `<div class="figures">${cards}</div>${warning}${untrue}${old}`
}

const STATES = { passed: 'passed', failed: 'failed', not_judged: 'not judged' } as const

function controlsHtml(deps: ReportDeps, scope: ReportScope, summary: Summary): string {
  const rows = controlsIn(deps, scope).flatMap(({ framework, title, control }) => {
    const mine = summary.rows.filter((row) => row.framework === framework && row.control === control.id)
    return mine.map((row, at) => [
      ...(at === 0 ? [title, `${control.id} ${control.title}`, STATES[stateOfControl(mine)]] : ['', '', '']),
      ...[
        `${row.check} (${row.subject})`,
        `${row.tested} of ${row.subjects}`,
        row.passed,
        row.failed,
        row.late,
        row.notJudged,
        row.findingsOpen,
      ].map(String),
    ])
  })
  const headers = [
    'Framework',
    'Requirement',
    'These checks',
    'Check',
    'Tested',
    'Passed',
    'Failed',
    'Late',
    'Not judged',
    'Findings open',
  ]
  return `<h2>Requirements</h2><p>What Revenant tested of each requirement, and what came of it. A check speaks to a part of a requirement; whether the requirement is met is for the reader to judge.</p>${tableHtml('What was tested, passed, failed and could not be judged', headers, rows)}`
}

async function survivalHtml(deps: ReportDeps, scope: ReportScope): Promise<string> {
  const steps = survivalSteps(await survivalRows(deps.db, summaryScope(deps, scope)))
  const title = '<h2>How long credentials worked after termination</h2>'
  if (steps.length === 0) return `${title}<p>Nobody whose credentials are known left in this period.</p>`
  const told = steps.filter((_, at) => steps.length <= 40 || at % Math.ceil(steps.length / 40) === 0 || at === steps.length - 1)
  const rows = told.map(({ minutes, atRisk, closed, censored, share, low, high }) => [
    ...[span(minutes * 60_000), atRisk, closed, censored].map(String),
    `${percent(share)} (${percent(low)} to ${percent(high)})`,
  ])
  const note = told.length < steps.length ? ` Every ${Math.ceil(steps.length / 40)}th of ${steps.length} steps.` : ''
  return `${title}<p>Kaplan–Meier estimate for those who left in the period, with Greenwood’s 95 % interval. A credential counts as closed at its first proven refusal; one that is not closed counts until it was last known to be accepted.</p>${survivalPlot(steps)}${tableHtml(`The same as a table.${note}`, ['After', 'Followed', 'Closed', 'Censored', 'Still working'], rows)}`
}

async function latencyHtml(deps: ReportDeps, scope: ReportScope): Promise<string> {
  const rows = await take(deps, scope, 'revocation', 1_000)
  const title = '<h2>Time to revoke, against policy</h2>'
  if (rows.length === 0) return `${title}<p>Nobody whose credentials are known left in this period.</p>`
  const ms = (value: unknown) => (typeof value === 'number' ? span(value) : '–')
  const cells = rows.map((row) => [
    ...[String(row.system), String(row.tier), ms(row.allowed_ms)],
    ...[row.credentials, row.in_time, row.late, row.still_open, row.not_proven, row.retired].map(String),
    ...[ms(row.median_ms), ms(row.p95_ms), ms(row.max_ms)],
  ])
  const headers = [
    'System',
    'Tier',
    'Allowed',
    'Credentials',
    'In time',
    'Late',
    'Still open',
    'Not proven',
    'Retired',
    'Median',
    '95th percentile',
    'Longest',
  ]
  return `${title}${latencyPlot(rows)}${tableHtml('The same as a table, all systems', headers, cells)}`
}

async function coverageHtml(deps: ReportDeps, scope: ReportScope): Promise<string> {
  const length = Math.ceil((scope.to.epochMilliseconds - scope.from.epochMilliseconds) / DAY_MS)
  const days = Math.max(1, Math.ceil(length / MOST_BARS))
  const rows = await coverageDays(deps.db, summaryScope(deps, scope), days)
  const cells = rows.map((row: CoverageDay) => [
    day(row.from),
    ...[row.credentials, row.judged, row.rejected, row.accepted, row.inconclusive].map(String),
    percent(row.credentials === 0 ? 0 : row.judged / row.credentials),
  ])
  const headers = [
    days === 1 ? 'Day (UTC)' : `${days} days from`,
    'Credentials tried',
    'Judged',
    'Rejected',
    'Accepted',
    'Inconclusive',
    'Judged, share',
  ]
  return `<h2>Coverage over time</h2>${rows.length === 0 ? '<p>Nothing was tried in this period.</p>' : `${coveragePlot(rows, scope.from, scope.to, days)}${tableHtml('The same as a table', headers, cells)}`}`
}

async function openHtml(deps: ReportDeps, scope: ReportScope): Promise<string> {
  const counts = new Map(SEVERITIES.toReversed().map((severity): [string, number] => [severity, 0]))
  for await (const { severity } of statementRows(deps.db, 'open-items', statementScope(deps, scope)))
    counts.set(String(severity), (counts.get(String(severity)) ?? 0) + 1)
  const any = [...counts.values()].some((count) => count > 0)
  return `<div class="wide"><h2>Open items</h2>${any ? openPlot(counts) : ''}${await tableOf(deps, scope, 'open-items')}</div>`
}

async function listHtml(deps: ReportDeps, scope: ReportScope, name: StatementName): Promise<string> {
  return `<div class="wide"><h2>${escapeHtml(STATEMENTS[name].title)}</h2>${await tableOf(deps, scope, name)}</div>`
}

async function tableOf(deps: ReportDeps, scope: ReportScope, name: StatementName): Promise<string> {
  const rows = await take(deps, scope, name, LISTED + 1)
  if (rows.length === 0) return '<p>None.</p>'
  // Columns in which nothing stands say nothing.
  const columns = STATEMENTS[name].columns.filter((column) => rows.some((row) => (row[column] ?? null) !== null))
  const more = rows.length > LISTED ? `; the first ${LISTED}, all of them are in statements/${name}.csv` : ''
  const cells = rows.slice(0, LISTED).map((row) => columns.map((column) => cell(row[column])))
  const headers = columns.map((column) => column.replaceAll('_', ' '))
  return tableHtml(`${STATEMENTS[name].title}; times are UTC${more}`, headers, cells)
}

async function take(deps: ReportDeps, scope: ReportScope, name: StatementName, limit: number): Promise<StatedRow[]> {
  return Array.fromAsync(statementRows(deps.db, name, statementScope(deps, scope), limit))
}

function cell(value: StatedRow[string] | undefined): string {
  if (value === null || value === undefined) return '–'
  if (typeof value === 'object') return JSON.stringify(value)
  // To the minute, for readers and for paper; the CSV beside it has the whole of it.
  return INSTANT.test(String(value)) ? String(value).slice(0, 16).replace('T', ' ') : String(value)
}

const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z$/

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

function day(instant: Temporal.Instant): string {
  return instant.toString().slice(0, 10)
}
