import { hash } from 'node:crypto'
import { z } from 'zod'
import { canonicalJson } from '../../domain/canonical-json.ts'
import type { Facts } from '../../domain/leaf.ts'
import { parseInstant } from '../instant.ts'
import { FLAVOURS } from './flavour.ts'
import { attributesOf, type DirectoryOptions } from './options.ts'
import { rootsOf } from './roots.ts'

/** How far a directory has been read. */
export interface Position {
  /** Of what was asked for: where it differs, everybody is asked for anew. */
  scope: string
  /** When everybody was asked for. */
  fullAt: Temporal.Instant
  /** Active Directory: which copy of the database was asked, and the number of its newest change then. */
  server?: string
  usn?: string
  /** Others: the newest time of a change that was seen, by the directory's clock. */
  since?: Temporal.Instant
}

const positionSchema = z.object({
  scope: z.string(),
  fullAt: z.string(),
  server: z.string().exactOptional(),
  usn: z
    .string()
    .regex(/^\d{1,20}$/)
    .exactOptional(),
  since: z.string().exactOptional(),
})

export function keepPosition({ scope, fullAt, server, usn, since }: Position): Facts {
  return {
    ...{ scope, fullAt: fullAt.toString() },
    ...(server === undefined ? {} : { server }),
    ...(usn === undefined ? {} : { usn }),
    ...(since === undefined ? {} : { since: since.toString() }),
  }
}

/** Undefined for none, and for one of another shape. */
export function keptPosition(facts: Facts | null): Position | undefined {
  const kept = positionSchema.safeParse(facts).data
  if (kept === undefined) return undefined
  const { fullAt, since, ...rest } = kept
  const [full, changed] = [parseInstant(fullAt), since === undefined ? undefined : parseInstant(since)]
  return full === undefined ? undefined : { ...rest, fullAt: full, ...(changed === undefined ? {} : { since: changed }) }
}

/** A digest of what decides who is asked for, and how it is read. */
export function scopeOf(options: DirectoryOptions): string {
  const { url, flavour, bindDn, bases, filter, leavers, services, inactive } = options
  const asked = {
    ...{ url, flavour, bindDn, bases, leavers, attributes: attributesOf(options) },
    filter: filter ?? FLAVOURS[flavour].filter,
    services: { under: services.under, attribute: services.attribute ?? null, values: services.values ?? [] },
    inactive: inactive === undefined ? null : { attribute: inactive.attribute, values: inactive.values },
  }
  return hash('sha256', canonicalJson(asked), 'hex').slice(0, 32)
}

/** What decides who is in sight. Not the server: copies of one directory have the same people. */
export function peopleOf(options: DirectoryOptions): Facts {
  const { flavour, bindDn, filter } = options
  return {
    ...{ bindDn, roots: rootsOf(options).toSorted(), key: attributesOf(options).key },
    filter: filter ?? FLAVOURS[flavour].filter,
  }
}
