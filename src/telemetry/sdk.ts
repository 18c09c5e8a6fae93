import { context, DiagLogLevel, diag, logs, metrics, propagation, trace } from '@opentelemetry/api'
import { parseConfigFile } from '@opentelemetry/configuration'
import { defaultResource, envDetector, hostDetector, osDetector, resourceFromAttributes } from '@opentelemetry/resources'
import { NodeSDK, startNodeSdk } from '@opentelemetry/sdk-node'
import { diagnostics, diagnosticsLevel } from './diagnostics.ts'
import type { Env, ExportsAsked } from './exports.ts'
import type { Instrument } from './instrument.ts'
import { logBridge } from './log-bridge.ts'
import type { Logger } from './logger.ts'
import { bridgeMetrics } from './metric-bridge.ts'
import { openSampler } from './sampler.ts'
import { spanTracer } from './span-tracer.ts'
import type { Tracer } from './tracer.ts'

export interface SdkOptions {
  asked: ExportsAsked
  env: Env
  version: string
  instance: string
  logger: Logger
  instruments: readonly Instrument[]
}

export interface Sdk {
  tracer: Tracer | undefined
  /** Receives every log line while logs are exported. */
  onLine: ((line: string) => void) | undefined
  /** Sends what is buffered. May take as long as the exporters' own timeouts. */
  shutdown(): Promise<void>
}

/**
 * Starts the OpenTelemetry SDK for the signals that were asked for and ties our instruments to it. It reads `process.env` by itself.
 * No instrumentation is loaded: those of HTTP clients write whole URLs, query included, into spans.
 *
 * @throws Error when `OTEL_CONFIG_FILE` cannot be used: the SDK itself would go on with nothing and say so to nobody
 */
export function startSdk(options: SdkOptions): Sdk {
  const { asked, env, logger } = options
  const running = asked.configFile === undefined ? startFromEnv(options) : startFromFile(asked.configFile, logger)
  diag.setLogger(diagnostics(logger), { logLevel: diagnosticsLevel(env), suppressOverrideMessage: true })
  if (asked.metrics) bridgeMetrics(metrics.getMeter('revenant', options.version), options.instruments)
  return {
    tracer: asked.traces ? tracerOf(options, asked.configFile !== undefined) : undefined,
    onLine: asked.logs ? logBridge(logs.getLogger('revenant', options.version)) : undefined,
    shutdown: async () => {
      try {
        await running.shutdown()
      } finally {
        for (const api of [trace, metrics, logs, context, propagation, diag]) api.disable()
      }
    },
  }
}

interface Running {
  shutdown(): Promise<void>
}

function startFromEnv({ asked, env, version, instance, logger }: SdkOptions): Running {
  diag.setLogger(diagnostics(logger), { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true })
  const options: ConstructorParameters<typeof NodeSDK>[0] = {
    // Below what OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say, which the detectors read.
    resource: defaultResource().merge(
      resourceFromAttributes({ 'service.name': 'revenant', 'service.version': version, 'service.instance.id': instance }),
    ),
    // Not the SDK's whole default list: its process detector publishes the command line, its instance detector a random id.
    ...(env.OTEL_NODE_RESOURCE_DETECTORS ? {} : { resourceDetectors: [hostDetector, osDetector, envDetector] }),
    sampler: openSampler(env, (message) => logger.warn(message)),
    // An empty list turns a signal off; left out, the SDK reads the exporters from the environment.
    ...(asked.traces ? {} : { spanProcessors: [] }),
    ...(asked.metrics ? {} : { metricReaders: [] }),
    ...(asked.logs ? {} : { logRecordProcessors: [] }),
  }
  const sdk = withoutConsole(() => new NodeSDK(options))
  sdk.start()
  return sdk
}

/** With OTEL_LOG_LEVEL set the SDK would write to our standard output by itself, past every filter. */
function withoutConsole<T>(make: () => T): T {
  const level = process.env.OTEL_LOG_LEVEL
  delete process.env.OTEL_LOG_LEVEL
  try {
    return make()
  } finally {
    if (level !== undefined) process.env.OTEL_LOG_LEVEL = level
  }
}

/** `OTEL_CONFIG_FILE` is read by the SDK's experimental entrance only, and replaces every other OTEL_ variable, our sampler too. */
function startFromFile(file: string, logger: Logger): Running {
  const sampler = parseFile(file).tracer_provider?.sampler
  if (sampler !== undefined && sampler !== null && !('always_on' in sampler)) {
    logger.warn(
      { event: 'telemetry.sampling' },
      'the sampler of OTEL_CONFIG_FILE decides alone: spans of acceptances may be left out',
    )
  }
  return startNodeSdk()
}

function parseFile(file: string) {
  try {
    return parseConfigFile(file)
  } catch (cause) {
    throw new Error('OTEL_CONFIG_FILE: the file cannot be read as an OpenTelemetry configuration of version 1.x', { cause })
  }
}

function tracerOf({ version, logger }: SdkOptions, fromFile: boolean): Tracer | undefined {
  const otel = trace.getTracer('revenant', version)
  // The no-op tracer hands out the invalid trace id of all zeros. Trials need a real one, so ours steps in.
  const works = trace.isSpanContextValid(otel.startSpan('revenant.start').spanContext())
  if (!works && !fromFile)
    logger.warn({ event: 'telemetry.traces' }, 'no traces are exported: OTEL_TRACES_EXPORTER names no usable exporter')
  return works ? spanTracer(otel) : undefined
}
