import { z } from 'zod'
import type { Departure, FeedKind, HoldReason } from '../../domain/feed.ts'
import { IDENTITY_KINDS } from '../../domain/identity.ts'
import type { Facts } from '../../domain/leaf.ts'

/** A source of leavers as it is in force: its row in the database, and how its words are taken. */
export interface Feed {
  id: string
  name: string
  kind: FeedKind
  policy: FeedPolicy
}

/** How a feed's words are taken. */
export interface FeedPolicy {
  /** What becomes of somebody whom it calls inactive: un-assignment looks the same as a departure. */
  inactive: Departure
  /** What becomes of somebody whom it deletes. */
  deleted: Departure
  /** Whether identities that it names are added where nobody has their external id. */
  joiners: 'follow' | 'ignore'
  /** More departures than `share` of those who are here, and than `least`, within `windowMs`, are held. */
  mass: { share: number; least: number; windowMs: number }
}

/**
 * `unsaid`: nothing about the standing. `inactive` and `deleted`: the policy says what that means. `terminated`: at an instant, past or
 * to come; without one: now. `active`: here, or here again: a departure that this feed told of is taken back.
 */
export type SaidStanding =
  | { is: 'unsaid' | 'active' | 'inactive' | 'deleted' | 'suspended' }
  | { is: 'terminated'; at?: Temporal.Instant | undefined }

/** What a feed says of one subject. What is left out, or undefined, stays as it is; null takes away. */
export interface Said {
  /** Its stable id in the feed: never an e-mail address where the feed has anything better. At most 512 characters. */
  key: string
  /** What it is called here, where nobody has its key yet. */
  externalId: string
  name?: string | null | undefined
  email?: string | null | undefined
  kind?: 'human' | 'service' | 'agent' | undefined
  /** External id of whoever answers for a service or an agent. */
  owner?: string | null | undefined
  standing: SaidStanding
  /** He is missing under this key, and named in the same reading under another one or under none: he may well be here. */
  namedElsewhere?: true | undefined
  /** When the feed says that it came to be; what is older than what was said before is passed over. Left out: when it began to be read. */
  at?: Temporal.Instant | undefined
}

/**
 * What a statement came to. `unchanged`: it stood so. `ignored`: an older word, a stranger who has left, or somebody who left by another
 * source's word. `held`: a person decides.
 */
export type TakenOutcome = 'unchanged' | 'joined' | 'changed' | 'terminated' | 'suspended' | 'reinstated' | 'held' | 'ignored'

export interface Taken {
  key: string
  outcome: TakenOutcome
  reason?: HoldReason
  /** Absent where nobody is known by that key. */
  identityId?: string
  /** Why it could not be taken: `ignored` then. */
  fault?: string
}

const heldSchema = z.strictObject({
  externalId: z.string(),
  name: z.string().nullable().exactOptional(),
  email: z.string().nullable().exactOptional(),
  kind: z.enum(IDENTITY_KINDS).exactOptional(),
  owner: z.string().nullable().exactOptional(),
  is: z.enum(['active', 'inactive', 'deleted', 'suspended', 'terminated', 'unsaid']),
  at: z.string().exactOptional(),
})

/** A statement as the database keeps it until somebody decides. */
export function keepSaid({ externalId, name, email, kind, owner, standing }: Said): Facts {
  return {
    externalId,
    ...(name === undefined ? {} : { name }),
    ...(email === undefined ? {} : { email }),
    ...(kind === undefined ? {} : { kind }),
    ...(owner === undefined ? {} : { owner }),
    is: standing.is,
    ...(standing.is === 'terminated' && standing.at !== undefined ? { at: standing.at.toString() } : {}),
  }
}

/** The same, back again. */
export function keptSaid(key: string, kept: Facts): Said {
  const { is, at, ...rest } = heldSchema.parse(kept)
  const standing: SaidStanding =
    is === 'terminated' ? { is, ...(at === undefined ? {} : { at: Temporal.Instant.from(at) }) } : { is }
  return { key, ...rest, standing }
}
