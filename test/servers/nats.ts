import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort, publicFolder, startServer } from './spawned.ts'
import type { Pair } from './tls.ts'

export const NATS_SERVER = '/usr/sbin/nats-server'

export interface NatsOptions {
  port?: number
  /** The `authorization { … }` block's content. */
  authorization?: string
  /** Operator mode: the lines `operator`, `resolver` and `resolver_preload`. */
  resolver?: string
  tls?: Pair & { ca: string }
  /** Ask clients for a certificate of the CA. */
  clients?: boolean
  maxPayload?: number
  jetstream?: boolean
}

export interface Nats {
  readonly port: number
  /** Ends the server and keeps its streams. */
  stop(): Promise<void>
  /** Starts it again on the same port with the same streams. */
  start(): Promise<void>
  close(): Promise<void>
}

/** A real nats-server with JetStream in a folder of its own, on 127.0.0.1. */
export async function startNats(options: NatsOptions = {}): Promise<Nats> {
  const folder = publicFolder('revenant-nats-')
  const port = options.port ?? (await freePort())
  await mkdir(join(folder.path, 'js'))
  for (const [name, pem] of Object.entries(options.tls ?? {})) await writeFile(join(folder.path, name), pem, { mode: 0o600 })
  await writeFile(join(folder.path, 'conf'), configuration(folder.path, port, options))
  let stop: (() => Promise<void>) | undefined
  const start = async () => {
    stop = await startServer(NATS_SERVER, ['-c', join(folder.path, 'conf')], port)
  }
  const end = async () => {
    await stop?.()
    stop = undefined
  }
  const close = async () => {
    await end()
    folder.remove()
  }
  try {
    await start()
  } catch (error) {
    await close()
    throw error
  }
  return { port, start, stop: end, close }
}

function configuration(folder: string, port: number, options: NatsOptions): string {
  const { authorization, resolver, tls, clients = false, maxPayload = 1_048_576, jetstream = true } = options
  const files = `cert_file: "${folder}/cert", key_file: "${folder}/key", ca_file: "${folder}/ca", verify: ${clients}`
  return [
    `listen: "127.0.0.1:${port}"`,
    `max_payload: ${maxPayload}`,
    ...(jetstream ? [`jetstream { store_dir: "${folder}/js", max_memory_store: 64MB, max_file_store: 64MB }`] : []),
    ...(tls === undefined ? [] : [`tls { ${files} }`]),
    ...(resolver === undefined ? [] : [resolver]),
    ...(authorization === undefined ? [] : [`authorization { ${authorization} }`]),
  ].join('\n')
}
