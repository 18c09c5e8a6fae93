import { clip, padded } from './cells.ts'
import { clockOf } from './changes.ts'
import { layOut, type Section } from './layout.ts'
import { closedSection, controlsSection, unjudgedSection } from './list-sections.ts'
import { openSection } from './open-section.ts'
import { type Pen, penFor } from './pen.ts'
import type { AlertLine, DemoSnapshot } from './snapshot.ts'
import type { Style, Terminal } from './terminal.ts'

/**
 * The demo as lines of a terminal: who still gets in where, first and in full; then what could not be judged, what is proven
 * closed, the controls, the alerts and the hints, each shortened to one line where the terminal is low. No line is longer than
 * the terminal is wide; no verdict is told by colour alone.
 */
export function renderView(snapshot: DemoSnapshot, terminal: Terminal): string[] {
  const pen = penFor(terminal)
  const sections = [
    openSection(snapshot, pen),
    unjudgedSection(snapshot, pen),
    closedSection(snapshot, pen),
    controlsSection(snapshot, pen),
    alertsSection(snapshot.alerts, pen),
    hintsSection(snapshot.hints, pen),
  ].filter((section) => section !== undefined)
  const more = (count: number) => pen.line(`   ${pen.is.ellipsis} ${count} more`, 'dim')
  const body = layOut(sections, terminal.rows === undefined ? undefined : terminal.rows - 1, more)
  return [header(snapshot, pen), ...body].map((text) => text.trimEnd())
}

function header({ startedAt, now, open, closed, unjudged, waiting }: DemoSnapshot, { paint, columns, is }: Pen): string {
  const parts: [string, Style][] = [
    [` ${open.length} STILL OPEN `, open.length > 0 ? ['bold', 'white', 'bgRed'] : 'bold'],
    [` ${closed.length} proven closed `, closed.length > 0 ? 'green' : 'reset'],
    [` ${unjudged.length} not judged `, unjudged.length > 0 ? 'yellow' : 'reset'],
  ]
  if (waiting > 0) parts.push([` ${waiting} not tried yet `, 'reset'])
  const name = ' REVENANT '
  const clock = elapsed(now.since(startedAt).total('seconds'))
  const text = parts.map(([words]) => words).join(is.dot)
  const room = columns - name.length - text.length - clock.length - 1
  if (room < 1) return clip(`${name}${text}`, columns, is.ellipsis)
  const painted = parts.map(([words, style]) => paint(style, words)).join(is.dot)
  return `${paint('bold', name)}${painted}${' '.repeat(room)}${paint('dim', clock)}`
}

/** How many alerts are shown before the sections below have their lines. */
const ALERTS_AT_LEAST = 3

function alertsSection(alerts: readonly AlertLine[], pen: Pen): Section | undefined {
  const last = alerts.at(-1)
  if (last === undefined) return undefined
  const delivered = alerts.filter((alert) => alert.delivered).length
  const title = ` Alerts: ${delivered} delivered${delivered === alerts.length ? '' : `, ${alerts.length - delivered} on their way`}`
  return {
    rank: 3,
    tail: true,
    modest: ALERTS_AT_LEAST,
    title: pen.line(title, ['bold', 'cyan']),
    lines: alerts.map((alert) => alertLine(alert, pen)),
    short: pen.line(`${title}; last: ${last.title}`, ['bold', 'cyan']),
  }
}

/** The title begins with `Resolved` or `Back again` where that is the event: a narrow terminal needs no more. */
function alertLine({ at, delivered, event, severity, title }: AlertLine, { columns, paint, is }: Pen): string {
  const mark = delivered ? paint('green', is.closed) : paint('yellow', is.sending)
  const facts =
    columns < 100 ? '' : `${delivered ? 'delivered' : 'sending  '}  ${padded(event, 9, '')}  ${padded(severity, 8, '')}  `
  return ` ${mark} ${clip(`${clockOf(at)}  ${facts}${title}`, columns - 3, is.ellipsis)}`
}

function hintsSection(hints: readonly string[], { line }: Pen): Section | undefined {
  const [first, ...rest] = hints.map((hint) => line(` ${hint}`, 'bold'))
  return first === undefined ? undefined : { rank: 1, title: first, lines: rest, short: first }
}

/** `1:05`. */
function elapsed(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds) % 60).padStart(2, '0')}`
}
