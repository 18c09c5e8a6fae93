/** What one place of a pattern takes: `*` any number of characters, `?` any one, another text itself; or one of a range, or none of it. */
export type PatternPart = string | ((char: string) => boolean)

/**
 * Whether a name is as a pattern of `ssh_config(5)` says, a text of characters, or of `glob(7)`. It goes back to the last `*` and no
 * further: what an expression would do with many of them takes for ever.
 */
export function isLike(name: string, pattern: ArrayLike<PatternPart>): boolean {
  let [at, on, star, mark] = [0, 0, -1, 0]
  while (at < name.length) {
    if (on < pattern.length && pattern[on] === '*') [star, mark] = [on++, at]
    else if (takes(pattern[on], name.charAt(at))) [at, on] = [at + 1, on + 1]
    else if (star === -1) return false
    else [on, at] = [star + 1, ++mark]
  }
  while (pattern[on] === '*') on++
  return on === pattern.length
}

function takes(part: PatternPart | undefined, char: string): boolean {
  return typeof part === 'function' ? part(char) : part === '?' || part === char
}

/**
 * The parts of a name with `*`, `?` and `[a-z]` in it; undefined for brackets that not everybody reads alike. Node's own `matchesGlob` takes
 * braces and parentheses for patterns too, which the client of OpenSSH takes as they stand.
 */
export function globParts(text: string): PatternPart[] | undefined {
  const parts: PatternPart[] = []
  for (const [whole, not, range] of text.matchAll(/\[(!?)((?:[A-Za-z0-9](?:-[A-Za-z0-9])?|[._])+)\]|./gs)) {
    if (range === undefined) {
      if (whole === '[' || whole === ']') return undefined
      parts.push(whole)
      continue
    }
    const isIn = rangeOf(range)
    parts.push((char) => isIn(char) !== (not === '!'))
  }
  return parts
}

function rangeOf(range: string): (char: string) => boolean {
  const spans = [...range.matchAll(/(.)(?:-(.))?/g)].map(([, from = '', to = from]) => [from, to] as const)
  return (char) => spans.some(([from, to]) => from <= char && char <= to)
}
