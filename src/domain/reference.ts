import type { ManagerKind } from './secret-manager.ts'

/** `#FIELD`: one key of a JSON object, percent-encoded where it holds blanks or one of `% # ?`. */
const FIELD = '(?:#([^\\s#]{1,200}))?'
const MANAGER = '([a-z0-9]+(?:-[a-z0-9]+)*)'
const VERSION = '(?:\\?version=([A-Za-z0-9._-]{1,128}))?'
const PATH = '([^\\s?#\\\\]{1,2000})'

const held = (scheme: string) => new RegExp(`^${scheme}:${MANAGER}/${PATH}${VERSION}${FIELD}$`)

/**
 * Where a secret can be fetched from, by scheme; `src/custody` reads it just in time. `manager` is the kind of the entry of
 * `secretManagers` that the reference names; schemes without one need no configuration.
 */
export const REFERENCES = {
  env: { form: 'env:NAME', pattern: new RegExp(`^env:([A-Za-z_][A-Za-z0-9_]*)${FIELD}$`) },
  file: { form: 'file:/absolute/path', pattern: new RegExp(`^file:((?:/|[A-Za-z]:[\\\\/])[^\\0\\r\\n#]+)${FIELD}$`) },
  vault: { form: 'vault:NAME/MOUNT/PATH', pattern: held('vault'), manager: 'vault' },
  'aws-secrets': { form: 'aws-secrets:NAME/SECRET', pattern: held('aws-secrets'), manager: 'aws' },
  'aws-ssm': { form: 'aws-ssm:NAME/PARAMETER', pattern: held('aws-ssm'), manager: 'aws' },
  gcp: { form: 'gcp:NAME/SECRET', pattern: held('gcp'), manager: 'gcp' },
  azure: { form: 'azure:NAME/SECRET', pattern: held('azure'), manager: 'azure' },
  '1password': { form: '1password:NAME/VAULT/ITEM', pattern: held('1password'), manager: '1password' },
  kubernetes: { form: 'kubernetes:NAME/SECRET', pattern: held('kubernetes'), manager: 'kubernetes' },
  exec: {
    form: 'exec:NAME or exec:NAME/ARGUMENT',
    pattern: new RegExp(`^exec:${MANAGER}(?:/${PATH})?${FIELD}$`),
    manager: 'exec',
  },
} as const satisfies Record<string, { form: string; pattern: RegExp; manager?: ManagerKind }>

export type ReferenceScheme = keyof typeof REFERENCES
export type LocalScheme = 'env' | 'file'

/** The forms for a message. */
export const REFERENCE_FORMS = 'env:NAME, file:/absolute/path, or one to a secret manager such as vault:NAME/PATH'
/** The forms that need no secret manager. */
export const LOCAL_REFERENCE_FORMS = `${REFERENCES.env.form} or ${REFERENCES.file.form}`

/** A reference to what this machine holds. */
export interface LocalReference {
  scheme: LocalScheme
  /** The variable, or the path. */
  rest: string
  field?: string
}

/** A reference to what a secret manager holds. */
export interface ManagedReference {
  scheme: Exclude<ReferenceScheme, LocalScheme>
  /** All after the scheme, as it is written. */
  rest: string
  /** Name of the entry of `secretManagers`, and what kind it must be. */
  manager: string
  kind: ManagerKind
  /** Decoded; empty for a program without an argument. */
  path: string
  version?: string
  field?: string
}

export type Reference = LocalReference | ManagedReference

/**
 * Splits a well-formed reference, `SCHEME:PLACE[?version=VERSION][#FIELD]`; undefined for anything else, a literal secret included.
 * The path of a managed one has no empty segment, no `.` and no `..`, whatever the encoding.
 */
export function parseReference(text: string): Reference | undefined {
  const scheme = text.slice(0, Math.max(0, text.indexOf(':')))
  if (!isScheme(scheme)) return undefined
  const match = REFERENCES[scheme].pattern.exec(text)
  if (match === null) return undefined
  if (scheme === 'env' || scheme === 'file') return withField({ scheme, rest: match[1] ?? '' }, match[2])
  const [, manager = '', raw] = match
  const path = raw === undefined ? '' : decoded(raw)
  if (path === undefined || (raw !== undefined && !isPath(path))) return undefined
  const { manager: kind } = REFERENCES[scheme]
  const [version, field] = scheme === 'exec' ? [undefined, match[3]] : [match[3], match[4]]
  const rest = text.slice(scheme.length + 1)
  return withField({ scheme, rest, manager, kind, path, ...(version === undefined ? {} : { version }) }, field)
}

function withField<Of extends Reference>(reference: Of, raw: string | undefined): Of | undefined {
  if (raw === undefined) return reference
  const field = decoded(raw)
  return field === undefined ? undefined : { ...reference, field }
}

/** Undefined for a broken encoding, and for control characters that one hides. */
function decoded(text: string): string | undefined {
  try {
    const plain = decodeURIComponent(text)
    return /\p{Cc}/u.test(plain) ? undefined : plain
  } catch {
    return undefined
  }
}

function isPath(path: string): boolean {
  return path.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..')
}

function isScheme(name: string): name is ReferenceScheme {
  return Object.hasOwn(REFERENCES, name)
}

/** True for a reference that needs no secret manager; narrows it. */
export function isLocal(reference: Reference): reference is LocalReference {
  return reference.scheme === 'env' || reference.scheme === 'file'
}

/** Fields of a secret that name someone and open nothing. Compared without case and separators. */
const NAMES = new Set([
  'username',
  'user',
  'login',
  'account',
  'principal',
  'email',
  'mail',
  'upn',
  'dn',
  'binddn',
  'clientid',
  'keyid',
  'domain',
  'tenant',
])

/** True for a field of a secret that may stand beside references as it is; every other one must be a reference. */
export function isNameField(field: string): boolean {
  return NAMES.has(field.toLowerCase().replace(/[-_]/g, ''))
}
