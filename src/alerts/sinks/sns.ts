import type { SNSClient } from '@aws-sdk/client-sns'
import { z } from 'zod'
import { openBroker } from '../brokers/broker-sink.ts'
import { MAX_BODY_BYTES } from '../formats/rendered.ts'
import { plain } from '../plain.ts'
import { ACCESS_KEY_PAIR, AWS_ADVICE, attributesOf, awsClient, awsFields, awsRefusal, bodyOf, fifoOf, sendOnce } from './aws.ts'
import { CERTIFICATE_PAIR } from './entry-rules.ts'
import { commonFields, durationMs, type Sink, type SinkDeps } from './sink.ts'

const ARN = /^arn:aws[a-z-]*:sns:([a-z0-9-]+):\d{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?$/

export const snsEntry = z
  .strictObject({
    ...commonFields,
    ...awsFields,
    sink: z.literal('sns'),
    to: z.string().regex(ARN, 'give the ARN of a topic: arn:aws:sns:<region>:<account>:<name>').describe('The ARN of the topic.'),
    endpoint: z
      .string()
      .refine((value) => isEndpoint(value), 'give https://host (or, in clear, http://host) without path')
      .optional()
      .describe('Who is asked instead of the region’s own endpoint: a VPC endpoint, a proxy.'),
  })
  .refine(ACCESS_KEY_PAIR.holds, ACCESS_KEY_PAIR.fault)
  .refine(CERTIFICATE_PAIR.holds, CERTIFICATE_PAIR.fault)

type SnsEntry = z.output<typeof snsEntry>

/** SNS: up to 100 ASCII characters, no line breaks, beginning with a letter, a digit or punctuation. Mail subscribers see it. */
const MAX_SUBJECT = 100

/**
 * Publishes each alert to a topic. On a FIFO topic its id deduplicates for five minutes and its finding is the message group.
 * Delivered: SNS has answered with the id of the message; what its subscribers then get is SNS's own affair.
 */
export function openSns(entry: SnsEntry, deps: SinkDeps): Sink {
  const options = awsClient(entry, deps)
  const region = entry.region ?? ARN.exec(entry.to)?.[1] ?? ''
  const fifo = entry.to.endsWith('.fifo')
  return openBroker<SNSClient>({
    name: entry.name,
    kind: 'sns',
    maxBodyBytes: MAX_BODY_BYTES,
    timeoutMs: durationMs(entry.timeout ?? '15s'),
    async open() {
      const { SNSClient } = await import('@aws-sdk/client-sns')
      return new SNSClient({ ...options, region, ...(entry.endpoint === undefined ? {} : { endpoint: entry.endpoint }) })
    },
    shut: async (client) => client.destroy(),
    alive: () => true,
    turnOf: ({ envelope }) => (fifo && entry.groupBy === 'all' ? 'all' : envelope.key),
    async publish(client, message, signal) {
      const { PublishCommand } = await import('@aws-sdk/client-sns')
      const command = new PublishCommand({
        TopicArn: entry.to,
        Subject: subjectOf(message.envelope.title),
        Message: bodyOf(message),
        MessageAttributes: attributesOf(message),
        ...(fifo ? fifoOf(message, entry.groupBy) : {}),
      })
      return sendOnce(client.send(command, { abortSignal: signal }))
    },
    refusal: awsRefusal,
    advice: AWS_ADVICE,
  })
}

function subjectOf(title: string): string {
  const ascii = plain(title, 1_000).replace(/[^\x20-\x7e]/g, '?')
  return (
    ascii
      .replace(/^[^A-Za-z0-9[(]+/, '')
      .slice(0, MAX_SUBJECT)
      .trim() || 'Revenant'
  )
}

function isEndpoint(value: string): boolean {
  const url = URL.parse(value)
  return (
    url !== null &&
    /^https?:$/.test(url.protocol) &&
    [url.username, url.password, url.search, url.hash].join('') === '' &&
    url.pathname === '/'
  )
}
