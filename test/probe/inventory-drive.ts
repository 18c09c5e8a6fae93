import { openDispatcher } from '../../src/probe/dispatcher.ts'
import type { BoundInventory, Inventory } from '../../src/probe/inventory.ts'
import type { Listed, Person } from '../../src/probe/inventory-ask.ts'
import { type Asked, type Given, openHttp } from '../servers/hostile-http.ts'

export interface Driven {
  listed: Listed
  /** Of the others, in their order. */
  others: Listed[]
  asked: Asked[]
  origin: string
}

export interface DriveOptions {
  person?: Person
  /** Listed after, in the same turn. */
  others?: Person[]
  without?: string[]
  timeoutMs?: number
  signal?: AbortSignal
}

/** One listing of an inventory against a server that answers as told, through the dispatcher that the daemon uses. */
export async function driveInventory(
  inventory: Inventory,
  target: (origin: string) => Record<string, unknown>,
  secret: unknown,
  answer: (asked: Asked, origin: string) => Given,
  {
    person = { by: 'principal', name: 'anna' },
    others = [],
    without = [],
    timeoutMs = 2_000,
    signal = new AbortController().signal,
  }: DriveOptions = {},
): Promise<Driven> {
  let origin = ''
  const server = await openHttp((asked) => answer(asked, origin))
  origin = server.origin
  const bound: BoundInventory = inventory.bind({ tls: 'disable', ...target(origin) })
  const http = openDispatcher({ origins: bound.origins, ...bound.http, connections: 2, connectTimeoutMs: 1_000 })
  try {
    const lister = bound.open(secret)
    const context = {
      ...{ http, attribution: 'revenant/test (+loopback)', signal, timeoutMs },
      pace: () => undefined,
      apart: <T>(work: (signal: AbortSignal) => Promise<T>) => work(signal),
      without: new Set(without),
      nowMs: () => Date.now(),
    }
    const listed = await lister.list(person, context)
    const rest: Listed[] = []
    for (const other of others) rest.push(await lister.list(other, context))
    return { listed, others: rest, asked: server.asked, origin }
  } finally {
    await http.destroy()
    await server.stop()
  }
}
