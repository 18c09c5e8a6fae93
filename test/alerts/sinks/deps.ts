import { expect } from 'vitest'
import { envelopeOf } from '../../../src/alerts/envelope.ts'
import { FORMATS } from '../../../src/alerts/formats/format.ts'
import type { Message, Sink, SinkDeps } from '../../../src/alerts/sinks/sink.ts'
import { SinkError } from '../../../src/alerts/sinks/sink.ts'
import type { Alert } from '../../../src/domain/alert.ts'
import { ALERT, CONTEXT, FULL_CONTEXT } from '../sample.ts'

export const DEPS: SinkDeps = { context: CONTEXT, now: () => Temporal.Now.instant() }

export function message(alert: Alert = ALERT, format: keyof typeof FORMATS = 'json'): Message {
  return {
    envelope: envelopeOf({ type: 'alert', alert }),
    rendered: FORMATS[format](alert, format === 'caep' ? FULL_CONTEXT : CONTEXT),
  }
}

export const patience = () => AbortSignal.timeout(10_000)

/** The SinkError of a delivery that must fail, checked for the marks of secrets. */
export async function failureOf(sink: Sink, one: Message = message(), signal: AbortSignal = patience()): Promise<SinkError> {
  const thrown: unknown = await sink.deliver(one, signal).then(
    () => new Error('the delivery did not fail'),
    (error: unknown) => error,
  )
  if (!(thrown instanceof SinkError)) throw thrown
  const all = [thrown.message, thrown.stack, String(thrown.cause), JSON.stringify(thrown), JSON.stringify(thrown.detail)].join(
    '\n',
  )
  expect(all).not.toContain(MARK)
  return thrown
}

/** Planted wherever a secret may stand. */
export const MARK = 'MARKEDSECRET'
/** A secret of 24 bytes that contains the mark. */
export const SECRET = `whsec_${MARK}${'A'.repeat(32 - MARK.length)}`
