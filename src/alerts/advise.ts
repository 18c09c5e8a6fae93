import type { SinkError } from './sinks/sink.ts'

/** What an operator can do about a delivery that failed: what its sink knows, or else what the codes of its error tell. */
export function advise({ detail, disables, advice }: SinkError): string {
  const { stage, status, error } = detail
  if (advice !== undefined) return advice
  if (disables) return 'The receiver is gone (410): give the entry its new address, or take it out.'
  if (stage === 'ack' && error === 'TIMEOUT') return UNACKNOWLEDGED
  if (error !== undefined) return `${of(stage)}${adviseFailure(String(error))}`
  return typeof status === 'number' ? `${of(stage)}${adviseStatus(status)}` : CHECK_ADDRESS
}

const UNACKNOWLEDGED =
  'The collector took the event, and no indexer has acknowledged it in time: raise `timeout`, or see whether the indexers are busy.'
const CHECK_ADDRESS = 'Check the address of the entry, and that this machine reaches it.'

/** A delivery that needs a token first can fail at another machine than its receiver. */
function of(stage: string | number | undefined): string {
  return stage === 'token' ? 'This came from the token endpoint (`authority`). ' : ''
}

function adviseFailure(code: string): string {
  return FAILURES.find(({ codes }) => codes.test(code))?.advice ?? CHECK_ADDRESS
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
  {
    codes: /^UNEXPECTED_ANSWER$/,
    advice:
      'Something answered that does not speak the protocol of this sink: check the URL; a proxy or a sign-in page may stand between.',
  },
  {
    codes: /^TOO_LARGE$/,
    advice: 'The document is larger than the receiver takes, even cut down: shorten the names and labels in it.',
  },
  { codes: /^(ENOSPC|EDQUOT)$/, advice: 'The disk or the quota is full: make room, or lower `maxMegabytes` and `keep`.' },
  { codes: /^(EACCES|EPERM|EROFS)$/, advice: 'The file or its folder may not be written: check owner and mode, and the mount.' },
  { codes: /^(ENOENT|ENOTDIR)$/, advice: 'The folder does not exist: make it, or name another path in `to`.' },
  { codes: /^(EISDIR|NOT_A_FILE)$/, advice: 'The path is no regular file: name another in `to`.' },
  { codes: /^ABORTED$/, advice: 'It was broken off here; it may have arrived all the same.' },
]
