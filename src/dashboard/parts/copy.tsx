import type { JSX } from 'preact'
import { say } from './toast.tsx'

/** Puts a text where it can be pasted from. @param what it is, for those who do not see what stands beside it */
export function Copy({ text, what }: { text: string; what: string }): JSX.Element {
  const copy = () =>
    navigator.clipboard.writeText(text).then(
      () => say('Copied.'),
      () => say('The browser does not let the page copy: mark and copy it by hand.', true),
    )
  return (
    <button type="button" class="button plain" aria-label={`Copy ${what}`} onClick={copy}>
      Copy
    </button>
  )
}
