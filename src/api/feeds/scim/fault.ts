import type { Fact } from '../../../domain/leaf.ts'

export const ENTERPRISE = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'

/** A fault as RFC 7644 §3.12 has it. */
export class ScimFault extends Error {
  readonly status: number
  readonly scimType: string | undefined
  constructor(status: number, scimType: string | undefined, message: string) {
    super(message)
    this.status = status
    this.scimType = scimType
  }
}

/** Resources are shallow; what is nested deeper is made to exhaust whoever follows it. */
const MOST_DEPTH = 32

/** Refuses JSON that cannot be kept: nested too deep, or with text that no database takes (NUL, half of a surrogate pair). */
export function refuseUnkept(body: unknown, depth = 0): void {
  if (typeof body === 'string') {
    if (!isKept(body)) throw new ScimFault(400, 'invalidValue', 'a text holds characters that cannot be kept')
  } else if (typeof body === 'object' && body !== null) {
    if (depth >= MOST_DEPTH) throw new ScimFault(400, 'invalidSyntax', `the body is nested deeper than ${MOST_DEPTH} levels`)
    for (const [name, value] of Object.entries(body)) {
      refuseUnkept(name)
      refuseUnkept(value, depth + 1)
    }
  }
}

/** Whether JSON is nested no deeper than it may be. */
export function isShallow(body: unknown, depth = 0): boolean {
  if (typeof body !== 'object' || body === null) return true
  return depth < MOST_DEPTH && Object.values(body).every((each) => isShallow(each, depth + 1))
}

/** Whether a database takes a text. */
export function isKept(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed()
}

/** A boolean out of its name in any case; anything else as it was. */
export function booleanOf(value: Fact): Fact {
  if (typeof value !== 'string') return value
  const name = value.toLowerCase()
  return name === 'true' ? true : name === 'false' ? false : value
}
