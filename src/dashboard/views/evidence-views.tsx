import type { JSX } from 'preact'
import { Head } from '../parts/head.tsx'
import { Empty } from '../parts/states.tsx'
import { EvidenceTabs } from '../parts/tabs.tsx'
import { may } from '../session.ts'
import { isStatementName } from '../statement.ts'
import { EvidenceView } from './evidence.tsx'
import { LeaverView } from './leaver.tsx'
import { StatementsView } from './statements.tsx'

/** What an auditor is given: the log and its bundles, the statements, one about somebody who left. */
export function EvidenceViews({ id }: { id?: string }): JSX.Element {
  if (id === undefined) return <EvidenceView />
  if (may('evidence') && id === 'leaver') return <LeaverView />
  if (may('evidence') && isStatementName(id)) return <StatementsView name={id} />
  return (
    <>
      <Head title="Statements" />
      <EvidenceTabs current="" />
      <section class="panel">
        <Empty>
          <p>There is no statement of this name, or your role may not see it.</p>
        </Empty>
      </section>
    </>
  )
}
