import { errorCode, RevenantError } from '../../domain/error.ts'

/** What the codes of an answer mean for whoever set the source up (RFC 4511 §4.1.9). The server's own text is not repeated: it may quote what it was sent. */
const CODES: Readonly<Record<number, string>> = {
  3: 'timeLimitExceeded: raise the time limit of the account',
  4: 'sizeLimitExceeded: it did not give everybody; lower pageSize, or raise the size limit of the account',
  7: 'authMethodNotSupported: it takes no password',
  8: 'strongerAuthRequired: use ldaps:// or startTls',
  10: 'referral: what was asked for is on another server',
  11: 'adminLimitExceeded: raise the limits of the account',
  12: 'unavailableCriticalExtension: it cannot give pages, or deleted objects',
  13: 'confidentialityRequired: use ldaps:// or startTls',
  32: 'noSuchObject: a base, a leavers’ place or the container of deleted objects is not there, or the account may not see it',
  34: 'invalidDNSyntax',
  49: 'invalidCredentials: bindDn or password is wrong, or the account is locked or expired',
  50: 'insufficientAccessRights: the account may not read that',
  51: 'busy',
  52: 'unavailable',
  53: 'unwillingToPerform',
}

/** A refusal of the directory. */
export function refusal(code: number): RevenantError {
  return new RevenantError('SOURCE_REFUSED', `the directory answered with result code ${code}${explained(code)}`)
}

function explained(code: number): string {
  const words = CODES[code]
  return words === undefined ? '' : ` (${words})`
}

/** Whatever the client threw, as ours; without its text and its cause, which hold what the server said. */
export function directoryFault(error: unknown): RevenantError {
  if (error instanceof RevenantError) return error
  if (error instanceof Error && 'code' in error && typeof error.code === 'number') return refusal(error.code)
  const why = errorCode(error) ?? 'no answer, or the connection was closed'
  return new RevenantError('SOURCE_UNREACHABLE', `the directory cannot be asked (${why})`)
}
