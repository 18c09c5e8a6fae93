import { z } from 'zod'
import { CERTIFICATE_PAIR } from './entry-rules.ts'
import { documentOf, httpSink } from './http.ts'
import { urlField } from './http-address.ts'
import { isSuccess, jsonOf, refused, unexpected } from './http-answer.ts'
import { commonFields, formatField, requiredSecret, resolvedSecret, type Sink, type SinkDeps, tlsFields } from './sink.ts'

export const pagerdutyEntry = z
  .strictObject({
    ...commonFields,
    ...tlsFields,
    secret: requiredSecret('The integration key (routing key) of an Events API v2 integration.'),
    format: formatField(['pagerduty']),
    sink: z.literal('pagerduty'),
    to: urlField('The Events API; in the service region EU https://events.eu.pagerduty.com/v2/enqueue.').default(
      'https://events.pagerduty.com/v2/enqueue',
    ),
  })
  .refine(CERTIFICATE_PAIR.holds, CERTIFICATE_PAIR.fault)

/** Events API v2: 512 KB an event. */
const MOST_BYTES = 512_000
const ROUTING_KEY = { pattern: /^[A-Za-z0-9]{32}$/, words: 'the integration key of a PagerDuty service: 32 letters and digits' }

/** Where it tells more than the status. The Events API answers 400 to a key that it does not know, too. */
const ADVICE: Readonly<Record<number, string>> = {
  400: 'PagerDuty does not take the event: check that `secret` is the key of an Events API v2 integration, and `to` its region.',
  403: 'PagerDuty forbids it: check the region in `to`.',
  404: 'PagerDuty knows no such address: check `to`.',
}

const taken = z.object({ status: z.literal('success') })

/**
 * Sends each alert to the Events API v2 of PagerDuty: `trigger` while anything is open, `resolve` when nothing is, under the dedup key
 * of the finding, so that a retry changes the same incident. Delivered: PagerDuty has taken the event (202). 400 is final, as its
 * documentation asks for; 429 and 5xx are tried again.
 */
export function openPagerduty(entry: z.output<typeof pagerdutyEntry>, deps: SinkDeps): Sink {
  const routingKey = resolvedSecret(entry, deps, ROUTING_KEY)
  return httpSink(entry, deps, {
    kind: 'pagerduty',
    mostBytes: MOST_BYTES,
    async deliver(message, http) {
      const event = z.looseObject({}).parse(documentOf(message))
      const body = JSON.stringify({ routing_key: routingKey, ...event })
      const answer = await http.post({ headers: { 'content-type': 'application/json' }, body, read: 'all' })
      if (!isSuccess(answer)) throw refused(entry.name, answer, { advice: ADVICE[answer.status] })
      if (jsonOf(answer, taken) === undefined) throw unexpected(entry.name, answer)
      return { detail: { status: answer.status } }
    },
  })
}
