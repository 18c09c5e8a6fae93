import type { ComponentChildren, JSX } from 'preact'

export interface Part {
  label: string
  count: number
  /** `ground-…` of the style sheet. */
  ground: 'open' | 'doubt' | 'closed' | 'quiet'
  href?: string
}

/** A whole made of parts. Told in words by the legend: the bar itself is decoration. */
export function PartsBar({ parts, thin = false }: { parts: readonly Part[]; thin?: boolean }): JSX.Element {
  return (
    <div class={`parts ${thin ? 'thin' : ''}`} aria-hidden="true">
      {parts
        .filter(({ count }) => count > 0)
        .map(({ label, count, ground }) => (
          <span key={label} class={`ground-${ground}`} style={{ flexGrow: count, flexBasis: 0 }} />
        ))}
    </div>
  )
}

export function Legend({
  parts,
  show = String,
}: {
  parts: readonly Part[]
  show?: (count: number) => ComponentChildren
}): JSX.Element {
  return (
    <ul class="legend">
      {parts.map(({ label, count, ground, href }) => {
        const words = (
          <>
            <span class={`swatch ground-${ground}`} aria-hidden="true" />
            <span>
              <b>{show(count)}</b> {label}
            </span>
          </>
        )
        return <li key={label}>{href === undefined ? <span class="item">{words}</span> : <a href={href}>{words}</a>}</li>
      })}
    </ul>
  )
}
