import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { RevenantError } from '../domain/error.ts'

export interface ClosedPort {
  port: number
  release(): Promise<void>
}

/**
 * A port of 127.0.0.1 where nothing listens, and nothing will: it is the near end of a connection that stays open, so that the
 * system gives it to nobody else. (A port that was merely closed may be taken, or even connect to itself.)
 */
export async function holdClosedPort(): Promise<ClosedPort> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new RevenantError('INTERNAL', 'a TCP server has no port')
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve))
  const socket = connect(address.port, '127.0.0.1')
  await once(socket, 'connect')
  const far = await accepted
  for (const end of [socket, far]) end.on('error', () => {})
  const { localPort } = socket
  if (localPort === undefined) throw new RevenantError('INTERNAL', 'a connection has no port')
  return {
    port: localPort,
    release: async () => {
      socket.destroy()
      far.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
