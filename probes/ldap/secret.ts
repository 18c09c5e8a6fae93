import { z } from 'zod'

/** A blank would be trimmed by the server and leave an empty name, which binds anonymously (RFC 4513 §5.1.2). */
const name = z
  .string()
  .regex(/\S/, { error: 'must not be empty or blank' })
  .refine(isWellFormed, { error: 'must be well-formed Unicode' })

/** Blanks are a password like any other; none at all would bind anonymously. */
const password = z.string().min(1, { error: 'must not be empty' }).refine(isWellFormed, { error: 'must be well-formed Unicode' })

/** `{username, password}` for a target with a `dn` template, or `{dn, password}`. */
export const ldapSecret = z.union([z.strictObject({ username: name, password }), z.strictObject({ dn: name, password })])

export type LdapSecret = z.infer<typeof ldapSecret>

/** Half a surrogate pair would be sent as U+FFFD: another password than the one registered. */
function isWellFormed(text: string): boolean {
  return text.isWellFormed()
}
