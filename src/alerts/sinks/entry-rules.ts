/** What entries of several sinks are refined by: `.refine(RULE.holds, RULE.fault)`. */
interface Rule<Entry> {
  holds(entry: Entry): boolean
  fault: { message: string; path: string[] }
}

/** For every sink that spreads `tlsFields`. */
export const CERTIFICATE_PAIR: Rule<{ clientCert?: string | undefined; clientKey?: string | undefined }> = {
  holds: ({ clientCert, clientKey }) => (clientCert === undefined) === (clientKey === undefined),
  fault: { message: 'clientCert and clientKey belong together', path: ['clientCert'] },
}

/** For sinks whose users have passwords. */
export const USERNAME_PAIR: Rule<{ username?: string | undefined; secret?: string | undefined }> = {
  holds: ({ username, secret }) => (username === undefined) === (secret === undefined),
  fault: { message: 'username and secret belong together', path: ['username'] },
}

/** For sinks that speak TLS under one scheme only. */
export function tlsUnder(
  scheme: string,
): Rule<{ to: string; ca?: string | undefined; clientCert?: string | undefined; tls: 'verify' | 'insecure' }> {
  return {
    holds: ({ to, ca, clientCert, tls }) =>
      to.startsWith(`${scheme}:`) || (ca === undefined && clientCert === undefined && tls === 'verify'),
    fault: { message: `ca, tls, clientCert and clientKey belong to ${scheme}:// only`, path: ['to'] },
  }
}
