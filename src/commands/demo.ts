import { mkdir, rmdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { LINK_MINUTES } from '../api/access/sign-in-link.ts'
import type { Config } from '../config/config.ts'
import { parseConfig } from '../config/load.ts'
import { CONFIG_CHECKS } from '../daemon/checks.ts'
import type { Runtime } from '../daemon/runtime.ts'
import { VERSION } from '../daemon/version.ts'
import { type Daemon, startDaemon } from '../daemon.ts'
import { RevenantError } from '../domain/error.ts'
import { bindSystem } from '../intake/credential-row.ts'
import { importCredentials } from '../intake/credentials.ts'
import { importIdentities } from '../intake/identities.ts'
import { type Lab, startLab } from '../lab/lab.ts'
import { PRIYA } from '../lab/people.ts'
import { labCommand, labDoors } from '../lab/remote.ts'
import { openScreen } from '../lab/screen.ts'
import type { AlertLine } from '../lab/snapshot.ts'
import { progress } from '../store/standing.ts'
import { startTelemetry } from '../telemetry/start.ts'
import type { CommandContext } from './context.ts'
import { type DemoProvider, demoProvider, leaveByScim } from './demo-leaver.ts'
import { demoSnapshot } from './demo-snapshot.ts'
import { intakeDeps } from './import.ts'
import { EXIT, type Io, line } from './io.ts'
import { remoteRunner } from './remote.ts'
import { table } from './table.ts'

/** One folder, so that a second terminal finds the demo; one demo at a time. */
const FOLDER = join('data', 'demo')
const REDRAW_MS = 400
/** `--once` waits this long for everything to have been tried and proven, and says what is missing after that. */
const ONCE_MS = 60_000

/** `revenant demo [--once]`: the daemon against a lab of real servers on loopback. Leaves nothing running and nothing behind. */
export async function start(context: CommandContext, options: { once: boolean }): Promise<number> {
  const { io } = context
  // Ctrl-C before there is anything to stop.
  if (io.signal.aborted) return EXIT.ok
  const folder = resolve(io.cwd, FOLDER)
  const made = await mkdir(resolve(folder, '..'), { recursive: true, mode: 0o700 })
  line(io, 'Starting the lab: an HTTP API, an SSH server, Postgres, an open wiki, a busy CRM and a host that is down ...')
  const alerts: AlertLine[] = []
  const lab = await starting(
    io,
    startLab(folder, {
      onAlert: ({ event, severity, title, at }) => alerts.push({ at, event, severity, title, delivered: true }),
    }),
  )
  try {
    return io.signal.aborted ? EXIT.ok : await watch(context, lab, folder, alerts, options.once)
  } finally {
    await lab.stop()
    // Not where a daemon has begun to use it in the meantime.
    if (made !== undefined) await rmdir(made).catch(() => {})
  }
}

/** `revenant demo revoke|restore DOOR` */
export async function change({ io }: CommandContext, action: 'revoke' | 'restore', door: string): Promise<number> {
  const state = await labCommand(resolve(io.cwd, FOLDER), action, door)
  line(
    io,
    state.open
      ? `${state.name} is open again in the lab: the daemon will see it within seconds.`
      : `${state.name} is revoked in the lab (${state.closedBy}): the daemon will prove it within seconds.`,
  )
  return EXIT.ok
}

/** `revenant demo doors` */
export async function doors({ io }: CommandContext): Promise<number> {
  const states = await labDoors(resolve(io.cwd, FOLDER))
  io.out(
    table(
      io,
      ['DOOR', 'IN THE LAB', 'SYSTEM', 'WHAT IT IS'],
      states.map((door) => [door.name, door.open ? 'open' : 'closed', door.system, door.description]),
    ),
  )
  return EXIT.ok
}

async function watch(context: CommandContext, lab: Lab, folder: string, alerts: AlertLine[], once: boolean): Promise<number> {
  const { io } = context
  const configPath = join(folder, 'revenant.yaml')
  const provider = demoProvider(folder)
  const config = await writeConfig(lab, provider, folder, configPath)
  const telemetry = await startTelemetry({ version: VERSION, instance: 'demo', logLevel: 'silent', env: process.env })
  const startedAt = Temporal.Now.instant()
  const daemon = await starting(
    io,
    startDaemon({
      config,
      configPath,
      telemetry,
      runRemote: (runtime, page) => remoteRunner(runtime, configPath, context.run, page),
    }),
  )
  const missing = lab.missing.map(({ system, why }) => `The lab does without ${system}: ${why}`)
  const hints = [...missing, ...(once ? [] : hintsOf(daemon))]
  // Before anything is drawn: a log shows no hints, and a terminal keeps these above what is redrawn.
  for (const hint of hints) line(io, hint)
  const screen = openScreen(process.stdout, process.env)
  try {
    if (!io.signal.aborted) {
      await bringIn(daemon.runtime, lab)
      const told = await leaveByScim(daemon, provider, { externalId: PRIYA, name: 'Priya Nair' }, io.signal).catch((error) => {
        // What fails after Ctrl-C fails because of it.
        if (io.signal.aborted) return undefined
        throw error
      })
      if (told !== undefined) {
        line(io, told)
        hints.unshift(told)
      }
    }
    const draw = async () => screen.update(await demoSnapshot(daemon.runtime, startedAt, alerts, hints))
    if (once) return await untilSettled(context, daemon.runtime, draw)
    while (!io.signal.aborted) {
      await draw()
      await sleep(REDRAW_MS, undefined, { signal: io.signal }).catch(() => {})
    }
    return EXIT.ok
  } finally {
    screen.close()
    line(io, 'Stopping the daemon and the lab ...')
    await daemon.stop()
    await telemetry.shutdown()
  }
}

/** Says at once that Ctrl-C was heard: what is being started must be up before it can be stopped. */
async function starting<T>(io: Io, work: Promise<T>): Promise<T> {
  const heard = () => line(io, 'Stopping as soon as everything is up ...')
  io.signal.addEventListener('abort', heard, { once: true })
  try {
    return await work
  } finally {
    io.signal.removeEventListener('abort', heard)
  }
}

/** The demo's own configuration: the lab's systems, its receiver, and clocks that a person can watch. */
async function writeConfig(lab: Lab, provider: DemoProvider, folder: string, path: string): Promise<Config> {
  const text = JSON.stringify(
    {
      database: { dataDir: join(folder, 'daemon') },
      keyRing: join(folder, 'daemon', 'keyring.json'),
      listen: '127.0.0.1:0',
      instance: 'demo',
      scan: { tick: '1s' },
      policy: {
        confirmAfter: '2s',
        cadence: [{ every: '10s' }],
        provenEvery: '10s',
        revokeWithin: { default: '24h', critical: '1h' },
      },
      sources: [provider.source],
      systems: lab.systems,
      alerts: [
        {
          name: 'receiver',
          sink: 'webhook',
          format: 'json',
          to: lab.receiver.url,
          secret: lab.receiver.secret,
          minSeverity: 'info',
        },
      ],
    },
    undefined,
    2,
  )
  await writeFile(path, text, { mode: 0o600 })
  return parseConfig(text, path, CONFIG_CHECKS)
}

async function bringIn(runtime: Runtime, lab: Lab): Promise<void> {
  const deps = intakeDeps(runtime)
  const bindings = new Map(runtime.systems.all().map((system) => [system.config.name, bindSystem(system.row, system.probe)]))
  const identities = await importIdentities({ path: lab.identitiesFile }, deps, { dryRun: false })
  const credentials = await importCredentials(
    { path: lab.credentialsFile },
    { ...deps, custody: runtime.custody, bindings },
    { dryRun: false },
  )
  const [fault] = [...identities.bad, ...credentials.bad]
  if (fault !== undefined)
    throw new RevenantError('INTERNAL', `the lab's own data does not import: line ${fault.line}: ${fault.message}`)
}

function hintsOf(daemon: Daemon): string[] {
  // On lines of their own: the whole link is wider than some terminals.
  const code = daemon.link === undefined ? null : new URL(daemon.link.url).hash.split('code=')[1]
  return [
    ...(daemon.page === undefined ? [] : [`The page:  ${daemon.page}/`]),
    ...(typeof code === 'string' ? [`           signs you in, once:  ${code}`] : []),
    ...(daemon.link === undefined ? [] : [`The page, for ${LINK_MINUTES} minutes and one browser:`, daemon.link.url]),
    'In another terminal:  npm run -s revenant -- demo doors',
    '                      npm run -s revenant -- demo revoke maya-ssh-key     and watch it resolve',
    '                      npm run -s revenant -- demo restore maya-ssh-key    and watch it come back',
    `Health and metrics: ${daemon.address}/metrics    Ctrl-C ends it all and leaves nothing behind.`,
  ]
}

/** Draws until every credential has been tried and every rejection proven, or nothing more will come of it. */
async function untilSettled({ io }: CommandContext, runtime: Runtime, draw: () => Promise<void>): Promise<number> {
  const deadline = performance.now() + ONCE_MS
  while (!io.signal.aborted && performance.now() < deadline) {
    await draw()
    if (await isSettled(runtime)) break
    await sleep(REDRAW_MS, undefined, { signal: io.signal }).catch(() => {})
  }
  await draw()
  if (io.signal.aborted) return EXIT.fault
  return (await isSettled(runtime)) ? EXIT.ok : EXIT.fault
}

async function isSettled(runtime: Runtime): Promise<boolean> {
  const { untried, unproven, undelivered } = await progress(runtime.store.db)
  return untried + unproven + undelivered === 0
}
