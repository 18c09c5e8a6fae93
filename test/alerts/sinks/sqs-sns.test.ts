import type { AddressInfo } from 'node:net'
import { CreateTopicCommand, SNSClient, SubscribeCommand } from '@aws-sdk/client-sns'
import { CreateQueueCommand, ReceiveMessageCommand, SQSClient, type Message as Stored } from '@aws-sdk/client-sqs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newId } from '../../../src/domain/id.ts'
import { type Service, type SqsOptions, startService, startSqs } from '../../servers/sqs.ts'
import { ALERT } from '../sample.ts'
import { brokerSinkSuite } from './broker-suite.ts'
import { authority, keep, numbered, openEntry, PASSWORD, receiptOf, serverPair, sized } from './brokers.ts'
import { failureOf, MARK, message } from './deps.ts'

// Receivers: fauxqs (npm), an emulator of SQS and SNS, behind a gate of ours that checks Signature Version 4 as AWS documents it.
const REGION = 'eu-west-1'
const KEY_ID = 'AKIAREVENANTTEST0001'
const ACCOUNT = '000000000000'
const keys = { [KEY_ID]: PASSWORD }

let service: Service
let reader: { sqs: SQSClient; sns: SNSClient }
beforeAll(async () => {
  service = await startService()
  const own = {
    region: REGION,
    endpoint: `http://127.0.0.1:${(service.server.address() as AddressInfo).port}`,
    credentials: { accessKeyId: 'reader', secretAccessKey: 'reader' },
  }
  reader = { sqs: new SQSClient(own), sns: new SNSClient(own) }
})
afterAll(async () => {
  reader.sqs.destroy()
  reader.sns.destroy()
  await service.close()
})

const gate = async (options: Partial<SqsOptions> = {}) => keep(await startSqs({ keys, region: REGION, service, ...options }))

/** A new queue, and how to read it to its end. */
async function queue(fifo: boolean, own: string = newId()) {
  const name = fifo ? `${own}.fifo` : own
  const { QueueUrl } = await reader.sqs.send(
    new CreateQueueCommand({ QueueName: name, Attributes: fifo ? { FifoQueue: 'true' } : { MaximumMessageSize: '20000' } }),
  )
  return {
    name,
    path: `/${ACCOUNT}/${name}`,
    arn: `arn:aws:sqs:${REGION}:${ACCOUNT}:${name}`,
    async all(): Promise<Stored[]> {
      const all: Stored[] = []
      for (;;) {
        const asked = new ReceiveMessageCommand({
          QueueUrl,
          MaxNumberOfMessages: 10,
          MessageAttributeNames: ['All'],
          MessageSystemAttributeNames: ['All'],
          VisibilityTimeout: 0,
          WaitTimeSeconds: 0,
        })
        const { Messages = [] } = await reader.sqs.send(new ReceiveMessageCommand({ ...asked.input, VisibilityTimeout: 60 }))
        if (Messages.length === 0) return all
        all.push(...Messages)
        // A FIFO queue holds the rest of a group back until these are gone.
        if (fifo) await remove(QueueUrl, Messages)
      }
    },
  }
}

async function remove(QueueUrl: string | undefined, messages: readonly Stored[]): Promise<void> {
  const { DeleteMessageCommand } = await import('@aws-sdk/client-sqs')
  for (const { ReceiptHandle } of messages) await reader.sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }))
}

async function topic(fifo: boolean) {
  const name = fifo ? `${newId()}.fifo` : newId()
  const { TopicArn } = await reader.sns.send(
    new CreateTopicCommand({
      Name: name,
      ...(fifo ? { Attributes: { FifoTopic: 'true', ContentBasedDeduplication: 'false' } } : {}),
    }),
  )
  const subscriber = await queue(fifo)
  await reader.sns.send(
    new SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint: subscriber.arn, Attributes: { RawMessageDelivery: 'true' } }),
  )
  return { arn: TopicArn ?? '', subscriber }
}

