import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newSshKey } from '../../src/lab/ssh-key.ts'
import { closedPort } from '../servers/hostile.ts'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'
import { type House, openHouse } from '../servers/revenant.ts'
import { type SshServer, startSshServer } from '../servers/sshServer.ts'
import { startTokenApi, type TokenApi } from '../servers/token-api.ts'

/** `revenant try` on real servers: exit codes, and the JSON that scripts read. */
describe('try', { timeout: 120_000 }, () => {
  let house: House
  let api: TokenApi
  let postgres: PostgresServer
  let ssh: SshServer
  let closed: number
  const key = newSshKey()
  beforeAll(async () => {
    house = openHouse()
    api = await startTokenApi()
    api.live.set('right-token', 'anna')
    postgres = await startPostgres()
    await postgres.query(`create role anna login password 'right-password'`)
    const { blob } = publicOf(key.public)
    ssh = await startSshServer((request) => {
      const right =
        (request.method === 'password' && request.username === 'anna' && request.password === 'right-password') ||
        (request.method === 'publickey' && request.username === 'anna' && request.key.data.equals(blob))
      if (right) request.accept()
      else request.reject(['password', 'publickey'])
    })
    closed = await closedPort()
  })
  afterAll(async () => {
    await Promise.all([house.stop(), api.stop(), postgres.stop(), ssh.stop()])
  })

  const targets = {
    http: () => ({
      url: `${api.origin}/me`,
      credential: 'bearer',
      accept: [{ when: { status: 200, json: { '/login': { type: 'string' } } } }],
      principal: '/login',
    }),
    postgres: () => ({ host: '127.0.0.1', port: postgres.port, database: 'postgres', tls: 'disable' }),
    ssh: () => ({ host: '127.0.0.1', port: ssh.port, hostKey: ssh.hostKey }),
  }
  const run = (
    kind: keyof typeof targets,
    secret: unknown,
    options: readonly string[] = ['--json'],
    target: object = targets[kind](),
  ) =>
    house.run(['try', kind, '--target', JSON.stringify(target), ...options], {
      config: false,
      stdin: typeof secret === 'string' ? secret : JSON.stringify(secret),
    })

  const right = { username: 'anna', password: 'right-password' }
  const wrong = { username: 'anna', password: 'wrong-password' }
  it.each([
    [
      'http',
      { token: 'right-token' },
      0,
      { verdict: 'accepted', reason: 'authenticated', principal: 'anna', assurance: 'explicit', wire: { status: 200 } },
    ],
    [
      'http',
      { token: 'wrong-token' },
      3,
      { verdict: 'rejected', reason: 'token_invalid', principal: null, assurance: 'explicit', wire: { status: 401 } },
    ],
    ['postgres', right, 0, { verdict: 'accepted', reason: 'authenticated', principal: 'anna', assurance: 'explicit' }],
    [
      'postgres',
      wrong,
      3,
      { verdict: 'rejected', reason: 'invalid_credentials', principal: null, assurance: 'explicit', wire: { sqlstate: '28P01' } },
    ],
    ['ssh', right, 0, { verdict: 'accepted', principal: 'anna', assurance: 'explicit' }],
    ['ssh', wrong, 3, { verdict: 'rejected', reason: 'invalid_credentials', assurance: 'explicit' }],
    ['ssh', { username: 'anna', privateKey: key.private }, 0, { verdict: 'accepted', principal: 'anna' }],
    ['ssh', { username: 'bob', privateKey: key.private }, 3, { verdict: 'rejected', reason: 'key_not_authorized' }],
  ] as const)('%s %j exits %d', async (kind, secret, exit, expected) => {
    const ran = await run(kind, secret)
    expect([ran.exit, ran.stderr]).toEqual([exit, ''])
    const told = JSON.parse(ran.stdout)
    expect(told).toMatchObject(expected)
    expect(Object.keys(told)).toEqual(['verdict', 'reason', 'principal', 'assurance', 'latencyMs', 'wire'])
    expect(told.latencyMs).toBeGreaterThan(0)
  })

  it.each([
    ['http', { token: 'x' }, () => ({ ...targets.http(), url: `http://127.0.0.1:${closed}/me` })],
    ['postgres', right, () => ({ ...targets.postgres(), port: closed })],
    ['ssh', right, () => ({ host: '127.0.0.1', port: closed })],
  ] as const)('%s exits 4 when nobody listens', async (kind, secret, target) => {
    const ran = await run(kind, secret, ['--json'], target())
    expect([ran.exit, ran.stderr]).toEqual([4, ''])
    expect(JSON.parse(ran.stdout)).toMatchObject({
      verdict: 'inconclusive',
      reason: 'unreachable',
      principal: null,
      assurance: 'none',
      wire: { error: 'ECONNREFUSED' },
    })
  })

  it('exits 4 at a black hole, after the timeout', async () => {
    api.mode = 'silent'
    const started = performance.now()
    const ran = await run('http', { token: 'right-token' }, ['--json', '--timeout', '1', '--no-controls'])
    api.mode = 'normal'
    expect([ran.exit, JSON.parse(ran.stdout).reason]).toEqual([4, 'timeout'])
    expect(performance.now() - started).toBeLessThan(15_000)
  })

  it('does not believe a system that is open to everybody', async () => {
    api.mode = 'open'
    const ran = await run('http', { token: 'right-token' })
    api.mode = 'normal'
    expect([ran.exit, JSON.parse(ran.stdout)]).toEqual([
      4,
      expect.objectContaining({ verdict: 'inconclusive', reason: 'endpoint_unauthenticated' }),
    ])
  })

  it('makes one attempt with --no-controls, and says that nothing backs it', async () => {
    const before = api.requests.length
    const ran = await run('http', { token: 'right-token' }, ['--json', '--no-controls'])
    expect(api.requests.length - before).toBe(1)
    expect([ran.exit, JSON.parse(ran.stdout).assurance]).toEqual([0, 'none'])
  })

  it('makes four with them: nobody, stranger, the secret, another secret of the same kind', async () => {
    const before = api.requests.length
    await run('http', { token: 'right-token' })
    const tokens = api.requests.slice(before).map(({ token }) => token)
    expect(tokens.map((token) => (token === 'right-token' ? 'it' : token === undefined ? 'none' : 'made up'))).toEqual([
      'none',
      'made up',
      'it',
      'made up',
    ])
  })

  it('speaks to people as well, without escape codes', async () => {
    const ran = await run('http', { token: 'right-token' }, [])
    expect(ran).toMatchObject({ exit: 0, stderr: '' })
    expect(ran.stdout).toMatch(
      /^accepted {2}authenticated \(strong\), signed in as anna\nassurance explicit, \d+ ms, \{"status":200\}\n$/,
    )
  })

  it('takes the target from a file', async () => {
    house.write('target.json', JSON.stringify(targets.http()))
    const ran = await house.run(['try', 'http', '--target', '@target.json', '--json'], {
      config: false,
      stdin: '{"token":"right-token"}',
    })
    expect(ran.exit).toBe(0)
  })

  it.each([
    ['no secret', '', undefined, /standard input is empty/],
    ['no JSON', 'hunter2-secret', undefined, /standard input is no JSON/],
    ['JSON cut off', '{"token":"hunter2-secret', undefined, /standard input is no JSON/],
    ['a secret of another form', '{"password":"hunter2-secret"}', undefined, /secret/],
    ['an empty secret', '{"token":""}', undefined, /check token/],
    ['a target that is no JSON', '{"token":"x"}', 'nonsense', /--target is no JSON/],
    ['a target with an unknown key', '{"token":"x"}', '{"uri":"http://127.0.0.1/"}', /--target does not fit.*uri/],
    ['a target file that is not there', '{"token":"x"}', '@nowhere.json', /nowhere\.json cannot be read/],
  ])('exits 2 for %s, and quotes no secret', async (_name, stdin, target, message) => {
    const ran = await house.run(['try', 'http', '--target', target ?? JSON.stringify(targets.http()), '--json'], {
      config: false,
      stdin,
    })
    expect([ran.exit, ran.stdout]).toEqual([2, ''])
    expect(ran.stderr).toMatch(message)
    expect(ran.stderr).not.toContain('hunter2')
  })

  it('exits 2 for a kind that is not there, and names one that is near', async () => {
    const ran = await house.run(['try', 'postgre', '--target', '{}'], { config: false, stdin: '{}' })
    expect(ran).toMatchObject({ exit: 2, stderr: expect.stringContaining('Did you mean postgres?') })
  })

  it('exits 2 where the replay would spend the token, whose successor nobody would keep, and sends nothing', async () => {
    const before = api.requests.length
    const target = JSON.stringify({ issuer: api.origin, redeem: 'rotating', client: { id: 'app' } })
    const ran = await house.run(['try', 'oauth', '--target', target], { config: false, stdin: '{"refreshToken":"hunter2"}' })
    expect(ran).toMatchObject({ exit: 2, stdout: '', stderr: expect.stringContaining('would spend the token') })
    expect(ran.stderr).not.toContain('hunter2')
    expect(api.requests.length).toBe(before)
  })

  it('needs no database and leaves nothing behind', async () => {
    const { existsSync } = await import('node:fs')
    expect(existsSync(house.path('data'))).toBe(false)
  })

  it('ends at once on Ctrl-C', async () => {
    api.mode = 'silent'
    const started = house.start(['try', 'http', '--target', JSON.stringify(targets.http()), '--timeout', '30'], {
      config: false,
      stdin: '{"token":"x"}',
    })
    const before = api.requests.length
    while (api.requests.length === before) await new Promise((resolve) => setTimeout(resolve, 20))
    const at = performance.now()
    started.child.kill('SIGINT')
    const ended = await started.ended
    api.mode = 'normal'
    expect(performance.now() - at).toBeLessThan(5_000)
    expect(ended).toMatchObject({ signal: null, stdout: '' })
    expect(ended.exit).toBe(1)
  })
})

function publicOf(line: string): { blob: Buffer } {
  return { blob: Buffer.from(line.split(' ')[1] ?? '', 'base64') }
}
