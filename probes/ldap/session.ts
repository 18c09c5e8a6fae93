import { connect as connectTcp, isIP } from 'node:net'
import { type ConnectionOptions, checkServerIdentity, connect as connectTls } from 'node:tls'
import { LdapProtocolError } from './ber.ts'
import { type Line, openLine } from './line.ts'
import { extendedRequest, type LdapMessage, OID, OP, resultOf, unbindRequest } from './message.ts'
import { type LdapTarget, portOf } from './target.ts'

/** The server refused to go on in TLS, or wrote in clear past its consent: nothing secret has been sent. */
export class StartTlsError extends Error {
  readonly code = 'LDAP_STARTTLS'
  readonly resultCode: number

  constructor(message: string, resultCode: number) {
    super(message)
    this.name = 'StartTlsError'
    this.resultCode = resultCode
  }
}

/** One connection, one operation at a time. */
export interface Session {
  /** The id that the next request has to carry. */
  nextId(): number
  send(request: Buffer): void
  /** The next message with this id. Rejects with the socket's error, the abort reason or an LdapProtocolError. */
  receive(id: number): Promise<LdapMessage>
  /** Says goodbye and lets go of the socket; never fails. */
  close(): void
}

/**
 * Connects as the target says: LDAPS, StartTLS with no way back to clear, or in clear. The signal destroys the socket whatever
 * it is doing.
 *
 * @param ca PEM certificates to trust instead of the system's
 */
export async function openSession(target: LdapTarget, ca: string | undefined, signal: AbortSignal): Promise<Session> {
  signal.throwIfAborted()
  const at = { host: target.host, port: portOf(target) }
  const clear = target.tls === 'disable' || target.startTls
  const socket = clear ? connectTcp(at) : connectTls({ ...at, ...tlsOptions(target, ca) })
  const line = openLine(socket, signal)
  try {
    await line.ready(clear ? 'connect' : 'secureConnect')
    if (!target.startTls) return sessionOn(line)
    await requestStartTls(line)
    // Whatever the server, or somebody between, wrote behind its consent was in clear and must not be read as if it came through TLS.
    if (line.detach() > 0) throw new StartTlsError('bytes in clear after the StartTLS response', 0)
    const secure = openLine(connectTls({ ...at, ...tlsOptions(target, ca), socket }), signal)
    try {
      await secure.ready('secureConnect')
      return sessionOn(secure)
    } catch (error) {
      secure.destroy()
      throw error
    }
  } catch (error) {
    line.destroy()
    throw error
  }
}

async function requestStartTls(line: Line): Promise<void> {
  const session = sessionOn(line)
  const id = session.nextId()
  session.send(extendedRequest(id, OID.startTls))
  const result = resultOf(await session.receive(id), OP.extendedResponse)
  if (result.code !== 0) throw new StartTlsError('the server refuses StartTLS', result.code)
}

function tlsOptions(target: LdapTarget, ca: string | undefined): ConnectionOptions {
  const name = target.servername ?? target.host
  return {
    rejectUnauthorized: target.tls !== 'insecure',
    minVersion: 'TLSv1.2',
    checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
    // RFC 6066 §3: no addresses in SNI.
    ...(isIP(name) === 0 ? { servername: name } : {}),
    ...(ca === undefined ? {} : { ca }),
  }
}

function sessionOn(line: Line): Session {
  let lastId = 0
  return {
    nextId: () => ++lastId,
    send: (request) => line.write(request),
    receive: async (id) => {
      const message = await line.read()
      if (message.id === 0) throw noticeOf(message)
      if (message.id !== id) throw new LdapProtocolError('an answer to a request that was not made')
      return message
    },
    close: () => line.end(unbindRequest(++lastId)),
  }
}

/** The server hangs up and says why (RFC 4511 §4.4.1). */
export class DisconnectionNotice extends Error {
  readonly code = 'LDAP_DISCONNECTION'
  readonly resultCode: number

  constructor(resultCode: number) {
    super('the server announced that it disconnects')
    this.name = 'DisconnectionNotice'
    this.resultCode = resultCode
  }
}

function noticeOf(message: LdapMessage): Error {
  const result = resultOf(message, OP.extendedResponse)
  if (result.name !== OID.noticeOfDisconnection) return new LdapProtocolError('an unsolicited message')
  return new DisconnectionNotice(result.code)
}
