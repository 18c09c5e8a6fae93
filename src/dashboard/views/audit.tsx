import type { JSX } from 'preact'
import type { AuditItem } from '../../api/schemas/audit.ts'
import { filters } from '../navigate.ts'
import { FilterText } from '../parts/field.tsx'
import { Head } from '../parts/head.tsx'
import { At } from '../parts/moment.tsx'
import { List } from '../parts/table.tsx'
import { useList } from '../read.ts'
import { humane } from '../words.ts'

/** Who did and looked at what. */
export function AuditView(): JSX.Element {
  const list = useList<AuditItem>('/v1/audit', { query: filters(), topics: ['operator'] })
  return (
    <>
      <Head
        title="Audit"
        lead="Who did what here, and who looked at what. Every row is an entry of the signed log: it can be left out by nobody."
      />
      <section class="panel" aria-label="Audit">
        <search class="filters">
          <FilterText name="actor" label="Who" hint="Exactly" />
          <FilterText name="action" label="Action" hint="e.g. finding.acknowledge" />
          <FilterText name="subject" label="Whom or what" hint="Exactly" />
        </search>
        <List
          label="Audit"
          list={list}
          rowKey={({ id }) => id}
          columns={[
            { head: 'When', cell: ({ at }) => <At at={at} /> },
            { head: 'Who', cell: ({ actor }) => <b class="wrap">{actor}</b> },
            { head: 'Did', cell: ({ action }) => humane(action.replace('.', ' ')) },
            { head: 'To', cell: ({ subject }) => <span class="wrap">{subject}</span> },
            {
              head: 'Facts',
              isVoid: ({ detail }) => Object.keys(detail).length === 0,
              cell: ({ detail }) => <Facts detail={detail} />,
            },
            {
              head: 'Entry',
              number: true,
              cell: ({ ledger }) => (ledger === null ? <span class="soft">waits</span> : ledger.index),
            },
          ]}
          empty={<p class="strong">Nothing fits.</p>}
        />
      </section>
    </>
  )
}

function Facts({ detail }: Pick<AuditItem, 'detail'>): JSX.Element {
  const facts = Object.entries(detail).map(
    ([name, value]) => `${humane(name)}: ${typeof value === 'string' ? value : JSON.stringify(value)}`,
  )
  return <span class="small wrap">{facts.join('; ')}</span>
}
