import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { SinkTestAnswer } from '../../api/schemas/actions.ts'
import type { Delivery } from '../../api/schemas/alert.ts'
import type { Sink } from '../../api/schemas/sink.ts'
import { act } from '../act.ts'
import { Badge } from '../parts/badge.tsx'
import { DeliveryBadge } from '../parts/deliveries.tsx'
import { Dialog } from '../parts/dialog.tsx'
import type { IconName } from '../parts/icon.tsx'
import { Ago, MaybeAgo } from '../parts/moment.tsx'
import { Panel } from '../parts/panel.tsx'
import { List } from '../parts/table.tsx'
import { hrefOf } from '../place.ts'
import { useList } from '../read.ts'
import { may } from '../session.ts'
import { coarse } from '../time.ts'
import { countOf, eventLabel, figure, type Look } from '../words.ts'

const STATES: Record<Sink['state'], { look: Look; label: string; icon: IconName }> = {
  idle: { look: 'closed', label: 'Well', icon: 'check' },
  waiting: { look: 'plain', label: 'On its way', icon: 'reload' },
  failing: { look: 'doubt', label: 'Failing', icon: 'question' },
  dead: { look: 'open', label: 'Gave up', icon: 'close' },
  gone: { look: 'open', label: 'Gone for good', icon: 'close' },
  broken: { look: 'open', label: 'Cannot be opened', icon: 'close' },
  removed: { look: 'none', label: 'Not configured', icon: 'dash' },
}

/** Who is told, and whether it reaches them. */
export function Receivers(): JSX.Element {
  const sinks = useList<Sink>('/v1/sinks', { topics: ['delivery'] })
  const dead = useList<Delivery>('/v1/deliveries', { query: { state: 'dead' }, topics: ['delivery'] })
  const [tested, setTested] = useState<SinkTestAnswer>()
  const [testing, setTesting] = useState<string>()
  const test = async (name: string) => {
    setTesting(name)
    setTested(
      await act<SinkTestAnswer>(`/v1/sinks/${encodeURIComponent(name)}/test`, ({ taken }) =>
        taken ? `${name} took the sample.` : `${name} did not take the sample.`,
      ),
    )
    setTesting(undefined)
    sinks.reload()
  }
  const redrive = async (body: { sink: string } | { id: string }) => {
    await act<{ redriven: number }>(
      '/v1/deliveries/redrive',
      ({ redriven }) => `${countOf(redriven, 'delivery', 'deliveries')} on the way again.`,
      { body },
    )
    sinks.reload()
    dead.reload()
  }
  return (
    <div class="stack">
      <Panel title="Receivers" flush>
        <List
          label="Receivers"
          list={sinks}
          rowKey={({ name }) => name}
          columns={[
            {
              head: 'Receiver',
              cell: ({ name, kind, format }) => (
                <>
                  <b>{name}</b>
                  <span class="under">{[kind, format].filter((each) => each !== null).join(', ')}</span>
                </>
              ),
            },
            {
              head: 'State',
              cell: ({ state, fault, lastFailure }) => (
                <>
                  <Badge {...STATES[state]} />
                  {(fault ?? lastFailure?.detail ?? null) === null ? undefined : (
                    <span class="under">{fault ?? lastFailure?.detail}</span>
                  )}
                </>
              ),
            },
            {
              head: 'Takes',
              cell: ({ minSeverity, kinds }) =>
                `${minSeverity ?? 'any severity'}${minSeverity === null ? '' : ' and above'}${kinds === null ? '' : `, ${kinds.length} kinds`}`,
            },
            { head: 'Waiting', number: true, cell: ({ pending }) => figure(pending) },
            {
              head: 'Given up',
              number: true,
              cell: ({ dead: given }) => (given > 0 ? <b class="overdue">{figure(given)}</b> : '0'),
            },
            {
              head: 'Last taken',
              cell: ({ lastDeliveredAt, lastLagMs }) => (
                <>
                  <MaybeAgo at={lastDeliveredAt} otherwise="never" />
                  {lastLagMs === null ? undefined : (
                    <span class="under">
                      {lastLagMs < 1000 ? `${Math.round(lastLagMs)} ms` : coarse(lastLagMs)} after the alert
                    </span>
                  )}
                </>
              ),
            },
            {
              head: '',
              isVoid: ({ state }) => state === 'removed' || !may('operate'),
              cell: ({ name, state, dead: given }) =>
                may('operate') && state !== 'removed' ? (
                  <span class="row">
                    <button type="button" class="button" disabled={testing !== undefined} onClick={() => test(name)}>
                      {testing === name ? 'Testing …' : 'Test'}
                    </button>
                    {given > 0 ? (
                      <button type="button" class="button" onClick={() => redrive({ sink: name })}>
                        Send again
                      </button>
                    ) : undefined}
                  </span>
                ) : undefined,
            },
          ]}
          empty={
            <>
              <p class="strong">Nobody is told.</p>
              <p>
                Receivers stand in the configuration file under <code>alerts:</code>. Until one does, whoever wants to know has to
                look here.
              </p>
            </>
          }
        />
      </Panel>
      <Panel title="Given up" note="deliveries that nobody took in three days" flush>
        <List
          label="Deliveries given up"
          list={dead}
          rowKey={({ id }) => id}
          columns={[
            {
              head: 'Alert',
              cell: ({ alert }) => (
                <>
                  <a class="primary" href={hrefOf('findings', alert.findingId)}>
                    {alert.title}
                  </a>
                  <span class="under">{eventLabel(alert.event)}</span>
                </>
              ),
            },
            { head: 'Receiver', cell: ({ sink }) => sink },
            { head: 'State', cell: ({ state }) => <DeliveryBadge state={state} /> },
            { head: 'Why', cell: ({ detail }) => detail ?? '–' },
            { head: 'When', cell: ({ finishedAt, createdAt }) => <Ago at={finishedAt ?? createdAt} /> },
            {
              head: '',
              isVoid: () => !may('operate'),
              cell: ({ id }) =>
                may('operate') ? (
                  <button type="button" class="button" onClick={() => redrive({ id })}>
                    Send again
                  </button>
                ) : undefined,
            },
          ]}
          empty={<p>None: every alert was taken, or is on its way.</p>}
        />
      </Panel>
      {tested === undefined ? undefined : <Tested answer={tested} onClose={() => setTested(undefined)} />}
    </div>
  )
}

function Tested({ answer, onClose }: { answer: SinkTestAnswer; onClose(): void }): JSX.Element {
  const { sink, kind, taken, title, dedupKey, latencyMs, detail, error, mend } = answer
  return (
    <Dialog title={taken ? `${sink} took the sample` : `${sink} did not take the sample`} onClose={onClose}>
      <dl class="facts">
        <dt>Sent by</dt>
        <dd>
          {kind}, answered within {figure(latencyMs)} ms
        </dd>
        <dt>Look there for</dt>
        <dd>{title}</dd>
        <dt>Key</dt>
        <dd class="mono">{dedupKey}</dd>
        {Object.entries(detail).map(([name, value]) => (
          <>
            <dt key={name}>{name}</dt>
            <dd class="mono">{String(value)}</dd>
          </>
        ))}
        {error === null ? undefined : (
          <>
            <dt>Error</dt>
            <dd>{error}</dd>
          </>
        )}
        {mend === null ? undefined : (
          <>
            <dt>What to do</dt>
            <dd>{mend}</dd>
          </>
        )}
      </dl>
      <div class="row end">
        <button type="button" class="button first" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  )
}
