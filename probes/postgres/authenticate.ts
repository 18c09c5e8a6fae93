import { createHash } from 'node:crypto'
import type { Answer } from '../../src/probe/probe.ts'
import { type Connection, ProtocolFault } from './connection.ts'
import { judgeError, judgeOpen, judgeReady, type Progress } from './judge.ts'
import { isSurelyPrepared, type Scram, startScram } from './scram.ts'

export interface Login {
  username: string
  password: string
  database: string
  applicationName: string
}

/**
 * One login, message by message, until ReadyForQuery or an error. `progress` tells the caller how far it came if this throws
 * (protocol §54.2.1: Start-up; §54.3: SASL).
 */
export async function authenticate<Secret>(connection: Connection, login: Login, progress: Progress): Promise<Answer<Secret>> {
  begin(connection, login, progress)
  let scram: Scram | undefined
  for (;;) {
    const { type, body } = await connection.next()
    switch (type) {
      case 'E':
        return judgeError(errorFields(body), progress, login.username)
      case 'R': {
        const asked = request(body)
        if (asked.kind === 'ok' && progress.stage === 'start') return judgeOpen(progress)
        scram = await answer(connection, asked, login, progress, scram)
        break
      }
      case 'S':
        noteParameter(body, progress)
        break
      case 'Z':
        if (progress.stage !== 'ok') throw new ProtocolFault('protocol_error', 'ready before the authentication')
        return judgeReady(progress, login.username)
      case 'N': // a notice
      case 'K': // the key for cancelling
      case 'v': // another minor version of the protocol
        break
      default:
        throw new ProtocolFault('protocol_error', 'a message that has no place in a login')
    }
  }
}

function begin(connection: Connection, login: Login, progress: Progress): void {
  connection.send(startup(login))
  progress.stage = 'start'
  progress.sure = isSurelyPrepared(login.password)
}

type Request =
  | { kind: 'ok' | 'cleartext' }
  | { kind: 'md5'; salt: Buffer }
  | { kind: 'sasl'; mechanisms: string[] }
  | { kind: 'continue' | 'final'; data: string }
  | { kind: 'other' }

/** Lengths are part of the meaning: a body that is too long or too short is no authentication request. */
function request(body: Buffer): Request {
  if (body.length < 4) throw new ProtocolFault('protocol_error', 'a cut-off authentication request')
  const data = body.subarray(4)
  const code = body.readInt32BE(0)
  if (code === 0 && data.length === 0) return { kind: 'ok' }
  if (code === 3 && data.length === 0) return { kind: 'cleartext' }
  if (code === 5 && data.length === 4) return { kind: 'md5', salt: data }
  if (code === 10) return { kind: 'sasl', mechanisms: strings(data) }
  if (code === 11) return { kind: 'continue', data: data.toString('utf8') }
  if (code === 12) return { kind: 'final', data: data.toString('utf8') }
  // 2, 7, 8, 9: Kerberos, GSSAPI and SSPI, for which a password is no answer.
  if ([2, 7, 8, 9].includes(code)) return { kind: 'other' }
  throw new ProtocolFault('protocol_error', 'not an authentication request')
}

/** Answers one request, once: a second challenge is not answered. */
async function answer(
  connection: Connection,
  asked: Request,
  login: Login,
  progress: Progress,
  scram?: Scram,
): Promise<Scram | undefined> {
  const { password } = login
  if (progress.stage === 'start') {
    switch (asked.kind) {
      case 'cleartext':
        return challenged(connection, progress, 'password', cstring(password))
      case 'md5':
        return challenged(connection, progress, 'md5', cstring(md5(login, asked.salt)))
      case 'sasl': {
        if (!asked.mechanisms.includes('SCRAM-SHA-256')) throw new ProtocolFault('auth_method_unsupported', 'no SCRAM-SHA-256')
        const begun = startScram(password)
        const first = Buffer.from(begun.first)
        challenged(connection, progress, 'scram-sha-256', Buffer.concat([cstring('SCRAM-SHA-256'), int32(first.length), first]))
        return begun
      }
      case 'other':
        throw new ProtocolFault('auth_method_unsupported', 'a password is no answer to this method')
    }
  }
  if (progress.stage === 'challenged' && asked.kind === 'continue' && scram !== undefined) {
    connection.send(frame('p', Buffer.from(await scram.final(asked.data))))
    progress.stage = 'answered'
    return scram
  }
  if (progress.stage === 'answered' && asked.kind === 'final' && scram?.proves(asked.data) === true) {
    progress.stage = 'proven'
    return scram
  }
  // With SCRAM an Ok counts only after the server's own proof: one that says Ok to anybody has none.
  if (asked.kind === 'ok' && progress.stage === (scram === undefined ? 'answered' : 'proven')) {
    progress.stage = 'ok'
    return scram
  }
  throw new ProtocolFault('protocol_error', `an authentication request out of turn`)
}

function challenged(connection: Connection, progress: Progress, method: Progress['method'], reply: Buffer): undefined {
  connection.send(frame('p', reply))
  progress.method = method
  progress.stage = method === 'scram-sha-256' ? 'challenged' : 'answered'
}

/** `concat('md5', md5(concat(md5(concat(password, username)), random-salt)))` (protocol §54.2.1). */
function md5({ username, password }: Login, salt: Buffer): string {
  const inner = createHash('md5').update(password).update(username).digest('hex')
  return `md5${createHash('md5').update(inner).update(salt).digest('hex')}`
}

/** The server reports who the session belongs to; it alone knows what a pooler or a map made of the user's name. */
function noteParameter(body: Buffer, progress: Progress): void {
  const [name, value] = strings(body)
  if (name === 'session_authorization' && value !== undefined && value !== '') progress.principal = value
}

function startup({ username, database, applicationName }: Login): Buffer {
  const parameters = ['user', username, 'database', database, 'application_name', applicationName, 'client_encoding', 'UTF8']
  const body = Buffer.concat([int32(196_608), ...parameters.map(cstring), Buffer.from([0])])
  return Buffer.concat([int32(body.length + 4), body])
}

function errorFields(body: Buffer): Map<string, string> {
  return new Map(strings(body).map((field) => [field.slice(0, 1), field.slice(1)]))
}

function strings(bytes: Buffer): string[] {
  return bytes.toString('utf8').split('\0').slice(0, -1)
}

function frame(type: string, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body])
}

function cstring(value: string): Buffer {
  return Buffer.from(`${value}\0`)
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}
