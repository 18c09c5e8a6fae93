/** Nobody's word to be replaced is longer; what is, is not looked at word by word. */
const MAX_LENGTH = 120

const NOUN =
  '(?:tokens?|passwords?|passwd|passphrase|pass|pwd?|secrets?|keys?|pat|credentials?|api|value|user|username|login|account|email|host|hostname|domain|server)'
const BREAK = '[-_. ]+'

/** What no maker gives out and nobody chooses: `YOUR_PASSWORD_HERE`, `insert-token-here`, `ghp_xxxxxxxx`, `undefined`. */
const STAND_INS: readonly RegExp[] = [
  new RegExp(`^\\W*(?:[a-z\\d]+${BREAK}){0,4}your${BREAK}(?:[a-z\\d]+${BREAK}){0,4}${NOUN}(?![a-z])`, 'i'),
  new RegExp(`(?:^|${BREAK})${NOUN}${BREAK}(?:goes${BREAK})?here\\W*$`, 'i'),
  new RegExp(`^\\W*(?:replace|fill|insert|enter|paste)${BREAK}(?:me|this|it|with|in|by)(?![a-z])`, 'i'),
  /^(?:todo|tbd|fixme|placeholder|undefined|null|nil|\[object object\]|not[-_ ]?set|unset)$/i,
  new RegExp(`^to${BREAK}be${BREAK}(?:set|defined|filled|replaced|provided|added)(?:${BREAK}in)?$`, 'i'),
  // Rows of one letter or sign, behind a known beginning as well.
  /^x{3,}[x_. -]*$/i,
  /^[*•●#?._-]{3,}$/,
  /x{8,}/i,
  /^[a-z]\w{1,11}[-_.]x{4,}[x_. -]*$/i,
]

/** Whether a text is a word for a secret to come. `changeme` is none of these: it is a password that some have. */
export function isStandIn(text: string): boolean {
  return text.length <= MAX_LENGTH && STAND_INS.some((pattern) => pattern.test(text))
}

/** Probes whose secrets their makers give out: nobody chose one, so that a plain word is none. */
const GIVEN_OUT: ReadonlySet<string> = new Set([
  'github',
  'gitlab',
  'npm',
  'slack',
  'okta',
  'cloudflare',
  'datadog',
  'jira',
  'atlassian-admin',
])

const PLAIN_WORD = new RegExp(
  `^(?:change|replace|fix|fill|edit|set)[-_ ]?(?:me|this|it)\\d{0,3}$|^(?:(?:my|a|the|some|super|example|sample|test|dummy|fake)[-_ ]?){0,2}${NOUN}(?:[-_ ]?${NOUN}){0,2}\\d{0,3}$`,
  'i',
)

/** Whether a text is a word where only what its maker gave out can be. */
export function isPlainWordFor(kinds: readonly string[] | 'web', text: string): boolean {
  if (kinds === 'web' || kinds.length === 0 || !kinds.every((kind) => GIVEN_OUT.has(kind))) return false
  return text.length <= MAX_LENGTH && PLAIN_WORD.test(text)
}
