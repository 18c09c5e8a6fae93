import { hostname } from 'node:os'
import { join } from 'node:path'
import { type DeliveryDeps, deliver } from '../alerts/delivery.ts'
import type { FormatContext } from '../alerts/formats/format.ts'
import { openRaise, type RaiseDeps } from '../alerts/raise.ts'
import type { Config } from '../config/config.ts'
import { loadFrameworks } from '../config/frameworks.ts'
import { openBox } from '../custody/box.ts'
import { type Custody, openCustody } from '../custody/custody.ts'
import type { ReadReference } from '../custody/local-reference.ts'
import { readReference } from '../custody/references.ts'
import { parseReference } from '../domain/reference.ts'
import type { Raise } from '../findings/apply.ts'
import { settleOwnership } from '../findings/ownership.ts'
import type { IntakeDeps } from '../intake/deps.ts'
import { type Jobs, openJobs } from '../jobs/jobs.ts'
import type { TrialDeps } from '../scan/deps.ts'
import type { InventoryDeps } from '../scan/inventory.ts'
import { type PlanDeps, tick } from '../scan/plan.ts'
import { scanNowIn } from '../scan/scan-now.ts'
import { runTrial } from '../scan/trial.ts'
import type { Store } from '../store/db.ts'
import type { DueCredential } from '../store/due.ts'
import { openStore } from '../store/open-store.ts'
import type { SystemBudget } from '../store/scan-now.ts'
import type { Telemetry } from '../telemetry/start.ts'
import { type FeedDeps, type Feeds, openFeeds } from './feeds.ts'
import { type Inventories, openInventories } from './inventories.ts'
import { openSecrets, type Secrets } from './secrets.ts'
import { allOpened, openSinks, type Sinks } from './sinks.ts'
import { openSystems, type Systems } from './systems.ts'
import { VERSION } from './version.ts'

/**
 * Everything that the daemon and the commands work with, opened in order: database, keys, queues, systems, receivers. It does
 * nothing by itself: the daemon lets it tick and work, a command asks it once.
 */
export interface Runtime {
  readonly config: Config
  readonly instance: string
  readonly telemetry: Telemetry
  readonly store: Store
  /** What references are read with. */
  readonly secrets: Secrets
  readonly custody: Custody
  readonly jobs: Jobs
  readonly systems: Systems
  readonly sinks: Sinks
  /** The sources of leavers. */
  readonly feeds: Feeds
  /** What is listed of those who left. */
  readonly inventories: Inventories
  readonly inventoryDeps: InventoryDeps
  readonly raise: Raise
  readonly planDeps: PlanDeps
  readonly deliveryDeps: DeliveryDeps
  /** Enqueues many deliveries in the transaction it is given. */
  readonly enqueueAll: RaiseDeps['enqueue']
  now(): Temporal.Instant
  /** Opens a credential's secret for its system's origin; for trials and for the doctor. */
  readonly openSecret: TrialDeps['openSecret']
  /** Opens and closes findings of orphaned identities in intake's transaction. */
  readonly onOwnership: NonNullable<IntakeDeps['onOwnership']>
  /** What sources of leavers write with. */
  readonly feedDeps: FeedDeps
  /** One tick: enqueues what is due. */
  tick(): Promise<number>
  /** Starts to work the trials of this replica's zones and the deliveries. Throws where a receiver could not be opened. */
  work(): Promise<void>
  /** Puts another configuration in force. Throws before anything has changed. */
  reload(config: Config): Promise<void>
  /** Stops working, waits for what runs, closes everything in reverse. */
  close(): Promise<void>
}

/** How long a stop waits for running trials to record what they know. */
const STOP_MS = 15_000
/** Deliveries of one receiver under way at a time. */
const DELIVERY_WORKERS = 4

/** Where the embedded database lives, beside the control socket. */
export function dataFolder(config: Config): string {
  return config.database.dataDir
}

/** Opens the database that a configuration names. */
export async function openConfiguredStore(config: Config, instance: string, read: ReadReference = readReference): Promise<Store> {
  const { url, dataDir, poolSize } = config.database
  if (url === undefined) return openStore({ dataDir, initApart: true })
  const resolved = parseReference(url) === undefined ? url : await read(url)
  return openStore({ url: resolved, poolSize, applicationName: `revenant ${instance}`.slice(0, 63) })
}

