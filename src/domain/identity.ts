export const IDENTITY_KINDS = ['human', 'service', 'agent'] as const
export type IdentityKind = (typeof IDENTITY_KINDS)[number]
