import { generateKeyPairSync, sign } from 'node:crypto'
import { createServer } from 'node:http'
import { decodeBase64, decodeCount } from '../../src/evidence/base64.ts'
import { parseCheckpoint } from '../../src/evidence/checkpoint.ts'
import { isSame, verifyConsistency } from '../../src/evidence/merkle.ts'
import { formatVkey, type NoteKey, parseVkey } from '../../src/evidence/note-key.ts'
import { cosignedText, parseNote, signatureLine, verifyNote } from '../../src/evidence/signed-note.ts'

export interface Witness {
  url: string
  vkey: string
  /** Sizes that it cosigned, in order. */
  cosigned(): readonly number[]
  /** What it answered, in order. */
  statuses(): readonly number[]
  /** From now on it forgets, lies or refuses. */
  behave(how: 'well' | 'forgetful' | 'false signature' | 'down'): void
  close(): Promise<void>
}

/** A witness as C2SP tlog-witness v1.0.0 describes it: `add-checkpoint`, one log, in memory. */
export async function startWitness(logKeys: () => readonly NoteKey[], nowSeconds: () => number): Promise<Witness> {
  const pair = generateKeyPairSync('ed25519')
  const raw = pair.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)
  const vkey = formatVkey('witness.example/w1', 'ed25519-cosignature', raw)
  const known: { size: number; root: Uint8Array } = { size: 0, root: new Uint8Array() }
  const cosigned: number[] = []
  const statuses: number[] = []
  let how: Parameters<Witness['behave']>[0] = 'well'

  const addCheckpoint = (body: string): { status: number; text: string; type?: string } => {
    const end = body.indexOf('\n\n')
    const [old = '', ...lines] = body.slice(0, end).split('\n')
    const from = old.startsWith('old ') ? decodeCount(old.slice(4)) : undefined
    const note = parseNote(body.slice(end + 2))
    const { size, root } = parseCheckpoint(note.text)
    try {
      verifyNote(note, logKeys())
    } catch {
      return { status: 403, text: '' }
    }
    if (from === undefined || from > size) return { status: 400, text: '' }
    if (from !== known.size) return { status: 409, text: `${known.size}\n`, type: 'text/x.tlog.size' }
    const proof = lines.map((line) => decodeBase64(line) ?? new Uint8Array())
    const grown =
      from === 0 ? proof.length === 0 : verifyConsistency({ from, to: size, fromRoot: known.root, toRoot: root, proof })
    if (!grown || (from === size && !isSame(known.root, root))) return { status: 422, text: '' }
    Object.assign(known, { size, root })
    cosigned.push(size)
    const at = Buffer.alloc(8)
    at.writeBigUInt64BE(BigInt(nowSeconds()))
    const text = how === 'false signature' ? `${note.text}x\n` : note.text
    const signature = sign(null, cosignedText(text, BigInt(nowSeconds())), pair.privateKey)
    const other = signatureLine('someone.example', '00000000', Buffer.alloc(72))
    return { status: 200, text: other + signatureLine('witness.example/w1', parseVkey(vkey).id, Buffer.concat([at, signature])) }
  }
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      if (how === 'forgetful') Object.assign(known, { size: 0 })
      const right = request.method === 'POST' && request.url === '/w/add-checkpoint'
      const answer =
        how === 'down'
          ? { status: 503, text: '' }
          : right
            ? addCheckpoint(Buffer.concat(chunks).toString())
            : { status: 404, text: '' }
      statuses.push(answer.status)
      response.writeHead(answer.status, { 'content-type': answer.type ?? 'text/plain' }).end(answer.text)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the witness listens nowhere')
  return {
    url: `http://127.0.0.1:${address.port}/w/`,
    vkey,
    cosigned: () => cosigned,
    statuses: () => statuses,
    behave: (next) => {
      how = next
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
