import type { JSX } from 'preact'
import type { TimelineItem } from '../../api/schemas/finding.ts'
import { useList } from '../read.ts'
import { local, localDay, utc } from '../time.ts'
import { type Answer, ASSURANCE_LABELS, answerLook, CONTROL_LABELS, eventLabel, humane, type Look } from '../words.ts'
import { ControlBadge, lookIcon, SeverityMark, VerdictBadge } from './badge.tsx'
import { eventLook } from './events.tsx'
import { Icon, type IconName } from './icon.tsx'
import { Panel } from './panel.tsx'
import { Empty, Ghosts, Problem } from './states.tsx'
import { More } from './table.tsx'

/** Everything that happened around a finding, the newest first: its events, each observation, each control. */
export function Timeline({ id }: { id: string }): JSX.Element {
  const list = useList<TimelineItem>(`/v1/findings/${id}/timeline`, { topics: ['finding', 'trial'] })
  const { items, error } = list
  return (
    <Panel title="Timeline" flush>
      {error === undefined ? undefined : <Problem error={error} retry={list.reload} />}
      {items === undefined ? (
        error === undefined ? (
          <Ghosts />
        ) : undefined
      ) : items.length === 0 ? (
        <Empty>
          <p>Nothing is kept of it any more: observations go when their retention ends.</p>
        </Empty>
      ) : (
        <>
          <ol class="events">
            {items.map((item) => (
              <Item key={`${item.type}${item.id}`} item={item} />
            ))}
          </ol>
          <More list={list} />
        </>
      )}
    </Panel>
  )
}

function Item({ item }: { item: TimelineItem }): JSX.Element {
  const { icon, look } =
    item.type === 'event'
      ? eventLook(item.event)
      : item.type === 'control'
        ? { icon: 'dash' as const, look: '' }
        : observationLook(item)
  const index = item.ledger === null ? undefined : `entry ${item.ledger.index} of the log`
  return (
    <li class={look}>
      <Icon name={icon} />
      <span class="what">
        {item.type === 'event' ? (
          <EventWords item={item} />
        ) : item.type === 'control' ? (
          <ControlWords item={item} />
        ) : (
          <ObservationWords item={item} />
        )}
      </span>
      <time class="when" dateTime={item.at} title={`${utc(item.at)}${index === undefined ? '' : ` · ${index}`}`}>
        {isToday(item.at) ? local(item.at).replace(`${localDay(item.at)}, `, '') : local(item.at)}
      </time>
      {item.type === 'event' && item.note !== null ? <span class="note">{item.note}</span> : undefined}
    </li>
  )
}

function observationLook(answer: Answer): { icon: IconName; look: Look } {
  const { look } = answerLook(answer)
  return { icon: lookIcon(look), look }
}

function isToday(at: string): boolean {
  return localDay(at) === localDay(new Date().toISOString())
}

function EventWords({ item }: { item: Extract<TimelineItem, { type: 'event' }> }): JSX.Element {
  return (
    <span class="row">
      <b>{sentence(eventLabel(item.event))}</b> <SeverityMark severity={item.severity} />
      {item.actor === null ? undefined : <span class="soft">by {item.actor}</span>}
      <TraceLink item={item} />
    </span>
  )
}

function ObservationWords({ item }: { item: Extract<TimelineItem, { type: 'observation' }> }): JSX.Element {
  return (
    <span class="row">
      <VerdictBadge answer={item} /> {humane(item.reason)}
      <span class="soft">
        {item.principal === null ? '' : `as ${item.principal}; `}
        {item.confirmed ? 'confirmed; ' : ''}
        {ASSURANCE_LABELS[item.assurance]}; {Math.round(item.latencyMs)} ms
      </span>
      <TraceLink item={item} />
    </span>
  )
}

/** Where its trace can be looked at; nothing where the configuration does not say. */
function TraceLink({
  item: { traceId, traceUrl, at },
}: {
  item: Exclude<TimelineItem, { type: 'control' }>
}): JSX.Element | null {
  if (traceId === null || traceUrl === null) return null
  return (
    <a href={traceUrl} rel="noopener noreferrer" target="_blank" title={traceId}>
      Trace<span class="unseen"> of {utc(at)}</span>
    </a>
  )
}

function ControlWords({ item }: { item: Extract<TimelineItem, { type: 'control' }> }): JSX.Element {
  return (
    <span class="row soft">
      {CONTROL_LABELS[item.control]} <ControlBadge control={item.control} verdict={item.verdict} /> {humane(item.reason)}
    </span>
  )
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
