import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Authority, makeAuthority } from './certificates.ts'
import { closedPort } from './hostile.ts'

/** What must exist on this machine: Debian's `slapd`. */
export const SLAPD_FILES = ['/usr/sbin/slapd', '/usr/lib/ldap/ppolicy.so'] as const

export const SUFFIX = 'dc=example,dc=com'
export const PEOPLE = `ou=people,${SUFFIX}`

/** The password of every account of the directory. */
export const PASSWORD = 'right horse, "battery" staple'

export interface SlapdOptions {
  /** The ppolicy overlay: `told` names a locked account to who asks with the control, `hidden` (slapd's default) does not. Default: `told`. */
  policy?: 'told' | 'hidden' | 'none'
  /** Lines put into slapd.conf before the database. */
  config?: readonly string[]
  /** Lines put into the database's own part: limits, access, a password of the root DN. */
  database?: readonly string[]
  /** Further entries, each as its lines of LDIF. */
  entries?: readonly (readonly string[])[]
}

export interface Slapd {
  host: string
  port: number
  tlsPort: number
  authority: Authority
  /** DN of an account. */
  dn(username: string): string
  stop(): Promise<void>
}

/**
 * Starts slapd with a folder of its own, in clear (and StartTLS) on one port and LDAPS on another. The accounts differ in their
 * state only and all have `PASSWORD`: `alive`, `locked` (for ever), `fragile` (locked by the second wrong try), `expired`,
 * `grace` (expired, two logins left), `must-change`, `ending` (expires in a while), `no-password`, `Doe, Jane` (special characters).
 */
