import type { FirstFalse } from './locate/locate.ts'
import { plainText } from './plain-text.ts'
import type { Problem } from './problems.ts'

/** One false thing in a line: file, place, what. The command and the page say the same. */
export function spellProblem({ file, line, offset, stretch, what }: Problem): string {
  const bytes = stretch === undefined ? '' : `within bytes ${stretch.from}–${stretch.to}`
  const at = offset === undefined ? bytes : `byte ${offset}`
  const place = [at, line === undefined ? '' : at === '' ? `line ${line}` : `(line ${line})`].filter((part) => part !== '')
  return plainText(`${file}${place.length === 0 ? '' : `, ${place.join(' ')}`}: ${what}`)
}

/** The first thing that is false, with the byte that is there and the one that was signed, as far as they are known. */
export function spellFirstFalse(first: FirstFalse): string {
  const { found, expected } = first
  const said = spellProblem(first)
  if (found === undefined || expected === undefined) return said
  if (found === null) return expected === null ? said : `${said}; the file ends, and ${spellByte(expected)} should follow`
  const due = expected === null ? 'the file should have ended before it' : `should be ${spellByte(expected)}`
  return `${said}; it is ${spellByte(found)}, and ${due}`
}

function spellByte(byte: number): string {
  const hex = `0x${byte.toString(16).padStart(2, '0')}`
  return byte > 0x20 && byte < 0x7f ? `${hex} (${String.fromCharCode(byte)})` : hex
}
