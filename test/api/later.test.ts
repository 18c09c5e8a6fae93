import { afterEach, describe, expect, it } from 'vitest'
import { openServer, type Server } from '../../src/api/server.ts'
import { openLogger } from '../../src/telemetry/logger.ts'

describe('the API behind the port', () => {
  let server: Server | undefined
  afterEach(() => server?.close())

  it('is opened by the first request for it, and anew by the next where that failed', async () => {
    let opened = 0
    const logged: string[] = []
    server = await openServer({
      listen: { host: '127.0.0.1', port: 0 },
      addPages: (app) => void app.get('/healthz', async () => 'ok'),
      addApi: async (app) => {
        opened += 1
        if (opened === 1) throw new Error('not yet')
        app.get('/v1/thing', async () => 'there')
      },
      logger: openLogger({ level: 'warn', fields: {}, write: (line) => void logged.push(line) }),
    })
    const ask = async (path: string) => {
      const answer = await fetch(`${server?.address}${path}`)
      return [answer.status, await answer.text(), answer.headers.get('x-content-type-options')]
    }
    expect(await ask('/healthz')).toEqual([200, 'ok', 'nosniff'])
    expect(opened).toBe(0)
    expect(await ask('/v1/thing')).toEqual([500, '', 'nosniff'])
    expect(logged).toHaveLength(1)
    expect(await ask('/v1/thing')).toEqual([200, 'there', 'nosniff'])
    expect(await ask('/v1/thing')).toEqual([200, 'there', 'nosniff'])
    expect((await ask('/v1/other'))[0]).toBe(404)
    expect(opened).toBe(2)
  })
})
