import { inspect } from 'node:util'
import { readReference } from '../../src/custody/references.ts'
import type { Judgement } from '../../src/domain/answer.ts'
import { openDispatcher } from '../../src/probe/dispatcher.ts'
import { judgeFailure } from '../../src/probe/failure.ts'
import type { BoundProbe, BoundSecret } from '../../src/probe/probe.ts'

export interface Replayed {
  judgement: Judgement
  /** What the attempt threw, if it did. */
  thrown?: unknown
  elapsedMs: number
  /** All that could reach a log or a row: the judgement and, if any, the error as deep as it prints. */
  text: string
}

export interface ReplayOptions {
  /** Milliseconds until the attempt's signal aborts; 0: it is aborted before the attempt begins. */
  timeoutMs?: number
  pinnedPeer?: string
}

/** Milliseconds: long against a loopback handshake on a busy machine, short enough for a table of black holes. */
export const PATIENCE_MS = 10_000

/** One attempt exactly as the trial drives it: a signal with a time limit, a dispatcher for the origins, errors translated. */
export async function replay(bound: BoundProbe, secret: BoundSecret, options: ReplayOptions = {}): Promise<Replayed> {
  const { ca, rejectUnauthorized } = bound.http
  const http = openDispatcher({
    origins: bound.origins,
    rejectUnauthorized,
    connections: 1,
    connectTimeoutMs: PATIENCE_MS,
    ...(ca === undefined ? {} : { ca }),
  })
  const stopwatch = new AbortController()
  const expire = () => stopwatch.abort(new DOMException('the attempt took too long', 'TimeoutError'))
  const timer = setTimeout(expire, options.timeoutMs ?? PATIENCE_MS)
  if (options.timeoutMs === 0) expire()
  const started = performance.now()
  const elapsed = () => performance.now() - started
  const pin = options.pinnedPeer === undefined ? {} : { pinnedPeer: options.pinnedPeer }
  try {
    const context = { signal: stopwatch.signal, http, attribution: 'Revenant/0 (conformance)', reference: readReference, ...pin }
    // A successor is boxed by the trial before anybody sees it.
    const { rotated: _successor, ...judgement } = await secret.attempt(context)
    return { judgement, elapsedMs: elapsed(), text: JSON.stringify(judgement) }
  } catch (thrown) {
    const judgement = judgeFailure(thrown, stopwatch.signal.aborted)
    return { judgement, thrown, elapsedMs: elapsed(), text: `${JSON.stringify(judgement)}\n${printed(thrown)}` }
  } finally {
    clearTimeout(timer)
    await http.destroy()
  }
}

function printed(thrown: unknown): string {
  const stacks: string[] = []
  for (let error = thrown; error instanceof Error && stacks.length < 5; error = error.cause) {
    stacks.push(`${error.message}\n${error.stack ?? ''}`)
  }
  return `${stacks.join('\n')}\n${inspect(thrown, { depth: 10, maxStringLength: null, maxArrayLength: null })}`
}

/** The secret strings of a secret, each in the forms in which it could leak: as it is, Base64, percent-encoded. */
export function marksOf(secret: unknown, publicFields: readonly string[]): string[] {
  const marks = leaves(secret, publicFields).flatMap((value) => {
    // A PEM is secret line by line; its first and last line are not.
    const parts = value.includes('\n')
      ? value.split('\n').filter((line) => line.length >= 16 && !line.startsWith('-----'))
      : [value]
    return parts.flatMap((part) => [part, Buffer.from(part).toString('base64').replace(/=+$/, ''), encodeURIComponent(part)])
  })
  return [...new Set(marks)]
}

function leaves(value: unknown, publicFields: readonly string[]): string[] {
  if (typeof value === 'string') return value === '' ? [] : [value]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]) => (publicFields.includes(name) ? [] : leaves(inner, publicFields)))
}
