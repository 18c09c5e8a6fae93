import { resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { styleText } from 'node:util'
import { errnoWords } from '../domain/errno.ts'
import { errorCode } from '../domain/error.ts'

/** Where a command reads and writes: the process's own streams, or those of the process that asked the daemon to run it. */
export interface Io {
  out(text: string): void
  err(text: string): void
  stdin(): Readable
  columns: number
  isTTY: boolean
  colour: boolean
  cwd: string
  /** Aborts when the caller has gone or pressed Ctrl-C. */
  signal: AbortSignal
}

/** Exit codes of every command. `scan` and `try` add their own meaning to 3 and 4. */
export const EXIT = { ok: 0, fault: 1, input: 2, found: 3, unverified: 4 } as const

export function line(io: Io, text = ''): void {
  io.out(`${text}\n`)
}

export function json(io: Io, value: unknown): void {
  io.out(`${JSON.stringify(value)}\n`)
}

/** `1 system`, `2 systems`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}

/** What a command did: as one JSON document, or as a sentence. Answers exit 0. */
export function done(io: Io, asJson: boolean, value: Record<string, unknown>, sentence: string): number {
  if (asJson) json(io, value)
  else line(io, sentence)
  return EXIT.ok
}

/**
 * What is said of an error that nobody foresaw. Its message may quote a secret: its name and place are what helps us mend it.
 * Where the machine itself refused (permissions, a full disk), the path and the reason are what helps the reader.
 */
export function unexpected(error: Error): string {
  const words = errnoWords(error)
  if (words !== undefined) return `revenant: ${placeOf(error)}${words} (${errorCode(error)})\n`
  // The head of a stack repeats the message, in as many lines as it has.
  const frames = (error.stack ?? '').split('\n').filter((text) => /^ {4}at /.test(text))
  return `revenant: unexpected ${error.name}. Please report this:\n${frames.slice(0, 7).join('\n')}\n`
}

/** `mkdir /var/lib/revenant: `, of an error of a system call. */
function placeOf(error: Error): string {
  const said = ['syscall', 'path'].map((key) => Reflect.get(error, key)).filter((part) => typeof part === 'string')
  return said.length === 0 ? '' : `${said.join(' ')}: `
}

/** A path as the caller meant it: relative to the caller's folder. */
export function pathOf(io: Io, path: string): string {
  return resolve(io.cwd, path)
}

type Style = Parameters<typeof styleText>[0]

/** Colours text where the reader has colours; the words must do without. */
export function style(io: Io, format: Style, text: string): string {
  return io.colour ? styleText(format, text, { validateStream: false }) : text
}

/** Reads everything from a stream as text. */
export async function readAll(stream: Readable): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk)))
  return Buffer.concat(chunks).toString('utf8')
}
