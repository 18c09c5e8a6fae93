import { z } from 'zod'
import { Problem } from '../problem.ts'
import { NONE, NOTHING, type Route, route } from '../route.ts'

const STREAM = 'text/event-stream'

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
    handle: async ({ deps, actor, header, holds }, { query: { after } }) => {
      const stream = deps.actions.live.listen({ role: actor.role, after: header('last-event-id') ?? after, holds })
      if (stream === undefined) throw new Problem(503, 'Too many listen already.')
      return { stream, type: STREAM }
    },
  }),
]
