/**
 * BER as far as LDAP allows it (RFC 4511 §5.1): definite lengths and one-byte tags only. What does not fit raises
 * `LdapProtocolError` and nothing else, whatever the bytes.
 */
export class LdapProtocolError extends Error {
  readonly code = 'LDAP_PROTOCOL'

  constructor(message: string) {
    super(message)
    this.name = 'LdapProtocolError'
  }
}

/** Universal tags that LDAP messages are made of. */
export const TAG = { boolean: 0x01, integer: 0x02, octets: 0x04, enumerated: 0x0a, sequence: 0x30, set: 0x31 } as const

/** One tag, length and value; the value is a view of the bytes it was read from. */
export interface Element {
  tag: number
  value: Buffer
}

/** Encodes one element whose value is the parts, joined. */
export function element(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const value = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([tag]), lengthOctets(value.length), value])
}

/** Encodes an INTEGER or ENUMERATED between 0 and 2^31 - 1, the range of LDAP (RFC 4511 §4.1.1). */
export function integer(value: number, tag: number = TAG.integer): Buffer {
  if (!Number.isInteger(value) || value < 0 || value > 0x7fffffff) throw new LdapProtocolError('an integer out of LDAP range')
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  // Shortest form: a leading zero stays only where the next bit would read as a sign.
  let start = 0
  while (start < 3 && bytes[start] === 0 && bytes.readInt8(start + 1) >= 0) start++
  return element(tag, bytes.subarray(start))
}

/** Encodes an OCTET STRING; text goes as UTF-8. */
export function octets(value: string, tag: number = TAG.octets): Buffer {
  return element(tag, Buffer.from(value, 'utf8'))
}

/**
 * The length of the element that these bytes begin with, header included; undefined while the header is not whole.
 *
 * @param limit the longest element to take: more is a protocol error, before a byte of it is kept
 */
export function elementLength(head: Buffer, limit: number): number | undefined {
  const tag = head[0]
  const first = head[1]
  if (tag === undefined) return undefined
  if ((tag & 0x1f) === 0x1f) throw new LdapProtocolError('a tag of several bytes')
  if (first === undefined) return undefined
  const header = first < 0x80 ? 2 : 2 + (first & 0x7f)
  // 0x80 is the indefinite form, which LDAP forbids; servers write up to four length bytes, often with leading zeros.
  if (first === 0x80 || header > 6) throw new LdapProtocolError('a length that LDAP does not allow')
  if (head.length < header) return undefined
  const length = first < 0x80 ? first : head.readUIntBE(2, header - 2)
  if (header + length > limit) throw new LdapProtocolError(`an element of more than ${limit} bytes`)
  return header + length
}

/** Splits content that consists of whole elements. Every element takes two bytes or more, so this ends. */
export function elements(content: Buffer): Element[] {
  const found: Element[] = []
  for (let at = 0; at < content.length; ) {
    const rest = content.subarray(at)
    const length = elementLength(rest, content.length)
    if (length === undefined || length > rest.length) throw new LdapProtocolError('an element that is cut off')
    found.push({ tag: rest.readUInt8(0), value: rest.subarray(headerLength(rest), length) })
    at += length
  }
  return found
}

/** Reads the value of an INTEGER or ENUMERATED between 0 and 2^31 - 1. */
export function readInteger(value: Buffer): number {
  if (value.length < 1 || value.length > 4) throw new LdapProtocolError('an integer of a wrong size')
  const number = value.readIntBE(0, value.length)
  if (number < 0) throw new LdapProtocolError('a negative integer')
  return number
}

/** The element at a place, which must be there and carry the tag. */
export function expectElement(list: readonly Element[], index: number, tag: number): Buffer {
  const found = list[index]
  if (found === undefined || found.tag !== tag) throw new LdapProtocolError(`no element with tag ${tag} where one is due`)
  return found.value
}

function headerLength(bytes: Buffer): number {
  const first = bytes.readUInt8(1)
  return first < 0x80 ? 2 : 2 + (first & 0x7f)
}

function lengthOctets(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length])
  const bytes = Buffer.alloc(5)
  bytes.writeUInt32BE(length, 1)
  const start = bytes.findIndex((byte) => byte !== 0)
  return Buffer.concat([Buffer.from([0x80 | (5 - start)]), bytes.subarray(start)])
}
