import { once } from 'node:events'
import ssh2, { type AuthContext, type Connection, type ServerConfig } from 'ssh2'
import { newSshKey } from '../../src/lab/ssh-key.ts'

/** What the server makes of one authentication request. */
export type Authenticate = (request: AuthContext, connection: Connection) => void

export interface SshServer {
  port: number
  /** `ssh-ed25519 AAAA…` */
  hostKey: string
  /** Method and user of every request, in order. */
  requests(): string[]
  /** Software versions of the clients. */
  clients(): string[]
  /** Sessions, channels and global requests asked for: a probe asks for none. */
  channels(): number
  /** Connections open now. */
  open(): number
  stop(): Promise<void>
}

/** ssh2's own server on a free port of 127.0.0.1: for what every machine can run, and for what OpenSSH does not do. */
export async function startSshServer(authenticate: Authenticate, config: Partial<ServerConfig> = {}): Promise<SshServer> {
  const { private: hostKey, public: publicKey } = newSshKey()
  const requests: string[] = []
  const clients: string[] = []
  const open = new Set<Connection>()
  let channels = 0
  const server = new ssh2.Server({ hostKeys: [hostKey], ...config }, (connection, info) => {
    clients.push(info.header.identRaw)
    open.add(connection)
    connection.on('error', () => {})
    connection.on('close', () => open.delete(connection))
    connection.on('session', () => channels++)
    connection.on('request', () => channels++)
    connection.on('authentication', (request) => {
      requests.push(`${request.method} ${request.username}`)
      authenticate(request, connection)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address: unknown = server.address()
  const port = typeof address === 'object' && address !== null && 'port' in address ? Number(address.port) : 0
  return {
    port,
    hostKey: publicKey.trim(),
    requests: () => [...requests],
    clients: () => [...clients],
    channels: () => channels,
    open: () => open.size,
    stop: async () => {
      for (const connection of open) connection.end()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
