import { signal } from '@preact/signals'
import type { JSX } from 'preact'
import { Icon } from './icon.tsx'

interface Toast {
  id: number
  text: string
  bad: boolean
}

const toasts = signal<readonly Toast[]>([])
let last = 0
/** Long enough to be read twice; what went wrong stays until it is put away. */
const SHOWN_MS = 8_000

/** Says what came of something that was done. */
export function say(text: string, bad = false): void {
  const id = ++last
  toasts.value = [...toasts.value.slice(-3), { id, text, bad }]
  if (!bad) setTimeout(() => dismiss(id), SHOWN_MS)
}

function dismiss(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id)
}

export function Toasts(): JSX.Element {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map(({ id, text, bad }) => (
        <div key={id} class={`toast ${bad ? 'bad' : ''}`}>
          <Icon name={bad ? 'findings' : 'check'} />
          <span>{text}</span>
          <button type="button" class="button plain square" aria-label="Put away" onClick={() => dismiss(id)}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  )
}
