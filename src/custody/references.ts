import { isDeepStrictEqual } from 'node:util'
import { RevenantError, toError } from '../domain/error.ts'
import { isLocal, isNameField, type ManagedReference, parseReference, REFERENCE_FORMS, REFERENCES } from '../domain/reference.ts'
import type { SecretValue } from './box.ts'
import { type ReadReference, readLocal } from './local-reference.ts'
import { isMalformedReference, MALFORMED_REFERENCE } from './malformed-reference.ts'
import { ManagerError } from './managers/manager.ts'
import type { SecretManagers } from './managers/open.ts'
import { pickField } from './pick-field.ts'
import { parseSecretValue, spellField } from './secret-value.ts'

/** Reads references to the environment and to files, and those to a configuration's secret managers. */
export function openReferences(managers: SecretManagers): ReadReference {
  return (text) => read(text, managers)
}

/**
 * Reads a reference that needs no secret manager. Throws `SECRET_UNAVAILABLE`, `SECRET_EMPTY`, or `SECRET_INVALID` (a field of what is
 * no JSON object), naming the reference and never the content.
 */
export async function readReference(text: string): Promise<string> {
  return read(text, undefined)
}

async function read(text: string, managers: SecretManagers | undefined): Promise<string> {
  const reference = parseReference(text)
  // Not quoted: where a reference is due, anything else may be the secret itself.
  if (reference === undefined)
    throw new RevenantError('SECRET_UNAVAILABLE', `a secret is not given by reference: write ${REFERENCE_FORMS}`)
  const content = isLocal(reference) ? await readLocal(text, reference) : await readManaged(text, reference, managers)
  return pickField(text, reference.field, content)
}

async function readManaged(text: string, reference: ManagedReference, managers: SecretManagers | undefined): Promise<string> {
  const manager = managers?.find(reference.manager)
  const { manager: kind } = REFERENCES[reference.scheme]
  if (manager === undefined) throw unavailable(text, `the configuration has no secret manager ${reference.manager}`)
  if (manager.kind !== kind)
    throw unavailable(text, `the secret manager ${reference.manager} is of another kind: ${kind} is needed`)
  try {
    return await (await manager.open()).read(reference)
  } catch (error) {
    // Of anything else the message may quote what was read.
    const why = error instanceof ManagerError ? error.message : `failed (${toError(error).name})`
    throw unavailable(text, `${reference.manager} ${why}`, error instanceof ManagerError ? error : undefined)
  }
}

function unavailable(text: string, why: string, cause?: ManagerError): RevenantError {
  return new RevenantError('SECRET_UNAVAILABLE', `${text} cannot be read: ${why}`, { cause })
}

/**
 * Reads a secret that is given by reference: one reference to a JSON object, or an object each of whose fields is a reference or
 * (a user name, say) the value itself. Throws as `readReference` and `parseSecretValue` do.
 */
export async function readSecret(of: string | SecretValue, reader: ReadReference = readReference): Promise<SecretValue> {
  if (typeof of !== 'string') return readFields(of, reader)
  const content = await reader(of)
  try {
    return parseSecretValue(JSON.parse(content))
  } catch (error) {
    if (error instanceof RevenantError) throw error
    // JSON's own message quotes the text.
    throw new RevenantError('SECRET_INVALID', `${of} must hold a JSON object; give a single field as {"FIELD": "${of}"}`)
  }
}

/** What a field of the secret is called, and the reference that it is given by. */
type Field = readonly [key: string, text: string]

/** Fields of one place are of one version of it; nothing is kept for the next secret. */
async function readFields(fields: SecretValue, reader: ReadReference): Promise<SecretValue> {
  checkLiterals(fields)
  const referenced = Object.entries(fields).filter(([, text]) => parseReference(text) !== undefined)
  const places = Map.groupBy(referenced, ([, text]) => placeOf(text))
  const read = await Promise.all([...places].map(([place, at]) => readPlace(place, at, reader)))
  return parseSecretValue({ ...fields, ...Object.fromEntries(read.flat()) })
}

/** Beside references only names stand as they are. Anything else would be sent, and its refusal would count. */
function checkLiterals(fields: SecretValue): void {
  for (const [key, text] of Object.entries(fields)) {
    const fault = literalFault(key, text)
    if (fault !== undefined)
      throw new RevenantError('SECRET_INVALID', `the field ${spellField(key)} of a secret reference ${fault}`)
  }
}

function literalFault(key: string, text: string): string | undefined {
  if (parseReference(text) !== undefined) return undefined
  if (isMalformedReference(text)) return MALFORMED_REFERENCE
  return isNameField(key) ? undefined : 'holds a secret itself: give the secret, or references only'
}

/** A well-formed reference has one `#` at most, before the field. */
function placeOf(text: string): string {
  return text.split('#')[0] ?? text
}

/**
 * A place that several fields share is read whole, so that they are of one version. Where the whole of it is not to be had (another key of
 * it is no text) or names them otherwise, each field is read by itself.
 */
async function readPlace(place: string, fields: readonly Field[], reader: ReadReference): Promise<Field[]> {
  if (fields.length === 1) return readSingly(fields, reader)
  try {
    const content = await reader(place)
    return fields.map(([key, text]) => [key, pickField(text, parseReference(text)?.field, content)])
  } catch (error) {
    const cause = error instanceof RevenantError ? error.cause : undefined
    if (!(error instanceof RevenantError) || (cause instanceof ManagerError && cause.fault === 'unreachable')) throw error
  }
  const first = await readSingly(fields, reader)
  // Of two versions they would be no secret at all, and be refused.
  if (!isDeepStrictEqual(await readSingly(fields, reader), first))
    throw new RevenantError('SECRET_UNAVAILABLE', `${place} changed while its fields were read`)
  return first
}

async function readSingly(fields: readonly Field[], reader: ReadReference): Promise<Field[]> {
  return Promise.all(fields.map(async ([key, text]) => [key, await reader(text)] as const))
}

/**
 * The `reference` of a stored credential: a reference to a JSON object, or a JSON object of fields, references and names, with at least
 * one reference among them. Throws `SECRET_INVALID` for anything else, a literal secret included, and quotes none of it.
 */
export function parseSecretReference(text: string): string | SecretValue {
  if (parseReference(text) !== undefined) return text
  const fields = text.startsWith('{') ? parseFields(text) : undefined
  if (fields !== undefined) checkLiterals(fields)
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
