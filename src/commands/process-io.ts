import { writeSync } from 'node:fs'
import { toError } from '../domain/error.ts'
import { EXIT, type Io, unexpected } from './io.ts'

/** The process's own streams. The first SIGINT or SIGTERM aborts the signal, a second one ends the process; so does what nobody caught. */
export function processIo(): { io: Io; release(): void } {
  const stop = new AbortController()
  const onSignal = () => {
    if (stop.signal.aborted) process.exit(1)
    stop.abort()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  // Node would print the message and every field of what was thrown: drivers put there what they sent.
  process.on('uncaughtException', (thrown) => {
    write(2, unexpected(toError(thrown)))
    process.exit(EXIT.fault)
  })
  // A reader that goes away (`| head`) ends the command quietly.
  process.stdout.on('error', () => process.exit(0))
  return {
    io: {
      out: (text) => void process.stdout.write(text),
      err: (text) => write(2, text),
      stdin: () => process.stdin,
      columns: process.stdout.columns ?? 100,
      isTTY: process.stdout.isTTY === true,
      colour: process.stdout.isTTY === true && process.stdout.hasColors?.() === true && process.env.NO_COLOR === undefined,
      cwd: process.cwd(),
      signal: stop.signal,
    },
    release: () => {
      process.off('SIGINT', onSignal)
      process.off('SIGTERM', onSignal)
    },
  }
}

function write(fd: number, text: string): void {
  try {
    writeSync(fd, text)
  } catch {
    // Nobody reads any more.
  }
}
