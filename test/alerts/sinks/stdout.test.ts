import { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { openSink, sinkEntry } from '../../../src/alerts/sinks/registry.ts'
import { DEPS, failureOf, message, patience } from './deps.ts'

function stdout(stream: Writable, entry: object = {}) {
  return openSink(sinkEntry.parse({ name: 'console', sink: 'stdout', ...entry }), { ...DEPS, stdout: stream })
}

function collector(): Writable & { text: string } {
  const stream = Object.assign(
    new Writable({
      write(chunk, _encoding, done) {
        stream.text += String(chunk)
        done()
      },
    }),
    { text: '' },
  )
  return stream
}

describe('stdout', () => {
  it('writes JSON Lines, and paragraphs of text', async () => {
    const stream = collector()
    const sink = stdout(stream)
    await sink.deliver(message(), patience())
    await sink.deliver(message(undefined, 'ocsf'), patience())
    const { detail } = await sink.deliver(message(undefined, 'text'), patience())
    const [json, ocsf, ...text] = stream.text.split('\n')
    expect(JSON.parse(json ?? '')).toMatchObject({ version: 1 })
    expect(JSON.parse(ocsf ?? '')).toMatchObject({ class_uid: 2004 })
    expect(text.join('\n')).toMatch(/^CRITICAL .*\n\n$/s)
    expect(detail.bytes).toBe(Buffer.byteLength(text.join('\n')))
    await sink.close()
  })

  it('survives a reader that went away', async () => {
    const broken = new Writable({ write: (_chunk, _encoding, done) => done(Object.assign(new Error('gone'), { code: 'EPIPE' })) })
    const sink = stdout(broken)
    expect(await failureOf(sink)).toMatchObject({ code: 'SINK_UNREACHABLE', retry: true, detail: { error: 'EPIPE' } })
    await sink.close()
  })

  it('gives up on a reader that does not read', async () => {
    const sink = stdout(new Writable({ write: () => undefined }), { timeout: '50ms' })
    expect(await failureOf(sink)).toMatchObject({ retry: true, detail: { error: 'TIMEOUT' } })
    await sink.close()
  })
})
