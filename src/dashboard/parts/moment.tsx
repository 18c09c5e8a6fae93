import type { JSX } from 'preact'
import type { Deadline } from '../../api/schemas/common.ts'
import { passing } from '../clock.ts'
import { coarse, local, relative, utc } from '../time.ts'

/** How long ago; the viewer's own clock and UTC on hover. */
export function Ago({ at }: { at: string }): JSX.Element {
  return (
    <time dateTime={at} title={both(at)}>
      {relative(Date.parse(at), passing())}
    </time>
  )
}

/** When something is due: `now` for what is due already. */
export function Next({ at }: { at: string }): JSX.Element {
  return Date.parse(at) <= passing() ? (
    <time dateTime={at} title={both(at)}>
      now
    </time>
  ) : (
    <Ago at={at} />
  )
}

/** When, in the viewer's zone; UTC on hover. */
export function At({ at }: { at: string }): JSX.Element {
  return (
    <time dateTime={at} title={utc(at)} class="nowrap">
      {local(at)}
    </time>
  )
}

/** An instant that may not be there. */
export function MaybeAgo({ at, otherwise = '–' }: { at: string | null; otherwise?: string }): JSX.Element {
  return at === null ? <span class="soft">{otherwise}</span> : <Ago at={at} />
}

/** How a credential stands against the time that the policy allows. */
export function Clock({ deadline }: { deadline: Deadline | null }): JSX.Element {
  if (deadline === null) return <span class="soft">–</span>
  const by = Date.parse(deadline.revokeBy)
  const title = `Access had to be gone by ${both(deadline.revokeBy)}`
  if (deadline.closedAt !== null) {
    const distance = coarse(Math.abs(Date.parse(deadline.closedAt) - by))
    return (
      <span class={deadline.state === 'late' ? 'late' : 'in-time'} title={title}>
        {deadline.state === 'late' ? `closed ${distance} late` : `closed ${distance} in time`}
      </span>
    )
  }
  const left = by - passing()
  return (
    <span class={left < 0 ? 'overdue' : 'nowrap'} title={title}>
      {left < 0 ? `${coarse(-left)} overdue` : `${coarse(left)} left`}
    </span>
  )
}

function both(at: string): string {
  return `${local(at)} · ${utc(at)}`
}
