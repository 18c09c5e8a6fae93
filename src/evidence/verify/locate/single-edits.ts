/**
 * All texts that part from `bytes` by one byte: another one in its place, one less, one more. The same buffer is given again and again
 * where the length is the same.
 */
export function* singleEdits(bytes: Buffer, alphabet: Buffer): Generator<Buffer> {
  const changed = Buffer.from(bytes)
  for (const [at, before] of bytes.entries()) {
    for (const byte of alphabet) {
      if (byte === before) continue
      changed[at] = byte
      yield changed
    }
    changed[at] = before
  }
  for (let at = 0; at < bytes.length; at++) yield Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)])
  for (let at = 0; at <= bytes.length; at++)
    for (const byte of alphabet) yield Buffer.concat([bytes.subarray(0, at), Buffer.of(byte), bytes.subarray(at)])
}
