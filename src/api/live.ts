import { Readable } from 'node:stream'
import type { Role } from '../domain/access.ts'
import { toError } from '../domain/error.ts'
import type { Db } from '../store/db.ts'
import { liveKeys } from '../store/live.ts'
import type { Logger } from '../telemetry/logger.ts'
import { liveEvents } from './live-events.ts'
import { frameOf, type LiveMemory, openMemory, type Place, placeOf, type Told } from './live-memory.ts'
import type { LiveEvent } from './schemas/live.ts'

export interface LiveOptions {
  db: Db
  /** How long a trial may last, in milliseconds. */
  trialMs(): number
  now(): Temporal.Instant
  logger: Pick<Logger, 'warn'>
  /** How often it is looked, in milliseconds; left out: each second. */
  pollMs?: number
  /** How often a sign of life is sent; left out: each 15 seconds. */
  heartbeatMs?: number
}

export interface Listener {
  /** Whoever listens, in whatever words: so many streams each. */
  who: string
  role: Role
  /** The id of the last event that the listener has. */
  after: string | undefined
  /** Asked at each sign of life whether the listener may still hear this: false ends the stream. */
  holds(): Promise<boolean>
}

/** What happens, told to whoever listens, as server-sent events. */
export interface Live {
  /** A stream of `text/event-stream`; `crowded`: too many listen already; `greedy`: this one by too many streams. */
  listen(listener: Listener): Readable | 'crowded' | 'greedy'
  /** Ends all streams. */
  close(): void
}

const POLL_MS = 1_000
const HEARTBEAT_MS = 15_000
const MOST_LISTENERS = 64
/** Of each: a browser needs one, a program too; what was cut off without a word may stand for a while. */
export const MOST_EACH = 8
/**
 * Each look goes back this far: a row is seen when its transaction commits, and its id was made some time before that, by a clock that
 * may be behind ours.
 */
const OVERLAP_MS = 60_000
/** How long after the last look a stream can go on where it was. */
const REMEMBERED_MS = 900_000
/** More events than this at a time are not told one by one. */
const BURST = 500
/** More rows than this are not even looked at: it is a flood, and looked at seldom until it ends. */
const FLOOD = 10_000
const FLOOD_PAUSE = 10
/** How soon a client comes back, and how soon a look that failed is made again. */
const RETRY_MS = 3_000
/** What may wait for a client that does not read. */
const MOST_BUFFERED_BYTES = 256 * 1024

interface Open {
  stream: Readable
  listener: Listener
  /** It has been told what it missed. */
  isReady: boolean
}

/** What has been seen, between two looks and while nobody listens. */
interface Sight {
  memory: LiveMemory
  since: Temporal.Instant
  seen: ReadonlySet<string>
  lookedMs: number
}

/**
 * One look a second serves all listeners of this process; without listeners there is none. What other replicas wrote is seen like our own.
 * A stream that goes on where it was is told each event once; one that comes from another process may be told those of the last
 * minute again, with the same `data.id`.
 */
