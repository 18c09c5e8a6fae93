import { type Outcome, record } from './record.ts'
import type { Session } from './session.ts'
import type { Vouch } from './vouch.ts'

export interface Recorder {
  /** Takes an outcome. Answers a promise when the caller must wait, since writing lags; rejects once a write has failed. */
  add(outcome: Outcome): Promise<void> | undefined
  /** Writes what is left and waits for everything. Throws what a write threw. */
  flush(): Promise<void>
  /** Like flush, and for a trial that already failed: writes what can be written. */
  close(): Promise<void>
  counts(): { accepted: number; rejected: number; inconclusive: number }
}

/** A page that fills slowly is written after this long: what was seen is shown soon, and a crash loses little. */
const PAGE_MS = 1_000
/** Pages that may wait to be written before the lanes are slowed down. */
const PAGES_BEHIND = 2
/** Acceptances that may. */
const ACCEPTANCES_BEHIND = 64

/**
 * Gathers outcomes into pages and writes them behind the lanes' backs, one page at a time. An acceptance is written at once, in a
 * transaction of its own or with others of the same moment: it must not be lost with a half-full page.
 *
 * @param vouch says what of a page may be recorded
 */
export function openRecorder(session: Session, vouch: Vouch): Recorder {
  const counts = { accepted: 0, rejected: 0, inconclusive: 0 }
  let page: Outcome[] = []
  let urgent: { outcomes: Outcome[]; done: Promise<void> } | undefined
  let behind = 0
  let tail: Promise<void> = Promise.resolve()
  let failure: unknown
  let timer: NodeJS.Timeout | undefined

  const write = (outcomes: Outcome[]): Promise<void> => {
    behind++
    const done = tail.then(async () => {
      if (urgent?.outcomes === outcomes) urgent = undefined
      // After one write failed the rest is left due rather than recorded out of order.
      if (failure !== undefined) throw failure
      const vouched = await vouch(outcomes)
      await record(session, vouched)
      for (const outcome of vouched) counts[outcome.verdict]++
    })
    tail = done.then(
      () => {
        behind--
      },
      (error: unknown) => {
        behind--
        failure ??= error
      },
    )
    return done
  }
  /** Acceptances that come while another write is under way share the next one. */
  const writeAtOnce = (outcome: Outcome): Promise<void> | undefined => {
    if (urgent === undefined) {
      const outcomes = [outcome]
      urgent = { outcomes, done: write(outcomes) }
      urgent.done.catch(() => {})
    } else urgent.outcomes.push(outcome)
    return urgent.outcomes.length >= ACCEPTANCES_BEHIND ? urgent.done : undefined
  }
  const cut = (): Promise<void> => {
    clearTimeout(timer)
    const full = page
    page = []
    return write(full)
  }
  /** Writes behind the lanes' backs: a failure reaches them by the next add or by flush. */
  const cutBehind = (): Promise<void> => {
    const done = cut()
    done.catch(() => {})
    return done
  }
  const settle = async (): Promise<void> => {
    if (page.length > 0) await cut()
    await tail
    if (failure !== undefined) throw failure
  }
  return {
    add: (outcome) => {
      if (failure !== undefined) return Promise.reject(failure)
      if (outcome.verdict === 'accepted') return writeAtOnce(outcome)
      page.push(outcome)
      if (page.length === 1) timer = setTimeout(cutBehind, PAGE_MS)
      if (page.length < session.deps.pageSize) return undefined
      const done = cutBehind()
      return behind > PAGES_BEHIND ? done : undefined
    },
    flush: settle,
    close: () => settle().catch(() => {}),
    counts: () => ({ ...counts }),
  }
}
