import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { RevenantError, toError } from '../domain/error.ts'
import { stageBastion } from './bastion-stage.ts'
import { holdClosedPort } from './closed-port.ts'
import { startControl } from './control.ts'
import { type Door, type DoorState, doorNamed, doorState } from './door.ts'
import { startGuard } from './guard.ts'
import { startPayroll } from './payroll.ts'
import { stagePayroll } from './payroll-stage.ts'
import { type CredentialRow, type IdentityRow, leavers } from './people.ts'
import { type ReceivedAlert, startReceiver } from './receiver.ts'
import { startSshServer } from './ssh-server.ts'
import type { KeepSecret, Stage, SystemEntry } from './stage.ts'
import { startTokenApi } from './token-api.ts'
import { CRM_LIMIT, stageCodeHost, stageCrm, stageOldCi, stageWiki } from './token-stages.ts'

export interface LabOptions {
  /** Told of every alert that arrives with a valid signature. */
  onAlert?: (alert: ReceivedAlert) => void
  /** Told when somebody closed or opened a door, from here or from another terminal. */
  onDoor?: (door: DoorState) => void
  now?: Temporal.Instant
}

/** A small company on loopback whose leavers still get in here and there: real servers, real protocols. */
export interface Lab {
  /** The `systems:` section of a configuration; canaries are `file:` references into the folder. */
  readonly systems: readonly SystemEntry[]
  readonly identities: readonly IdentityRow[]
  readonly credentials: readonly CredentialRow[]
  /** The same two, as files for `import identities` and `import credentials` (mode 0600). */
  readonly identitiesFile: string
  readonly credentialsFile: string
  /** Where alerts of the `webhook` sink in the format `json` go; the secret is a `file:` reference. */
  readonly receiver: { readonly url: string; readonly secret: string }
  /** Systems that could not be started on this machine, and why; the rest of the lab does without them. */
  readonly missing: readonly { system: string; why: string }[]
  doors(): DoorState[]
  revoke(door: string): Promise<DoorState>
  restore(door: string): Promise<DoorState>
  /** Stops every server and removes the folder. */
  stop(): Promise<void>
}

/**
 * Starts the lab. `folder` must be new or empty: all of it goes with `stop()`, or when this process ends in whatever way, and so
 * does what a caller puts there later. Every server listens on a free port of 127.0.0.1. Throws `CONFLICT` for a folder with something in it.
 */
export async function startLab(folder: string, options: LabOptions = {}): Promise<Lab> {
  const home = claim(resolve(folder))
  const guard = startGuard()
  guard.folder(home)
  const remove = async () => rmSync(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
  const releases: (() => Promise<void>)[] = [guard.release, remove]
  let pending: Promise<unknown> = Promise.resolve()
  const stop = once(async () => {
    // What is still starting would outlive us.
    await pending
    await releaseAll(releases)
  })
  try {
    const keep = keeper(home)
    const started = async <Server extends { stop(): Promise<void> }>(server: Promise<Server>): Promise<Server> => {
      const running = await server
      releases.push(running.stop)
      return running
    }
    // Postgres takes longest by far: the others start meanwhile.
    const payroll = withPayroll(() => started(startPayroll(home, guard)), keep)
    pending = payroll
    const codeHost = stageCodeHost(await started(startTokenApi({ realm: 'code-host' })), keep)
    const bastion = stageBastion(await started(startSshServer()), keep)
    const crm = stageCrm(await started(startTokenApi({ realm: 'crm', limit: CRM_LIMIT })), keep)
    const wiki = stageWiki(await started(startTokenApi({ realm: 'team-wiki', open: true })))
    const closed = await holdClosedPort()
    releases.push(closed.release)
    const receiver = await started(startReceiver((alert) => options.onAlert?.(alert)))
    const { stage, why } = await payroll
    const stages = [codeHost, bastion, ...(stage === undefined ? [] : [stage]), crm, wiki, stageOldCi(closed)]
    const doors = stages.flatMap((each) => each.doors)
    const onChange = (door: Door) => options.onDoor?.(doorState(door))
    await started(startControl(home, doors, onChange))
    const set = async (name: string, action: 'revoke' | 'restore') => {
      const door = doorNamed(doors, name)
      await door[action]()
      onChange(door)
      return doorState(door)
    }
    return {
      ...population(home, stages, options.now ?? Temporal.Now.instant()),
      receiver: { url: receiver.url, secret: keep('receiver', receiver.secret) },
      missing: why === undefined ? [] : [{ system: 'payroll-db', why }],
      doors: () => doors.map(doorState),
      revoke: (name) => set(name, 'revoke'),
      restore: (name) => set(name, 'restore'),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** In reverse; one that fails does not keep the others. Throws the first failure. */
async function releaseAll(releases: readonly (() => Promise<void>)[]): Promise<void> {
  const failures: Error[] = []
  for (const release of releases.toReversed()) await release().catch((error) => failures.push(toError(error)))
  const [first] = failures
  if (first !== undefined) throw first
}

function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined
  return () => {
    done ??= work()
    return done
  }
}

function claim(home: string): string {
  mkdirSync(home, { recursive: true, mode: 0o700 })
  if (readdirSync(home).length > 0) {
    throw new RevenantError('CONFLICT', `${home} is not empty: is a demo running there? Otherwise remove it and start again`)
  }
  return home
}

function keeper(home: string): KeepSecret {
  const folder = join(home, 'secrets')
  mkdirSync(folder, { mode: 0o700 })
  return (name, secret) => {
    const file = join(folder, name)
    writeFileSync(file, secret, { mode: 0o600 })
    return `file:${file}`
  }
}

/** A machine that cannot run the bundled Postgres (another libc, no right to change the user) still gets the rest of the demo. */
async function withPayroll(
  start: () => ReturnType<typeof startPayroll>,
  keep: KeepSecret,
): Promise<{ stage?: Stage; why?: string }> {
  try {
    return { stage: await stagePayroll(await start(), keep) }
  } catch (error) {
    return { why: toError(error).message }
  }
}

function population(home: string, stages: readonly Stage[], now: Temporal.Instant) {
  const identities = leavers(now)
  const credentials = stages.flatMap((stage) => stage.credentials)
  const identitiesFile = join(home, 'identities.csv')
  const credentialsFile = join(home, 'credentials.jsonl')
  const columns = ['external_id', 'kind', 'name', 'email', 'owner', 'status', 'terminated_at'] as const
  const rows = [columns.join(','), ...identities.map((row) => columns.map((column) => row[column]).join(','))]
  writeFileSync(identitiesFile, `${rows.join('\n')}\n`, { mode: 0o600 })
  writeFileSync(credentialsFile, credentials.map((row) => `${JSON.stringify(row)}\n`).join(''), { mode: 0o600 })
  return {
    systems: stages.map((stage) => structuredClone(stage.system)),
    identities,
    credentials,
    identitiesFile,
    credentialsFile,
  }
}
