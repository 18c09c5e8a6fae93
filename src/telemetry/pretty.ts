import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

const STYLES: Readonly<Record<string, Style>> = {
  trace: 'gray',
  debug: 'gray',
  info: 'green',
  warn: 'yellow',
  error: 'red',
  fatal: ['bold', 'red'],
}

/** Fields that say the same on every line of one process, and those the line shows elsewhere. */
const HIDDEN = new Set(['level', 'time', 'msg', 'service', 'version', 'instance', 'err'])

/**
 * One JSON log line as a line for a person: `12:30:01.123 WARN  message key=value`. A line that is no JSON object is passed on.
 * Colours follow the stream and NO_COLOR.
 */
export function prettyLine(line: string, stream: NodeJS.WritableStream): string {
  const record = parse(line)
  if (record === undefined) return line
  const paint = (style: Style, text: string) => styleText(style, text, { stream, validateStream: true })
  const level = text(record.level)
  const head = `${paint('gray', text(record.time).slice(11, 23))} ${paint(STYLES[level] ?? 'reset', level.toUpperCase().padEnd(5))}`
  const fields = Object.entries(record)
    .filter(([key]) => !HIDDEN.has(key))
    .map(([key, value]) => ` ${paint('gray', `${key}=`)}${text(value)}`)
  return `${head} ${text(record.msg)}${fields.join('')}${errorLines(record.err)}\n`
}

function errorLines(error: unknown): string {
  if (typeof error !== 'object' || error === null) return ''
  const { name, code, message, stack } = Object.fromEntries(Object.entries(error))
  const head = `\n    ${[name, code].filter((part) => part !== undefined).join(' ')}: ${text(message)}`
  return typeof stack === 'string' ? `${head}\n${stack}` : head
}

function text(value: unknown): string {
  const shown = typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
  // A terminal obeys control characters: a name from outside must not move the cursor or rewrite the line.
  return shown.replaceAll(/\p{Cc}/gu, '·')
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
  } catch {
    return undefined
  }
}
