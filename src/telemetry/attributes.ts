/** What a span, an event or a metric may carry, under the name it carries it by. A key that is no row here is dropped. */
const ALLOWED: Readonly<Record<string, string>> = {
  system: 'revenant.system',
  probe: 'revenant.probe',
  zone: 'revenant.zone',
  tier: 'revenant.tier',
  trigger: 'revenant.trigger',
  shard: 'revenant.shard',
  control: 'revenant.control',
  verdict: 'revenant.verdict',
  reason: 'revenant.reason',
  strength: 'revenant.strength',
  assurance: 'revenant.assurance',
  transport: 'revenant.transport',
  outcome: 'revenant.trial.outcome',
  due: 'revenant.trial.due',
  attempts: 'revenant.trial.attempts',
  accepted: 'revenant.trial.accepted',
}

export type Facts = Readonly<Record<string, string | number | boolean>>
export type SpanFacts = Record<string, string | number | boolean>

/**
 * Maps facts to span attributes by the allow-list: never a user name, an address, a credential, a URL or a header, whatever the
 * caller hands over.
 */
export function allowedFacts(facts: Facts): SpanFacts {
  const result: SpanFacts = {}
  for (const key in facts) {
    const name = ALLOWED[key]
    const value = facts[key]
    if (name !== undefined && value !== undefined && isPlain(value)) result[name] = value
  }
  return result
}

const MAX_WIRE_FACTS = 12

/**
 * Maps wire facts: numbers, and texts that are codes. A longer or freer text is dropped, since it could be what a server echoed.
 * An HTTP status goes by its standard name.
 */
export function wireFacts(wire: Readonly<Record<string, string | number>>): SpanFacts {
  const result: SpanFacts = {}
  let count = 0
  for (const key in wire) {
    const value = wire[key]
    if (value === undefined || !/^[a-z][A-Za-z0-9_]{0,31}$/.test(key) || !isCode(value) || count++ >= MAX_WIRE_FACTS) continue
    const isStatus = key === 'status' && typeof value === 'number'
    result[isStatus ? 'http.response.status_code' : `revenant.wire.${key}`] = value
  }
  return result
}

/** A code that may be shown, or `_OTHER` (the semantic conventions' word for one that may not). */
export function codeOrOther(code: string): string {
  return isCode(code) ? code : '_OTHER'
}

/**
 * Codes are short (`28P01`, `invalid_grant`), or words of one case (`ERR_HTTP2_STREAM_ERROR`, `authorization_pending`). Longer texts
 * that mix digits or cases look like a token, and no protocol's code does.
 */
function isCode(value: string | number): boolean {
  if (typeof value === 'number') return Number.isFinite(value)
  return SHORT_CODE.test(value) || UPPER_WORDS.test(value) || LOWER_WORDS.test(value)
}

const SHORT_CODE = /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,15}$/
const UPPER_WORDS = /^(?=.{1,48}$)[A-Z][A-Z0-9]{0,15}(?:_[A-Z0-9]{1,16})+$/
const LOWER_WORDS = /^(?=.{1,48}$)[a-z]{1,20}(?:[_.-][a-z]{1,20})+$/

/** Names of systems, probes and reasons: words joined by hyphens, underscores or dots. */
function isPlain(value: string | number | boolean): boolean {
  return typeof value !== 'string' || /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(value)
}
