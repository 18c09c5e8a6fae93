import { createHash } from 'node:crypto'
import type { Reason } from '../../src/domain/reason.ts'
import type { Authority, Certificate } from '../servers/certificates.ts'
import {
  type Behaviour,
  blackHole,
  closeOnFirstBytes,
  flood,
  httpAnswer,
  resetOnAccept,
  resetOnFirstBytes,
  sayOnAccept,
  sayOnFirstBytes,
} from '../servers/hostile.ts'

/**
 * How probe and server meet. `clear`: neither speaks TLS. `tls`: both do, the certificate is right. `unmet`: the target wants
 * TLS and the server speaks something else.
 */
export type Meeting = 'clear' | 'tls' | 'unmet'

/** Which certificate the server shows. */
export type Shown = 'right' | 'wrong authority' | 'wrong name' | 'expired'

export interface HostileCase {
  behave: Behaviour
  meetings: readonly Meeting[]
  shows?: Shown
  /** Reasons that are right here; the verdict is inconclusive in every case. Absent: any reason. */
  reasons?: readonly Reason[]
  /** Milliseconds until the attempt is aborted. */
  timeoutMs?: number
  /** Only for probes that speak HTTP. */
  http?: true
  retryAfterMs?: number
}

const EVERYWHERE: readonly Meeting[] = ['clear', 'tls', 'unmet']
const GONE: readonly Reason[] = ['unreachable', 'protocol_error', 'tls_error']
/** A probe may also wait for the rest of what looks like a long message, until its time is up. */
const NONSENSE: readonly Reason[] = ['protocol_error', 'unreachable', 'tls_error', 'timeout']
const SHORT_MS = 300
const NONSENSE_MS = 1_000

const LOGIN_PAGE = '<!DOCTYPE html><html><title>Sign in</title><form method="post"><input name="password"></form></html>'

/** The fixed table of servers that do not play along. No probe may say accepted or rejected to any of them. */
export const HOSTILE_CASES: Readonly<Record<string, HostileCase>> = {
  'black hole': { behave: blackHole, meetings: EVERYWHERE, reasons: ['timeout'], timeoutMs: SHORT_MS },
  'reset on connect': { behave: resetOnAccept, meetings: ['clear', 'unmet'], reasons: ['unreachable'] },
  'reset in mid-handshake': { behave: resetOnFirstBytes, meetings: EVERYWHERE, reasons: GONE },
  'closed in mid-handshake': { behave: closeOnFirstBytes, meetings: EVERYWHERE, reasons: GONE },
  'garbage: noise': { behave: sayOnAccept(noise(1024)), meetings: EVERYWHERE, reasons: NONSENSE, timeoutMs: NONSENSE_MS },
  'garbage: zeros': { behave: sayOnAccept(Buffer.alloc(1024)), meetings: EVERYWHERE, reasons: NONSENSE, timeoutMs: NONSENSE_MS },
  'garbage: a mail greeting': {
    behave: sayOnAccept('220 mail.example ESMTP\r\n'),
    meetings: EVERYWHERE,
    reasons: NONSENSE,
    timeoutMs: NONSENSE_MS,
  },
  'garbage: noise as the answer': { behave: sayOnFirstBytes(noise(64), 'end'), meetings: EVERYWHERE, reasons: NONSENSE },
  'garbage: an HTML page as the answer': { behave: sayOnFirstBytes(LOGIN_PAGE, 'end'), meetings: EVERYWHERE, reasons: NONSENSE },
  'garbage: a flood': { behave: flood, meetings: EVERYWHERE, reasons: NONSENSE, timeoutMs: NONSENSE_MS },
  'wrong certificate authority': { behave: blackHole, meetings: ['tls'], shows: 'wrong authority', reasons: ['tls_error'] },
  'certificate name mismatch': { behave: blackHole, meetings: ['tls'], shows: 'wrong name', reasons: ['tls_error'] },
  'expired certificate': { behave: blackHole, meetings: ['tls'], shows: 'expired', reasons: ['tls_error'] },
  'rate limited': page('429 Too Many Requests', { 'retry-after': '7' }, '{}', { reasons: ['rate_limited'], retryAfterMs: 7_000 }),
  'redirect to a login page': page('302 Found', { location: '/login?next=%2F', 'content-type': 'text/html' }, LOGIN_PAGE),
  'redirect to another origin': page('307 Temporary Redirect', { location: 'http://127.0.0.1:9/' }, ''),
  '200 with an HTML login page': page('200 OK', { 'content-type': 'text/html' }, LOGIN_PAGE),
  '200 with an HTML login page called JSON': page('200 OK', { 'content-type': 'application/json' }, LOGIN_PAGE),
  '200 with nothing in it': page('200 OK', { 'content-type': 'application/json' }, ''),
  '200 with an empty object': page('200 OK', { 'content-type': 'application/json' }, '{}'),
  '403 of a firewall': page('403 Forbidden', { 'content-type': 'text/html' }, '<html>Request blocked</html>'),
  '407 of a proxy': page('407 Proxy Authentication Required', { 'proxy-authenticate': 'Basic realm="proxy"' }, ''),
  '500 with an error page': page('500 Internal Server Error', { 'content-type': 'text/html' }, '<html>sorry</html>'),
  '503 in maintenance': page('503 Service Unavailable', { 'retry-after': '120' }, '', { retryAfterMs: 120_000 }),
}

function page(status: string, headers: Record<string, string>, body: string, more: Partial<HostileCase> = {}): HostileCase {
  return { behave: httpAnswer(status, headers, body), meetings: ['clear', 'tls'], http: true, ...more }
}

/** The certificate that a hostile server shows, when the target trusts `trusted` and names 127.0.0.1. */
export function certificateFor(shows: Shown, trusted: Authority, other: Authority): Promise<Certificate> {
  const names = ['127.0.0.1', 'localhost']
  switch (shows) {
    case 'right':
      return trusted.issue(names)
    case 'wrong authority':
      return other.issue(names)
    case 'wrong name':
      return trusted.issue(['elsewhere.example'])
    case 'expired':
      return trusted.issue(names, { notBefore: new Date('2020-01-01'), notAfter: new Date('2020-02-01') })
  }
}

/** The same noise in every run, so that what it does can be seen again. */
function noise(length: number): Buffer {
  const blocks: Buffer[] = []
  for (let made = 0; made < length; made += 32) blocks.push(createHash('sha256').update(`noise ${made}`).digest())
  return Buffer.concat(blocks).subarray(0, length)
}
