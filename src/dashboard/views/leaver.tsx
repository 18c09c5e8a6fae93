import type { ComponentChildren, JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { StatementRowPage } from '../../api/schemas/evidence.ts'
import { IDENTITY_KINDS } from '../../domain/identity.ts'
import { filters } from '../navigate.ts'
import { IdentityKindMark } from '../parts/badge.tsx'
import { Head } from '../parts/head.tsx'
import { At } from '../parts/moment.tsx'
import { Panel } from '../parts/panel.tsx'
import { LEAVER_COLUMNS } from '../parts/statement-columns.tsx'
import { Empty, Ghosts, Problem, Shown } from '../parts/states.tsx'
import { Table } from '../parts/table.tsx'
import { hrefOf } from '../place.ts'
import { type Reading, useRead } from '../read.ts'
import { countPaths, type PathCounts, type StatementName, type StatementRow, textAt } from '../statement.ts'
import { countOf, figure, humane } from '../words.ts'

/** The most that a page of a statement holds. */
const MOST = 500
/** Nobody left before: everybody who did is in the period. */
const EVER = '1970-01-01T00:00:00.000Z'

/** All that is known of how somebody who left lost access, to be read, printed and filed. */
export function LeaverView(): JSX.Element {
  const { identity } = filters()
  const [at, setAt] = useState(() => new Date().toISOString())
  const reading = useStatement('leavers', identity, EVER, at)
  const [first] = reading.value?.items ?? []
  const name = first === undefined ? undefined : (textAt(first, 'name') ?? identity)
  return (
    <>
      <Head
        title={name === undefined ? 'Statement' : `Statement: ${name}`}
        up={{ href: hrefOf('evidence', 'leavers'), label: 'Statements' }}
        lead={
          <p>
            As of <At at={at} />: what is proven of the access that was left behind.
          </p>
        }
      >
        <button type="button" class="button first" onClick={() => print()}>
          Print
        </button>
        <button type="button" class="button" onClick={() => setAt(new Date().toISOString())}>
          Read again
        </button>
        {identity === undefined ? undefined : (
          <a class="button" href={hrefOf('evidence', undefined, { identity })}>
            Export as a bundle
          </a>
        )}
      </Head>
      {identity === undefined ? (
        <Nobody>
          <p class="strong">Whose?</p>
          <p>
            The address names nobody. <a href={hrefOf('evidence', 'leavers')}>Choose among those who left</a>.
          </p>
        </Nobody>
      ) : (
        <Shown reading={reading} rows={12}>
          {({ items: [one, ...others], next }) =>
            one === undefined ? (
              <Nobody>
                <p class="strong">Nobody of the external id {identity} has left.</p>
                <p>
                  Whoever is here, or came back, has no such statement. <a href={hrefOf('identities')}>Identities</a>
                </p>
              </Nobody>
            ) : (
              <Statement identity={identity} rows={[one, ...others]} isCut={next !== null} at={at} />
            )
          }
        </Shown>
      )}
    </>
  )
}

function useStatement(name: StatementName, identity: string | undefined, from: string | undefined, to: string) {
  const path = identity === undefined || from === undefined ? undefined : `/v1/statements/${name}`
  return useRead<StatementRowPage>(path, { query: { from, to, identity, limit: MOST } })
}

function Nobody({ children }: { children: ComponentChildren }): JSX.Element {
  return (
    <section class="panel">
      <Empty>{children}</Empty>
    </section>
  )
}

interface StatementProps {
  identity: string
  rows: readonly [StatementRow, ...StatementRow[]]
  /** There are more paths than are told at once. */
  isCut: boolean
  at: string
}

function Statement({ identity, rows, isCut, at }: StatementProps): JSX.Element {
  const [first] = rows
  const leftAt = textAt(first, 'left_at')
  const counts = countPaths(rows)
  const paths = rows.filter((row) => textAt(row, 'system') !== undefined)
  const [unverified, items, exemptions, operators] = [
    useStatement('unverified', counts.notProven + counts.retired > 0 ? identity : undefined, leftAt, at),
    useStatement('open-items', identity, leftAt, at),
    useStatement('exemptions', identity, leftAt, at),
    useStatement('operators', identity, leftAt, at),
  ]
  return (
    <div class="stack">
      <Sum row={first} identity={identity} counts={counts} isCut={isCut} />
      {paths.length === 0 ? undefined : (
        <Panel
          title="Every path, and when it was proven closed"
          note={isCut ? `the first ${MOST}` : countOf(paths.length, 'path')}
          flush
        >
          <Table label="Paths" rows={paths} rowKey={keyOf} columns={LEAVER_COLUMNS.leavers} />
        </Panel>
      )}
      {counts.notProven + counts.retired === 0 ? undefined : (
        <Section title="What is not proven, and why" name="unverified" reading={unverified} empty="All of it is proven by now." />
      )}
      <Section title="Open findings" name="open-items" reading={items} empty="None is open." />
      <Section title="Exemptions in force since then" name="exemptions" reading={exemptions} empty="Nothing was exempted." />
      <Section
        title="What was done here since then"
        name="operators"
        reading={operators}
        empty="Nobody did anything about it here."
      />
    </div>
  )
}

/** The answer in words and numbers, before the tables. */
function Sum(props: { row: StatementRow; identity: string; counts: PathCounts; isCut: boolean }): JSX.Element {
  const { row, identity, counts, isCut } = props
  const { paths, closed, inTime, open, notProven, retired } = counts
  const kind = IDENTITY_KINDS.find((each) => each === row.kind)
  const leftAt = textAt(row, 'left_at')
  return (
    <Panel title="In short">
      <div class="stack">
        <p class="row">
          <span class="mono">{identity}</span>
          {kind === undefined ? undefined : <IdentityKindMark kind={kind} />}
          {leftAt === undefined ? undefined : (
            <span>
              left <At at={leftAt} />
            </span>
          )}
        </p>
        <p class="strong">{verdictOf(counts, isCut)}</p>
        {paths === 0 ? undefined : (
          <dl class="figures">
            <Figure label="Proven closed" count={closed} note={`${figure(inTime)} in time`} />
            <Figure label="Open" count={open} />
            <Figure label="Not proven" count={notProven} />
            <Figure label="Taken off the list" count={retired} />
          </dl>
        )}
      </div>
    </Panel>
  )
}

function verdictOf({ paths, closed, open, notProven, retired }: PathCounts, isCut: boolean): string {
  if (paths === 0) return 'No credential of this identity is known: nothing could be tried, and nothing is proven.'
  const of = `${isCut ? 'the first ' : ''}${countOf(paths, 'known path')}`
  if (open > 0) return `${figure(open)} of ${of} still let${open === 1 ? 's' : ''} this identity in.`
  if (notProven > 0) return `None of ${of} is known to be open; of ${figure(notProven)} it is not proven.`
  if (retired === paths) return `All of ${of} were taken off the list.`
  return `${closed === paths ? 'All' : figure(closed)} of ${of} ${closed === 1 ? 'is' : 'are'} proven closed.`
}

function Figure({ label, count, note }: { label: string; count: number; note?: string }): JSX.Element {
  return (
    <div>
      <dt>{label}</dt>
      <dd>
        {figure(count)} {note === undefined ? undefined : <small>{note}</small>}
      </dd>
    </div>
  )
}

interface SectionProps {
  title: string
  name: Exclude<keyof typeof LEAVER_COLUMNS, 'leavers'>
  reading: Reading<StatementRowPage>
  empty: string
}

function Section({ title, name, reading, empty }: SectionProps): JSX.Element {
  const { value, error, reload } = reading
  return (
    <Panel title={title} flush>
      {error === undefined ? undefined : <Problem error={error} retry={reload} />}
      {value === undefined ? (
        error === undefined ? (
          <Ghosts rows={2} />
        ) : undefined
      ) : value.items.length === 0 ? (
        <Empty>
          <p>{empty}</p>
        </Empty>
      ) : (
        <>
          <Table label={title} rows={value.items} rowKey={keyOf} columns={LEAVER_COLUMNS[name]} />
          {value.next === null ? undefined : (
            <p class="said">
              The first {MOST}: the statement {humane(name)} has them all.
            </p>
          )}
        </>
      )}
    </Panel>
  )
}

function keyOf(row: StatementRow): string {
  return JSON.stringify(row)
}
