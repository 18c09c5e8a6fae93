import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { StatementList } from '../../api/schemas/evidence.ts'
import { filters, go, setFilters } from '../navigate.ts'
import { Field, FilterText } from '../parts/field.tsx'
import { Head } from '../parts/head.tsx'
import { At } from '../parts/moment.tsx'
import { STATEMENT_COLUMNS } from '../parts/statement-columns.tsx'
import { List } from '../parts/table.tsx'
import { EvidenceTabs } from '../parts/tabs.tsx'
import { useList, useRead } from '../read.ts'
import { daysIn, isStatementName, periodOf, STATEMENT_LABELS, type StatementName, type StatementRow } from '../statement.ts'
import { humane } from '../words.ts'

/** A statement for a period, as an auditor asks for it: the same rows as in a bundle and in `revenant report statement`. */
export function StatementsView({ name }: { name: StatementName }): JSX.Element {
  const [at, setAt] = useState(Date.now)
  const { identity, system } = filters()
  const days = daysIn(filters(), at)
  const titles = useRead<StatementList>('/v1/statements')
  const list = useList<StatementRow>(`/v1/statements/${name}`, { query: { ...periodOf(days, at), identity, system } })
  const title = titles.value?.statements.find((each) => each.name === name)?.title
  return (
    <>
      <Head
        title="Statements"
        lead={
          <p>
            {title === undefined ? undefined : `${title}. `}As of <At at={new Date(at).toISOString()} />; days are those of UTC.
          </p>
        }
      >
        <button type="button" class="button" onClick={() => setAt(Date.now())}>
          Read again
        </button>
      </Head>
      <EvidenceTabs current="statements" />
      <section class="panel" aria-label={STATEMENT_LABELS[name]}>
        <search class="filters">
          <Field label="Statement">
            <select value={name} onChange={(event) => choose(event.currentTarget.value)}>
              {Object.entries(STATEMENT_LABELS).map(([each, label]) => (
                <option key={each} value={each}>
                  {label}
                </option>
              ))}
            </select>
          </Field>
          <Day name="from" label="From" value={days.from} />
          <Day name="to" label="To" value={days.to} />
          <FilterText name="identity" label="Identity" hint="External id, exactly" />
          <FilterText name="system" label="System" hint="Name, exactly" />
        </search>
        <List
          key={name}
          label={STATEMENT_LABELS[name]}
          list={list}
          rowKey={(row) => JSON.stringify(row)}
          columns={STATEMENT_COLUMNS[name]}
          empty={
            <>
              <p class="strong">Nothing fits.</p>
              <p>
                {humane(name)} from {days.from} to {days.to}
                {identity === undefined ? '' : `, of the identity ${identity}`}
                {system === undefined ? '' : `, at the system ${system}`}: there is no row. A longer period may have some.
              </p>
            </>
          }
        />
      </section>
    </>
  )
}

function choose(name: string): void {
  if (isStatementName(name)) go('evidence', name, { ...filters() })
}

/** One end of the period, kept in the address; a day that is not whole yet is not. */
function Day({ name, label, value }: { name: 'from' | 'to'; label: string; value: string }): JSX.Element {
  return (
    <Field label={label}>
      <input type="date" name={name} value={value} onChange={(event) => setFilters({ [name]: event.currentTarget.value })} />
    </Field>
  )
}
