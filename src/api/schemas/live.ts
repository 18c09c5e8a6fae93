import { z } from 'zod'
import { TURN_OUTCOMES } from '../../domain/grant.ts'
import { count, findingKind, findingState, id, instant, severity, text } from './common.ts'

/** What `GET /v1/events` tells: `event` is the name, `data` one of these as JSON. */

const named = (what: string) => z.strictObject({ id: id().describe(what), name: text().describe('For people') })

export const liveFinding = z.strictObject({
  id: id().describe('Of the event'),
  at: instant(),
  findingId: id().describe('Of the finding'),
  event: text().describe('opened, escalated, reminded, resolved, reopened, acknowledged, exempted, closed, handed_over'),
  kind: findingKind(),
  severity: severity(),
  state: findingState(),
  actor: text().nullable().describe('Who did it; null: it was found'),
  identity: named('Of the identity').nullable(),
  system: named('Of the system').nullable(),
  credentialId: id().nullable(),
})
export type LiveFindingData = z.infer<typeof liveFinding>

export const liveTrial = z.strictObject({
  id: id().describe('Of the trial'),
  at: instant().describe('When it ended'),
  system: named('Of the system'),
  outcome: text(),
  accepted: count(),
  rejected: count(),
  inconclusive: count(),
})
export type LiveTrialData = z.infer<typeof liveTrial>

export const liveOperator = z.strictObject({
  id: id().describe('Of the row of the audit'),
  at: instant(),
  action: text().describe('`noun.verb`'),
  actor: text().nullable().describe('Who; null for those who may not read the audit'),
  subject: text().nullable().describe('Whom or what it was done to; null for those who may not read the audit'),
})
export type LiveOperatorData = z.infer<typeof liveOperator>

export const liveDelivery = z.strictObject({
  id: id().describe('Of the delivery'),
  at: instant().describe('When it ended'),
  sink: text(),
  state: z.enum(['delivered', 'dead']),
  findingId: id().describe('Of the finding'),
})
export type LiveDeliveryData = z.infer<typeof liveDelivery>

export const liveListing = z.strictObject({
  id: id().describe('Of the system'),
  at: instant().describe('When the turn ended: it tells turns apart'),
  system: named('Of the system'),
  outcome: z.enum(TURN_OUTCOMES),
  people: count().describe('Who was looked at'),
  inconclusive: count().describe('Of these, where a list was not read to its end'),
  listed: count().describe('Grants that were seen'),
})
export type LiveListingData = z.infer<typeof liveListing>

/** More happened than is told one by one, or than is known any more: what is shown is to be asked for again. */
export const liveResync = z.strictObject({ at: instant() })

export type LiveEvent =
  | { type: 'finding'; data: LiveFindingData }
  | { type: 'trial'; data: LiveTrialData }
  | { type: 'operator'; data: LiveOperatorData }
  | { type: 'delivery'; data: LiveDeliveryData }
  | { type: 'listing'; data: LiveListingData }
  | { type: 'resync'; data: z.infer<typeof liveResync> }
