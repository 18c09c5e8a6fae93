import { anyAsked, type Env, exportsAsked } from './exports.ts'
import { type Logger, type LogLevel, lineWriter, openLogger } from './logger.ts'
import { type Meters, openMeters } from './meters.ts'
import { idleTracer, type Tracer } from './tracer.ts'

export interface TelemetryOptions {
  version: string
  /** This replica's name. */
  instance: string
  logLevel: LogLevel
  /** `process.env`. The SDK reads that one itself, so another object only serves to ask for nothing. */
  env: Env
  /** Where log lines go; `stderr` for commands whose standard output is their answer. */
  logTo?: 'stdout' | 'stderr'
}

export interface Telemetry {
  logger: Logger
  tracer: Tracer
  meters: Meters
  /** Everything counted, in Prometheus text format. */
  metricsText(): Promise<string>
  /** Sends what is buffered, for at most five seconds. Never throws. */
  shutdown(): Promise<void>
}

/** Process managers allow ten seconds between SIGTERM and SIGKILL; a receiver that is down must not use them up. */
const SHUTDOWN_MS = 5_000

/**
 * Opens log, tracer and meters. Nothing is exported unless the environment asks for it (see exports.ts), and then only is the
 * OpenTelemetry SDK loaded.
 *
 * @throws Error when `OTEL_CONFIG_FILE` cannot be used
 */
export async function startTelemetry(options: TelemetryOptions): Promise<Telemetry> {
  const { version, instance, env } = options
  const meters = openMeters()
  const asked = exportsAsked(env)
  const toStream = lineWriter(options.logTo ?? 'stdout')
  let alsoTo: ((line: string) => void) | undefined
  const logger = openLogger({
    level: options.logLevel,
    fields: { service: 'revenant', version, instance },
    write: (line) => {
      toStream(line)
      alsoTo?.(line)
    },
  })
  const metricsText = () => textOf(meters, options)
  if (!anyAsked(asked)) return { logger, tracer: idleTracer, meters, metricsText, shutdown: async () => {} }

  const { startSdk } = await import('./sdk.ts')
  const sdk = startSdk({ asked, env, version, instance, logger, instruments: meters.instruments })
  alsoTo = sdk.onLine
  let stopping: Promise<void> | undefined
  const stop = async () => {
    try {
      if (!(await endsWithin(SHUTDOWN_MS, sdk.shutdown())))
        logger.warn('some telemetry was not sent: the receiver takes too long')
    } catch (error) {
      logger.warn({ err: error }, 'some telemetry was not sent')
    }
    alsoTo = undefined
  }
  const shutdown = () => {
    stopping ??= stop()
    return stopping
  }
  return { logger, tracer: sdk.tracer ?? idleTracer, meters, metricsText, shutdown }
}

async function textOf(meters: Meters, { version, instance }: TelemetryOptions): Promise<string> {
  const { prometheusText } = await import('./prometheus.ts')
  return prometheusText(meters.instruments, {
    'service.name': 'revenant',
    'service.version': version,
    'service.instance.id': instance,
  })
}

/** Waits for `work`, but not longer than `ms`; says whether it ended. What it throws later is nobody's any more. */
async function endsWithin(ms: number, work: Promise<void>): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => resolve(false), ms)
  try {
    return await Promise.race([work.then(() => true), late])
  } finally {
    clearTimeout(timer)
  }
}
