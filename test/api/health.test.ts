import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { afterEach, describe, expect, it } from 'vitest'
import type { Server } from '../../src/api/server.ts'
import { RevenantError } from '../../src/domain/error.ts'
import { isLoopback } from '../../src/domain/loopback.ts'
import { openHeartbeat } from '../../src/telemetry/heartbeat.ts'
import { openLogger } from '../../src/telemetry/logger.ts'
import { startTelemetry } from '../../src/telemetry/start.ts'
import { type HealthServerOptions, openHealth } from '../servers/health.ts'
import { failOnLeaks } from '../telemetry/leaks.ts'

failOnLeaks()

const MARK = 'Zq7mark3dSecretZq7'
let lines: string[] = []
let open: Server | undefined

async function health(options: Partial<HealthServerOptions> = {}): Promise<Server> {
  lines = []
  const logger = openLogger({ level: 'debug', fields: {}, write: (line) => void lines.push(line) })
  open = await openHealth({
    listen: { host: '127.0.0.1', port: 0 },
    alive: () => true,
    checks: [],
    metrics: async () => 'x 1\n',
    logger,
    ...options,
  })
  return open
}

const ask = (path: string, init: RequestInit = {}) =>
  fetch(`${open?.address}${path}`, { ...init, headers: { connection: 'close', ...init.headers } })

/** Sends bytes as they are and answers all that comes back. */
function raw(text: string): Promise<string> {
  const { port, hostname } = new URL(open?.address ?? '')
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(Number(port), hostname, () => socket.write(text))
    socket.on('data', (chunk) => {
      answer += chunk.toString()
    })
    socket.on('close', () => resolve(answer))
    socket.on('error', reject)
  })
}

afterEach(async () => {
  await open?.close()
  open = undefined
})

describe('/healthz', () => {
  it('follows the tick loop', async () => {
    let now = 0
    const heartbeat = openHeartbeat(10_000, 3, () => now)
    await health({ alive: heartbeat.alive })
    const fresh = await ask('/healthz')
    expect([fresh.status, await fresh.json()]).toEqual([200, { status: 'ok' }])
    now = 30_001
    const stuck = await ask('/healthz')
    expect([stuck.status, await stuck.json()]).toEqual([503, { status: 'stuck' }])
    heartbeat.beat()
    expect((await ask('/healthz')).status).toBe(200)
  })
  it('does not ask the database', async () => {
    await health({ checks: [{ name: 'database', check: async () => ({ ok: false, detail: 'down' }) }] })
    expect((await ask('/healthz')).status).toBe(200)
  })
})

describe('/readyz', () => {
  const well = { name: 'keys', check: async () => ({ ok: true, detail: '2 keys' }) }
  it('is 200 when all is well', async () => {
    await health({ checks: [well] })
    const response = await ask('/readyz')
    expect([response.status, await response.json()]).toEqual([
      200,
      { status: 'ok', checks: [{ name: 'keys', ok: true, detail: '2 keys' }] },
    ])
  })
  it('is 503 and names what is not, without words of a driver', async () => {
    const failing = (error: Error) => ({ name: 'database', check: () => Promise.reject(error) })
    await health({
      checks: [
        well,
        { name: 'queues', check: async () => ({ ok: false, detail: `no listener at postgres://u:${MARK}@db/x` }) },
        failing(Object.assign(new Error(`password "${MARK}" is wrong`), { code: '28P01' })),
        failing(Object.assign(new Error('x'), { code: `odd ${MARK}` })),
        failing(new RevenantError('DATABASE_UNAVAILABLE', 'x')),
      ],
    })
    const response = await ask('/readyz')
    const text = await response.text()
    expect(response.status).toBe(503)
    expect(JSON.parse(text)).toEqual({
      status: 'unavailable',
      checks: [
        { name: 'keys', ok: true, detail: '2 keys' },
        { name: 'queues', ok: false, detail: 'no listener at postgres://[redacted]@db/x' },
        { name: 'database', ok: false, detail: 'failed: 28P01' },
        { name: 'database', ok: false, detail: 'failed' },
        { name: 'database', ok: false, detail: 'failed: DATABASE_UNAVAILABLE' },
      ],
    })
    expect(text + lines.join('')).not.toContain(MARK)
    expect(text).not.toContain('    at ')
  })
  it('gives up on a check that hangs, and tells it', async () => {
    let aborted = false
    const hanging = {
      name: 'database',
      check: (signal: AbortSignal) =>
        new Promise<never>(() =>
          signal.addEventListener(
            'abort',
            () => {
              aborted = true
            },
            { once: true },
          ),
        ),
    }
    await health({ checks: [hanging] })
    const response = await ask('/readyz')
    expect(response.status).toBe(503)
    expect(await response.json()).toMatchObject({ checks: [{ ok: false, detail: 'no answer within 1500 ms' }] })
    expect(aborted).toBe(true)
  })
  it('asks once, however many ask', async () => {
    let asked = 0
    await health({ checks: [{ name: 'database', check: async () => ({ ok: true, detail: `asked ${++asked}` }) }] })
    await Promise.all(Array.from({ length: 20 }, () => ask('/readyz').then((response) => response.text())))
    expect(asked).toBe(1)
  })
})

