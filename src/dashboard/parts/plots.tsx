import type { ComponentChildren, JSX, RefObject } from 'preact'
import { useEffect, useId, useRef, useState } from 'preact/hooks'
import type { Overview } from '../../api/schemas/overview.ts'
import { bandPath, PLOT, px, stepPath, type Tick, timeScale } from '../scale.ts'
import { coarse } from '../time.ts'
import { figure } from '../words.ts'
import { Scroll } from './scroll.tsx'

/** Drawn in the pixels that there are: text keeps its size on a phone. */
function useWidth(): { ref: RefObject<HTMLElement | null>; width: number } {
  const ref = useRef<HTMLElement>(null)
  const [width, setWidth] = useState<number>(PLOT.width)
  useEffect(() => {
    const { current } = ref
    if (current === null) return
    const observer = new ResizeObserver(([entry]) => {
      if (entry !== undefined) setWidth(Math.max(MIN_WIDTH, Math.round(entry.contentRect.width)))
    })
    observer.observe(current)
    return () => observer.disconnect()
  }, [])
  return { ref, width }
}

const MIN_WIDTH = 220

/** The frame of a plot: its name and what it says in words, gridlines, labels. */
function Frame(props: {
  width: number

  title: string
  desc: string
  height?: number
  left?: number
  x: readonly Tick[]
  y: readonly Tick[]
  children: ComponentChildren
}): JSX.Element {
  const id = useId()
  const { right, top, bottom } = PLOT
  const { width, height = PLOT.height, left = PLOT.left } = props
  const foot = height - bottom
  return (
    <svg class="plot" viewBox={`0 0 ${width} ${height}`} role="img" aria-labelledby={`${id}t ${id}d`}>
      <title id={`${id}t`}>{props.title}</title>
      <desc id={`${id}d`}>{props.desc}</desc>
      {spaced(props.x).map(({ at, label }, nth) => (
        <g key={label}>
          <line class="grid-line" x1={px(at)} x2={px(at)} y1={top} y2={foot} />
          <text x={px(at)} y={foot + 16} text-anchor={nth === 0 ? 'start' : at > width - right - 20 ? 'end' : 'middle'}>
            {label}
          </text>
        </g>
      ))}
      {props.y.map(({ at, label }) => (
        <g key={label}>
          <line class="grid-line" x1={left} x2={width - right} y1={px(at)} y2={px(at)} />
          <text x={left - 8} y={px(at + 4)} text-anchor="end">
            {label}
          </text>
        </g>
      ))}
      {props.children}
    </svg>
  )
}

/** Labels that would run into each other are left out. */
function spaced(ticks: readonly Tick[]): Tick[] {
  const kept: Tick[] = []
  for (const tick of ticks) if (kept.length === 0 || tick.at - (kept.at(-1)?.at ?? 0) >= MIN_APART) kept.push(tick)
  return kept
}

const MIN_APART = 44

