export const TIERS = ['low', 'standard', 'critical'] as const
export type Tier = (typeof TIERS)[number]

/** What spelling a target less than safe does to its evidence. */
export const TRANSPORTS = ['verified', 'insecure', 'clear'] as const
/** `verified`: TLS with a verified peer (or a pinned host key). `insecure`: TLS unverified. `clear`: no TLS. */
export type Transport = (typeof TRANSPORTS)[number]