export function openLive(options: LiveOptions): Live {
  const { now, logger, pollMs = POLL_MS, heartbeatMs = HEARTBEAT_MS } = options
  const open = new Set<Open>()
  let sight: Sight | undefined
  let timer: NodeJS.Timeout | undefined
  let heart: NodeJS.Timeout | undefined
  let looking: Promise<void> | undefined
  let starting: Promise<void> = Promise.resolve()
  let isAwake = false

  const tell = ({ memory }: Sight, event: LiveEvent) => {
    const told = memory.keep(event, now().epochMilliseconds)
    for (const each of open) if (each.isReady) push(each, told)
  }
  const turn = (known: Sight, waitMs: number) => {
    timer = setTimeout(() => {
      looking = look(known, options)
        .then(({ told, isFlood }) => {
          for (const event of told) tell(known, event)
          return isFlood ? pollMs * FLOOD_PAUSE : pollMs
        })
        .catch((error: unknown) => {
          logger.warn({ err: toError(error) }, 'live events were not looked for')
          return RETRY_MS
        })
        .then((next) => {
          looking = undefined
          if (isAwake && sight === known) turn(known, next)
        })
    }, waitMs)
    timer.unref()
  }
  const rest = () => {
    clearTimeout(timer)
    clearInterval(heart)
    isAwake = false
  }
  const leave = (each: Open) => {
    if (open.delete(each) && open.size === 0) rest()
  }
  const end = (each: Open) => {
    leave(each)
    if (!each.stream.destroyed) each.stream.push(null)
  }
  const beat = () => {
    for (const each of open) {
      push(each, () => ': \n\n')
      each.listener.holds().then(
        (holds) => {
          if (!holds) end(each)
        },
        () => end(each),
      )
    }
  }
  /** Begins to look, unless somebody has: from now on, or from the last look on where the listener knows it. */
  const begin = async (place: Place | undefined): Promise<void> => {
    await looking
    if (isAwake || open.size === 0) return
    const isFresh = sight !== undefined && now().epochMilliseconds - sight.lookedMs < REMEMBERED_MS
    if (sight === undefined || !isFresh || place?.epoch !== sight.memory.epoch) sight = await firstSight(options)
    isAwake = true
    turn(sight, 0)
    heart = setInterval(beat, heartbeatMs)
    heart.unref()
  }
  const start = async (each: Open, place: Place | undefined): Promise<void> => {
    // One after the other: two that come first must not both begin.
    starting = starting.catch(() => {}).then(() => begin(place))
    await starting
    await catchUp(each, place, sight, options)
  }
  return {
    listen: (listener) => {
      if ([...open].filter((each) => each.listener.who === listener.who).length >= MOST_EACH) return 'greedy'
      if (open.size >= MOST_LISTENERS) return 'crowded'
      const stream = new Readable({ read: () => {}, highWaterMark: MOST_BUFFERED_BYTES })
      const each: Open = { stream, listener, isReady: false }
      open.add(each)
      stream.once('close', () => leave(each))
      stream.push(`retry: ${RETRY_MS}\n\n`)
      start(each, listener.after === undefined ? undefined : placeOf(listener.after)).catch((error: unknown) => {
        logger.warn({ err: toError(error) }, 'live events could not be told')
        // The client comes back by itself.
        end(each)
      })
      return stream
    },
    close: () => {
      for (const each of open) end(each)
    },
  }
}

async function firstSight({ db, now, trialMs }: LiveOptions): Promise<Sight> {
  const since = now().subtract({ milliseconds: OVERLAP_MS })
  const keys = await liveKeys(db, since, trialMs(), FLOOD)
  return { memory: openMemory(), since, seen: new Set(keys.map(({ key }) => key)), lookedMs: now().epochMilliseconds }
}

async function look(sight: Sight, { db, now, trialMs }: LiveOptions): Promise<{ told: LiveEvent[]; isFlood: boolean }> {
  const back = now().subtract({ milliseconds: OVERLAP_MS })
  // After a rest from where the last look was; never further back than it, whatever the clock does.
  const since = sight.lookedMs < back.epochMilliseconds ? sight.since : later(sight.since, back)
  const keys = await liveKeys(db, since, trialMs(), FLOOD)
  const unseen = keys.filter(({ key }) => !sight.seen.has(key))
  const told = unseen.length > BURST ? [resync(now())] : await liveEvents(db, unseen)
  sight.since = later(since, back)
  sight.lookedMs = now().epochMilliseconds
  // What is out of sight does not come back.
  sight.seen = new Set(keys.map(({ key }) => key))
  return { told, isFlood: keys.length >= FLOOD }
}

/** Tells a listener what happened since its last event, and lets it hear what comes. */
async function catchUp(each: Open, place: Place | undefined, sight: Sight | undefined, options: LiveOptions): Promise<void> {
  if (sight === undefined) return
  const { memory } = sight
  const missed = place === undefined ? [] : memory.after(place)
  if (place !== undefined && missed === undefined) {
    const { next } = memory
    for (const event of await fromStore(place, options)) push(each, (role) => frameOf(event, role))
    for (const told of memory.from(next)) push(each, told)
  }
  for (const told of missed ?? []) push(each, told)
  each.isReady = true
}

async function fromStore({ ms }: Place, { db, now, trialMs }: LiveOptions): Promise<LiveEvent[]> {
  if (now().epochMilliseconds - ms > REMEMBERED_MS) return [resync(now())]
  const since = Temporal.Instant.fromEpochMilliseconds(ms).subtract({ milliseconds: OVERLAP_MS })
  const keys = await liveKeys(db, since, trialMs(), BURST + 1)
  return keys.length > BURST ? [resync(now())] : liveEvents(db, keys)
}

function resync(at: Temporal.Instant): LiveEvent {
  return { type: 'resync', data: { at: at.toString() } }
}

function push({ stream, listener }: Open, told: Told): void {
  if (stream.destroyed || stream.readableEnded) return
  // Whoever does not read is not waited for: the client comes back, and is told what it missed.
  if (stream.readableLength > MOST_BUFFERED_BYTES) stream.destroy()
  else stream.push(told(listener.role))
}

function later(a: Temporal.Instant, b: Temporal.Instant): Temporal.Instant {
  return Temporal.Instant.compare(a, b) > 0 ? a : b
}
