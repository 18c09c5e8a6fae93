import type { Alert } from '../../domain/alert.ts'
import { SEVERITIES } from '../../domain/finding.ts'
import { shorten } from '../fit-alert.ts'
import type { AlertGroup } from '../subject.ts'
import type { Rendered } from './rendered.ts'

/** In one row of many a text is shorter than in an alert of its own; where not even one row fits, shorter still. */
const ROW = { list: 8, text: 160 } as const
const SHORT_ROW = { list: 3, text: 48 } as const

/** Renders the rows that are shown, at least one, and says how many more there are. */
type RenderRows = (shown: readonly Alert[], omitted: number) => Rendered

/**
 * Renders a group within a size: as many alerts as fit, the most severe ones, in the order that the group has them. The rest is told
 * as a number: none is lost, since each is stored and listed by `revenant alerts list`.
 *
 * @param maxBytes of body and alternatives together
 * @param most how many rows the receiver takes
 * @param renders tried in turn until all rows fit, the richest first
 */
export function fitGroup(
  { alerts }: AlertGroup,
  maxBytes: number,
  most: number,
  ...renders: [RenderRows, ...RenderRows[]]
): Rendered {
  const rows = alerts.map((alert) => shorten(alert, ROW))
  let best = mostThatFit(rows, maxBytes, most, renders[0])
  for (const render of renders.slice(1)) {
    if (best.omitted === 0) break
    best = mostThatFit(rows, maxBytes, most, render)
  }
  if (bytesOf(best.rendered) <= maxBytes) return best.rendered
  const short = alerts.map((alert) => shorten(alert, SHORT_ROW))
  return mostThatFit(short, maxBytes, most, renders.at(-1) ?? renders[0]).rendered
}

function mostThatFit(rows: readonly Alert[], maxBytes: number, most: number, render: RenderRows) {
  const ranked = rows.map((_, index) => index).sort((a, b) => rank(rows[b]) - rank(rows[a]) || a - b)
  const shownBy = (count: number) => {
    const chosen = new Set(ranked.slice(0, count))
    const shown = rows.filter((_, index) => chosen.has(index))
    const omitted = rows.length - count
    const rendered = render(shown, omitted)
    return { rendered: omitted === 0 ? rendered : { ...rendered, omitted }, omitted }
  }
  let fits = 1
  let over = Math.min(rows.length, most) + 1
  while (over - fits > 1) {
    const middle = Math.floor((fits + over) / 2)
    if (bytesOf(shownBy(middle).rendered) <= maxBytes) fits = middle
    else over = middle
  }
  return shownBy(fits)
}

/** The most severe first, what is over last; among equals as they were. */
export function mostSevereFirst(alerts: readonly Alert[]): Alert[] {
  return [...alerts].sort((a, b) => rank(b) - rank(a))
}

function rank(alert: Alert | undefined): number {
  return alert === undefined || alert.event === 'resolved' ? -1 : SEVERITIES.indexOf(alert.finding.severity)
}

function bytesOf({ body, alternatives = [] }: Rendered): number {
  return [body, ...alternatives.map((alternative) => alternative.body)].reduce((sum, text) => sum + Buffer.byteLength(text), 0)
}
