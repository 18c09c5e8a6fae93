import type { LdapAnswer } from './judge.ts'
import { extendedRequest, type LdapResult, OID, OP, resultOf, rootDseRequest, valuesOf } from './message.ts'
import type { Session } from './session.ts'

/**
 * Asks whom the server took us for (RFC 4532), to complete the answer of a bind that succeeded. A server that took us for nobody
 * has proven nothing, whatever its result code. A server that does not answer has still accepted the bind: that acceptance
 * is not given away for a question that comes after it.
 */
export async function whoAmI(session: Session, bound: LdapAnswer): Promise<LdapAnswer> {
  try {
    const id = session.nextId()
    session.send(extendedRequest(id, OID.whoAmI))
    const result = resultOf(await session.receive(id), OP.extendedResponse)
    const wire = { ...bound.wire, whoAmI: result.code }
    if (result.code === OPERATIONS_ERROR) return nobody('not_authenticated', wire)
    if (result.code !== 0) return await askTokenGroups(session, { ...bound, wire })
    const principal = principalOf(result)
    return principal === undefined ? nobody('endpoint_unauthenticated', wire) : { ...bound, principal, wire }
  } catch {
    return { ...bound, wire: { ...bound.wire, whoAmI: 'unanswered' } }
  }
}

/** Active Directory: "a successful bind must be completed on the connection", said to who is bound as nobody. */
const OPERATIONS_ERROR = 1

/**
 * Samba's domain controller has no WhoAmI, but tells the SIDs of who is bound in the rootDSE ([MS-ADTS] §3.1.1.3.2.20). The first
 * is the account's own. It goes into the wire facts and not into `principal`: no register of leavers names people by SID.
 */
async function askTokenGroups(session: Session, bound: LdapAnswer): Promise<LdapAnswer> {
  const id = session.nextId()
  session.send(rootDseRequest(id, 'tokenGroups'))
  let sid: string | undefined
  // A base search has one entry; what comes beyond a handful is not a rootDSE.
  for (let messages = 0; messages < 8; messages++) {
    const message = await session.receive(id)
    if (message.op === OP.searchDone) {
      if (resultOf(message, OP.searchDone).code === OPERATIONS_ERROR) return nobody('not_authenticated', bound.wire)
      break
    }
    const first = message.op === OP.searchEntry ? valuesOf(message, 'tokenGroups')[0] : undefined
    sid ??= first === undefined ? undefined : sidText(first)
  }
  if (sid === undefined) return bound
  const wire = { ...bound.wire, sid }
  return sid === ANONYMOUS_SID ? nobody('endpoint_unauthenticated', wire) : { ...bound, wire }
}

const ANONYMOUS_SID = 'S-1-5-7'

/** The authzId without its prefix (RFC 4513 §5.2.1.8); undefined for the anonymous one. */
function principalOf(result: LdapResult): string | undefined {
  const authzId = result.value?.toString('utf8') ?? ''
  const name = authzId.replace(/^(?:dn|u):/i, '')
  return name === '' || /^NT AUTHORITY\\ANONYMOUS LOGON$/i.test(name) ? undefined : name
}

/** `S-1-5-21-…` of the binary form ([MS-DTYP] §2.4.2.2); undefined when it is none. */
function sidText(bytes: Buffer): string | undefined {
  const count = bytes[1]
  if (bytes[0] !== 1 || count === undefined || bytes.length !== 8 + 4 * count) return undefined
  const parts = Array.from({ length: count }, (_, index) => bytes.readUInt32LE(8 + 4 * index))
  return ['S-1', bytes.readUIntBE(2, 6), ...parts].join('-')
}

function nobody(reason: LdapAnswer['reason'], wire: LdapAnswer['wire']): LdapAnswer {
  return { verdict: 'inconclusive', reason, strength: 'strong', wire }
}
