import { createHash } from 'node:crypto'
import { isIP } from 'node:net'
import type { SendMailOptions, Transporter } from 'nodemailer'
import type { SMTPPoolOptions, SMTPPoolSentMessageInfo } from 'nodemailer/lib/smtp-pool'
import { z } from 'zod'
import { addressesOf } from '../brokers/address.ts'
import { openBroker, type Refusal } from '../brokers/broker-sink.ts'
import { factHeaders } from '../brokers/facts.ts'
import { plain } from '../plain.ts'
import { CERTIFICATE_PAIR, USERNAME_PAIR } from './entry-rules.ts'
import {
  commonFields,
  durationMs,
  formatField,
  type Message,
  resolved,
  type Sink,
  type SinkDeps,
  SinkError,
  secretField,
  tlsFields,
  tlsMaterial,
} from './sink.ts'

/** RFC 6409: submission; RFC 8314: submissions. */
const PORTS = { smtp: 587, smtps: 465 } as const

/** A bare address, ASCII: `local@domain`. Names beside addresses are nothing that a receiver of alerts needs. */
const mailAddress = z
  .string()
  .regex(
    /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$/,
    'give an address such as soc@example.com',
  )

export const smtpEntry = z
  .strictObject({
    ...commonFields,
    ...tlsFields,
    ...secretField,
    sink: z.literal('smtp'),
    format: formatField(['mail', 'text']),
    to: z
      .string()
      .refine(
        (value) => addressesOf(value, PORTS)?.length === 1,
        'give smtp://host:port (STARTTLS) or smtps://host:port (TLS at once)',
      )
      .describe('The mail server, not a mailbox: smtp://host:port (STARTTLS) or smtps://host:port (TLS from the first byte).'),
    starttls: z
      .enum(['required', 'off'])
      .default('required')
      .describe('smtp:// only. off: mail travels in clear; for a relay on the same machine.'),
    from: mailAddress.describe('The sender; bounces go there.'),
    recipients: z.array(mailAddress).min(1).max(50).describe('Who gets each mail.'),
    cc: z.array(mailAddress).min(1).max(50).optional().describe('Who gets a copy.'),
    username: z.string().min(1).max(256).optional().describe('Its password is the secret; only over TLS.'),
  })
  .refine(USERNAME_PAIR.holds, USERNAME_PAIR.fault)
  .refine(({ starttls, to }) => starttls === 'required' || to.startsWith('smtp:'), {
    message: 'only smtp:// can go without TLS',
    path: ['starttls'],
  })
  .refine(({ starttls, secret }) => starttls === 'required' || secret === undefined, {
    message: 'a password is sent over TLS only',
    path: ['starttls'],
  })
  .refine(CERTIFICATE_PAIR.holds, CERTIFICATE_PAIR.fault)

type SmtpEntry = z.output<typeof smtpEntry>
type Link = Transporter<SMTPPoolSentMessageInfo, SMTPPoolOptions>

/** A leaver with forty open doors is one mail with forty rows, as text and as HTML; servers take some megabytes. */
const MAX_MAIL_BYTES = 256_000
/** Connections at the same time, and mails on each: servers count both. */
const CONNECTIONS = 2
const MAILS_EACH = 100
/** Messages whose recipients were served in part are remembered, so that the next try goes to the rest. */
const REMEMBERED = 1_000

/**
 * Sends each alert as one mail; those of one finding share a thread. Delivered: the server has taken it for every recipient, or refuses
 * some of them for good (`refused` in the receipt); a bounce that comes later goes to `from`.
 */
export function openSmtp(entry: SmtpEntry, deps: SinkDeps): Sink {
  const timeoutMs = durationMs(entry.timeout ?? '60s')
  const options = connection(entry, deps, timeoutMs)
  const everybody = [...new Set([...entry.recipients, ...(entry.cc ?? [])])]
  const served = new Map<string, ReadonlySet<string>>()
  return openBroker<Link>({
    name: entry.name,
    kind: 'smtp',
    maxBodyBytes: MAX_MAIL_BYTES,
    timeoutMs,
    async open() {
      const { createTransport } = await import('nodemailer')
      return createTransport(options)
    },
    // Mails under way fail as ours, and are tried again.
    shut: async (transport) => transport.close({ force: true }),
    alive: () => true,
    turnOf: ({ envelope }) => envelope.key,
    async publish(transport, message, signal) {
      const before = served.get(message.envelope.id) ?? new Set()
      const rest = everybody.filter((address) => !before.has(address))
      const mail = { ...mailOf(entry, message, deps), envelope: { from: entry.from, to: rest }, signal }
      const sent = await transport.sendMail(mail).catch((thrown) => {
        throw systemError(thrown) ?? thrown
      })
      const later = (sent.rejectedErrors ?? []).filter(({ responseCode }) => responseCode === undefined || responseCode < 500)
      served.delete(message.envelope.id)
      if (later.length > 0) {
        remember(served, message.envelope.id, new Set([...before, ...sent.accepted.map(textOf)]))
        throw partly(entry.name, later.length, later[0]?.responseCode)
      }
      return {
        reply: sent.response.slice(0, 3),
        recipients: rest.length - sent.rejected.length,
        ...refused(sent.rejected.length),
      }
    },
    refusal: refusalOf,
    advice: ADVICE,
  })
}

