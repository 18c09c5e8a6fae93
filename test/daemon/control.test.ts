import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { callControl, controlAnswers, openControl, type RemoteCall, type RunRemote } from '../../src/daemon/control.ts'
import { ERRORS, RevenantError } from '../../src/domain/error.ts'

const CALL: RemoteCall = { argv: ['findings', 'list'], cwd: '/', columns: 80, isTTY: false, colour: false }

describe('the control socket', () => {
  let path: string
  const closers: (() => unknown)[] = []
  beforeEach(() => {
    const folder = mkdtempSync(join(tmpdir(), 'revenant-control-'))
    closers.push(() => rmSync(folder, { recursive: true }))
    path = join(folder, 'control.sock')
  })
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close()
  })

  const serve = async (run: RunRemote) => {
    const control = await openControl(path, run)
    closers.push(() => control.close())
    return control
  }
  /** Calls, and answers the exit code with all that was written. */
  const call = async (signal = new AbortController().signal) => {
    const said: string[] = []
    const exit = await callControl(path, CALL, {
      out: (text) => said.push(`out ${text}`),
      err: (text) => said.push(`err ${text}`),
      signal,
    })
    return { exit, said }
  }
  const failure = async (): Promise<RevenantError> => {
    const thrown: unknown = await call().then(
      () => undefined,
      (error: unknown) => error,
    )
    if (!(thrown instanceof RevenantError)) throw new Error(`not one of ours: ${String(thrown)}`)
    return thrown
  }

  it('brings back what a command writes, and its exit code; nobody else may open it', async () => {
    await serve(async ({ argv }, io) => {
      io.out(`${argv.join(' ')}\n`)
      io.err('a line\nand another\n')
      return 3
    })
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(await controlAnswers(path)).toBe(true)
    expect(await call()).toEqual({ exit: 3, said: ['out findings list\n', 'err a line\nand another\n'] })
  })

  it.each<[string, Error, string]>([
    ['ours, with its words', new RevenantError('CONFLICT', 'no'), 'err no\n'],
    ['foreign, by its name alone', new TypeError('quotes a secret'), 'err TypeError\n'],
  ])('tells of an error of a command that is %s', async (_, error, said) => {
    await serve(async () => {
      throw error
    })
    expect(await call()).toEqual({ exit: 1, said: [said] })
  })

  it('tells the command that its caller has gone', async () => {
    const gone = Promise.withResolvers<void>()
    await serve(async (_, io) => {
      io.out('begun')
      io.signal.addEventListener('abort', () => gone.resolve())
      await gone.promise
      return 0
    })
    const abort = new AbortController()
    setTimeout(() => abort.abort(), 20)
    await expect(call(abort.signal)).rejects.toThrow()
    await gone.promise
  })

  it.each(['before', 'after'] as const)(
    'is a fault, of nobody’s making, where the daemon ends %s the first word',
    async (when) => {
      const begun = Promise.withResolvers<void>()
      const control = await serve(async (_, io) => {
        if (when === 'after') io.out('begun')
        begun.resolve()
        return new Promise(() => {})
      })
      void begun.promise.then(() => control.close())
      const { code, message } = await failure()
      expect([code, ERRORS[code]]).toEqual(['DATABASE_UNAVAILABLE', 'fault'])
      expect(message).toContain('the daemon that holds the database ended before the command did')
    },
  )

  it.each<[string, (server: Server) => void]>([
    ['cuts the connection', (server) => server.on('connection', (socket) => socket.destroy())],
    ['is killed before it is asked', (server) => server.close()],
  ])('is a fault where the daemon %s', async (_, end) => {
    const server = createServer().listen(path)
    await new Promise((resolve) => server.once('listening', resolve))
    closers.push(() => void server.close())
    end(server)
    expect(await failure()).toMatchObject({ code: 'DATABASE_UNAVAILABLE' })
    expect(await controlAnswers(join(path, '..', 'nobody'))).toBe(false)
  })
})
