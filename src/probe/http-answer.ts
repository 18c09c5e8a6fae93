import { type Challenge, parseChallenges } from './challenge.ts'

/** As undici hands them out: names in lower case, several of one name in a list. */
export type HttpHeaders = Readonly<Record<string, string | string[] | undefined>>

/** `html` beats `json` only where the text is not JSON: what a login page is served as must not be read as an API's answer. */
export type BodyKind = 'empty' | 'json' | 'html' | 'other'

/** One HTTP answer, drained. What costs (decoding, parsing) is done when first asked for, and once. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: HttpHeaders
  /** What was asked for: origin and path, without the query, which may hold a secret. */
  readonly asked: { readonly origin: string; readonly path: string }
  /** The body as UTF-8, at most 64 KiB of it. */
  text(): string
  /** The body as JSON, or undefined. JSON's null counts as undefined too: no rule can match it. */
  json(): unknown
  kind(): BodyKind
  challenges(): readonly Challenge[]
}

/** The most that predicates over text see, in bytes. */
export const MAX_TEXT_BYTES = 65_536

const HTML_TYPE = /^(?:text\/html|application\/xhtml\+xml)\b/i
const HTML_START =
  /^\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--[^>]{0,500}>\s*)?<(?:!doctype\s+html|html|head|body|script|title|meta)\b/i

export function httpAnswer(
  status: number,
  headers: HttpHeaders,
  chunks: readonly Buffer[],
  asked: HttpAnswer['asked'],
): HttpAnswer {
  let whole: Buffer | undefined
  let text: string | undefined
  let parsed: { value: unknown } | undefined
  let kind: BodyKind | undefined
  let challenges: readonly Challenge[] | undefined
  const bytes = () => {
    whole ??= chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)
    return whole
  }
  const answer: HttpAnswer = {
    status,
    headers,
    asked,
    text: () => {
      text ??= withoutMark(bytes().subarray(0, MAX_TEXT_BYTES).toString('utf8'))
      return text
    },
    json: () => {
      parsed ??= { value: parse(bytes()) }
      return parsed.value
    },
    kind: () => {
      kind ??= kindOf(answer, bytes())
      return kind
    },
    challenges: () => {
      challenges ??= parseChallenges(headers['www-authenticate'])
      return challenges
    },
  }
  return answer
}

/** A header's value; several of one name are joined as RFC 9110 §5.2 says. */
export function headerOf(answer: HttpAnswer, name: string): string | undefined {
  const value = answer.headers[name]
  return typeof value === 'string' ? value : value?.join(', ')
}

function kindOf(answer: HttpAnswer, bytes: Buffer): BodyKind {
  if (bytes.length === 0) return 'empty'
  if (answer.json() !== undefined) return 'json'
  const type = headerOf(answer, 'content-type')
  if (type !== undefined && HTML_TYPE.test(type)) return 'html'
  return HTML_START.test(withoutMark(bytes.subarray(0, 2_048).toString('utf8'))) ? 'html' : 'other'
}

/** Undefined unless the body is a JSON object or array: a bare `true` or `"ok"` names nobody. */
function parse(bytes: Buffer): unknown {
  const first = bytes.find((byte) => byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d)
  // `{`, `[` or the first byte of a byte order mark; anything else is not worth a thrown error.
  if (first !== 0x7b && first !== 0x5b && first !== 0xef) return undefined
  try {
    const value: unknown = JSON.parse(withoutMark(bytes.toString('utf8')))
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

function withoutMark(text: string): string {
  return text.startsWith('\uFEFF') ? text.slice(1) : text
}