export async function startSlapd(options: SlapdOptions = {}): Promise<Slapd> {
  const folder = mkdtempSync(join(tmpdir(), 'revenant-slapd-'))
  const authority = await makeAuthority()
  let server: ChildProcess | undefined
  // A test run that is cut short must not leave a server behind.
  const kill = () => server?.kill('SIGKILL')
  process.once('exit', kill)
  const stop = async () => {
    if (server !== undefined && server.exitCode === null && server.signalCode === null) {
      server.kill('SIGTERM')
      await once(server, 'exit')
    }
    process.off('exit', kill)
    authority.remove()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const { key, cert } = await authority.issue(['127.0.0.1', 'localhost'])
    mkdirSync(join(folder, 'db'))
    writeFileSync(join(folder, 'key.pem'), key, { mode: 0o600 })
    writeFileSync(join(folder, 'cert.pem'), cert)
    writeFileSync(join(folder, 'slapd.conf'), configuration(folder, authority.file, options))
    writeFileSync(join(folder, 'data.ldif'), `${entries(options.policy ?? 'told')}\n${ldif(options.entries ?? [])}`)
    load(folder)
    const [port, tlsPort] = [await closedPort(), await closedPort()]
    const urls = `ldap://127.0.0.1:${port}/ ldaps://127.0.0.1:${tlsPort}/`
    server = spawn('/usr/sbin/slapd', ['-f', join(folder, 'slapd.conf'), '-h', urls, '-d', '0'], { stdio: 'ignore' })
    await listening(server, port)
    await listening(server, tlsPort)
    return { host: '127.0.0.1', port, tlsPort, authority, dn: dnOf, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function configuration(folder: string, ca: string, options: SlapdOptions): string {
  const policy = options.policy ?? 'told'
  return [
    'include /etc/ldap/schema/core.schema',
    'include /etc/ldap/schema/cosine.schema',
    'include /etc/ldap/schema/inetorgperson.schema',
    'modulepath /usr/lib/ldap',
    'moduleload back_mdb',
    'moduleload ppolicy',
    `pidfile ${folder}/slapd.pid`,
    `TLSCACertificateFile ${ca}`,
    `TLSCertificateFile ${folder}/cert.pem`,
    `TLSCertificateKeyFile ${folder}/key.pem`,
    ...(options.config ?? []),
    'database mdb',
    `suffix "${SUFFIX}"`,
    // The overlay writes failures and grace logins as the root DN: without one nothing is ever locked or used up.
    `rootdn "cn=root,${SUFFIX}"`,
    `directory ${folder}/db`,
    'maxsize 104857600',
    // Nobody waits for the disk: the folder is thrown away.
    'dbnosync',
    ...(options.database ?? []),
    ...(policy === 'none' ? [] : ['overlay ppolicy', `ppolicy_default "cn=default,ou=policies,${SUFFIX}"`]),
    ...(policy === 'told' ? ['ppolicy_use_lockout'] : []),
    '',
  ].join('\n')
}

const DAY_S = 86_400

/** Operational attributes make the states, as a server that has run for long would have written them: slapadd takes them. */
function entries(policy: 'told' | 'hidden' | 'none'): string {
  const yesterday = generalizedTime(-DAY_S)
  const policies = policy !== 'none'
  const state = (...lines: string[]) => (policies ? lines : [])
  const of = (name: string) => `pwdPolicySubentry: cn=${name},ou=policies,${SUFFIX}`
  return ldif([
    [`dn: ${SUFFIX}`, 'objectClass: organization', 'objectClass: dcObject', 'o: Example', 'dc: example'],
    [`dn: ${PEOPLE}`, 'objectClass: organizationalUnit', 'ou: people'],
    [`dn: ou=policies,${SUFFIX}`, 'objectClass: organizationalUnit', 'ou: policies'],
    ...(policies
      ? [
          policyEntry('default', ['pwdMustChange: TRUE']),
          policyEntry('lockout', ['pwdLockout: TRUE', 'pwdMaxFailure: 2']),
          policyEntry('expiry', ['pwdMaxAge: 3600']),
          policyEntry('grace', ['pwdMaxAge: 3600', 'pwdGraceAuthNLimit: 2']),
          policyEntry('ending', [`pwdMaxAge: ${2 * DAY_S}`, `pwdExpireWarning: ${2 * DAY_S - 1}`]),
        ]
      : []),
    account('alive'),
    account('locked', state(of('lockout'), 'pwdAccountLockedTime: 000001010000Z')),
    account('fragile', state(of('lockout'))),
    account('expired', state(of('expiry'), `pwdChangedTime: ${yesterday}`)),
    account('grace', state(of('grace'), `pwdChangedTime: ${yesterday}`)),
    account('must-change', state('pwdReset: TRUE')),
    account('ending', state(of('ending'), `pwdChangedTime: ${yesterday}`)),
    account('no-password').filter((line) => !line.startsWith('userPassword')),
    account('Doe, Jane'),
  ])
}

function ldif(entries: readonly (readonly string[])[]): string {
  return entries.map((lines) => `${lines.join('\n')}\n`).join('\n')
}

function policyEntry(name: string, lines: readonly string[]): string[] {
  return [
    `dn: cn=${name},ou=policies,${SUFFIX}`,
    'objectClass: device',
    'objectClass: pwdPolicy',
    `cn: ${name}`,
    'pwdAttribute: userPassword',
    ...lines,
  ]
}

function account(username: string, lines: readonly string[] = []): string[] {
  return [
    `dn: ${dnOf(username)}`,
    'objectClass: inetOrgPerson',
    `uid: ${username}`,
    `cn: ${username}`,
    `sn: ${username}`,
    `userPassword: ${PASSWORD}`,
    ...lines,
  ]
}

function dnOf(username: string): string {
  return `uid=${username.replaceAll(',', '\\,')},${PEOPLE}`
}

function generalizedTime(secondsFromNow: number): string {
  const at = new Date(Date.now() + secondsFromNow * 1_000)
  return `${at.toISOString().slice(0, 19).replaceAll(/[-:T]/g, '')}Z`
}

function load(folder: string): void {
  const files = ['-f', join(folder, 'slapd.conf'), '-l', join(folder, 'data.ldif')]
  const loaded = spawnSync('/usr/sbin/slapadd', files, { encoding: 'utf8' })
  if (loaded.status !== 0) throw new Error(`slapadd failed: ${loaded.stderr}`)
}

/** Resolves when the port answers; rejects when the process ends first or takes longer than 20 s. */
export async function listening(process: ChildProcess, port: number, host = '127.0.0.1'): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    if (process.exitCode !== null || process.signalCode !== null) throw new Error(`${process.spawnfile} ended at its start`)
    if (await answers(host, port)) return
    await sleep(50)
  }
  throw new Error(`${process.spawnfile} does not listen on ${port}`)
}

function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    socket.once('error', () => resolve(false))
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
}
