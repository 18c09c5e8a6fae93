import type { SurvivalRow } from '../../store/evidence-summary.ts'

/** One step of the Kaplan–Meier estimate. */
export interface SurvivalStep {
  minutes: number
  /** Credentials still followed just before. */
  atRisk: number
  closed: number
  censored: number
  /** Share estimated to be accepted still, after this step; with Greenwood's 95 % interval. */
  share: number
  low: number
  high: number
}

/**
 * Kaplan–Meier: the share of credentials that are still accepted so long after termination. What was not seen to close counts as long
 * as it was known to be accepted, and no longer: it is censored, not taken for open or for closed. Rows are in rising order.
 */
export function survivalSteps(rows: readonly SurvivalRow[]): SurvivalStep[] {
  let atRisk = rows.reduce((sum, { closed, censored }) => sum + closed + censored, 0)
  let [share, variance] = [1, 0]
  return rows.map(({ minutes, closed, censored }) => {
    const before = atRisk
    if (before > 0) share *= 1 - closed / before
    if (before > closed) variance += closed / (before * (before - closed))
    const margin = 1.96 * share * Math.sqrt(variance)
    atRisk -= closed + censored
    return {
      minutes,
      atRisk: before,
      closed,
      censored,
      share,
      low: Math.max(0, share - margin),
      high: Math.min(1, share + margin),
    }
  })
}

/** Minutes after which at most half are estimated to be accepted; undefined where it never comes to that. */
export function medianMinutes(steps: readonly SurvivalStep[]): number | undefined {
  return steps.find(({ share }) => share <= 0.5)?.minutes
}
