/** A compiled RFC 6901 pointer: what it finds in a parsed document, or undefined. */
export type Pointer = (document: unknown) => unknown

/** RFC 6901 §3: empty, or tokens that each begin with `/`; `~` only as `~0` or `~1`. */
export const POINTER_FORM = /^(?:\/(?:[^~/]|~[01])*)*$/

/**
 * Compiles a pointer once. The closure answers undefined for whatever is not there; it reads own properties only, so that a
 * rule can never match `constructor` or `__proto__`.
 */
export function compilePointer(pointer: string): Pointer {
  const tokens = pointer.split('/').slice(1).map(unescapeToken)
  return (document) => {
    let at: unknown = document
    for (const token of tokens) {
      at = member(at, token)
      if (at === undefined) return undefined
    }
    return at
  }
}

/** RFC 6901 §4: `~1` first, then `~0`, so that `~01` becomes `~1`. */
function unescapeToken(token: string): string {
  return token.replaceAll('~1', '/').replaceAll('~0', '~')
}

function member(of: unknown, token: string): unknown {
  if (typeof of !== 'object' || of === null) return undefined
  if (Array.isArray(of)) return /^(?:0|[1-9]\d{0,8})$/.test(token) ? of[Number(token)] : undefined
  return Object.hasOwn(of, token) ? Reflect.get(of, token) : undefined
}
