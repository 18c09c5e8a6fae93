import type { ComponentChildren, JSX } from 'preact'
import { useId } from 'preact/hooks'

export interface PanelProps {
  title: string
  /** Beside the title: a figure, what it covers. */
  note?: ComponentChildren
  class?: string
  /** The children come with spaces of their own: tables, lists. */
  flush?: boolean
  children: ComponentChildren
}

export function Panel({ title, note, flush = false, children, ...rest }: PanelProps): JSX.Element {
  const id = useId()
  return (
    <section class={`panel ${rest.class ?? ''}`} aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        {note === undefined ? undefined : <div class="note">{note}</div>}
      </header>
      {flush ? children : <div class="body">{children}</div>}
    </section>
  )
}
