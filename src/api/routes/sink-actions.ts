import { trySink } from '../../alerts/try-sink.ts'
import { actDeps } from '../acting.ts'
import { Problem } from '../problem.ts'
import { NONE, NOTHING, type Route, route } from '../route.ts'
import { sinkParams, sinkTestAnswer } from '../schemas/actions.ts'

export const SINK_ACTIONS: readonly Route[] = [
  route({
    method: 'POST',
    path: '/v1/sinks/{name}/test',
    id: 'testSink',
    tag: 'sinks',
    summary: 'Send a marked sample to a receiver, and say what came back',
    permission: 'operate',
    params: sinkParams,
    query: NOTHING,
    body: NONE,
    answer: sinkTestAnswer,
    cost: 'heavy',
    handle: async (context, { params: { name } }) => {
      const { formatContext, ...actions } = context.deps.actions
      const sinks = actions.sinks()
      if (!sinks.routes().some((each) => each.name === name)) throw new Problem(404, 'There is no receiver of this name.')
      const tried = await trySink(
        name,
        { ...actDeps(context), sinks, context: formatContext },
        AbortSignal.any([context.signal, AbortSignal.timeout(LONGEST_MS)]),
      )
      const { sink, kind, taken, alert, dedupKey, title, latencyMs, detail } = tried
      const failure = tried.taken ? { error: null, mend: null } : { error: tried.error, mend: tried.mend }
      return { body: { sink, kind, taken, alert, dedupKey, title, latencyMs, detail, ...failure } }
    },
  }),
]

/** No receiver may take longer in its entry. */
const LONGEST_MS = 100_000
