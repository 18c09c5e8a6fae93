import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Pair } from './tls.ts'

export const RSYSLOGD = '/usr/sbin/rsyslogd'
const MODULES = `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/rsyslog`
/** The network stream drivers, by the Debian package that brings each. */
export const DRIVERS = { gtls: join(MODULES, 'lmnsd_gtls.so'), ossl: join(MODULES, 'lmnsd_ossl.so') } as const

export interface RsyslogOptions {
  listen: 'tcp' | 'udp' | 'tls'
  driver?: keyof typeof DRIVERS
  tls?: Pair & { ca: string }
  /** Ask clients for a certificate of the CA. */
  clients?: boolean
  port?: number
}

/** One message as rsyslog's `%jsonmesg%` shows it. */
export type Logged = Record<string, unknown>

export interface Rsyslog {
  readonly port: number
  /** Waits until so many messages are in the log; throws after five seconds. */
  logged(count: number): Promise<Logged[]>
  close(): Promise<void>
}

/** A real rsyslogd with a configuration of its own, in the foreground, on 127.0.0.1. */
export async function startRsyslog(options: RsyslogOptions): Promise<Rsyslog> {
  const folder = await mkdtemp(join(tmpdir(), 'revenant-rsyslog-'))
  const log = join(folder, 'log')
  const portFile = join(folder, 'port')
  const udpPort = options.listen === 'udp' ? await freeUdpPort() : 0
  if (options.tls !== undefined) {
    const { ca, cert, key } = options.tls
    for (const [name, pem] of Object.entries({ ca, cert, key })) await writeFile(join(folder, name), pem, { mode: 0o600 })
  }
  await writeFile(join(folder, 'conf'), configuration(folder, log, portFile, udpPort, options))
  const child = spawn(RSYSLOGD, ['-n', '-f', join(folder, 'conf'), '-i', join(folder, 'pid')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  child.stdout?.on('data', (chunk) => (said += chunk))
  child.stderr?.on('data', (chunk) => (said += chunk))
  const close = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM')
      await once(child, 'exit')
    }
    await rm(folder, { recursive: true, force: true })
  }
  try {
    const port = await ready(child, portFile, udpPort, options.port ?? 0, () => said)
    return { port, logged: (count) => readLog(log, count, () => said), close }
  } catch (error) {
    await close()
    throw error
  }
}

function configuration(folder: string, log: string, portFile: string, udpPort: number, options: RsyslogOptions): string {
  const { listen, driver = 'ossl', clients = false, port = 0 } = options
  const globals =
    listen === 'tls'
      ? ` DefaultNetstreamDriver="${driver}" DefaultNetstreamDriverCAFile="${folder}/ca"` +
        ` DefaultNetstreamDriverCertFile="${folder}/cert" DefaultNetstreamDriverKeyFile="${folder}/key"`
      : ''
  const stream =
    listen === 'tls'
      ? ` StreamDriver.Name="${driver}" StreamDriver.Mode="1" StreamDriver.AuthMode="${clients ? 'x509/certvalid' : 'anon'}"`
      : ''
  const input =
    listen === 'udp'
      ? `module(load="imudp")\ninput(type="imudp" address="127.0.0.1" port="${udpPort}")`
      : `module(load="imtcp"${stream})\ninput(type="imtcp" address="127.0.0.1" port="${port}" listenPortFileName="${portFile}")`
  return `global(workDirectory="${folder}"${globals})
template(name="json" type="string" string="%jsonmesg%\\n")
${input}
*.* action(type="omfile" file="${log}" template="json")
`
}

async function ready(
  child: ChildProcess,
  portFile: string,
  udpPort: number,
  tcpPort: number,
  said: () => string,
): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    if (child.exitCode !== null) throw new Error(`rsyslogd ended: ${said()}`)
    if (udpPort !== 0) {
      if (await udpTaken(udpPort)) return udpPort
    } else if (tcpPort !== 0) {
      // imtcp writes the port file for a port of the kernel's choice only.
      if (await tcpAnswers(tcpPort)) return tcpPort
    } else if (existsSync(portFile)) {
      const port = Number((await readFile(portFile, 'utf8')).trim())
      // The port is bound and named a moment before it is listened on.
      if (port > 0 && (await tcpAnswers(port))) return port
    }
    await delay(50)
  }
  throw new Error(`rsyslogd does not listen: ${said()}`)
}

async function readLog(log: string, count: number, said: () => string): Promise<Logged[]> {
  let lines: string[] = []
  for (let tries = 0; tries < 100; tries++) {
    const text = existsSync(log) ? await readFile(log, 'utf8') : ''
    // rsyslogd logs its own start and faults as well.
    const whole = text.split('\n').slice(0, -1)
    lines = whole.filter((line) => !line.includes('"programname":"rsyslogd"'))
    if (lines.length >= count) return lines.map((line): Logged => JSON.parse(line))
    await delay(50)
  }
  throw new Error(`rsyslogd has ${lines.length} messages, not ${count}: ${said()}`)
}

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  return port
}

async function udpTaken(port: number): Promise<boolean> {
  const socket = createSocket('udp4')
  try {
    return await new Promise<boolean>((resolve) => {
      socket.once('error', () => resolve(true))
      socket.bind(port, '127.0.0.1', () => resolve(false))
    })
  } finally {
    socket.close()
  }
}

async function tcpAnswers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    return await new Promise<boolean>((resolve) => {
      socket.once('error', () => resolve(false)).once('connect', () => resolve(true))
    })
  } finally {
    socket.destroy()
  }
}
