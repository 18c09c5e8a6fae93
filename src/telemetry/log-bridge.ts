import {
  isSpanContextValid,
  type Logger as OtelLogger,
  ROOT_CONTEXT,
  SeverityNumber,
  TraceFlags,
  trace,
} from '@opentelemetry/api'

const SEVERITIES: Readonly<Record<string, SeverityNumber>> = {
  trace: SeverityNumber.TRACE,
  debug: SeverityNumber.DEBUG,
  info: SeverityNumber.INFO,
  warn: SeverityNumber.WARN,
  error: SeverityNumber.ERROR,
  fatal: SeverityNumber.FATAL,
}

/** Keys that become something else of the record, or that the resource says already. */
const CONSUMED = new Set(['level', 'time', 'msg', 'event', 'service', 'version', 'instance'])
const TRACE_KEYS = new Set(['trace_id', 'span_id'])

/**
 * Turns finished log lines into OpenTelemetry log records. It reads the line, not the call, so that whatever the log's sanitising
 * removed is gone here too. `event` becomes the event name, `trace_id` and `span_id` the trace context, nested fields JSON.
 */
export function logBridge(target: OtelLogger): (line: string) => void {
  return (line) => {
    const record: unknown = JSON.parse(line)
    if (typeof record === 'object' && record !== null) target.emit(logRecord(Object.entries(record)))
  }
}

function logRecord(entries: [string, unknown][]) {
  const fields = new Map(entries)
  const level = String(fields.get('level'))
  const event = fields.get('event')
  const context = contextOf(fields.get('trace_id'), fields.get('span_id'))
  const kept = entries.filter(([key]) => !CONSUMED.has(key) && (context === undefined || !TRACE_KEYS.has(key)))
  return {
    timestamp: Date.parse(String(fields.get('time'))),
    severityNumber: SEVERITIES[level] ?? SeverityNumber.UNSPECIFIED,
    severityText: level.toUpperCase(),
    body: String(fields.get('msg') ?? ''),
    context: context ?? ROOT_CONTEXT,
    ...(typeof event === 'string' ? { eventName: event } : {}),
    attributes: Object.fromEntries(kept.map(([key, value]) => [key, attribute(value)])),
  }
}

/** The SDK takes a trace id only together with a span id: without one, both stay attributes. */
function contextOf(traceId: unknown, spanId: unknown) {
  const span = { traceId: String(traceId), spanId: String(spanId), traceFlags: TraceFlags.NONE }
  return isSpanContextValid(span) ? trace.setSpanContext(ROOT_CONTEXT, span) : undefined
}

function attribute(value: unknown): string | number | boolean {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  return JSON.stringify(value) ?? ''
}
