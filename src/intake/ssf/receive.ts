import { RevenantError } from '../../domain/error.ts'
import type { PullContext, SourcePull } from '../sources/source.ts'
import type { SsfOptions } from './options.ts'
import { keepPlace, type Place, readPlace } from './place.ts'
import { pollStream, pollUrlOf } from './poll.ts'
import { readStatus, type Streaming, setUpStream, verifyStream } from './stream.ts'
import { streamFault } from './take-set.ts'
import { openTransmitter } from './transmitter.ts'
import { openVerify } from './verify.ts'

/** How often a stream is asked for its status. */
const STATUS_MS = 300_000

/** What the clock has to do for a stream: it is made, polled, asked whether it is on, and verified. */
export function openReceive(options: SsfOptions): SourcePull['once'] {
  const { delivery, stream } = options
  const transmitter = openTransmitter(options)
  const verify = openVerify(options, transmitter)
  // Once for each start and each change of the configuration: another address, other events, another token.
  let made = false
  return async (context) => {
    const streaming: Streaming = { options, transmitter, context, place: readPlace(context.position) }
    const keep = keeper(streaming, context)
    if (stream !== undefined && (!made || streaming.place.streamId === undefined)) {
      await keep(await setUpStream(streaming))
      made = true
    }
    if (delivery === 'poll') {
      const url = pollUrlOf(options, streaming.place.pollUrl)
      const state = await pollStream({ url, options, transmitter, verify, context })
      if (state !== undefined) await keep({ state })
    }
    if (stream !== undefined) await watch(streaming, keep)
    complain(streaming.place)
  }
}

function keeper(streaming: Streaming, context: PullContext): (change: Partial<Place>) => Promise<void> {
  return async (change) => {
    streaming.place = { ...streaming.place, ...change }
    await context.move(keepPlace(streaming.place))
  }
}

async function watch(streaming: Streaming, keep: (change: Partial<Place>) => Promise<void>): Promise<void> {
  const { stateAt } = streaming.place
  const now = streaming.context.deps.now().epochMilliseconds
  if (stateAt === undefined || now - stateAt >= STATUS_MS) await keep(await readStatus(streaming))
  // Nothing comes by a stream that is off: its silence is no news.
  if (streaming.place.state === undefined || streaming.place.state === 'enabled') await verifyStream(streaming, keep)
}

/** A fault that lasts is told at every look: a look that ends without one would take it back. */
function complain({ state, failing }: Place): void {
  if (state !== undefined && state !== 'enabled') throw new RevenantError('SOURCE_REFUSED', streamFault(state))
  if (failing === true)
    throw new RevenantError('SOURCE_UNREACHABLE', 'the transmitter was asked for a sign of life by its stream, and none has come')
}
