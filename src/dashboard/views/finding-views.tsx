import type { JSX } from 'preact'
import { ExemptionsView } from './exemptions.tsx'
import { FindingView } from './finding.tsx'
import { FindingsView } from './findings.tsx'

/** What is wrong: the list, one of it, what is exempted from it. */
export function FindingViews({ id, exemptions = false }: { id?: string; exemptions?: boolean }): JSX.Element {
  if (exemptions) return <ExemptionsView />
  return id === undefined ? <FindingsView /> : <FindingView id={id} />
}
