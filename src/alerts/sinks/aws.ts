import { Agent } from 'node:https'
import { z } from 'zod'
import { errorCode } from '../../domain/error.ts'
import type { Refusal } from '../brokers/broker-sink.ts'
import { factHeaders } from '../brokers/facts.ts'
import { durationMs, type Message, resolved, type SinkDeps, secretField, tlsFields, tlsMaterial } from './sink.ts'

/** What the entries of AWS's services share. */
export const awsFields = {
  ...tlsFields,
  ...secretField,
  region: z
    .string()
    .regex(/^[a-z]{2,}(-[a-z0-9]+)+$/, 'give a region such as eu-west-1')
    .optional()
    .describe('Left out: the one named in `to`.'),
  accessKeyId: z
    .string()
    .regex(/^[A-Z0-9_]{16,128}$/, 'give an access key id: 16 to 128 capitals and digits')
    .optional()
    .describe(
      'Its secret access key is the secret. Left out: the default chain of AWS (environment, web identity, instance role …).',
    ),
  groupBy: z
    .enum(['finding', 'all'])
    .default('finding')
    .describe('FIFO only: the message group. finding: order within each finding; all: one group, total order.'),
}

export const ACCESS_KEY_PAIR = {
  holds: ({ accessKeyId, secret }: { accessKeyId?: string | undefined; secret?: string | undefined }) =>
    (accessKeyId === undefined) === (secret === undefined),
  fault: { message: 'accessKeyId and secret belong together', path: ['accessKeyId'] },
}

interface AwsEntry {
  name: string
  timeout?: string | undefined
  tls: 'verify' | 'insecure'
  ca?: string | undefined
  clientCert?: string | undefined
  clientKey?: string | undefined
  secret?: string | undefined
  accessKeyId?: string | undefined
}

/** Settings of an SDK client that makes one try, trusts what the entry says, and follows nothing. Throws as `tlsMaterial` does. */
export function awsClient(entry: AwsEntry, deps: SinkDeps) {
  const timeoutMs = durationMs(entry.timeout ?? '15s')
  const { secret } = resolved(entry, deps, ['secret'])
  const tls = tlsMaterial(entry, deps)
  return {
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: timeoutMs,
      requestTimeout: timeoutMs,
      httpsAgent: new Agent({ keepAlive: true, maxSockets: 8, ...tls }),
    },
    ...(entry.accessKeyId === undefined || secret === undefined
      ? {}
      : { credentials: { accessKeyId: entry.accessKeyId, secretAccessKey: secret } }),
  }
}

/** SQS and SNS filter by attributes, ten at the most: these. */
const ATTRIBUTES = ['id', 'dedup', 'event', 'kind', 'severity', 'state', 'system', 'fingerprint', 'test'].map(
  (name) => `revenant-${name}`,
)

export function attributesOf({ envelope, rendered }: Message): Record<string, { DataType: 'String'; StringValue: string }> {
  const headers = factHeaders(envelope, rendered)
  const kept = ['content-type', ...ATTRIBUTES].flatMap((name) => {
    const value = headers[name]
    return value === undefined ? [] : [[name, { DataType: 'String' as const, StringValue: value }] as const]
  })
  return Object.fromEntries(kept)
}

/**
 * Both services take XML 1.0 characters only and refuse a message with others. JSON escapes them already; U+FFFE and U+FFFF, which
 * it does not escape, mean nothing anywhere.
 */
export function bodyOf({ rendered }: Message): string {
  return rendered.body.replace(/[^\P{Cc}\t\n\r\u007F-\u009F]|[\uFFFE\uFFFF]/gu, '\uFFFD').toWellFormed()
}

/** 1 to 128 of the characters that both services allow for groups and deduplication ids. */
export function token(value: string): string {
  return value.replace(/[^\x21-\x7e]/g, '_').slice(0, 128)
}

/** What a FIFO queue or topic is told beside the message: what it deduplicates and groups by. */
export function fifoOf({ envelope }: Message, groupBy: 'finding' | 'all') {
  return {
    MessageDeduplicationId: token(envelope.id),
    MessageGroupId: groupBy === 'all' ? 'revenant' : token(envelope.key),
  }
}

/** What no later try can change: the message itself is refused. */
const FINAL: ReadonlySet<string> = new Set([
  'InvalidMessageContents',
  'InvalidParameterException',
  'InvalidParameterValueException',
  'InvalidParameterValue',
  'InvalidAttributeName',
  'InvalidAttributeValue',
])

/**
 * One request. Rejects as the SDK does, except that a broken connection keeps the code of what broke it: the SDK calls some of
 * them time-outs.
 */
