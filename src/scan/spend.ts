import { setTimeout as sleep } from 'node:timers/promises'
import { openBox } from '../custody/box.ts'
import type { BoundSecret } from '../probe/probe.ts'
import type { DueCredential } from '../store/due.ts'
import { claimToken, putSuccessor, releaseToken, type SpentToken } from '../store/spent-token.ts'
import { transact } from '../store/transact.ts'
import type { TimedJudgement } from './attempt.ts'
import type { Guard, Session } from './session.ts'

/** Pauses between the tries to write down what became of a token: a database that restarts is back within seconds. */
const PAUSES_MS = [250, 1_000, 2_000]

/**
 * Stands around a replay. Where it may spend its secret, it is sent only after it is written down, committed, that this token is being
 * sent. A token for which that was written before, by this credential or another one, is never sent: it may be spent, and a spent one
 * that comes again kills its whole family. The successor is sealed, committed, before anybody hears what the answer was. Where no
 * answer came the token stays written down, and the credential stays inconclusive until another token is registered for it.
 */
export function guardOf(session: Session, row: DueCredential, secret: BoundSecret): Guard {
  const { deps, system } = session
  const { spends } = secret
  // A probe that spends nothing may be told otherwise by the system: what came in is kept all the same.
  if (spends === undefined) return async (send) => keepSuccessor(session, row, await send(), undefined)
  return async (send) => {
    // Its owner keeps it elsewhere, where nobody would put the successor.
    if (row.sealed === null) return unsent('config_error', { missing: 'sealed_secret' })
    const token: SpentToken = {
      systemId: system.id,
      fingerprint: deps.custody.fingerprint(`spent:${system.id}`, spends),
      credentialId: row.credential_id,
    }
    const before = await claimToken(deps.db, token, deps.now())
    if (before !== undefined) return unsent('secret_unavailable', { token: before })
    const judgement = await send()
    if (judgement.rotated !== undefined) return keepSuccessor(session, row, judgement, token)
    if (judgement.spent === true) return { ...judgement, wire: { ...judgement.wire, successor: 'lost' } }
    await again(() => releaseToken(deps.db, token))
    return judgement
  }
}

/** Seals the successor in a committed transaction of its own and hands the answer on without it. */
async function keepSuccessor(
  { deps, system }: Session,
  row: DueCredential,
  judgement: TimedJudgement,
  token: SpentToken | undefined,
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
