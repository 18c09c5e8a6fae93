import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { Finding } from '../../api/schemas/finding.ts'
import { useKeys } from '../keys.ts'
import { filters, go, setFilters } from '../navigate.ts'
import { IdentityKindMark, SeverityMark, StateBadge } from '../parts/badge.tsx'
import { FilterSelect, FilterText } from '../parts/field.tsx'
import { AskAcknowledge, AskExempt } from '../parts/finding-actions.tsx'
import { Head } from '../parts/head.tsx'
import { KeysHelp } from '../parts/keys-help.tsx'
import { Ago } from '../parts/moment.tsx'
import { type Column, focusRow, List } from '../parts/table.tsx'
import { FindingTabs } from '../parts/tabs.tsx'
import { usePicks } from '../picks.ts'
import { hrefOf } from '../place.ts'
import { useList } from '../read.ts'
import { may } from '../session.ts'
import { humane, KIND_LABELS, SEVERITY_LABELS } from '../words.ts'

/** What the list shows unless the address says otherwise. */
const STANDARD = { state: 'unresolved', sort: '-severity' } as const
const STATES = { unresolved: 'Not resolved', open: 'Open', acknowledged: 'Acknowledged', resolved: 'Resolved' }

/** What is asked, and of which findings: those that were chosen when the question began. */
type Asking = { what: 'keys' } | { what: 'acknowledge' | 'exempt'; of: readonly [Finding, ...Finding[]] } | undefined

/** What is wrong, the worst first. */
export function FindingsView(): JSX.Element {
  const here = filters()
  const { state = STANDARD.state, sort = STANDARD.sort, ...rest } = here
  const list = useList<Finding>('/v1/findings', { query: { ...rest, ...stateQuery(state), sort }, topics: ['finding'] })
  const items = list.items ?? []
  const { cursor, setCursor, picked, chosen, toggle, clear } = usePicks(list.items, ({ state }) => state !== 'resolved')
  const [asking, setAsking] = useState<Asking>()
  const mayAct = may('operate')
  const move = (by: number) => {
    const at = items.findIndex(({ id }) => id === cursor)
    const next = items[at < 0 ? 0 : Math.min(items.length - 1, Math.max(0, at + by))]
    if (next !== undefined) focusRow(next.id)
  }
  const ask = (what: 'acknowledge' | 'exempt') => {
    const [first, ...rest] = chosen
    if (mayAct && first !== undefined) setAsking({ what, of: [first, ...rest] })
  }
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    Enter: () => cursor !== undefined && go('findings', cursor),
    x: () => mayAct && cursor !== undefined && toggle(cursor),
    a: () => ask('acknowledge'),
    e: () => ask('exempt'),
    '/': () => document.querySelector<HTMLInputElement>('input[type="search"]')?.focus(),
    '?': () => setAsking({ what: 'keys' }),
  })
  const close = () => setAsking(undefined)
  const done = () => {
    clear()
    list.reload()
  }
  return (
    <>
      <Head title="Findings" lead="Whatever left and is still let in, and whatever keeps that from being known.">
        <button type="button" class="button plain" onClick={() => setAsking({ what: 'keys' })}>
          Keys <kbd>?</kbd>
        </button>
      </Head>
      <FindingTabs current="findings" />
      <section class="panel" aria-label="Findings">
        <search class="filters">
          <FilterText name="q" label="Search" hint="Name, external id, system" />
          <FilterSelect name="state" label="State" choices={STATES} standard={STANDARD.state} />
          <FilterSelect name="severity" label="Severity" choices={SEVERITY_LABELS} />
          <FilterSelect name="kind" label="Kind" choices={KIND_LABELS} />
          <FilterSelect name="exempted" label="Exempted" choices={{ false: 'No', true: 'Yes' }} />
          <OneThing name="system" />
          <OneThing name="identity" />
        </search>
        <List
          label="Findings"
          list={list}
          rowKey={({ id }) => id}
          sort={sort}
          onSort={(by) => setFilters({ sort: by })}
          cursor={cursor}
          onCursor={setCursor}
          onOpen={(id) => go('findings', id)}
          picked={picked}
          columns={columnsOf(mayAct ? { picked, toggle } : undefined)}
          empty={<NoFindings state={state} filtered={Object.keys(rest).length > 0} />}
        />
        {picked.size === 0 ? undefined : (
          <section class="picked-bar" aria-label="What is picked">
            <b>{picked.size} picked</b>
            <button type="button" class="button first" onClick={() => ask('acknowledge')}>
              Acknowledge
            </button>
            <button type="button" class="button" onClick={() => ask('exempt')}>
              Exempt
            </button>
            <button type="button" class="button plain" onClick={clear}>
              Let go
            </button>
          </section>
        )}
      </section>
      {asking?.what === 'acknowledge' ? <AskAcknowledge findings={asking.of} onClose={close} onDone={done} /> : undefined}
      {asking?.what === 'exempt' ? <AskExempt findings={asking.of} onClose={close} onDone={done} /> : undefined}
      {asking?.what === 'keys' ? <KeysHelp onClose={close} /> : undefined}
    </>
  )
}

