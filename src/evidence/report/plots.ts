import { span } from '../../domain/span.ts'
import type { CoverageDay } from '../../store/evidence-summary.ts'
import type { StatedRow } from '../statements.ts'
import { medianMinutes, type SurvivalStep } from './survival.ts'
import { escapeHtml, frame, PLOT, px, type Tick, timeScale } from './svg.ts'

const FOOT = PLOT.height - PLOT.bottom

/** The share of credentials that still work, by time since termination. */
export function survivalPlot(steps: readonly SurvivalStep[]): string {
  const { x, ticks } = timeScale(steps.at(-1)?.minutes ?? 0, 60)
  const y = (share: number) => FOOT - share * (FOOT - PLOT.top)
  const path = (value: (step: SurvivalStep) => number, from = 1) => {
    let [d, before] = [`M${px(x(0))} ${px(y(from))}`, from]
    for (const step of steps) {
      d += `L${px(x(step.minutes))} ${px(y(before))}L${px(x(step.minutes))} ${px(y(value(step)))}`
      before = value(step)
    }
    return d
  }
  const back = steps
    .toReversed()
    .map((step, at, all) => `L${px(x(step.minutes))} ${px(y(step.low))}L${px(x(step.minutes))} ${px(y(all[at + 1]?.low ?? 1))}`)
    .join('')
  const censored = steps
    .filter((step) => step.censored > 0)
    .map((step) => `<path class="mark" d="M${px(x(step.minutes))} ${px(y(step.share) - 5)}v10"/>`)
  const median = medianMinutes(steps)
  return frame({
    title: 'Credentials that still work after termination',
    desc:
      median === undefined
        ? 'Kaplan–Meier estimate; fewer than half were seen to close.'
        : `Kaplan–Meier estimate; half were closed after ${span(median * 60_000)}.`,
    left: 60,
    x: ticks,
    y: [0, 0.25, 0.5, 0.75, 1].map((share) => ({ at: y(share), label: `${share * 100} %` })),
    xLabel: 'time since termination (logarithmic); a bar across the line: censored, last known to be accepted then',
    body: `<path class="band" d="${path((step) => step.high)}${back}Z"/><path class="line" d="${path((step) => step.share)}"/>${censored.join('')}`,
  })
}

const ROWS = 25
const ROW_HEIGHT = 22

/** Median and 95th percentile of the time to revoke by system, beside what the policy allows. The slowest systems come first. */
export function latencyPlot(rows: readonly StatedRow[]): string {
  const shown = rows
    .filter((row) => row.median_ms !== null)
    .toSorted((a, b) => num(b.p95_ms) - num(a.p95_ms))
    .slice(0, ROWS)
  const height = PLOT.top + PLOT.bottom + Math.max(1, shown.length) * ROW_HEIGHT
  const { x, ticks } = timeScale(Math.max(0, ...shown.flatMap((row) => [num(row.p95_ms), num(row.allowed_ms)])) / 60_000)
  const y = (at: number) => PLOT.top + (at + 0.5) * ROW_HEIGHT
  const bars = shown.map((row, at) => {
    const [median, p95, allowed] = [row.median_ms, row.p95_ms, row.allowed_ms].map((ms) => x(num(ms) / 60_000))
    return `<path class="range" d="M${px(median ?? 0)} ${px(y(at))}H${px(p95 ?? 0)}"/><circle class="dot" cx="${px(median ?? 0)}" cy="${px(y(at))}" r="5"/><path class="limit" d="M${px(allowed ?? 0)} ${px(y(at) - 8)}v16"/>`
  })
  return frame({
    title: 'Time to revoke by system',
    desc: 'Dot: median. Line: up to the 95th percentile. Tick: what the policy allows.',
    height,
    x: ticks,
    y: shown.map((row, at): Tick => ({ at: y(at), label: short(String(row.system)) })),
    xLabel: 'time since termination (logarithmic). Dot: median; line: to the 95th percentile; tick: allowed',
    body: bars.join(''),
  })
}

