import { spawnSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort, publicFolder, startServer } from './spawned.ts'
import type { Pair } from './tls.ts'

/** The script itself: Debian's `/usr/sbin/rabbitmq-server` changes the user first. */
export const RABBITMQ = '/usr/lib/rabbitmq/bin/rabbitmq-server'

export interface RabbitmqOptions {
  user: string
  password: string
  tls: Pair & { ca: string }
}

export interface Rabbitmq {
  readonly port: number
  readonly tlsPort: number
  /** Ends the broker and keeps its durable queues. */
  stop(): Promise<void>
  /** Starts it again on the same ports. */
  start(): Promise<void>
  close(): Promise<void>
}

/**
 * A real RabbitMQ in a folder of its own, on 127.0.0.1, with an epmd of its own. Clients with a certificate of the CA may sign in
 * with it: its common name is the user. Takes some seconds to start.
 */
export async function startRabbitmq(options: RabbitmqOptions): Promise<Rabbitmq> {
  const folder = publicFolder('revenant-rabbitmq-')
  const at = (name: string) => join(folder.path, name)
  const [port, tlsPort, distribution, epmd] = [await freePort(), await freePort(), await freePort(), await freePort()]
  await mkdir(at('log'))
  for (const [name, pem] of Object.entries(options.tls)) await writeFile(at(name), pem, { mode: 0o600 })
  await writeFile(at('rabbitmq.conf'), configuration(folder.path, port, tlsPort, options), { mode: 0o600 })
  await writeFile(at('plugins'), '[rabbitmq_auth_mechanism_ssl].\n')
  const env = {
    PATH: process.env.PATH ?? '/usr/bin:/bin',
    LANG: 'C.UTF-8',
    HOME: folder.path,
    RABBITMQ_NODENAME: `revenant-${port}@localhost`,
    RABBITMQ_CONFIG_FILE: at('rabbitmq.conf'),
    RABBITMQ_CONF_ENV_FILE: at('none'),
    RABBITMQ_ENABLED_PLUGINS_FILE: at('plugins'),
    RABBITMQ_MNESIA_BASE: at('mnesia'),
    RABBITMQ_LOG_BASE: at('log'),
    RABBITMQ_PID_FILE: at('pid'),
    RABBITMQ_DIST_PORT: String(distribution),
    // Makes the script become the server instead of its parent, so that signals reach it.
    RUNNING_UNDER_SYSTEMD: 'true',
    ERL_EPMD_PORT: String(epmd),
    ERL_EPMD_ADDRESS: '127.0.0.1',
  }
  let stop: (() => Promise<void>) | undefined
  const start = async () => {
    stop = await startServer(RABBITMQ, [], tlsPort, { env, patienceMs: 60_000 })
  }
  const end = async () => {
    await stop?.()
    stop = undefined
  }
  const close = async () => {
    await end()
    // Answers only to this port: nobody else's is meant.
    spawnSync('epmd', ['-port', String(epmd), '-kill'], { env, timeout: 5_000 })
    folder.remove()
  }
  try {
    await start()
  } catch (error) {
    await close()
    throw error
  }
  return { port, tlsPort, start, stop: end, close }
}

function configuration(folder: string, port: number, tlsPort: number, { user, password }: RabbitmqOptions): string {
  return `listeners.tcp.1 = 127.0.0.1:${port}
listeners.ssl.1 = 127.0.0.1:${tlsPort}
ssl_options.cacertfile = ${folder}/ca
ssl_options.certfile = ${folder}/cert
ssl_options.keyfile = ${folder}/key
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = false
ssl_cert_login_from = common_name
auth_mechanisms.1 = PLAIN
auth_mechanisms.2 = EXTERNAL
default_user = ${user}
default_pass = ${password}
max_message_size = 15000
log.file = false
log.console = true
log.console.level = error
vm_memory_high_watermark.absolute = 256MB
disk_free_limit.absolute = 1MB
`
}
