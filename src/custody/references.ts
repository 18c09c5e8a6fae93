import { RevenantError, toError } from '../domain/error.ts'
import { isLocal, type ManagedReference, parseReference, REFERENCE_FORMS, REFERENCES } from '../domain/reference.ts'
import type { SecretValue } from './box.ts'
import { type ReadReference, readLocal } from './local-reference.ts'
import { ManagerError } from './managers/manager.ts'
import type { SecretManagers } from './managers/open.ts'
import { pickField } from './pick-field.ts'
import { parseSecretValue } from './secret-value.ts'

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
    throw unavailable(text, `${reference.manager} ${why}`)
  }
}

function unavailable(text: string, why: string): RevenantError {
  return new RevenantError('SECRET_UNAVAILABLE', `${text} cannot be read: ${why}`)
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

/** Fields of one place are read at once, so that they are of one version; nothing is kept for the next secret. */
async function readFields(fields: SecretValue, reader: ReadReference): Promise<SecretValue> {
  const places = new Map<string, Promise<string>>()
  const readField = async (text: string): Promise<string> => {
    const reference = parseReference(text)
    if (reference === undefined) return text
    if (reference.field === undefined || isLocal(reference)) return reader(text)
    const place = text.slice(0, text.indexOf('#'))
    const content = places.get(place) ?? reader(place)
    places.set(place, content)
    return pickField(text, reference.field, await content)
  }
  const read = Object.entries(fields).map(async ([key, value]) => [key, await readField(value)] as const)
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
