import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Attribute, Change, Client } from 'ldapts'
import { type Authority, makeAuthority } from './certificates.ts'
import { listening } from './slapd.ts'

const LIBRARIES = `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/samba`

/** What must exist on this machine: of Debian's packages `samba`, `samba-ad-provision`, `samba-dsdb-modules` and `samba-vfs-modules`. */
export const SAMBA_FILES = [
  '/usr/sbin/samba',
  '/usr/bin/samba-tool',
  '/usr/share/samba/setup/provision.ldif',
  `${LIBRARIES}/ldb/samba_dsdb.so`,
  `${LIBRARIES}/vfs/acl_xattr.so`,
] as const

/** Why a domain controller cannot run here, or undefined: it opens ports 389 and 636, which only root may. */
export function sambaObstacle(): string | undefined {
  return process.getuid?.() === 0 ? undefined : 'root'
}

export const DOMAIN_DN = 'DC=corp,DC=example'
export const REALM = 'corp.example'

/** The password of every account. */
export const AD_PASSWORD = 'Right-Horse-1'
/** The password that `changed` had before. */
export const AD_OLD_PASSWORD = 'Older-Horse-1'

/** The password of `administrator@${REALM}`. */
export const ADMIN_PASSWORD = 'Administrator-Horse-1'

/** The wrong try that locks an account of the domain. */
export const LOCKOUT_THRESHOLD = 3

export interface Samba {
  /** A loopback address of its own, since the ports are the protocol's: 389 and 636. */
  host: string
  authority: Authority
  dn(username: string): string
  /** One attribute of an account as the domain holds it, read by the administrator. */
  read(username: string, attribute: string): Promise<string>
  stop(): Promise<void>
}

/**
 * Provisions an Active Directory domain in a folder of its own and starts its domain controller with the LDAP service alone. The
 * accounts differ in their state only: `alive`, `disabled`, `expired` (the account), `password-expired`, `must-change`, `no-hours`
 * (no logon hours), `elsewhere` (another workstation), `locked`, `locked-disabled`, `changed` (a new password since), `fragile`.
 * `locked` and `locked-disabled` are still open: `LOCKOUT_THRESHOLD` wrong tries lock them.
 *
 * @param options.requireStrongAuth Samba's own default: no simple bind in clear
 */
