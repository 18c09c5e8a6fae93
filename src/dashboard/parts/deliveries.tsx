import type { JSX } from 'preact'
import type { Delivery } from '../../api/schemas/alert.ts'
import type { Look } from '../words.ts'
import { eventLabel } from '../words.ts'
import { Badge } from './badge.tsx'
import type { IconName } from './icon.tsx'
import { Ago } from './moment.tsx'

const STATES: Record<Delivery['state'], { look: Look; label: string; icon: IconName }> = {
  pending: { look: 'plain', label: 'on its way', icon: 'reload' },
  delivered: { look: 'closed', label: 'delivered', icon: 'check' },
  dead: { look: 'open', label: 'given up', icon: 'close' },
}

/** Where an alert went and what came of it. */
export function DeliveryBadge({ state }: Pick<Delivery, 'state'>): JSX.Element {
  return <Badge {...STATES[state]} />
}

export function Deliveries({ deliveries }: { deliveries: readonly Delivery[] }): JSX.Element {
  return (
    <ul class="events">
      {deliveries.map((delivery) => (
        <li key={delivery.id}>
          <span />
          <span class="what">
            <b>{delivery.sink}</b> {eventLabel(delivery.alert.event)} <DeliveryBadge state={delivery.state} />
          </span>
          <span class="when">
            <Ago at={delivery.finishedAt ?? delivery.createdAt} />
          </span>
          {delivery.state === 'delivered' || delivery.detail === null ? undefined : (
            <span class="note small">{delivery.detail}</span>
          )}
        </li>
      ))}
    </ul>
  )
}
