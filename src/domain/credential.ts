export const PRIVILEGES = ['standard', 'elevated', 'admin'] as const
export type Privilege = (typeof PRIVILEGES)[number]
