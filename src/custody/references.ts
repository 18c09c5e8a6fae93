import { errorCode, RevenantError } from '../domain/error.ts'
import { parseReference, REFERENCE_FORMS, type ReferenceScheme } from '../domain/reference.ts'
import type { SecretValue } from './box.ts'
import { readEnvironment } from './reference-env.ts'
import { readSecretFile } from './reference-file.ts'
import { parseSecretValue } from './secret-value.ts'

/** How each scheme is read: one row and one file per secret manager. Undefined, or a thrown error: not to be had. */
const READERS: Readonly<Record<ReferenceScheme, (rest: string) => Promise<string | undefined>>> = {
  env: readEnvironment,
  file: readSecretFile,
}

/**
 * Reads what a reference points to, just in time. Throws `SECRET_UNAVAILABLE`, or `SECRET_EMPTY`, naming the reference and
 * never the content.
 */
export async function readReference(text: string): Promise<string> {
  const reference = parseReference(text)
  // Not quoted: where a reference is due, anything else may be the secret itself.
  if (reference === undefined)
    throw new RevenantError('SECRET_UNAVAILABLE', `a secret is not given by reference: write ${REFERENCE_FORMS}`)
  const content = await READERS[reference.scheme](reference.rest).catch((error: unknown) => {
    throw new RevenantError('SECRET_UNAVAILABLE', `${text} cannot be read (${errorCode(error) ?? 'unknown error'})`)
  })
  if (content === undefined) throw new RevenantError('SECRET_UNAVAILABLE', `${text} ${MISSING[reference.scheme]}`)
  if (content === '') throw new RevenantError('SECRET_EMPTY', `${text} is empty`)
  return content
}

const MISSING: Readonly<Record<ReferenceScheme, string>> = {
  env: 'is not set',
  file: 'is not a regular file of UTF-8 text of at most 64 KiB',
}

/**
 * Reads a secret that is given by reference: one reference to a JSON object, or an object each of whose fields is a reference or
 * (a user name, say) the value itself. Throws as `readReference` and `parseSecretValue` do.
 */
export async function readSecret(of: string | SecretValue): Promise<SecretValue> {
  if (typeof of !== 'string') return readFields(of)
  const content = await readReference(of)
  try {
    return parseSecretValue(JSON.parse(content))
  } catch (error) {
    if (error instanceof RevenantError) throw error
    // JSON's own message quotes the text.
    throw new RevenantError('SECRET_INVALID', `${of} must hold a JSON object; give a single field as {"FIELD": "${of}"}`)
  }
}

async function readFields(fields: SecretValue): Promise<SecretValue> {
  const read = Object.entries(fields).map(async ([key, value]) => [
    key,
    parseReference(value) === undefined ? value : await readReference(value),
  ])
  return parseSecretValue(Object.fromEntries(await Promise.all(read)))
}

/**
 * The `reference` of a stored credential: a reference to a JSON object, or a JSON object of fields with at least one reference
 * among them. Throws `SECRET_INVALID` for anything else, a literal secret included, and quotes none of it.
 */
export function parseSecretReference(text: string): string | SecretValue {
  if (parseReference(text) !== undefined) return text
  const fields = text.startsWith('{') ? parseFields(text) : undefined
  if (fields !== undefined && Object.values(fields).some((value) => parseReference(value) !== undefined)) return fields
  throw new RevenantError(
    'SECRET_INVALID',
    `a secret reference is ${REFERENCE_FORMS}, or a JSON object of fields with such references`,
  )
}

function parseFields(text: string): SecretValue | undefined {
  try {
    return parseSecretValue(JSON.parse(text))
  } catch {
    return undefined
  }
}
