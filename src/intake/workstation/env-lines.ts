/** One variable of a `.env` file. */
export interface EnvLine {
  line: number
  name: string
  value: string
  /** False where readers of such files would not agree on the value. */
  clear: boolean
}

const START = /^[ \t]*(?:export[ \t]+)?([A-Za-z_][\w.-]*)[ \t]*=[ \t]*(.*)$/

/**
 * The variables of a `.env` file, each by the package `dotenv`, one after the other: of a name that stands there twice both. What
 * follows a `#` without quotes is a comment to some readers and part of the value to others.
 */
export async function envLines(text: string): Promise<EnvLine[]> {
  const { parse } = await import('dotenv')
  const content = text.split(/\r\n|\r|\n/)
  const lines: EnvLine[] = []
  for (let at = 0; at < content.length; at++) {
    const match = START.exec(content[at] ?? '')
    if (match === null) continue
    const [, name = '', rest = ''] = match
    const end = isOpen(rest) ? endOf(content, at, rest[0] ?? '') : at
    const value = parse(content.slice(at, end + 1).join('\n'))[name] ?? ''
    lines.push({ line: at + 1, name, value, clear: /^['"`]/.test(rest) || value === rest.trim() })
    at = end
  }
  return lines
}

/** A quote that the line does not close. */
function isOpen(rest: string): boolean {
  return /^['"`]/.test(rest) && rest.lastIndexOf(rest[0] ?? '') === 0
}

/** The line that closes a quote; the same one where none does. */
function endOf(content: readonly string[], start: number, quote: string): number {
  const end = content.findIndex((line, index) => index > start && line.includes(quote))
  return end === -1 ? start : end
}
