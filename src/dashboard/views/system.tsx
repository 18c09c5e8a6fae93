import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { ScanAnswer } from '../../api/schemas/actions.ts'
import type { Finding } from '../../api/schemas/finding.ts'
import type { SystemDetail } from '../../api/schemas/system.ts'
import type { Trial } from '../../api/schemas/trial.ts'
import { act, textOf } from '../act.ts'
import { send } from '../api.ts'
import { Badge, ControlBadge } from '../parts/badge.tsx'
import { Ask } from '../parts/dialog.tsx'
import { Field } from '../parts/field.tsx'
import { Head } from '../parts/head.tsx'
import { Ago, At, MaybeAgo } from '../parts/moment.tsx'
import { Panel } from '../parts/panel.tsx'
import { PartsBar } from '../parts/parts-bar.tsx'
import { Empty, Shown } from '../parts/states.tsx'
import { SystemState } from '../parts/system-state.tsx'
import { List, Table } from '../parts/table.tsx'
import { say } from '../parts/toast.tsx'
import { hrefOf } from '../place.ts'
import { useList, useRead } from '../read.ts'
import { scanned } from '../scanned.ts'
import { may } from '../session.ts'
import { coarse } from '../time.ts'
import { ASSURANCE_LABELS, CONTROL_LABELS, countOf, figure, GAP_LABELS, humane } from '../words.ts'
import { columnsOf } from './findings.tsx'
import { Credentials } from './identities.tsx'

type Asking = 'pause' | 'rebind' | undefined

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
      <SystemState state={system.state} />
      {system.tier === 'standard' ? undefined : <span class={`tag ${system.tier}`}>{system.tier}</span>}
      <span class="wrap">
        {system.probe} · {system.origin}
      </span>
    </div>
  )
}

function Actions({ system, ask, reload }: { system: SystemDetail; ask(what: Asking): void; reload(): void }): JSX.Element {
  const base = `/v1/systems/${system.id}`
  const resume = async () => {
    await act<{ changed: boolean }>(`${base}/resume`, ({ changed }) =>
      changed ? 'Its trials go on.' : 'It was not paused by itself.',
    )
    reload()
  }
  return (
    <>
      <button type="button" class="button first" onClick={() => act<ScanAnswer>(`${base}/scan`, scanned)}>
        Scan now
      </button>
      {system.state === 'rebind' && may('administer') ? (
        <button type="button" class="button harm" onClick={() => ask('rebind')}>
          Rebind
        </button>
      ) : undefined}
      {system.pause === null ? (
        <button type="button" class="button" onClick={() => ask('pause')}>
          Pause
        </button>
      ) : (
        <button type="button" class="button" onClick={resume}>
          Resume
        </button>
      )}
    </>
  )
}

function AskPause({ id, onClose, onDone }: { id: string; onClose(): void; onDone(): void }): JSX.Element {
  return (
    <Ask
      title="Pause this system"
      what={<p>No credential is tried there until somebody resumes. The time is recorded as a gap in the evidence.</p>}
      action="Pause"
      onClose={onClose}
      submit={async (form) => {
        const note = textOf(form, 'note')
        await send('POST', `/v1/systems/${id}/pause`, { body: note === undefined ? {} : { note } })
        say('Paused.')
        onDone()
      }}
    >
      <Field label="Why, for the record">
        <textarea name="note" maxLength={1_000} />
      </Field>
    </Ask>
  )
}

