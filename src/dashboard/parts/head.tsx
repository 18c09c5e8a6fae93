import type { ComponentChildren, JSX } from 'preact'
import { useEffect } from 'preact/hooks'

/** Title of a view, what it is for, and what can be done there. Names the document as well. */
export function Head(props: {
  title: string
  lead?: ComponentChildren
  up?: { href: string; label: string }
  children?: ComponentChildren
}): JSX.Element {
  const { title, lead, up, children } = props
  useEffect(() => {
    document.title = `${title} · Revenant`
  }, [title])
  return (
    <header class="head">
      <div>
        {up === undefined ? undefined : (
          <a class="crumb" href={up.href}>
            ← {up.label}
          </a>
        )}
        <h1 tabIndex={-1}>{title}</h1>
        {lead === undefined ? undefined : <div class="lead">{lead}</div>}
      </div>
      {children === undefined ? undefined : <div class="row actions">{children}</div>}
    </header>
  )
}
