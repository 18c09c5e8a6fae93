import type { Readable } from 'node:stream'
import { RevenantError } from '../../domain/error.ts'
import { openSource } from '../source.ts'

/** A report: a file, or anything that can be read. */
export type ReportSource = { path: string } | { stream: Readable; name: string }

/** A report that was read: values, and lines that hold none. */
export interface ReportFile {
  /** Without the folders before it. */
  name: string
  /** Each with its place, from 1: the line in JSON Lines, else the position. Undefined for a line that is no JSON. */
  entries: readonly { entry: number; value: unknown }[]
}

/** Some sixty thousand findings. gitleaks and Kingfisher write one JSON document, which is read whole. */
export const MAX_REPORT_BYTES = 64 * 1024 * 1024

/**
 * Reads a report: a JSON array, one JSON object, or JSON Lines. Throws `INPUT_INVALID` for what is none of them, is cut short or too
 * large, before anything is imported; the message quotes nothing of it.
 */
export async function readReportFile(source: ReportSource): Promise<ReportFile> {
  const { stream, label } = await openSource('path' in source ? { ...source, format: 'jsonl' } : { ...source, format: 'jsonl' })
  const name = label.slice('jsonl:'.length)
  const text = await readText(stream, name)
  const value = parseJson(text)
  if (Array.isArray(value)) return { name, entries: value.map((each: unknown, index) => ({ entry: index + 1, value: each })) }
  if (value !== undefined) return { name, entries: [{ entry: 1, value }] }
  const entries = linesOf(text)
  if (text.trim() === '') return { name, entries: [] }
  // An array that is cut off must not pass for a short one.
  if (/^\s*\[/.test(text) || !entries.some(({ value }) => typeof value === 'object' && value !== null)) throw unusable(name)
  return { name, entries }
}

function linesOf(text: string): { entry: number; value: unknown }[] {
  return text.split('\n').flatMap((line, index) => (line.trim() === '' ? [] : [{ entry: index + 1, value: parseJson(line) }]))
}

async function readText(stream: Readable, name: string): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of stream) {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk))
    size += bytes.length
    if (size > MAX_REPORT_BYTES) {
      stream.destroy()
      throw new RevenantError(
        'INPUT_INVALID',
        `${name} is larger than ${MAX_REPORT_BYTES} bytes: split it, or scan less at a time`,
      )
    }
    chunks.push(bytes)
  }
  try {
    // Read as something else, a secret would be refused and look revoked. A byte order mark is dropped.
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
  } catch {
    throw new RevenantError('INPUT_INVALID', `${name} holds bytes that are not UTF-8: save the report as UTF-8`)
  }
}

/** JSON's own messages quote the text. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function unusable(name: string): RevenantError {
  return new RevenantError(
    'INPUT_INVALID',
    `${name} is no whole report: give the JSON of trufflehog --json, gitleaks --report-format json, or kingfisher --format json or jsonl`,
  )
}
