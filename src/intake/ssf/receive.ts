import { RevenantError } from '../../domain/error.ts'
import { sawFeed } from '../../store/feed.ts'
import type { PullContext, SourcePull } from '../sources/source.ts'
import type { SetError } from './fault.ts'
import type { SsfOptions } from './options.ts'
import { keepPlace, type Place, readPlace } from './place.ts'
import { type Polled, pollStream, pollUrlOf } from './poll.ts'
import { readStatus, type Streaming, setUpStream, verifyStream } from './stream.ts'
import { streamFault } from './take-set.ts'
import { openTransmitter } from './transmitter.ts'
import { openVerify } from './verify.ts'

/** How often a stream is asked for its status. */
const STATUS_MS = 300_000
/** A token that was refused is gone: it is told for so long that somebody sees it. */
const REFUSED_MS = 86_400_000
/** A token that is taken proves that none of these is so any more. */
const MISCONFIGURED: readonly SetError[] = ['invalid_issuer', 'invalid_audience', 'invalid_key']

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
      const polled = await pollStream({ url, options, transmitter, verify, context })
      const refused = stillRefused(streaming.place, polled, context.deps.now())
      await keep({ ...(polled.state === undefined ? {} : { state: polled.state }), refused })
      if (polled.failed.length > 0) throw polled.failed[0]
    }
    if (stream !== undefined) await watch(streaming, keep)
    complain(streaming.place)
    await complainOfTokens(streaming)
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

/** What is still to be told of tokens that were refused, after one more look. */
function stillRefused({ refused: before }: Place, { taken, refused }: Polled, now: Temporal.Instant): Place['refused'] {
  const at = now.epochMilliseconds
  const last = refused.at(-1)
  if (last !== undefined)
    return { count: (before?.count ?? 0) + refused.length, err: last.err, because: last.message.slice(0, 500), at }
  if (before === undefined || at - before.at >= REFUSED_MS) return undefined
  return taken > 0 && MISCONFIGURED.includes(before.err) ? undefined : before
}

/** The stream is alive all the same: its silence would be another fault. */
async function complainOfTokens({ place: { refused }, context: { deps, feed } }: Streaming): Promise<void> {
  if (refused === undefined) return
  await sawFeed(deps.db, feed.id, deps.now())
  const { count, at, because } = refused
  const when = Temporal.Instant.fromEpochMilliseconds(at).toString({ smallestUnit: 'second' })
  throw new RevenantError('SOURCE_REFUSED', `polled tokens were refused for good (${count}, the last at ${when}): ${because}`)
}
