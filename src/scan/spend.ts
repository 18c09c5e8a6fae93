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
  type SpentBefore,
  type SpentToken,
  sentBefore,
  spendToken,
} from '../store/spent-token.ts'
import { transact } from '../store/transact.ts'
import { LONGEST_BEYOND_MS, type TimedJudgement } from './attempt.ts'
import type { Guard, Session } from './session.ts'

/** Pauses between the tries to write down what became of a token: a database that restarts is back within seconds. */
const PAUSES_MS = [250, 1_000, 2_000]
/** Between two looks whether somebody else's message with the same canary has been answered. */
const LOOK_EVERY_MS = 50

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
    const token = tokenOf(session, row.credential_id, risk)
    if (spends === false) {
      const before = await sentBefore(deps.db, token)
      return isSpent(before) ? unsent('secret_unavailable', before.said) : send()
    }
    if (spends === true) {
      // Its owner keeps it elsewhere, where nobody would put the successor.
      if (row.sealed === null) return unsent('config_error', { missing: 'sealed_secret' })
    } else if (await isDisproved(deps.db, spends.name)) return unsent('config_error', spends.otherwise)
    const before = await claimToken(deps.db, token, deps.now())
    if (before !== undefined) return unsent('secret_unavailable', before.said)
    const judgement = await send()
    try {
      return await settled(session, row, judgement, token)
    } finally {
      await disbelieve(session, risk, judgement)
    }
  }
}

/**
 * Stands around a canary, whose successor nobody would keep: it is not sent where that is known to spend it. Where it may, it is written
 * down first, as a replay is: systems of one server may share a canary, and its holder is still here. What has spent it stays written
 * down, and it is never sent again.
 */
export function beliefGuardOf(session: Session, { risk }: BoundSecret): Guard {
  if (risk === undefined || risk.spends === true) return (send) => send()
  const { spends } = risk
  const { db, now } = session.deps
  return async (send) => {
    const token = tokenOf(session, null, risk)
    if (spends === false) {
      const before = await answered(session, () => sentBefore(db, token))
      return isSpent(before) ? unsent('secret_unavailable', before.said) : send()
    }
    const before = await answered(session, () => claimToken(db, token, now()))
    // Only now: whoever was waited for may have found out.
    if (await isDisproved(db, spends.name)) {
      if (before === undefined) await releaseToken(db, token)
      return unsent('config_error', spends.otherwise)
    }
    if (before !== undefined) return unsent('secret_unavailable', before.said)
    const judgement = await send()
    // Before it is taken back: whoever waits for it must not send it, since the server does not answer as was believed.
    await disbelieve(session, risk, judgement)
    return settledCanary(session, judgement, token)
  }
}

/** What was left unanswered, or refused, where an attempt was thought to spend it, was not spent by it if this one is right. */
function isSpent(before: SpentBefore | undefined): before is SpentBefore {
  return before?.said.token === 'spent' || before?.said.token === 'elsewhere'
}

/**
 * Asks until no other message with this token is on its way: shards of a system, and systems of one server, ask their canary at the same
 * moment, and one that is alive must fail none of them. What is older than any message can be was lost.
 */
async function answered(
  { deps, system, waits }: Session,
  look: () => Promise<SpentBefore | undefined>,
): Promise<SpentBefore | undefined> {
  const longestMs = system.limits.timeoutMs + LONGEST_BEYOND_MS
  // The other one's clock may go before ours.
  const giveUpMs = performance.now() + longestMs
  for (;;) {
    const before = await look()
    if (before?.unansweredSince === undefined || performance.now() > giveUpMs) return before
    if (deps.now().epochMilliseconds - before.unansweredSince.epochMilliseconds > longestMs) return before
    await sleep(LOOK_EVERY_MS, undefined, { signal: waits })
  }
}

function tokenOf({ deps: { custody }, system }: Session, credentialId: string | null, { token, way }: Risk): SpentToken {
  return {
    systemId: system.id,
    credentialId,
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
  if (judgement.spent === true) return withSuccessor(judgement, 'lost')
  const settle = judgement.spent === 'earlier' ? refuseToken : releaseToken
  await again(() => settle(session.deps.db, token))
  return judgement
}

async function settledCanary({ deps, system }: Session, judgement: TimedJudgement, token: SpentToken): Promise<TimedJudgement> {
  const { rotated, ...rest } = judgement
  if (rotated === undefined && rest.spent !== true) {
    await again(() => releaseToken(deps.db, token))
    return judgement
  }
  if (rotated !== undefined) await again(() => spendToken(deps.db, token, deps.now()))
  deps.log('warn', 'the canary may be spent and is not sent again: it needs another one', { system: system.name })
  return withSuccessor(rest, rotated === undefined ? 'lost' : 'dropped')
}

function withSuccessor(judgement: TimedJudgement, successor: 'sealed' | 'dropped' | 'lost'): TimedJudgement {
  return { ...judgement, wire: { ...judgement.wire, successor } }
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

const ELSEWHERE = 'the token is a reference and lies where nobody would put it'
const CHANGED = 'the credential was changed meanwhile'

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
  else
    deps.log(
      'warn',
      `a replay spent a token; its successor is dropped, since ${row.sealed === null ? ELSEWHERE : CHANGED}`,
      fields,
    )
  return withSuccessor(rest, kept ? 'sealed' : 'dropped')
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
