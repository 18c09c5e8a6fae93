import {
  type Context,
  type Tracer as OtelTracer,
  ROOT_CONTEXT,
  type Span,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api'
import { allowedFacts, codeOrOther, type Facts, wireFacts } from './attributes.ts'
import { ATTEMPT_SPAN, TRIAL_SPAN } from './sampler.ts'
import type { AttemptResult, AttemptSpan, Tracer, TrialTrace } from './tracer.ts'

/** A tracer that makes a root span of each trial and a child of each attempt. All of kind INTERNAL: there is no convention for jobs. */
export function spanTracer(otel: OtelTracer): Tracer {
  return {
    trial: (facts) => {
      // ROOT_CONTEXT, not the active one: a trial is its own trace, whatever job or request woke it.
      const root = otel.startSpan(TRIAL_SPAN, { attributes: allowedFacts(facts) }, ROOT_CONTEXT)
      return trialTrace(otel, root, facts)
    },
  }
}

function trialTrace(otel: OtelTracer, root: Span, facts: Facts): TrialTrace {
  const { traceId, spanId } = root.spanContext()
  // Attempts see the root as it was sampled. The live span context would make every attempt after an acceptance sampled too.
  const parent = trace.setSpanContext(ROOT_CONTEXT, { ...root.spanContext() })
  return {
    traceId,
    spanId,
    attempt: (own) => attemptSpan(otel, parent, root, { system: facts.system ?? '', probe: facts.probe ?? '', ...own }),
    event: (name, own) => void root.addEvent(name, allowedFacts(own)),
    end: (outcome) => {
      root.setAttributes(allowedFacts({ outcome }))
      root.end()
    },
  }
}

function attemptSpan(otel: OtelTracer, parent: Context, root: Span, facts: Facts): AttemptSpan {
  const span = otel.startSpan(ATTEMPT_SPAN, { attributes: allowedFacts(facts) }, parent)
  return {
    spanId: span.spanContext().spanId,
    end: (result) => {
      span.setAttributes(resultFacts(result))
      if (result.verdict === 'accepted' && facts.control === undefined) {
        span.addEvent('residual_access.accepted', allowedFacts({ ...facts, reason: result.reason }))
        keep(span)
        keep(root)
      }
      span.end()
    },
    fail: (code) => {
      span.setAttributes({ 'error.type': codeOrOther(code) })
      span.setStatus({ code: SpanStatusCode.ERROR })
      span.end()
    },
  }
}

function resultFacts(result: AttemptResult) {
  return {
    ...allowedFacts({ verdict: result.verdict, reason: result.reason }),
    ...(result.wire === undefined ? {} : wireFacts(result.wire)),
    ...(result.principalKnown === undefined ? {} : { 'revenant.principal.known': result.principalKnown }),
    'revenant.attempt.duration': result.latencyMs / 1_000,
  }
}

/**
 * Has a recorded span exported although the sampler did not choose it. Span processors look at the flag when the span ends, and the
 * SDK hands out the span's own context; a test against a real receiver guards both.
 */
function keep(span: Span): void {
  if (span.isRecording()) span.spanContext().traceFlags |= TraceFlags.SAMPLED
}
