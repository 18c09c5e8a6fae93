import { connect, type Socket } from 'node:net'
import { connect as connectSecurely } from 'node:tls'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openServer, type Server } from '../../src/api/server.ts'
import { openLogger } from '../../src/telemetry/logger.ts'
import { makeAuthority } from '../servers/tls.ts'

const REQUEST = 'GET /here HTTP/1.1\r\nhost: localhost\r\n\r\n'

/** Everything that came until the server closed the connection; `say` is written once it stands. */
function heard(socket: Socket, say: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let all = ''
    if (say !== '') socket.write(say)
    socket.on('data', (chunk) => {
      all += chunk.toString()
    })
    socket.on('close', () => resolve(all))
    socket.on('error', reject)
  })
}

/** The status lines among what was heard. */
const statuses = (text: string) => [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status))

describe('a connection that is held and says too little', () => {
  const logger = openLogger({ level: 'silent', fields: {}, write: () => undefined })
  const options = {
    ...{ listen: { host: '127.0.0.1', port: 0 }, logger },
    addPages: (app: FastifyInstance) => void app.get('/here', async () => ({})),
  }
  let plain: Server
  let secure: Server
  beforeAll(async () => {
    plain = await openServer(options)
    secure = await openServer({ ...options, tls: makeAuthority().issue(['127.0.0.1']) })
  })
  afterAll(() => Promise.all([plain.close(), secure.close()]))

  const portOf = ({ address }: Server) => Number(new URL(address).port)
  const openly = () => connect(portOf(plain), '127.0.0.1')
  const securely = () => connectSecurely({ port: portOf(secure), host: '127.0.0.1', rejectUnauthorized: false })

  // A browser opens some ahead of need: an answer that it finds there would be taken for that to its question.
  it('is closed without a word where nothing came, and told that it was too slow where a part came', async () => {
    const [idle, half, second, safe, safeHalf] = await Promise.all([
      heard(openly(), ''),
      heard(openly(), 'GET /here HT'),
      heard(openly(), `${REQUEST}GET /he`),
      heard(securely(), ''),
      heard(securely(), 'GET /here HT'),
    ])
    expect([idle, safe]).toEqual(['', ''])
    expect([half, second, safeHalf].map(statuses)).toEqual([[408], [200, 408], [408]])
  })
})
