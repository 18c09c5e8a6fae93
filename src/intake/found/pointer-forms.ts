/** What stands where a secret would, and is none. */
export interface Pointer {
  reason: 'elsewhere' | 'unclear'
  why: string
}

const NAMED: Pointer = { reason: 'elsewhere', why: 'names where the secret is kept: nothing to import here' }
const FILE: Pointer = { reason: 'elsewhere', why: 'names another file: import what that one holds' }
const FILLED_IN: Pointer = { reason: 'elsewhere', why: 'names a variable: the secret is not in the file' }
const CIPHERTEXT: Pointer = { reason: 'unclear', why: 'is encrypted or a hash: import by hand what it stands for' }
const TAGGED: Pointer = { reason: 'unclear', why: 'has a tag that makes something else of it: import by hand what it stands for' }
export const STAND_IN: Pointer = {
  reason: 'unclear',
  why: 'looks like a variable, or a word for a secret to come: import it by hand',
}
export const WITH_MORE: Pointer = {
  reason: 'unclear',
  why: 'is a variable and something more, which may be the secret: import it by hand',
}
export const ADDRESS: Pointer = {
  reason: 'unclear',
  why: 'is an address: whether it is the secret, or where that is kept, is not certain',
}
const PATH: Pointer = {
  reason: 'unclear',
  why: 'looks like the path of a file: whether it is the secret, or where that is kept, is not certain',
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

/** A variable and nothing else: whatever stands beside its name (`${NAME:-abc}`, `{{ name | default("abc") }}`) may be the secret. */
export const BARE_VARIABLES: readonly RegExp[] = [
  /^\$\{\s*[A-Za-z_][\w.]*\s*\}$/,
  /^\$\{\{\s*[A-Za-z_][\w.-]*\s*\}\}$/,
  /^\{\{-?\s*[$.]?[A-Za-z_][\w.]*\s*-?\}\}$/,
  /^<%=?\s*(?:@?[A-Za-z_][\w.]*|ENV(?:\.fetch\(["']\w+["']\)|\[["']\w+["']\]))\s*-?%>$/,
  // Symfony and Laravel, PowerShell, JavaScript, Python, Ruby.
  /^(?:%env\(\w+\)%|env\((?:\w+|"\w+"|'\w+')\)|\$env:\w+|process\.env\.\w+)$/,
  /^(?:os\.environ\[["']\w+["']\]|(?:os\.|System\.)?getenv\(["']\w+["']\)|ENV\[["']\w+["']\])$/,
  // Commands that print what is kept elsewhere, with the name of it alone.
  /^\$\((?:(?:<|cat|op read|pass|pass show|gopass show) ?["']?[\w./:@~-]+["']?|gh auth token)\)$/,
]

/** What stands in place of a secret, the first that fits. */
export const FORMS: readonly (readonly [RegExp, Pointer])[] = [
  // A tag of YAML, as `parseYaml` spells it, and as it stands in a text.
  [/^!<[^<>]*>/, TAGGED],
  [/^![A-Za-z][\w/:.!-]*\s/, TAGGED],
  // Before the forms that some of these begin like.
  [/^vault:v\d+:/i, CIPHERTEXT],
  [/^encrypted:/i, CIPHERTEXT],
  [/^(?:ENC[[(~]|EJ\[)/i, CIPHERTEXT],
  [/^\$ANSIBLE_VAULT\b/, CIPHERTEXT],
  [/^-----BEGIN (?:AGE ENCRYPTED FILE|PGP MESSAGE|PKCS7)-----/, CIPHERTEXT],
  // Spring's `{cipher}…`, a scheme of RFC 2307 (`{SSHA}…`), Maven's braces, crypt(5), and what `openssl enc` writes.
  [/^\{[A-Za-z][\w.-]{0,30}\}./, CIPHERTEXT],
  [/^\{[A-Za-z0-9+/=]{16,}\}$/, CIPHERTEXT],
  [/^\$(?:1|2[abxy]?|3|5|6|7|y|gy|[HPS]|md5|sha\d+|apr1|argon2[a-z]*|s?crypt|bcrypt[\w-]*|pbkdf2[\w-]*)\$/, CIPHERTEXT],
  [/^U2FsdGVkX1/, CIPHERTEXT],
  // What PostgreSQL, MySQL, SQL Server, Django and Werkzeug keep of a password; ciphertexts of Fernet, AWS KMS and ASP.NET.
  [/^md5[0-9a-f]{32}$/i, CIPHERTEXT],
  [/^SCRAM-SHA-\d+\$\d+:/i, CIPHERTEXT],
  [/^\*[0-9A-F]{40}$/, CIPHERTEXT],
  [/^0x0[12]00[0-9A-F]{40,}$/i, CIPHERTEXT],
  [/^(?:pbkdf2|scrypt|bcrypt|argon2|sha1|sha256|sha512|md5)(?:_\w+|:[\w:]+)?\$./i, CIPHERTEXT],
  [/^sha(?:1|256|512):[0-9a-f]{40,128}$/i, CIPHERTEXT],
  [/^(?:gAAAAA[\w-]{90,}={0,2}|AQICA[A-Za-z0-9+/]{60,}={0,2}|CfDJ8[\w-]{40,})$/, CIPHERTEXT],
  [new RegExp(`^(?:${STORES.join('|')})://`, 'i'), NAMED],
  [/^(?:vault|bao|keyring|keychain):\S*\//i, NAMED],
  [/^(?:keyring|keychain):/i, NAMED],
  [/^arn:aws[\w-]*:(?:secretsmanager|ssm|kms):/i, NAMED],
  [/^projects\/[^/]+\/(?:locations\/[^/]+\/)?secrets\/[^/]+/, NAMED],
  [/^(?:ocid1\.vaultsecret\.|crn:v1:\S*:secrets-manager:)/, NAMED],
  [/^@Microsoft\.(?:KeyVault|AppConfig)/i, NAMED],
  [/^\{\{resolve:(?:ssm|ssm-secure|secretsmanager):[^{}]*\}\}$/, NAMED],
  [
    /^(?:ssm(?:-secure)?|secretsmanager|(?:aws|gcp)-?s*m|azkv|akv|key-?vault|onepassword|bitwarden|doppler|credstash):[\w/]/i,
    ADDRESS,
  ],
  ...BARE_VARIABLES.map((pattern) => [pattern, FILLED_IN] as const),
  [/^(?:\$\{.*\}|\{\{.*\}\}|\$\(.*\)|<%.*%>)$/s, WITH_MORE],
  [
    /^(?:%env\(.*\)%|(?:os\.|System\.)?(?:get)?env\(.*\)|\$env:.*|ENV\[.*\].*|os\.environ\b.*|(?:process|import\.meta)\.env\b.*)$/s,
    WITH_MORE,
  ],
  [/^(?:<.*>|«.*»|\[\[.*\]\]|\(\(.*\)\)|#\{.*\}#?|`.*`)$/s, STAND_IN],
  [/^(?:\{[\w .-]+\}|\[[A-Za-z][A-Za-z _-]*\]|%\(\w+\)s)$/, STAND_IN],
  // Dynaconf.
  [/^@(?:format|jinja|json|int|str|bool|float|toml|read_file)\s/, STAND_IN],
]

/** Paths in the folders that every system has, and in a home. */
const IN_KNOWN_FOLDER =
  /^(?:(?:~|\$HOME|\$\{HOME\}|%USERPROFILE%)[\\/]|\/(?:run|var|etc|home|root|opt|mnt|tmp|usr|srv|proc|dev|private|Users|secrets?|vault|app|data|config|certs?|keys?)\/|[A-Z]:[\\/](?:Users|ProgramData|Program Files|Windows)[\\/])[\w.@ -]+(?:[\\/][\w.@ -]+)*$/
/** Base64 may begin so as well. */
const LIKE_PATH = /^(?:\/[\w.@-]+(?:\/[\w.@-]+)+|\.{1,2}\/[\w.@-]+(?:\/[\w.@-]+)*|[A-Z]:\\\S.*)$/

/** What a text is that has the form of a file's path. */
export function pathIn(text: string): Pointer | undefined {
  if (IN_KNOWN_FOLDER.test(text)) return FILE
  return LIKE_PATH.test(text) ? PATH : undefined
}
