import type { Dispatcher } from 'undici'
import type { Judgement } from '../domain/answer.ts'
import { judgeFailure } from '../probe/failure.ts'
import type { BoundSecret } from '../probe/probe.ts'

export interface AttemptOptions {
  timeoutMs: number
  http: Dispatcher
  attribution: string
  pinnedPeer: string | undefined
  /** The running attempts of the trial: aborted together when the trial is stopped. */
  running: Set<AbortController>
}

export interface TimedJudgement extends Judgement {
  latencyMs: number
}

/** A probe that ignores its signal is given up on after this long. */
const GRACE_MS = 2_000

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
    const settle = (judgement: Judgement) => {
      if (settled) return
      settled = true
      clearTimeout(timer)
      clearTimeout(grace)
      options.running.delete(controller)
      resolve({ ...judgement, latencyMs: performance.now() - startedAt })
    }
    const timer = setTimeout(() => {
      timedOut = true
      controller.abort(new DOMException('the attempt took too long', 'TimeoutError'))
      grace = setTimeout(() => settle(judgeFailure(undefined, true)), GRACE_MS)
    }, options.timeoutMs)
    options.running.add(controller)
    const context = {
      signal: controller.signal,
      http: options.http,
      attribution: options.attribution,
      ...(options.pinnedPeer === undefined ? {} : { pinnedPeer: options.pinnedPeer }),
    }
    startAttempt(secret, context).then(
      // An answer that came in the very moment of the abort still is the system's answer.
      (answer) => settle(answer),
      (thrown: unknown) => settle(judgeFailure(thrown, timedOut)),
    )
  })
}

/** A probe that throws before its first await is a failed attempt like any other. */
function startAttempt(secret: BoundSecret, context: Parameters<BoundSecret['attempt']>[0]) {
  try {
    return secret.attempt(context)
  } catch (thrown) {
    return Promise.reject(thrown)
  }
}
