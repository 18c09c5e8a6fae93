import { randomBytes } from 'node:crypto'
import { formatVkey } from '../../src/evidence/note-key.ts'
import { openHttp } from '../servers/hostile-http.ts'
import type { Quoter, QuoterDeps } from './receivers-http.ts'

const TURNS = ['refuses it', 'sends it elsewhere', 'answers 409', 'answers with what it was sent'] as const

/** Those who are told of checkpoints, each with a secret in its header; none of them does what it should. */
export async function openAnchorQuoters({ marks, env, elsewhere }: QuoterDeps, caFile: string, folder: string) {
  const kinds = ['webhook', 'witness', 'rfc3161'] as const
  const authorization = new Map(kinds.map((kind) => [kind, `Bearer ${marks.plant(`sink anchors: ${kind}`)}`]))
  const asked = new Map<string, number>()
  const left = new Set<string>(kinds.flatMap((kind) => TURNS.map((turn) => `${kind} ${turn}`)))
  const server = await openHttp(({ url, headers }) => {
    const kind = url.split('/')[1] ?? ''
    const count = asked.get(kind) ?? 0
    asked.set(kind, count + 1)
    const turn = TURNS[count % TURNS.length]
    left.delete(`${kind} ${turn}`)
    const quote = String(headers.authorization)
    const link = `${elsewhere}/?token=${encodeURIComponent(quote)}`
    const quoting = { 'x-echo': quote, link, 'content-type': `text/html; x="${quote}"` }
    if (turn === 'refuses it') return { status: 401, headers: quoting, body: quote }
    if (turn === 'sends it elsewhere') return { status: 307, headers: { ...quoting, location: link }, body: quote }
    if (turn === 'answers 409') return { status: 409, headers: quoting, body: `${quote}\n` }
    return { status: 200, headers: quoting, body: `— witness.example/w ${Buffer.from(quote).toString('base64')}\n${quote}` }
  })
  for (const [kind, text] of authorization) env[`ANCHOR_${kind.toUpperCase()}`] = text
  const anchor = (kind: (typeof kinds)[number]) => ({
    name: kind,
    kind,
    url: `${server.origin}/${kind}/`,
    authorization: `env:ANCHOR_${kind.toUpperCase()}`,
  })
  const quoter: Quoter = {
    name: 'anchors',
    entries: [],
    received: () =>
      Buffer.from(server.asked.map(({ url, headers, body }) => `${url}${JSON.stringify(headers)}${body}`).join('\n')),
    left: () => [...left],
    close: server.stop,
  }
  const anchors = [
    anchor('webhook'),
    { ...anchor('witness'), vkey: formatVkey('witness.example/w', 'ed25519-cosignature', randomBytes(32)) },
    { ...anchor('rfc3161'), ca: caFile },
    { name: 'file', kind: 'file', path: `${folder}/checkpoints` },
  ]
  return { quoter, anchors }
}
