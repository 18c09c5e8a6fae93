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

/** How long ago an instant was, in one unit: `3d`, `5h`, `12min`, `40s`; `in 5h` where it lies ahead. */
export function ago(now: Temporal.Instant, then: Temporal.Instant | null | undefined): string {
  if (then == null) return '-'
  const ms = now.epochMilliseconds - then.epochMilliseconds
  return ms < 0 ? `in ${span(-ms)}` : `${span(ms)} ago`
}

const UNITS: readonly [number, string][] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1_000, 's'],
]

export function span(ms: number): string {
  const [size, unit] = UNITS.find(([unitMs]) => ms >= unitMs) ?? [1_000, 's']
  return `${Math.round(ms / size)}${unit}`
}