function connection(entry: SmtpEntry, deps: SinkDeps, timeoutMs: number): SMTPPoolOptions & { pool: true } {
  const [server] = addressesOf(entry.to, PORTS) ?? []
  if (server === undefined) throw new TypeError('the schema let an address through that is none')
  const { secret: pass } = resolved(entry, deps, ['secret'])
  const { host, port, scheme } = server
  const secure = scheme === 'smtps'
  return {
    pool: true,
    maxConnections: CONNECTIONS,
    maxMessages: MAILS_EACH,
    // Retries are the caller's.
    maxRequeues: 0,
    host,
    port,
    secure,
    ...(secure ? {} : entry.starttls === 'required' ? { requireTLS: true } : { ignoreTLS: true }),
    tls: { ...tlsMaterial(entry, deps), ...(isIP(host) === 0 ? { servername: host } : {}) },
    ...(entry.username === undefined || pass === undefined ? {} : { auth: { user: entry.username, pass } }),
    name: /^[A-Za-z0-9.-]+$/.test(deps.context.hostname) ? deps.context.hostname : 'localhost',
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    dnsTimeout: timeoutMs,
    socketTimeout: Math.max(timeoutMs, 60_000),
    disableFileAccess: true,
    disableUrlAccess: true,
  }
}

function mailOf(entry: SmtpEntry, { envelope, rendered }: Message, { now }: SinkDeps): SendMailOptions {
  const domain = entry.from.slice(entry.from.lastIndexOf('@') + 1)
  const thread = `<${digest(envelope.key)}.finding@${domain}>`
  const { 'content-type': _, ...facts } = factHeaders(envelope, rendered)
  return {
    from: entry.from,
    to: entry.recipients,
    ...(entry.cc === undefined ? {} : { cc: entry.cc }),
    subject: plain(rendered.subject ?? envelope.title, 200),
    messageId: `<${idPart(envelope.id)}@${domain}>`,
    // Nobody ever gets the mail that this names: mail programs thread by what is named alike.
    inReplyTo: thread,
    references: thread,
    date: new Date(now().epochMilliseconds),
    text: rendered.body,
    alternatives: (rendered.alternatives ?? []).map(({ contentType, body }) => ({ contentType, content: body })),
    ...(envelope.severity === 'critical' && !envelope.closes ? { priority: 'high' as const } : {}),
    headers: {
      // RFC 3834: no out-of-office notes, please.
      'Auto-Submitted': 'auto-generated',
      ...Object.fromEntries(Object.entries(facts).map(([name, value]) => [`X-${name}`, value])),
    },
  }
}

function idPart(id: string): string {
  return /^[A-Za-z0-9-]{1,64}$/.test(id) ? id : digest(id)
}

function digest(value: string): string {
  return createHash('sha256').update(value).digest('hex').slice(0, 32)
}

function textOf(address: string | { address: string }): string {
  return typeof address === 'string' ? address : address.address
}

function remember(served: Map<string, ReadonlySet<string>>, id: string, accepted: ReadonlySet<string>): void {
  served.set(id, accepted)
  const [oldest] = served.keys()
  if (served.size > REMEMBERED && oldest !== undefined) served.delete(oldest)
}

/** The client puts a word of its own in the place of the code that tells what happened, ECONNREFUSED or CERT_HAS_EXPIRED. */
function systemError(thrown: unknown): Error | undefined {
  if (!(thrown instanceof Error) || !('originalCode' in thrown) || 'responseCode' in thrown) return undefined
  return Object.assign(new Error('the connection failed'), { code: thrown.originalCode })
}

function refused(count: number): Record<string, number> {
  return count === 0 ? {} : { refused: count }
}

function partly(name: string, waiting: number, reply: number | undefined): SinkError {
  const error = reply ?? 'EENVELOPE'
  return new SinkError('SINK_REFUSED', `sink ${name}: the receiver refused: ${error} (recipients)`, {
    retry: true,
    detail: { stage: 'recipients', error, waiting },
  })
}

/** 535 and 530 speak of the password, 503 of the session: the mail itself was not looked at. */
const NOT_THE_MAIL: ReadonlySet<number> = new Set([503, 530, 534, 535, 538])

const SIGN_IN = 'The server does not accept who signs in, or wants somebody to: check `username` and `secret`.'
const RECIPIENT =
  'The server does not take mail for a recipient, or not from us: check `recipients`, `cc` and `from`, and its rules for relaying.'
const NO_STARTTLS = 'The server offers no STARTTLS: use smtps://, or `starttls: off` where nobody can listen.'
const ADVICE = {
  450: 'The server puts the mail off (greylisting, a busy mailbox): it is tried again.',
  451: 'The server puts the mail off (greylisting, a fault of its own): it is tried again.',
  500: NO_STARTTLS,
  502: NO_STARTTLS,
  530: SIGN_IN,
  534: SIGN_IN,
  535: SIGN_IN,
  538: SIGN_IN,
  550: RECIPIENT,
  552: 'The mail is larger than the server or the mailbox takes.',
  553: RECIPIENT,
  554: RECIPIENT,
}

/** A server's reply code (RFC 5321 §4.2): 4yz is to be tried again, 5yz to MAIL, RCPT or DATA is for good. */
function refusalOf(thrown: unknown): Refusal | undefined {
  if (!(thrown instanceof Error)) return undefined
  const code = 'code' in thrown ? thrown.code : undefined
  if ('responseCode' in thrown && typeof thrown.responseCode === 'number') {
    const { responseCode } = thrown
    const aboutMail = code === 'EENVELOPE' || code === 'EMESSAGE'
    return { error: responseCode, retry: !(aboutMail && responseCode >= 500 && !NOT_THE_MAIL.has(responseCode)) }
  }
  if (code === 'ETLS' && thrown.cause === undefined) return { error: 'STARTTLS', retry: true }
  if (code === 'EAUTH' || code === 'ENOAUTH') return { error: code, retry: true }
  return undefined
}
