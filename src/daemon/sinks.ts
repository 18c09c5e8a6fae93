import { isDeepStrictEqual } from 'node:util'
import type { OpenedSink } from '../alerts/delivery.ts'
import type { FormatContext } from '../alerts/formats/format.ts'
import { openPace } from '../alerts/pace.ts'
import { openSinkBreaker } from '../alerts/sink-breaker.ts'
import { openSink, sinkEntry } from '../alerts/sinks/registry.ts'
import { SINK_REFERENCES } from '../alerts/sinks/sink.ts'
import type { SinkConfig } from '../config/config.ts'
import type { ReadReference } from '../custody/local-reference.ts'
import { readReference } from '../custody/references.ts'
import { RevenantError } from '../domain/error.ts'
import { parseReference } from '../domain/reference.ts'
import type { Route } from '../domain/route.ts'
import { entryOf } from './checks.ts'

/** The receivers of one configuration. */
export interface Sinks {
  /** Undefined for a name that the configuration does not have, and for a receiver that `faultOf` knows a fault of. */
  byName(name: string): OpenedSink | undefined
  /** Why a receiver could not be opened: a secret that is not to be had, or does not fit. */
  faultOf(name: string): RevenantError | undefined
  all(): readonly OpenedSink[]
  routes(): readonly Route[]
  /** Since when the receiver of exactly this entry has been gone. */
  goneSince(config: SinkConfig): Temporal.Instant | undefined
  close(): Promise<void>
}

/**
 * Opens every receiver of the configuration; connections are made at the first delivery. A receiver that was gone stays gone while
 * its entry is as `before`. One that cannot be opened is a fault of that one: a command that sends nothing has no need of its secret.
 * Whoever delivers calls `allOpened` first.
 */
export async function openSinks(
  configs: readonly SinkConfig[],
  context: FormatContext,
  before?: Sinks,
  read: ReadReference = readReference,
): Promise<Sinks> {
  const opened = new Map<string, OpenedSink>()
  const faults = new Map<string, RevenantError>()
  for (const config of configs) {
    try {
      opened.set(config.name, { ...(await openOne(config, context, read)), goneSince: before?.goneSince(config) })
    } catch (error) {
      if (!(error instanceof RevenantError)) throw error
      faults.set(config.name, error)
    }
  }
  const routes: readonly Route[] = configs
  return {
    byName: (name) => opened.get(name),
    faultOf: (name) => faults.get(name),
    all: () => [...opened.values()],
    routes: () => routes,
    goneSince: (config) => {
      const entry = configs.find(({ name }) => name === config.name)
      return isDeepStrictEqual(entry, config) ? opened.get(config.name)?.goneSince : undefined
    },
    close: async () => {
      await Promise.allSettled([...opened.values()].map(({ sink }) => sink.close()))
    },
  }
}

/** Throws what keeps one of them shut: SECRET_UNAVAILABLE, SECRET_EMPTY, SECRET_INVALID, CONFIG_INVALID. */
export function allOpened(sinks: Sinks): void {
  for (const { name } of sinks.routes()) {
    const fault = sinks.faultOf(name)
    if (fault !== undefined) throw fault
  }
}

async function openOne(config: SinkConfig, context: FormatContext, read: ReadReference): Promise<OpenedSink> {
  const entry = sinkEntry.parse(entryOf(config))
  const resolved: Partial<Record<(typeof SINK_REFERENCES)[number], string>> = {}
  const references = new Map<string, unknown>(Object.entries(entry))
  for (const field of SINK_REFERENCES) {
    const reference = references.get(field)
    // `to` is most often an address as it is.
    if (typeof reference === 'string' && (field !== 'to' || parseReference(reference) !== undefined))
      resolved[field] = await read(reference).catch((error: unknown) => {
        throw error instanceof RevenantError
          ? new RevenantError(error.code, `sink ${config.name}: ${field}: ${error.message}`)
          : error
      })
  }
  const sink = openSink(entry, { context, now: () => Temporal.Now.instant(), ...resolved })
  return { sink, format: entry.format, route: config, breaker: openSinkBreaker(), pace: openPace(config.storm) }
}
