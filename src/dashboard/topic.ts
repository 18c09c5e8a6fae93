/** What the daemon tells of while it happens (`GET /v1/events`). */
export const TOPICS = ['finding', 'trial', 'operator', 'delivery', 'listing'] as const
export type Topic = (typeof TOPICS)[number]
