import { type Ears, openStream, type StreamState } from './stream.ts'
import type { Topic } from './topic.ts'

/** What the tabs of one browser tell each other. */
type Word = { is: 'who' } | { is: 'state'; now: StreamState } | { is: 'topics'; topics: readonly Topic[] }

/** Of the lock and of the channel: both are this origin's own. */
const NAME = 'revenant.live'

/**
 * Listens with one stream for all tabs of this browser: over HTTP/1.1 a browser has six connections to a host, and a stream keeps one.
 * The tab that has the lock keeps the stream and tells the others. A tab that is not seen gives the lock up: it may be put to sleep
 * at any time, with its lock. Where there are no locks (a page without TLS from another host) each tab that is seen has a stream.
 */
export function shareStream(ears: Ears): () => void {
  const channel = new BroadcastChannel(NAME)
  let state: StreamState = 'connecting'
  /** Somebody listened before this tab did: what it does not know of must be read. */
  let late = false
  /** Ends this tab's turn, or its waiting for one. */
  let end: (() => void) | undefined
  let speaks = false
  const say = (word: Word) => channel.postMessage(word)
  const own: Ears = {
    hear: (topics) => {
      ears.hear(topics)
      say({ is: 'topics', topics })
    },
    state: (now) => {
      state = now
      ears.state(now)
      say({ is: 'state', now })
    },
  }
  channel.onmessage = ({ data }: MessageEvent<Word>) => {
    if (data.is === 'who') {
      if (speaks) say({ is: 'state', now: state })
      return
    }
    late = true
    if (data.is === 'topics') ears.hear(data.topics)
    // Two may think for a moment that it is their turn.
    else if (!speaks) ears.state(data.now)
  }
  const speak = () => {
    speaks = true
    const close = openStream(own, late)
    late = true
    return () => {
      speaks = false
      close()
    }
  }
  const look = () => {
    if (document.visibilityState === 'visible') end ??= inTurn(speak)
    else {
      end?.()
      end = undefined
    }
  }
  ears.state('connecting')
  say({ is: 'who' })
  document.addEventListener('visibilitychange', look)
  look()
  return () => {
    document.removeEventListener('visibilitychange', look)
    end?.()
    channel.close()
  }
}

/** Begins when no other tab does it, and ends what it began when the answer is called. */
function inTurn(begin: () => () => void): () => void {
  const { locks }: { locks?: LockManager } = navigator
  if (locks === undefined) return begin()
  const gone = new AbortController()
  const turn = () =>
    new Promise<void>((resolve) => {
      if (gone.signal.aborted) return resolve()
      const stop = begin()
      gone.signal.addEventListener('abort', () => {
        stop()
        resolve()
      })
    })
  // Refused with the signal's reason where it is given up while it waits.
  locks.request(NAME, { signal: gone.signal }, turn).catch(() => {})
  return () => gone.abort()
}
