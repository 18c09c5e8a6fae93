import { z } from 'zod'
import { GRANT_KINDS, LISTING_FAULTS, LISTING_OUTCOMES } from '../../domain/grant.ts'
import { GRANT_STATES } from '../../store/grant-page.ts'
import { count, id, identityRef, instant, pageOf, systemRef, text } from './common.ts'

/** What an administrator's list shows of somebody who left. */
export const grant = z.strictObject({
  id: id().describe('Of the grant'),
  kind: z.enum(GRANT_KINDS),
  list: text().describe('The list that shows it'),
  inventory: text().describe('The inventory that it belongs to'),
  key: text().describe("Its id in the system's list, never a secret"),
  title: text().describe('What the system calls it'),
  detail: z
    .strictObject({
      scopes: z.array(text()).exactOptional().describe('What it may do'),
      createdAt: text().exactOptional(),
      lastUsedAt: text().exactOptional(),
      expiresAt: text().exactOptional(),
    })
    .describe('As the system says'),
  state: z
    .enum(GRANT_STATES)
    .describe('`standing`: listed. `gone`: two whole lists in a row did not show it, or its identity is here again'),
  system: systemRef,
  identity: identityRef,
  firstSeenAt: instant().describe('When it was first listed'),
  lastSeenAt: instant().describe('When it was last listed'),
  goneAt: instant().nullable().describe('Null: it stands'),
  findingId: id().nullable().describe('The finding about it'),
})
export const grantPage = pageOf(grant)
export type Grant = z.infer<typeof grant>

const fault = z.enum(LISTING_FAULTS)

export const listing = z.strictObject({
  id: id().describe('Of the listing'),
  system: systemRef,
  identity: identityRef,
  inventory: text().describe('By which the system was asked'),
  at: instant().describe('When'),
  outcome: z
    .enum(LISTING_OUTCOMES)
    .describe('`inconclusive`: a list was not read to its end; what it does not show proves nothing'),
  reason: fault.nullable().describe('The first fault; null: complete'),
  known: z.boolean().nullable().describe('The system knows the person; null: it could not be told'),
  listed: count().describe('Grants that were seen'),
  parts: z.record(z.string(), z.union([z.literal('complete'), fault])).describe('How far each list was read'),
  assurance: z
    .enum(['controlled', 'explicit'])
    .describe("`controlled`: a made-up person had nothing and the canary's grants were listed; `explicit`: no canary"),
  traceId: text().describe('W3C trace id of the turn'),
})
export const listingPage = pageOf(listing)

export const inventoryList = z.strictObject({
  items: z.array(
    z.strictObject({
      system: text().describe('Name of the system'),
      askedAt: instant().nullable().describe('When its last turn began'),
      fault: text().nullable().describe('What kept the last turn from asking; null: nothing'),
    }),
  ),
})
