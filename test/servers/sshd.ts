import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A temporary account of this machine. The name is random; tests call it by its alias. */
export interface SshAccount {
  password?: string
  /** Lines of authorized_keys. */
  keys?: readonly string[]
  /** `passwd -l`: the password is locked, the account is not. */
  locked?: true
  /** The account's expiry date has passed. */
  expired?: true
  /** `chage -d 0`: the password must be changed at the next login. */
  mustChange?: true
  /** `passwd -d`: no password at all. */
  empty?: true
  shell?: string
}

export interface SshdOptions<Alias extends string> {
  accounts: Readonly<Record<Alias, SshAccount>>
  /** Lines of sshd_config; those from the first `Match` on belong at the end. */
  config?: (name: (alias: Alias) => string) => readonly string[]
}

export interface Sshd<Alias extends string> {
  host: '127.0.0.1'
  port: number
  /** The real name of an account. */
  name(alias: Alias): string
  /** Public host keys by type, as one line each: `ssh-ed25519 AAAA…`. */
  hostKeys: Readonly<Record<'ed25519' | 'rsa' | 'ecdsa', string>>
  /** What sshd logged since the last call, at level VERBOSE. */
  log(): string
  stop(): Promise<void>
}

/** Debian's binary: give it to `needs('openssh-server', sshdFile)`. */
export const sshdFile = '/usr/sbin/sshd'

/** Only root may make accounts and have passwords checked by PAM. */
export const mayRunSshd = process.getuid?.() === 0

const PRIVILEGE_FOLDER = '/run/sshd'

/**
 * Starts Debian's OpenSSH with its own host keys and configuration on a free port of 127.0.0.1, with accounts made for it and
 * removed by `stop()` or with this process. Needs root (`mayRunSshd`).
 */
export async function startSshd<Alias extends string>(options: SshdOptions<Alias>): Promise<Sshd<Alias>> {
  const folder = mkdtempSync(join(tmpdir(), 'revenant-sshd-'))
  const madeFolder = !existsSync(PRIVILEGE_FOLDER)
  if (madeFolder) mkdirSync(PRIVILEGE_FOLDER, { mode: 0o755 })
  const names = new Map<string, string>()
  let child: ChildProcess | undefined
  const cleanUp = () => {
    child?.kill('SIGKILL')
    for (const name of names.values()) spawnSync('userdel', [name], { stdio: 'ignore' })
    rmSync(folder, { recursive: true, force: true })
    if (madeFolder) removeIfEmpty(PRIVILEGE_FOLDER)
  }
  process.once('exit', cleanUp)
  const stop = async () => {
    process.off('exit', cleanUp)
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
    }
    cleanUp()
  }
  try {
    const keys = join(folder, 'keys')
    // sshd reads authorized_keys as the user: the way there must be open.
    execFileSync('chmod', ['755', folder])
    mkdirSync(keys, { mode: 0o755 })
    for (const alias of aliases(options.accounts)) {
      const name = `rvn${randomBytes(4).toString('hex')}`
      names.set(alias, name)
      await makeAccount(name, options.accounts[alias], keys)
    }
    const nameOf = (alias: Alias) => names.get(alias) ?? ''
    const hostKeys = makeHostKeys(folder)
    const port = await freePort()
    const config = join(folder, 'sshd_config')
    writeFileSync(config, configuration(folder, port, options.config?.(nameOf) ?? []))
    child = spawn(sshdFile, ['-D', '-e', '-f', config], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: process.env.PATH ?? '' },
    })
    const log = await listening(child)
    return { host: '127.0.0.1', port, name: nameOf, hostKeys, log, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function configuration(folder: string, port: number, lines: readonly string[]): string {
  const own = [
    'ListenAddress 127.0.0.1',
    `Port ${port}`,
    'PidFile none',
    'LogLevel VERBOSE',
    'UsePAM yes',
    'PasswordAuthentication yes',
    'KbdInteractiveAuthentication no',
    'PubkeyAuthentication yes',
    'StrictModes no',
    'UseDNS no',
    'PrintMotd no',
    // A table of refusals must not run into the server's own brake.
    'MaxStartups 100',
    `AuthorizedKeysFile ${join(folder, 'keys')}/%u`,
    ...(['ed25519', 'rsa', 'ecdsa'] as const).map((type) => `HostKey ${join(folder, `host_${type}`)}`),
  ]
  // sshd takes the first value it reads: the caller's lines outweigh these, except those within a Match.
  const match = lines.findIndex((line) => line.startsWith('Match '))
  const head = match === -1 ? lines : lines.slice(0, match)
  const tail = match === -1 ? [] : lines.slice(match)
  return `${[...head, ...own, ...tail].join('\n')}\n`
}

function makeHostKeys(folder: string): Record<'ed25519' | 'rsa' | 'ecdsa', string> {
  const make = (type: string) => {
    const file = join(folder, `host_${type}`)
    execFileSync('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', '', '-f', file])
    return readFileSync(`${file}.pub`, 'utf8').trim()
  }
  return { ed25519: make('ed25519'), rsa: make('rsa'), ecdsa: make('ecdsa') }
}

async function makeAccount(name: string, account: SshAccount, keys: string): Promise<void> {
  await admin('useradd', ['-M', '-N', '-d', '/nonexistent', '-s', account.shell ?? '/bin/sh', name])
  if (account.password !== undefined) await admin('chpasswd', [], `${name}:${account.password}\n`)
  if (account.empty === true) await admin('passwd', ['-d', name])
  if (account.locked === true) await admin('passwd', ['-l', name])
  if (account.expired === true) await admin('chage', ['-E', '2020-01-01', name])
  if (account.mustChange === true) await admin('chage', ['-d', '0', name])
  if (account.keys !== undefined) writeFileSync(join(keys, name), `${account.keys.join('\n')}\n`, { mode: 0o644 })
}

/** The account files are locked by one program at a time: another test may be at them. */
async function admin(command: string, args: readonly string[], input = ''): Promise<void> {
  for (let tries = 0; ; tries++) {
    const { status, stderr } = spawnSync(command, args, { input })
    if (status === 0) return
    if (tries === 20) throw new Error(`${command} ${args.join(' ')} ended with ${String(status)}: ${String(stderr)}`)
    await sleep(100)
  }
}

async function listening(child: ChildProcess): Promise<() => string> {
  let text = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-100_000)
  })
  for (let waited = 0; !text.includes('Server listening on'); waited += 20) {
    if (child.exitCode !== null || waited > 10_000) throw new Error(`sshd did not start: ${text}`)
    await sleep(20)
  }
  return () => {
    const taken = text
    text = ''
    return taken
  }
}

function aliases<Alias extends string>(accounts: Readonly<Record<Alias, SshAccount>>): Alias[] {
  const isAlias = (name: string): name is Alias => Object.hasOwn(accounts, name)
  return Object.keys(accounts).filter(isAlias)
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder)
  } catch {
    // Another sshd of another test is using it.
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port')
  return address.port
}
