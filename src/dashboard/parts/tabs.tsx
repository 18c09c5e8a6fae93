import type { JSX } from 'preact'
import { hrefOf } from '../place.ts'

/** A few ways to look at one thing, each with an address. */
export function Tabs({
  label,
  tabs,
  current,
}: {
  label: string
  tabs: readonly { name: string; label: string; href: string }[]
  current: string
}): JSX.Element {
  return (
    <nav class="tabs" aria-label={label}>
      {tabs.map((tab) => (
        <a key={tab.name} href={tab.href} aria-current={tab.name === current ? 'page' : undefined}>
          {tab.label}
        </a>
      ))}
    </nav>
  )
}

export function FindingTabs({ current }: { current: 'findings' | 'exemptions' }): JSX.Element {
  return (
    <Tabs
      label="Findings and exemptions"
      current={current}
      tabs={[
        { name: 'findings', label: 'Findings', href: hrefOf('findings') },
        { name: 'exemptions', label: 'Exemptions', href: hrefOf('exemptions') },
      ]}
    />
  )
}
