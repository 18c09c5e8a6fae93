import { toldObservation } from '../../store/observation-page.ts'
import { idIn } from '../filters.ts'
import { Problem } from '../problem.ts'
import { GET } from '../read.ts'
import { NOTHING, type Route, route } from '../route.ts'
import { observationDetail } from '../schemas/observation.ts'

export const OBSERVATIONS_ROUTES: readonly Route[] = [
  route({
    ...GET,
    path: '/v1/observations/{id}',
    id: 'getObservation',
    tag: 'observations',
    summary: 'One recorded verdict, with its place in the log',
    params: idIn('an observation'),
    query: NOTHING,
    answer: observationDetail,
    handle: async ({ deps }, { params: { id } }) => {
      const body = await toldObservation(deps.db, id)
      if (body === undefined) throw new Problem(404, 'There is no observation of this id, or it is past its retention.')
      return { body }
    },
  }),
]
