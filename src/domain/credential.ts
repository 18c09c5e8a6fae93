export const PRIVILEGES = ['standard', 'elevated', 'admin'] as const
export type Privilege = (typeof PRIVILEGES)[number]

/**
 * Why a credential is off the list. `operator`: somebody said so, by hand or in a file. `proven_dead`: it was refused, with proof, for as
 * long as `custody.shredAfterDead` asks. `expired`: it is past its own date, and either its system has refused it since or nobody could try
 * it. Null in the database: retired before reasons were kept.
 */
export const RETIRED_REASONS = ['operator', 'proven_dead', 'expired'] as const
export type RetiredReason = (typeof RETIRED_REASONS)[number]
