import { open } from 'node:fs/promises'
import { basename } from 'node:path'
import { Readable } from 'node:stream'
import { z } from 'zod'
import type { Custody } from '../custody/custody.ts'
import { ageOfFile, ageOfText } from '../custody/submissions.ts'
import { errnoWords } from '../domain/errno.ts'
import { errorCode, RevenantError } from '../domain/error.ts'
import type { RowFault } from './report.ts'
import type { Row } from './rows.ts'
import type { Format, ImportSource } from './source.ts'

/** A whole file of rows that is encrypted to us. It is opened in memory before any of it is read: what was cut short imports nothing. */
export type SubmittedSource = { submission: string | Readable; name: string; format?: Format }

type Opener = Pick<Custody, 'openSubmission'>

/** The largest file that is opened; larger ones are split. */
export const LARGEST_SUBMISSION = 16 * 1024 * 1024

const FIELD = 'secret_age'

/** A row with its secret in place of the one that was encrypted. A secret that says whose it is goes nowhere else. */
export async function openRow(row: Row, submission: string, custody: Opener): Promise<Row | RowFault> {
  const { submission: _, ...plain } = row
  if (row.secret !== undefined || (row.cells.secret_ref ?? null) !== null)
    return { line: row.line, field: FIELD, message: 'is given beside another secret: give one of them' }
  try {
    const content = await custody.openSubmission(await ageOfText(submission))
    return { ...plain, secret: secretOf(content, row.cells) }
  } catch (error) {
    if (!(error instanceof RevenantError)) throw error
    return { line: row.line, field: FIELD, code: error.code, message: error.message }
  }
}

const bound = z.strictObject({ system: z.string(), identity: z.string(), secret: z.record(z.string(), z.unknown()) })

/** The secret itself, or one that says whose it is and where: `{"system", "identity", "secret": {…}}`. Of a secret every field is text. */
function secretOf(content: Uint8Array, cells: Row['cells']): unknown {
  const value = parseJson(content)
  content.fill(0)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid('holds no JSON object of the fields of the secret')
  if (!('secret' in value) || typeof value.secret !== 'object') return value
  const parsed = bound.safeParse(value)
  if (!parsed.success) throw invalid('must hold system, identity and secret, and nothing else beside them')
  const { system, identity, secret } = parsed.data
  // Whoever passes it on can put any name beside it.
  if (system !== cells.system || identity !== cells.identity)
    throw invalid('was made for another system or identity than the row names')
  return secret
}

/** JSON's own messages quote the text. */
function parseJson(content: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(content))
  } catch {
    return undefined
  }
}

/** Opens a file that is encrypted; any other source is answered as it is. Throws `INPUT_INVALID`. */
export async function openSubmitted(source: ImportSource | SubmittedSource, custody: Opener): Promise<ImportSource> {
  const given = 'path' in source ? submittedPath(source) : source
  if (!('submission' in given)) return given
  const { submission, name } = given
  const file = await readSubmission(typeof submission === 'string' ? await streamOf(submission) : submission, name)
  let content: Uint8Array
  try {
    content = await custody.openSubmission(await ageOfFile(file))
  } catch (error) {
    if (error instanceof RevenantError) throw new RevenantError('INPUT_INVALID', `${name}: ${error.message}`)
    throw error
  }
  return {
    stream: Readable.from([Buffer.from(content)], { objectMode: false }),
    name,
    format: given.format ?? formatOf(name, content),
  }
}

const AGE = /\.age$/i

function submittedPath(source: Extract<ImportSource, { path: string }>): ImportSource | SubmittedSource {
  if (!AGE.test(source.path)) return source
  const { path, format } = source
  return { submission: path, name: basename(path), ...(format === undefined ? {} : { format }) }
}

/** `held.csv.age` says it; of a file that does not, the first character. */
function formatOf(name: string, content: Uint8Array): Format {
  const inner = name.replace(AGE, '')
  if (/\.csv$/i.test(inner)) return 'csv'
  if (/\.(?:jsonl|ndjson)$/i.test(inner)) return 'jsonl'
  const start = Buffer.from(content.subarray(0, 1_024)).toString('utf8').replace('\uFEFF', '').trimStart()
  return start.startsWith('{') ? 'jsonl' : 'csv'
}

async function streamOf(path: string): Promise<Readable> {
  try {
    const handle = await open(path, 'r')
    return handle.createReadStream()
  } catch (error) {
    throw unreadable(path, error)
  }
}

async function readSubmission(stream: Readable, name: string): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of stream) {
      const bytes = Buffer.from(chunk)
      size += bytes.length
      if (size > LARGEST_SUBMISSION) throw invalid(`is larger than ${LARGEST_SUBMISSION} bytes: split it`)
      chunks.push(bytes)
    }
  } catch (error) {
    if (error instanceof RevenantError) throw new RevenantError('INPUT_INVALID', `${name}: ${error.message}`)
    if (errnoWords(error) === undefined) throw error
    throw unreadable(name, error)
  }
  return Buffer.concat(chunks)
}

function unreadable(name: string, error: unknown): RevenantError {
  const why = errnoWords(error) ?? errorCode(error) ?? 'unknown error'
  return new RevenantError('INPUT_INVALID', `${name} cannot be read (${why})`)
}

function invalid(message: string): RevenantError {
  return new RevenantError('SECRET_INVALID', `the submission ${message}`)
}
