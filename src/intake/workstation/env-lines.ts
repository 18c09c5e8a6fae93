/** One variable of a `.env` file. */
export interface EnvLine {
  line: number
  name: string
  value: string
  /** False where readers of such files would not agree on the value, which is then good for telling what it is, and nothing else. */
  clear: boolean
  /** In single quotes, where a shell fills in no variable. */
  literal: boolean
}

/** `KEY=value`, and `KEY: value` as `dotenv` and Compose take it. */
const START = /^[ \t]*(?:export[ \t]+)?([A-Za-z_][\w.-]*)(?:[ \t]*=|(:)(?=[ \t]|$))([ \t]*)(.*)$/s
const BLANKS = /^[ \t]*(?:[ \t]#.*)?$/s

/**
 * The variables of a `.env` file, one after the other: of a name that stands there twice both. A value is clear where the package
 * `dotenv` and a shell read the same, and nothing that builds on them (`dotenv-expand`, `python-dotenv`, Compose) something else.
 */
export async function envLines(text: string): Promise<EnvLine[]> {
  const { parse } = await import('dotenv')
  const content = text.split(/\r\n|\r|\n/)
  // A shell keeps the carriage returns of a text of several lines.
  const hasReturns = text.includes('\r')
  const lines: EnvLine[] = []
  for (let at = 0; at < content.length; at++) {
    const [, name, colon, blanks = '', rest = ''] = START.exec(content[at] ?? '') ?? []
    if (name === undefined) continue
    const below = rest === '' ? takenFromBelow(content, at, colon !== undefined) : undefined
    if (below !== undefined) {
      lines.push({ line: at + 1, name, value: bareOf(below), clear: false, literal: false })
      continue
    }
    const end = isOpen(rest) ? endOf(content, at, rest[0] ?? '') : at
    const whole = [rest, ...content.slice(at + 1, end + 1)].join('\n')
    const value = blanks !== '' && rest.startsWith('#') ? '' : clearValue(whole)
    const clear = value !== undefined && !(end > at && hasReturns) && parse(`${name}=${whole.trim()}`)[name] === value
    lines.push({ line: at + 1, name, value: value ?? bareOf(whole.trim()), clear, literal: rest.startsWith("'") })
    at = end
  }
  return lines
}

/**
 * The value that everybody reads, undefined where there is none. Without quotes: no blank, quote, backslash, `$`, `#` or `;`, save a
 * comment with a blank before it, which `dotenv` and a shell cut off. Within double ones: no backslash, which `dotenv` keeps and a shell
 * drops, no `$` and no backtick. Within single ones: no backslash before what Python takes for an escape, and no `$` that names a
 * variable, which is filled in by some even there. Backticks are quotes to `dotenv` and a command to a shell.
 */
function clearValue(whole: string): string | undefined {
  // Blanks and ends of lines that only some take for such.
  if (/[^\S \t\n]/.test(whole) || whole.includes('\0')) return undefined
  const text = whole.trim()
  const quote = text[0]
  if (quote !== '"' && quote !== "'") {
    const comment = text.search(/[ \t]#/)
    const bare = comment === -1 ? text : text.slice(0, comment).trimEnd()
    return /[\s'"`\\$#;]/.test(bare) ? undefined : bare
  }
  const close = text.indexOf(quote, 1)
  if (close === -1 || !BLANKS.test(text.slice(close + 1))) return undefined
  const inner = text.slice(1, close)
  const isOdd = quote === '"' ? /[\\$`]/.test(inner) : /\\[\\']|\\$|\$[\w{]/.test(inner)
  return isOdd ? undefined : inner
}

/**
 * What `dotenv` takes for a value that is not on its line: a text in quotes further down, and below a colon whatever the next line holds.
 * No shell does.
 */
function takenFromBelow(content: readonly string[], start: number, isColon: boolean): string | undefined {
  let at = start + 1
  while (at < content.length && content[at]?.trim() === '') at++
  const next = content[at]?.trim() ?? ''
  const isTaken = /^['"`]/.test(next) || (isColon && at === start + 1 && !next.startsWith('#'))
  return next !== '' && isTaken ? next : undefined
}

/** What stands there, without the quotes around it. */
function bareOf(text: string): string {
  const quote = text[0]
  const isQuoted = text.length > 1 && (quote === '"' || quote === "'" || quote === '`')
  const close = isQuoted ? text.lastIndexOf(quote) : -1
  return close > 0 ? text.slice(1, close) : text
}

/** A quote that the line does not close. */
function isOpen(rest: string): boolean {
  return /^['"`]/.test(rest) && rest.lastIndexOf(rest[0] ?? '') === 0
}

/** The line that closes a quote; the same one where none does. */
function endOf(content: readonly string[], start: number, quote: string): number {
  for (let at = start + 1; at < content.length; at++) if (content[at]?.includes(quote) === true) return at
  return start
}
