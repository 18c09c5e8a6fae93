import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { openFrames } from './frames.ts'
import { decodeMessage, type LdapMessage } from './message.ts'

/** A socket read in whole messages. */
export interface Line {
  ready(event: 'connect' | 'secureConnect'): Promise<void>
  write(bytes: Buffer): void
  read(): Promise<LdapMessage>
  /** Stops reading, for TLS to take over. Says how many bytes were read that no one asked for. */
  detach(): number
  end(farewell: Buffer): void
  destroy(): void
}

/** Reads a socket from its connection to its close; the signal destroys it and is then what every wait fails with. */
export function openLine(socket: Socket | TLSSocket, signal: AbortSignal): Line {
  const frames = openFrames()
  let failure: { error: unknown } | undefined
  let wake = () => {}
  const fail = (error: unknown) => {
    failure ??= { error }
    wake()
  }
  const onData = (chunk: Buffer) => {
    try {
      frames.push(chunk)
      wake()
    } catch (error) {
      fail(error)
      socket.destroy()
    }
  }
  const onAbort = () => {
    fail(signal.reason)
    socket.destroy()
  }
  signal.addEventListener('abort', onAbort, { once: true })
  // The listener for errors stays to the end: a reset after our goodbye must not bring the process down.
  socket.on('error', fail)
  socket.on('end', () => fail(hungUp()))
  socket.once('close', () => {
    signal.removeEventListener('abort', onAbort)
    fail(hungUp())
  })
  const until = async <T>(look: () => T | undefined): Promise<T> => {
    for (;;) {
      const found = look()
      if (found !== undefined) return found
      if (failure !== undefined) throw failure.error
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  return {
    ready: async (event) => {
      let isReady = false
      socket.once(event, () => {
        isReady = true
        wake()
      })
      await until(() => (isReady ? true : undefined))
      socket.on('data', onData)
    },
    write: (bytes) => void socket.write(bytes),
    read: async () => decodeMessage(await until(frames.shift)),
    detach: () => {
      socket.pause()
      socket.off('data', onData)
      return frames.size()
    },
    end: (farewell) => {
      if (failure === undefined) socket.write(farewell)
      socket.destroySoon()
    },
    destroy: () => socket.destroy(),
  }
}

/** The other side closed where an answer was due; judged as the reset that it amounts to. */
function hungUp(): Error {
  return Object.assign(new Error('the server closed the connection'), { code: 'ECONNRESET' })
}
