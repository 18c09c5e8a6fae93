import type { JSX } from 'preact'
import type { Overview } from '../../api/schemas/overview.ts'
import { FINDING_KINDS, SEVERITIES } from '../../domain/finding.ts'
import { Afterwards } from '../parts/afterwards.tsx'
import { SeverityMark } from '../parts/badge.tsx'
import { Doors } from '../parts/doors.tsx'
import { Happened } from '../parts/events.tsx'
import { Head } from '../parts/head.tsx'
import { Ago, Next } from '../parts/moment.tsx'
import { Panel } from '../parts/panel.tsx'
import { Legend, type Part, PartsBar } from '../parts/parts-bar.tsx'
import { LatencyPlot, SurvivalPlot } from '../parts/plots.tsx'
import { Empty, Shown } from '../parts/states.tsx'
import { Table } from '../parts/table.tsx'
import { hrefOf } from '../place.ts'
import { useRead } from '../read.ts'
import { coarse } from '../time.ts'
import { countOf, figure, KIND_LABELS, percent } from '../words.ts'

/** The answer is cached so long by the daemon. */
const SETTLE_MS = 6_000

/** One look: is anybody let in who left? */
export function OverviewView(): JSX.Element {
  const reading = useRead<Overview>('/v1/overview', { topics: ['finding', 'trial', 'operator'], settleMs: SETTLE_MS })
  return (
    <>
      <Head title="Overview" lead={reading.value === undefined ? undefined : <Counted overview={reading.value} />} />
      <Shown reading={reading} rows={14}>
        {(overview) => (
          <div class="stack">
            <Notices overview={overview} />
            <Doors overview={overview} />
            <Afterwards rows={24}>
              <div class="look">
                <Findings findings={overview.findings} />
                <Coverage coverage={overview.coverage} />
                <Latency latency={overview.latency} />
                <Survival survival={overview.survival} />
              </div>
              <Happened title="What happened last" events={overview.events} />
            </Afterwards>
          </div>
        )}
      </Shown>
    </>
  )
}

function Counted({ overview }: { overview: Overview }): JSX.Element {
  const { at, dueNow, nextDueAt } = overview
  return (
    <p>
      Counted <Ago at={at} />.{' '}
      {dueNow > 0 ? `${countOf(dueNow, 'credential')} due now.` : nextDueAt === null ? undefined : 'Next trial '}
      {dueNow > 0 || nextDueAt === null ? undefined : <Next at={nextDueAt} />}
    </p>
  )
}

function Notices({ overview }: { overview: Overview }): JSX.Element {
  const { paused, pausedSystems, replicas } = overview
  return (
    <>
      {paused === null ? undefined : (
        <p class="banner" role="status">
          <strong>Everything is paused</strong> by {paused.by}, <Ago at={paused.at} />
          {paused.note === '' ? '.' : `: ${paused.note}.`} Nothing is tried, and nothing below becomes truer.{' '}
          <a href={hrefOf('systems')}>Systems</a>
        </p>
      )}
      {pausedSystems === 0 ? undefined : (
        <p class="banner" role="status">
          {countOf(pausedSystems, 'system is', 'systems are')} paused.{' '}
          <a href={hrefOf('systems', undefined, { state: 'paused' })}>Which</a>
        </p>
      )}
      {replicas.alive > 0 ? undefined : (
        <p class="banner" role="status">
          <strong>No replica has shown a sign of life</strong> for three minutes: nothing is tried. Its log says why.
        </p>
      )}
    </>
  )
}

