import { chmod, unlink } from 'node:fs/promises'
import { createServer, request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { z } from 'zod'
import { errorCode, RevenantError, toError } from '../domain/error.ts'

/** A command line that another process runs inside the daemon which holds the embedded database. */
const remoteCall = z.strictObject({
  argv: z.array(z.string().max(8_192)).max(256),
  cwd: z.string().max(4_096),
  columns: z.int().positive().max(10_000),
  isTTY: z.boolean(),
  colour: z.boolean(),
  /** Base64 of what the caller's standard input held; left out where the command reads none. */
  stdin: z.string().optional(),
})
export type RemoteCall = z.infer<typeof remoteCall>

/** What comes back, one JSON document a line: output as it is written, then the exit code. */
const frame = z.union([
  z.strictObject({ out: z.string() }),
  z.strictObject({ err: z.string() }),
  z.strictObject({ exit: z.int() }),
])
type Frame = z.infer<typeof frame>

export type RunRemote = (
  call: RemoteCall,
  io: { out(text: string): void; err(text: string): void; signal: AbortSignal },
) => Promise<number>

export interface ControlServer {
  close(): Promise<void>
}

const MAX_CALL_BYTES = 64 * 1024 * 1024

/**
 * Serves commands on a Unix socket with mode 0600 in the data folder (0700): whoever may open it could read the database as well.
 */
export async function openControl(path: string, run: RunRemote): Promise<ControlServer> {
  // The folder is locked by this process: what lies here is left over from a crash.
  await unlink(path).catch(() => {})
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    let size = 0
    const gone = new AbortController()
    response.on('close', () => gone.abort())
    const send = (data: Frame) => void response.write(`${JSON.stringify(data)}\n`)
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > MAX_CALL_BYTES) request.destroy()
      else chunks.push(chunk)
    })
    request.on('end', () => {
      const io = { out: (text: string) => send({ out: text }), err: (text: string) => send({ err: text }), signal: gone.signal }
      callOf(chunks, run, io).then(
        (exit) => {
          send({ exit })
          response.end()
        },
        (error: unknown) => {
          send({ err: `${error instanceof RevenantError ? error.message : toError(error).name}\n` })
          send({ exit: 1 })
          response.end()
        },
      )
    })
  })
  server.listen(path)
  await new Promise<void>((resolve, reject) => {
    server.once('listening', resolve)
    server.once('error', reject)
  })
  await chmod(path, 0o600)
  return {
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await unlink(path).catch(() => {})
    },
  }
}

async function callOf(chunks: readonly Buffer[], run: RunRemote, io: Parameters<RunRemote>[1]): Promise<number> {
  return run(remoteCall.parse(JSON.parse(Buffer.concat(chunks).toString('utf8'))), io)
}

/** Whether somebody listens on a socket: a daemon that was killed leaves its file. */
export function controlAnswers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/**
 * Runs a command in the daemon behind a socket that answers; its exit code. Throws `DATABASE_UNAVAILABLE` when the daemon ends before the
 * command does, which is nobody's input: what the command was to change may have changed.
 */
export function callControl(
  path: string,
  call: RemoteCall,
  io: { out(text: string): void; err(text: string): void; signal: AbortSignal },
): Promise<number> {
  return new Promise((resolve, reject) => {
    const ended = (error?: Error) => {
      const code = error === undefined ? '' : ` (${errorCode(error) ?? error.name})`
      const message = `the daemon that holds the database ended before the command did${code}: what it had done by then is kept; look at its log, then run the command again`
      reject(new RevenantError('DATABASE_UNAVAILABLE', message))
    }
    const request = httpRequest({ socketPath: path, method: 'POST', path: '/run', signal: io.signal }, (response) => {
      let exit: number | undefined
      let rest = ''
      response.setEncoding('utf8')
      response.on('data', (text: string) => {
        const lines = (rest + text).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) {
          const data = frame.parse(JSON.parse(line))
          if ('out' in data) io.out(data.out)
          else if ('err' in data) io.err(data.err)
          else exit = data.exit
        }
      })
      response.on('close', () => (exit === undefined ? ended() : resolve(exit)))
    })
    request.on('error', ended)
    request.end(JSON.stringify(call))
  })
}
