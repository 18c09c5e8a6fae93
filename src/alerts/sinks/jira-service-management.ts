import { z } from 'zod'
import type { Severity } from '../../domain/finding.ts'
import { plain } from '../plain.ts'
import { CERTIFICATE_PAIR } from './entry-rules.ts'
import { httpSink } from './http.ts'
import { below, urlField } from './http-address.ts'
import { isSuccess, jsonOf, refused, unexpected } from './http-answer.ts'
import {
  commonFields,
  formatField,
  type Message,
  requiredSecret,
  resolvedSecret,
  type Sink,
  type SinkDeps,
  tlsFields,
} from './sink.ts'

export const jiraServiceManagementEntry = z
  .strictObject({
    ...commonFields,
    ...tlsFields,
    secret: requiredSecret('The key of an API integration of the operations team.'),
    format: formatField(['text']),
    sink: z.literal('jira-service-management'),
    to: urlField('The Integration Events API.').default('https://api.atlassian.com/jsm/ops/integration/v2/alerts'),
    tags: z
      .array(z.string().min(1).max(50))
      .max(17)
      .default([])
      .describe('Put on every alert, beside revenant, its severity and its kind.'),
  })
  .refine(CERTIFICATE_PAIR.holds, CERTIFICATE_PAIR.fault)

type JiraEntry = z.output<typeof jiraServiceManagementEntry>

const PRIORITIES: Readonly<Record<Severity, string>> = { critical: 'P1', high: 'P2', medium: 'P3', low: 'P4', info: 'P5' }

/** What the API cuts or refuses beyond, in characters: those of Opsgenie's alert API, which this one continues. */
const LIMITS = { message: 130, alias: 512, description: 15_000, source: 100, entity: 512, tag: 50, detail: 500 } as const

const ADVICE: Readonly<Record<number, string>> = {
  401: 'The API does not accept the key: check that `secret` is the key of an API integration (not an API token), and that it is on.',
  403: 'The key may not do this: check that the integration may create alerts, and that it is on.',
  404: 'Nothing is at this address: check `to`.',
  422: 'The API cannot use the alert: check the access of the integration.',
}

const accepted = z.object({ requestId: z.string().min(1) })

/**
 * Creates an alert of Jira Service Management for each finding, and closes it when the finding is over: both by alias, the dedup key
 * of the finding, so that further events and retries count up the open alert. Delivered: the API has taken the request (202); it is
 * carried out later, under policies of the team.
 *
 * Source: developer.atlassian.com, "Integration Events API" (POST …/v2/alerts, GenieKey, asynchronous); that alerts are closed by
 * `identifierType=alias` is in JSDCLOUD-14179.
 */
export function openJiraServiceManagement(entry: JiraEntry, deps: SinkDeps): Sink {
  const key = resolvedSecret(entry, deps)
  const headers = { authorization: `GenieKey ${key}`, 'content-type': 'application/json', accept: 'application/json' }
  return httpSink(entry, deps, {
    kind: 'jira-service-management',
    maxBodyBytes: LIMITS.description,
    async deliver(message, http) {
      const { envelope } = message
      const url = envelope.closes ? closeUrl(http.to, aliasOf(message)) : http.to
      const body = envelope.closes ? closing(message, deps) : creating(message, entry, deps)
      const answer = await http.post({ url, headers, body: JSON.stringify(body), read: 'all' })
      if (!isSuccess(answer)) throw refused(entry.name, answer, { advice: ADVICE[answer.status] })
      if (jsonOf(answer, accepted) === undefined) throw unexpected(entry.name, answer)
      return { detail: { status: answer.status, action: envelope.closes ? 'close' : 'create' } }
    },
  })
}

function creating(message: Message, entry: JiraEntry, deps: SinkDeps) {
  const { envelope, rendered } = message
  const { kind, system } = envelope.facts
  const tags = [
    'revenant',
    envelope.severity,
    ...(kind === undefined ? [] : [kind]),
    ...(envelope.test ? ['test'] : []),
    ...entry.tags,
  ]
  return {
    message: plain(envelope.title, LIMITS.message),
    alias: aliasOf(message),
    description: rendered.body.slice(0, LIMITS.description).toWellFormed(),
    priority: PRIORITIES[envelope.severity],
    tags: [...new Set(tags)].map((tag) => tag.slice(0, LIMITS.tag)),
    details: Object.fromEntries(Object.entries(envelope.facts).map(([name, value]) => [name, plain(value, LIMITS.detail)])),
    source: sourceOf(deps),
    ...(system === undefined ? {} : { entity: plain(system, LIMITS.entity) }),
  }
}

function closing({ envelope }: Message, deps: SinkDeps) {
  return { source: sourceOf(deps), note: plain(envelope.title, LIMITS.description) }
}

function aliasOf({ envelope }: Message): string {
  return envelope.key.slice(0, LIMITS.alias)
}

function closeUrl(to: string, alias: string): string {
  return `${below(to, `${encodeURIComponent(alias)}/close`)}?identifierType=alias`
}

function sourceOf({ context }: SinkDeps): string {
  return plain(`${context.product.name} ${context.product.instance}`, LIMITS.source)
}