function Findings({ findings }: { findings: Overview['findings'] }): JSX.Element {
  const { unresolved, unacknowledged, counts } = findings
  const rows = SEVERITIES.toReversed().map((severity) => {
    const mine = counts.filter((each) => each.severity === severity)
    return { severity, count: sum(mine) }
  })
  const most = Math.max(1, ...rows.map(({ count }) => count))
  const kinds = FINDING_KINDS.map((kind) => [kind, sum(counts.filter((each) => each.kind === kind))] as const)
    .filter(([, count]) => count > 0)
    .toSorted(([, a], [, b]) => b - a)
  return (
    <Panel
      title="Open findings"
      note={
        unresolved === 0 ? 'none' : `${figure(unresolved)} unresolved, ${figure(unacknowledged)} that nobody has taken note of`
      }
    >
      <ul class="tally">
        {rows.map(({ severity, count }) => (
          <li key={severity}>
            <a href={hrefOf('findings', undefined, { severity })}>
              <SeverityMark severity={severity} />
            </a>
            <div class="parts thin" aria-hidden="true">
              {count === 0 ? undefined : <span class={`ground-${severity}`} style={{ width: `${(count / most) * 100}%` }} />}
            </div>
            <b>{figure(count)}</b>
          </li>
        ))}
      </ul>
      {kinds.length === 0 ? undefined : (
        <ul class="kinds">
          {kinds.map(([kind, count]) => (
            <li key={kind}>
              <a href={hrefOf('findings', undefined, { kind })}>{KIND_LABELS[kind]}</a> <b>{figure(count)}</b>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  )
}

function sum(counts: Overview['findings']['counts']): number {
  return counts.reduce((total, each) => total + each.open + each.acknowledged, 0)
}

function Coverage({ coverage }: { coverage: Overview['coverage'] }): JSX.Element {
  const { credentials, verified, blind, overdue, pending, systems } = coverage
  const parts = coverageParts({ verified, blind, overdue, pending })
  return (
    <Panel title="Coverage" note="how much of this can be relied on">
      {credentials === 0 ? (
        <p class="soft">No credential of anybody who left is known.</p>
      ) : (
        <div class="stack tight">
          <p>
            <b>{percent(verified, credentials)} %</b> of {countOf(credentials, 'credential')} of those who left are judged and up
            to date.
          </p>
          <PartsBar parts={parts} />
          <Legend parts={parts} show={figure} />
          <Table
            label="Coverage by system"
            rows={systems}
            rowKey={({ system }) => system.id}
            columns={[
              {
                head: 'System',
                cell: ({ system }) => (
                  <a class="primary" href={hrefOf('systems', system.id)}>
                    {system.name}
                  </a>
                ),
              },
              { head: 'Verified', number: true, cell: (row) => `${figure(row.verified)} of ${figure(row.credentials)}` },
              {
                head: 'Not judged',
                number: true,
                cell: (row) => (
                  <span class={row.blind + row.overdue > 0 ? 'strong' : 'soft'}>{figure(row.blind + row.overdue)}</span>
                ),
              },
              {
                head: 'Blind since',
                cell: ({ blindSince }) => (blindSince === null ? <span class="soft">–</span> : <Ago at={blindSince} />),
              },
            ]}
          />
        </div>
      )}
    </Panel>
  )
}

function coverageParts(of: { verified: number; blind: number; overdue: number; pending: number }): Part[] {
  return [
    { label: 'verified', count: of.verified, ground: 'closed' },
    { label: 'could not be judged', count: of.blind, ground: 'doubt' },
    { label: 'overdue', count: of.overdue, ground: 'open' },
    { label: 'not tried yet', count: of.pending, ground: 'quiet' },
  ]
}

function Latency({ latency }: { latency: Overview['latency'] }): JSX.Element {
  const { days, closed, medianMs, p90Ms, inTime, late, overdue, running } = latency
  return (
    <Panel title="Time to revoke" note={`from the termination to the first proven refusal, those who left in ${days} days`}>
      {closed + overdue + running === 0 ? (
        <p class="soft">Nothing to measure yet.</p>
      ) : (
        <>
          <dl class="figures">
            <div>
              <dt>Median</dt>
              <dd>{medianMs === null ? '–' : coarse(medianMs)}</dd>
            </div>
            <div>
              <dt>Nine in ten within</dt>
              <dd>{p90Ms === null ? '–' : coarse(p90Ms)}</dd>
            </div>
            <div>
              <dt>Closed in time</dt>
              <dd>
                {figure(inTime)}{' '}
                <small>
                  of {figure(closed)}, {figure(late)} late
                </small>
              </dd>
            </div>
            <div>
              <dt>Overdue now</dt>
              <dd class={overdue > 0 ? 'overdue' : ''}>
                {figure(overdue)} <small>and {figure(running)} still in time</small>
              </dd>
            </div>
          </dl>
          {closed === 0 ? undefined : <LatencyPlot systems={latency.systems} />}
        </>
      )}
    </Panel>
  )
}

function Survival({ survival }: { survival: Overview['survival'] }): JSX.Element {
  const { days, medianMinutes, steps } = survival
  return (
    <Panel
      title="Credentials that outlive their owner"
      note={medianMinutes === null ? `those who left in ${days} days` : `half are closed after ${coarse(medianMinutes * 60_000)}`}
    >
      {steps.length === 0 ? (
        <Empty>
          <p>The curve begins with the first credential that was tried after its identity had left.</p>
        </Empty>
      ) : (
        <SurvivalPlot survival={survival} />
      )}
    </Panel>
  )
}
