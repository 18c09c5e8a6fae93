/** The parts of a distinguished name, the entry's own first, each in one spelling: names that mean the same are equal. */
export type Rdns = readonly string[]

const ATTRIBUTE = /^(?:[a-z][a-z0-9-]*|\d+(?:\.\d+)*)$/

/**
 * Reads a distinguished name (RFC 4514), without regard to case, outer blanks and the way in which characters are escaped; undefined for
 * anything else. `;` between parts and quoted values (RFC 2253) are understood too.
 */
export function parseDn(text: string): Rdns | undefined {
  const rdns: string[] = []
  for (const part of split(text, /[,;]/)) {
    const values = split(part, /\+/).map(oneValue)
    const known = values.filter((value) => value !== undefined)
    if (known.length < values.length) return undefined
    rdns.push(known.sort().join('+'))
  }
  return rdns
}

/** Whether an entry is the other one or lies below it, at any depth. */
export function isWithin(entry: Rdns, ancestor: Rdns): boolean {
  const skipped = entry.length - ancestor.length
  return skipped >= 0 && ancestor.every((rdn, n) => entry[skipped + n] === rdn)
}

/** Cuts at separators that are neither escaped nor quoted; what is escaped stays so. */
function split(text: string, separator: RegExp): string[] {
  const parts: string[] = []
  let part = ''
  let quoted = false
  for (let n = 0; n < text.length; n++) {
    const char = text.charAt(n)
    if (char === '\\') {
      part += char + text.charAt(++n)
    } else if (!quoted && separator.test(char)) {
      parts.push(part)
      part = ''
    } else {
      if (char === '"') quoted = !quoted
      part += char
    }
  }
  return [...parts, part]
}

function oneValue(text: string): string | undefined {
  const at = text.indexOf('=')
  const attribute = text.slice(0, Math.max(0, at)).trim().toLowerCase()
  if (!ATTRIBUTE.test(attribute)) return undefined
  const value = unescaped(text.slice(at + 1).trim())
  // Compared as directories do (RFC 4518): runs of blanks are one, case does not count.
  return value === undefined ? undefined : `${attribute}=${value.replaceAll(/ +/g, ' ').trim().toLowerCase()}`
}

function unescaped(raw: string): string | undefined {
  const text = /^".*"$/s.test(raw) ? raw.slice(1, -1) : raw
  const bytes: Buffer[] = []
  for (let n = 0; n < text.length; n++) {
    if (text.charAt(n) !== '\\') {
      const char = String.fromCodePoint(text.codePointAt(n) ?? 0)
      n += char.length - 1
      bytes.push(Buffer.from(char))
      continue
    }
    const hex = text.slice(n + 1, n + 3)
    if (/^[0-9a-f]{2}$/i.test(hex)) bytes.push(Buffer.from(hex, 'hex'))
    else if (n + 1 < text.length) bytes.push(Buffer.from(text.charAt(n + 1)))
    else return undefined
    n += /^[0-9a-f]{2}$/i.test(hex) ? 2 : 1
  }
  return Buffer.concat(bytes).toString('utf8')
}
