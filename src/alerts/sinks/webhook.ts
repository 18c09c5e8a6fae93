import { z } from 'zod'
import { MAX_BODY_BYTES } from '../formats/rendered.ts'
import { type SigningKey, sign, signingKeys } from '../webhook/signature.ts'
import { CERTIFICATE_PAIR } from './entry-rules.ts'
import { httpSink } from './http.ts'
import { urlField } from './http-address.ts'
import { isSuccess, refused } from './http-answer.ts'
import { commonFields, type Message, resolved, type Sink, type SinkDeps, secretField, tlsFields } from './sink.ts'

export const webhookEntry = z
  .strictObject({
    ...commonFields,
    ...tlsFields,
    ...secretField,
    sink: z.literal('webhook'),
    to: urlField('The URL of the receiver.'),
  })
  .refine(CERTIFICATE_PAIR.holds, CERTIFICATE_PAIR.fault)

/**
 * POSTs each alert as Standard Webhooks says. 2xx: delivered. 410: the receiver wants no more, the sink is to be disabled.
 * Everything else is a failure to be tried again, 3xx (never followed) and 4xx included: a receiver that is set up wrongly is
 * mended sooner or later, and the queue gives up by itself.
 */
export function openWebhook(entry: z.output<typeof webhookEntry>, deps: SinkDeps): Sink {
  const { secret } = resolved(entry, deps, ['secret'])
  const keys = secret === undefined ? [] : signingKeys(secret)
  return httpSink(entry, deps, {
    kind: 'webhook',
    maxBodyBytes: MAX_BODY_BYTES,
    async deliver(message, http) {
      const answer = await http.post({ headers: headers(message, keys, deps), body: message.rendered.body })
      if (isSuccess(answer)) return { detail: { status: answer.status } }
      const gone = answer.status === 410
      throw refused(entry.name, answer, { retry: !gone, disables: gone })
    },
  })
}

function headers({ envelope, rendered }: Message, keys: readonly SigningKey[], { now }: SinkDeps): Record<string, string> {
  const timestamp = Math.floor(now().epochMilliseconds / 1_000)
  return {
    'content-type': rendered.contentType,
    'webhook-id': envelope.id,
    'webhook-timestamp': String(timestamp),
    ...(keys.length === 0 ? {} : { 'webhook-signature': sign(keys, envelope.id, timestamp, rendered.body) }),
  }
}
