/** Where a secret can be fetched from, by scheme. One row per secret manager; `src/custody` reads them just in time. */
export const REFERENCES = {
  env: { form: 'env:NAME', pattern: /^env:[A-Za-z_][A-Za-z0-9_]*$/ },
  file: { form: 'file:/absolute/path', pattern: /^file:(?:\/|[A-Za-z]:[\\/])[^\0\r\n]+$/ },
} as const satisfies Record<string, { form: string; pattern: RegExp }>

export type ReferenceScheme = keyof typeof REFERENCES

/** The forms for a message: `env:NAME or file:/absolute/path`. */
export const REFERENCE_FORMS = Object.values(REFERENCES)
  .map((row) => row.form)
  .join(' or ')

/** Splits a well-formed reference; undefined for anything else, a literal secret included. */
export function parseReference(text: string): { scheme: ReferenceScheme; rest: string } | undefined {
  const scheme = text.slice(0, Math.max(0, text.indexOf(':')))
  if (!isScheme(scheme) || !REFERENCES[scheme].pattern.test(text)) return undefined
  return { scheme, rest: text.slice(scheme.length + 1) }
}

function isScheme(name: string): name is ReferenceScheme {
  return Object.hasOwn(REFERENCES, name)
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
