import type { JSX } from 'preact'
import type { CoverageCalendar as Calendar, CoverageDay } from '../../api/schemas/evidence.ts'
import { cellLook } from '../coverage-cell.ts'
import { filters, setFilters } from '../navigate.ts'
import { useRead } from '../read.ts'
import { daysBetween } from '../scale.ts'
import { coarse } from '../time.ts'
import { countOf, figure, GAP_LABELS } from '../words.ts'
import { Panel } from './panel.tsx'
import { Scroll } from './scroll.tsx'
import { Empty, Shown } from './states.tsx'

/** Of all systems the API tells so many days at once. */
const SPANS = ['7', '14', '31'] as const
const DAY_MS = 86_400_000
/** It is counted over all trials of a month: read again no more often than so, however much is tried. */
const REST_MS = 15_000

/** Which day each system was tried on, and which it was not: a gap is shown, never left out. A table already: it needs no twin. */
export function CoverageCalendar(): JSX.Element {
  const span = SPANS.find((each) => each === filters().days) ?? '31'
  const to = new Date().toISOString().slice(0, 10)
  const from = new Date(Date.parse(to) - (Number(span) - 1) * DAY_MS).toISOString().slice(0, 10)
  const reading = useRead<Calendar>('/v1/coverage', { query: { from, to }, topics: ['trial', 'operator'], restMs: REST_MS })
  return (
    <Panel title="Coverage calendar" note={<Span span={span} />} flush>
      <Shown reading={reading} rows={6}>
        {({ days }) =>
          days.length === 0 ? (
            <Empty>
              <p>Nothing was tried and nothing was due in these days.</p>
            </Empty>
          ) : (
            <Grid days={days} all={daysBetween(from, to)} />
          )
        }
      </Shown>
    </Panel>
  )
}

function Span({ span }: { span: string }): JSX.Element {
  return (
    <span class="switch">
      {SPANS.map((each) => (
        <label key={each}>
          <input type="radio" name="span" checked={span === each} onChange={() => setFilters({ days: each })} />
          {each} days
        </label>
      ))}
    </span>
  )
}

function Grid({ days, all }: { days: readonly CoverageDay[]; all: readonly string[] }): JSX.Element {
  const systems = [...new Map(days.map(({ system }) => [system.id, system.name]))]
  const cells = new Map(days.map((day) => [`${day.system.id}${day.day}`, day]))
  return (
    <>
      <Scroll label="Coverage by day and system">
        <table class="calendar">
          <thead>
            <tr>
              <th scope="col">
                <span class="unseen">System</span>
              </th>
              {all.map((day) => (
                <th key={day} scope="col">
                  <span class="unseen">{day}</span>
                  <span aria-hidden="true">
                    {day.endsWith('-01') || day.endsWith('-15') || day === all[0] ? day.slice(5) : ''}
                  </span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {systems.map(([id, name]) => (
              <tr key={id}>
                <th scope="row">{name}</th>
                {all.map((day) => (
                  <td key={day}>
                    <Cell day={cells.get(`${id}${day}`)} date={day} />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      <div class="body">
        <ul class="legend calendar-legend">
          {LEGEND.map(([look, words]) => (
            <li key={look}>
              <span class="item">
                <span class={`cell ${look}`} aria-hidden="true" /> {words}
              </span>
            </li>
          ))}
        </ul>
      </div>
    </>
  )
}

const LEGEND = [
  ['whole', 'judged'],
  ['part', 'partly judged, or with a gap'],
  ['doubt', 'tried, nothing judged'],
  ['blind', 'due and not tried'],
  ['none', 'nothing due'],
] as const

function Cell({ day, date }: { day: CoverageDay | undefined; date: string }): JSX.Element {
  const look = cellLook(day)
  const words = wordsOf(day, date)
  return (
    <span class={`cell ${look}`} title={words}>
      <span class="unseen">{words}</span>
    </span>
  )
}

function wordsOf(day: CoverageDay | undefined, date: string): string {
  if (day === undefined) return `${date}: nothing due`
  const { trials, accepted, rejected, inconclusive, blindMs, reasons } = day
  const gap =
    blindMs === 0 ? '' : `; not tried for ${coarse(blindMs)} (${reasons.map((reason) => GAP_LABELS[reason]).join(', ')})`
  return `${date}: ${countOf(trials, 'trial')}, ${figure(accepted)} accepted, ${figure(rejected)} refused, ${figure(inconclusive)} not judged${gap}`
}