const credentials = { accessKeyId: KEY_ID, secret: 'env:X' }
const sqs = (to: string, more: object = {}, deps: object = {}) =>
  openEntry({ sink: 'sqs', to, region: REGION, ...credentials, ...more }, { secret: PASSWORD, ...deps })
const sns = (endpoint: string, to: string, more: object = {}, deps: object = {}) =>
  openEntry({ sink: 'sns', to, endpoint, ...credentials, ...more }, { secret: PASSWORD, ...deps })

describe('sqs', () => {
  it('sends the body, signed, with attributes to filter by', async () => {
    const { url, requests } = await gate()
    const target = await queue(false)
    const one = message()
    const sent = await receiptOf(sqs(`${url}${target.path}`), one)
    const [stored, ...more] = await target.all()
    expect(more).toEqual([])
    expect(stored?.MessageId).toBe(sent.messageId)
    expect(stored?.Body).toBe(one.rendered.body)
    expect(
      Object.fromEntries(Object.entries(stored?.MessageAttributes ?? {}).map(([name, { StringValue }]) => [name, StringValue])),
    ).toEqual({
      'content-type': 'application/json',
      'revenant-id': ALERT.id,
      'revenant-dedup': ALERT.dedupKey,
      'revenant-event': 'opened',
      'revenant-kind': 'residual_access',
      'revenant-severity': 'critical',
      'revenant-state': 'open',
      'revenant-system': 'payroll-db',
      'revenant-fingerprint': 'hmac:5b2c0e6a91d3',
    })
    expect(requests).toEqual(['AmazonSQS.SendMessage'])
  })

  it('gives a FIFO queue the alert’s id and its finding: a repeated one is stored once', async () => {
    const { url } = await gate()
    const target = await queue(true)
    const sink = sqs(`${url}${target.path}`)
    const first = await receiptOf(sink)
    expect((await receiptOf(sink)).messageId).toBe(first.messageId)
    const [stored, ...more] = await target.all()
    expect(more).toEqual([])
    expect(stored?.Attributes).toMatchObject({ MessageDeduplicationId: ALERT.id, MessageGroupId: ALERT.dedupKey })
  })

  it('puts all into one group where the entry says so', async () => {
    const { url } = await gate()
    const target = await queue(true)
    const sink = sqs(`${url}${target.path}`, { groupBy: 'all' })
    await Promise.all(['a', 'b', 'c'].map((key) => receiptOf(sink, numbered(1, key))))
    const stored = await target.all()
    expect(stored.map(({ Attributes }) => Attributes?.MessageGroupId)).toEqual(['revenant', 'revenant', 'revenant'])
    expect(stored.map(({ MessageAttributes }) => MessageAttributes?.['revenant-dedup']?.StringValue)).toEqual(['a', 'b', 'c'])
  })

  it('is not delivered to a queue that is unknown, or too small for the message', async () => {
    const { url } = await gate()
    expect(await failureOf(sqs(`${url}/${ACCOUNT}/nowhere`))).toMatchObject({
      code: 'SINK_REFUSED',
      retry: true,
      detail: { error: 'QueueDoesNotExist' },
    })
    const target = await queue(false)
    expect(await failureOf(sqs(`${url}${target.path}`), sized(30_000))).toMatchObject({ code: 'SINK_REFUSED', retry: false })
    expect(await target.all()).toEqual([])
  })

  it('never sends what XML cannot hold', async () => {
    const { url } = await gate()
    const target = await queue(false)
    const odd = { ...numbered(1), rendered: { contentType: 'text/plain', body: 'a\u0000b\u001bc\uFFFEd\uD800e' } }
    await receiptOf(sqs(`${url}${target.path}`), odd)
    expect((await target.all())[0]?.Body).toBe('a\uFFFDb\uFFFDc\uFFFDd\uFFFDe')
  })
})

