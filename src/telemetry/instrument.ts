/** `up-down` goes both ways and is set, never added to; its values come from the database, not from this process's memory. */
export type InstrumentKind = 'counter' | 'up-down' | 'gauge' | 'histogram'

export interface InstrumentHead {
  readonly kind: InstrumentKind
  /** OpenTelemetry's form: `revenant.attempt.duration`. */
  readonly name: string
  /** UCUM: `s`, `By`, `1`, `{attempt}`. */
  readonly unit: string
  readonly description: string
}

export type Labels = Readonly<Record<string, string>>

/** One series of a counter or a gauge. Increment `value` directly: that is the whole cost. */
export interface Cell {
  readonly labels: Labels
  value: number
}

/** One series of a histogram. */
export interface Distribution {
  readonly labels: Labels
  /** One per bound and one beyond the last; not cumulative. */
  readonly counts: number[]
  sum: number
  count: number
}

export interface Numbers extends InstrumentHead {
  readonly kind: Exclude<InstrumentKind, 'histogram'>
  /** The series as of now. */
  cells(): Iterable<Cell>
}

export interface Histogram extends InstrumentHead {
  readonly kind: 'histogram'
  /** Upper bounds of the buckets, ascending. */
  readonly bounds: readonly number[]
  distributions(): Iterable<Distribution>
  /** Set while the SDK exports metrics: it keeps its own histograms, since it has no way to read ours. */
  forward: ((value: number, labels: Labels) => void) | undefined
}

export type Instrument = Numbers | Histogram

/**
 * The most series that one instrument keeps. Labels come from closed lists and configured systems, so this is reached by a fault
 * only; what exceeds it is counted under `otel.metric.overflow`, the specification's word for it.
 */
const MAX_SERIES = 20_000
const OVERFLOW: Labels = { 'otel.metric.overflow': 'true' }

export interface Counter extends Numbers {
  /** The cell of these labels, to be kept and incremented. */
  cell(labels: Labels): Cell
}

export function counter(head: Omit<InstrumentHead, 'kind'>): Counter {
  const series = new Map<string, Cell>()
  const make = (labels: Labels): Cell => ({ labels, value: 0 })
  return { ...head, kind: 'counter', cell: (labels) => seriesOf(series, labels, make), cells: () => series.values() }
}

/** A number of things that are, read when it is asked for. */
export function reading(head: InstrumentHead & { kind: Numbers['kind'] }, cells: () => Iterable<Cell>): Numbers {
  return { ...head, cells }
}

export interface Recorder extends Histogram {
  distribution(labels: Labels): Distribution
  record(distribution: Distribution, value: number): void
}

export function histogram(head: Omit<InstrumentHead, 'kind'>, bounds: readonly number[]): Recorder {
  const series = new Map<string, Distribution>()
  const make = (labels: Labels): Distribution => ({ labels, counts: Array<number>(bounds.length + 1).fill(0), sum: 0, count: 0 })
  const self: Recorder = {
    ...head,
    kind: 'histogram',
    bounds,
    forward: undefined,
    distributions: () => series.values(),
    distribution: (labels) => seriesOf(series, labels, make),
    record: (distribution, value) => {
      // Bounds are inclusive at the top: OpenTelemetry metrics data model, Prometheus `le`.
      let bucket = 0
      while (bucket < bounds.length && value > (bounds[bucket] ?? Number.POSITIVE_INFINITY)) bucket++
      distribution.counts[bucket] = (distribution.counts[bucket] ?? 0) + 1
      distribution.sum += value
      distribution.count++
      self.forward?.(value, distribution.labels)
    },
  }
  return self
}

function seriesOf<T>(series: Map<string, T>, labels: Labels, make: (labels: Labels) => T): T {
  const kept = series.size < MAX_SERIES ? labels : OVERFLOW
  const own = JSON.stringify(labels)
  const known = series.get(own)
  if (known !== undefined) return known
  const key = kept === labels ? own : JSON.stringify(kept)
  const made = series.get(key) ?? make(kept)
  series.set(key, made)
  return made
}