export async function openRuntime(config: Config, telemetry: Telemetry): Promise<Runtime> {
  const closers: (() => Promise<void>)[] = []
  const unwind = () => closeAll(closers, telemetry)
  try {
    return await assemble(config, telemetry, closers, unwind)
  } catch (error) {
    await unwind()
    throw error
  }
}

async function assemble(
  first: Config,
  telemetry: Telemetry,
  closers: (() => Promise<void>)[],
  unwind: () => Promise<void>,
): Promise<Runtime> {
  const instance = first.instance ?? hostname()
  const now = () => Temporal.Now.instant()
  const { logger, meters, tracer } = telemetry
  let config = first
  let frameworks = await loadFrameworks(config.frameworks)
  const secrets = openSecrets(config)
  closers.push(() => secrets.close())
  const store = await openConfiguredStore(config, instance, secrets.read)
  closers.push(() => store.close())
  const custody = await openCustody({
    db: store.db,
    keyRingPath: config.keyRing,
    clock: now,
    wraps: secrets.wraps,
    read: secrets.read,
  })
  let systems = await openSystems(store.db, config, now(), secrets.read)
  closers.push(() => systems.close())
  const context: FormatContext = {
    product: { name: 'Revenant', version: VERSION, instance },
    hostname: hostname(),
    ...(config.publicUrl === undefined ? {} : { publicUrl: config.publicUrl }),
  }
  let sinks = await openSinks(config.alerts, context, undefined, secrets.read)
  closers.push(() => sinks.close())
  let feeds = await openFeeds(store.db, config, now())
  let inventories = await openInventories(config, systems, secrets.read)
  // Opened last, to be closed first: what runs still needs the systems and the receivers.
  const jobs = await openJobs({
    store,
    trialBudgetMs: config.scan.trialBudgetMs,
    onError: (error) => logger.warn({ err: error }, 'the job queue reports'),
  })
  closers.push(() => jobs.stop(STOP_MS))
  closers.push(() => feeds.close())
  closers.push(() => inventories.close())

  const policy = () => config.policy
  const enqueueAll: Runtime['enqueueAll'] = (db, deliveries, startAfter) =>
    jobs.enqueueDeliveries(
      db,
      deliveries.map(({ id, ...rest }) => ({ deliveryId: id, ...rest })),
      startAfter,
    )
  const raise = openRaise({
    routes: () => sinks.routes(),
    policy,
    runbook: (systemName) => systems.byName(systemName)?.config.runbook,
    frameworks: () => frameworks,
    enqueue: enqueueAll,
    now,
  })
  const attemptMeters = new Map<string, ReturnType<typeof meters.attempts>>()
  const meterOf = (system: string, probe: string) => {
    const known = attemptMeters.get(system) ?? meters.attempts({ system, probe })
    attemptMeters.set(system, known)
    return known
  }
  const trialDeps: TrialDeps = {
    db: store.db,
    system: (id) => systems.byId(id),
    policy,
    openSecret: (row, system) => openSecret(custody, row, system.id, system.probe.origin),
    custody,
    raise,
    trace: (facts) => tracer.trial(facts),
    meters: {
      attempt: ({ system, probe, verdict, reason, latencyMs }) => meterOf(system, probe).record(verdict, reason, latencyMs),
      trial: ({ system, outcome }) => meters.trialEnded({ system, probe: systems.byName(system)?.config.probe ?? '', outcome }),
    },
    log: (level, message, fields) => logger[level](fields, message),
    instance,
    pageSize: config.scan.pageSize,
    trialBudgetMs: config.scan.trialBudgetMs,
    now,
  }
  const deliveryDeps: DeliveryDeps = {
    db: store.db,
    sink: (name) => sinks.byName(name),
    context,
    enqueue: async (db, { id, ...rest }, startAfter) => {
      await jobs.enqueueDelivery(db, { deliveryId: id, ...rest }, startAfter)
    },
    now,
    delivered: ({ sink, lagMs }) => meters.alertDelivered({ sink }, lagMs),
    failed: ({ sink, code }) => meters.alertFailed({ sink, code }),
    log: (level, message, fields) => logger[level](fields, message),
  }
  await jobs.prepareDeliveries(sinks.routes().map((route) => route.name))
  let working = false
  const workSinks = async () => {
    for (const { name } of sinks.routes())
      await jobs.workDeliveries(name, DELIVERY_WORKERS, ({ deliveryId }, signal) => deliver(deliveryId, signal, deliveryDeps))
  }
  const onOwnership: Runtime['onOwnership'] = async (tx, ownerships, at) => {
    await settleOwnership(tx, ownerships, at, { policy: config.policy, raise })
  }
  const inventoryDeps: InventoryDeps = {
    ...{ db: store.db, policy, raise, now, budgetMs: config.scan.trialBudgetMs },
    trace: trialDeps.trace,
    log: trialDeps.log,
  }
  const planDeps: PlanDeps = { db: store.db, jobs, zones: config.zones, policy, raise, now }

  return {
    get config() {
      return config
    },
    get systems() {
      return systems
    },
    get sinks() {
      return sinks
    },
    get feeds() {
      return feeds
    },
    get inventories() {
      return inventories
    },
    get inventoryDeps() {
      return inventoryDeps
    },
    feedDeps: {
      intake: (actor) => ({
        ...{ db: store.db, jobs, policy: config.policy, actor, now, onOwnership },
        onHint: async (tx, identityId) => {
          await scanNowIn(tx, { identityId }, { jobs, budgets: () => budgetsOf(systems), actor, now })
        },
      }),
      readReference: secrets.read,
      fingerprint: (scope, secret) => custody.fingerprint(scope, { secret }),
      logger,
    },
    instance,
    telemetry,
    store,
    secrets,
    custody,
    jobs,
    raise,
    planDeps,
    deliveryDeps,
    enqueueAll,
    now,
    openSecret: trialDeps.openSecret,
    onOwnership,
    tick: () => tick(planDeps),
    work: async () => {
      allOpened(sinks)
      for (const zone of config.zones) {
        await jobs.workTrials(zone, config.scan.workers, async (job, signal) => {
          await runTrial(job, signal, trialDeps)
        })
      }
      working = true
      await workSinks()
    },
    reload: async (next) => {
      const nextFrameworks = await loadFrameworks(next.frameworks)
      const nextSecrets = secrets.prepare(next)
      const undo = [() => nextSecrets.drop()]
      const old = { systems, sinks, feeds, inventories }
      try {
        const nextSinks = await openSinks(next.alerts, context, sinks, nextSecrets.read)
        undo.push(() => nextSinks.close())
        allOpened(nextSinks)
        const nextSystems = await openSystems(store.db, next, now(), secrets.read)
        undo.push(() => nextSystems.close())
        await jobs.prepareDeliveries(nextSinks.routes().map((route) => route.name))
        const nextFeeds = await openFeeds(store.db, next, now())
        undo.push(() => nextFeeds.close())
        const nextInventories = await openInventories(next, nextSystems, nextSecrets.read)
        config = next
        frameworks = nextFrameworks
        systems = nextSystems
        feeds = nextFeeds
        inventories = nextInventories
        sinks = nextSinks
      } catch (error) {
        await closeAll(undo, telemetry)
        throw error
      }
      await nextSecrets.take()
      if (working) await workSinks()
      // What still runs on the old ones may finish: closing waits for requests in flight.
      await old.feeds.close()
      await old.inventories.close()
      await old.sinks.close()
      await old.systems.close()
    },
    close: unwind,
  }
}

/** Closes what was opened, the last first. */
async function closeAll(closers: (() => Promise<void>)[], { logger }: Telemetry): Promise<void> {
  for (const close of closers.reverse()) await close().catch((error: unknown) => logger.error({ err: error }, 'closing failed'))
}

/** Opens a stored secret for the origin it is about to be sent to. */
function openSecret(custody: Custody, row: DueCredential, systemId: string, origin: string): unknown {
  const opened = custody.open(
    {
      credentialId: row.credential_id,
      systemId,
      origin: row.secret_origin,
      sealed: row.sealed,
      reference: row.reference,
      referenceMac: row.reference_mac,
      pinned: row.pinned,
    },
    origin,
  )
  return opened instanceof Promise ? opened.then(openBox) : openBox(opened)
}

/** How many wrong tries the accounts of each system may suffer. */
export function budgetsOf(systems: Systems): SystemBudget[] {
  return systems.all().map(({ row, scan: { realm, limits } }) => {
    return { systemId: row.id, realm, count: limits.failuresPerPrincipal.count }
  })
}

/** The socket by which commands reach the daemon that holds an embedded database. */
export function controlSocket(config: Config): string {
  return join(dataFolder(config), 'control.sock')
}