export async function sendOnce<Answer extends { MessageId?: string | undefined; SequenceNumber?: string | undefined }>(
  request: Promise<Answer>,
): Promise<Record<string, string>> {
  const { MessageId, SequenceNumber } = await request.catch((thrown: unknown) => {
    const code = statusOf(thrown) === undefined ? errorCode(thrown) : undefined
    throw code === undefined || !/^[A-Z_]+$/.test(code) ? thrown : Object.assign(new Error('the connection failed'), { code })
  })
  // A proxy's page with status 200 is parsed into nothing.
  if (MessageId === undefined || MessageId === '')
    throw Object.assign(new Error('no message id came back'), { code: 'NO_ANSWER' })
  // Of other text than these nobody knows what it quotes.
  return {
    ...(UUID.test(MessageId) ? { messageId: MessageId } : {}),
    ...(SequenceNumber !== undefined && /^[0-9]{1,38}$/.test(SequenceNumber) ? { sequence: SequenceNumber } : {}),
  }
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** The service's error code, from an answer that it gave; a client without credentials to sign with never asked. */
export function awsRefusal(thrown: unknown): Refusal | undefined {
  if (!(thrown instanceof Error)) return undefined
  if (thrown.name === 'CredentialsProviderError') return { error: 'NO_CREDENTIALS', retry: true }
  const status = statusOf(thrown)
  if (status === undefined) return undefined
  // `AWS.SimpleQueueService.InvalidParameterValue` in the old protocol's words, which the SDK prefers.
  const name = thrown.name.split('.').at(-1) ?? ''
  // A gateway in between answers with pages: the SDK then has a status and no name worth keeping.
  return { error: isCode(name) ? name : status, retry: !FINAL.has(name) }
}

const WRONG_KEY = 'The signature is wrong: check `accessKeyId`, `secret` and `region`, and the clock of this machine.'
const FORBIDDEN =
  'These credentials may not send there: allow sqs:SendMessage or sns:Publish (and kms:GenerateDataKey for an encrypted target).'
const NO_QUEUE = 'The queue does not exist in this account and region: check `to`.'
export const AWS_ADVICE = {
  NO_CREDENTIALS: 'AWS’s default chain found no credentials on this machine: give it a role, or set `accessKeyId` and `secret`.',
  QueueDoesNotExist: NO_QUEUE,
  NonExistentQueue: NO_QUEUE,
  NotFoundException: 'The topic does not exist in this account and region: check `to`.',
  InvalidSignatureException: WRONG_KEY,
  SignatureDoesNotMatch: WRONG_KEY,
  InvalidClientTokenId: WRONG_KEY,
  AccessDenied: FORBIDDEN,
  AccessDeniedException: FORBIDDEN,
  AuthorizationErrorException: FORBIDDEN,
}

/**
 * The other codes of SendMessage, Publish and every service (API references, "Errors" and "Common Errors"), without the `Exception` that
 * some protocols add. An unknown one is not passed on: what a receiver sends in its place may quote a secret.
 */
const CODES: ReadonlySet<string> = new Set([
  'AuthorizationError',
  'EndpointDisabled',
  'ExpiredToken',
  'IncompleteSignature',
  'InternalError',
  'InternalFailure',
  'InvalidAction',
  'InvalidAddress',
  'InvalidParameter',
  'InvalidSecurity',
  'KmsAccessDenied',
  'KmsDisabled',
  'KmsInvalidKeyUsage',
  'KmsInvalidState',
  'KmsNotFound',
  'KmsOptInRequired',
  'KmsThrottled',
  'KMSAccessDenied',
  'KMSDisabled',
  'KMSInvalidState',
  'KMSNotFound',
  'KMSOptInRequired',
  'KMSThrottling',
  'MalformedHttpRequest',
  'MissingAuthenticationToken',
  'NotAuthorized',
  'NotFound',
  'OptInRequired',
  'OverLimit',
  'PlatformApplicationDisabled',
  'RequestAborted',
  'RequestExpired',
  'RequestThrottled',
  'RequestTimeout',
  'ServiceUnavailable',
  'Throttled',
  'Throttling',
  'UnrecognizedClient',
  'UnsupportedOperation',
  'ValidationError',
  'Validation',
])

function isCode(name: string): boolean {
  return Object.hasOwn(AWS_ADVICE, name) || FINAL.has(name) || CODES.has(name.replace(/Exception$/, ''))
}

function statusOf(thrown: unknown): number | undefined {
  const metadata = thrown instanceof Error && '$metadata' in thrown ? thrown.$metadata : undefined
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined
}
