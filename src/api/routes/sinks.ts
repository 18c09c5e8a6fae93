import type { SinkConfig } from '../../config/config.ts'
import { SINK_SORTS, type SinkHealth, sinkHealth } from '../../store/delivery-page.ts'
import type { ApiDeps } from '../deps.ts'
import { askOf, listAnswer, listQuery } from '../list.ts'
import { GET } from '../read.ts'
import { NOTHING, type Route, route } from '../route.ts'
import { type Sink, sinkPage } from '../schemas/sink.ts'

export const SINKS_ROUTES: readonly Route[] = [
  route({
    ...GET,
    path: '/v1/sinks',
    id: 'listSinks',
    tag: 'sinks',
    summary: 'The receivers of alerts and how they stand',
    params: NOTHING,
    query: listQuery({}, SINK_SORTS, 'name'),
    answer: sinkPage,
    handle: async ({ deps }, { query }) => {
      // They stand in the configuration: the list is cut here, not in the database.
      const { after, limit, sort } = askOf(query, SINK_SORTS)
      const configs = new Map(deps.config().alerts.map((config) => [config.name, config]))
      const health = await sinkHealth(deps.db, [...configs.keys()])
      const way = sort === 'name' ? 1 : -1
      const rows = health
        .map((of) => ({ ...sinkOf(deps, configs.get(of.sink), of), keys: [of.sink] }))
        .toSorted((a, b) => (a.name < b.name ? -way : way))
        .filter(({ name }) => after === undefined || (sort === 'name' ? name > (after[0] ?? '') : name < (after[0] ?? '')))
      return listAnswer(query, rows.slice(0, limit))
    },
  }),
]

function sinkOf({ actions, now }: ApiDeps, config: SinkConfig | undefined, { sink: name, ...health }: SinkHealth): Sink {
  const opened = config === undefined ? undefined : actions.sinks().byName(name)
  const fault = config === undefined ? undefined : actions.sinks().faultOf(name)
  const goneSince = opened?.goneSince?.toString() ?? null
  return {
    name,
    kind: config?.sink ?? null,
    format: config?.format ?? null,
    minSeverity: config?.minSeverity ?? null,
    kinds: config?.kinds === undefined ? null : [...config.kinds],
    events: config?.events === undefined ? null : [...config.events],
    state: stateOf(config !== undefined, fault !== undefined, goneSince !== null, health),
    fault: fault?.message ?? null,
    goneSince,
    pausedUntil: opened?.breaker.pausedUntil(now())?.toString() ?? null,
    ...health,
    heartbeatMs: config?.heartbeatMs ?? null,
  }
}

function stateOf(configured: boolean, broken: boolean, gone: boolean, health: Omit<SinkHealth, 'sink'>): Sink['state'] {
  if (!configured) return 'removed'
  if (broken) return 'broken'
  if (gone) return 'gone'
  if (health.dead > 0) return 'dead'
  if (health.failing > 0) return 'failing'
  return health.pending > 0 ? 'waiting' : 'idle'
}
