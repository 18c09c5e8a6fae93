import { z } from 'zod'
import { GRANT_KINDS, LISTING_FAULTS, LISTING_OUTCOMES, PERSON_NAMES, TURN_OUTCOMES } from '../../domain/grant.ts'
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
  known: z
    .boolean()
    .nullable()
    .describe(
      'The system knows the person by every name; false: not by one of them, under which it may have another account. Null: it could not be told',
    ),
  listed: count().describe('Grants that were seen'),
  standing: count().describe('Grants of the identity that stand there now, those that it did not see included'),
  parts: z.record(z.string(), z.union([z.literal('complete'), fault])).describe('How far each list was read'),
  assurance: z
    .enum(['controlled', 'explicit'])
    .describe("`controlled`: a made-up person had nothing and the canary's grants were listed; `explicit`: no canary"),
  traceId: text().describe('W3C trace id of the turn'),
})
export const listingPage = pageOf(listing)
export type Listing = z.infer<typeof listing>

const inventory = z.strictObject({
  systemId: id().describe('Of the system'),
  system: text().describe('Name of the system'),
  inventory: z
    .strictObject({
      kind: text().describe('Which inventory'),
      by: z.enum(PERSON_NAMES).describe('By which name people are looked for'),
      everyMs: count().describe('How often each of those who left is looked at, in milliseconds'),
      without: z.array(text()).describe('Lists that are left out'),
      canary: z
        .enum(['configured', 'missing'])
        .describe('Somebody who is here and must have a grant. `missing`: a list that has gone blind looks like an empty one'),
    })
    .nullable()
    .describe('Of the configuration in force; null: it names none for the system any more'),
  askedAt: instant().nullable().describe('When its last turn began; it may have found nobody due'),
  running: z.boolean().describe('It is being asked now'),
  fault: text().nullable().describe('What kept the last turn from asking; null: nothing'),
  faultAt: instant().nullable().describe('When that was'),
  last: z
    .strictObject({
      finishedAt: instant().describe('When it ended'),
      outcome: z
        .enum(TURN_OUTCOMES)
        .describe(
          '`completed`: everybody who was due was looked at. `unfinished`: its time was over before. `blind`: nobody could be looked at: decoy, canary or credential failed. `held`: the system asked to be left alone, or its way failed. `failed`: it broke off',
        ),
      people: count().describe('Who was looked at'),
      complete: count().describe('Of these, whose lists were all read to their end'),
      inconclusive: count().describe('Of these, where a list was not'),
      listed: count().describe('Grants that were seen'),
    })
    .nullable()
    .describe('The last turn that had somebody to look at; null: none had'),
  standing: count().describe('Grants that stand there'),
  looks: z
    .strictObject({
      people: count().describe('Who left and is looked for there'),
      complete: count().describe('Whose last look was complete'),
      inconclusive: count().describe('Whose last look proves nothing'),
      never: count().describe('Who was not looked at yet'),
    })
    .nullable()
    .describe('How the last look at each went, some seconds old at most; null: nobody is looked for'),
  nextAt: instant()
    .nullable()
    .describe('When the next turn is due, or was: pauses, holds and schedules apart. Null: nobody is looked for'),
})
export type Inventory = z.infer<typeof inventory>

export const inventoryList = z.strictObject({ items: z.array(inventory).describe('By the name of the system') })
export type InventoryList = z.infer<typeof inventoryList>
