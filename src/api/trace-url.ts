import type { Config } from '../config/config.ts'

/** Where people look at a trace; null where the configuration does not say, or there is no trace. */
export function traceUrl({ telemetry }: Pick<Config, 'telemetry'>, traceId: string | null): string | null {
  if (telemetry.traceUrl === undefined || traceId === null) return null
  return telemetry.traceUrl.replace('{traceId}', encodeURIComponent(traceId))
}
