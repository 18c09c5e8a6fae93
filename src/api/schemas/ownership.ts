import { z } from 'zod'
import { RETIRED_REASONS } from '../../domain/credential.ts'
import { FEED_KINDS, FEED_STANDINGS } from '../../domain/feed.ts'
import { HANDOVER_STATES } from '../../store/handover.ts'
import { givenInstant, line, note } from './actions.ts'
import { count, deadline, id, identityRef, instant, pageOf, standing, text } from './common.ts'

/** An agreed handover: until its date the leaver's credentials may still work. */
export const handover = z.strictObject({
  id: id().describe('Of the handover'),
  leaver: identityRef.describe('Whose credentials must be refused by the date'),
  receiver: identityRef.describe('Who takes over, with a credential of its own'),
  by: instant().describe('The date'),
  state: z
    .enum(HANDOVER_STATES)
    .describe(
      '`running`: the date is to come, or the leaver is here. `overdue`: it has passed, and something is left. `done`: nothing is left: all is proven refused, or off the list with no open finding of its access. `empty`: nothing is given over by it, or an import gave all of it other dates. `cancelled`: by somebody, or since the leaver is here again; the deadlines of the policy count',
    ),
  credentials: z
    .strictObject({
      total: count().describe('Given over, those off the list by now included'),
      refused: count().describe('Proven refused, those included that went off the list for it'),
      retired: count().describe('Off the list without that proof'),
      open: count().describe('Accepted, and nothing proven since'),
    })
    .describe('What has become of what was given over'),
  note: text().nullable().describe('What was said about it'),
  createdAt: instant().describe('When it was agreed'),
  createdBy: text().describe('By whom'),
  cancelledAt: instant().nullable().describe('When it was cancelled'),
  cancelledBy: text().nullable().describe('By whom'),
})
export type Handover = z.infer<typeof handover>
export const handoverPage = pageOf(handover)

export const identitySources = z.strictObject({
  sources: z
    .array(
      z.strictObject({
        source: z.strictObject({
          id: id().describe('Of the source'),
          name: text().describe('As the configuration names it'),
          kind: z.enum(FEED_KINDS).describe('How it tells'),
          retired: z.boolean().describe('The configuration no longer names it: what it said counts no more'),
          silent: z.boolean().describe('It has not been heard for longer than it may'),
        }),
        key: text().describe('Its id of the identity'),
        standing: z.enum(FEED_STANDINGS).describe('What it says'),
        terminatedAt: instant().nullable().describe('When the identity left, or will leave, by its word'),
        saidAt: instant().describe('When it said so'),
        held: count().describe('Statements of it that wait for a decision'),
      }),
    )
    .describe('By the name of the source. None: it came from a file or from an operator'),
})
export type IdentitySources = z.infer<typeof identitySources>

export const holders = z.strictObject({
  holders: z
    .array(
      z.strictObject({
        credentialId: id().describe('By which the holder is tried once it has left'),
        identity: identityRef,
        since: instant().describe('Since when it is known to hold it'),
        current: z.boolean().describe('False: another value was registered for the others since'),
        retiredAt: instant().nullable().describe('When its credential went off the list'),
        retiredReason: z
          .enum(RETIRED_REASONS)
          .nullable()
          .describe(
            'Why. `proven_dead`, `rotated`: it was refused, with proof. Null: it is on the list, or nobody knows any more',
          ),
        rotatedAt: instant()
          .nullable()
          .describe('When another value was registered for the others; null: it knows the one in use'),
        standing: standing().describe('How its credential stands'),
        deadline: deadline
          .nullable()
          .describe('By when the value that it knows must be refused; null: it is here, or its credential is off the list'),
      }),
    )
    .describe('By name. Nobody: it is not known to be shared'),
})
export type Holders = z.infer<typeof holders>

export const transferBody = z.strictObject({
  to: line().describe('External id of the human who answers for it from now on'),
  reason: note().describe('Why, for the record'),
})

export const transferAnswer = z.strictObject({
  id: id().describe('Of the identity'),
  changed: z.boolean().describe('False: it was so already'),
})

export const handoverBody = z.strictObject({
  to: line().describe('External id of whoever takes over: its own new credentials are never tried while it is here'),
  by: givenInstant().describe('From when on what the leaver held must be refused'),
  credentials: z
    .array(z.uuid({ error: 'must be the id of a credential' }).toLowerCase())
    .min(1, { error: 'must name at least one, or be left out for all' })
    .max(1_000, { error: 'must name at most 1000' })
    .exactOptional()
    .describe('Ids; left out: all that the leaver holds'),
  owner: line()
    .exactOptional()
    .describe("External id of the human who answers for the leaver's services and agents; left out: `to`, where that is a human"),
  reason: note().describe('Why, for the record'),
})

export const handoverAnswer = z.strictObject({
  id: id().describe('Of the handover'),
  created: z.boolean().describe('False: it was agreed before, and stands with the new date'),
  credentials: count().describe('Credentials that must be refused by the date'),
  transferred: z.array(text()).describe('External ids of the services and agents that have the new owner'),
  left: z.boolean().describe('The leaver has left: what it held is tried. False: nothing is, before the departure'),
  orphaned: z.array(text()).describe('External ids of those that nobody answers for: no human was named'),
})

export const postponeBody = z.strictObject({
  by: givenInstant().describe('The new date'),
  reason: note().describe('Why, for the record'),
})

export const handoverChanged = z.strictObject({
  id: id().describe('Of the handover'),
  credentials: count().describe('Credentials that it is about'),
})
