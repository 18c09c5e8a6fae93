export const PRIVILEGES = ['standard', 'elevated', 'admin'] as const
export type Privilege = (typeof PRIVILEGES)[number]

/**
 * Why a credential is off the list. `operator`: somebody said so, by hand or in a file. `proven_dead`: it was refused, with proof, for as
 * long as `custody.shredAfterDead` asks. `expired`: it is past its own date, and either its system has refused it since or nobody could try
 * it. `rotated`: its value was replaced for the others who hold it, and it has been refused, with proof. Null in the database: retired before reasons were kept.
 */
export const RETIRED_REASONS = ['operator', 'proven_dead', 'expired', 'rotated'] as const
export type RetiredReason = (typeof RETIRED_REASONS)[number]
