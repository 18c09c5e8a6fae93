import stringWidth from 'string-width'

// Control characters drive a terminal; formatting ones (direction overrides, zero width) make a line read as what it is not.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\u2028\u2029]+/gu

/** Cuts or pads text, which may hold no colours, to exactly so many terminal cells. */
export function padded(text: string, cells: number, ellipsis: string): string {
  const cut = clip(text, cells, ellipsis)
  return cut + ' '.repeat(Math.max(0, cells - stringWidth(cut)))
}

/** One printable line of at most so many terminal cells. */
export function clip(text: string, cells: number, ellipsis: string): string {
  const line = text.replace(UNPRINTABLE, ' ')
  if (stringWidth(line) <= cells) return line
  const room = cells - ellipsis.length
  if (room <= 0) return ellipsis.slice(0, Math.max(0, cells))
  let out = ''
  let width = 0
  for (const { segment } of new Intl.Segmenter().segment(line)) {
    width += stringWidth(segment)
    if (width > room) break
    out += segment
  }
  return out + ellipsis
}

/** Blanks between columns. */
export const GAP = 2

/**
 * Widths for columns that together fit into `cells`: each as wide as its widest text. Where that is too much, the widest give
 * way down to their least; where that is not enough either, the last columns are left out. Columns without text have width 0.
 *
 * @param least cells that a column needs to be worth showing; `Infinity`: all or nothing
 */
export function columnWidths(rows: readonly (readonly string[])[], least: readonly number[], cells: number): number[] {
  const full = least.map((_, column) => Math.max(0, ...rows.map((row) => stringWidth(row[column] ?? ''))))
  const floor = full.map((width, column) => Math.min(width, least[column] ?? 0))
  let shown = full.length
  while (shown > 1 && totalWidth(floor.slice(0, shown)) > cells) shown--
  const widths = full.slice(0, shown)
  for (let excess = totalWidth(widths) - cells; excess > 0; excess--) {
    const slack = widths.map((width, column) => width - (floor[column] ?? 0))
    const widest = slack.indexOf(Math.max(...slack))
    widths[widest] = (widths[widest] ?? 0) - 1
  }
  return widths
}

/** What a row of these columns takes, with the gaps between them. */
export function totalWidth(widths: readonly number[]): number {
  const shown = widths.filter((width) => width > 0)
  return shown.reduce((sum, width) => sum + width, 0) + GAP * Math.max(0, shown.length - 1)
}

/** Puts texts under each other's columns; `dress` may colour a cell that has its width already. */
export function row(
  texts: readonly string[],
  widths: readonly number[],
  ellipsis: string,
  dress: (text: string, column: number) => string = (text) => text,
): string {
  return widths
    .flatMap((width, column) => (width > 0 ? [dress(padded(texts[column] ?? '', width, ellipsis), column)] : []))
    .join(' '.repeat(GAP))
}
