import { hash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { Problem } from './problem.ts'
import { type Rate, rateHeaders } from './rate.ts'
import { networkOf } from './throttle.ts'

/** What of a request says who asks. */
type Asker = Pick<FastifyRequest, 'ip' | 'headers'>

/** Credentials remembered as good. Beyond that the one that asked least lately goes: it is then asked like a new one. */
const MOST_KNOWN = 10_000

/**
 * Bounds what those may ask for of whom nobody knows who they are: by address, from the budget `anybody`. Each that turns out to be nobody
 * takes of it; once it is spent, what was never good here is not even looked up. What was good a moment ago is: nobody shuts out whoever
 * shares his address.
 */
export function openGate(rate: Rate) {
  const good = new Set<string>()
  const keep = (key: string | undefined) => {
    if (key === undefined) return
    good.delete(key)
    good.add(key)
    const [oldest] = good
    if (good.size > MOST_KNOWN && oldest !== undefined) good.delete(oldest)
  }
  const refuse = (request: Asker, take: 0 | 1) => {
    const taken = rate('anybody', networkOf(request.ip), take)
    if (!taken.ok) throw tooMany(rateHeaders('anybody', taken))
  }
  /** @param find who asks; undefined: nobody. What it throws is thrown on */
  return async <Found>(request: Asker, find: () => Promise<Found | undefined>): Promise<Found | undefined> => {
    const key = keyOf(request)
    // It stays while it is asked about: others of the same caller come meanwhile.
    if (key === undefined || !good.has(key)) refuse(request, 0)
    const forget = () => {
      if (key !== undefined) good.delete(key)
    }
    try {
      const found = await find()
      if (found !== undefined) keep(key)
      else {
        forget()
        refuse(request, 1)
      }
      return found
    } catch (error) {
      const isRefused = error instanceof Problem
      // It was good, and may not do this.
      if (isRefused && error.status === 403) keep(key)
      if (isRefused && error.status === 401) {
        forget()
        refuse(request, 1)
      }
      throw error
    }
  }
}

export function tooMany(headers: Record<string, string>): Problem {
  return new Problem(429, 'Too many requests: wait a little.', undefined, { code: 'TOO_MANY', headers })
}

/** By what a request may be known, as a digest; undefined where it brings nothing. */
function keyOf({ headers: { authorization, cookie } }: Asker): string | undefined {
  if (authorization === undefined && cookie === undefined) return undefined
  return hash('sha256', JSON.stringify([authorization, cookie]), 'base64url')
}
