import { scrubText } from './scrub.ts'

/** What a log line says of an error. `stack` holds frames only: the head of a stack repeats the message. */
export interface ErrorFields {
  name: string
  code?: string
  message: string
  stack?: string
  cause?: ErrorFields
  [fact: string]: string | number | ErrorFields | undefined
}

const WITHHELD = 'message withheld: it may quote what was sent'
const MAX_CAUSES = 4

/**
 * Describes an error for the log. The message is shown for our own errors (`RevenantError` never quotes a secret) and for the
 * engine's complaints that name nothing but our program's identifiers. Every other message is withheld: drivers, parsers and
 * Node's argument checks quote what they were given (`Headers.append: "…" is an invalid header value`, `"…" is not valid JSON`).
 * Their name, code, frames and the machine-readable facts of `FACTS` remain.
 */
export function describeError(error: Error, depth = 0): ErrorFields {
  const code = codeOf(error)
  const stack = framesOf(error)
  return {
    name: identifier(error.name) ?? 'Error',
    ...(code === undefined ? {} : { code }),
    message: quotesNothing(error, code) ? scrubText(error.message) : WITHHELD,
    ...factsOf(error),
    ...(stack === undefined ? {} : { stack }),
    ...(error.cause instanceof Error && depth < MAX_CAUSES ? { cause: describeError(error.cause, depth + 1) } : {}),
  }
}

/** The engine's messages that can only name identifiers of our program. */
const ENGINE_MESSAGES =
  /^(?:Cannot (?:read|set) properties of (?:undefined|null) \((?:reading|setting) '[\w$]{1,60}'\)|[\w$.]{1,80}(?:\(\.\.\.\))?(?:\.[\w$]{1,60})? is not (?:a function|a constructor|defined|iterable)|Maximum call stack size exceeded|Cannot access '[\w$]{1,60}' before initialization)$/

function quotesNothing(error: Error, code: string | undefined): boolean {
  if (error.name === 'RevenantError') return true
  return code === undefined && ENGINE_MESSAGES.test(error.message)
}

/** Facts that drivers and Node attach to their errors and that hold names of the schema or the network, never a value. */
const FACTS = [
  'syscall',
  'hostname',
  'address',
  'port',
  'severity',
  'routine',
  'schema',
  'table',
  'column',
  'constraint',
] as const

function factsOf(error: Error): Record<string, string | number> {
  const facts: Record<string, string | number> = {}
  for (const name of FACTS) {
    const value: unknown = Reflect.get(error, name)
    if (typeof value === 'number') facts[name] = value
    if (typeof value === 'string' && /^[\w.:%-]{1,128}$/.test(value)) facts[name] = value
  }
  return facts
}

function codeOf(error: Error): string | undefined {
  const code: unknown = Reflect.get(error, 'code')
  return typeof code === 'number' ? String(code) : identifier(code)
}

function identifier(value: unknown): string | undefined {
  return typeof value === 'string' && /^[\w.-]{1,64}$/.test(value) ? value : undefined
}

function framesOf(error: Error): string | undefined {
  const frames = error.stack?.split('\n').filter((line) => /^ {4}at /.test(line))
  return frames === undefined || frames.length === 0 ? undefined : frames.slice(0, 20).join('\n')
}
