import type { Severity } from '../../domain/finding.ts'
import type { Envelope } from '../envelope.ts'
import type { FormatContext } from '../formats/rendered.ts'
import { plain } from '../plain.ts'

export const FACILITY_NAMES = [
  ...(['user', 'daemon', 'auth', 'syslog', 'authpriv', 'audit', 'alert'] as const),
  ...(['local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7'] as const),
] as const
export type Facility = (typeof FACILITY_NAMES)[number]

/** RFC 5424 §6.2.1, by the names that syslog daemons use. */
const FACILITIES: Record<Facility, number> = {
  user: 1,
  daemon: 3,
  auth: 4,
  syslog: 5,
  authpriv: 10,
  audit: 13,
  alert: 14,
  local0: 16,
  local1: 17,
  local2: 18,
  local3: 19,
  local4: 20,
  local5: 21,
  local6: 22,
  local7: 23,
}

const SEVERITIES: Record<Severity, number> = { critical: 2, high: 3, medium: 4, low: 5, info: 6 }
/** Nobody is to be woken because a door was closed. */
const NOTICE = 5

export interface SyslogLayout {
  facility: Facility
  appName: string
  /** The private enterprise number of the structured data (RFC 5424 §7.2.2). */
  enterpriseId: number
  bom: boolean
  /** Of the whole message, framing not counted. */
  maxBytes: number
  procId: string
}

export interface SyslogMessage {
  bytes: Buffer
  /** Bytes of the body that had to go, 0 mostly. */
  cutBytes: number
}

/**
 * One RFC 5424 message: header, structured data `origin` and `revenant@PEN`, and the body as UTF-8 with its BOM. The body is put
 * on one line, since LF framing and most receivers end a message at a line feed. A body too long is cut between characters and the
 * structured data, which is always whole, gets `truncated="yes"`.
 */
export function syslogMessage(envelope: Envelope, body: string, context: FormatContext, layout: SyslogLayout): SyslogMessage {
  const bom = layout.bom ? '\uFEFF' : ''
  const line = Buffer.from(bom + oneLine(body))
  const head = Buffer.from(`${header(envelope, context, layout)} ${structuredData(envelope, context, layout, false)} `)
  if (head.length + line.length <= layout.maxBytes) return { bytes: Buffer.concat([head, line]), cutBytes: 0 }
  const cutHead = Buffer.from(`${header(envelope, context, layout)} ${structuredData(envelope, context, layout, true)} `)
  const kept = cutUtf8(line, Math.max(layout.maxBytes - cutHead.length, 0))
  return { bytes: Buffer.concat([cutHead, kept]), cutBytes: line.length - kept.length }
}

function header(envelope: Envelope, { hostname }: FormatContext, layout: SyslogLayout): string {
  const level = SEVERITIES[envelope.severity]
  const severity = envelope.closes ? Math.max(NOTICE, level) : level
  const pri = FACILITIES[layout.facility] * 8 + severity
  // At most 6 fractional digits (§6.2.3). The event's time, not the delivery's: a retry must not move it.
  const at = Temporal.Instant.from(envelope.at).toString({ smallestUnit: 'millisecond' })
  return `<${pri}>1 ${at} ${printable(hostname, 255)} ${printable(layout.appName, 48)} ${printable(layout.procId, 128)} ${printable(envelope.event, 32)}`
}

function structuredData({ facts }: Envelope, { product }: FormatContext, layout: SyslogLayout, truncated: boolean): string {
  const { test, ...rest } = facts
  const params = { ...rest, instance: product.instance, test, truncated: truncated ? 'yes' : undefined }
  const origin = element('origin', { software: product.name, swVersion: product.version })
  return origin + element(`revenant@${layout.enterpriseId}`, params)
}

/** Long enough for every identifier that Revenant makes; only a name can be longer, and names are for reading. */
const MAX_VALUE = 256

function element(id: string, params: Readonly<Record<string, string | undefined>>): string {
  const shown = Object.entries(params).filter(([, value]) => value !== undefined && value !== '')
  return `[${id}${shown.map(([name, value]) => ` ${name}="${escapeValue(plain(value ?? '', MAX_VALUE))}"`).join('')}]`
}

/** §6.3.3: a quote, a backslash and a closing bracket are escaped, nothing else. */
function escapeValue(value: string): string {
  return value.replace(/["\\\]]/g, '\\$&')
}

/** PRINTUSASCII of §6: visible ASCII, or the nil value. */
function printable(value: string, max: number): string {
  return value.replace(/[^\x21-\x7e]/g, '').slice(0, max) || '-'
}

function oneLine(body: string): string {
  return body.replace(/\s*[\r\n\u0085\u2028\u2029]+\s*/g, ' | ').replace(/\p{Cc}+/gu, ' ')
}

/** The longest head of UTF-8 text within `max` bytes that ends between two characters. */
function cutUtf8(text: Buffer, max: number): Buffer {
  let end = Math.min(max, text.length)
  while (end > 0 && end < text.length && ((text[end] ?? 0) & 0xc0) === 0x80) end--
  return text.subarray(0, end)
}
