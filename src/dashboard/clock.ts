import { signal } from '@preact/signals'

/** Ages are told to the minute: they grow by themselves. */
const EVERY_MS = 15_000

const now = signal(Date.now())

/** Milliseconds since 1970. Whatever shows an age by it is drawn anew as that grows. */
export function passing(): number {
  return Math.max(now.value, Date.now())
}

setInterval(() => {
  if (!document.hidden) now.value = Date.now()
}, EVERY_MS)
document.addEventListener('visibilitychange', () => {
  now.value = Date.now()
})
