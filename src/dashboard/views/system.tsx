import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { Finding } from '../../api/schemas/finding.ts'
import type { SystemDetail } from '../../api/schemas/system.ts'
import type { Trial } from '../../api/schemas/trial.ts'
import { Badge } from '../parts/badge.tsx'
import { Head } from '../parts/head.tsx'
import { InventoryPanel } from '../parts/inventory.tsx'
import { Ago, At } from '../parts/moment.tsx'
import { Panel } from '../parts/panel.tsx'
import { Empty, Shown } from '../parts/states.tsx'
import { Actions, type Asking, AskPause, AskRebind } from '../parts/system-actions.tsx'
import { About, Controls, Limits } from '../parts/system-facts.tsx'
import { SystemState } from '../parts/system-state.tsx'
import { List, Table } from '../parts/table.tsx'
import { hrefOf } from '../place.ts'
import { useList, useRead } from '../read.ts'
import { may } from '../session.ts'
import { coarse } from '../time.ts'
import { figure, GAP_LABELS, humane } from '../words.ts'
import { columnsOf } from './findings.tsx'

/** One system: can it be seen, what does it cost it, what was found there. */
export function SystemView({ id }: { id: string }): JSX.Element {
  const reading = useRead<SystemDetail>(`/v1/systems/${id}`, { topics: ['trial', 'finding', 'operator'], settleMs: 6_000 })
  const [asking, setAsking] = useState<Asking>()
  const system = reading.value
  return (
    <>
      <Head
        title={system?.name ?? 'System'}
        up={{ href: hrefOf('systems'), label: 'Systems' }}
        lead={system === undefined ? undefined : <Lead system={system} />}
      >
        {system === undefined || !may('operate') || system.state === 'retired' ? undefined : (
          <Actions system={system} ask={setAsking} reload={reading.reload} />
        )}
      </Head>
      <Shown reading={reading} rows={12}>
        {(value) => (
          <div class="stack">
            <Notice system={value} />
            <div class="grid">
              <Controls system={value} />
              <Limits system={value} />
              <About system={value} />
            </div>
            <InventoryPanel systemId={id} />
            <Findings id={id} />
            <Trials trials={value.trials} />
            <Gaps gaps={value.gaps} />
          </div>
        )}
      </Shown>
      {asking === 'pause' ? <AskPause id={id} onClose={() => setAsking(undefined)} onDone={reading.reload} /> : undefined}
      {asking === 'rebind' && system !== undefined ? (
        <AskRebind system={system} onClose={() => setAsking(undefined)} onDone={reading.reload} />
      ) : undefined}
    </>
  )
}

function Lead({ system }: { system: SystemDetail }): JSX.Element {
  return (
    <div class="row">
      <SystemState system={system} />
      {system.tier === 'standard' ? undefined : <span class={`tag ${system.tier}`}>{system.tier}</span>}
      <span class="wrap">
        {system.probe} · {system.origin}
      </span>
    </div>
  )
}

function Notice({ system: { pause, hold, blindSince } }: { system: SystemDetail }): JSX.Element {
  return (
    <>
      {pause === null ? undefined : (
        <p class="banner" role="status">
          <strong>Paused</strong> by {pause.by}, <Ago at={pause.at} />
          {pause.note === '' ? '.' : `: ${pause.note}`}
        </p>
      )}
      {hold === null ? undefined : (
        <p class="banner" role="status">
          <strong>Left alone</strong> until <At at={hold.until} />
          {hold.reason === null ? '.' : `: ${humane(hold.reason)}.`}
        </p>
      )}
      {blindSince === null ? undefined : (
        <p class="banner" role="status">
          <strong>What is due here has not been tried</strong> since <At at={blindSince} />.
        </p>
      )}
    </>
  )
}

function Findings({ id }: { id: string }): JSX.Element {
  const list = useList<Finding>('/v1/findings', {
    query: { system: id, state: 'unresolved', sort: '-severity' },
    topics: ['finding'],
  })
  return (
    <Panel title="Open findings" flush>
      <List
        label="Open findings here"
        list={list}
        rowKey={(finding) => finding.id}
        columns={columnsOf(undefined)}
        empty={<p>None here.</p>}
      />
    </Panel>
  )
}

const OUTCOMES: Record<NonNullable<Trial['outcome']>, string> = {
  completed: 'completed',
  void: 'void: a decoy was accepted',
  unjudged: 'could not be judged',
  blind: 'blind: the canary failed',
  held: 'held back',
  stopped: 'stopped',
  unfinished: 'cut short',
}

function Trials({ trials }: { trials: readonly Trial[] }): JSX.Element {
  return (
    <Panel title="Last trials" flush>
      {trials.length === 0 ? (
        <Empty>
          <p>None yet. A trial starts as soon as a credential of somebody who left is due here.</p>
        </Empty>
      ) : (
        <Table
          label="Last trials"
          rows={trials}
          rowKey={({ id }) => id}
          columns={[
            { head: 'Began', cell: ({ startedAt }) => <Ago at={startedAt} /> },
            {
              head: 'Took',
              cell: ({ startedAt, finishedAt }) =>
                finishedAt === null ? (
                  <span class="soft">runs</span>
                ) : (
                  `${((Date.parse(finishedAt) - Date.parse(startedAt)) / 1000).toFixed(1)} s`
                ),
            },
            {
              head: 'Outcome',
              cell: ({ outcome }) =>
                outcome === null ? (
                  <span class="soft">–</span>
                ) : outcome === 'completed' ? (
                  'completed'
                ) : (
                  <Badge look="doubt" label={OUTCOMES[outcome]} />
                ),
            },
            {
              head: 'Accepted',
              number: true,
              cell: ({ accepted }) => (accepted > 0 ? <b class="overdue">{figure(accepted)}</b> : '0'),
            },
            { head: 'Refused', number: true, cell: ({ rejected }) => figure(rejected) },
            { head: 'Not judged', number: true, cell: ({ inconclusive }) => figure(inconclusive) },
            { head: 'By', cell: ({ instance }) => instance },
            {
              head: 'Trace',
              cell: ({ traceId }) => (
                <span class="mono soft" title={traceId}>
                  {traceId.slice(0, 8)}…
                </span>
              ),
            },
          ]}
        />
      )}
    </Panel>
  )
}

function Gaps({ gaps }: { gaps: SystemDetail['gaps'] }): JSX.Element {
  return (
    <Panel title="Blind time" note="when what was due was not tried" flush>
      {gaps.length === 0 ? (
        <Empty>
          <p>None: whatever fell due here was tried.</p>
        </Empty>
      ) : (
        <Table
          label="Blind time"
          rows={gaps}
          rowKey={({ from, reason }) => `${from}${reason}`}
          columns={[
            { head: 'From', cell: ({ from }) => <At at={from} /> },
            { head: 'Until', cell: ({ to }) => (to === null ? <b>it lasts</b> : <At at={to} />) },
            {
              head: 'For',
              cell: ({ from, to }) => coarse((to === null ? Date.now() : Date.parse(to)) - Date.parse(from)),
            },
            { head: 'Why', cell: ({ reason }) => GAP_LABELS[reason] },
            { head: 'Credentials', number: true, cell: ({ credentials }) => figure(credentials) },
          ]}
        />
      )}
    </Panel>
  )
}
