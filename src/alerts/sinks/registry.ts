import { z } from 'zod'
import { amqpEntry, openAmqp } from './amqp.ts'
import { elasticsearchEntry, openElasticsearch } from './elasticsearch.ts'
import { fileEntry, openFileSink } from './file.ts'
import { googleSecopsEntry, openGoogleSecops } from './google-secops.ts'
import { jiraServiceManagementEntry, openJiraServiceManagement } from './jira-service-management.ts'
import { kafkaEntry, openKafka } from './kafka.ts'
import { natsEntry, openNats } from './nats.ts'
import { openOtlp, otlpEntry } from './otlp.ts'
import { openPagerduty, pagerdutyEntry } from './pagerduty.ts'
import { openSentinel, sentinelEntry } from './sentinel.ts'
import type { Sink, SinkDeps } from './sink.ts'
import { openSlack, slackEntry } from './slack.ts'
import { openSmtp, smtpEntry } from './smtp.ts'
import { openSns, snsEntry } from './sns.ts'
import { openSplunkHec, splunkHecEntry } from './splunk-hec.ts'
import { openSqs, sqsEntry } from './sqs.ts'
import { openSsf, ssfEntry } from './ssf.ts'
import { openStdout, stdoutEntry } from './stdout.ts'
import { openSyslog, syslogEntry } from './syslog.ts'
import { openTeams, teamsEntry } from './teams.ts'
import { openWebhook, webhookEntry } from './webhook.ts'

/** Receivers that take what they are told of one finding together: a group or a sign of life is none. */
const ALONE = { alone: true } as const
/** Receivers that open an incident of each key and close it by that key: a group would never be closed, a sign of life never ends. */
const INCIDENTS = { alone: true, closes: true } as const

/** Every sink: a new one is a file here and a row in this table, and the configuration knows it. */
export const SINKS = {
  webhook: define(webhookEntry, openWebhook),
  syslog: define(syslogEntry, openSyslog),
  stdout: define(stdoutEntry, openStdout),
  file: define(fileEntry, openFileSink),
  'splunk-hec': define(splunkHecEntry, openSplunkHec),
  elasticsearch: define(elasticsearchEntry, openElasticsearch),
  sentinel: define(sentinelEntry, openSentinel),
  'google-secops': define(googleSecopsEntry, openGoogleSecops),
  otlp: define(otlpEntry, openOtlp),
  slack: define(slackEntry, openSlack),
  teams: define(teamsEntry, openTeams),
  pagerduty: define(pagerdutyEntry, openPagerduty, INCIDENTS),
  ssf: define(ssfEntry, openSsf, ALONE),
  'jira-service-management': define(jiraServiceManagementEntry, openJiraServiceManagement, INCIDENTS),
  kafka: define(kafkaEntry, openKafka),
  nats: define(natsEntry, openNats),
  amqp: define(amqpEntry, openAmqp),
  sqs: define(sqsEntry, openSqs),
  sns: define(snsEntry, openSns),
  smtp: define(smtpEntry, openSmtp),
} as const

export type SinkKind = keyof typeof SINKS
export type SinkEntry = z.output<(typeof SINKS)[SinkKind]['schema']>

/** One entry of `alerts` in the configuration. Parsing its own output again changes nothing. */
export const sinkEntry = anyOf(Object.values(SINKS).map(({ schema }) => schema))

/**
 * Opens the sink of an entry. Nothing is sent or connected yet.
 * Throws SECRET_UNAVAILABLE (a reference that is not in `deps`), SECRET_INVALID (a secret that does not fit), CONFIG_INVALID
 * (TLS material that OpenSSL does not take).
 */
export function openSink(entry: SinkEntry, deps: SinkDeps): Sink {
  return SINKS[entry.sink].open(entry, deps)
}

/** @param traits `alone`: it takes one alert a message and no signs of life; `closes`: it keeps an incident until it is told of the end */
function define<Schema extends z.ZodObject>(
  schema: Schema,
  open: (entry: z.output<Schema>, deps: SinkDeps) => Sink,
  { alone = false, closes = false }: { alone?: boolean; closes?: boolean } = {},
) {
  return { schema, alone, closes, open: (entry: unknown, deps: SinkDeps): Sink => open(schema.parse(entry), deps) }
}

function anyOf<Schema extends z.core.$ZodTypeDiscriminable>([first, ...rest]: readonly Schema[]) {
  if (first === undefined) throw new TypeError('there is no sink')
  return z.discriminatedUnion('sink', [first, ...rest])
}