function stateQuery(state: string): Record<string, string> {
  return state === 'any' ? {} : { state }
}

/** A filter that a link set: which system or identity. */
function OneThing({ name }: { name: 'system' | 'identity' }): JSX.Element | null {
  if (filters()[name] === undefined) return null
  return (
    <button type="button" class="button" onClick={() => setFilters({ [name]: '' })}>
      One {name} only ✕
    </button>
  )
}

interface Picking {
  picked: ReadonlySet<string>
  toggle(id: string): void
}

/** Also used where the findings of one system or identity are listed. */
export function columnsOf(picking: Picking | undefined): Column<Finding>[] {
  return [
    ...(picking === undefined ? [] : [pickColumn(picking)]),
    {
      head: 'Finding',
      cell: (finding) => (
        <>
          <a class="primary" href={hrefOf('findings', finding.id)}>
            {KIND_LABELS[finding.kind]}
          </a>
          {finding.reason === null ? undefined : <span class="under">{humane(finding.reason)}</span>}
        </>
      ),
    },
    { head: 'Severity', sort: 'severity', cell: ({ severity }) => <SeverityMark severity={severity} /> },
    {
      head: 'Who',
      isVoid: ({ identity }) => identity === null,
      cell: ({ identity }) =>
        identity === null ? undefined : (
          <>
            <a href={hrefOf('identities', identity.id)}>{identity.name}</a>
            <span class="under">
              <IdentityKindMark kind={identity.kind} />
            </span>
          </>
        ),
    },
    {
      head: 'Where',
      isVoid: ({ system }) => system === null,
      cell: ({ system, credential }) =>
        system === null ? undefined : (
          <>
            <a href={hrefOf('systems', system.id)}>{system.name}</a>{' '}
            {system.tier === 'critical' ? <span class="tag critical">critical</span> : undefined}
            {credential === null ? undefined : <span class="under">{credential.label}</span>}
          </>
        ),
    },
    { head: 'State', cell: (finding) => <StateBadge state={finding.state} exempted={finding.exempted} /> },
    {
      head: 'Opened',
      sort: 'openedAt',
      cell: ({ openedAt, episode }) => (
        <>
          <Ago at={openedAt} />
          {episode > 1 ? <span class="under">episode {episode}</span> : undefined}
        </>
      ),
    },
    { head: 'Last seen', sort: 'lastSeenAt', cell: ({ lastSeenAt }) => <Ago at={lastSeenAt} /> },
  ]
}

function pickColumn({ picked, toggle }: Picking): Column<Finding> {
  return {
    head: '',
    cell: (finding) => (
      <label class="check">
        <input
          type="checkbox"
          checked={picked.has(finding.id)}
          disabled={finding.state === 'resolved'}
          onChange={() => toggle(finding.id)}
        />
        <span class="unseen">
          Pick {KIND_LABELS[finding.kind]} {finding.identity?.name} {finding.system?.name}
        </span>
      </label>
    ),
  }
}

function NoFindings({ state, filtered }: { state: string; filtered: boolean }): JSX.Element {
  if (filtered)
    return (
      <>
        <p class="strong">No finding fits these filters.</p>
        <p>
          <a href={hrefOf('findings')}>Take the filters away</a>
        </p>
      </>
    )
  if (state !== STANDARD.state && state !== 'open') return <p class="strong">There are none.</p>
  return (
    <>
      <p class="strong">Nothing is open.</p>
      <p>
        That is worth as much as the coverage is: look at <a href={hrefOf('overview')}>how much could be judged</a> before you
        take it for good news.
      </p>
    </>
  )
}
