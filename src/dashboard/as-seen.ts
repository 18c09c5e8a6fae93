import type { Finding, FindingDetail } from '../api/schemas/finding.ts'
import { ApiError, readVersion, send } from './api.ts'
import { newsOf } from './finding-news.ts'

/** A finding as the reader last saw it. */
export interface Seen {
  current: Finding
}

/** Between the reading and the writing a trial may come: how often it is read again. */
const MOST_TURNS = 4

/**
 * Does something to one finding as the reader saw it. Where it became something else meanwhile nothing is done: throws an `ApiError` of
 * status 412 that says what, and takes it as seen. What every trial changes (when it was last seen) is no such thing.
 */
export async function sendAsSeen<Body>(what: 'acknowledge' | 'exempt' | 'resolve', seen: Seen, body: object): Promise<Body> {
  const path = `/v1/findings/${seen.current.id}`
  for (let turn = 1; ; turn++) {
    const { body: now, version } = await readVersion<FindingDetail>(path)
    const news = newsOf(seen.current, now)
    seen.current = now
    if (news.length > 0)
      throw new ApiError(412, `Since you saw it, ${news.join(', and ')}. Nothing was done: go on if you still want to.`)
    try {
      return await send<Body>('POST', `${path}/${what}`, { body, ...(version === undefined ? {} : { ifMatch: version }) })
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 412 || turn === MOST_TURNS) throw error
    }
  }
}
