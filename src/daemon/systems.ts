import { createHash } from 'node:crypto'
import cron from 'node-cron'
import type { Dispatcher } from 'undici'
import { loadProbe } from '../../probes/registry.ts'
import type { Config, SystemConfig } from '../config/config.ts'
import type { ReadReference } from '../custody/local-reference.ts'
import { readReference, readSecret } from '../custody/references.ts'
import { RevenantError } from '../domain/error.ts'
import type { BoundProbe } from '../probe/probe.ts'
import { openRateLimiter, type RateLimiter } from '../scan/rate.ts'
import type { ScanSystem } from '../scan/system.ts'
import type { Db } from '../store/db.ts'
import { takePlaces } from '../store/rate.ts'
import { type SystemRow, syncSystems } from '../store/system.ts'
import { effectFault } from './checks.ts'

/** The systems of one configuration, ready to be tried. */
export interface Systems {
  byId(id: string): ScanSystem | undefined
  byName(name: string): OpenedSystem | undefined
  all(): readonly OpenedSystem[]
  close(): Promise<void>
}

export interface OpenedSystem {
  config: SystemConfig
  row: SystemRow
  probe: BoundProbe
  scan: ScanSystem
}

/**
 * Binds each system's probe to its target and makes the `system` rows what the configuration says.
 * Throws `CONFIG_INVALID` where a probe could change something that the system does not allow.
 */
export async function openSystems(
  db: Db,
  config: Config,
  now: Temporal.Instant,
  read: ReadReference = readReference,
): Promise<Systems> {
  const bound = await Promise.all(config.systems.map(async (system) => ({ system, probe: await bindSystem(system) })))
  const rows = await db.transaction().execute((tx) =>
    syncSystems(
      tx,
      bound
        .filter(({ system }) => system.enabled)
        .map(({ system, probe }) => ({
          name: system.name,
          probe: system.probe,
          origin: probe.origin,
          tier: system.tier,
          zone: system.zone,
          owner: system.owner,
          schedule: system.schedule === undefined ? undefined : `${system.schedule.cron} ${system.schedule.timeZone}`,
          scheduleDueAt: windowOf(system)?.(now),
          shards: system.limits.shards,
        })),
      now,
    ),
  )
  const dispatchers: Dispatcher[] = []
  const shared = sharedRealms(config)
  // Without systems nothing needs the HTTP client, which takes 20 MB.
  const { openDispatcher } = bound.length === 0 ? NO_CLIENT : await import('../probe/dispatcher.ts')
  const opened = bound.flatMap(({ system, probe }): OpenedSystem[] => {
    const row = rows.get(system.name)
    if (row === undefined) return []
    const http = lazyDispatcher(system, probe, openDispatcher, dispatchers)
    // Of the system, not of a shard: all shards and replicas take from one time line in the database.
    const rate = openRateLimiter(system.limits.rate, (places) => takePlaces(db, row.id, places))
    const sharesRealm = shared.has(system.realm)
    return [{ config: system, row, probe, scan: scanSystem(system, row, probe, { http, rate, sharesRealm, read }) }]
  })
  const ids = new Map(opened.map((each) => [each.row.id, each]))
  const names = new Map(opened.map((each) => [each.config.name, each]))
  return {
    byId: (id) => ids.get(id)?.scan,
    byName: (name) => names.get(name),
    all: () => opened,
    close: async () => {
      await Promise.all(dispatchers.map((dispatcher) => dispatcher.close()))
    },
  }
}

/** Binds a system's probe to its target and checks that it may do what it does. */
export async function bindSystem(system: SystemConfig): Promise<BoundProbe> {
  const probe = (await loadProbe(system.probe)).bind(system.target)
  const fault = effectFault(system.probe, probe, system.allowEffects)
  if (fault !== undefined) throw new RevenantError('CONFIG_INVALID', `system ${system.name}: ${fault}`)
  return probe
}

function scanSystem(
  system: SystemConfig,
  row: SystemRow,
  probe: BoundProbe,
  { http, rate, sharesRealm, read }: { http: () => Dispatcher; rate: RateLimiter; sharesRealm: boolean; read: ReadReference },
): ScanSystem {
  const { canary, canaryAccount } = system.controls
  return {
    id: row.id,
    name: system.name,
    probe,
    tier: system.tier,
    realm: system.realm,
    sharesRealm,
    attribution: system.attribution,
    reference: read,
    get http() {
      return http()
    },
    rate,
    limits: { ...system.limits, concurrency: share(system.limits.concurrency, system.limits.shards) },
    controls: {
      canary: canary === undefined ? undefined : async () => probe.secret(await readSecret(canary, read)),
      canaryAccount,
      subject: subjectOf(system),
      validForMs: system.controls.validForMs,
      confirmationValidForMs: system.controls.confirmationValidForMs,
    },
    nextWindow: windowOf(system),
  }
}

/** What a system's controls speak of. The canary stands here by its references, not by its secret. */
function subjectOf({ probe, target, controls }: SystemConfig): string {
  return createHash('sha256')
    .update(JSON.stringify([probe, target, controls.canary ?? null]))
    .digest('hex')
}

type OpenDispatcher = typeof import('../probe/dispatcher.ts').openDispatcher

const NO_CLIENT: { openDispatcher: OpenDispatcher } = {
  openDispatcher: () => {
    throw new TypeError('no system asked for an HTTP client')
  },
}

/** An HTTP client costs memory: it is opened when the system is first tried. */
function lazyDispatcher(
  system: SystemConfig,
  probe: BoundProbe,
  openDispatcher: OpenDispatcher,
  opened: Dispatcher[],
): () => Dispatcher {
  let dispatcher: Dispatcher | undefined
  return () => {
    if (dispatcher === undefined) {
      dispatcher = openDispatcher({
        origins: probe.origins,
        ...probe.http,
        connections: system.limits.concurrency,
        connectTimeoutMs: system.limits.timeoutMs,
      })
      opened.push(dispatcher)
    }
    return dispatcher
  }
}

/** Limits are of the system: each shard has its share. The configuration has no more shards than attempts at a time. */
function share(total: number, shards: number): number {
  return Math.floor(total / shards)
}

/** Realms that the configuration gives, even to one system alone, and names of systems that others share a realm with. */
function sharedRealms({ systems }: Config): ReadonlySet<string> {
  return new Set(systems.filter(({ name, realm }) => realm !== name).map(({ realm }) => realm))
}

/** The next opening of a system's schedule. */
function windowOf(system: SystemConfig): ScanSystem['nextWindow'] {
  const { schedule } = system
  if (schedule === undefined) return undefined
  return (now) => {
    const task = cron.createTask(schedule.cron, () => {}, { timezone: schedule.timeZone })
    const [next] = task.getNextRuns(1)
    void task.destroy()
    // An expression without a next time (30 February) never opens again; a year is as good as never.
    return next === undefined ? now.add({ hours: 8_760 }) : Temporal.Instant.fromEpochMilliseconds(next.getTime())
  }
}
