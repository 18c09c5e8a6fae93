import { mkdir } from 'node:fs/promises'
import cron from 'node-cron'
import { recoverDeliveries } from './alerts/delivery.ts'
import { sendHeartbeats } from './alerts/heartbeat.ts'
import { endOutdatedSessions } from './api/access/role-map.ts'
import type { SignInLink } from './api/access/sign-in-link.ts'
import { KEPT_HOURS } from './api/idempotent.ts'
import type { Config } from './config/config.ts'
import { diffConfig } from './config/diff.ts'
import { reloadConfig } from './config/load.ts'
import { type Served, serveApi } from './daemon/api.ts'
import { CONFIG_CHECKS } from './daemon/checks.ts'
import { logConfiguration } from './daemon/config-log.ts'
import { openControl, type RunRemote } from './daemon/control.ts'
import { openIdleCollector } from './daemon/idle.ts'
import { startLedger } from './daemon/ledger.ts'
import { minimiseSecrets } from './daemon/minimise.ts'
import { ownershipByClock, ownershipOfAll } from './daemon/ownership.ts'
import { applyRetention } from './daemon/retention.ts'
import { controlSocket, dataFolder, openRuntime, type Runtime } from './daemon/runtime.ts'
import { toError } from './domain/error.ts'
import { applySignals } from './findings/apply.ts'
import { feedSignal } from './findings/signals.ts'
import { endReturned } from './scan/inventory-record.ts'
import { remind } from './scan/plan.ts'
import { backlog } from './store/delivery.ts'
import { countDue } from './store/due.ts'
import { forgetFeedEvents, silences } from './store/feed.ts'
import { countActiveFindings } from './store/finding.ts'
import { forgetRequests } from './store/idempotency.ts'
import { endThoseAway } from './store/leaver.ts'
import { dropOldBudgets } from './store/lockout-budget.ts'
import { forgetLooks } from './store/looks.ts'
import { ensurePartitions } from './store/partition.ts'
import { forgetSessions } from './store/session.ts'
import { forgetSignInLinks } from './store/sign-in-link.ts'
import { countSealed } from './store/spent.ts'
import { vacuum } from './store/statistics.ts'
import { transact } from './store/transact.ts'
import { openHeartbeat } from './telemetry/heartbeat.ts'
import type { Telemetry } from './telemetry/start.ts'

export interface DaemonOptions {
  config: Config
  configPath: string
  telemetry: Telemetry
  /** Runs a command that another process asks for; only with the embedded database. */
  runRemote(runtime: Runtime, page: string | undefined): RunRemote
}

export interface Daemon {
  readonly runtime: Runtime
  /** Where everything is served. */
  readonly address: string
  /** Where people open the page; undefined where it is not served. */
  readonly page: string | undefined
  /** How somebody signs in who never did: on the first start. */
  readonly link: SignInLink | undefined
  /** Reads the configuration file again; a bad one changes nothing and is logged. Answers whether it is in force. */
  reload(): Promise<boolean>
  /** Takes no more work, lets running trials record what they know, closes everything in reverse. */
  stop(): Promise<void>
}

/** However short the ticks are: what waits for a database that does not answer is not stuck. Three of these without a turn are. */
const LEAST_HEARTBEAT_MS = 20_000
/** Grants of those who are here again, ended a minute. */
const RETURNED_PAGE = 500
/** How often the ledger takes up what waits for it. */
const SEQUENCE = '*/5 * * * * *'
/** Looks of an hour this long ago, if none was repeated, are forgotten. */
const FORGET_LOOKS_HOURS = 48
/** Sessions and links that were over so long ago are forgotten: the audit has who signed in. */
const FORGET_ACCESS_HOURS = 720
/** Events of sources that came so long ago are forgotten: nothing that old is taken. */
const FORGET_EVENTS_HOURS = 24 * 60
/** Budgets whose window ended this long ago are forgotten. */
const FORGET_BUDGETS_HOURS = 720

