import { z } from 'zod'
import { sendDatagram } from '../syslog/datagram.ts'
import { FACILITY_NAMES, type SyslogLayout, syslogMessage } from '../syslog/message.ts'
import { openStream, type Stream } from '../syslog/stream.ts'
import { CERTIFICATE_PAIR, tlsUnder } from './entry-rules.ts'
import {
  commonFields,
  durationMs,
  type Receipt,
  type Sink,
  type SinkDeps,
  SinkError,
  tlsFields,
  tlsMaterial,
  unreachable,
  within,
} from './sink.ts'

/** IANA: syslog, syslog-conn, syslog-tls. */
const DEFAULT_PORTS = { udp: 514, tcp: 601, tls: 6514 } as const
/** What rsyslog and others take unless told otherwise; what they do with more is to cut it. */
const DEFAULT_MESSAGE_BYTES = 8_192
/** What IPv4 leaves of a datagram: 65,535 less the headers of IP and UDP. */
const MAX_DATAGRAM_BYTES = 65_507
/** Header and structured data take some 600 bytes; longer ones cut into the body, never the other way round. */
const HEAD_BYTES = 1_024

const TLS_ONLY = tlsUnder('tls')

export const syslogEntry = z
  .strictObject({
    ...commonFields,
    ...tlsFields,
    sink: z.literal('syslog'),
    to: z.string().refine((value) => addressOf(value) !== undefined, 'give udp://host:port, tcp://host:port or tls://host:port'),
    facility: z.enum(FACILITY_NAMES).default('authpriv'),
    appName: z
      .string()
      .regex(/^[\x21-\x7e]{1,48}$/, 'give 1 to 48 visible ASCII characters')
      .default('revenant'),
    /** 32473 is reserved for documentation (RFC 5612): set your own where a receiver asks for it. */
    enterpriseId: z.int().min(1).max(4_294_967_295).default(32_473),
    /** RFC 6587: `octet` counts bytes (§3.4.1), `lf` ends each message with a line feed (§3.4.2). TLS always counts (RFC 5425 §4.3). */
    framing: z.enum(['octet', 'lf']).default('octet'),
    bom: z.boolean().default(true),
    maxMessageBytes: z.int().min(2_048).max(1_048_576).default(DEFAULT_MESSAGE_BYTES),
  })
  .refine(({ to, framing }) => framing === 'octet' || to.startsWith('tcp:'), {
    message: 'only tcp:// can end messages with a line feed',
    path: ['framing'],
  })
  .refine(TLS_ONLY.holds, TLS_ONLY.fault)
  .refine(CERTIFICATE_PAIR.holds, CERTIFICATE_PAIR.fault)
  .refine(({ to, maxMessageBytes }) => !to.startsWith('udp:') || maxMessageBytes <= MAX_DATAGRAM_BYTES, {
    message: `a datagram holds at most ${MAX_DATAGRAM_BYTES} bytes`,
    path: ['maxMessageBytes'],
  })

type SyslogEntry = z.output<typeof syslogEntry>

/**
 * Sends each alert as one RFC 5424 message: by UDP (RFC 5426), TCP (RFC 6587) or TLS (RFC 5425). None of them acknowledges:
 * a resolved delivery says that the bytes left and no failure was seen.
 */
export function openSyslog(entry: SyslogEntry, deps: SinkDeps): Sink {
  const timeoutMs = durationMs(entry.timeout ?? '15s')
  const line = openLine(entry, deps)
  const layout: SyslogLayout = { ...entry, maxBytes: entry.maxMessageBytes, procId: String(process.pid) }
  return {
    name: entry.name,
    kind: 'syslog',
    maxBodyBytes: entry.maxMessageBytes - HEAD_BYTES,
    async deliver({ envelope, rendered }, signal) {
      const { bytes, cutBytes } = syslogMessage(envelope, rendered.body, deps.context, layout)
      try {
        const { detail } = await line.send(bytes, within(signal, timeoutMs))
        return { detail: { ...detail, bytes: bytes.length, ...(cutBytes === 0 ? {} : { cutBytes }) } }
      } catch (thrown) {
        throw thrown instanceof SinkError ? thrown : unreachable(entry.name, 'send', thrown)
      }
    },
    close: () => line.close(),
  }
}

interface Line {
  send(message: Buffer, signal: AbortSignal): Promise<Receipt>
  close(): Promise<void>
}

function openLine(entry: SyslogEntry, deps: SinkDeps): Line {
  const to = addressOf(entry.to)
  if (to === undefined) throw new TypeError('the schema let an address through that is none')
  if (to.scheme === 'udp') return datagrams(to)
  const stream = openStream({ ...to, ...(to.scheme === 'tls' ? { tls: tlsMaterial(entry, deps) } : {}) })
  return framed(stream, to.scheme, entry.framing)
}

function datagrams(to: { host: string; port: number }): Line {
  return {
    async send(message, signal) {
      await sendDatagram(message, to, signal)
      return { detail: { transport: 'udp' } }
    },
    async close() {},
  }
}

function framed(stream: Stream, transport: 'tcp' | 'tls', framing: 'octet' | 'lf'): Line {
  return {
    async send(message, signal) {
      const frame = framing === 'octet' ? [Buffer.from(`${message.length} `), message] : [message, Buffer.from('\n')]
      const { reused } = await stream.send(Buffer.concat(frame), signal)
      return { detail: { transport, connection: reused ? 'reused' : 'new' } }
    },
    close: () => stream.close(),
  }
}

function addressOf(value: string): { scheme: keyof typeof DEFAULT_PORTS; host: string; port: number } | undefined {
  const url = URL.parse(value)
  const scheme = (['udp', 'tcp', 'tls'] as const).find((known) => url?.protocol === `${known}:`)
  if (url === null || scheme === undefined || url.hostname === '') return undefined
  const rest = [url.username, url.password, url.search, url.hash, url.pathname === '/' ? '' : url.pathname]
  if (rest.some((part) => part !== '')) return undefined
  return { scheme, host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port === '' ? DEFAULT_PORTS[scheme] : Number(url.port) }
}
