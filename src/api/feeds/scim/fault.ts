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

/** A boolean out of its name in any case; anything else as it was. */
export function booleanOf(value: Fact): Fact {
  if (typeof value !== 'string') return value
  const name = value.toLowerCase()
  return name === 'true' ? true : name === 'false' ? false : value
}