/**
 * Opens everything in order and starts to tick. When this answers, the daemon works: what is due is being tried.
 * Throws a RevenantError when it cannot start; nothing stays open then.
 */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { telemetry, configPath } = options
  const { logger } = telemetry
  await mkdir(dataFolder(options.config), { recursive: true, mode: 0o700 })
  const runtime = await openRuntime(options.config, telemetry)
  const heartbeat = openHeartbeat(Math.max(options.config.scan.tickMs, LEAST_HEARTBEAT_MS))
  const closers: (() => Promise<void>)[] = [() => runtime.close()]
  const stop = async () => {
    for (const close of closers.splice(0).reverse())
      await close().catch((error: unknown) => logger.error({ err: error }, 'closing failed'))
  }
  try {
    const served = await serveApi(runtime, () => heartbeat.alive())
    closers.push(() => served.close())
    if (runtime.store.kind === 'embedded') {
      const control = await openControl(controlSocket(runtime.config), options.runRemote(runtime, served.page))
      closers.push(() => control.close())
    }
    const ledger = await startLedger(runtime)
    closers.push(async () => ledger.stop())
    await logConfiguration(runtime, configPath)
    await endSessionsOfOtherRoles(runtime)
    await runtime.work()
    const turn = guarded(telemetry, 'the tick failed', async () => {
      const started = performance.now()
      try {
        await runtime.tick()
        await runtime.feeds.pullDue(runtime.feedDeps)
        runtime.inventories.runDue(runtime.inventoryDeps)
        telemetry.meters.tickEnded(performance.now() - started)
      } finally {
        // A turn that failed has turned: a process that is started anew finds the same database away.
        heartbeat.beat()
      }
    })
    const collectWhenIdle = openIdleCollector()
    const minute = guarded(telemetry, 'the minutely work failed', async () => {
      await everyMinute(runtime)
      collectWhenIdle()
    })
    // By the clock only, never at the start: after a long stop what is due is tried first.
    const reminders = guarded(telemetry, 'reminding failed', () => remind(runtime.planDeps))
    const sequence = guarded(telemetry, 'the ledger was not extended', ledger.sequence)
    const ledgerMinute = guarded(telemetry, 'the minutely work of the ledger failed', ledger.minute)
    const anchor = guarded(telemetry, 'anchoring failed', ledger.anchor)
    const ledgerDay = guarded(telemetry, 'the daily work of the ledger failed', ledger.daily)
    const hourly = guarded(telemetry, 'the hourly work failed', () => ownershipOfAll(runtime))
    const daily = guarded(telemetry, 'the daily work failed', () => everyDay(runtime))
    // Its own lines would go to standard output, past the logger and with colours.
    const every = (expression: string, work: () => Promise<void>, timezone?: string) =>
      cron.schedule(expression, work, {
        noOverlap: true,
        logger: cronLogger(telemetry),
        ...(timezone === undefined ? {} : { timezone }),
      })
    const tasks = [
      every(tickExpression(options.config.scan.tickMs), turn),
      every('0 * * * * *', minute),
      every('15 * * * * *', reminders),
      every(SEQUENCE, sequence),
      every('30 * * * * *', ledgerMinute),
      every('45 * * * * *', anchor),
      every('0 27 3 * * *', ledgerDay, 'UTC'),
      every('0 7 * * * *', hourly),
      every('0 17 3 * * *', daily, 'UTC'),
    ]
    closers.push(async () => {
      for (const task of tasks) await task.destroy()
    })
    await turn()
    void daily().then(hourly)
    void minute()
    const { address, page, link } = served
    return { runtime, address, page, link, reload: () => reload(runtime, configPath, telemetry, served), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** A cron expression for a tick that divides a minute or an hour, as the configuration has it; node-cron's finest grain is a second. */
export function tickExpression(tickMs: number): string {
  const seconds = Math.max(1, Math.round(tickMs / 1_000))
  if (seconds < 60) return `*/${seconds} * * * * *`
  const minutes = Math.round(seconds / 60)
  return minutes < 60 ? `0 */${minutes} * * * *` : '0 0 * * * *'
}

/** By the minute too: somebody may come back from the provider in the moment of a reload. */
async function endSessionsOfOtherRoles({ store, config, instance, now, telemetry }: Runtime): Promise<void> {
  const sessions = await endOutdatedSessions(store.db, config, instance, now())
  if (sessions > 0) telemetry.logger.info({ sessions }, 'sessions ended: access.oidc gives roles by other rules now')
}

/** A departure that was known in advance falls due by the clock: no import says so. */
async function endThoseWhoLeft({ store, instance, now, telemetry }: Runtime): Promise<void> {
  const ended = await transact(store.db, (tx) => endThoseAway(tx, `daemon ${instance}`, now()))
  if (ended > 0) telemetry.logger.info({ ended }, 'sessions and tokens ended: those they belong to have left')
}

/** Sources of leavers that fell silent, and those that are heard again. */
async function tellSilences({ store: { db }, config, raise, now }: Runtime): Promise<void> {
  const at = now()
  const changes = await silences(db, at)
  if (changes.length === 0) return
  const signals = changes.map(({ id, silent }) => feedSignal({ at, feedId: id, holds: silent }))
  await transact(db, (tx) => applySignals(tx, signals, config.policy, raise))
}

async function everyMinute(runtime: Runtime): Promise<void> {
  await endSessionsOfOtherRoles(runtime)
  await endThoseWhoLeft(runtime)
  await ownershipByClock(runtime)
  await tellSilences(runtime)
  await endReturned(runtime.now(), RETURNED_PAGE, runtime.inventoryDeps)
  await recoverDeliveries(runtime.deliveryDeps)
  const { meters } = runtime.telemetry
  const now = runtime.now().epochMilliseconds
  meters.setBacklog(
    (await backlog(runtime.store.db)).map(({ sink, pending, dead, oldest }) => {
      return { sink, pending, dead, lagMs: oldest === null ? 0 : now - oldest.epochMilliseconds }
    }),
  )
  meters.setActiveFindings(await countActiveFindings(runtime.store.db))
  meters.setDueCredentials(await countDue(runtime.store.db, runtime.now()))
  meters.setSealedSecrets(await countSealed(runtime.store.db))
  // Last: it waits for receivers.
  await sendHeartbeats(runtime.sinks.all(), runtime.deliveryDeps)
}

async function everyDay(runtime: Runtime): Promise<void> {
  const { db } = runtime.store
  const now = runtime.now()
  await ensurePartitions(db, now)
  const dropped = await applyRetention(runtime)
  if (dropped.length > 0) runtime.telemetry.logger.info({ partitions: dropped }, 'observations past their retention dropped')
  const retired = await minimiseSecrets(runtime)
  if (retired.proven_dead + retired.expired + retired.rotated > 0)
    runtime.telemetry.logger.info(
      { retired },
      'credentials retired: proven dead for long enough, past their own date, or an old value of a shared secret',
    )
  await dropOldBudgets(db, now.subtract({ hours: FORGET_BUDGETS_HOURS }))
  await forgetLooks(db, now.subtract({ hours: FORGET_LOOKS_HOURS }))
  await forgetRequests(db, now.subtract({ hours: KEPT_HOURS }))
  await forgetSignInLinks(db, now.subtract({ hours: FORGET_ACCESS_HOURS }))
  await forgetFeedEvents(db, now.subtract({ hours: FORGET_EVENTS_HOURS }))
  await forgetSessions(db, now.subtract({ hours: FORGET_ACCESS_HOURS }))
  // The embedded database has no autovacuum.
  if (runtime.store.kind === 'embedded') await vacuum(db)
  // A rotation that a crash cut short is finished here; otherwise this does nothing.
  await runtime.custody.finishRotation()
}

async function reload(runtime: Runtime, configPath: string, telemetry: Telemetry, served: Served): Promise<boolean> {
  const { logger } = telemetry
  const result = await reloadConfig(runtime.config, configPath, CONFIG_CHECKS)
  if ('fault' in result) {
    logger.error(
      { file: configPath, fault: result.fault.message },
      'the configuration was not reloaded: the old one stays in force',
    )
    return false
  }
  const { needsRestart } = diffConfig(runtime.config, result.config)
  try {
    const takeEffect = await served.prepare(result.config)
    await runtime.reload(result.config)
    takeEffect()
    await logConfiguration(runtime, configPath)
    await endSessionsOfOtherRoles(runtime)
    await runtime.tick()
    if (needsRestart.length > 0)
      logger.warn({ settings: needsRestart }, 'these settings changed in the file and take effect at the next start')
    logger.info(
      { file: configPath, systems: result.config.systems.length, sinks: result.config.alerts.length },
      'configuration reloaded',
    )
    return true
  } catch (error) {
    logger.error({ file: configPath, err: toError(error) }, 'the configuration was not reloaded: the old one stays in force')
    return false
  }
}

/** node-cron's lines: of a turn that came late or was left out because the one before still ran. The next one makes up for it. */
function cronLogger({ logger }: Telemetry) {
  const say = (message: string | Error) => logger.debug(`clock: ${typeof message === 'string' ? message : message.message}`)
  return { info: say, warn: say, error: say, debug: say }
}

/** Work that a clock starts must never end the daemon. */
function guarded(telemetry: Telemetry, message: string, work: () => Promise<void>): () => Promise<void> {
  return async () => {
    try {
      await work()
    } catch (error) {
      telemetry.logger.error({ err: toError(error) }, message)
    }
  }
}
