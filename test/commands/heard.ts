import { Readable } from 'node:stream'
import type { Io } from '../../src/commands/io.ts'

/** What a command says that runs in this process, line by line as it comes. */
export interface Heard {
  out: string
  err: string
}

/** No terminal and nothing on standard input; what is said is kept in `heard`. */
export function hear(cwd: string, columns: number): { io: Io; heard: Heard } {
  const heard: Heard = { out: '', err: '' }
  const io: Io = {
    out: (text) => {
      heard.out += text
    },
    err: (text) => {
      heard.err += text
    },
    stdin: () => Readable.from([]),
    ...{ columns, isTTY: false, colour: false, cwd, signal: new AbortController().signal },
  }
  return { io, heard }
}
