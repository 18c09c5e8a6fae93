import { effect, signal } from '@preact/signals'
import { session } from './session.ts'
import { shareStream } from './share.ts'
import type { StreamState } from './stream.ts'
import type { Topic } from './topic.ts'

/** `off`: nobody is signed in. */
export const live = signal<StreamState | 'off'>('off')

/** Counts what came of each topic: whoever shows it reads again when it grows. */
export const changes = signal<Readonly<Record<Topic, number>>>({ finding: 0, trial: 0, operator: 0, delivery: 0, listing: 0 })

/** What comes within this is one change: a trial of thousands is not thousands of reads. */
const GATHER_MS = 1_000

/** Listens while somebody is signed in. Called once. */
export function openLive(): void {
  effect(() => {
    if (typeof session.value !== 'object') return
    return listen()
  })
}

function listen(): () => void {
  let gathering: ReturnType<typeof setTimeout> | undefined
  const waiting = new Set<Topic>()
  const tell = () => {
    gathering = undefined
    const next = { ...changes.peek() }
    for (const topic of waiting) next[topic]++
    waiting.clear()
    changes.value = next
  }
  const leave = shareStream({
    hear: (topics) => {
      for (const topic of topics) waiting.add(topic)
      gathering ??= setTimeout(tell, GATHER_MS)
    },
    state: (now) => {
      live.value = now
    },
  })
  return () => {
    leave()
    clearTimeout(gathering)
    live.value = 'off'
  }
}
