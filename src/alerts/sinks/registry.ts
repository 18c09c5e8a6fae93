import { z } from 'zod'
import type { Sink, SinkDeps } from './sink.ts'
import { openStdout, stdoutEntry } from './stdout.ts'
import { openSyslog, syslogEntry } from './syslog.ts'
import { openWebhook, webhookEntry } from './webhook.ts'

/** Every sink. A new one is a file here and a row in this table; `sinkEntry` below and the configuration follow. */
export const SINKS = {
  webhook: define(webhookEntry, openWebhook),
  syslog: define(syslogEntry, openSyslog),
  stdout: define(stdoutEntry, openStdout),
} as const

export type SinkKind = keyof typeof SINKS

/** One entry of `alerts` in the configuration. Parsing its own output again changes nothing. */
export const sinkEntry = z.discriminatedUnion('sink', [SINKS.webhook.schema, SINKS.syslog.schema, SINKS.stdout.schema])
export type SinkEntry = z.infer<typeof sinkEntry>

/**
 * Opens the sink of an entry. Nothing is sent or connected yet.
 * Throws SECRET_UNAVAILABLE (a reference that is not in `deps`), SECRET_INVALID (a secret that does not fit), CONFIG_INVALID
 * (TLS material that OpenSSL does not take).
 */
export function openSink(entry: SinkEntry, deps: SinkDeps): Sink {
  return SINKS[entry.sink].open(entry, deps)
}

function define<Schema extends z.ZodObject>(schema: Schema, open: (entry: z.output<Schema>, deps: SinkDeps) => Sink) {
  return { schema, open: (entry: unknown, deps: SinkDeps): Sink => open(schema.parse(entry), deps) }
}