function AskRebind({ system, onClose, onDone }: { system: SystemDetail; onClose(): void; onDone(): void }): JSX.Element {
  return (
    <Ask
      title={`Rebind the secrets of ${system.name}`}
      what={
        <dl class="facts">
          <dt>Registered for</dt>
          <dd class="mono">{system.boundOrigin}</dd>
          <dt>From now on for</dt>
          <dd class="mono">{system.origin}</dd>
          <dt>What follows</dt>
          <dd>Every secret of this system is sent to the new address. Do it only if you know that it is the same system.</dd>
        </dl>
      }
      action="Rebind"
      harm
      onClose={onClose}
      submit={async () => {
        const { resealed, broken } = await send<{ resealed: number; broken: string[] }>('POST', `/v1/systems/${system.id}/rebind`)
        say(
          `${countOf(resealed, 'secret')} bound anew.${broken.length === 0 ? '' : ` ${broken.length} do not open and were left as they are.`}`,
          broken.length > 0,
        )
        onDone()
      }}
    />
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

function Controls({ system: { controls, canary } }: { system: SystemDetail }): JSX.Element {
  return (
    <Panel title="Controls" note={controls === null ? undefined : ASSURANCE_LABELS[controls.assurance]}>
      {controls === null ? (
        <p class="soft">None since its configuration changed: the next trial asks them first.</p>
      ) : (
        <dl class="facts">
          {controls.answers.map(({ control, verdict, reason }) => (
            <>
              <dt key={control}>{CONTROL_LABELS[control]}</dt>
              <dd>
                <ControlBadge control={control} verdict={verdict} /> {humane(reason)}
              </dd>
            </>
          ))}
          <dt>Asked</dt>
          <dd>
            <Ago at={controls.at} />, they serve until <At at={controls.validUntil} />
          </dd>
        </dl>
      )}
      {canary === 'missing' ? (
        <p class="said">
          No canary: a refusal here is explicit, not controlled. A live credential in <code>controls.canary</code> of the
          configuration makes it so.
        </p>
      ) : undefined}
    </Panel>
  )
}

function Limits({ system: { limits, lockoutBudget: budget, breakerFailures, schedule } }: { system: SystemDetail }): JSX.Element {
  return (
    <Panel title="Limits and what is used of them">
      {limits === null ? (
        <p class="soft">The configuration does not name it: it is not tried.</p>
      ) : (
        <dl class="facts">
          <dt>Rate</dt>
          <dd>
            {figure(limits.rate.count)} in {coarse(limits.rate.perMs)}, {limits.concurrency} at a time
          </dd>
          <dt>Wrong tries</dt>
          <dd>
            {figure(limits.failuresPerPrincipal.count)} of one account in {coarse(limits.failuresPerPrincipal.perMs)}
          </dd>
          {budget === null ? undefined : (
            <>
              <dt>Lockout budget</dt>
              <dd>
                <PartsBar
                  thin
                  parts={[
                    { label: 'spent', count: budget.mostSpent, ground: budget.mostSpent >= budget.limit ? 'open' : 'closed' },
                    { label: 'left', count: Math.max(0, budget.limit - budget.mostSpent), ground: 'quiet' },
                  ]}
                />
                {figure(budget.mostSpent)} of {figure(budget.limit)} at most, {countOf(budget.accounts, 'account')}
                <span class="under small soft"> realm {budget.realm}</span>
              </dd>
              <dt>Locked, used up</dt>
              <dd class={budget.locked + budget.exhausted > 0 ? 'strong' : ''}>
                {figure(budget.locked)} locked, {figure(budget.exhausted)} used up
                {budget.nextFreeAt === null ? undefined : (
                  <>
                    , free again <Ago at={budget.nextFreeAt} />
                  </>
                )}
              </dd>
            </>
          )}
          <dt>Answer within</dt>
          <dd>{coarse(limits.timeoutMs)}</dd>
          <dt>Breaker</dt>
          <dd>{breakerFailures === 0 ? 'no failure in a row' : `${countOf(breakerFailures, 'failed trial')} in a row`}</dd>
          <dt>Schedule</dt>
          <dd>
            {schedule === null ? (
              'whenever something is due'
            ) : (
              <>
                <code>{schedule.expression}</code> <MaybeAgo at={schedule.nextAt} otherwise="" />
              </>
            )}
          </dd>
        </dl>
      )}
    </Panel>
  )
}

function About({ system }: { system: SystemDetail }): JSX.Element {
  return (
    <Panel title="About">
      <dl class="facts">
        <dt>Credentials</dt>
        <dd>
          <Credentials counts={system.credentials} />
        </dd>
        <dt>Next</dt>
        <dd>
          {system.dueNow > 0 ? (
            <b>{figure(system.dueNow)} due now</b>
          ) : (
            <MaybeAgo at={system.nextDueAt} otherwise="nothing due" />
          )}
        </dd>
        <dt>Owner</dt>
        <dd>{system.owner ?? '–'}</dd>
        <dt>Runbook</dt>
        <dd>
          {system.runbook === null ? (
            '–'
          ) : (
            <a href={system.runbook} rel="noopener noreferrer" target="_blank">
              {new URL(system.runbook).host}
            </a>
          )}
        </dd>
        <dt>Zone</dt>
        <dd>{system.zone}</dd>
        <dt>Secrets open for</dt>
        <dd class="mono">{system.boundOrigin}</dd>
        <dt>May change</dt>
        <dd>{system.allowEffects.length === 0 ? 'nothing' : system.allowEffects.join(', ')}</dd>
        {system.pinnedPeer === null ? undefined : (
          <>
            <dt>Host key</dt>
            <dd class="mono">{system.pinnedPeer}</dd>
          </>
        )}
        <dt>Known since</dt>
        <dd>
          <At at={system.createdAt} />
        </dd>
      </dl>
    </Panel>
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
