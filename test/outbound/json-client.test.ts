import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NoAnswer, openJsonClient, type Question } from '../../src/outbound/json-client.ts'
import { type HttpReceiver, startHttpReceiver } from '../servers/http-receiver.ts'

const SECRET = 's3cret-of-the-question'

describe('a client of what is asked, and not tried', () => {
  let server: HttpReceiver
  let elsewhere: HttpReceiver
  beforeAll(async () => {
    elsewhere = await startHttpReceiver(() => ({ status: 200 }))
    server = await startHttpReceiver(({ path }) => {
      if (path === '/hangs') return undefined
      if (path === '/redirect') return { status: 302, headers: { location: elsewhere.origin } }
      if (path === '/large') return { status: 200, body: { rest: 'x'.repeat(10_000) } }
      return path === '/text' ? { status: 200, body: '<html>' } : { status: 200, body: { is: 'there' } }
    })
  })
  afterAll(async () => {
    await server.close()
    await elsewhere.close()
  })
  const open = (tls?: () => Promise<object>) =>
    openJsonClient({ mostBytes: 5_000, connectMs: 1_000, ...(tls === undefined ? {} : { tls }) })
  const question = (path: string, more: Partial<Question> = {}): Question => ({
    ...{ method: 'POST', url: `${server.origin}${path}`, timeoutMs: 2_000, ...more },
    ...{ headers: { authorization: SECRET }, json: { password: SECRET } },
  })

  it('answers with status, text, and JSON where it is some; goes nowhere else', async () => {
    const client = open()
    expect(await client.ask(question('/'))).toMatchObject({ status: 200, body: { is: 'there' } })
    expect(await client.ask(question('/text'))).toEqual({ status: 200, text: '<html>', body: undefined })
    expect(await client.ask(question('/redirect'))).toMatchObject({ status: 302 })
    expect(elsewhere.asked).toEqual([])
    await client.close()
  })

  it.each<[string, string, () => { signal?: AbortSignal; timeoutMs?: number }, string]>([
    ['its time is over', '/hangs', () => ({ timeoutMs: 50 }), 'timeout'],
    [
      'its time is over, though nobody called it off',
      '/hangs',
      () => ({ timeoutMs: 50, signal: new AbortController().signal }),
      'timeout',
    ],
    ['it is called off', '/hangs', () => ({ signal: AbortSignal.timeout(50), timeoutMs: 60_000 }), 'timeout'],
    ['the answer is too large', '/large', () => ({}), 'UND_ERR_RES_EXCEEDED_MAX_SIZE'],
  ])('has no answer where %s, and quotes nothing', async (_why, path, more, code) => {
    const client = open()
    const error: unknown = await client.ask(question(path, more())).catch((fault: unknown) => fault)
    expect(error).toBeInstanceOf(NoAnswer)
    expect(error).toMatchObject({ message: code })
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain(SECRET)
    await client.close()
  })

  it('reads what it is to show again, where that could not be read', async () => {
    let there = false
    const client = open(async () => {
      if (!there) throw new Error('no such file')
      return {}
    })
    await expect(client.ask(question('/'))).rejects.toThrow('no such file')
    there = true
    expect(await client.ask(question('/'))).toMatchObject({ status: 200 })
    await client.close()
  })

  it('breaks off what is under way when it is closed, and may be closed unused', async () => {
    await open().close()
    const client = open()
    const asked = client.ask(question('/hangs')).catch((fault: unknown) => fault)
    await expect.poll(() => server.asked.filter(({ path }) => path === '/hangs').length).toBeGreaterThan(3)
    await client.close()
    expect(await asked).toBeInstanceOf(NoAnswer)
  })
})
