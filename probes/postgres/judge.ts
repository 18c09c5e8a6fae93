import type { Judgement, Wire } from '../../src/domain/answer.ts'
import type { Reason } from '../../src/domain/reason.ts'
import type { Strength, Verdict } from '../../src/domain/verdict.ts'
import type { ProtocolFault } from './connection.ts'

/**
 * How far a login came. `connect`: nothing sent. `start`: the startup message is out, the server asked for nothing yet.
 * `challenged`: SCRAM began. `answered`: the server has what it needs to weigh the password. `proven`: SCRAM's
 * server signature came and is right. `ok`: AuthenticationOk came after a challenge.
 */
export interface Progress {
  stage: 'connect' | 'start' | 'challenged' | 'answered' | 'proven' | 'ok'
  method: 'none' | 'password' | 'md5' | 'scram-sha-256'
  /** What the server reports as session_authorization. */
  principal?: string
  /** False when it is not known which bytes SASLprep makes of this password at the server. */
  sure?: boolean
}

/** AuthenticationOk without a question: trust, peer or cert. The password was not looked at. */
export function judgeOpen(progress: Progress): Judgement {
  return says('inconclusive', 'endpoint_unauthenticated', progress)
}

export function judgeReady(progress: Progress, username: string): Judgement {
  return { ...says('accepted', 'authenticated', progress), principal: progress.principal ?? username }
}

/** A message out of place, no TLS where it is due, or a connection that just ended. */
export function judgeFault(fault: ProtocolFault, progress: Progress): Judgement {
  return says('inconclusive', fault.reason, progress)
}

type Row = readonly [verdict: Verdict, reason: Reason, strength?: Strength]

/** Before any challenge: about the network, the server or the rule that was matched, never about the password. */
const BEFORE: Readonly<Record<string, Row>> = {
  '28000': ['inconclusive', 'ip_blocked'],
  '53300': ['inconclusive', 'connection_limit'],
  '0A000': ['inconclusive', 'protocol_error'],
  // A pooler may look for the database, or turn a user away, before it asks for the password.
  '3D000': ['inconclusive', 'config_error'],
  '28P01': ['inconclusive', 'credential_not_evaluated'],
}

/** After the password went out and before AuthenticationOk. */
const WEIGHED: Readonly<Record<string, Row>> = {
  // Native methods only (auth.c, auth_failed). Also for VALID UNTIL in the past and for a role without password.
  '28P01': ['rejected', 'invalid_credentials'],
  // ldap, radius, pam, bsd: the same for a wrong password and for a directory that is down (auth.c, auth_failed).
  '28000': ['inconclusive', 'upstream_unavailable', 'weak'],
}

/** After AuthenticationOk: the password is right, what follows is about the role or the database (postinit.c, miscinit.c). */
const AFTER: Readonly<Record<string, Row>> = {
  '3D000': ['accepted', 'database_unavailable'],
  '55000': ['accepted', 'database_unavailable'],
  '53300': ['accepted', 'connection_limit'],
  '42501': ['accepted', 'insufficient_privilege'],
}

/**
 * PgBouncer before 1.21 says 08P01 for everything and sends no routine: its text is all that the wire has. The texts are fixed
 * in its source and never translated; what it relays from the database may be, and is then inconclusive. Its rejections are weak: a
 * text is no code, and a file of its own that is out of date turns away whom the database would let in.
 */
const POOLER_WEIGHED: readonly (readonly [RegExp, Row])[] = [
  [/^(SASL|password) authentication failed$/, ['rejected', 'invalid_credentials', 'weak']],
]
const POOLER_PROVEN: readonly (readonly [RegExp, Row])[] = [
  [/^no such database: /, ['accepted', 'database_unavailable']],
  [/^query_wait_timeout$|^pgbouncer cannot connect to server$/, ['accepted', 'upstream_unavailable', 'weak']],
  [/role ".*" is not permitted to log in$/, ['rejected', 'account_disabled', 'weak']],
]

