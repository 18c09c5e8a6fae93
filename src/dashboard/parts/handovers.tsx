import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { Handover } from '../../api/schemas/ownership.ts'
import { hrefOf } from '../place.ts'
import { useList } from '../read.ts'
import { may } from '../session.ts'
import { figure, type Look } from '../words.ts'
import { Badge } from './badge.tsx'
import type { IconName } from './icon.tsx'
import { Ago } from './moment.tsx'
import { AskChange } from './ownership-actions.tsx'
import { Panel } from './panel.tsx'
import { List } from './table.tsx'

const STATES: Record<Handover['state'], { look: Look; label: string; icon: IconName }> = {
  running: { look: 'plain', label: 'Running', icon: 'pass' },
  overdue: { look: 'open', label: 'Overdue', icon: 'findings' },
  done: { look: 'closed', label: 'Done', icon: 'check' },
  empty: { look: 'none', label: 'Nothing in it', icon: 'dash' },
  cancelled: { look: 'none', label: 'Cancelled', icon: 'dash' },
}

/** What was agreed about what an identity held, or takes over, and what has become of it. */
export function Handovers({ id }: { id: string }): JSX.Element {
  const list = useList<Handover>('/v1/handovers', { query: { identity: id }, topics: ['operator', 'finding', 'trial'] })
  const [asking, setAsking] = useState<{ handover: Handover; what: 'postpone' | 'cancel' }>()
  return (
    <Panel title="Handovers" flush>
      <List
        label="Agreements"
        list={list}
        rowKey={(handover) => handover.id}
        columns={[
          { head: 'Between', cell: (handover) => <Between handover={handover} /> },
          {
            head: 'State',
            cell: ({ state, by }) => (
              <>
                <Badge {...STATES[state]} />
                <span class="under">
                  by <Ago at={by} />
                </span>
              </>
            ),
          },
          {
            head: 'Refused',
            cell: ({ credentials: { total, refused, retired, open } }) => (
              <>
                {figure(refused)} of {figure(total)}
                {retired === 0 ? undefined : <span class="under">{figure(retired)} off the list without that proof</span>}
                {open === 0 ? undefined : <span class="under overdue">{figure(open)} still let in</span>}
              </>
            ),
          },
          {
            head: '',
            isVoid: (handover) => !isRunning(handover),
            cell: (handover) =>
              isRunning(handover) ? (
                <span class="row">
                  <button type="button" class="button" onClick={() => setAsking({ handover, what: 'postpone' })}>
                    Another date
                  </button>
                  <button type="button" class="button" onClick={() => setAsking({ handover, what: 'cancel' })}>
                    Cancel it
                  </button>
                </span>
              ) : undefined,
          },
        ]}
        empty={<p>No handover was agreed.</p>}
      />
      {asking === undefined ? undefined : <AskChange {...asking} onClose={() => setAsking(undefined)} onDone={list.reload} />}
    </Panel>
  )
}

function isRunning({ state }: Handover): boolean {
  return (state === 'running' || state === 'overdue') && may('operate')
}

function Between({ handover: { leaver, receiver, note, createdBy } }: { handover: Handover }): JSX.Element {
  return (
    <>
      <a href={hrefOf('identities', leaver.id)}>{leaver.name}</a> to{' '}
      <a href={hrefOf('identities', receiver.id)}>{receiver.name}</a>
      <span class="under">
        {note === null ? '' : `${note}, `}by {createdBy}
      </span>
    </>
  )
}
