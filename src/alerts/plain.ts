// Cc: terminal escapes and line breaks. Cf: direction overrides and zero-width characters, which make a line read as what it is not.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\u2028\u2029]+/gu

/**
 * One printable line: control and formatting characters become spaces, so that a name chosen by a stranger can neither forge a
 * log line nor drive a terminal; longer text is cut and ends in an ellipsis.
 *
 * @param max the most UTF-16 units of the result
 */
export function plain(value: string, max = 200): string {
  return cut(value.toWellFormed().replace(UNPRINTABLE, ' ').trim(), max)
}

/** Cuts to `max` UTF-16 units, never within a character, and marks the cut with an ellipsis. */
export function cut(value: string, max: number): string {
  if (value.length <= max) return value
  return `${value.slice(0, max - 1).replace(/[\uD800-\uDBFF]$/, '')}…`
}
