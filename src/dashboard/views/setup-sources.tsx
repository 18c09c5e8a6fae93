import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { Import, Source, SourceFault } from '../../api/schemas/source.ts'
import { act } from '../act.ts'
import { filters } from '../navigate.ts'
import { Badge } from '../parts/badge.tsx'
import { FilterSelect } from '../parts/field.tsx'
import { Ago, At, MaybeAgo } from '../parts/moment.tsx'
import { Panel } from '../parts/panel.tsx'
import { type Column, List } from '../parts/table.tsx'
import { hrefOf } from '../place.ts'
import { useList, useRead } from '../read.ts'
import { may } from '../session.ts'
import { feedLabel, IMPORT_LABELS, INACTIVE_MEANS, SOURCE_STATES, sourceAdvice } from '../source-words.ts'
import { coarse } from '../time.ts'
import { countOf, figure } from '../words.ts'

/** A sign of life is no news: it is looked for, so often. */
const LOOK_MS = 30_000

/** What feeds identities and credentials, and when it last did. */
export function Sources(): JSX.Element {
  return (
    <div class="stack">
      <ToldBySources />
      <Imports />
    </div>
  )
}

function ToldBySources(): JSX.Element {
  const list = useList<Source>('/v1/sources', { topics: ['operator', 'finding'] })
  const [pulling, setPulling] = useState<string>()
  const { reload } = list
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) reload()
    }, LOOK_MS)
    return () => clearInterval(timer)
  }, [reload])
  const pull = async (name: string) => {
    setPulling(name)
    await act(`/v1/sources/${encodeURIComponent(name)}/pull`, () => `${name} answered, and what it said is taken.`)
    setPulling(undefined)
    reload()
  }
  return (
    <Panel title="Sources" note="heard while the daemon runs" flush>
      <List
        label="Heard by the daemon"
        list={list}
        rowKey={({ id }) => id}
        columns={columnsOf(pulling, pull, reload)}
        empty={
          <>
            <p class="strong">No source tells by itself who has left.</p>
            <p>
              Sources stand in the configuration file under <code>sources:</code>: an identity provider that writes here by SCIM,
              a folder into which the HR system drops lists, and others.
            </p>
            <pre class="said" tabIndex={0}>
              {'sources:\n  - name: okta\n    source: scim\n    tokens: ["env:REVENANT_SCIM_TOKEN"]'}
            </pre>
            <p>Until one does, leavers are known from files that somebody imports, and from what is said on this page.</p>
          </>
        }
      />
    </Panel>
  )
}

/** Whom it said something of that could not be taken; read when somebody looks. */
function Refused({ source: { name, refused }, reload }: { source: Source; reload(): void }): JSX.Element | null {
  const [open, setOpen] = useState(false)
  if (refused === null) return null
  const dismiss = async () => {
    await act(`/v1/sources/${encodeURIComponent(name)}/dismiss-faults`, () => `What ${name} could not say is off the list.`, {
      body: {},
    })
    reload()
  }
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        {countOf(refused.count, 'word')} not taken, the last <Ago at={refused.lastAt} />
      </summary>
      {open ? <RefusedList name={name} /> : undefined}
      {may('operate') ? (
        <button type="button" class="button" onClick={dismiss}>
          I have seen to them<span class="unseen"> of {name}</span>
        </button>
      ) : undefined}
    </details>
  )
}

function RefusedList({ name }: { name: string }): JSX.Element {
  const options = { query: { source: name }, topics: ['operator'] } as const
  const { value, error } = useRead<{ items: SourceFault[] }>('/v1/source-faults', options)
  return (
    <ul class="events">
      {error === undefined ? undefined : <li>{error.message}</li>}
      {value?.items.map(({ key, externalId, fault, count, firstAt, lastAt }) => (
        <li key={key ?? ''}>
          <span />
          <span class="what">
            <b>{externalId ?? key ?? 'Nobody knows whom'}</b> {fault}, {countOf(count, 'time')}
            <span class="under">
              first <Ago at={firstAt} />, last <Ago at={lastAt} />
            </span>
          </span>
        </li>
      ))}
    </ul>
  )
}

