import { redrive } from '../../alerts/redrive.ts'
import { actDeps } from '../acting.ts'
import { NOTHING, type Route, route } from '../route.ts'
import { redriveAnswer, redriveBody } from '../schemas/actions.ts'

export const DELIVERY_ACTIONS: readonly Route[] = [
  route({
    method: 'POST',
    path: '/v1/deliveries/redrive',
    id: 'redriveDeliveries',
    tag: 'alerts',
    summary: 'Send dead deliveries again: one, those of one receiver, or all',
    permission: 'operate',
    params: NOTHING,
    query: NOTHING,
    body: redriveBody,
    answer: redriveAnswer,
    cost: 'heavy',
    handle: async (context, { body: { id, sink } }) => {
      const filter = { ...(id === undefined ? {} : { id }), ...(sink === undefined ? {} : { sink }) }
      const { enqueueAll } = context.deps.actions
      return { body: { redriven: await redrive(filter, { ...actDeps(context), enqueueAll }) } }
    },
  }),
]
