import { elementLength, LdapProtocolError } from './ber.ts'

/** The longest message taken, in bytes. The longest that is due is a group list in the rootDSE, some 40 bytes a group. */
export const MAX_MESSAGE_BYTES = 262_144

/** A stream cut into whole BER elements. */
export interface Frames {
  /** Takes what has arrived. Throws LdapProtocolError at a header that LDAP does not allow, and at more than was asked for. */
  push(chunk: Buffer): void
  /** The next whole element; undefined while it is not whole. Throws LdapProtocolError. */
  shift(): Buffer | undefined
  /** Bytes that are held. */
  size(): number
}

/** Keeps at most one message and one message's worth beyond it. */
export function openFrames(): Frames {
  let chunks: Buffer[] = []
  let size = 0
  let wanted: number | undefined
  const join = () => {
    const joined = Buffer.concat(chunks)
    chunks = [joined]
    return joined
  }
  const measure = () => {
    // Joined only while the header is short: a message that comes byte by byte costs its length, not its square.
    if (wanted === undefined && size > 0) wanted = elementLength(join(), MAX_MESSAGE_BYTES)
    return wanted
  }
  return {
    push: (chunk) => {
      chunks.push(chunk)
      size += chunk.length
      const length = measure()
      if (length !== undefined && size > length + MAX_MESSAGE_BYTES) throw new LdapProtocolError('more than was asked for')
    },
    shift: () => {
      const length = measure()
      if (length === undefined || size < length) return undefined
      const joined = join()
      chunks = [joined.subarray(length)]
      size -= length
      wanted = undefined
      return joined.subarray(0, length)
    },
    size: () => size,
  }
}
