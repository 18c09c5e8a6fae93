/** What stands where a secret might have stood. */
export const REDACTED = '[redacted]'

/** Longer texts are cut before they are searched: the search stays fast and a log line stays a line. */
const MAX_TEXT = 8_192

/**
 * Removes from a text what looks like a secret: user and query of a URL, authorization values, `password=…` pairs, tokens and
 * keys of well-known shape. Cut at 8,192 characters.
 */
export function scrubText(text: string): string {
  let result = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text
  for (const [pattern, replacement] of TEXT_RULES) result = result.replace(pattern, replacement)
  return result
}

/** Bounded repetitions throughout, so that no text makes them slow. */
const TEXT_RULES: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)/g, REDACTED],
  [/\b([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s"'<>]*@/gi, `$1${REDACTED}@`],
  [/\b([a-z][a-z0-9+.-]{0,20}:\/\/[^\s?#"'<>]*)[?#][^\s"'<>]*/gi, `$1?${REDACTED}`],
  [/\b(authorization["']?\s{0,3}[:=]\s{0,3}["']?)[^\r\n"',}]+/gi, `$1${REDACTED}`],
  [/\b([Bb]earer|SSWS)\s+[\w+/=.~-]{8,}/g, `$1 ${REDACTED}`],
  [/\b([Bb]asic)\s+(?=[a-z]{0,60}[A-Z0-9])[\w+/=-]{8,}/g, `$1 ${REDACTED}`],
  [
    /([\w-]{0,40}(?:password|passwd|passphrase|secret|token|api[_-]?key|cookie)[\w-]{0,40}(?:["']?\s{0,3}=|["']\s{0,3}:)\s{0,3})("[^"]*"|'[^']*'|[^\s,;&}\])"']+)/gi,
    `$1${REDACTED}`,
  ],
  [/\beyJ[\w-]{8,}\.[\w-]{4,}\.[\w-]*/g, REDACTED],
  [/\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|hv[sb]\.|npm_|rvt_|dckr_pat_|sk-|AKIA|ASIA)[\w.-]{8,}/g, REDACTED],
]
