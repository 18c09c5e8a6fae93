import { z } from 'zod'
import { RevenantError } from '../../domain/error.ts'
import type { PullContext } from '../sources/source.ts'
import { type SetError, SetFault } from './fault.ts'
import type { SsfOptions } from './options.ts'
import { type StreamState, type TakenSet, takeSet } from './take-set.ts'
import { answered, type Transmitter } from './transmitter.ts'
import type { VerifySet } from './verify.ts'

/** Tokens of one answer, and answers of one look: what is left comes with the next look. */
const MOST_SETS = 100
const MOST_ROUNDS = 100

const pageSchema = z.object({
  sets: z.record(z.string().max(1_024), z.string().max(1_000_000)).default({}),
  moreAvailable: z.boolean().default(false),
})

interface Word {
  ack: string[]
  setErrs: Record<string, { err: SetError; description: string }>
}

export interface Polling {
  url: string
  options: SsfOptions
  transmitter: Transmitter
  verify: VerifySet
  context: PullContext
  /** Remembers what is refused for good, before the transmitter is told: it does not come again then, whatever becomes of the answer. */
  keepRefused(refused: readonly RefusedSet[]): Promise<void>
}

export interface RefusedSet {
  /** The name under which it was delivered. */
  jti: string
  fault: SetFault
}

/** What came of a look. */
export interface Polled {
  /** The last word about the stream. */
  state: StreamState | undefined
  /** Why others could not be judged: they come again. */
  failed: unknown[]
}

/**
 * Polls a stream until it is empty (RFC 8936). A token is acknowledged once what it says is committed, and refused for good only where it
 * is at fault itself; any other comes again.
 */
export async function pollStream(polling: Polling): Promise<Polled> {
  const { context } = polling
  let word: Word = { ack: [], setErrs: {} }
  const polled: Polled = { state: undefined, failed: [] }
  for (let round = 0; round < MOST_ROUNDS && !context.signal.aborted; round++) {
    const { sets, moreAvailable } = await ask(polling, word, MOST_SETS)
    word = { ack: [], setErrs: {} }
    const refused: RefusedSet[] = []
    for (const [jti, token] of Object.entries(sets)) {
      if (context.signal.aborted) break
      try {
        const taken = await takeOne(polling, jti, token)
        polled.state = taken.stream ?? polled.state
        word.ack.push(jti)
      } catch (error) {
        if (!(error instanceof SetFault)) {
          polled.failed.push(error)
          continue
        }
        context.log('warn', 'a security event token was refused', { err: error.err, because: error.message })
        refused.push({ jti, fault: error })
        word.setErrs[jti] = { err: error.err, description: error.message }
      }
    }
    if (refused.length > 0) await polling.keepRefused(refused)
    // What is committed is acknowledged, whatever became of the others.
    if (polled.failed.length > 0 || !moreAvailable || Object.keys(sets).length === 0) break
  }
  await settle(polling, word)
  return polled
}

async function takeOne({ options, verify, context }: Polling, jti: string, token: string): Promise<TakenSet> {
  const set = await verify(token, context.deps.now())
  if (set.jti !== jti) throw new SetFault('invalid_request', 'jti is not the name under which it was delivered')
  const taken = await takeSet(context.feed, set, options, context.deps)
  context.log('debug', 'a security event token was taken', { ...taken })
  return taken
}

async function settle(polling: Polling, word: Word): Promise<void> {
  if (word.ack.length > 0 || Object.keys(word.setErrs).length > 0) await ask(polling, word, 0)
}

async function ask({ url, transmitter, context }: Polling, { ack, setErrs }: Word, maxEvents: number) {
  const json = { maxEvents, returnImmediately: true, ack, ...(Object.keys(setErrs).length === 0 ? {} : { setErrs }) }
  const headers = { 'content-language': 'en' }
  const answer = await transmitter.ask({ method: 'POST', url, json, headers }, context)
  if (maxEvents > 0 || answer.status !== 204) return answered(pageSchema, answer, 'page of tokens')
  return { sets: {}, moreAvailable: false }
}

/** Where a stream is polled. Throws `SOURCE_REFUSED` where nobody has said it. */
export function pollUrlOf({ endpoints }: SsfOptions, said: string | undefined): string {
  const url = endpoints.poll ?? said
  if (url === undefined) throw new RevenantError('SOURCE_REFUSED', 'nobody has said where the stream is polled')
  return url
}