/** The same figures for those who read rather than look. */
function Twin({
  label,
  heads,
  rows,
}: {
  label: string
  heads: readonly string[]
  rows: readonly (readonly string[])[]
}): JSX.Element {
  return (
    <details class="twin">
      <summary>As a table</summary>
      <Scroll label={label}>
        <table>
          <thead>
            <tr>
              {heads.map((head) => (
                <th key={head} scope="col">
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row[0]}>
                {row.map((cell, at) => (
                  <td key={heads[at]}>{cell}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </details>
  )
}

const percents = (share: number) => `${Math.round(share * 1000) / 10} %`
const minutes = (count: number) => coarse(count * 60_000)

/** How long credentials go on working after the termination. */
export function SurvivalPlot({ survival }: { survival: Overview['survival'] }): JSX.Element {
  const { steps, medianMinutes } = survival
  const { height, right, top, bottom, left } = PLOT
  const { ref, width } = useWidth()
  const foot = height - bottom
  const { x, ticks } = timeScale(steps.at(-1)?.minutes ?? 0, left, width - right)
  const y = (share: number) => foot - share * (foot - top)
  return (
    <figure ref={ref}>
      <Frame
        width={width}
        title="Share of credentials that still work, by time since the termination"
        desc={
          medianMinutes === null ? 'Fewer than half were seen to close.' : `Half were closed after ${minutes(medianMinutes)}.`
        }
        x={ticks}
        y={[0, 0.25, 0.5, 0.75, 1].map((share) => ({ at: y(share), label: `${share * 100} %` }))}
      >
        <path class="band" d={bandPath(steps, x, y)} />
        <path class="line" d={stepPath(steps, ({ share }) => share, x, y)} />
        {steps
          .filter(({ censored }) => censored > 0)
          .map((step) => (
            <path key={step.minutes} class="mark" d={`M${px(x(step.minutes))} ${px(y(step.share) - 5)}v10`} />
          ))}
      </Frame>
      <p class="soft small">
        Kaplan–Meier estimate with its 95 % interval, logarithmic time. A bar across the line: last known to work then, and
        nothing proven since.
      </p>
      <Twin
        label="Survival of credentials"
        heads={['After', 'Followed', 'Closed', 'Lost sight of', 'Still work', '95 % interval']}
        rows={steps.map((step) => [
          minutes(step.minutes),
          figure(step.atRisk),
          figure(step.closed),
          figure(step.censored),
          percents(step.share),
          `${percents(step.low)} – ${percents(step.high)}`,
        ])}
      />
    </figure>
  )
}

const ROW = 24
const MOST_ROWS = 12

/** Time to revoke by system: median, nine in ten, and what the policy allows. The slowest come first. */
export function LatencyPlot({ systems }: { systems: Overview['latency']['systems'] }): JSX.Element {
  const closed = systems
    .flatMap(({ medianMs, p90Ms, ...rest }) => (medianMs === null || p90Ms === null ? [] : [{ ...rest, medianMs, p90Ms }]))
    .toSorted((a, b) => b.p90Ms - a.p90Ms)
  const shown = closed.slice(0, MOST_ROWS)
  const { ref, width } = useWidth()
  const left = 130
  const height = PLOT.top + PLOT.bottom + shown.length * ROW
  const most = Math.max(0, ...shown.flatMap(({ p90Ms, allowedMs }) => [p90Ms, allowedMs])) / 60_000
  const { x, ticks } = timeScale(most, left, width - PLOT.right)
  const y = (nth: number) => PLOT.top + (nth + 0.5) * ROW
  const at = (ms: number) => px(x(ms / 60_000))
  return (
    <figure ref={ref}>
      <Frame
        width={width}
        title="Time to revoke by system"
        desc="Dot: median. Line: to the ninetieth percentile. Tick: what the policy allows."
        height={height}
        left={left}
        x={ticks}
        y={shown.map(({ system }, nth) => ({
          at: y(nth),
          label: system.name.length > 18 ? `${system.name.slice(0, 17)}…` : system.name,
        }))}
      >
        {shown.map(({ system, medianMs, p90Ms, allowedMs }, nth) => (
          <g key={system.id}>
            <path class="range" d={`M${at(medianMs)} ${px(y(nth))}H${at(p90Ms)}`} />
            <circle class="dot" cx={at(medianMs)} cy={px(y(nth))} r="5" />
            <path class="limit" d={`M${at(allowedMs)} ${px(y(nth) - 8)}v16`} />
          </g>
        ))}
      </Frame>
      <p class="soft small">
        Dot: median; line: to nine in ten; tick: allowed. Logarithmic.
        {closed.length > MOST_ROWS ? ` The slowest ${MOST_ROWS} of ${closed.length}.` : ''}
      </p>
      <Twin
        label="Time to revoke by system"
        heads={['System', 'Closed', 'Median', 'Nine in ten', 'Allowed', 'Late', 'Overdue']}
        rows={systems.map((row) => [
          row.system.name,
          figure(row.closed),
          row.medianMs === null ? '–' : coarse(row.medianMs),
          row.p90Ms === null ? '–' : coarse(row.p90Ms),
          coarse(row.allowedMs),
          figure(row.late),
          figure(row.overdue),
        ])}
      />
    </figure>
  )
}
