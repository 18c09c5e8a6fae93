import { createHash, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import ssh2, { type AuthContext, type Connection, type ServerChannel } from 'ssh2'
import { RevenantError } from '../domain/error.ts'
import { newSshKey } from './ssh-key.ts'

/** An account as a Unix host keeps it: a password that can be locked, and keys that do not care about that. */
interface Account {
  password: string
  passwordLocked: boolean
  /** Public keys in wire form, base64. */
  authorizedKeys: Set<string>
}

export interface KeyPair {
  /** OpenSSH format, no passphrase. */
  privateKey: string
  /** Wire form, base64: what `authorized_keys` holds. */
  publicKey: string
}

export interface SshServer {
  readonly port: number
  /** `SHA256:…`, as `ssh-keygen -l` prints it. */
  readonly hostKey: string
  addAccount(name: string, password: string): void
  /** What `passwd -l` does: the password no longer opens the account, keys still do. */
  lockPassword(name: string, locked: boolean): void
  isPasswordLocked(name: string): boolean
  authorizeKey(name: string, publicKey: string): void
  removeKey(name: string, publicKey: string): void
  isAuthorized(name: string, publicKey: string): boolean
  stop(): Promise<void>
}

/** An SSH server on a free port of 127.0.0.1 with password and public-key authentication; a session only says who it is. */
export async function startSshServer(): Promise<SshServer> {
  const accounts = new Map<string, Account>()
  const connections = new Set<Connection>()
  const host = newKeyPair()
  const server = new ssh2.Server({ hostKeys: [host.privateKey] }, (connection) => {
    connections.add(connection)
    serve(connection, accounts)
    connection.on('close', () => connections.delete(connection))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: portOf(server),
    hostKey: `SHA256:${createHash('sha256').update(Buffer.from(host.publicKey, 'base64')).digest('base64').replace(/=+$/, '')}`,
    addAccount: (name, password) => accounts.set(name, { password, passwordLocked: false, authorizedKeys: new Set() }),
    lockPassword: (name, locked) => {
      accountOf(accounts, name).passwordLocked = locked
    },
    isPasswordLocked: (name) => accountOf(accounts, name).passwordLocked,
    authorizeKey: (name, publicKey) => accountOf(accounts, name).authorizedKeys.add(publicKey),
    removeKey: (name, publicKey) => accountOf(accounts, name).authorizedKeys.delete(publicKey),
    isAuthorized: (name, publicKey) => accountOf(accounts, name).authorizedKeys.has(publicKey),
    stop: async () => {
      const closed = once(server, 'close')
      server.close()
      for (const connection of connections) connection.end()
      await closed
    },
  }
}

/** A new Ed25519 key. */
export function newKeyPair(): KeyPair {
  const pair = newSshKey()
  return { privateKey: pair.private, publicKey: pair.public.split(' ')[1] ?? '' }
}

function serve(connection: Connection, accounts: ReadonlyMap<string, Account>): void {
  let name = ''
  // A client that hangs up in the middle is no fault of this server.
  connection.on('error', () => {})
  connection.on('authentication', (context) => {
    name = context.username
    if (admits(accounts.get(name), context)) context.accept()
    else context.reject(['publickey', 'password'])
  })
  connection.on('session', (accept) => {
    const session = accept()
    const greet = (channel: ServerChannel) => {
      channel.write(`You are ${name}, on the bastion of the demo.\r\n`)
      channel.exit(0)
      channel.end()
    }
    session.on('pty', (acceptPty) => acceptPty?.())
    session.on('shell', (acceptShell) => greet(acceptShell()))
    session.on('exec', (acceptExec) => greet(acceptExec()))
  })
}

function admits(account: Account | undefined, context: AuthContext): boolean {
  if (account === undefined) return false
  if (context.method === 'password') return !account.passwordLocked && equal(context.password, account.password)
  if (context.method !== 'publickey') return false
  const { key, signature, blob } = context
  if (!account.authorizedKeys.has(key.data.toString('base64'))) return false
  // RFC 4252 §7: without a signature the client only asks whether this key would do.
  if (signature === undefined) return true
  const parsed = ssh2.utils.parseKey(`${key.algo} ${key.data.toString('base64')}`)
  return !(parsed instanceof Error) && blob !== undefined && parsed.verify(blob, signature, context.hashAlgo) === true
}

/** Compares digests: no time tells how much of a password was right. */
function equal(a: string, b: string): boolean {
  return timingSafeEqual(createHash('sha256').update(a).digest(), createHash('sha256').update(b).digest())
}

function accountOf(accounts: ReadonlyMap<string, Account>, name: string): Account {
  const account = accounts.get(name)
  if (account === undefined) throw new RevenantError('NOT_FOUND', `the bastion has no account ${name}`)
  return account
}

function portOf(server: InstanceType<typeof ssh2.Server>): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new RevenantError('INTERNAL', 'an SSH server has no port')
  return address.port
}
