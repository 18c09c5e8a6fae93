import { columnWidths, row } from './cells.ts'
import type { Section } from './layout.ts'
import type { Pen } from './pen.ts'
import type { DemoSnapshot, SystemControls } from './snapshot.ts'
import type { Style } from './terminal.ts'
import { BACKED_BY, CANARY, DECOYS, sayReason, sayUnjudged, shortSpan } from './words.ts'

const ALL = Number.POSITIVE_INFINITY

/** What could not be judged, and why. */
export function unjudgedSection({ unjudged }: DemoSnapshot, pen: Pen): Section | undefined {
  const whys = new Set(unjudged.map((door) => `${door.system} (${sayUnjudged(door)})`))
  return listSection(pen, {
    rank: 2,
    style: 'yellow',
    title: `Could not be judged (${unjudged.length}), never counted as closed`,
    summary: [...whys].join(', '),
    least: [12, ALL, 8, 20],
    lines: unjudged.map((door) => ({
      mark: 'unknown',
      cells: [door.identity, door.system, door.credential, sayUnjudged(door)],
    })),
  })
}

/** What is proven closed, how soon after the departure, and by which controls. */
export function closedSection({ closed }: DemoSnapshot, pen: Pen): Section | undefined {
  return listSection(pen, {
    rank: 4,
    style: 'green',
    title: `Proven closed (${closed.length})`,
    summary: [...new Set(closed.map((door) => door.system))].join(', '),
    least: [12, ALL, 8, ALL, ALL, 24],
    lines: closed.map(({ identity, system, credential, latency, assurance, reason }) => ({
      mark: 'closed',
      cells: [
        identity,
        system,
        credential,
        latency === undefined ? '' : `after ${shortSpan(latency)}`,
        BACKED_BY[assurance],
        sayReason(reason),
      ],
    })),
  })
}

/** The last controls of every system. */
export function controlsSection({ systems }: DemoSnapshot, pen: Pen): Section | undefined {
  const passes = (system: SystemControls) => system.decoys === 'refused' && system.canary !== 'failed'
  const failing = systems.filter((system) => !passes(system))
  const why = ({ decoys, canary }: SystemControls) => (decoys === 'refused' ? CANARY[canary] : DECOYS[decoys])
  return listSection(pen, {
    rank: 5,
    style: 'bold',
    title: `Controls passed at ${systems.length - failing.length} of ${systems.length} systems`,
    summary: failing.map((system) => `not ${system.name} (${why(system)})`).join(', '),
    least: [ALL, ALL, ALL, 12, ALL],
    lines: systems.map((system) => ({
      mark: passes(system) ? 'closed' : 'unknown',
      cells: [system.name, DECOYS[system.decoys], CANARY[system.canary], system.note ?? '', system.origin],
    })),
  })
}

interface List {
  rank: number
  style: Style
  title: string
  /** What the short form says after the title. */
  summary: string
  least: readonly number[]
  lines: { mark: 'closed' | 'unknown'; cells: string[] }[]
}

const MARK_STYLE = { closed: 'green', unknown: 'yellow' } as const

function listSection(
  { columns, paint, is, line }: Pen,
  { rank, style, title, summary, least, lines }: List,
): Section | undefined {
  if (lines.length === 0) return undefined
  const widths = columnWidths(
    lines.map(({ cells }) => cells),
    least,
    columns - 3,
  )
  return {
    rank,
    title: line(` ${title}`, style),
    lines: lines.map(({ mark, cells }) => ` ${paint(MARK_STYLE[mark], is[mark])} ${row(cells, widths, is.ellipsis)}`.trimEnd()),
    short: line(` ${title}${summary === '' ? '' : `: ${summary}`}`, style),
  }
}
