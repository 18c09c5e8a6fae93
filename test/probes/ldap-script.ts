import { element, elementLength, elements, integer, octets, readInteger, TAG } from '../../probes/ldap/ber.ts'
import { OID, OP } from '../../probes/ldap/message.ts'
import { openDispatcher } from '../../src/probe/dispatcher.ts'
import type { AttemptContext } from '../../src/probe/probe.ts'
import { type HostileListener, openHostile } from '../servers/hostile.ts'

/** A request as a scripted server reads it. */
export interface Request {
  id: number
  op: number
  bytes: Buffer
}

/** What is written in answer to a request, in pieces that are sent apart; `hang up` closes. */
export type Script = (request: Request) => readonly (Buffer | 'hang up')[]

/** A directory of which every byte is spelt by the test, with what it was asked. */
export interface ScriptedLdap extends HostileListener {
  requests: readonly Request[]
}

/** Opens a directory that answers by the script, in clear on a free port of 127.0.0.1. */
export async function openScript(script: Script): Promise<ScriptedLdap> {
  const requests: Request[] = []
  const listener = await openHostile((socket) => {
    let pending = Buffer.alloc(0)
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk])
      // A ClientHello: the test wants no TLS to come of it.
      if (pending[0] !== TAG.sequence) return
      for (let length = elementLength(pending, 65_536); length !== undefined && length <= pending.length; ) {
        const request = requestOf(pending.subarray(0, length))
        pending = pending.subarray(length)
        requests.push(request)
        void say(script(request))
        length = elementLength(pending, 65_536)
      }
    })
    const say = async (pieces: readonly (Buffer | 'hang up')[]) => {
      for (const piece of pieces) {
        if (piece === 'hang up') socket.end()
        else socket.write(piece)
        // A turn of the loop between two pieces, so that they are read apart.
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
  })
  return Object.assign(listener, { requests })
}

function requestOf(bytes: Buffer): Request {
  const [message] = elements(bytes)
  const [id, op] = elements(message?.value ?? Buffer.alloc(0))
  if (id === undefined || op === undefined) throw new Error('the probe sent no LDAPMessage')
  return { id: readInteger(id.value), op: op.tag, bytes }
}

/** What a response carries. */
export interface Response {
  code: number
  diagnostic?: string
  /** PasswordPolicyError, or `none` for an empty policy control. */
  policyError?: number | 'none'
  graceLogins?: number
  secondsToExpiry?: number
  netscapeExpired?: boolean
  /** responseValue of an ExtendedResponse. */
  value?: string
  /** responseName of an ExtendedResponse. */
  name?: string
}

/** The bytes of one response. */
export function response(id: number, op: number, of: Response): Buffer {
  const controls = controlsOf(of)
  return element(
    TAG.sequence,
    integer(id),
    element(
      op,
      integer(of.code, TAG.enumerated),
      octets(''),
      octets(of.diagnostic ?? ''),
      ...(of.name === undefined ? [] : [octets(of.name, 0x8a)]),
      ...(of.value === undefined ? [] : [octets(of.value, 0x8b)]),
    ),
    ...(controls.length === 0 ? [] : [element(0xa0, ...controls)]),
  )
}

/** A SearchResultEntry of the rootDSE with one attribute. */
export function rootDse(id: number, attribute: string, ...values: readonly Buffer[]): Buffer {
  const set = element(TAG.set, ...values.map((value) => element(TAG.octets, value)))
  const attributes = element(TAG.sequence, element(TAG.sequence, octets(attribute), set))
  return element(TAG.sequence, integer(id), element(OP.searchEntry, octets(''), attributes))
}

/** A script that answers the bind, and WhoAmI with an authzId or a result. */
export function answering(bind: Response, whoAmI: Response = { code: 0, value: 'dn:uid=jdoe' }): Script {
  return ({ id, op }) => {
    if (op === OP.bindRequest) return [response(id, OP.bindResponse, bind)]
    if (op === OP.extendedRequest) return [response(id, OP.extendedResponse, whoAmI)]
    if (op === OP.searchRequest) return [response(id, OP.searchDone, { code: 0 })]
    return []
  }
}

/** A key that is undefined is one that the target does not have. */
export function withoutUndefined(target: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(target).filter(([, value]) => value !== undefined))
}

/** A context for an attempt without a trial. */
export function contextOf(signal: AbortSignal): AttemptContext {
  const http = openDispatcher({ origins: [], rejectUnauthorized: true, connections: 1, connectTimeoutMs: 1_000 })
  return { signal, http, attribution: 'Revenant/0 (test)' }
}

function controlsOf(of: Response): Buffer[] {
  const controls: Buffer[] = []
  if (of.policyError !== undefined || of.graceLogins !== undefined || of.secondsToExpiry !== undefined) {
    const value = element(
      TAG.sequence,
      ...(of.secondsToExpiry === undefined ? [] : [element(0xa0, integer(of.secondsToExpiry, 0x80))]),
      ...(of.graceLogins === undefined ? [] : [element(0xa0, integer(of.graceLogins, 0x81))]),
      ...(typeof of.policyError === 'number' ? [integer(of.policyError, 0x81)] : []),
    )
    controls.push(element(TAG.sequence, octets(OID.passwordPolicy), element(TAG.octets, value)))
  }
  if (of.netscapeExpired === true) controls.push(element(TAG.sequence, octets(OID.netscapeExpired), octets('0')))
  return controls
}
