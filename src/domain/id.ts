import { randomUUIDv7 } from 'node:crypto'

/** A new identifier: UUIDv7, so that rows are made in the order of their keys. */
export const newId: () => string = () => randomUUIDv7()

/** How many slots credentials are spread over; the shard of a credential is its slot modulo the system's shards. */
const SLOTS = 1024

/** The slot of a credential: from the random tail of its UUIDv7, so that it is even and never changes. */
export function slotOf(id: string): number {
  return Number.parseInt(id.slice(-4), 16) % SLOTS
}