describe('sns', () => {
  it('publishes the body, signed, with a subject and attributes, to every subscriber', async () => {
    const { url, requests } = await gate()
    const { arn, subscriber } = await topic(false)
    const one = message()
    await receiptOf(sns(url, arn), one)
    const [stored, ...more] = await subscriber.all()
    expect(more).toEqual([])
    expect(stored?.Body).toBe(one.rendered.body)
    expect(stored?.MessageAttributes?.['revenant-kind']?.StringValue).toBe('residual_access')
    expect(requests).toEqual(['Publish'])
  })

  it('gives a FIFO topic the alert’s id and its finding', async () => {
    const { url } = await gate()
    const { arn, subscriber } = await topic(true)
    const sink = sns(url, arn)
    await receiptOf(sink)
    await receiptOf(sink)
    const [stored, ...more] = await subscriber.all()
    expect(more).toEqual([])
    expect(stored?.Attributes).toMatchObject({ MessageDeduplicationId: ALERT.id, MessageGroupId: ALERT.dedupKey })
  })

  it('is not delivered to a topic that is unknown', async () => {
    const { url } = await gate()
    expect(await failureOf(sns(url, `arn:aws:sns:${REGION}:${ACCOUNT}:nowhere`))).toMatchObject({
      code: 'SINK_REFUSED',
      retry: true,
      detail: { error: 'NotFoundException' },
    })
  })

  it.each(['naïve 名前', '-\n', ''])('makes a subject that SNS takes of %j', async (title) => {
    const { url } = await gate()
    const { arn, subscriber } = await topic(false)
    await receiptOf(sns(url, arn), message({ ...ALERT, title: title.padEnd(300, 'x') }))
    await receiptOf(sns(url, arn), message({ ...ALERT, title }))
    expect((await subscriber.all()).length).toBe(2)
  })
})

