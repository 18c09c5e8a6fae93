/** One `key = value` of an INI file. */
export interface IniLine {
  line: number
  section: string
  key: string
  value: string
  /** False where readers of INI files would not agree on the value: quotes, signs of a comment, a line that goes on, two values. */
  clear: boolean
}

/**
 * The values of an INI file, each by the package `ini`, with the line that it stands on. The formats that call themselves INI (of
 * Python, MySQL and npm) differ in what quotes, `#`, `;` and `\` mean: where what the package reads is not what stands there, the
 * value is not clear.
 *
 * @param isPython a colon separates as well, and a line that begins further to the right goes on with the one above (`configparser`)
 */
export async function iniLines(text: string, isPython = false): Promise<IniLine[]> {
  const { parse } = await import('ini')
  const lines: IniLine[] = []
  let section = ''
  let indent = 0
  for (const [index, content] of text.split(/\r\n|\r|\n/).entries()) {
    const header = /^\s*\[([^\]]*)\]\s*$/.exec(content)
    if (header !== null) {
      section = (header[1] ?? '').trim()
      continue
    }
    if (/^\s*(?:[;#]|$)/.test(content)) continue
    const last = lines.at(-1)
    const begins = content.length - content.trimStart().length
    if (isPython && last?.section === section && begins > indent) {
      last.clear = false
      continue
    }
    indent = begins
    const equals = isPython ? content.search(/[=:]/) : content.indexOf('=')
    if (equals < 1) continue
    const [entry] = Object.entries(parse(`${content.slice(0, equals)}=${content.slice(equals + 1)}`.trim()))
    if (entry === undefined) continue
    const [key, read] = entry
    const value = Array.isArray(read) ? read.join(' ') : String(read)
    lines.push({ line: index + 1, section, key, value, clear: value === content.slice(equals + 1).trim() })
  }
  return lines
}

/** The sections of a file in their order, each with its lines by key in lower case; of two lines of one key the last one, not clear if they differ. */
export function sectionsOf(lines: readonly IniLine[]): Map<string, Map<string, IniLine>> {
  const sections = new Map<string, Map<string, IniLine>>()
  for (const each of lines) {
    const section = sections.get(each.section) ?? new Map<string, IniLine>()
    const key = each.key.toLowerCase()
    const before = section.get(key)
    const isSame = before === undefined || (before.clear && before.value === each.value)
    sections.set(each.section, section.set(key, isSame ? each : { ...each, clear: false }))
  }
  return sections
}
