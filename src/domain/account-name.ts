export interface AccountName {
  style: 'plain' | 'domain' | 'address' | 'dn'
  whole: string
  /** What of it can be compared with another style; nothing of a DN that begins with a display name. */
  short: string | undefined
}

/** Takes an account's name apart, without case: `anna`, `CORP\anna`, `anna@corp.example`, `uid=anna,ou=people`. */
export function nameOf(text: string): AccountName {
  const whole = text.normalize('NFKC').trim().toLowerCase()
  const rdn = /^([a-z][a-z0-9-]*) *= *((?:\\.|[^\\,+])*)/.exec(whole)
  if (rdn !== null) {
    const short = NAMING.has(rdn[1]) ? unescaped(rdn[2] ?? '').trim() : undefined
    return { style: 'dn', whole: whole.replaceAll(/ *([,=+]) */g, '$1'), short }
  }
  if (whole.includes('\\')) return { style: 'domain', whole, short: beforeAt(whole.slice(whole.indexOf('\\') + 1)) }
  if (whole.includes('@')) return { style: 'address', whole, short: beforeAt(whole) }
  return { style: 'plain', whole, short: whole }
}

function beforeAt(name: string): string {
  const at = name.indexOf('@')
  return at === -1 ? name : name.slice(0, at)
}

/** Attributes that hold an account's own name: `userid` is another name of `uid` (RFC 4519 §2.39). */
const NAMING: ReadonlySet<string | undefined> = new Set(['uid', 'userid', 'samaccountname'])

/** The value of an RDN without its escapes (RFC 4514 §2.4): `\2c` is one octet of UTF-8, `\,` the character itself. */
function unescaped(value: string): string {
  const octets = value.replaceAll(/(?:\\[0-9a-f]{2})+/g, (run) => Buffer.from(run.replaceAll('\\', ''), 'hex').toString('utf8'))
  return octets.replaceAll(/\\(.)/g, '$1')
}
