import type { Dispatcher } from 'undici'
import { boxSecret, type Secret } from '../custody/box.ts'
import { readReference } from '../custody/references.ts'
import { parseSecretValue } from '../custody/secret-value.ts'
import type { Judgement } from '../domain/answer.ts'
import { judgeFailure } from '../probe/failure.ts'
import type { Answer, BoundSecret } from '../probe/probe.ts'

export interface AttemptOptions {
  timeoutMs: number
  http: Dispatcher
  attribution: string
  /** Left out: reads the environment and files. */
  reference?: ((text: string) => Promise<string>) | undefined
  pinnedPeer: string | undefined
  /** The running attempts of the trial: aborted together when the trial is stopped. */
  running: Set<AbortController>
}

export interface TimedJudgement extends Judgement {
  latencyMs: number
  /** The successor of a secret that this attempt spent. */
  rotated?: Secret
  /** The secret may be spent, and no successor came. See `Answer`. */
  spent?: boolean | 'earlier'
  disproved?: boolean
}

/** A probe that ignores its signal is given up on after this long. */
const GRACE_MS = 2_000
/** A message that may spend its secret is waited for this much longer, whoever says stop: its answer holds the successor. */
const SPENT_GRACE_MS = 10_000
/** No attempt goes on for longer than its time limit and this. */
export const LONGEST_BEYOND_MS = GRACE_MS + SPENT_GRACE_MS

/**
 * Makes one attempt and always answers: what the probe threw, and a time-out, are inconclusive. This is the only place that times
 * a probe and the only one that catches what it throws.
 */
export function attempt(secret: BoundSecret, options: AttemptOptions): Promise<TimedJudgement> {
  const controller = new AbortController()
  const startedAt = performance.now()
  return new Promise((resolve) => {
    let timedOut = false
    let settled = false
    let grace: NodeJS.Timeout | undefined
    const hearing = listenTo(controller, maySpend(secret))
    const settle = ({ rotated, spent = false, ...judgement }: Answer) => {
      if (settled) return
      const successor = rotated === undefined ? {} : { rotated: boxSecret(parseSecretValue(rotated)) }
      settled = true
      clearTimeout(timer)
      clearTimeout(grace)
      hearing.end()
      options.running.delete(controller)
      resolve({
        ...judgement,
        latencyMs: performance.now() - startedAt,
        ...successor,
        ...(spent === false ? {} : { spent }),
      })
    }
    const failed = (thrown: unknown) => settle({ ...judgeFailure(thrown, timedOut), spent: hearing.isSent() })
    const timer = setTimeout(() => {
      timedOut = true
      controller.abort(new DOMException('the attempt took too long', 'TimeoutError'))
      grace = setTimeout(() => failed(undefined), GRACE_MS + (hearing.isSent() ? SPENT_GRACE_MS : 0))
    }, options.timeoutMs)
    options.running.add(controller)
    const context = {
      signal: hearing.signal,
      http: options.http,
      attribution: options.attribution,
      reference: options.reference ?? readReference,
      sent: hearing.sent,
      ...(options.pinnedPeer === undefined ? {} : { pinnedPeer: options.pinnedPeer }),
    }
    // An answer that came in the very moment of the abort still is the system's answer. What is no successor is a lost one.
    startAttempt(secret, context).then(settle).catch(failed)
  })
}

/** True of an attempt whose answer must not be missed. */
function maySpend({ spends, risk }: BoundSecret): boolean {
  return spends !== undefined || (risk !== undefined && risk.spends !== false)
}

/** What a probe hears of its trial. */
interface Hearing {
  readonly signal: AbortSignal
  sent(): void
  isSent(): boolean
  end(): void
}

/**
 * The signal of an attempt. Where the attempt may spend its secret, a stop that comes once the message is out reaches the probe only
 * after a while, so that the answer can still come in.
 */
function listenTo({ signal }: AbortController, maySpend: boolean): Hearing {
  if (!maySpend) return { signal, sent: () => {}, isSent: () => false, end: () => {} }
  const inner = new AbortController()
  let sent = false
  let wait: NodeJS.Timeout | undefined
  const stop = () => {
    if (sent) wait = setTimeout(() => inner.abort(signal.reason), SPENT_GRACE_MS)
    else inner.abort(signal.reason)
  }
  signal.addEventListener('abort', stop, { once: true })
  return {
    signal: inner.signal,
    sent: () => {
      sent = true
    },
    isSent: () => sent,
    end: () => {
      clearTimeout(wait)
      signal.removeEventListener('abort', stop)
    },
  }
}

/** A probe that throws before its first await is a failed attempt like any other. */
function startAttempt(secret: BoundSecret, context: Parameters<BoundSecret['attempt']>[0]) {
  try {
    return secret.attempt(context)
  } catch (thrown) {
    return Promise.reject(thrown)
  }
}
