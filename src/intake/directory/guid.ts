/**
 * The text of an objectGUID, as Windows tools write it: its first three fields have their bytes turned round ([MS-DTYP] §2.3.4).
 * Undefined for anything but 16 bytes.
 */
export function guidText(bytes: Buffer): string | undefined {
  if (bytes.length !== 16) return undefined
  const hex = turned(bytes).toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

/** The bytes again, as a filter wants them. Undefined for a text that is no GUID. */
export function guidBytes(text: string): Buffer | undefined {
  if (!/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)) return undefined
  return turned(Buffer.from(text.replaceAll('-', ''), 'hex'))
}

/** Is its own inverse. */
function turned(bytes: Buffer): Buffer {
  const other = Buffer.from(bytes)
  other.subarray(0, 4).reverse()
  other.subarray(4, 6).reverse()
  other.subarray(6, 8).reverse()
  return other
}
