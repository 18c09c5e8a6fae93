import { styleText } from 'node:util'

/** What a terminal can show. */
export interface Terminal {
  columns: number
  /** Left out: as many lines as it takes. */
  rows?: number
  colour: boolean
  /** Whether it shows more than ASCII. */
  unicode: boolean
}

/** How wide a file or a pipe is. */
const PAPER = 120

/** A stream as a terminal: width, height, colours (NO_COLOR, FORCE_COLOR) and characters. */
export function terminalOf(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): Terminal {
  const isTTY = stream.isTTY === true
  // Some terminals say 0 before they know.
  const columns = isTTY && stream.columns > 0 ? stream.columns : PAPER
  const rows = isTTY && stream.rows > 0 ? { rows: stream.rows } : {}
  return { columns, ...rows, colour: isTTY && stream.hasColors(env), unicode: showsUnicode(env) }
}

function showsUnicode(env: NodeJS.ProcessEnv): boolean {
  if (process.platform === 'win32') return env.WT_SESSION !== undefined || env.TERM_PROGRAM === 'vscode'
  // The first that is set decides (POSIX, 8.2); the Linux console has a font of 256 characters.
  const locale = [env.LC_ALL, env.LC_CTYPE, env.LANG].find((value) => value !== undefined && value !== '') ?? ''
  return /utf-?8/i.test(locale) && env.TERM !== 'linux'
}

export interface Symbols {
  open: string
  closed: string
  unknown: string
  sending: string
  dot: string
  ellipsis: string
}

export const UNICODE: Symbols = { open: '✗', closed: '✓', unknown: '?', sending: '…', dot: '·', ellipsis: '…' }
export const ASCII: Symbols = { open: '!', closed: '+', unknown: '?', sending: '~', dot: '|', ellipsis: '...' }

export type Style = Parameters<typeof styleText>[0]
export type Paint = (style: Style, text: string) => string

/** Colours text where the terminal has colours. The words must do without. */
export function painter({ colour }: Terminal): Paint {
  return colour ? (style, text) => styleText(style, text, { validateStream: false }) : (_, text) => text
}
