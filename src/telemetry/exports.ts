/** Which signals the operator asked to have exported. */
export interface ExportsAsked {
  traces: boolean
  metrics: boolean
  logs: boolean
  /** Path of a declarative configuration (`OTEL_CONFIG_FILE`), which then decides alone. */
  configFile?: string
}

export type Env = Readonly<Record<string, string | undefined>>

/**
 * Reads from the environment what is to be exported. Left alone, the SDK would send all three signals to localhost:4318; we send
 * nothing unless asked. A signal is asked for by its exporter (`OTEL_TRACES_EXPORTER=otlp`; `none` declines it) or, where no
 * exporter is named, by an endpoint (`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`).
 * Empty variables count as unset, as the OpenTelemetry specification says.
 */
export function exportsAsked(env: Env): ExportsAsked {
  const configFile = setting(env, 'OTEL_CONFIG_FILE')
  if (setting(env, 'OTEL_SDK_DISABLED')?.toLowerCase() === 'true') return { traces: false, metrics: false, logs: false }
  if (configFile !== undefined) return { traces: true, metrics: true, logs: true, configFile }
  return { traces: isAsked(env, 'TRACES'), metrics: isAsked(env, 'METRICS'), logs: isAsked(env, 'LOGS') }
}

/** True when anything is. */
export function anyAsked(asked: ExportsAsked): boolean {
  return asked.traces || asked.metrics || asked.logs
}

function isAsked(env: Env, signal: 'TRACES' | 'METRICS' | 'LOGS'): boolean {
  const exporters = setting(env, `OTEL_${signal}_EXPORTER`)
  if (exporters !== undefined) return !exporters.split(',').some((name) => name.trim() === 'none')
  return (
    setting(env, 'OTEL_EXPORTER_OTLP_ENDPOINT') !== undefined ||
    setting(env, `OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`) !== undefined
  )
}

function setting(env: Env, name: string): string | undefined {
  const value = env[name]?.trim()
  return value === '' ? undefined : value
}
