import { type Element, element, elements, expectElement, integer, LdapProtocolError, octets, readInteger, TAG } from './ber.ts'

/** Tags of the operations used here (RFC 4511 §4.2 to §4.12): application class, constructed unless primitive. */
export const OP = {
  bindRequest: 0x60,
  bindResponse: 0x61,
  unbindRequest: 0x42,
  searchRequest: 0x63,
  searchEntry: 0x64,
  searchDone: 0x65,
  extendedRequest: 0x77,
  extendedResponse: 0x78,
} as const

export const OID = {
  startTls: '1.3.6.1.4.1.1466.20037',
  whoAmI: '1.3.6.1.4.1.4203.1.11.3',
  noticeOfDisconnection: '1.3.6.1.4.1.1466.20036',
  /** draft-behera-ldap-password-policy-10 §6; the request carries no value. */
  passwordPolicy: '1.3.6.1.4.1.42.2.27.8.5.1',
  /** draft-vchu-ldap-pwd-policy-00: 389 Directory Server and slapd's ppolicy_send_netscape_controls. */
  netscapeExpired: '2.16.840.1.113730.3.4.4',
} as const

/** A decoded LDAPMessage whose operation is still in pieces. */
export interface LdapMessage {
  id: number
  op: number
  body: readonly Element[]
  controls: ReadonlyMap<string, Buffer>
}

/** The LDAPResult of a response (RFC 4511 §4.1.9), with what comes behind it. */
export interface LdapResult {
  code: number
  diagnostic: string
  controls: ReadonlyMap<string, Buffer>
  /** responseName and responseValue of an ExtendedResponse. */
  name?: string
  value?: Buffer
}

/** One simple BindRequest of LDAPv3, asking for the password policy's say without insisting on it. */
export function bindRequest(id: number, name: string, password: string): Buffer {
  // RFC 4513 §5.1: an empty name or password binds anonymously, and the "success" means nothing.
  if (name === '' || password === '') throw new LdapProtocolError('an anonymous bind is never sent')
  const SIMPLE = 0x80
  const CONTROLS = 0xa0
  return element(
    TAG.sequence,
    integer(id),
    element(OP.bindRequest, integer(3), octets(name), octets(password, SIMPLE)),
    element(CONTROLS, element(TAG.sequence, octets(OID.passwordPolicy))),
  )
}

/** An ExtendedRequest without value: StartTLS, WhoAmI. */
export function extendedRequest(id: number, oid: string): Buffer {
  return element(TAG.sequence, integer(id), element(OP.extendedRequest, octets(oid, 0x80)))
}

/** A search of the rootDSE alone for one attribute (RFC 4512 §5.1). */
export function rootDseRequest(id: number, attribute: string): Buffer {
  const BASE_OBJECT = integer(0, TAG.enumerated)
  const NEVER_DEREF = integer(0, TAG.enumerated)
  const TYPES_ONLY = element(TAG.boolean, Buffer.from([0]))
  const PRESENT = 0x87
  return element(
    TAG.sequence,
    integer(id),
    element(
      OP.searchRequest,
      octets(''),
      BASE_OBJECT,
      NEVER_DEREF,
      integer(1),
      integer(0),
      TYPES_ONLY,
      octets('objectClass', PRESENT),
      element(TAG.sequence, octets(attribute)),
    ),
  )
}

export function unbindRequest(id: number): Buffer {
  return element(TAG.sequence, integer(id), element(OP.unbindRequest))
}

/** Decodes the bytes of one whole LDAPMessage. Throws LdapProtocolError. */
export function decodeMessage(bytes: Buffer): LdapMessage {
  const outer = elements(bytes)
  if (outer.length !== 1) throw new LdapProtocolError('not one LDAPMessage')
  const parts = elements(expectElement(outer, 0, TAG.sequence))
  const id = readInteger(expectElement(parts, 0, TAG.integer))
  const op = parts[1]
  if (op === undefined || (op.tag & 0xe0) !== 0x60 || parts.length > 3) throw new LdapProtocolError('not an LDAP response')
  return { id, op: op.tag, body: elements(op.value), controls: parts[2] === undefined ? new Map() : decodeControls(parts[2]) }
}

/** The result that a response of the wanted kind carries. Throws LdapProtocolError when it is of another kind. */
export function resultOf(message: LdapMessage, op: number): LdapResult {
  if (message.op !== op) throw new LdapProtocolError(`operation ${message.op} where ${op} is due`)
  const { body, controls } = message
  const result: LdapResult = {
    code: readInteger(expectElement(body, 0, TAG.enumerated)),
    diagnostic: expectElement(body, 2, TAG.octets).toString('utf8'),
    controls,
  }
  expectElement(body, 1, TAG.octets)
  if (op !== OP.extendedResponse) return result
  const name = body.find(({ tag }) => tag === 0x8a)
  const value = body.find(({ tag }) => tag === 0x8b)
  return {
    ...result,
    ...(name === undefined ? {} : { name: name.value.toString('utf8') }),
    ...(value === undefined ? {} : { value: value.value }),
  }
}

/** The values of one attribute of a SearchResultEntry; none when the entry does not have it. */
export function valuesOf(message: LdapMessage, attribute: string): Buffer[] {
  if (message.op !== OP.searchEntry) throw new LdapProtocolError('not a search entry')
  for (const { value } of elements(expectElement(message.body, 1, TAG.sequence))) {
    const [type, values] = elements(value)
    if (type === undefined || values?.tag !== TAG.set) throw new LdapProtocolError('not an attribute')
    if (type.value.toString('utf8').toLowerCase() === attribute.toLowerCase())
      return elements(values.value).map((one) => one.value)
  }
  return []
}

/** What a password policy response control says (draft-behera-ldap-password-policy-10 §6.2). */
export interface PasswordPolicy {
  /** PasswordPolicyError: 0 passwordExpired, 1 accountLocked, 2 changeAfterReset, … */
  error?: number
  secondsToExpiry?: number
  graceLogins?: number
}

/** Decodes the value of a password policy response control. Throws LdapProtocolError. */
export function decodePasswordPolicy(value: Buffer): PasswordPolicy {
  const outer = elements(value)
  if (outer.length !== 1) throw new LdapProtocolError('not one password policy response')
  const policy: PasswordPolicy = {}
  for (const part of elements(expectElement(outer, 0, TAG.sequence))) {
    if (part.tag === 0x81) policy.error = readInteger(part.value)
    if (part.tag !== 0xa0) continue
    const [warning] = elements(part.value)
    if (warning?.tag === 0x80) policy.secondsToExpiry = readInteger(warning.value)
    if (warning?.tag === 0x81) policy.graceLogins = readInteger(warning.value)
  }
  return policy
}

function decodeControls({ tag, value }: Element): Map<string, Buffer> {
  if (tag !== 0xa0) throw new LdapProtocolError('no controls where they are due')
  const controls = new Map<string, Buffer>()
  for (const control of elements(value)) {
    if (control.tag !== TAG.sequence) throw new LdapProtocolError('not a control')
    const parts = elements(control.value)
    const oid = expectElement(parts, 0, TAG.octets).toString('utf8')
    // Two answers to one question: whichever we took, the server could have meant the other.
    if (controls.has(oid)) throw new LdapProtocolError('the same control twice')
    controls.set(oid, parts.find((part) => part.tag === TAG.octets && part !== parts[0])?.value ?? Buffer.alloc(0))
  }
  return controls
}
