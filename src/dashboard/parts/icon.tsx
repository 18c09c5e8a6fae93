import type { JSX } from 'preact'

/** Drawn on a grid of 16, in the colour of the text around. */
const PATHS = {
  // Doors: what stands open, what is shut, what nobody can say.
  door: 'M3.5 14V3A1 1 0 0 1 4.5 2H9v12M9 3.5l4 1.5v9l-4 0M1.5 14h13M11 9v1',
  shut: 'M3.5 14V3a1 1 0 0 1 1-1h7a1 1 0 0 1 1 1v11M1.5 14h13M6 8l1.5 1.5L10.5 6.5',
  question: 'M5.5 6a2.5 2.5 0 1 1 3.7 2.2c-.8.450-1.2.900-1.2 1.8M8 12.5v.5',
  dash: 'M4 8h8',
  overview: 'M2 2.5h5v6H2zM9 2.5h5v3.5H9zM9 8h5v5.5H9zM2 10.5h5v3H2z',
  findings: 'M8 2l6.5 11.5h-13zM8 6.5v3.5M8 11.7v.3',
  identities:
    'M6 7.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5M1.5 13.5c0-2.5 2-4 4.5-4s4.5 1.5 4.5 4M10.5 7.5a2.2 2.2 0 0 0 0-4.4M12 9.8c1.6.500 2.6 1.7 2.6 3.7',
  systems: 'M2 3h12v4H2zM2 9h12v4H2zM4.5 5h.1M4.5 11h.1',
  evidence: 'M4 1.5h5.5L13 5v9.5H4zM9.5 1.5V5H13M6.5 9.5l1.5 1.5 2.5-3',
  audit: 'M8 3.5C4.5 3.5 2 8 2 8s2.5 4.5 6 4.5S14 8 14 8s-2.5-4.5-6-4.5M8 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4',
  setup:
    'M2 4.5h7M12.5 4.5H14M2 11.5h1.5M7 11.5h7M10.75 6.25a1.75 1.75 0 1 0 0-3.5 1.75 1.75 0 0 0 0 3.5M5.25 13.25a1.75 1.75 0 1 0 0-3.5 1.75 1.75 0 0 0 0 3.5',
  access: 'M5.5 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7M9 8h5.5M12.5 8v2.5',
  person: 'M8 7.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6M2.5 14.5c0-3 2.5-5 5.5-5s5.5 2 5.5 5',
  service:
    'M8 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4M8 1.5v2.5M8 12v2.5M1.5 8H4M12 8h2.5M3.4 3.4l1.8 1.8M10.8 10.8l1.8 1.8M3.4 12.6l1.8-1.8M10.8 5.2l1.8-1.8',
  agent: 'M3 6h10v7.5H3zM8 6V3M8 3h.1M6 9v1M10 9v1M1.5 9v2M14.5 9v2',
  up: 'M4 10l4-4 4 4',
  down: 'M4 6l4 4 4-4',
  menu: 'M2 4h12M2 8h12M2 12h12',
  close: 'M4 4l8 8M12 4l-8 8',
  check: 'M3 8.5l3.5 3.5L13 4.5',
  bolt: 'M9 1.5L3.5 9H8l-1 5.5L12.5 7H8z',
  mute: 'M2 6v4h2.5L8 13V3L4.5 6zM11 6l3.5 4M14.5 6L11 10',
  // What goes on to somebody else; what has its time.
  pass: 'M2 8h11.5M9.5 3.5L14 8l-4.5 4.5',
  clock: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12M8 4.5V8l2.5 1.5',
  reload: 'M13.5 8A5.5 5.5 0 1 1 11.5 3.7M13.5 1.5v3.5H10',
} as const

export type IconName = keyof typeof PATHS

/** Decoration: words stand beside it. */
export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  )
}
