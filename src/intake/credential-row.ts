import { suggest } from '../config/nearest.ts'
import type { SecretValue } from '../custody/box.ts'
import { isMalformedReference, MALFORMED_REFERENCE } from '../custody/malformed-reference.ts'
import { parseSecretReference } from '../custody/references.ts'
import { parseSecretValue, spellField } from '../custody/secret-value.ts'
import { PRIVILEGES, type Privilege } from '../domain/credential.ts'
import { RevenantError } from '../domain/error.ts'
import { parseReference } from '../domain/reference.ts'
import type { SystemRow } from '../store/system.ts'
import { CellFault, flag, instant, limited, oneOf, readRow, required } from './cells.ts'
import type { Columns } from './columns.ts'
import type { DayEnd } from './instant.ts'
import type { RowFault } from './report.ts'
import type { Row } from './rows.ts'

export const CREDENTIAL_COLUMNS: Columns = {
  names: {
    identity: 'identity',
    external_id: 'identity',
    employee_id: 'identity',
    system: 'system',
    label: 'label',
    kind: 'kind',
    principal: 'principal',
    privilege: 'privilege',
    shared: 'shared',
    holders: 'holders',
    handover_by: 'handover_by',
    retired: 'retired',
    secret_ref: 'secret_ref',
  },
  ignored: [],
  required: ['identity', 'system'],
  secrets: true,
  objects: ['secret_ref'],
}

/** A system as intake needs it: where secrets are bound to, and what they look like. */
export interface Binding {
  systemId: string
  /** The probe's kind: what a credential is called that does not say. */
  kind: string
  /** `BoundProbe.origin`. */
  origin: string
  /** What the system's secrets are sealed for: `system.bound_origin`. */
  boundOrigin: string
  /** Throws `SECRET_INVALID` where a secret does not fit the probe; `BoundProbe.secret`. */
  secret(value: unknown): unknown
}

/** A configured system as intake needs it. */
export function bindSystem(
  row: Pick<SystemRow, 'id' | 'bound_origin'>,
  probe: Pick<Binding, 'kind' | 'origin' | 'secret'>,
): Binding {
  return {
    systemId: row.id,
    kind: probe.kind,
    origin: probe.origin,
    boundOrigin: row.bound_origin,
    secret: (value) => probe.secret(value),
  }
}

/** What a row says of a credential: undefined where it says nothing, null where it says that there is none. */
export interface CredentialEntry {
  line: number
  externalId: string
  binding: Binding
  label: string
  kind: string | null | undefined
  principal: string | null | undefined
  privilege: Privilege | null | undefined
  shared: boolean | null | undefined
  /** External ids of everybody else who holds it; undefined: the row does not say. */
  holders: string[] | undefined
  handoverBy: Temporal.Instant | null | undefined
  retired: boolean | undefined
  /** Undefined only where `retired` is true. */
  given: Given | undefined
}

export type Given = { form: 'sealed'; value: SecretValue } | { form: 'reference'; reference: string }

const MAX_ID = 256
const MAX_LABEL = 256

/** Reads a row of a credentials file. */
export function readCredential(row: Row, bindings: ReadonlyMap<string, Binding>, dayEnd: DayEnd): CredentialEntry | RowFault {
  let code: RowFault['code']
  const read = readRow(row, () => {
    try {
      return entryOf(row, bindings, dayEnd)
    } catch (error) {
      if (!(error instanceof RevenantError)) throw error
      code = error.code
      throw new CellFault(error.code === 'ORIGIN_CHANGED' ? 'system' : 'secret', error.message)
    }
  })
  return 'message' in read && code !== undefined ? { ...read, code } : read
}

function entryOf(row: Row, bindings: ReadonlyMap<string, Binding>, dayEnd: DayEnd): CredentialEntry {
  const externalId = required(row, 'identity', MAX_ID)
  const binding = bindingOf(required(row, 'system', MAX_ID), bindings)
  const kind = limited(row, 'kind', MAX_LABEL)
  const retired = flag(row, 'retired') ?? undefined
  const holders = holdersIn(row, externalId)
  return {
    line: row.line,
    externalId,
    binding,
    // The kind, so that a new secret under the same name is the same credential.
    label: limited(row, 'label', MAX_LABEL) ?? kind ?? binding.kind,
    kind,
    principal: limited(row, 'principal', MAX_LABEL),
    privilege: oneOf(row, 'privilege', PRIVILEGES),
    shared: sharedOf(row, holders),
    holders,
    handoverBy: instant(row, 'handover_by', dayEnd),
    retired,
    given: retired === true ? undefined : givenOf(row, binding),
  }
}

const MAX_HOLDERS = 500

/** `anna;ben`, without the one that the row is about; undefined where there is no such cell, or an empty one. */
function holdersIn(row: Row, externalId: string): string[] | undefined {
  const cell = row.cells.holders
  if (cell === undefined || cell === null) return undefined
  const names = [...new Set(cell.split(';').map((name) => name.trim()))].filter((name) => name !== '' && name !== externalId)
  if (names.length > MAX_HOLDERS) throw new CellFault('holders', `names more than ${MAX_HOLDERS}`)
  if (names.some((name) => name.length > MAX_ID)) throw new CellFault('holders', `has a name of more than ${MAX_ID} characters`)
  return names.length === 0 ? undefined : names
}

function sharedOf(row: Row, holders: readonly string[] | undefined): boolean | null | undefined {
  const shared = flag(row, 'shared')
  if (holders === undefined) return shared
  if (shared === false) throw new CellFault('shared', 'is false while holders names others')
  return true
}

function bindingOf(system: string, bindings: ReadonlyMap<string, Binding>): Binding {
  const binding = bindings.get(system)
  if (binding === undefined)
    throw new CellFault('system', `is none of the configuration's systems${suggest(system, [...bindings.keys()])}`)
  if (binding.origin === binding.boundOrigin) return binding
  throw new RevenantError(
    'ORIGIN_CHANGED',
    `the system's origin is ${binding.origin}, its secrets are bound to ${binding.boundOrigin}: if it really moved, run systems rebind NAME`,
  )
}

function givenOf(row: Row, binding: Binding): Given {
  const reference = row.cells.secret_ref ?? undefined
  if (reference !== undefined && row.secret !== undefined)
    throw new CellFault('secret_ref', 'is given beside a secret: give one of them')
  if (reference !== undefined) {
    parseSecretReference(reference)
    return { form: 'reference', reference }
  }
  if (row.secret === undefined)
    throw new CellFault('secret', 'is missing: give secret (in CSV secret.FIELD columns) or secret_ref')
  const value = parseSecretValue(row.secret)
  for (const [field, text] of Object.entries(value)) {
    const fault = literalFault(text)
    if (fault !== undefined) throw new RevenantError('SECRET_INVALID', `the secret's field ${spellField(field)} ${fault}`)
  }
  binding.secret(value)
  return { form: 'sealed', value }
}

/** Replayed as it stands a reference would be refused, and look like a door that is closed. */
function literalFault(text: string): string | undefined {
  if (parseReference(text) !== undefined) return 'is a reference: give all its fields in secret_ref, as a JSON object'
  if (isMalformedReference(text)) return MALFORMED_REFERENCE
  return text.isWellFormed() ? undefined : 'is not well-formed Unicode'
}
