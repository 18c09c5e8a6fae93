import type { Writable } from 'node:stream'
import { z } from 'zod'
import { MAX_BODY_BYTES } from '../formats/rendered.ts'
import { commonFields, durationMs, type Sink, type SinkDeps, unreachable, within } from './sink.ts'

export const stdoutEntry = z.strictObject({ ...commonFields, sink: z.literal('stdout') })

/** Writes each body and a line feed: one line a record (JSON Lines, CEF, LEEF), paragraphs for text. */
export function openStdout(entry: z.output<typeof stdoutEntry>, deps: SinkDeps): Sink {
  const stream = deps.stdout ?? process.stdout
  // A reader that goes away (`| head`) raises `error` beside the failed write; unheard it would end the process.
  const ignore = () => undefined
  stream.on('error', ignore)
  const timeoutMs = durationMs(entry.timeout ?? '15s')
  return {
    name: entry.name,
    kind: 'stdout',
    maxBodyBytes: MAX_BODY_BYTES,
    async deliver({ rendered }, signal) {
      // What has one line is a record, what has more is a paragraph.
      const text = rendered.body.includes('\n') ? `${rendered.body}\n\n` : `${rendered.body}\n`
      try {
        await write(stream, text, within(signal, timeoutMs))
      } catch (thrown) {
        throw unreachable(entry.name, 'write', thrown)
      }
      return { detail: { bytes: Buffer.byteLength(text) } }
    },
    async close() {
      stream.off('error', ignore)
    },
  }
}

function write(stream: Writable, text: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort, { once: true })
    stream.write(text, (error) => {
      signal.removeEventListener('abort', abort)
      if (error) reject(error)
      else resolve()
    })
  })
}
