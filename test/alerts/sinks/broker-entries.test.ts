import { createUser } from '@nats-io/nkeys'
import { describe, expect, it } from 'vitest'
import { openSink, SINKS, sinkEntry } from '../../../src/alerts/sinks/registry.ts'
import { authority, clientPair } from './brokers.ts'
import { DEPS, MARK } from './deps.ts'

const KAFKA = { name: 'bus', sink: 'kafka', to: 'tls://b1.internal:9093,tls://b2.internal', topic: 'security.revenant' }
const NATS = { name: 'bus', sink: 'nats', to: 'tls://nats.internal:4222', subject: 'security.revenant' }
const AMQP = {
  name: 'bus',
  sink: 'amqp',
  to: 'amqps://mq.internal',
  exchange: 'security',
  routingKey: 'revenant.{severity}',
  username: 'revenant',
  secret: 'env:MQ',
}
const SQS = { name: 'q', sink: 'sqs', to: 'https://sqs.eu-west-1.amazonaws.com/123456789012/alerts.fifo' }
const SNS = { name: 't', sink: 'sns', to: 'arn:aws:sns:eu-west-1:123456789012:alerts' }
const SMTP = {
  name: 'm',
  sink: 'smtp',
  to: 'smtp://mail.internal',
  from: 'revenant@example.com',
  recipients: ['soc@example.com'],
}
const ALL = [KAFKA, NATS, AMQP, SQS, SNS, SMTP]

describe('entries of brokers and mail', () => {
  it.each([
    ...ALL,
    { ...KAFKA, to: 'tcp://[::1]:9092', mechanism: 'plain', username: 'u', secret: 'env:X', timeout: '5s' },
    { ...KAFKA, ca: 'file:/ca', clientCert: 'file:/c', clientKey: 'file:/k', tls: 'insecure' },
    { ...NATS, to: 'nats://127.0.0.1', auth: 'creds', secret: 'file:/creds', stream: 'ALERTS' },
    { ...NATS, username: 'u', secret: 'env:X' },
    { ...AMQP, exchange: '', vhost: 'prod', format: 'ocsf' },
    { ...SQS, region: 'eu-central-1', accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secret: 'env:X', groupBy: 'all' },
    { ...SQS, to: 'https://vpce-0a1b2c3d-4e5f.sqs.us-east-1.vpce.amazonaws.com/123456789012/alerts' },
    { ...SNS, to: 'arn:aws-cn:sns:cn-north-1:123456789012:alerts.fifo', endpoint: 'https://vpce.internal' },
    { ...SMTP, to: 'smtps://mail.internal', cc: ['lead@example.com'], username: 'u', secret: 'env:X', format: 'text' },
    { ...SMTP, to: 'smtp://127.0.0.1:25', starttls: 'off' },
  ])('takes %j, and its own output again', (entry) => {
    const parsed = sinkEntry.parse(entry)
    expect(parsed).toMatchObject(entry)
    expect(sinkEntry.parse(parsed)).toEqual(parsed)
  })

  it.each([
    ['a password in an address', { ...KAFKA, to: `tls://u:${MARK}@b1:9093` }],
    ['brokers of two schemes', { ...KAFKA, to: 'tls://b1,tcp://b2' }],
    ['an empty broker', { ...KAFKA, to: 'tls://b1,' }],
    ['a path', { ...KAFKA, to: 'tls://b1/topic' }],
    ['no topic', { ...KAFKA, topic: undefined }],
    ['a topic with a space', { ...KAFKA, topic: 'a b' }],
    ['a topic of dots', { ...KAFKA, topic: '..' }],
    ['a user without password', { ...KAFKA, username: 'u' }],
    ['a password without user', { ...KAFKA, secret: 'env:X' }],
    ['a password itself', { ...KAFKA, username: 'u', secret: MARK }],
    ['a CA in clear', { ...KAFKA, to: 'tcp://b1', ca: 'file:/ca' }],
    ['a certificate without key', { ...KAFKA, clientCert: 'file:/c' }],
    ['an unknown mechanism', { ...KAFKA, mechanism: 'gssapi', username: 'u', secret: 'env:X' }],
    ['a wildcard', { ...NATS, subject: 'security.>' }],
    ['a subject with a space', { ...NATS, subject: 'a b' }],
    ['an empty token', { ...NATS, subject: 'a..b' }],
    ['a token that is not given', { ...NATS, auth: 'token' }],
    ['a user with a token', { ...NATS, auth: 'token', username: 'u', secret: 'env:X' }],
    ['a password without user', { ...NATS, secret: 'env:X' }],
    ['nobody', { ...AMQP, username: undefined, secret: undefined }],
    ['no routing key', { ...AMQP, routingKey: '' }],
    ['a queue’s URL with a query', { ...SQS, to: `${SQS.to}?x=${MARK}` }],
    ['a queue’s URL without region', { ...SQS, to: 'https://queue.internal/1/alerts' }],
    ['no queue', { ...SQS, to: 'https://sqs.eu-west-1.amazonaws.com/' }],
    ['a queue over FTP', { ...SQS, to: 'ftp://sqs.eu-west-1.amazonaws.com/1/a' }],
    ['a key without its secret', { ...SQS, accessKeyId: 'AKIAIOSFODNN7EXAMPLE' }],
    ['a name for a topic', { ...SNS, to: 'alerts' }],
    ['an ARN of a queue', { ...SNS, to: 'arn:aws:sqs:eu-west-1:123456789012:alerts' }],
    ['an endpoint with a path', { ...SNS, endpoint: 'https://a/b' }],
    ['no recipient', { ...SMTP, recipients: [] }],
    ['a recipient with a name', { ...SMTP, recipients: ['SOC <soc@example.com>'] }],
    ['a recipient with a line break', { ...SMTP, recipients: ['soc@example.com\r\nBcc: evil@example.com'] }],
    ['a mailbox for a server', { ...SMTP, to: 'soc@example.com' }],
    ['two servers', { ...SMTP, to: 'smtp://a,smtp://b' }],
    ['a password in clear', { ...SMTP, starttls: 'off', username: 'u', secret: 'env:X' }],
    ['smtps:// without TLS', { ...SMTP, to: 'smtps://a', starttls: 'off' }],
    ['a format for machines', { ...SMTP, format: 'cef' }],
    ['an unknown key', { ...SMTP, subject: 'x' }],
  ])('refuses %s, and quotes no secret', (_, entry) => {
    const { error } = sinkEntry.safeParse(entry)
    expect(error).toBeDefined()
    expect(String(error?.message)).not.toContain(MARK)
  })

  it('describes every key of its own', () => {
    const shared = new Set(Object.keys(SINKS.webhook.schema.shape))
    for (const kind of ['kafka', 'nats', 'amqp', 'sqs', 'sns', 'smtp'] as const)
      for (const [key, schema] of Object.entries(SINKS[kind].schema.shape))
        if (!shared.has(key) || key === 'to') expect(schema.description, `${kind}.${key}`).toMatch(/\.$/)
  })
})

