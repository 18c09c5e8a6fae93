import { NONE } from './route.ts'

/** What routes that only tell have in common. */
export const GET = { method: 'GET', permission: 'read', body: NONE } as const
