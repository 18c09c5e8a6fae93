import type { z } from 'zod'
import type { Facts } from '../../domain/leaf.ts'
import type { IntakeDeps } from '../deps.ts'
import type { Feed } from '../feed/said.ts'

/** One kind of source: a row of the registry. A source is pulled, by the clock, or pushes to an address of the API. */
export interface SourceKind {
  /** Its own keys in the configuration, on one level with the common ones. Strict. */
  schema: z.ZodType
  /** How long it may be silent where the configuration does not say. */
  silentAfterMs: number
  /** Opens a source from checked keys; opens no connection. */
  open(options: Record<string, unknown>): OpenedSource
}

export interface OpenedSource {
  /** Absent for one that pushes. */
  pull?: SourcePull
}

export interface SourcePull {
  everyMs: number
  /**
   * Asks the source once, and takes what it says (`takeStatements`). A normal return is a sign of life, but for `unheard`. Throws a RevenantError that
   * names the fault without a secret.
   */
  once(context: PullContext): Promise<void>
}

export interface PullContext {
  feed: Feed
  deps: IntakeDeps
  /** How far it was read; null where it never was. The source's own facts. */
  position: Facts | null
  /** Remembers how far it has been read, once what came before is taken. */
  move(position: Facts): Promise<void>
  /** Reads a secret by reference. Throws `SECRET_UNAVAILABLE`, `SECRET_EMPTY`. */
  readReference(reference: string): Promise<string>
  /** Names a secret without telling it: the same one has the same name at this source, for ever. */
  fingerprint(secret: string): string
  log(level: 'debug' | 'info' | 'warn', message: string, fields: Record<string, unknown>): void
  /** Says that nothing was there to be read: the return is no sign of life then. */
  unheard?(): void
  /** Aborts when the daemon stops. */
  signal: AbortSignal
}

/** Makes a row of the registry from a schema and what opens its output. */
export function sourceKind<Options>(kind: {
  schema: z.ZodType<Options>
  silentAfterMs: number
  open?(options: Options): OpenedSource
}): SourceKind {
  const { schema, silentAfterMs, open } = kind
  return { schema, silentAfterMs, open: (options) => open?.(schema.parse(options)) ?? {} }
}
