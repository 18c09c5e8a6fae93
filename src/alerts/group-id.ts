import { createHash } from 'node:crypto'

/**
 * The id of a message that carries several alerts, made of what it carries: whoever leads it, the same rows have the same id, so that a
 * retry or a redriven message is known for what it is; other rows have another id, so that a receiver which drops what it has seen drops
 * none of them unseen.
 *
 * @param deliveryIds one for each alert, at this sink and no other; in any order
 * @returns a UUID of version 8 (RFC 9562 §5.8), from a SHA-256
 */
export function groupIdOf(deliveryIds: readonly string[]): string {
  const bytes = createHash('sha256').update(deliveryIds.toSorted().join(' ')).digest().subarray(0, 16)
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
