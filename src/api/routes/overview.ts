import { z } from 'zod'
import { may } from '../../domain/access.ts'
import { OVERVIEW_DAYS, overviewOf } from '../overview.ts'
import { GET } from '../read.ts'
import { NOTHING, type Route, route } from '../route.ts'
import { overview } from '../schemas/overview.ts'

const USUAL_DAYS = 90

/** Who did it and to whom is for those who may read the audit. */
const UNNAMED = { actor: null, subject: null }

export const OVERVIEW_ROUTES: readonly Route[] = [
  route({
    ...GET,
    path: '/v1/overview',
    id: 'getOverview',
    tag: 'overview',
    summary: 'What a first look has to tell: is anybody who left still let in?',
    params: NOTHING,
    query: z.strictObject({
      days: z
        .enum(OVERVIEW_DAYS.map(String), { error: `must be one of ${OVERVIEW_DAYS.join(', ')}` })
        .exactOptional()
        .describe(`Latency and survival of those who left in the last so many days. Left out: ${USUAL_DAYS}.`),
    }),
    answer: overview,
    handle: async ({ deps, actor }, { query: { days } }) => {
      const told = await overviewOf(deps, OVERVIEW_DAYS.find((each) => String(each) === days) ?? USUAL_DAYS)
      const events = told.events.map((event) =>
        event.type === 'operator' && !may(actor.role, 'audit') ? { ...event, ...UNNAMED } : event,
      )
      return { body: { ...told, events } }
    },
  }),
]