function columnsOf(pulling: string | undefined, pull: (name: string) => void, reload: () => void): readonly Column<Source>[] {
  return [
    {
      head: 'Source',
      cell: ({ name, kind, pulled, everyMs }) => (
        <>
          <b>{name}</b>
          <span class="under">
            {feedLabel(kind)}
            {pulled && everyMs !== null ? `, every ${coarse(everyMs)}` : ''}
          </span>
        </>
      ),
    },
    {
      head: 'State',
      cell: (source) => (
        <>
          <Badge {...SOURCE_STATES[source.state]} />
          {source.fault === null ? undefined : (
            <span class="under">
              {source.fault}
              {source.faultAt === null ? undefined : (
                <>
                  {', '}
                  <Ago at={source.faultAt} />
                </>
              )}
            </span>
          )}
          <Advice>{sourceAdvice(source)}</Advice>
          {source.refused === null ? undefined : <Refused source={source} reload={reload} />}
        </>
      ),
    },
    {
      head: 'Heard',
      cell: ({ heardAt, silentAt, state }) => (
        <>
          <MaybeAgo at={heardAt} otherwise="never" />
          {state === 'removed' ? undefined : (
            <span class="under">
              {state === 'silent' ? 'silent since ' : 'counts as silent '}
              <Ago at={silentAt} />
            </span>
          )}
        </>
      ),
    },
    {
      head: 'Says',
      cell: ({ present, gone, onInactive, outOfSight }) => (
        <>
          {figure(present)} here, {figure(gone)} gone
          {onInactive === null ? undefined : <span class="under">inactive: {INACTIVE_MEANS[onInactive]}</span>}
          {outOfSight === 0 ? undefined : (
            <span class="under">tells no more of {figure(outOfSight)} who are here: it is asked for others than before</span>
          )}
        </>
      ),
    },
    {
      head: 'Waiting',
      cell: ({ held, name }) =>
        held === 0 ? (
          <span class="soft">none</span>
        ) : (
          <a href={hrefOf('waiting', undefined, { source: name })}>{countOf(held, 'statement')}</a>
        ),
    },
    {
      head: '',
      isVoid: (source) => !isPullable(source),
      cell: (source) =>
        isPullable(source) ? (
          <button type="button" class="button" disabled={pulling !== undefined} onClick={() => pull(source.name)}>
            {pulling === source.name ? 'Pulling …' : 'Pull now'}
            <span class="unseen"> from {source.name}</span>
          </button>
        ) : undefined,
    },
  ]
}

function isPullable({ pulled, state }: Source): boolean {
  return pulled && state !== 'removed' && may('operate')
}

function Advice({ children }: { children: ComponentChildren }): JSX.Element | null {
  return children === undefined ? null : <span class="under">{children}</span>
}

/** Files that somebody brought in. */
function Imports(): JSX.Element {
  const { what } = filters()
  const list = useList<Import>('/v1/imports', { query: { what }, topics: ['operator'] })
  return (
    <Panel title="Imports" note="by the command, this page or the API" flush>
      <search class="filters">
        <FilterSelect name="what" label="What" choices={IMPORT_LABELS} />
      </search>
      <List
        label="Files brought in"
        list={list}
        rowKey={({ id }) => id}
        columns={[
          { head: 'What', cell: (row) => <b>{IMPORT_LABELS[row.what]}</b> },
          {
            head: 'From',
            cell: ({ name, actor }) => (
              <>
                <span class="wrap">{name}</span>
                {actor === null ? undefined : <span class="under">by {actor}</span>}
              </>
            ),
          },
          { head: 'When', cell: ({ at }) => <At at={at} /> },
          { head: 'Rows', number: true, cell: ({ read }) => figure(read) },
          {
            head: 'Came of it',
            cell: ({ created, updated, unchanged, bad, stopped }) => (
              <>
                {figure(created)} new, {figure(updated)} changed, {figure(unchanged)} as they were
                {bad === 0 ? undefined : <span class="under overdue">{countOf(bad, 'bad row')}</span>}
                {stopped ? <span class="under">cut short</span> : undefined}
              </>
            ),
          },
        ]}
        empty={
          what === undefined || what === '' ? (
            <>
              <p class="strong">No file was brought in yet.</p>
              <p>
                <code>revenant import identities FILE</code> on the machine does, and{' '}
                {may('operate') ? <a href={hrefOf('setup', 'intake')}>the form here</a> : 'an operator on this page'}.
              </p>
            </>
          ) : (
            <p class="strong">Nothing fits.</p>
          )
        }
      />
    </Panel>
  )
}
