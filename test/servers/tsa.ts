import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Debian's `openssl`: give it to `needs('openssl', openssl)`. */
export const openssl = '/usr/bin/openssl'

export interface Tsa {
  url: string
  /** PEM file of its root. */
  ca: string
  /** PEM file of a root that it has nothing to do with. */
  stranger: string
  folder: string
  /** Answers the next requests with these bytes, or as itself again. */
  answerWith(change: ((response: Buffer) => Buffer) | undefined): void
  close(): Promise<void>
}

const CONFIG = `
[tsa]
default_tsa = own
[own]
dir = .
serial = ./serial
crypto_device = builtin
signer_cert = ./tsa.pem
certs = ./ca.pem
signer_key = ./tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ordering = no
tsa_name = no
ess_cert_id_chain = no
ess_cert_id_alg = sha256
[ext]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
`

/** A time-stamping authority: openssl's own (`openssl ts -reply`) behind an HTTP server, with a root of its own. */
export async function startTsa(): Promise<Tsa> {
  const folder = mkdtempSync(join(tmpdir(), 'revenant-tsa-'))
  const run = (...args: string[]) => execFileSync(openssl, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  writeFileSync(join(folder, 'tsa.cnf'), CONFIG)
  writeFileSync(join(folder, 'serial'), '01\n')
  for (const name of ['ca', 'stranger'])
    run(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.pem`,
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
    )
  run('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'tsa.key', '-out', 'tsa.csr', '-subj', '/CN=tsa')
  run(
    'x509',
    '-req',
    '-in',
    'tsa.csr',
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-out',
    'tsa.pem',
    '-days',
    '1',
    '-extfile',
    'tsa.cnf',
    '-extensions',
    'ext',
  )
  let change: ((response: Buffer) => Buffer) | undefined
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      writeFileSync(join(folder, 'query.tsq'), Buffer.concat(chunks))
      try {
        run('ts', '-reply', '-config', 'tsa.cnf', '-queryfile', 'query.tsq', '-out', 'reply.tsr')
        const reply = readFileSync(join(folder, 'reply.tsr'))
        response.writeHead(200, { 'content-type': 'application/timestamp-reply' }).end(change?.(reply) ?? reply)
      } catch {
        response.writeHead(500).end()
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the authority listens nowhere')
  return {
    url: `http://127.0.0.1:${address.port}/`,
    ca: join(folder, 'ca.pem'),
    stranger: join(folder, 'stranger.pem'),
    folder,
    answerWith: (next) => {
      change = next
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
