import type { Db } from '../store/db.ts'
import { type LiveKey, type LiveType, liveActs, liveDeliveries, liveFindings, liveListings, liveTrials } from '../store/live.ts'
import type { LiveEvent } from './schemas/live.ts'

/** What is told of some rows, in their order; of those that are gone already nothing. */
export async function liveEvents(db: Db, keys: readonly LiveKey[]): Promise<LiveEvent[]> {
  const ids = (type: LiveType) => keys.flatMap((key) => (key.type === type ? [key.id] : []))
  const told = new Map<string, LiveEvent>()
  const tell = (event: Exclude<LiveEvent, { type: 'resync' }>) => void told.set(`${event.type} ${event.data.id}`, event)
  for (const row of await liveFindings(db, ids('finding'))) {
    const { at, identityId, identity, systemId, system, ...rest } = row
    const data = { ...rest, at: at.toString(), identity: named(identityId, identity), system: named(systemId, system) }
    tell({ type: 'finding', data })
  }
  for (const { at, systemId, system, outcome, ...rest } of await liveTrials(db, ids('trial')))
    tell({
      type: 'trial',
      data: { ...rest, at: at.toString(), system: { id: systemId, name: system }, outcome: outcome ?? 'stopped' },
    })
  for (const row of await liveActs(db, ids('operator'))) tell({ type: 'operator', data: { ...row, at: row.at.toString() } })
  for (const row of await liveDeliveries(db, ids('delivery'))) tell({ type: 'delivery', data: { ...row, at: row.at.toString() } })
  for (const { at, system, ...rest } of await liveListings(db, ids('listing')))
    tell({ type: 'listing', data: { ...rest, at: at.toString(), system: { id: rest.id, name: system } } })
  return keys.flatMap((key) => told.get(`${key.type} ${key.id}`) ?? [])
}

function named(id: string | null, name: string | null) {
  return id === null || name === null ? null : { id, name }
}