export async function startSamba(options: { requireStrongAuth?: boolean } = {}): Promise<Samba> {
  const folder = mkdtempSync(join(tmpdir(), 'revenant-samba-'))
  const authority = await makeAuthority()
  // One of some sixteen million, and ports that nothing else in these tests uses.
  const host = `127.${randomInt(1, 255)}.${randomInt(1, 255)}.${randomInt(1, 255)}`
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
    await provision(folder, host)
    const { key, cert } = await authority.issue([host, 'dc1.corp.example'])
    writeFileSync(join(folder, 'key.pem'), key, { mode: 0o600 })
    writeFileSync(join(folder, 'cert.pem'), cert)
    writeFileSync(join(folder, 'smb.conf'), configuration(folder, host, authority.file, options.requireStrongAuth ?? false))
    // Inherits no standard input and writes its log into the folder; `single`: one process, which dies with its signal.
    const flags = ['-F', '-M', 'single', '--no-process-group', '-s', join(folder, 'smb.conf')]
    server = spawn('/usr/sbin/samba', flags, { stdio: 'ignore' })
    await listening(server, 389, host)
    await listening(server, 636, host)
    await populate(host, authority.cert)
    await agePassword(folder, dnOf('password-expired'))
    const read = (username: string, attribute: string) =>
      asAdministrator(host, authority.cert, (client) => readOne(client, username, attribute))
    return { host, authority, dn: dnOf, read, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function provision(folder: string, host: string): Promise<void> {
  writeFileSync(join(folder, 'empty.conf'), '[global]\n')
  await promisify(execFile)('/usr/bin/samba-tool', [
    ...['domain', 'provision', '--server-role=dc', '--dns-backend=NONE', '--domain=CORP', `--realm=${REALM.toUpperCase()}`],
    ...[
      '--host-name=dc1',
      `--host-ip=${host}`,
      `--configfile=${join(folder, 'empty.conf')}`,
      `--targetdir=${join(folder, 'dc')}`,
    ],
    ...[`--adminpass=${ADMIN_PASSWORD}`, `--option=interfaces=${host}/8`, '--option=bind interfaces only=yes'],
  ])
}

function configuration(folder: string, host: string, ca: string, requireStrongAuth: boolean): string {
  const dc = join(folder, 'dc')
  for (const name of ['run', 'ncalrpc']) mkdirSync(join(folder, name))
  return [
    '[global]',
    'netbios name = DC1',
    `realm = ${REALM.toUpperCase()}`,
    'workgroup = CORP',
    'server role = active directory domain controller',
    'server services = ldap',
    `interfaces = ${host}/8`,
    'bind interfaces only = yes',
    `private dir = ${dc}/private`,
    `lock directory = ${dc}`,
    `state directory = ${dc}/state`,
    `cache directory = ${dc}/cache`,
    `binddns dir = ${dc}/bind-dns`,
    `pid directory = ${folder}/run`,
    `ncalrpc dir = ${folder}/ncalrpc`,
    `log file = ${folder}/log`,
    'logging = file',
    `tls keyfile = ${folder}/key.pem`,
    `tls certfile = ${folder}/cert.pem`,
    `tls cafile = ${ca}`,
    `ldap server require strong auth = ${requireStrongAuth ? 'yes' : 'no'}`,
    '',
  ].join('\n')
}

const NORMAL_ACCOUNT = '512'
const DISABLED_ACCOUNT = '514'

/** What sets each account apart; all else is the same. */
const ACCOUNTS: Readonly<Record<string, Readonly<Record<string, string | Buffer>>>> = {
  alive: {},
  disabled: { userAccountControl: DISABLED_ACCOUNT },
  // 100 ns since 1601: the year 2012.
  expired: { accountExpires: '129700000000000000' },
  'password-expired': {},
  'must-change': { pwdLastSet: '0' },
  'no-hours': { logonHours: Buffer.alloc(21) },
  elsewhere: { userWorkstations: 'ELSEWHERE' },
  locked: {},
  'locked-disabled': { userAccountControl: DISABLED_ACCOUNT },
  changed: {},
  fragile: {},
}

async function populate(host: string, ca: string): Promise<void> {
  await asAdministrator(host, ca, async (client) => {
    const threshold = attribute('lockoutThreshold', String(LOCKOUT_THRESHOLD))
    await client.modify(DOMAIN_DN, new Change({ operation: 'replace', modification: threshold }))
    for (const [name, state] of Object.entries(ACCOUNTS)) {
      const password = quoted(name === 'changed' ? AD_OLD_PASSWORD : AD_PASSWORD)
      const attributes = {
        objectClass: 'user',
        sAMAccountName: name,
        unicodePwd: password,
        userAccountControl: NORMAL_ACCOUNT,
        ...state,
      }
      await client.add(
        dnOf(name),
        Object.entries(attributes).map(([type, value]) => attribute(type, value)),
      )
    }
    const password = attribute('unicodePwd', quoted(AD_PASSWORD))
    await client.modify(dnOf('changed'), new Change({ operation: 'replace', modification: password }))
  })
}

/**
 * Lets an account's password have been set in 2012, past the domain's 42 days. Over LDAP `pwdLastSet` takes 0 and -1 only: this goes to
 * the database, past the module that says so (DSDB_CONTROL_BYPASS_PASSWORD_HASH_OID).
 */
async function agePassword(folder: string, dn: string): Promise<void> {
  await promisify(execFile)('/usr/bin/python3', [
    '-c',
    AGE_PASSWORD,
    join(folder, 'smb.conf'),
    join(folder, 'dc/private/sam.ldb'),
    dn,
  ])
}

const AGE_PASSWORD = `
import sys, ldb
from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB
config = LoadParm()
config.load(sys.argv[1])
sam = SamDB(url=sys.argv[2], session_info=system_session(), lp=config)
change = ldb.Message(ldb.Dn(sam, sys.argv[3]))
change['pwdLastSet'] = ldb.MessageElement('129700000000000000', ldb.FLAG_MOD_REPLACE, 'pwdLastSet')
sam.modify(change, controls=['local_oid:1.3.6.1.4.1.7165.4.3.12:0'])
`

/** Works in the domain as its administrator. */
export async function asAdministrator<T>(host: string, ca: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ url: `ldaps://${host}`, tlsOptions: { ca } })
  try {
    await client.bind(`administrator@${REALM}`, ADMIN_PASSWORD)
    return await work(client)
  } finally {
    await client.unbind()
  }
}

async function readOne(client: Client, username: string, attribute: string): Promise<string> {
  const { searchEntries } = await client.search(dnOf(username), { scope: 'base', attributes: [attribute] })
  return String(searchEntries[0]?.[attribute])
}

function attribute(type: string, value: string | Buffer): Attribute {
  return new Attribute({ type, values: typeof value === 'string' ? [value] : [value] })
}

function dnOf(username: string): string {
  return `CN=${username},CN=Users,${DOMAIN_DN}`
}

/** The form in which Active Directory takes a password ([MS-ADTS] §3.1.1.3.1.5.1). */
function quoted(password: string): Buffer {
  return Buffer.from(`"${password}"`, 'utf16le')
}
