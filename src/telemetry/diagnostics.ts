import { type DiagLogger, DiagLogLevel } from '@opentelemetry/api'
import type { Env } from './exports.ts'
import type { Logger } from './logger.ts'

/** How long the same complaint stays silent: a receiver that is down would otherwise fill the log at every export. */
const REPEAT_MS = 60_000
const MAX_REMEMBERED = 100

/** The SDK's own complaints, in our log. They pass its scrubbing: exporters' errors can quote what a receiver answered. */
export function diagnostics(logger: Logger, now: () => number = () => performance.now()): DiagLogger {
  const lastAt = new Map<string, number>()
  const say = (level: 'error' | 'warn' | 'info' | 'debug' | 'trace') => (message: string) => {
    const text = message.slice(0, 500)
    const key = text.slice(0, 80)
    const at = now()
    if (at - (lastAt.get(key) ?? Number.NEGATIVE_INFINITY) < REPEAT_MS) return
    if (lastAt.size >= MAX_REMEMBERED) lastAt.clear()
    lastAt.set(key, at)
    logger[level]({ event: 'telemetry.diagnostic' }, text)
  }
  // Failing to export is no failure of the daemon's work: a warning, whatever the SDK calls it.
  return { error: say('warn'), warn: say('warn'), info: say('info'), debug: say('debug'), verbose: say('trace') }
}

const LEVELS: Readonly<Record<string, DiagLogLevel>> = {
  none: DiagLogLevel.NONE,
  error: DiagLogLevel.ERROR,
  warn: DiagLogLevel.WARN,
  info: DiagLogLevel.INFO,
  debug: DiagLogLevel.DEBUG,
  verbose: DiagLogLevel.VERBOSE,
  all: DiagLogLevel.ALL,
}

/** `OTEL_LOG_LEVEL`, by default warnings. */
export function diagnosticsLevel(env: Env): DiagLogLevel {
  return LEVELS[env.OTEL_LOG_LEVEL?.trim().toLowerCase() ?? ''] ?? DiagLogLevel.WARN
}
