import { hostname } from 'node:os'
import { LINK_MINUTES } from '../api/access/sign-in-link.ts'
import { VERSION } from '../daemon/version.ts'
import { startDaemon } from '../daemon.ts'
import { toError } from '../domain/error.ts'
import { startTelemetry } from '../telemetry/start.ts'
import { type CommandContext, configOf } from './context.ts'
import { EXIT } from './io.ts'
import { remoteRunner } from './remote.ts'

/** `revenant run`: the daemon, until SIGTERM, SIGINT or the end of the caller. SIGHUP reads the configuration again. */
export async function run(context: CommandContext): Promise<number> {
  const config = await configOf(context)
  const telemetry = await startTelemetry({
    version: VERSION,
    instance: config.instance ?? hostname(),
    logLevel: config.telemetry.logLevel,
    env: process.env,
  })
  const { logger } = telemetry
  // Before the process's own listener, which ends it.
  process.prependListener('uncaughtException', (thrown) => logger.fatal({ err: toError(thrown) }, 'unexpected: the daemon ends'))
  const daemon = await startDaemon({
    config,
    configPath: context.configPath,
    telemetry,
    runRemote: (runtime, page) => remoteRunner(runtime, context.configPath, context.run, page),
  })
  const onHangup = () => void daemon.reload()
  process.on('SIGHUP', onHangup)
  logger.info(
    {
      database: daemon.runtime.store.kind,
      systems: config.systems.length,
      sinks: config.alerts.length,
      health: `${daemon.address}/healthz`,
      ...(daemon.page === undefined ? {} : { page: daemon.page }),
    },
    'revenant is running',
  )
  // Not in the log: logs are kept, and read by many.
  if (daemon.link !== undefined)
    context.io.err(
      `Nobody has signed in yet. Within ${LINK_MINUTES} minutes this link signs one administrator in, once:\n  ${daemon.link.url}\n`,
    )
  if (config.systems.length === 0) {
    logger.info(
      { config: context.configPath },
      'nothing is registered yet: add a system to the configuration and check it with `revenant config check`, then `revenant import identities FILE` and `revenant import credentials FILE`; docs/getting-started.md tells more',
    )
  }
  await aborted(context.io.signal)
  logger.info('stopping: running trials record what they know')
  process.off('SIGHUP', onHangup)
  await daemon.stop()
  logger.info('stopped')
  await telemetry.shutdown()
  leaveAnyway(context)
  return EXIT.ok
}

/** How long what a foreign client has left open may keep a daemon that has closed everything of its own. */
const LAST_MS = 5_000

/** A broker's reconnect timer or a socket that nobody closed must not make an orchestrator wait, and then kill. */
function leaveAnyway({ io }: CommandContext): void {
  setTimeout(() => {
    io.err(`revenant: stopped, though something was left open (${[...new Set(process.getActiveResourcesInfo())].join(', ')})\n`)
    process.exit(EXIT.ok)
  }, LAST_MS).unref()
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
