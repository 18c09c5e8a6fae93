import { FINDING_EVENTS, SEVERITIES } from '../../domain/finding.ts'
import { ALERT_SORTS, alertPage, toldAlert } from '../../store/alert-page.ts'
import { DELIVERY_SORTS, deliveryPage, toldDelivery } from '../../store/delivery-page.ts'
import { idFilter, idIn, someOf, words } from '../filters.ts'
import { askOf, listAnswer, listQuery } from '../list.ts'
import { look } from '../look.ts'
import { Problem } from '../problem.ts'
import { GET } from '../read.ts'
import { NOTHING, type Route, route } from '../route.ts'
import {
  alertDetail,
  alertPage as alertPageAnswer,
  DELIVERY_STATES,
  delivery,
  deliveryPage as deliveryPageAnswer,
} from '../schemas/alert.ts'

/** One for each receiver. */
const DELIVERIES_TOLD = 500

export const ALERTS_ROUTES: readonly Route[] = [
  route({
    ...GET,
    path: '/v1/alerts',
    id: 'listAlerts',
    tag: 'alerts',
    summary: 'Alerts that were raised',
    params: NOTHING,
    query: listQuery(
      {
        severity: someOf(SEVERITIES).exactOptional(),
        event: someOf(FINDING_EVENTS).exactOptional(),
        finding: idFilter('a finding').exactOptional(),
      },
      ALERT_SORTS,
      '-at',
    ),
    answer: alertPageAnswer,
    handle: async (context, { query }) => {
      const { severity, event, finding } = query
      await look(context, 'alerts.view', finding ?? 'all', { severity, event })
      return listAnswer(
        query,
        await alertPage(context.deps.db, { severity, event, findingId: finding }, askOf(query, ALERT_SORTS)),
      )
    },
  }),
  route({
    ...GET,
    path: '/v1/alerts/{id}',
    id: 'getAlert',
    tag: 'alerts',
    summary: 'One alert as it was raised, with its deliveries',
    params: idIn('an alert'),
    query: NOTHING,
    answer: alertDetail,
    handle: async (context, { params: { id } }) => {
      const { db } = context.deps
      const alert = await toldAlert(db, id)
      if (alert === undefined) throw new Problem(404, 'There is no alert of this id, or it is past its retention.')
      await look(context, 'alert.view', id)
      const sent = await deliveryPage(db, { alertId: id }, { sort: 'createdAt', after: undefined, limit: DELIVERIES_TOLD })
      return { body: { ...alert, body: { ...alert.body }, sent: sent.map(({ keys: _, ...each }) => each) } }
    },
  }),
  route({
    ...GET,
    path: '/v1/deliveries',
    id: 'listDeliveries',
    tag: 'alerts',
    summary: 'Alerts on their way to receivers',
    params: NOTHING,
    query: listQuery(
      {
        state: someOf(DELIVERY_STATES).exactOptional(),
        sink: words().exactOptional().describe('The receiver.'),
        alert: idFilter('an alert').exactOptional(),
        finding: idFilter('a finding').exactOptional(),
      },
      DELIVERY_SORTS,
      '-createdAt',
    ),
    answer: deliveryPageAnswer,
    handle: async ({ deps: { db } }, { query }) => {
      const { state, sink, alert, finding } = query
      const filter = { state, sink, alertId: alert, findingId: finding }
      return listAnswer(query, await deliveryPage(db, filter, askOf(query, DELIVERY_SORTS)))
    },
  }),
  route({
    ...GET,
    path: '/v1/deliveries/{id}',
    id: 'getDelivery',
    tag: 'alerts',
    summary: 'One delivery',
    params: idIn('a delivery'),
    query: NOTHING,
    answer: delivery,
    handle: async ({ deps: { db } }, { params: { id } }) => {
      const body = await toldDelivery(db, id)
      if (body === undefined) throw new Problem(404, 'There is no delivery of this id, or it is past its retention.')
      return { body }
    },
  }),
]
