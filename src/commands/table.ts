import Table from 'cli-table3'
import { type Io, style } from './io.ts'

/** A plain table: no frames, columns as wide as their content, headers in bold where there are colours. */
export function table(io: Io, headers: readonly string[], rows: readonly (readonly string[])[]): string {
  const made = new Table({
    head: headers.map((header) => style(io, 'bold', header)),
    chars: {
      top: '',
      'top-mid': '',
      'top-left': '',
      'top-right': '',
      bottom: '',
      'bottom-mid': '',
      'bottom-left': '',
      'bottom-right': '',
      left: '',
      'left-mid': '',
      mid: '',
      'mid-mid': '',
      right: '',
      'right-mid': '',
      middle: '  ',
    },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  made.push(...rows.map((row) => [...row]))
  return `${made
    .toString()
    .split('\n')
    .map((text) => text.trimEnd())
    .join('\n')}\n`
}

/** How long ago an instant was, in one unit: `3d ago`, `5h ago`, `40s ago`; `in 5h` where it lies ahead. Whole units, see `span`. */
export function ago(now: Temporal.Instant, then: Temporal.Instant | null | undefined): string {
  if (then == null) return '-'
  const ms = now.epochMilliseconds - then.epochMilliseconds
  const seconds = Math.floor(Math.abs(ms) / 1_000) * 1_000
  return ms < 0 ? `in ${span(seconds)}` : `${span(seconds)} ago`
}

const UNITS: readonly [number, string][] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1_000, 's'],
  [1, 'ms'],
]

/** A length of time in its largest unit, of which it has so many in full: nobody has more time left than is said. Takes milliseconds. */
export function span(ms: number): string {
  const [size, unit] = UNITS.find(([unitMs]) => ms >= unitMs) ?? [1_000, 's']
  return `${Math.floor(ms / size)}${unit}`
}
