/** What a secret is sealed for. It opens for nothing else. */
export interface Place {
  credentialId: string
  systemId: string
  /** All origins of the target as the probe says them: `BoundProbe.origin`. */
  origin: string
}

/**
 * The additional data of a seal: a context and its fields, each after its length in bytes (32 bits, big-endian), so that no two
 * lists of fields have the same encoding.
 */
export function bindingOf(context: string, ...fields: readonly string[]): Buffer {
  const all = [context, ...fields]
  let size = 0
  for (const field of all) size += 4 + Buffer.byteLength(field)
  const bytes = Buffer.allocUnsafe(size)
  let at = 0
  for (const field of all) {
    const length = bytes.write(field, at + 4)
    bytes.writeUInt32BE(length, at)
    at += 4 + length
  }
  return bytes
}
