import type { SinkError } from './sinks/sink.ts'

/** What an operator can do about a delivery that failed, from the codes of its error alone. */
export function advise({ detail, disables }: SinkError): string {
  const { status, error } = detail
  if (disables) return 'The receiver is gone (410): give the entry its new address, or take it out.'
  if (typeof status === 'number') return adviseStatus(status)
  return (
    FAILURES.find(({ codes }) => codes.test(String(error)))?.advice ??
    'Check the address of the entry, and that this machine reaches it.'
  )
}

function adviseStatus(status: number): string {
  if (status >= 300 && status < 400)
    return 'The receiver redirects, and redirects are never followed: put the final URL into the entry.'
  if (status >= 500) return 'The receiver has a fault or is overloaded: see its own log.'
  return STATUSES[status] ?? 'The receiver does not take what it was sent: check the URL and the format that it expects.'
}

const STATUSES: Readonly<Record<number, string>> = {
  400: 'The receiver cannot read the document: check that `format` is the one it expects.',
  401: 'The receiver does not accept who sends: check that `secret` is the one it holds, its clock, and the token in the URL.',
  403: 'The receiver forbids it: check `secret`, the client certificate and its list of permitted addresses.',
  404: 'Nothing is at this path: check the URL of the entry.',
  405: 'The receiver takes no POST there: check the URL of the entry.',
  413: 'The document is too large for the receiver: raise its limit (alerts stay under 20 kB).',
  415: 'The receiver wants another content type: check that `format` is the one it expects.',
  429: 'The receiver limits the rate: raise its limit, or send less with minSeverity and kinds.',
}

/** Codes of Node, OpenSSL and undici; the first that fits speaks. */
const FAILURES: readonly { codes: RegExp; advice: string }[] = [
  {
    codes: /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET|HOSTNAME_MISMATCH/,
    advice: 'Its certificate is not trusted here, has expired or names another host: set `ca`, or mend the certificate.',
  },
  {
    codes: /^ERR_SSL|^ERR_TLS|^EPROTO$/,
    advice: 'TLS failed: check that the port speaks TLS 1.2 or later, and whether it wants a client certificate.',
  },
  { codes: /^(ENOTFOUND|EAI_AGAIN)$/, advice: 'The name does not resolve here: check the host in the entry, and DNS.' },
  { codes: /^ECONNREFUSED$/, advice: 'Nothing listens on that port: check host and port, and that the receiver runs.' },
  {
    codes: /TIMEOUT|^ETIMEDOUT$|^EHOSTUNREACH$|^ENETUNREACH$/,
    advice: 'No answer in time: check the route and the firewalls between, then `timeout`.',
  },
  {
    codes: /^(ECONNRESET|EPIPE|UND_ERR_SOCKET)$/,
    advice: 'The receiver hung up: check that the port speaks this protocol (with or without TLS), and see its own log.',
  },
  { codes: /^ABORTED$/, advice: 'It was broken off here; it may have arrived all the same.' },
]
