import { askSession } from './session.ts'
import { TOPICS, type Topic } from './topic.ts'

/** Who is told what comes. */
export interface Ears {
  hear(topics: readonly Topic[]): void
  state(now: StreamState): void
}

/** `connecting`: for the first time or again. */
export type StreamState = 'live' | 'connecting'

/** A stream that the server refuses is not tried again by the browser: after so long by us, longer each time. */
const RETRY_MS = [1_000, 2_000, 5_000, 15_000, 30_000] as const

/**
 * Keeps a stream of events open until the answer is called.
 *
 * @param missed something may have happened since the reader last heard anything: all is told of once it is open
 */
export function openStream(ears: Ears, missed: boolean): () => void {
  let failures = 0
  let deaf = missed
  let source: EventSource | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  const open = () => {
    ears.state('connecting')
    const stream = new EventSource('/v1/events')
    source = stream
    stream.onopen = () => {
      // What happened while nobody listened is read, not replayed.
      if (deaf) ears.hear(TOPICS)
      failures = 0
      deaf = false
      ears.state('live')
    }
    stream.onerror = () => {
      ears.state('connecting')
      failures++
      deaf = true
      if (stream.readyState !== EventSource.CLOSED) return
      // Refused: because the session is over, or because too many listen.
      void askSession()
      timer = setTimeout(open, RETRY_MS[Math.min(failures, RETRY_MS.length) - 1])
    }
    for (const topic of TOPICS) stream.addEventListener(topic, () => ears.hear([topic]))
    // Too much happened to be told one by one.
    stream.addEventListener('resync', () => ears.hear(TOPICS))
  }
  open()
  return () => {
    clearTimeout(timer)
    source?.close()
  }
}