/** What an ErrorResponse means at the stage at which it came: the same code can come before and after the password was weighed. */
export function judgeError(fields: ReadonlyMap<string, string>, progress: Progress, username: string): Judgement {
  const code = fields.get('C') ?? ''
  const routine = fields.get('R') ?? ''
  const [verdict, reason, strength = 'strong'] = rowFor(code, routine, fields.get('M') ?? '', progress)
  const judgement = says(verdict, reason, progress, strength, facts(code, routine))
  return verdict === 'accepted' ? { ...judgement, principal: progress.principal ?? username } : judgement
}

function rowFor(code: string, routine: string, message: string, progress: Progress): Row {
  if (code === '08P01' && routine === '') return poolerRow(message, progress)
  // Starting, stopping, recovering; out of memory, disk or files; internal errors. 53300 is told apart below.
  if (/^57P0|^53[^3]|^58|^XX/.test(code)) return ['inconclusive', 'server_error']
  switch (progress.stage) {
    case 'connect':
    case 'start':
      // hba rules and a missing client certificate share code and routine (auth.c, ClientAuthentication). The text, where it is
      // English, only sharpens the reason: the verdict is the same.
      if (code === '28000' && /valid client certificate/.test(message)) return ['inconclusive', 'tls_error']
      // ident and peer fail without a challenge.
      if (code === '28000' && routine === 'auth_failed') return ['inconclusive', 'upstream_unavailable', 'weak']
      return BEFORE[code] ?? AMBIGUOUS
    case 'challenged':
      return AMBIGUOUS
    case 'answered':
      if (code === '28P01' && progress.method === 'scram-sha-256') return progress.sure === true ? UNPROVEN : AMBIGUOUS
      // A pooler that has learned the code (PgBouncer 1.21) sends no routine, and judges by a file of its own.
      if (code === '28P01' && routine !== 'auth_failed') return UNPROVEN
      return WEIGHED[code] ?? AMBIGUOUS
    case 'proven':
      // Only a pooler speaks up between its proof and its Ok, for itself or for the database behind it.
      return code === '3D000' || code === '53300' ? (AFTER[code] ?? AMBIGUOUS) : AMBIGUOUS
    case 'ok':
      // NOLOGIN, or a role that only the directory knows: the password is right and lets nobody in.
      if (code === '28000' && routine === 'InitializeSessionUserId') return ['rejected', 'account_disabled']
      return AFTER[code] ?? AMBIGUOUS
  }
}

const AMBIGUOUS: Row = ['inconclusive', 'ambiguous']
/**
 * A role whose password is stored as an MD5 hash cannot be weighed by SCRAM: the server plays the exchange through to the same 28P01
 * (auth-scram.c, mock authentication), and a line of pg_hba.conf for other addresses may still let it in by MD5.
 */
const UNPROVEN: Row = ['rejected', 'invalid_credentials', 'weak']

function poolerRow(message: string, progress: Progress): Row {
  const rows = { answered: POOLER_WEIGHED, proven: POOLER_PROVEN, ok: POOLER_PROVEN, connect: [], start: [], challenged: [] }
  const row = rows[progress.stage].find(([text]) => text.test(message))?.[1] ?? AMBIGUOUS
  return row[0] === 'rejected' && progress.stage === 'answered' && progress.method === 'scram-sha-256' && progress.sure !== true
    ? AMBIGUOUS
    : row
}

/** Routines of the server that are worth keeping. A name that is not one of them could be anything, the password included. */
const ROUTINES = [
  'ClientAuthentication',
  'auth_failed',
  'InitializeSessionUserId',
  'CheckMyDatabase',
  'InitPostgres',
  'ProcessStartupPacket',
]

function facts(code: string, routine: string): Record<string, string> {
  return {
    ...(/^[0-9A-Z]{5}$/.test(code) ? { sqlstate: code } : {}),
    ...(ROUTINES.includes(routine) ? { routine } : {}),
  }
}

function says(verdict: Verdict, reason: Reason, progress: Progress, strength: Strength = 'strong', more: Wire = {}): Judgement {
  return { verdict, reason, strength, wire: { stage: progress.stage, method: progress.method, ...more } }
}
