import { z } from 'zod'
import { MOST_EACH } from '../live.ts'
import { Problem } from '../problem.ts'
import { NONE, NOTHING, type Route, route } from '../route.ts'

const STREAM = 'text/event-stream'
/** A stream that was cut off without a word is noticed by its signs of life. */
const RETRY_S = 15

const query = z.strictObject({
  after: z
    .string()
    .regex(/^[0-9a-f]{12}\.[0-9]{1,12}\.[0-9]{1,15}$/, { error: 'must be the id of an event' })
    .exactOptional()
    .describe('The id of the last event that you have, where the header Last-Event-ID cannot be sent'),
})

export const EVENT_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/v1/events',
    id: 'listenEvents',
    tag: 'overview',
    summary: 'What happens, as server-sent events: `finding`, `trial`, `operator`, `delivery`, `resync`',
    permission: 'read',
    params: NOTHING,
    query,
    body: NONE,
    answer: NONE,
    type: STREAM,
    handle: async ({ deps, actor, credential, header, holds }, { query: { after } }) => {
      // Those who signed in by a link that names nobody all have one name.
      const who = credential !== undefined && credential.bearers.length === 0 ? credential.id : actor.name
      const stream = deps.actions.live.listen({ who, role: actor.role, after: header('last-event-id') ?? after, holds })
      if (stream === 'crowded') throw new Problem(503, 'Too many listen already.')
      if (stream === 'greedy')
        throw new Problem(429, `You listen ${MOST_EACH} times already: end one first.`, undefined, {
          ...{ code: 'TOO_MANY', headers: { 'retry-after': String(RETRY_S) } },
        })
      return { stream, type: STREAM }
    },
  }),
]
