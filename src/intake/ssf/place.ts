import { z } from 'zod'
import type { Facts } from '../../domain/leaf.ts'
import { SET_ERRORS } from './fault.ts'
import { STREAM_STATES } from './take-set.ts'

const placeSchema = z.object({
  streamId: z.string().max(1_000).optional().catch(undefined),
  /** Where the transmitter says that the stream is polled. */
  pollUrl: z.string().max(1_000).optional().catch(undefined),
  /** How often verification may be asked for, at most. */
  verifyLeastMs: z.number().min(0).optional().catch(undefined),
  state: z.enum(STREAM_STATES).optional().catch(undefined),
  /** Epoch milliseconds, like those below. */
  stateAt: z.number().optional().catch(undefined),
  /** A verification that is not echoed yet. */
  asked: z
    .object({ state: z.string().max(200), at: z.number() })
    .optional()
    .catch(undefined),
  echoedAt: z.number().optional().catch(undefined),
  /** A verification came to nothing, and none has come since. */
  failing: z.boolean().optional().catch(undefined),
  /** Polled tokens that were refused for good, why the last of them was, and when. */
  refused: z
    .object({ count: z.number(), err: z.enum(SET_ERRORS), because: z.string().max(500), at: z.number() })
    .optional()
    .catch(undefined),
})

/** What is remembered of a stream between two looks at it. */
export type Place = z.output<typeof placeSchema>

export function readPlace(position: Facts | null): Place {
  return placeSchema.parse(position ?? {})
}

/** As the database keeps it. */
export function keepPlace(place: Place): Facts {
  return z.record(z.string(), z.json()).parse(JSON.parse(JSON.stringify(place)))
}