describe('openSink', () => {
  it('opens every kind without connecting anywhere, and closes it', async () => {
    const deps = { ...DEPS, ca: authority.cert, clientCert: clientPair.cert, clientKey: clientPair.key, secret: MARK }
    for (const entry of ALL) {
      const sink = openSink(sinkEntry.parse({ ...entry, ...(entry.sink === 'smtp' ? {} : { ca: 'file:/ca' }) }), deps)
      expect(sink).toMatchObject({ name: entry.name, kind: entry.sink, maxBodyBytes: entry.sink === 'smtp' ? 256_000 : 20_000 })
      await sink.close()
    }
  })

  it.each([
    ['a password that nobody resolved', AMQP, {}, 'SECRET_UNAVAILABLE'],
    ['an empty password', AMQP, { secret: '' }, 'SECRET_UNAVAILABLE'],
    ['a CA that is none', { ...KAFKA, ca: 'file:/c' }, { ca: MARK }, 'CONFIG_INVALID'],
    ['a seed that is none', { ...NATS, auth: 'nkey', secret: 'env:X' }, { secret: `SU${MARK}` }, 'SECRET_INVALID'],
    ['credentials that are none', { ...NATS, auth: 'creds', secret: 'env:X' }, { secret: MARK }, 'SECRET_INVALID'],
    [
      'a seed for credentials',
      { ...NATS, auth: 'creds', secret: 'env:X' },
      { secret: Buffer.from(createUser().getSeed()).toString() },
      'SECRET_INVALID',
    ],
  ])('refuses %s, with a code and without quoting it', (_, entry, deps, code) => {
    const fail = () => openSink(sinkEntry.parse(entry), { ...DEPS, ...deps })
    expect(fail).toThrow(expect.objectContaining({ code }))
    expect(fail).not.toThrow(new RegExp(MARK))
  })
})
