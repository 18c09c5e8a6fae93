import type { JSX } from 'preact'

/** A door that is not quite shut. */
export function Door(): JSX.Element {
  return (
    <svg viewBox="0 0 32 32" width="24" height="24" aria-hidden="true">
      <path
        d="M9 25V8.5A1.5 1.5 0 0 1 10.5 7H18v18"
        fill="none"
        stroke="currentColor"
        stroke-width="2.4"
        stroke-linejoin="round"
      />
      <path class="fill-open" d="M18 7l6 2.6V24l-6 1z" />
      <path d="M6 25.2h20" stroke="currentColor" stroke-width="2.4" stroke-linecap="round" />
    </svg>
  )
}
