import { z } from 'zod'
import { FINDING_EVENTS } from '../../domain/finding.ts'
import { count, findingKind, id, instant, pageOf, severity, text } from './common.ts'

const summary = {
  event: z.enum(FINDING_EVENTS).describe('The edge of the finding that it tells'),
  severity: severity(),
  title: text().describe('One line'),
}

export const DELIVERY_STATES = ['pending', 'delivered', 'dead'] as const

/** An alert on its way to one receiver. */
export const delivery = z.strictObject({
  id: id().describe('Of the delivery'),
  sink: text().describe('The receiver, as the configuration names it'),
  state: z.enum(DELIVERY_STATES).describe('`dead`: given up, until somebody redrives it'),
  attempts: count().describe('Tries so far'),
  detail: text().nullable().describe('What the receiver answered, or why it failed'),
  createdAt: instant().describe('When the alert was raised'),
  triedAt: instant().nullable().describe('The first try that failed'),
  nextAt: instant().nullable().describe('When it is tried next; null: it is over, or it travels in the message of another'),
  finishedAt: instant().nullable().describe('When it was delivered or given up'),
  leaderId: id().nullable().describe('The delivery in whose message it travels'),
  alert: z.strictObject({
    id: id().describe('Of the alert'),
    findingId: id().describe('Of the finding'),
    ...summary,
    at: instant().describe('Of the edge'),
  }),
})
export type Delivery = z.infer<typeof delivery>
export const deliveryPage = pageOf(delivery)
export type DeliveryPage = z.infer<typeof deliveryPage>

export const alert = z.strictObject({
  id: id().describe('Of the alert, in every delivery and every retry'),
  findingId: id().describe('Of the finding'),
  kind: findingKind().describe('Of the finding'),
  sequence: count().describe("Counts the finding's edges, from 1"),
  ...summary,
  at: instant().describe('Of the edge'),
  deliveries: z
    .strictObject({
      pending: count().describe('On their way'),
      delivered: count().describe('Taken by their receivers'),
      dead: count().describe('Given up'),
    })
    .describe('How many of its deliveries stand how'),
})
export type AlertItem = z.infer<typeof alert>
export const alertPage = pageOf(alert)
export type AlertPage = z.infer<typeof alertPage>

export const alertDetail = z.strictObject({
  ...alert.shape,
  body: z.record(z.string(), z.unknown()).describe('The whole alert as it was raised: docs/alert.schema.json'),
  sent: z.array(delivery).describe('Its deliveries, by receiver'),
})
export type AlertDetail = z.infer<typeof alertDetail>
