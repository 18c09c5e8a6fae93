import { RevenantError } from '../../domain/error.ts'
import { isFirstEvent, sawFeed, wasEvent } from '../../store/feed.ts'
import type { PullContext, SourcePull } from '../sources/source.ts'
import type { SsfOptions } from './options.ts'
import { keepPlace, type Place, readPlace } from './place.ts'
import { pollStream, pollUrlOf, type RefusedSet } from './poll.ts'
import { readStatus, type Streaming, setUpStream, verifyStream } from './stream.ts'
import { digest, streamFault } from './take-set.ts'
import { openTransmitter } from './transmitter.ts'
import { openVerify } from './verify.ts'

/** How often a stream is asked for its status. */
const STATUS_MS = 300_000
/**
 * A token that was refused is gone: it is told for so long that somebody sees it. One that is taken proves nothing about it: another
 * key, or another audience of the same stream, may be wrong still.
 */
const REFUSED_MS = 86_400_000

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
      const keepRefused = (refused: readonly RefusedSet[]) => noteRefused(streaming, refused, keep)
      const polled = await pollStream({ url, options, transmitter, verify, context, keepRefused })
      const refused = stillRefused(streaming.place, context.deps.now())
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

/** Counts each token once: one comes again where the transmitter did not get the answer. */
async function noteRefused(
  { context: { deps, feed }, place }: Streaming,
  refused: readonly RefusedSet[],
  keep: (change: Partial<Place>) => Promise<void>,
): Promise<void> {
  const now = deps.now()
  const fresh: RefusedSet[] = []
  for (const each of refused) if (!(await wasEvent(deps.db, feed.id, refusedKey(each)))) fresh.push(each)
  const last = fresh.at(-1)
  if (last === undefined) return
  const { err, message } = last.fault
  const count = (stillRefused(place, now)?.count ?? 0) + fresh.length
  await keep({ refused: { count, err, because: message.slice(0, 500), at: now.epochMilliseconds } })
  // After it is kept: whoever dies in between counts one twice, and loses none.
  for (const each of fresh) await isFirstEvent(deps.db, feed.id, refusedKey(each), now)
}

function refusedKey({ jti }: RefusedSet): string {
  return `refused:${digest(jti)}`
}

/** What is still to be told of tokens that were refused. */
function stillRefused({ refused }: Place, now: Temporal.Instant): Place['refused'] {
  return refused === undefined || now.epochMilliseconds - refused.at >= REFUSED_MS ? undefined : refused
}

/** The stream is alive all the same: its silence would be another fault. */
async function complainOfTokens({ place: { refused }, context: { deps, feed } }: Streaming): Promise<void> {
  if (refused === undefined) return
  await sawFeed(deps.db, feed.id, deps.now())
  const { count, at, because } = refused
  const when = Temporal.Instant.fromEpochMilliseconds(at).toString({ smallestUnit: 'second' })
  throw new RevenantError('SOURCE_REFUSED', `polled tokens were refused for good (${count}, the last at ${when}): ${because}`)
}