const JSON_ERROR = { 'content-type': 'application/x-amz-json-1.0' }
describe.each(['sqs', 'sns'] as const)('%s, as every service of AWS', (kind) => {
  /** A sink for a target that exists, asked through a gate of these options. */
  async function sink(options: Partial<SqsOptions> = {}, more: object = {}, deps: object = {}) {
    const { url, port } = await gate(options)
    if (kind === 'sqs') {
      const target = await queue(false)
      return { port, url, target, sink: sqs(`${url}${target.path}`, more, deps) }
    }
    const { arn, subscriber } = await topic(false)
    return { port, url, target: subscriber, sink: sns(url, arn, more, deps) }
  }

  it('signs with what the default chain finds where the entry names no key, and says when it finds nothing', async () => {
    const own = { AWS_EC2_METADATA_DISABLED: 'true', AWS_SHARED_CREDENTIALS_FILE: '/dev/null', AWS_CONFIG_FILE: '/dev/null' }
    const before = { ...process.env }
    const { port, url, target } = await sink()
    const to = kind === 'sqs' ? { to: `${url}${target.path}`, region: REGION } : { to: (await topic(false)).arn, endpoint: url }
    try {
      Object.assign(process.env, own)
      for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_PROFILE']) delete process.env[name]
      expect(await failureOf(openEntry({ sink: kind, ...to }))).toMatchObject({
        code: 'SINK_REFUSED',
        retry: true,
        detail: { error: 'NO_CREDENTIALS' },
        advice: expect.stringContaining('default chain'),
      })
      Object.assign(process.env, { AWS_ACCESS_KEY_ID: KEY_ID, AWS_SECRET_ACCESS_KEY: PASSWORD })
      expect(await receiptOf(openEntry({ sink: kind, ...to }))).toMatchObject({ messageId: expect.any(String) })
      expect(port).toBeGreaterThan(0)
    } finally {
      for (const name of Object.keys(process.env)) if (before[name] === undefined) delete process.env[name]
      Object.assign(process.env, before)
    }
  })

  it.each([
    ['throttles', { status: 400, headers: JSON_ERROR, body: '{"__type":"com.amazonaws.sqs#RequestThrottled","message":"x"}' }],
    ['fails', { status: 500, headers: JSON_ERROR, body: '{"__type":"x#InternalFailure"}' }],
    ['is a gateway with a page', { status: 502, headers: { 'content-type': 'text/html' }, body: `<html>${MARK}</html>` }],
    ['answers garbage', { status: 503, body: '\u0000\u0001' }],
  ])('is tried again when the service %s, once each time', async (_, instead) => {
    let asked = 0
    const { sink: one } = await sink({
      instead: () => {
        asked++
        return instead
      },
    })
    expect(await failureOf(one)).toMatchObject({ code: 'SINK_REFUSED', retry: true, detail: { error: expect.anything() } })
    expect(asked).toBe(1)
  })

  it('does not take a page for an answer', async () => {
    const { sink: one } = await sink({
      instead: () => ({ status: 200, headers: { 'content-type': 'text/html' }, body: '<html>sign in</html>' }),
    })
    expect(await failureOf(one)).toMatchObject({ retry: true })
  })

  it('fails when the connection breaks, and in time where no answer comes', async () => {
    let what: 'reset' | 'hang' = 'reset'
    const { sink: one } = await sink({ instead: () => what }, { timeout: '400ms' })
    expect(await failureOf(one)).toMatchObject({ code: 'SINK_UNREACHABLE', retry: true, detail: { error: 'ECONNRESET' } })
    what = 'hang'
    expect(await failureOf(one)).toMatchObject({ code: 'SINK_UNREACHABLE', retry: true, detail: { error: 'TIMEOUT' } })
  })

  /** A FIFO target behind a gate that can be shut. */
  const suited = async (secure = false) => {
    let own = await gate(secure ? { tls: serverPair } : {})
    const { url, port } = own
    const to = kind === 'sqs' ? await queue(true) : await topic(true)
    const target = 'subscriber' in to ? to.subscriber : to
    const at = 'subscriber' in to ? { to: to.arn, endpoint: url } : { to: `${url}${to.path}`, region: REGION }
    return {
      entry: { sink: kind, ...at, ...credentials, ...(secure ? { ca: 'file:/ca' } : {}) },
      deps: { secret: PASSWORD, ca: authority.cert },
      stored: async () => sequencesOf(await target.all()),
      stop: () => own.close(),
      start: async () => {
        own = await gate({ port })
      },
    }
  }
  brokerSinkSuite({
    kind,
    open: suited,
    signIns: [
      {
        name: 'the key of the entry',
        open: async () => ({ ...(await suited()), wrong: { secret: `${MARK}-wrong` } }),
        refused: {
          advice: expect.stringContaining('signature'),
          detail: { error: expect.stringMatching(/^(InvalidSignatureException|SignatureDoesNotMatch)$/) },
        },
      },
    ],
    at: (port) => {
      const url = `http://127.0.0.1:${port}`
      const arn = `arn:aws:sns:${REGION}:${ACCOUNT}:alerts`
      const at = kind === 'sqs' ? { to: `${url}/${ACCOUNT}/alerts`, region: REGION } : { to: arn, endpoint: url }
      return { entry: { sink: kind, ...at, ...credentials }, deps: { secret: PASSWORD } }
    },
    // Its connection to the gate may be found broken first.
    gone: expect.stringMatching(/^ECONN(RESET|REFUSED)$/),
    handles: ['TCPSocketWrap', 'TCPSocketWrap'],
  })
})

function sequencesOf(stored: readonly Stored[]) {
  return stored.map(({ MessageAttributes, Body = '' }) => ({
    key: MessageAttributes?.['revenant-dedup']?.StringValue ?? '',
    sequence: Number(JSON.parse(Body).data.sequence),
  }))
}