describe('/metrics', () => {
  it('is Prometheus text', async () => {
    const telemetry = await startTelemetry({ version: '1', instance: 'a', logLevel: 'silent', env: {} })
    telemetry.meters.attempts({ system: 's', probe: 'p' }).record('rejected', 'x', 1)
    await health({ metrics: telemetry.metricsText })
    const response = await ask('/metrics')
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(await response.text()).toContain('revenant_attempts_total{')
    await telemetry.shutdown()
  })
  it('fails dully', async () => {
    await health({ metrics: () => Promise.reject(new Error(MARK)) })
    const response = await ask('/metrics')
    expect([response.status, await response.json()]).toEqual([500, { status: 'internal error' }])
    expect(lines.join('')).not.toContain(MARK)
    expect(lines.join('')).toContain('a page failed')
  })
})

describe('manners', () => {
  it.each(['/healthz', '/readyz', '/metrics', '/nowhere'])('%s carries the headers and no banner', async (path) => {
    await health()
    const { headers } = await ask(path)
    expect(Object.fromEntries(headers)).toMatchObject({
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
    })
    expect(headers.get('server')).toBeNull()
    expect(headers.get('x-powered-by')).toBeNull()
  })
  it('answers HEAD without a body', async () => {
    await health()
    const response = await ask('/healthz', { method: 'HEAD' })
    expect([response.status, await response.text()]).toEqual([200, ''])
  })
  it.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])('refuses %s', async (method) => {
    await health()
    for (const path of ['/healthz', '/nowhere']) {
      const response = await ask(path, { method })
      expect([response.status, response.headers.get('allow'), await response.json()]).toEqual([
        405,
        'GET, HEAD',
        { status: 'method not allowed' },
      ])
    }
  })
  it.each([
    ['an unknown path', `GET /nowhere-${MARK} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`, 404],
    ['a path that cannot be decoded', `GET /%zz${MARK} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`, 400],
    ['garbage', `\u0016\u0003\u0001${MARK}\r\n\r\n`, 400],
    ['a method nobody knows', `STEAL /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n`, 400],
    ['headers past 16 KiB', `GET /healthz HTTP/1.1\r\nhost: localhost\r\na: ${'x'.repeat(17_000)}\r\n\r\n`, 431],
    [
      'a body',
      `POST /healthz HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 99999999\r\n\r\n{`,
      405,
    ],
    ['two lengths', 'GET /healthz HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n', 400],
  ])('answers %s with a number and no echo', async (_what, bytes, status) => {
    await health()
    const answer = await raw(bytes)
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(answer).not.toContain(MARK)
    expect(answer.toLowerCase()).not.toContain('fastify')
    expect((await ask('/healthz')).status).toBe(200)
  })
  it('closes although a client keeps its connection', async () => {
    const server = await health()
    const { port, hostname } = new URL(server.address)
    const socket = connect(Number(port), hostname)
    await new Promise((resolve) => socket.once('connect', resolve))
    socket.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n')
    await new Promise((resolve) => socket.once('data', resolve))
    const gone = new Promise((resolve) => socket.once('close', resolve))
    await server.close()
    await gone
  })
})

describe('listening', () => {
  const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some((one) => one.address === '::1'))
  it('says nothing about loopback', async () => {
    const { address } = await health()
    expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect(lines).toEqual([])
  })
  it.skipIf(!hasIpv6)('takes IPv6 (skipped where ::1 is missing)', async () => {
    const { address } = await health({ listen: { host: '::1', port: 0 } })
    expect(address).toMatch(/^http:\/\/\[::1\]:\d+$/)
    expect((await ask('/healthz')).status).toBe(200)
    expect(lines).toEqual([])
  })
  it.each([
    ['127.0.0.1', true],
    ['127.8.9.1', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['0.0.0.0', false],
    ['::', false],
    ['10.0.0.1', false],
    ['fe80::1', false],
  ])('%s is loopback: %s (anything else is warned of)', (address, expected) => {
    expect(isLoopback(address)).toBe(expected)
  })
  it('is CONFLICT when the address is taken', async () => {
    const first = await health()
    const port = Number(new URL(first.address).port)
    await expect(health({ listen: { host: '127.0.0.1', port } })).rejects.toMatchObject({ code: 'CONFLICT' })
    await first.close()
  })
  it('is CONFIG_INVALID when the address is not ours', async () => {
    // RFC 5737 §3: TEST-NET-1 is nobody's.
    await expect(health({ listen: { host: '192.0.2.1', port: 0 } })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })
})