/** What was tried over time, by verdict. */
export function coveragePlot(
  days: readonly CoverageDay[],
  from: Temporal.Instant,
  to: Temporal.Instant,
  spanDays: number,
): string {
  const left = 70
  const most = Math.max(1, ...days.map((day) => day.accepted + day.rejected + day.inconclusive))
  const whole = Math.max(1, to.epochMilliseconds - from.epochMilliseconds)
  const x = (at: number) => left + ((at - from.epochMilliseconds) / whole) * (PLOT.width - PLOT.right - left)
  const y = (count: number) => FOOT - (count / most) * (FOOT - PLOT.top)
  const bars = days.map((day) => {
    const start = x(day.from.epochMilliseconds)
    const end = Math.min(x(day.from.epochMilliseconds + spanDays * 86_400_000), PLOT.width - PLOT.right)
    let base = 0
    return (['rejected', 'inconclusive', 'accepted'] as const)
      .map((verdict) => {
        const [top, bottom] = [y(base + day[verdict]), y(base)]
        base += day[verdict]
        return bottom - top <= 0
          ? ''
          : `<rect class="${verdict}" x="${px(start)}" y="${px(top)}" width="${px(Math.max(1, end - start - 1))}" height="${px(bottom - top)}"/>`
      })
      .join('')
  })
  const marks = [0, 1, 2, 3, 4].map((part) => from.epochMilliseconds + (whole * part) / 4)
  return frame({
    title: 'What was tried, over time',
    desc: 'Answers by verdict: rejected, inconclusive, accepted.',
    left,
    x: marks.map((ms) => ({ at: x(ms), label: Temporal.Instant.fromEpochMilliseconds(Math.round(ms)).toString().slice(0, 10) })),
    y: [0, 0.5, 1].map((part) => ({ at: y(most * part), label: String(Math.round(most * part)) })),
    xLabel: `answers in ${spanDays === 1 ? 'a day' : `${spanDays} days`}, from below: rejected (blue), inconclusive (hatched), accepted (red, outlined)`,
    // Not told by colour alone: what could not be judged is hatched, what was accepted has an outline.
    body: `<pattern id="hatch" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="hatched" width="5" height="5"/><path class="hatching" d="M0 0v5"/></pattern>${bars.join('')}`,
  })
}

/** How many findings are open, by severity. */
export function openPlot(counts: ReadonlyMap<string, number>): string {
  const rows = [...counts]
  const most = Math.max(1, ...counts.values())
  const left = 90
  const height = PLOT.top + PLOT.bottom + rows.length * ROW_HEIGHT
  const x = (count: number) => left + (count / most) * (PLOT.width - PLOT.right - left)
  const y = (at: number) => PLOT.top + (at + 0.5) * ROW_HEIGHT
  const ticks = most === 1 ? [0, 1] : [0, Math.round(most / 2), most]
  return frame({
    title: 'Open findings by severity',
    desc: rows.map(([severity, count]) => `${severity} ${count}`).join(', '),
    ...{ height, left },
    x: ticks.map((count) => ({ at: x(count), label: String(count) })),
    y: rows.map(([severity], at) => ({ at: y(at), label: severity })),
    xLabel: 'findings open at the end of the period or later',
    body: rows
      .map(([, count], at) => `<rect class="bar" x="${left}" y="${px(y(at) - 7)}" width="${px(x(count) - left)}" height="14"/>`)
      .join(''),
  })
}

/** Figures, durations and instants, which are not broken over lines. */
const SHORT = /^[\d.,:TZ –-]{1,30}(?: of \d+| %| ?[a-z]+)?(?: \d+ [a-z]+)?$/

/** A table, the twin of a plot. */
export function tableHtml(caption: string, headers: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (row: readonly string[], tag: 'td' | 'th') =>
    `<tr>${row.map((cell) => `<${tag}${SHORT.test(cell) ? ' class="n"' : ''}>${escapeHtml(cell)}</${tag}>`).join('')}</tr>`
  return `<table><caption>${escapeHtml(caption)}</caption><thead>${cells(headers, 'th')}</thead><tbody>${rows.map((row) => cells(row, 'td')).join('\n')}</tbody></table>`
}

function num(value: StatedRow[string] | undefined): number {
  return typeof value === 'number' ? value : 0
}

function short(name: string): string {
  return name.length > 20 ? `${name.slice(0, 19)}…` : name
}
