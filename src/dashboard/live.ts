import { effect, signal } from '@preact/signals'
import { askSession, session } from './session.ts'

/** What the daemon tells of while it happens (`GET /v1/events`). */
export const TOPICS = ['finding', 'trial', 'operator', 'delivery'] as const
export type Topic = (typeof TOPICS)[number]

/** `connecting`: for the first time or again. `off`: nobody is signed in. */
export const live = signal<'live' | 'connecting' | 'off'>('off')

/** Counts what came of each topic: whoever shows it reads again when it grows. */
export const changes = signal<Readonly<Record<Topic, number>>>({ finding: 0, trial: 0, operator: 0, delivery: 0 })

/** What comes within this is one change: a trial of thousands is not thousands of reads. */
const GATHER_MS = 1_000
/** A stream that the server refuses is not tried again by the browser: after so long by us, longer each time. */
const RETRY_MS = [1_000, 2_000, 5_000, 15_000, 30_000] as const

/** Keeps a stream open while somebody is signed in. Called once. */
export function openLive(): void {
  effect(() => {
    if (typeof session.value !== 'object') return
    return listen()
  })
}

function listen(): () => void {
  let failures = 0
  let source: EventSource | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let gathering: ReturnType<typeof setTimeout> | undefined
  const waiting = new Set<Topic>()
  const tell = () => {
    gathering = undefined
    const next = { ...changes.peek() }
    for (const topic of waiting) next[topic]++
    waiting.clear()
    changes.value = next
  }
  const hear = (topic: Topic) => {
    waiting.add(topic)
    gathering ??= setTimeout(tell, GATHER_MS)
  }
  const open = () => {
    live.value = 'connecting'
    const stream = new EventSource('/v1/events')
    source = stream
    stream.onopen = () => {
      // What happened while nobody listened is read, not replayed.
      if (failures > 0) for (const topic of TOPICS) hear(topic)
      failures = 0
      live.value = 'live'
    }
    stream.onerror = () => {
      live.value = 'connecting'
      failures++
      if (stream.readyState !== EventSource.CLOSED) return
      // Refused: because the session is over, or because too many listen.
      void askSession()
      timer = setTimeout(open, RETRY_MS[Math.min(failures, RETRY_MS.length) - 1])
    }
    for (const topic of TOPICS) stream.addEventListener(topic, () => hear(topic))
    // Too much happened to be told one by one.
    stream.addEventListener('resync', () => {
      for (const topic of TOPICS) hear(topic)
    })
  }
  open()
  return () => {
    clearTimeout(timer)
    clearTimeout(gathering)
    source?.close()
    live.value = 'off'
  }
}
