import { parseReference, REFERENCES } from '../domain/reference.ts'

/**
 * One line that begins with a scheme, in whatever case and with whatever blanks about it. `vault:v1:…` is a ciphertext of Vault's transit:
 * it may be a secret.
 */
const MEANT = new RegExp(`^(?!vault:v\\d+:)(?:${Object.keys(REFERENCES).join('|')})\\s*:.*$`, 'i')

/**
 * True for text that was meant as a reference and is none: a blank in it that is not percent-encoded, another case, a form of before.
 * Sent as it stands it would be refused, and look like a door that is closed; so that in doubt it is true.
 */
export function isMalformedReference(text: string): boolean {
  return parseReference(text) === undefined && MEANT.test(text.trim())
}

/** Follows the name of the field, and says how to give a secret that really begins so. */
export const MALFORMED_REFERENCE =
  'is a reference that is not well-formed: percent-encode blanks and % # ? within it; a secret that really begins so is given by a reference to where it is kept'
