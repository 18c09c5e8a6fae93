import type { Message, Receipt, Sink } from '../sinks/sink.ts'
import { SinkError, unreachable, within } from '../sinks/sink.ts'
import { aborting } from '../syslog/datagram.ts'
import { openLinks } from './link.ts'
import { openTurns } from './turns.ts'

/** How one kind of broker is spoken to. */
export interface Broker<Link> {
  name: string
  kind: string
  maxBodyBytes: number
  timeoutMs: number
  /** Imports the client and connects; nothing is sent. */
  open(): Promise<Link>
  shut(link: Link): Promise<unknown>
  alive(link: Link): boolean
  /** Messages of one key are published one after the other, each after the broker's answer to the one before. */
  turnOf(message: Message): string
  /** Resolves with what the broker answered, once it has taken the message. */
  publish(link: Link, message: Message, signal: AbortSignal): Promise<Receipt['detail']>
  /** What the broker refused, from what the client threw; undefined: it was not reached, or did not answer. */
  refusal(thrown: unknown): Refusal | undefined
  /** What an operator can do about a refusal, by its code. */
  advice: Readonly<Record<string, string>>
}

export interface Refusal {
  /** The broker's own code; goes into messages and details. */
  error: string | number
  retry: boolean
}

/** The sink of a broker: connects at the first delivery, again after the connection broke, and translates what clients throw. */
export function openBroker<Link>(broker: Broker<Link>): Sink {
  const { name, kind, maxBodyBytes, timeoutMs } = broker
  const links = openLinks(broker)
  const turn = openTurns()
  const closing = new AbortController()

  const publish = async (message: Message, signal: AbortSignal) => {
    signal.throwIfAborted()
    const link = await aborting(links.get(), signal).catch((thrown) => {
      throw failureOf(broker, 'connect', thrown)
    })
    try {
      return await aborting(broker.publish(link, message, signal), signal)
    } catch (thrown) {
      const failure = failureOf(broker, 'publish', thrown)
      // Whoever does not answer in time is not asked again on the same connection.
      if (failure.code === 'SINK_UNREACHABLE' && failure.detail.error !== 'ABORTED') links.drop(link)
      throw failure
    }
  }

  return {
    name,
    kind,
    maxBodyBytes,
    async deliver(message, callers) {
      const signal = AbortSignal.any([within(callers, timeoutMs), closing.signal])
      try {
        return {
          detail: await aborting(
            turn(broker.turnOf(message), () => publish(message, signal)),
            signal,
          ),
        }
      } catch (thrown) {
        throw failureOf(broker, 'publish', thrown)
      }
    },
    async close() {
      closing.abort(Object.assign(new Error('the sink was closed'), { code: 'CLOSED' }))
      await links.close()
    },
  }
}

function failureOf<Link>({ name, refusal, advice }: Broker<Link>, stage: string, thrown: unknown): SinkError {
  if (thrown instanceof SinkError) return thrown
  // What a signal aborts with has numbers for codes, like some brokers' answers.
  const refused = thrown instanceof DOMException ? undefined : refusal(thrown)
  if (refused === undefined) return unreachable(name, stage, thrown)
  const { error, retry } = refused
  return new SinkError('SINK_REFUSED', `sink ${name}: the receiver refused: ${error} (${stage})`, {
    retry,
    advice: advice[error],
    detail: { stage, error },
  })
}
