import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { type ParsedMail, simpleParser } from 'mailparser'
import { SMTPServer } from 'smtp-server'
import type { Pair } from './tls.ts'

/** A mail as the server took it, read back by an independent parser. */
export interface Mail {
  /** Who it went to, of the envelope, which is not the header. */
  recipients: string[]
  sender: string
  /** Who signed in, if anybody. */
  user: string | undefined
  secure: boolean
  mail: ParsedMail
  raw: string
}

export interface SmtpOptions {
  port?: number
  tls?: Pair & { ca: string }
  /** TLS from the first byte. */
  secure?: boolean
  clients?: boolean
  users?: Readonly<Record<string, string>>
  /** A reply code for a recipient, e.g. 550; undefined: taken. May change its mind. */
  recipient?: (address: string) => number | undefined
  /** A reply code for the mail as a whole. */
  data?: () => number | undefined
  maxBytes?: number
}

export interface Smtp {
  readonly port: number
  readonly mails: Mail[]
  /** TCP connections so far. */
  connections(): number
  close(): Promise<void>
}

/** The SMTP server of npm's `smtp-server`, on 127.0.0.1. */
export async function startSmtp(options: SmtpOptions = {}): Promise<Smtp> {
  const mails: Mail[] = []
  const { tls, users } = options
  const server = new SMTPServer({
    secure: options.secure ?? false,
    ...(tls === undefined ? { disabledCommands: ['STARTTLS'] } : { cert: tls.cert, key: tls.key, ca: tls.ca }),
    ...(options.clients === true ? { requestCert: true, rejectUnauthorized: true } : {}),
    authOptional: users === undefined,
    authMethods: ['PLAIN', 'LOGIN'],
    size: options.maxBytes ?? 1_000_000,
    disableReverseLookup: true,
    closeTimeout: 100,
    onAuth({ username, password }, _, answer) {
      if (username !== undefined && users?.[username] === password) answer(null, { user: username })
      else answer(reply(535))
    },
    onRcptTo({ address }, _, answer) {
      const code = options.recipient?.(address)
      answer(code === undefined ? null : reply(code))
    },
    onData(stream, session, answer) {
      const take = async () => {
        const bytes = await buffer(stream)
        const code = stream.sizeExceeded ? 552 : options.data?.()
        if (code !== undefined) throw reply(code)
        const { mailFrom, rcptTo } = session.envelope
        mails.push({
          recipients: rcptTo.map(({ address }) => address),
          sender: mailFrom === false ? '' : mailFrom.address,
          user: typeof session.user === 'string' ? session.user : undefined,
          secure: session.secure,
          mail: await simpleParser(bytes),
          raw: bytes.toString(),
        })
      }
      take().then(
        () => answer(null),
        (error: Error) => answer(error),
      )
    },
  })
  server.on('error', () => undefined)
  let connections = 0
  const listening = server.listen(options.port ?? 0, '127.0.0.1')
  listening.on('connection', () => connections++)
  if (!listening.listening) await once(listening, 'listening')
  return {
    port: (listening.address() as AddressInfo).port,
    mails,
    connections: () => connections,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

function reply(responseCode: number): Error {
  return Object.assign(new Error('no'), { responseCode })
}
