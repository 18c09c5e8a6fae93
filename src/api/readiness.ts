import { errorCode } from '../domain/error.ts'
import type { Logger } from '../telemetry/logger.ts'
import { scrubText } from '../telemetry/scrub.ts'

/** What one part of the daemon says of itself. `detail` is for an operator: plain, short, without secrets. */
export interface CheckResult {
  ok: boolean
  detail: string
}

export interface ReadinessCheck {
  /** `database`, `keys`, `queues`. */
  readonly name: string
  /** @param signal aborts when the check has taken too long */
  check(signal: AbortSignal): Promise<CheckResult>
}

export interface Readiness {
  status: 'ok' | 'unavailable'
  checks: ({ name: string } & CheckResult)[]
}

/** Shorter than the second or two that orchestrators wait. */
const CHECK_TIMEOUT_MS = 1_500
/** Answers are reused for this long, so that nobody can make the database work by asking often. */
const FRESH_MS = 1_000
const MAX_DETAIL = 200

/**
 * Asks all checks at once, at most once a second however many ask. A check that throws or takes too long is not ready; the answer
 * carries its code and the log the rest.
 */
export function openReadiness(
  checks: readonly ReadinessCheck[],
  logger: Logger,
  now: () => number = () => performance.now(),
): () => Promise<Readiness> {
  let latest: Promise<Readiness> | undefined
  let askedAt = 0
  return () => {
    if (latest === undefined || now() - askedAt >= FRESH_MS) {
      askedAt = now()
      latest = askAll(checks, logger)
    }
    return latest
  }
}

async function askAll(checks: readonly ReadinessCheck[], logger: Logger): Promise<Readiness> {
  const results = await Promise.all(checks.map(async (check) => ({ name: check.name, ...(await ask(check, logger)) })))
  return { status: results.every((result) => result.ok) ? 'ok' : 'unavailable', checks: results }
}

async function ask(check: ReadinessCheck, logger: Logger): Promise<CheckResult> {
  const timeout = new AbortController()
  const { promise: late, resolve } = Promise.withResolvers<CheckResult>()
  const timer = setTimeout(() => {
    timeout.abort()
    resolve({ ok: false, detail: `no answer within ${CHECK_TIMEOUT_MS} ms` })
  }, CHECK_TIMEOUT_MS)
  try {
    const { ok, detail } = await Promise.race([check.check(timeout.signal), late])
    return { ok, detail: scrubText(detail).slice(0, MAX_DETAIL) }
  } catch (error) {
    logger.warn({ err: error, check: check.name }, 'a readiness check failed')
    const code = errorCode(error)
    return { ok: false, detail: code !== undefined && /^\w{1,64}$/.test(code) ? `failed: ${code}` : 'failed' }
  } finally {
    clearTimeout(timer)
  }
}
