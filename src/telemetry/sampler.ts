import type { Attributes } from '@opentelemetry/api'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  SamplingDecision,
  type SamplingResult,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace'
import type { Env } from './exports.ts'

export const TRIAL_SPAN = 'revenant.trial'
export const ATTEMPT_SPAN = 'revenant.attempt'

/**
 * The sampler that `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG` name, with two additions.
 * Our spans that it turns down are still recorded, so that an acceptance can be exported after all (see span-tracer.ts), except
 * under `always_off` and `parentbased_always_off`, which say that the operator wants no spans.
 * And URLs in anybody's spans lose everything behind their host, because instrumentations record them as they are.
 */
export function openSampler(env: Env, warn: (message: string) => void): Sampler {
  const name = env.OTEL_TRACES_SAMPLER?.trim() || 'parentbased_always_on'
  const make = SAMPLERS[name]
  if (make === undefined)
    warn(`OTEL_TRACES_SAMPLER names no known sampler: using parentbased_always_on of ${Object.keys(SAMPLERS).join(', ')}`)
  const chosen = (make ?? parentBasedOn)(() => ratioOf(env, warn))
  return guard(chosen, !name.endsWith('always_off'))
}

type Make = (ratio: () => number) => Sampler

const parentBasedOn: Make = () => new ParentBasedSampler({ root: new AlwaysOnSampler() })

/** https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#general-sdk-configuration */
const SAMPLERS: Readonly<Record<string, Make>> = {
  always_on: () => new AlwaysOnSampler(),
  always_off: () => new AlwaysOffSampler(),
  traceidratio: (ratio) => new TraceIdRatioBasedSampler(ratio()),
  parentbased_always_on: parentBasedOn,
  parentbased_always_off: () => new ParentBasedSampler({ root: new AlwaysOffSampler() }),
  parentbased_traceidratio: (ratio) => new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio()) }),
}

function ratioOf(env: Env, warn: (message: string) => void): number {
  const text = env.OTEL_TRACES_SAMPLER_ARG?.trim() ?? ''
  const ratio = text === '' ? 1 : Number(text)
  if (ratio >= 0 && ratio <= 1) return ratio
  warn('OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1: using 1')
  return 1
}

function guard(sampler: Sampler, recordOurs: boolean): Sampler {
  return {
    shouldSample: (context, traceId, name, kind, attributes, links) => {
      const result = sampler.shouldSample(context, traceId, name, kind, attributes, links)
      const isOurs = name === ATTEMPT_SPAN || name === TRIAL_SPAN
      if (!isOurs) return withoutUrls(result, attributes)
      return recordOurs && result.decision === SamplingDecision.NOT_RECORD
        ? { ...result, decision: SamplingDecision.RECORD }
        : result
    },
    toString: () => `RevenantSampler{${sampler.toString()}}`,
  }
}

/** Where instrumentations put a whole URL, or a part that can hold a secret: a path can be one (webhooks), and so can a query. */
const URLS = ['url.full', 'http.url'] as const
const URL_PARTS = ['url.path', 'url.query', 'url.fragment', 'http.target'] as const

/** A sampler's attributes replace the span's own: the one hook that sees the spans of foreign instrumentations before they start. */
function withoutUrls(result: SamplingResult, attributes: Attributes): SamplingResult {
  const replaced: Attributes = {}
  for (const key of URLS) {
    const url = attributes[key]
    if (url !== undefined) replaced[key] = originOf(url)
  }
  for (const key of URL_PARTS) {
    if (attributes[key] !== undefined) replaced[key] = '[redacted]'
  }
  for (const key of Object.keys(attributes)) {
    if (/^http\.(?:request|response)\.header\./.test(key)) replaced[key] = '[redacted]'
  }
  return Object.keys(replaced).length === 0 ? result : { ...result, attributes: { ...result.attributes, ...replaced } }
}

function originOf(url: unknown): string {
  if (typeof url !== 'string' || !URL.canParse(url)) return '[redacted]'
  const { protocol, host } = new URL(url)
  return `${protocol}//${host}/[redacted]`
}
