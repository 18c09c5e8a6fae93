import { hash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { extname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { isKnown } from './etag.ts'

/** Where `npm run build:page` puts it. */
const BUILT = fileURLToPath(new URL('../../dist/dashboard/', import.meta.url))

/**
 * What the page may do: load its own files and ask its own origin. No code and no style within documents or attributes, nothing of
 * anybody else's, and no text is ever made into markup. The one policy of trusted types is for the address of the worker that verifies
 * bundles; it comes with the policy of every answer that is no page (server.ts), and so may load and ask nothing.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  'trusted-types verifier',
].join('; ')

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** In the order in which we would rather send them. */
const PACKINGS = [
  { name: 'br', ending: '.br' },
  { name: 'gzip', ending: '.gz' },
] as const

interface PageFile {
  type: string
  etag: string
  plain: Buffer
  packed: Readonly<Partial<Record<(typeof PACKINGS)[number]['name'], Buffer>>>
}

const NOT_BUILT =
  'The page is not built here: run `npm run build:page` where Revenant is installed, and load this address again.\n'

/**
 * Serves the page under `/` and its files under `/assets/`, whose names change with what they hold. It is read when it is first asked
 * for and kept: under a megabyte. Where it was not built, `/` says how it is.
 */
export function addPage(app: FastifyInstance, folder: string = BUILT): void {
  let reading: Promise<ReadonlyMap<string, PageFile>> | undefined
  const files = async () => {
    reading ??= readPage(folder)
    const found = await reading
    // Built later, it is found at the next question.
    if (!found.has('index.html')) reading = undefined
    return found
  }
  app.get('/', async (request, reply) => {
    const file = (await files()).get('index.html')
    if (file === undefined) return reply.code(503).type('text/plain; charset=utf-8').send(NOT_BUILT)
    reply.header('content-security-policy', POLICY).header('cache-control', 'no-cache')
    return sendFile(file, request, reply)
  })
  app.get<{ Params: { name: string } }>('/assets/:name', async (request, reply) => {
    const file = (await files()).get(`assets/${request.params.name}`)
    if (file === undefined) return reply.callNotFound()
    reply.header('cache-control', 'public, max-age=31536000, immutable')
    return sendFile(file, request, reply)
  })
}

function sendFile({ type, etag, plain, packed }: PageFile, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  reply.header('etag', etag).header('vary', 'Accept-Encoding')
  if (isKnown(request.headers['if-none-match'], etag)) return reply.code(304).send()
  const accepted = encodings(request.headers['accept-encoding'])
  const packing = PACKINGS.find(({ name }) => accepted.has(name) && packed[name] !== undefined)
  if (packing !== undefined) reply.header('content-encoding', packing.name)
  return reply.type(type).send((packing === undefined ? undefined : packed[packing.name]) ?? plain)
}

/** RFC 9110 §12.5.3, as far as it matters here: what is named and not refused by `q=0`. */
function encodings(header: string | string[] | undefined): ReadonlySet<string> {
  const named = String(header ?? '').split(',')
  return new Set(
    named.flatMap((each) => {
      const [name = '', ...params] = each.split(';').map((part) => part.trim().toLowerCase())
      return params.some((param) => /^q=0(?:\.0*)?$/.test(param)) ? [] : [name]
    }),
  )
}

/** Every file of the folder with what it is packed as; empty where there is no such folder. */
async function readPage(folder: string): Promise<ReadonlyMap<string, PageFile>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const paths = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name))
  const bytes = new Map<string, Buffer>()
  for (const path of paths) bytes.set(relative(folder, path).split(sep).join('/'), await readFile(path))
  return new Map(
    [...bytes].flatMap(([name, plain]): [string, PageFile][] => {
      const type = TYPES[extname(name)]
      if (type === undefined) return []
      const packed = Object.fromEntries(
        PACKINGS.flatMap(({ name: packing, ending }) => {
          const found = bytes.get(name + ending)
          return found === undefined ? [] : [[packing, found]]
        }),
      )
      return [[name, { type, plain, packed, etag: `"${hash('sha256', plain, 'base64url')}"` }]]
    }),
  )
}
