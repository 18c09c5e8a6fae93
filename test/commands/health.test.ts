import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCommand } from '../../src/commands/program.ts'
import { type Authority, makeAuthority } from '../servers/certificates.ts'
import { hear } from './heard.ts'

let folder: string
let authority: Authority
const servers: Server[] = []
let asked: (string | undefined)[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'revenant-health-'))
  authority = await makeAuthority()
})
afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
  authority.remove()
  await rm(folder, { recursive: true })
})

async function serve(
  status: number | 'silence',
  options: { host?: string; tls?: { cert: string; key: string } } = {},
): Promise<number> {
  const server = (options.tls === undefined ? createServer() : createSecureServer(options.tls)).on(
    'request',
    (request, response) => {
      asked.push(request.url)
      if (status !== 'silence') response.writeHead(status).end()
    },
  )
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, options.host ?? '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return address.port
}

async function health(config: string, ...args: string[]): Promise<{ exit: number; out: string; err: string }> {
  const file = join(folder, 'revenant.yaml')
  await writeFile(file, config)
  const { io, heard } = hear(folder, 80)
  const exit = await runCommand({ argv: ['--config', file, 'health', ...args], configPath: 'nowhere.yaml', io })
  return { exit, ...heard }
}

describe('revenant health', () => {
  it('says that a daemon is alive, wherever the configuration lets it listen', async () => {
    asked = []
    const port = await serve(200)
    const anywhere = `0.0.0.0:${await serve(200, { host: '0.0.0.0' })}`
    for (const listen of [`127.0.0.1:${port}`, `localhost:${port}`, anywhere])
      expect(await health(`listen: ${listen}\naccess: { serve: false }\n`), listen).toMatchObject({ exit: 0, err: '' })
    expect(asked).toEqual(['/healthz', '/healthz', '/healthz'])
    expect(await health(`listen: 127.0.0.1:${port}\n`, '--json')).toEqual({
      exit: 0,
      out: `{"alive":true,"address":"http://127.0.0.1:${port}/healthz","detail":"it answers"}\n`,
      err: '',
    })
  })

  it('asks by TLS where that is served, whatever the certificate', async () => {
    const { cert, key } = await authority.issue(['revenant.example'])
    const port = await serve(200, { tls: { cert, key } })
    expect((await health(`listen: 127.0.0.1:${port}\naccess: { tls: { cert: a.pem, key: b.pem } }\n`)).exit).toBe(0)
    expect((await health(`listen: 127.0.0.1:${port}\n`)).exit).toBe(1)
  })

  it('does not count a daemon as dead for a fault that the file got while it ran', async () => {
    const port = await serve(200)
    expect((await health(`listen: 127.0.0.1:${port}\nsystems: [{ name: NOT A NAME }]\nunknown: true\n`)).exit).toBe(0)
  })

  it('exits 1, and never with another code, where it is not alive or cannot be asked', async () => {
    const port = await serve(503)
    expect(await health(`listen: 127.0.0.1:${port}\n`)).toMatchObject({ exit: 1, out: expect.stringContaining('it answers 503') })
    const [closed] = [servers.pop()]
    await new Promise((resolve) => closed?.close(resolve))
    expect(await health(`listen: 127.0.0.1:${port}\n`)).toMatchObject({ exit: 1, out: expect.stringContaining('ECONNREFUSED') })
    expect(await health('listen: 127.0.0.1:0\n')).toMatchObject({ exit: 1, out: expect.stringContaining('port 0') })
    expect(await health('listen: nonsense\n')).toMatchObject({ exit: 1, out: expect.stringContaining('config check') })
    expect(await health('listen: [\n')).toMatchObject({ exit: 1, err: '' })
    expect(await health(`listen: 127.0.0.1:${await serve('silence')}\n`)).toMatchObject({
      exit: 1,
      out: expect.stringContaining('no answer within 4 s'),
    })
  }, 20_000)

  it('exits 1 without a file', async () => {
    const argv = ['--config', join(folder, 'none.yaml'), 'health', '--json']
    expect(await runCommand({ argv, configPath: '', io: hear(folder, 80).io })).toBe(1)
  })
})
