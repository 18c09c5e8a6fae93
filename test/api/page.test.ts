import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import fastify, { type FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addPage } from '../../src/api/page.ts'

const HTML = '<!doctype html><title>page</title>'
const CODE = 'export const answer = 42\n'.repeat(100)

describe('the page', () => {
  const folder = mkdtempSync(join(tmpdir(), 'revenant-page-'))
  let app: FastifyInstance
  const build = () => {
    mkdirSync(join(folder, 'assets'), { recursive: true })
    writeFileSync(join(folder, 'index.html'), HTML)
    writeFileSync(join(folder, 'assets/index-abc.js'), CODE)
    writeFileSync(join(folder, 'assets/index-abc.js.br'), brotliCompressSync(CODE))
    writeFileSync(join(folder, 'assets/index-abc.js.gz'), gzipSync(CODE))
    writeFileSync(join(folder, 'assets/notes.txt'), 'not part of the page')
  }
  beforeAll(() => {
    app = fastify()
    addPage(app, folder)
  })
  afterAll(async () => {
    await app.close()
    rmSync(folder, { recursive: true })
  })

  it('says what to do where it was not built, and is there once it was', async () => {
    const before = await app.inject('/')
    expect([before.statusCode, before.body]).toEqual([503, expect.stringContaining('npm run build:page')])
    build()
    const after = await app.inject('/')
    expect([after.statusCode, after.body]).toEqual([200, HTML])
  })

  it('allows its own files and nothing within documents', async () => {
    const { headers } = await app.inject('/')
    const policy = new Map(
      String(headers['content-security-policy'])
        .split('; ')
        .map((each) => [each.split(' ')[0], each]),
    )
    expect(policy.get('default-src')).toBe("default-src 'none'")
    for (const kind of ['script-src', 'style-src', 'img-src', 'connect-src', 'worker-src'])
      expect(policy.get(kind)).toBe(`${kind} 'self'`)
    expect(policy.get('frame-ancestors')).toBe("frame-ancestors 'none'")
    expect(String(headers['content-security-policy'])).not.toMatch(/unsafe|data:|blob:|\*|https?:/)
    expect(headers['cache-control']).toBe('no-cache')
  })

  it.each([
    { accept: 'gzip, deflate, br', encoding: 'br' },
    { accept: 'gzip', encoding: 'gzip' },
    { accept: 'br;q=0, gzip;q=0.5', encoding: 'gzip' },
    { accept: 'identity', encoding: undefined },
    { accept: undefined, encoding: undefined },
  ])('sends what was packed where $accept is accepted', async ({ accept, encoding }) => {
    const answer = await app.inject({
      url: '/assets/index-abc.js',
      headers: accept === undefined ? {} : { 'accept-encoding': accept },
    })
    expect([answer.statusCode, answer.headers['content-encoding'], answer.headers.vary]).toEqual([
      200,
      encoding,
      'Accept-Encoding',
    ])
    expect(answer.headers['content-type']).toBe('text/javascript; charset=utf-8')
    expect(answer.headers['cache-control']).toBe('public, max-age=31536000, immutable')
    const packed = { br: brotliCompressSync(CODE), gzip: gzipSync(CODE) }
    expect(answer.rawPayload).toEqual(encoding === 'br' ? packed.br : encoding === 'gzip' ? packed.gzip : Buffer.from(CODE))
  })

  it('answers HEAD, and 304 to whoever has it', async () => {
    const head = await app.inject({ method: 'HEAD', url: '/' })
    expect([head.statusCode, head.body, head.headers['content-length']]).toEqual([200, '', String(HTML.length)])
    const again = await app.inject({ url: '/', headers: { 'if-none-match': String(head.headers.etag) } })
    expect([again.statusCode, again.body]).toEqual([304, ''])
  })

  it.each([
    '/assets/none.js',
    '/assets/index-abc.js.br',
    '/assets/notes.txt',
    '/assets/..%2findex.html',
    '/assets/',
    '/index.html',
  ])('knows no %s', async (url) => {
    expect((await app.inject(url)).statusCode).toBe(404)
  })
})
