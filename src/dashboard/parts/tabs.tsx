import type { JSX } from 'preact'
import { useHeld } from '../held-count.ts'
import { hrefOf } from '../place.ts'
import { may } from '../session.ts'
import { figure } from '../words.ts'

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

/** Statements are for those who may read evidence; to whoever may not, there is one way to look. */
export function EvidenceTabs({ current }: { current: 'log' | 'statements' | '' }): JSX.Element | null {
  if (!may('evidence')) return null
  return (
    <Tabs
      label="Evidence"
      current={current}
      tabs={[
        { name: 'log', label: 'Log and bundles', href: hrefOf('evidence') },
        { name: 'statements', label: 'Statements', href: hrefOf('evidence', 'leavers') },
      ]}
    />
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

export function IdentityTabs({ current }: { current: 'identities' | 'waiting' }): JSX.Element {
  const held = useHeld()
  return (
    <Tabs
      label="Identities and what waits"
      current={current}
      tabs={[
        { name: 'identities', label: 'Identities', href: hrefOf('identities') },
        { name: 'waiting', label: held === 0 ? 'Waiting for you' : `Waiting for you (${figure(held)})`, href: hrefOf('waiting') },
      ]}
    />
  )
}
