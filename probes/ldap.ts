import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { isIPv6 } from 'node:net'
import type { AttemptContext, Probe } from '../src/probe/probe.ts'
import { LdapProtocolError } from './ldap/ber.ts'
import { judgeBind, type LdapAnswer } from './ldap/judge.ts'
import { bindRequest, OP, resultOf } from './ldap/message.ts'
import { bindName, isDomainName, strangerDn, strangerName } from './ldap/name.ts'
import { type LdapSecret, ldapSecret } from './ldap/secret.ts'
import { DisconnectionNotice, openSession, type Session, StartTlsError } from './ldap/session.ts'
import { type LdapTarget, ldapTarget, portOf } from './ldap/target.ts'
import { whoAmI } from './ldap/whoami.ts'

/**
 * A directory asked by one simple bind (RFC 4511 §4.2, RFC 4513 §5.1.3), then WhoAmI to learn whom the server took us for, then
 * unbind. There is never an anonymous bind. The BER is our own because no LDAP client of npm hands out the controls of a failed
 * bind, and they tell a locked account from a wrong password.
 *
 * LDAP has no place to say who is asking: `ctx.attribution` is not sent.
 */
export const ldap: Probe<LdapTarget, LdapSecret> = {
  kind: 'ldap',
  summary: 'LDAP simple bind: OpenLDAP with password policies, Active Directory, others',
  target: ldapTarget,
  secret: ldapSecret,
  // A bind renews the time of the last logon (pwdLastSuccess, lastLogonTimestamp), which keeps an idle account from being locked.
  effects: ['prolongs-life'],
  origin: (target) =>
    `${schemeOf(target)}://${isIPv6(target.host) ? `[${target.host}]` : target.host.toLowerCase()}:${portOf(target)}`,
  transport: (target) => TRANSPORTS[target.tls],
  // Directories fold case and outer blanks (RFC 4518 §2), and count wrong tries by what is left.
  account: (secret) => ('dn' in secret ? secret.dn : secret.username).trim().toLowerCase(),
  decoy,
  attempt,
}

const TRANSPORTS = { verify: 'verified', insecure: 'insecure', disable: 'clear' } as const

/** A secret for StartTLS is bound to `ldap:`: the scheme says which conversation the port expects. */
function schemeOf(target: LdapTarget): string {
  return target.tls === 'disable' || target.startTls ? 'ldap' : 'ldaps'
}

function decoy(secret: LdapSecret, of: 'nobody' | 'stranger' | 'same-principal'): LdapSecret | undefined {
  // No credential at all would be an anonymous bind, whose success says nothing of the system.
  if (of === 'nobody') return undefined
  const password = randomBytes(18).toString('base64url')
  if (of === 'same-principal') return { ...secret, password }
  return 'dn' in secret ? { dn: strangerDn(secret.dn), password } : { username: strangerName(), password }
}

async function attempt(target: LdapTarget, secret: LdapSecret, ctx: AttemptContext): Promise<LdapAnswer> {
  const name = bindName(target.dn, secret)
  if (name === undefined) return inconclusive('config_error', { missing: 'dn' })
  if (target.directory === 'active-directory' && !isDomainName(name)) return inconclusive('config_error', { missing: 'domain' })
  const ca = target.ca === undefined ? undefined : await readAuthority(target.ca)
  if (ca === UNREADABLE) return inconclusive('config_error', { missing: 'ca' })
  let session: Session | undefined
  try {
    session = await openSession(target, ca, ctx.signal)
    return await bind(session, target, name, secret.password)
  } catch (error) {
    return translate(error)
  } finally {
    session?.close()
  }
}

const UNREADABLE = Symbol('unreadable')

async function readAuthority(file: string): Promise<string | typeof UNREADABLE> {
  try {
    return await readFile(file, 'utf8')
  } catch {
    return UNREADABLE
  }
}

async function bind(session: Session, target: LdapTarget, name: string, password: string): Promise<LdapAnswer> {
  const id = session.nextId()
  session.send(bindRequest(id, name, password))
  const result = resultOf(await session.receive(id), OP.bindResponse)
  const answer = judgeBind(result, target)
  return answer.verdict === 'accepted' && result.code === 0 ? whoAmI(session, answer) : answer
}

/** What the connection says of itself, as an answer; anything else is for the trial to translate. */
function translate(error: unknown): LdapAnswer {
  if (error instanceof LdapProtocolError) return inconclusive('protocol_error', {})
  if (error instanceof StartTlsError) return inconclusive('tls_error', { startTls: error.resultCode })
  if (error instanceof DisconnectionNotice)
    return inconclusive(error.resultCode === 8 ? 'tls_required' : 'server_error', { notice: error.resultCode })
  throw error
}

function inconclusive(reason: LdapAnswer['reason'], wire: LdapAnswer['wire']): LdapAnswer {
  return { verdict: 'inconclusive', reason, strength: 'strong', wire }
}
