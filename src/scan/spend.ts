import { setTimeout as sleep } from 'node:timers/promises'
import { openBox } from '../custody/box.ts'
import type { BoundSecret, Risk } from '../probe/probe.ts'
import type { DueCredential } from '../store/due.ts'
import {
  claimToken,
  disprove,
  isDisproved,
  putSuccessor,
  refuseToken,
  releaseToken,
  type SpentToken,
  sentBefore,
} from '../store/spent-token.ts'
import { transact } from '../store/transact.ts'
import type { TimedJudgement } from './attempt.ts'
import type { Guard, Session } from './session.ts'

/** Pauses between the tries to write down what became of a token: a database that restarts is back within seconds. */
const PAUSES_MS = [250, 1_000, 2_000]

/**
 * Stands around a replay. Where it may spend its secret, it is sent only after it is written down, committed, that this token is being
 * sent. A token for which that was written before, by this credential or another one of any system, is never sent: it may be spent, and
 * a spent one that comes again kills its whole family. The successor is sealed, committed, before anybody hears what the answer was.
 * Where no answer came the token stays written down, and the credential stays inconclusive until another token is registered for it.
 */
export function guardOf(session: Session, row: DueCredential, secret: BoundSecret): Guard {
  const { deps } = session
  const { risk } = secret
  if (risk === undefined) return (send) => send()
  const { spends } = risk
  return async (send) => {
    const token = tokenOf(session, row, risk)
    if (spends === false) {
      const before = await sentBefore(deps.db, token)
      // What was left unanswered, or refused, where its replay was thought to spend it, was not spent by it if this one is right.
      const isSpent = before?.token === 'spent' || before?.token === 'elsewhere'
      return isSpent ? unsent('secret_unavailable', { ...before }) : send()
    }
    if (spends === true) {
      // Its owner keeps it elsewhere, where nobody would put the successor.
      if (row.sealed === null) return unsent('config_error', { missing: 'sealed_secret' })
    } else if (await isDisproved(deps.db, session.system.id, spends.name)) return unsent('config_error', spends.otherwise)
    const before = await claimToken(deps.db, token, deps.now())
    if (before !== undefined) return unsent('secret_unavailable', { ...before })
    const judgement = await send()
    try {
      return await settled(session, row, judgement, token)
    } finally {
      await disbelieve(session, risk, judgement)
    }
  }
}

/** Stands around a canary, whose successor nobody would keep: it is not sent where that is known to spend it. */
export function beliefGuardOf(session: Session, { risk }: BoundSecret): Guard {
  if (risk === undefined || typeof risk.spends === 'boolean') return (send) => send()
  const { name, otherwise } = risk.spends
  return async (send) => {
    if (await isDisproved(session.deps.db, session.system.id, name)) return unsent('config_error', otherwise)
    const judgement = await send()
    await disbelieve(session, risk, judgement)
    return judgement
  }
}

function tokenOf({ deps: { custody }, system }: Session, row: DueCredential, { token, way }: Risk): SpentToken {
  return {
    systemId: system.id,
    credentialId: row.credential_id,
    fingerprint: custody.fingerprint('spent', token),
    formerly: custody.fingerprint(`spent:${system.id}`, token),
    way: custody.fingerprint('sent', way),
  }
}

/** Writes down what became of the token. */
async function settled(
  session: Session,
  row: DueCredential,
  judgement: TimedJudgement,
  token: SpentToken,
): Promise<TimedJudgement> {
  if (judgement.rotated !== undefined) return keepSuccessor(session, row, judgement, token)
  if (judgement.spent === true) return { ...judgement, wire: { ...judgement.wire, successor: 'lost' } }
  const settle = judgement.spent === 'earlier' ? refuseToken : releaseToken
  await again(() => settle(session.deps.db, token))
  return judgement
}

/** Keeps it where an answer has disproved what the target says. */
async function disbelieve({ deps, system }: Session, { spends }: Risk, { disproved }: TimedJudgement): Promise<void> {
  if (disproved !== true || typeof spends === 'boolean') return
  await again(() => disprove(deps.db, system.id, spends.name))
  deps.log('warn', 'the server does otherwise than the target says: it is not asked so again', {
    system: system.name,
    disproved: spends.name,
  })
}

/** Seals the successor in a committed transaction of its own and hands the answer on without it. */
async function keepSuccessor(
  { deps, system }: Session,
  row: DueCredential,
  judgement: TimedJudgement,
  token: SpentToken,
): Promise<TimedJudgement> {
  if (judgement.rotated === undefined) return judgement
  const { rotated, ...rest } = judgement
  const place = { credentialId: row.credential_id, systemId: system.id, origin: row.secret_origin }
  const kept = await again(async () => {
    const sealed = await deps.custody.seal(place, openBox(rotated))
    return transact(deps.db, (tx) => putSuccessor(tx, { ...place, registered: row.fingerprint, ...sealed }, token, deps.now()))
  })
  const fields = { system: system.name, credential: row.credential_id }
  if (kept) deps.log('info', 'a replay spent a token; its successor is sealed', fields)
  else deps.log('warn', 'a replay spent a token; its successor is dropped, since the credential was changed meanwhile', fields)
  return { ...rest, wire: { ...rest.wire, successor: kept ? 'sealed' : 'dropped' } }
}

async function again<Value>(work: () => Promise<Value>): Promise<Value> {
  for (const pauseMs of PAUSES_MS) {
    try {
      return await work()
    } catch {
      await sleep(pauseMs)
    }
  }
  return work()
}

function unsent(reason: 'config_error' | 'secret_unavailable', wire: TimedJudgement['wire']): TimedJudgement {
  return { verdict: 'inconclusive', reason, strength: 'strong', wire, latencyMs: 0 }
}
