import { SEVERITIES, type Severity } from '../domain/finding.ts'
import { columnWidths, GAP, padded, row, totalWidth } from './cells.ts'
import type { Section } from './layout.ts'
import type { Pen } from './pen.ts'
import type { DemoSnapshot, OpenDoor } from './snapshot.ts'
import type { Style } from './terminal.ts'
import { IDENTITY_KIND, shortSpan, TAG } from './words.ts'

const HEADS = ['WHO', 'GETS INTO', 'WITH', 'GONE', '', 'HOW WE KNOW']
/** Names may be cut; where, since when and what is special may not. */
const LEAST = [14, Number.POSITIVE_INFINITY, 8, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
/** How it was seen stands in the row where nothing else must be cut for it and it has so many cells; else below it, or nowhere. */
const HOW_LEAST = 26
const STYLES: readonly (Style | undefined)[] = ['bold', ['bold', 'red'], undefined, undefined, 'yellow', 'dim']
/** ` ✗ CRITICAL ` */
const INDENT = 12

const SEVERITY_STYLE: Readonly<Record<Severity, Style>> = {
  critical: ['bold', 'white', 'bgRed'],
  high: ['bold', 'red'],
  medium: ['bold', 'yellow'],
  low: 'reset',
  info: 'dim',
}

/** Who still gets in where: the worst first, then the oldest. */
export function openSection(snapshot: DemoSnapshot, pen: Pen): Section {
  if (snapshot.open.length === 0) return nobody(snapshot, pen)
  const { paint, is, columns, line } = pen
  const doors = snapshot.open.toSorted(
    (a, b) => rank(b.severity) - rank(a.severity) || Temporal.Instant.compare(a.since, b.since),
  )
  const cells = doors.map((door) => cellsOf(door, snapshot.now, columns >= 100))
  const { widths, told } = widthsFor(cells, columns - INDENT)
  const dress = (text: string, column: number) => {
    const style = STYLES[column]
    return style === undefined ? text : paint(style, text)
  }
  const lines = doors.map((door, index) => {
    const severity = paint(SEVERITY_STYLE[door.severity], padded(door.severity.toUpperCase(), 8, is.ellipsis))
    return ` ${paint(['bold', 'red'], is.open)} ${severity} ${row(cells[index] ?? [], widths, is.ellipsis, dress)}`
  })
  return {
    rank: 0,
    title: line(`${' '.repeat(INDENT)}${row(HEADS, widths, is.ellipsis)}`, 'dim'),
    lines,
    short: line(` ${is.open} ${doors.length} ways in are still open`, ['bold', 'red']),
    ...(told
      ? {}
      : { wordy: lines.flatMap((text, index) => [text, line(`${' '.repeat(INDENT)}${doors[index]?.how ?? ''}`, 'dim')]) }),
  }
}

function widthsFor(cells: readonly string[][], room: number): { widths: number[]; told: boolean } {
  const rows = [HEADS, ...cells]
  const whole = LEAST.map(() => Number.POSITIVE_INFINITY)
  const rest = room - totalWidth(columnWidths(rows, whole, Number.POSITIVE_INFINITY)) - GAP
  if (rest < HOW_LEAST) return { widths: columnWidths(rows, LEAST, room), told: false }
  return { widths: columnWidths(rows, [...whole, HOW_LEAST], room), told: true }
}

/** Says no more than is known. */
function nobody({ closed, unjudged, waiting }: DemoSnapshot, { line }: Pen): Section {
  const sure = closed.length > 0 && unjudged.length === 0 && waiting === 0
  const title = sure
    ? line(' Nobody who left gets in anywhere.', ['bold', 'green'])
    : line(' Nobody found inside so far.', 'bold')
  return { rank: 0, title, lines: [], short: title }
}

function cellsOf(door: OpenDoor, now: Temporal.Instant, wide: boolean): string[] {
  const { identity, identityKind, system, credential, kind, state, how } = door
  const tag = [TAG[kind], ...(state === 'acknowledged' ? ['ack'] : [])].filter((part) => part !== '').join(', ')
  const suffix = identityKind === undefined ? '' : IDENTITY_KIND[identityKind][wide ? 'long' : 'short']
  if (identity === undefined) return ['anybody', system, '', '', tag, how]
  return [`${identity}${suffix}`, system, credential ?? '', shortSpan(now.since(door.since)), tag, how]
}

function rank(severity: Severity): number {
  return SEVERITIES.indexOf(severity)
}
