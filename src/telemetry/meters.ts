import { type Cell, counter, type Distribution, histogram, type Instrument, reading } from './instrument.ts'
import { processInstruments } from './process-metrics.ts'

/**
 * What the daemon counts. Labels are systems, probes, sinks and closed lists, never a user or a credential. Recording costs
 * nanoseconds; reading happens when somebody scrapes or exports.
 */
export interface Meters {
  /** The meter of one system, to be kept while it is tried. */
  attempts(of: { system: string; probe: string }): AttemptMeter
  trialEnded(of: { system: string; probe: string; outcome: string }): void
  /** @param lagMs from the finding's change to the receiver's word that it has the alert */
  alertDelivered(of: { sink: string }, lagMs: number): void
  /** One failed try of a delivery. @param code a machine-readable code, never a message */
  alertFailed(of: { sink: string; code: string }): void
  tickEnded(durationMs: number): void
  /** Replaces the numbers of open findings. */
  setActiveFindings(counts: readonly { kind: string; severity: string; count: number }[]): void
  /** Replaces the number of credentials whose trial is due and has not begun. */
  setDueCredentials(count: number): void
  /** Replaces the numbers of secrets that are kept sealed. */
  setSealedSecrets(counts: readonly { system: string; count: number }[]): void
  /** Replaces what waits for sinks. @param lagMs age of the oldest alert that waits, 0 where none does */
  setBacklog(of: readonly { sink: string; pending: number; dead: number; lagMs: number }[]): void
  /** Everything that is counted, for whoever reads it. */
  readonly instruments: readonly Instrument[]
}

export interface AttemptMeter {
  record(verdict: string, reason: string, latencyMs: number): void
}

/** In seconds. From a database next door to a black hole at the default timeout of 10 s. */
const ATTEMPT_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
/** In seconds. An alert is due within seconds, and retried for days. */
const LAG_BOUNDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200, 43_200, 172_800]

export function openMeters(): Meters {
  const attempts = counter({
    name: 'revenant.attempts',
    unit: '{attempt}',
    description: 'Replays and controls, by what came out.',
  })
  const durations = histogram(
    { name: 'revenant.attempt.duration', unit: 's', description: 'How long one attempt took.' },
    ATTEMPT_BOUNDS,
  )
  const trials = counter({ name: 'revenant.trials', unit: '{trial}', description: 'Trials that ended, by outcome.' })
  const delivered = counter({ name: 'revenant.alerts.delivered', unit: '{alert}', description: 'Alerts that a receiver took.' })
  const failed = counter({ name: 'revenant.alerts.failed', unit: '{alert}', description: 'Tries of a delivery that failed.' })
  const lag = histogram(
    { name: 'revenant.delivery.lag', unit: 's', description: "From a finding's change to the receiver's acknowledgement." },
    LAG_BOUNDS,
  )
  const ticks = histogram({ name: 'revenant.tick.duration', unit: 's', description: 'How long one tick took.' }, ATTEMPT_BOUNDS)
  const findings = level('revenant.finding.active', '{finding}', 'Findings that are open or acknowledged.')
  const pending = level('revenant.delivery.pending', '{delivery}', 'Deliveries that wait or are tried again.')
  const dead = level('revenant.delivery.dead', '{delivery}', 'Deliveries that were given up: redrive them.')
  const oldest = level('revenant.delivery.oldest', 's', 'Age of the oldest alert that waits.')
  const due = level('revenant.credential.due', '{credential}', 'Credentials whose trial is due and has not begun.')
  const sealed = level('revenant.secret.sealed', '{secret}', 'Secrets that are kept sealed.')

  return {
    attempts: (of) => attemptMeter(systemLabels(of), attempts, durations),
    trialEnded: (of) => void trials.cell({ ...systemLabels(of), 'revenant.trial.outcome': of.outcome }).value++,
    alertDelivered: (of, lagMs) => {
      const labels = { 'revenant.sink': of.sink }
      delivered.cell(labels).value++
      lag.record(lag.distribution(labels), lagMs / 1_000)
    },
    alertFailed: (of) => void failed.cell({ 'revenant.sink': of.sink, 'error.type': of.code }).value++,
    tickEnded: (durationMs) => ticks.record(ticks.distribution({}), durationMs / 1_000),
    setActiveFindings: (counts) =>
      findings.set(
        counts.map(({ kind, severity, count }) => ({
          labels: { 'revenant.finding.kind': kind, 'revenant.severity': severity },
          value: count,
        })),
      ),
    setDueCredentials: (count) => due.set([{ labels: {}, value: count }]),
    setSealedSecrets: (counts) =>
      sealed.set(counts.map(({ system, count }) => ({ labels: { 'revenant.system': system }, value: count }))),
    setBacklog: (of) => {
      const by = (value: (each: (typeof of)[number]) => number) =>
        of.map((each) => ({ labels: { 'revenant.sink': each.sink }, value: value(each) }))
      pending.set(by((each) => each.pending))
      dead.set(by((each) => each.dead))
      oldest.set(by((each) => each.lagMs / 1_000))
    },
    instruments: [
      attempts,
      durations,
      trials,
      delivered,
      failed,
      lag,
      ticks,
      findings.instrument,
      due.instrument,
      sealed.instrument,
      pending.instrument,
      dead.instrument,
      oldest.instrument,
      ...processInstruments(),
    ],
  }
}

function systemLabels(of: { system: string; probe: string }) {
  return { 'revenant.system': of.system, 'revenant.probe': of.probe }
}

/** Series are looked up by two short words: no object is made and nothing is hashed for an attempt. */
function attemptMeter(
  system: Record<string, string>,
  attempts: ReturnType<typeof counter>,
  durations: ReturnType<typeof histogram>,
): AttemptMeter {
  const byVerdict = new Map<string, { reasons: Map<string, Cell>; duration: Distribution }>()
  return {
    record: (verdict, reason, latencyMs) => {
      let series = byVerdict.get(verdict)
      if (series === undefined) {
        series = { reasons: new Map(), duration: durations.distribution({ ...system, 'revenant.verdict': verdict }) }
        byVerdict.set(verdict, series)
      }
      let cell = series.reasons.get(reason)
      if (cell === undefined) {
        cell = attempts.cell({ ...system, 'revenant.verdict': verdict, 'revenant.reason': reason })
        series.reasons.set(reason, cell)
      }
      cell.value++
      durations.record(series.duration, latencyMs / 1_000)
    },
  }
}

/** A level that somebody sets: a series that is not set again was resolved and reads 0 from then on, so that alerts on it clear. */
function level(name: string, unit: string, description: string) {
  let cells: Cell[] = []
  return {
    instrument: reading({ kind: 'up-down', name, unit, description }, () => cells),
    set: (next: Cell[]) => {
      const present = new Set(next.map((cell) => JSON.stringify(cell.labels)))
      const gone = cells.filter((cell) => !present.has(JSON.stringify(cell.labels)))
      cells = [...next, ...gone.map(({ labels }) => ({ labels, value: 0 }))]
    },
  }
}
