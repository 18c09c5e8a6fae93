import type { JSX } from 'preact'
import type { Overview } from '../../api/schemas/overview.ts'
import { hrefOf } from '../place.ts'
import { eventLabel, humane, KIND_LABELS } from '../words.ts'
import { Icon, type IconName } from './icon.tsx'
import { Ago } from './moment.tsx'
import { Panel } from './panel.tsx'
import { Empty } from './states.tsx'

/** How an event looks: what went wrong, what came right, what somebody did. */
export function eventLook(event: string): { icon: IconName; look: string } {
  return LOOKS[event] ?? { icon: 'person', look: '' }
}

const LOOKS: Readonly<Record<string, { icon: IconName; look: string }>> = {
  opened: { icon: 'door', look: 'open' },
  reopened: { icon: 'door', look: 'open' },
  escalated: { icon: 'up', look: 'open' },
  reminded: { icon: 'findings', look: 'doubt' },
  resolved: { icon: 'shut', look: 'closed' },
  closed: { icon: 'shut', look: '' },
  acknowledged: { icon: 'check', look: '' },
  exempted: { icon: 'mute', look: '' },
  handed_over: { icon: 'pass', look: '' },
}

/** What happened last, the newest first. */
export function Happened({ title, events }: { title: string; events: Overview['events'] }): JSX.Element {
  return (
    <Panel title={title} flush>
      {events.length === 0 ? (
        <Empty>
          <p>Nothing yet.</p>
        </Empty>
      ) : (
        <ul class="events">
          {events.map(({ id, at, event, actor, subject, finding }) => {
            const { icon, look } = eventLook(event)
            return (
              <li key={id} class={look}>
                <Icon name={icon} />
                <span class="what">
                  {finding === null ? (
                    <>
                      <b>{actor ?? 'Revenant'}</b> {humane(event.replace('.', ' '))}{' '}
                      {subject === null ? undefined : <span class="soft">{subject}</span>}
                    </>
                  ) : (
                    <>
                      <a href={hrefOf('findings', finding.id)}>{KIND_LABELS[finding.kind]}</a> {eventLabel(event)}
                      {finding.identity === null ? undefined : <b> {finding.identity}</b>}
                      {finding.system === null ? undefined : ` at ${finding.system}`}
                      {actor === null ? undefined : <span class="soft"> by {actor}</span>}
                    </>
                  )}
                </span>
                <span class="when">
                  <Ago at={at} />
                </span>
              </li>
            )
          })}
        </ul>
      )}
    </Panel>
  )
}
