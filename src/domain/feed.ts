/** How a feed says who is here and who has left: one row per kind, in `src/intake/sources`. */
export const FEED_KINDS = ['scim', 'files', 'webhook', 'hris', 'ssf', 'ldap'] as const
export type FeedKind = (typeof FEED_KINDS)[number]

/** What a feed last said of somebody. */
export const FEED_STANDINGS = ['active', 'suspended', 'terminated'] as const
export type FeedStanding = (typeof FEED_STANDINGS)[number]

/** What becomes of somebody whom a feed calls inactive or deleted. */
export const DEPARTURES = ['terminate', 'suspend', 'ask'] as const
export type Departure = (typeof DEPARTURES)[number]

/**
 * Why a statement waits for a person. `ask`: the policy says so. `mass_event`: too many left at once. `identifier_reuse`: a new
 * subject goes by the name of somebody who is known already. `named_elsewhere`: somebody is missing under the key that he had, while the
 * same reading has his name under another key or under none.
 */
export const HOLD_REASONS = ['ask', 'mass_event', 'identifier_reuse', 'named_elsewhere'] as const
export type HoldReason = (typeof HOLD_REASONS)[number]

/** `superseded`: the feed itself said something else before anybody decided. */
export const STATEMENT_STATES = ['applied', 'held', 'dismissed', 'superseded'] as const
export type StatementState = (typeof STATEMENT_STATES)[number]

/** What a statement came to. */
export const STATEMENT_SAYS = ['joined', 'reinstated', 'suspended', 'terminated'] as const
export type StatementSays = (typeof STATEMENT_SAYS)[number]
