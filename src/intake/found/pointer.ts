import { isMalformedReference } from '../../custody/malformed-reference.ts'
import { parseReference } from '../../domain/reference.ts'

/** What stands where a secret would, and is none. */
export interface Pointer {
  reason: 'elsewhere' | 'unclear'
  why: string
}

const NAMED: Pointer = { reason: 'elsewhere', why: 'names where the secret is kept: nothing to import here' }
const FILLED_IN: Pointer = { reason: 'elsewhere', why: 'names a variable: the secret is not in the file' }
const CIPHERTEXT: Pointer = { reason: 'unclear', why: 'is encrypted or a hash: import by hand what it stands for' }
const STAND_IN: Pointer = { reason: 'unclear', why: 'looks like a variable, or a word for a secret to come: import it by hand' }
const ADDRESS: Pointer = {
  reason: 'unclear',
  why: 'is an address: whether it is the secret, or where that is kept, is not certain',
}

/** Stores of secrets, by the schemes that 1Password, vals, teller, berglas, Key Vault and others give them. */
const STORES = [
  ...[
    'op',
    'onepassword',
    '1password',
    '(?:secret)?ref\\+[a-z0-9]+',
    'secrets?',
    'vault',
    'hashivault',
    'bao',
    'keyring',
    'keychain',
  ],
  ...['(?:aws|gcp|azure)[a-z0-9_-]*', 'secretsmanager', 'ssm', 'parameterstore', 'asm', 'sm', 'berglas', 'gsm', 'akv', 'az-?kv'],
  ...['key-?vault', 'doppler', 'infisical', 'akeyless', 'conjur', 'cyberark', 'bws?', 'bitwarden', 'lastpass', 'lpass', 'dl'],
  ...['keeper', 'keepass[a-z]*', 'gopass', 'pass', 'passbolt', 'k8s', 'kubernetes', 'env', 'file', 'exec', 'sops', 'chamber'],
]

const FORMS: readonly [RegExp, Pointer][] = [
  // Before the forms that some of these begin like.
  [/^vault:v\d+:/i, CIPHERTEXT],
  [/^encrypted:/i, CIPHERTEXT],
  [/^ENC[[(]/i, CIPHERTEXT],
  [/^\$ANSIBLE_VAULT\b/, CIPHERTEXT],
  [/^-----BEGIN (?:AGE ENCRYPTED FILE|PGP MESSAGE|PKCS7)-----/, CIPHERTEXT],
  // Spring's `{cipher}…`, a scheme of RFC 2307 (`{SSHA}…`), Maven's braces, crypt(5), and what `openssl enc` writes.
  [/^\{[A-Za-z][\w.-]{0,30}\}./, CIPHERTEXT],
  [/^\{[A-Za-z0-9+/=]{16,}\}$/, CIPHERTEXT],
  [/^\$(?:1|2[abxy]?|5|6|7|y|gy|apr1|argon2[a-z]*|scrypt|pbkdf2[\w-]*)\$/, CIPHERTEXT],
  [/^U2FsdGVkX1/, CIPHERTEXT],
  [new RegExp(`^(?:${STORES.join('|')})://`, 'i'), NAMED],
  [/^(?:vault|bao|keyring|keychain):\S*\//i, NAMED],
  [/^(?:keyring|keychain):/i, NAMED],
  [/^arn:aws[\w-]*:(?:secretsmanager|ssm|kms):/i, NAMED],
  [/^projects\/[^/]+\/secrets\/[^/]+/, NAMED],
  [/^@Microsoft\.(?:KeyVault|AppConfig)/i, NAMED],
  [/^\{\{(?:(?!\}\}).)*\}\}$/s, FILLED_IN],
  [/^\$\{[^{}]*\}$/, FILLED_IN],
  [/^\$\{\{[^{}]*\}\}$/, FILLED_IN],
  [/^\$\([^()]*\)$/, FILLED_IN],
  [/^<%(?:(?!%>).)*%>$/s, FILLED_IN],
  // A tag of YAML (`!vault`, `!secret name`), as `parseYaml` spells it.
  [/^![A-Za-z][\w/:.!-]*\s/, STAND_IN],
  [/^(?:<.*>|\[\[.*\]\]|\(\(.*\)\)|#\{.*\}#?|\$\(.*\)|`.*`)$/s, STAND_IN],
]

/** `__token__` is the name of a user. */
const WORD = /^(?:%\w+%|@@?\w+@@?|__\w+__)$/

/**
 * What a text is that stands for a secret and is none: the name of a place where one is kept, a variable, a ciphertext, a word between
 * angle brackets. Sent as it stands it would be refused, and look like a door that is closed. `elsewhere` only where that is certain.
 *
 * @param isName the field names somebody, or an address: `$oauthtoken` is a user of registries
 */
export function pointerIn(text: string, isName = false): Pointer | undefined {
  const bare = text.trim()
  const form = FORMS.find(([pattern]) => pattern.test(bare))?.[1]
  if (form !== undefined) return form
  if (parseReference(bare) !== undefined || isMalformedReference(bare)) return ADDRESS
  if (isName) return isVariable(bare) && !bare.startsWith('$') ? STAND_IN : undefined
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(bare)) return ADDRESS
  return WORD.test(bare) || isVariable(bare) ? STAND_IN : undefined
}

/** `$NAME`, `${NAME}`, `{{ name }}`: the secret comes from elsewhere when the file is used. */
export function isVariable(text: string): boolean {
  const spans = (open: number, close: string) => open !== -1 && text.includes(close, open + 2)
  return (
    /^\$(?:\{[^}]*\}|[A-Za-z_]\w*)$/.test(text) ||
    // One expression for all would try every opening with every end.
    spans(text.search(/\$\{\w/), '}') ||
    spans(text.indexOf('{{'), '}}') ||
    spans(text.indexOf('<%'), '%>')
  )
}
