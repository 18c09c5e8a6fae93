import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface BasicApi {
  origin: string
  /** Passwords by account; whatever else is tried is wrong. */
  passwords: Map<string, string>
  /** Wrong tries by account, as a server that locks would count them. */
  failures: Map<string, number>
  stop(): Promise<void>
}

/** An HTTP API with basic authentication that counts the wrong tries of every account. */
export async function startBasicApi(): Promise<BasicApi> {
  const server = createServer((request, response) => {
    const header = request.headers.authorization
    const [account = '', password = ''] =
      header?.startsWith('Basic ') === true ? Buffer.from(header.slice(6), 'base64').toString().split(':') : []
    if (account !== '' && api.passwords.get(account) === password) {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ login: account }))
      return
    }
    if (account !== '') api.failures.set(account, (api.failures.get(account) ?? 0) + 1)
    response.writeHead(401, { 'www-authenticate': 'Basic realm="api"', 'content-type': 'application/json' }).end('{}')
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  const api: BasicApi = {
    origin: `http://127.0.0.1:${port}`,
    passwords: new Map(),
    failures: new Map(),
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return api
}
