import { randomBytes } from 'node:crypto'
import type { Facts } from './attributes.ts'

/** How one attempt came out. `latencyMs` is what the system took; `wire` the protocol's codes; `principalKnown`: it named somebody. */
export interface AttemptResult {
  verdict: string
  reason: string
  latencyMs: number
  wire?: Readonly<Record<string, string | number>>
  principalKnown?: boolean
}

/** One replay or control. Ended exactly once: by `end` when it was judged, by `fail` when it could not be. */
export interface AttemptSpan {
  /** 16 hex digits; all zeros when spans are not recorded. */
  readonly spanId: string
  /** `accepted` without a `control` fact is residual access: the span and its trial are exported whatever the sampler said. */
  end(result: AttemptResult): void
  /** @param code a machine-readable code, never a message */
  fail(code: string): void
}

/** One run against one system: one trace. */
export interface TrialTrace {
  /** 32 hex digits, real even when nothing is exported. */
  readonly traceId: string
  /** The trial's own span; all zeros when spans are not recorded. */
  readonly spanId: string
  /** @param facts `control` for a canary or a decoy, and rows of the allow-list in attributes.ts; others are dropped */
  attempt(facts: Facts): AttemptSpan
  /** Marks a moment of the trial. @param name low in cardinality: `circuit.opened` */
  event(name: string, facts: Facts): void
  /** @param outcome `completed`, `control_failed`, `budget_exhausted` … */
  end(outcome: string): void
}

export interface Tracer {
  /** @param facts `system`, `probe` and further rows of the allow-list in attributes.ts; others are dropped */
  trial(facts: Facts): TrialTrace
}

export const NO_SPAN_ID = '0000000000000000'

const IGNORED: AttemptSpan = Object.freeze({ spanId: NO_SPAN_ID, end: () => {}, fail: () => {} })

/** The tracer while no traces are exported: a trace id for each trial, and nothing else. */
export const idleTracer: Tracer = Object.freeze({
  trial: (): TrialTrace => ({
    // W3C Trace Context: 16 random bytes. Records and alerts carry it even where no span does.
    traceId: randomBytes(16).toString('hex'),
    spanId: NO_SPAN_ID,
    attempt: () => IGNORED,
    event: () => {},
    end: () => {},
  }),
})
