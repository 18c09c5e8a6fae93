/** One challenge of `WWW-Authenticate` (RFC 9110 §11.6.1): scheme and parameter names in lower case. */
export interface Challenge {
  scheme: string
  params: Readonly<Record<string, string>>
}

const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y
const PARAM = /([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))/y
const TOKEN68 = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y
const SEPARATOR = /[\s,]*/y

/** A header of this size is read; what is longer is cut: nothing that decides is that far back. */
const MAX_HEADER = 8_192

/**
 * Parses every challenge of the header, which may hold several in one line or come several times. What does not parse ends
 * the list: a rule then finds no challenge and the answer stays inconclusive or weak.
 */
export function parseChallenges(header: string | readonly string[] | undefined): Challenge[] {
  if (header === undefined) return []
  const text = (typeof header === 'string' ? header : header.join(', ')).slice(0, MAX_HEADER)
  const challenges: Challenge[] = []
  let at = skip(SEPARATOR, text, 0)
  while (at < text.length) {
    const scheme = match(TOKEN, text, at)
    if (scheme === undefined) break
    const params: Record<string, string> = Object.create(null)
    at = readParams(text, skip(SEPARATOR, text, at + scheme[0].length), params)
    challenges.push({ scheme: scheme[0].toLowerCase(), params })
  }
  return challenges
}

function readParams(text: string, start: number, params: Record<string, string>): number {
  let at = start
  for (let first = true; at < text.length; first = false) {
    const param = match(PARAM, text, at)
    if (param !== undefined) {
      params[(param[1] ?? '').toLowerCase()] = param[2]?.replace(/\\(.)/g, '$1') ?? param[3] ?? ''
      at = skip(SEPARATOR, text, at + param[0].length)
      continue
    }
    const blob = first ? match(TOKEN68, text, at) : undefined
    // `Negotiate, Basic realm="x"`: a bare word before a comma is the next scheme unless it carries base64's signs.
    if (blob === undefined || !/[=/+]/.test(blob[0])) return at
    return skip(SEPARATOR, text, at + blob[0].length)
  }
  return at
}

function match(expression: RegExp, text: string, at: number): RegExpExecArray | undefined {
  expression.lastIndex = at
  return expression.exec(text) ?? undefined
}

function skip(expression: RegExp, text: string, at: number): number {
  return at + (match(expression, text, at)?.[0].length ?? 0)
}
