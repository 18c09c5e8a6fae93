import type { Route } from './route.ts'

/** What somebody may ask an address with. */
export const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const
type Method = (typeof METHODS)[number]

/** The methods that each address takes, for the header Allow. */
export function methodsOf(routes: readonly Route[]): Map<string, Method[]> {
  const found = new Map<string, Method[]>()
  for (const { path, method, type } of routes) {
    const before = found.get(path) ?? []
    // A stream of events has no length that HEAD could tell.
    found.set(path, [...before, method, ...(method === 'GET' && type !== 'text/event-stream' ? (['HEAD'] as const) : [])])
  }
  return found
}
