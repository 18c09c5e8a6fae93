import type { SQSClient } from '@aws-sdk/client-sqs'
import { z } from 'zod'
import { openBroker } from '../brokers/broker-sink.ts'
import { MAX_BODY_BYTES } from '../formats/rendered.ts'
import { ACCESS_KEY_PAIR, AWS_ADVICE, attributesOf, awsClient, awsFields, awsRefusal, bodyOf, fifoOf, sendOnce } from './aws.ts'
import { CERTIFICATE_PAIR } from './entry-rules.ts'
import { commonFields, durationMs, type Sink, type SinkDeps } from './sink.ts'

export const sqsEntry = z
  .strictObject({
    ...commonFields,
    ...awsFields,
    sink: z.literal('sqs'),
    to: z
      .string()
      .refine(
        (value) => queueOf(value) !== undefined,
        'give the URL of a queue: https://sqs.<region>.amazonaws.com/<account>/<name>',
      )
      .describe('The URL of the queue; its host is who is asked.'),
  })
  .refine(({ to, region }) => region !== undefined || queueOf(to)?.region !== undefined, {
    message: 'give the region: the URL of the queue names none',
    path: ['region'],
  })
  .refine(ACCESS_KEY_PAIR.holds, ACCESS_KEY_PAIR.fault)
  .refine(CERTIFICATE_PAIR.holds, CERTIFICATE_PAIR.fault)

type SqsEntry = z.output<typeof sqsEntry>

/**
 * Sends each alert to a queue. On a FIFO queue its id deduplicates for five minutes and its finding is the message group.
 * Delivered: SQS has answered with the id of the message.
 */
export function openSqs(entry: SqsEntry, deps: SinkDeps): Sink {
  const queue = queueOf(entry.to)
  const options = awsClient(entry, deps)
  const region = entry.region ?? queue?.region ?? ''
  const fifo = queue?.fifo ?? false
  return openBroker<SQSClient>({
    name: entry.name,
    kind: 'sqs',
    maxBodyBytes: MAX_BODY_BYTES,
    timeoutMs: durationMs(entry.timeout ?? '15s'),
    async open() {
      const { SQSClient } = await import('@aws-sdk/client-sqs')
      return new SQSClient({ ...options, region, endpoint: new URL(entry.to).origin, useQueueUrlAsEndpoint: false })
    },
    shut: async (client) => client.destroy(),
    alive: () => true,
    turnOf: ({ envelope }) => (fifo && entry.groupBy === 'all' ? 'all' : envelope.key),
    async publish(client, message, signal) {
      const { SendMessageCommand } = await import('@aws-sdk/client-sqs')
      const command = new SendMessageCommand({
        QueueUrl: entry.to,
        MessageBody: bodyOf(message),
        MessageAttributes: attributesOf(message),
        ...(fifo ? fifoOf(message, entry.groupBy) : {}),
      })
      return sendOnce(client.send(command, { abortSignal: signal }))
    },
    refusal: awsRefusal,
    advice: AWS_ADVICE,
  })
}

function queueOf(value: string): { region: string | undefined; fifo: boolean } | undefined {
  const url = URL.parse(value)
  if (url === null || !/^https?:$/.test(url.protocol)) return undefined
  if ([url.username, url.password, url.search, url.hash].some((part) => part !== '')) return undefined
  if (!/^(\/[A-Za-z0-9._-]+)+$/.test(url.pathname)) return undefined
  const region = /^(?:sqs\.|vpce-[a-z0-9-]+\.sqs\.)([a-z0-9-]+)\.(?:vpce\.)?amazonaws\.com(?:\.cn)?$/.exec(url.hostname)?.[1]
  return { region, fifo: url.pathname.endsWith('.fifo') }
}
