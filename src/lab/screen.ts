import { writeSync } from 'node:fs'
import { changesSince } from './changes.ts'
import type { DemoSnapshot } from './snapshot.ts'
import { terminalOf } from './terminal.ts'
import { renderView } from './view.ts'

/** Shows snapshots as they come. */
export interface Screen {
  /** True: redrawn in place. False: lines that are appended. */
  readonly live: boolean
  update(snapshot: DemoSnapshot): void
  /** Ends it; the last snapshot stays on the terminal in full. */
  close(): void
}

// ECMA-48 and xterm's private modes. The alternate screen keeps the scrollback as it was, and a resize cannot garble it.
const ENTER = '\x1b[?1049h\x1b[?25l'
const LEAVE = '\x1b[?25h\x1b[?1049l'
const HOME = '\x1b[H'
const TO_END_OF_LINE = '\x1b[K'
const TO_END_OF_SCREEN = '\x1b[J'
/** Synchronised output: the terminal shows a frame as a whole; those that do not know it ignore it. */
const [BEGIN, END] = ['\x1b[?2026h', '\x1b[?2026l']

/** Fewer rows than this show nothing worth redrawing. */
const LEAST_ROWS = 8

/** A screen on a terminal, or a plain log where the stream is none (a file, a pipe, `TERM=dumb`). */
export function openScreen(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): Screen {
  const live = stream.isTTY === true && env.TERM !== 'dumb' && stream.rows >= LEAST_ROWS
  return live ? openLive(stream, env) : openPlain(stream, env)
}

function openLive(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): Screen {
  let last: DemoSnapshot | undefined
  let shown = ''
  const draw = () => {
    if (last === undefined) return
    const lines = renderView(last, terminalOf(stream, env)).slice(0, stream.rows)
    const frame = `${HOME}${lines.map((line) => line + TO_END_OF_LINE).join('\r\n')}${TO_END_OF_SCREEN}`
    if (frame === shown) return
    shown = frame
    stream.write(BEGIN + frame + END)
  }
  // A crash must not leave the reader on the alternate screen without a cursor. Nothing asynchronous runs in this handler.
  const atExit = () => {
    try {
      writeSync(1, LEAVE)
    } catch {
      // Nobody reads any more.
    }
  }
  stream.write(ENTER)
  stream.on('resize', draw)
  process.once('exit', atExit)
  return {
    live: true,
    update: (snapshot) => {
      last = snapshot
      draw()
    },
    close: () => {
      process.off('exit', atExit)
      stream.off('resize', draw)
      stream.write(LEAVE)
      if (last !== undefined) stream.write(inFull(last, stream, env))
    },
  }
}

function openPlain(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): Screen {
  let last: DemoSnapshot | undefined
  return {
    live: false,
    update: (snapshot) => {
      for (const line of changesSince(last, snapshot)) stream.write(`${line}\n`)
      last = snapshot
    },
    close: () => {
      if (last !== undefined) stream.write(`\n${inFull(last, stream, env)}`)
    },
  }
}

/** The whole view, without the hints: what they tell to do is over. */
function inFull(snapshot: DemoSnapshot, stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): string {
  const { rows: _, ...terminal } = terminalOf(stream, env)
  return `${renderView({ ...snapshot, hints: [] }, terminal).join('\n')}\n`
}
