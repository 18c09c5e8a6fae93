import { clip } from './cells.ts'
import { ASCII, type Paint, painter, type Style, type Symbols, type Terminal, UNICODE } from './terminal.ts'

/** What every section is drawn with. */
export interface Pen {
  columns: number
  paint: Paint
  is: Symbols
  /** A whole line: cut to the terminal's width, then coloured. */
  line(text: string, style?: Style): string
}

export function penFor(terminal: Terminal): Pen {
  const { columns } = terminal
  const paint = painter(terminal)
  const is = terminal.unicode ? UNICODE : ASCII
  const line = (text: string, style?: Style) => {
    const cut = clip(text, columns, is.ellipsis)
    return style === undefined ? cut : paint(style, cut)
  }
  return { columns, paint, is, line }
}
