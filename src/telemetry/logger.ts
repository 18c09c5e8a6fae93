import pino from 'pino'
import { prettyLine } from './pretty.ts'
import { sanitise } from './sanitise.ts'
import { scrubText } from './scrub.ts'

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Facts beside a message. An error goes under `err`; `trace_id` and `span_id` tie a line to a trial; `event` names it for machines. */
export type LogFields = Readonly<Record<string, unknown>>

export interface LogMethod {
  (message: string): void
  (fields: LogFields, message: string): void
}

/** Structured log. Fields are sanitised on their way out; that is a safety net, not a licence. */
export interface Logger {
  readonly trace: LogMethod
  readonly debug: LogMethod
  readonly info: LogMethod
  readonly warn: LogMethod
  readonly error: LogMethod
  readonly fatal: LogMethod
  /** A logger whose every line carries these fields: `logger.child({ trace_id })`. */
  child(fields: LogFields): Logger
}

export interface LoggerOptions {
  level: LogLevel
  /** Carried by every line. */
  fields: LogFields
  /** Receives one line at a time, newline included. */
  write(line: string): void
}

/** A logger that writes one JSON object a line: `level` (word), `time` (RFC 3339), the fields, `msg`. */
export function openLogger(options: LoggerOptions): Logger {
  const root = pino(
    {
      level: options.level,
      base: asFields(options.fields),
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // The fields come sanitised; pino's own would take a described error for an error and describe it again.
      serializers: { err: (described: unknown) => described },
    },
    { write: options.write },
  )
  return wrap(root)
}

/**
 * Writes lines to standard output or error: JSON, or readable lines on a terminal. Writing is synchronous, so that the last lines
 * before a crash are there; a closed pipe is ignored.
 */
export function lineWriter(to: 'stdout' | 'stderr'): (line: string) => void {
  const fd = to === 'stdout' ? 1 : 2
  const destination = pino.destination({ fd, sync: true })
  const stream = to === 'stdout' ? process.stdout : process.stderr
  if (!stream.isTTY) return (line) => void destination.write(line)
  return (line) => void destination.write(prettyLine(line, stream))
}

function wrap(log: pino.Logger): Logger {
  return {
    trace: method(log, 'trace'),
    debug: method(log, 'debug'),
    info: method(log, 'info'),
    warn: method(log, 'warn'),
    error: method(log, 'error'),
    fatal: method(log, 'fatal'),
    child: (fields) => wrap(log.child(asFields(fields))),
  }
}

function method(log: pino.Logger, level: pino.Level): LogMethod {
  return (first: string | LogFields, message?: string) => {
    if (!log.isLevelEnabled(level)) return
    if (typeof first === 'string') log[level](scrubText(first))
    else log[level](asFields(first), scrubText(message ?? ''))
  }
}

/** The logger's own keys: a field of the same name would be written twice into one JSON object. */
const TAKEN = new Set(['level', 'time', 'msg'])

function asFields(fields: LogFields): Record<string, unknown> {
  const clean = sanitise(fields)
  const result: Record<string, unknown> = {}
  // A caller without types may pass an error, or an object that serialises itself as a text.
  if (typeof clean !== 'object' || clean === null) return { value: clean }
  if (fields instanceof Error) return { err: clean }
  for (const [key, value] of Object.entries(clean)) result[TAKEN.has(key) ? `${key}_` : key] = value
  return result
}
