/** What a text is as a row of CSV: its fields, a row whose quoted field goes on in the next line, or no row at all. */
export type CsvRow = { fields: string[] } | { open: true } | { fault: string }

const QUOTE = '"'

/**
 * Reads one row (RFC 4180 §2): fields between commas, quoted where they hold a comma, a quote (doubled) or a line break. Strict: a
 * quote in the middle of a bare field, or text after a closing one, is a fault, since nobody can tell what the value was.
 *
 * @param text one or more lines, without the last line feed
 */
export function parseCsvRow(text: string): CsvRow {
  // The row's own CRLF; inside quotes a CR belongs to the value.
  const end = text.endsWith('\r') ? text.length - 1 : text.length
  const fields: string[] = []
  for (let at = 0; ; ) {
    if (text[at] !== QUOTE) {
      const comma = text.indexOf(',', at)
      const stop = comma === -1 ? end : comma
      const field = text.slice(at, stop)
      if (field.includes(QUOTE))
        return { fault: 'has a quote inside a field that is not quoted: quote the field and double the quote' }
      if (field.includes('\r')) return { fault: 'has a carriage return in the middle: only line feeds end a line' }
      fields.push(field)
      if (comma === -1) return { fields }
      at = comma + 1
      continue
    }
    const close = closingQuote(text, at + 1)
    if (close === -1) return { open: true }
    fields.push(text.slice(at + 1, close).replaceAll('""', QUOTE))
    at = close + 1
    if (at >= end) return { fields }
    if (text[at] !== ',') return { fault: 'has text after a closing quote: a quote inside a quoted field is doubled' }
    at++
  }
}

/** The quote that is not one of a pair, from `from` on; -1 where there is none. */
function closingQuote(text: string, from: number): number {
  for (let at = text.indexOf(QUOTE, from); at !== -1; at = text.indexOf(QUOTE, at + 2)) {
    if (text[at + 1] !== QUOTE) return at
  }
  return -1
}
