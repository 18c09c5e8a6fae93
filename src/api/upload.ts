import { createHash } from 'node:crypto'
import { type Readable, Transform } from 'node:stream'
import { Problem } from './problem.ts'

/** The largest file that a route takes. */
export const UPLOAD_LIMIT = 1_073_741_824

/** A body on its way in. */
export interface Upload {
  /** What a handler reads. */
  stream: Readable
  /** SHA-256 of all of it; undefined while some has not been read. */
  digest(): Uint8Array | undefined
  /** Reads what is left, and answers the digest of all. */
  drain(): Promise<Uint8Array>
}

/** Counts and hashes a body while it is read; fails with 413 past the limit. */
export function openUpload(body: Readable, limit = UPLOAD_LIMIT): Upload {
  const sha = createHash('sha256')
  let size = 0
  let digest: Uint8Array | undefined
  const stream = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      size += chunk.length
      if (size > limit) return done(new Problem(413, `A file may have ${limit} bytes at most.`))
      sha.update(chunk)
      done(null, chunk)
    },
    flush: (done) => {
      digest = sha.digest()
      done()
    },
  })
  // Whoever reads it is told; if nobody does any more, nobody need be.
  stream.on('error', () => {})
  body.once('error', (error) => stream.destroy(error))
  body.once('close', () => {
    if (!body.readableEnded) stream.destroy(new Problem(400, 'The body ended early.'))
  })
  body.pipe(stream)
  return {
    stream,
    digest: () => digest,
    drain: async () => {
      for await (const _ of stream);
      if (digest === undefined) throw new Problem(400, 'The body ended early.')
      return digest
    },
  }
}
