import { stat } from 'node:fs/promises'
import { LEFT_OPEN, leavesOpen } from '../alerts/sinks/leaves-open.ts'
import type { SinkConfig } from '../config/config.ts'
import { lookAtKeyRing } from '../custody/key-ring.ts'
import { toError } from '../domain/error.ts'
import type { BoundSecret } from '../probe/probe.ts'
import { budgetAccount, NAMELESS } from '../scan/account.ts'
import { attempt, type TimedJudgement } from '../scan/attempt.ts'
import { duePage } from '../store/due.ts'
import { countTry, markLocked, refundTry, reserveTries } from '../store/lockout-budget.ts'
import { isPaused } from '../store/pause.ts'
import { serverFacts } from '../store/server.ts'
import { findSystem, isHeld } from '../store/system.ts'
import { examineAccess } from './doctor-access.ts'
import { examineSources } from './doctor-sources.ts'
import type { Runtime } from './runtime.ts'
import type { Secrets } from './secrets.ts'
import type { Sinks } from './sinks.ts'
import type { OpenedSystem } from './systems.ts'

export type CheckLevel = 'ok' | 'warn' | 'fail'

/** What the doctor says of one thing. */
export interface DoctorCheck {
  name: string
  level: CheckLevel
  detail: string
  /** What to do about it. */
  mend?: string
}

const SKEW_WARN_MS = 2_000

/**
 * Checks database, keys, clock, each system's reachability and controls, and each receiver, and says what to mend. A stranger and, where
 * configured, the canary are tried; no leaver's credential is.
 *
 * @param configName what the configuration is called where something is missing in it
 */
export async function* examine(runtime: Runtime, configName: string): AsyncGenerator<DoctorCheck> {
  yield await database(runtime)
  yield await keyRing(runtime)
  yield await clock(runtime)
  for (const system of runtime.systems.all()) yield* await systemChecks(runtime, system)
  if (runtime.systems.all().length === 0)
    yield {
      name: 'systems',
      level: 'warn',
      detail: 'none configured',
      mend: `add one to ${configName}; docs/configuration.md shows how`,
    }
  for (const sink of runtime.config.alerts) yield sinkCheck(runtime.sinks, sink)
  yield* examineSources(runtime)
  yield* examineAccess(runtime)
  if (runtime.config.alerts.length === 0)
    yield {
      name: 'alerts',
      level: 'warn',
      detail: 'no receiver configured: nobody will be told',
      mend: 'add an entry under alerts',
    }
}

async function database(runtime: Runtime): Promise<DoctorCheck> {
  const { version, partitions } = await serverFacts(runtime.store.db)
  const kind = runtime.store.kind === 'embedded' ? 'embedded Postgres' : 'Postgres'
  return { name: 'database', level: 'ok', detail: `${kind} ${version}, ${partitions} partitions of observations` }
}

async function keyRing(runtime: Runtime): Promise<DoctorCheck> {
  const keys = await runtime.custody.describe()
  return ringCheck(runtime.config.keyRing, keys.ring.length, runtime.secrets)
}

/** What there is to say of a ring that opens. */
export async function ringCheck(path: string, keys: number, secrets: Pick<Secrets, 'wraps'>): Promise<DoctorCheck> {
  const mode = (await stat(path)).mode & 0o777
  const detail = `${path}, mode ${mode.toString(8)}, ${keys} ring key${keys === 1 ? '' : 's'}`
  if (mode !== 0o600) return { name: 'key ring', level: 'fail', detail, mend: `chmod 600 ${path}` }
  const wrappedWith = (await lookAtKeyRing(path))?.wrappedWith
  const wanted = secrets.wraps().wrap?.name
  if (wrappedWith === wanted)
    return { name: 'key ring', level: 'ok', detail: wanted === undefined ? detail : `${detail}, wrapped with ${wanted}` }
  const command = wanted === undefined ? 'unwrap' : wrappedWith === undefined ? 'wrap' : 'rewrap'
  const is = wrappedWith === undefined ? 'not wrapped' : `wrapped with ${wrappedWith}`
  return { name: 'key ring', level: 'warn', detail: `${detail}, ${is}: not as configured`, mend: `run revenant keys ${command}` }
}

async function clock(runtime: Runtime): Promise<DoctorCheck> {
  const before = runtime.now()
  const { at } = await serverFacts(runtime.store.db)
  const after = runtime.now()
  const middle = (before.epochMilliseconds + after.epochMilliseconds) / 2
  const skew = Math.abs(at.epochMilliseconds - middle)
  const detail = `${Math.round(skew)} ms from the database's clock`
  return skew > SKEW_WARN_MS
    ? {
        name: 'clock',
        level: 'warn',
        detail,
        mend: 'run NTP on both machines: deadlines and latencies are measured by these clocks',
      }
    : { name: 'clock', level: 'ok', detail }
}

async function systemChecks(runtime: Runtime, system: OpenedSystem): Promise<DoctorCheck[]> {
  const name = `system ${system.config.name}`
  const checks: DoctorCheck[] = []
  if (system.row.origin !== system.row.bound_origin) {
    checks.push({
      name,
      level: 'fail',
      detail: `secrets were registered for ${system.row.bound_origin}, the configuration says ${system.row.origin}`,
      mend: `if it really moved: revenant systems rebind ${system.config.name}`,
    })
    return checks
  }
  if (system.probe.transport !== 'verified')
    checks.push({
      name,
      level: 'warn',
      detail: `transport is ${system.probe.transport}: the evidence is marked so`,
      mend: 'use TLS with a verified certificate',
    })
  const away = await keptAway(runtime, system)
  if (away !== undefined) {
    checks.push({ name, level: 'warn', ...away })
    return checks
  }
  const canary = system.scan.controls.canary
  const canarySecret = canary === undefined ? undefined : await canary().catch((error: unknown) => toError(error))
  if (canarySecret instanceof Error)
    checks.push({
      name: `${name} canary`,
      level: 'fail',
      detail: canarySecret.message,
      mend: 'mend the reference under controls.canary',
    })
  const sample = canarySecret instanceof Error || canarySecret === undefined ? await sampleOf(runtime, system) : canarySecret
  if (sample === undefined) {
    checks.push({
      name,
      level: 'warn',
      detail: 'no credential yet, so no decoy can be shaped',
      mend: 'import credentials, or configure a canary',
    })
    return checks
  }
  const decoy = sample.decoy('stranger')
  if (decoy !== undefined) checks.push(await tried(runtime, `${name} decoy`, system, decoy, 'rejected'))
  if (canarySecret !== undefined && !(canarySecret instanceof Error))
    checks.push(await tried(runtime, `${name} canary`, system, canarySecret, 'accepted'))
  else if (canary === undefined)
    checks.push({
      name: `${name} canary`,
      level: 'warn',
      detail: 'none: weak rejections of this system prove nothing',
      mend: 'configure controls.canary with a live credential',
    })
  return checks
}

/** Why a system must not be asked now, if so: the kill switch and a Retry-After hold for the doctor too. */
async function keptAway(
  { store: { db }, now }: Runtime,
  { row, config }: OpenedSystem,
): Promise<Pick<DoctorCheck, 'detail' | 'mend'> | undefined> {
  if (await isPaused(db, row.id)) return { detail: 'paused: not asked', mend: `revenant resume ${config.name}` }
  const limited = (await findSystem(db, row.id))?.hold_reason === 'rate_limited' && (await isHeld(db, row.id, now()))
  return limited ? { detail: 'it asked to be left alone for now: not asked', mend: 'ask again later' } : undefined
}

async function tried(
  runtime: Runtime,
  name: string,
  system: OpenedSystem,
  secret: BoundSecret,
  wanted: 'accepted' | 'rejected',
): Promise<DoctorCheck> {
  try {
    await system.scan.rate.acquire(AbortSignal.timeout(system.scan.limits.timeoutMs))
  } catch {
    return { name, level: 'warn', detail: 'not tried: its rate allows no attempt now', mend: 'ask again later' }
  }
  // A stranger has no account, hence no budget.
  const account =
    wanted === 'accepted' ? budgetAccount(system.scan, secret.account, system.scan.controls.canaryAccount) : undefined
  if (account === NAMELESS)
    return {
      name,
      level: 'fail',
      detail: 'not tried: its DN does not tell which account of the realm it is',
      mend: 'name the account in controls.canaryAccount',
    }
  const settle = await reserve(runtime, system, account)
  if (settle === undefined)
    return {
      name,
      level: 'fail',
      detail: 'not tried: the lockout budget of its account is spent',
      mend: 'wait, and mend its secret',
    }
  const judgement = await attempt(secret, {
    timeoutMs: system.scan.limits.timeoutMs,
    http: system.scan.http,
    attribution: system.scan.attribution,
    reference: system.scan.reference,
    pinnedPeer: system.row.pinned_peer ?? undefined,
    running: new Set(),
  })
  await settle(judgement)
  const detail = `${judgement.verdict} / ${judgement.reason} in ${Math.round(judgement.latencyMs)} ms, ${JSON.stringify(judgement.wire)}`
  if (judgement.verdict === wanted) return { name, level: 'ok', detail }
  const mend =
    wanted === 'rejected' && judgement.verdict === 'accepted'
      ? 'the system accepts anybody: verdicts about it are void'
      : `it should be ${wanted}: check address, certificate and credential`
  return { name, level: 'fail', detail, mend }
}

/**
 * Takes a try of the account's lockout budget: a canary with a wrong password must not be locked by a doctor who is asked often.
 * Answers how to settle it; undefined when there is none left.
 */
async function reserve(
  { store: { db }, now }: Runtime,
  { scan: { realm, limits } }: OpenedSystem,
  account: string | undefined,
): Promise<((judgement: TimedJudgement) => Promise<void>) | undefined> {
  if (account === undefined) return () => Promise.resolve()
  const { count, perMs } = limits.failuresPerPrincipal
  const granted = await reserveTries(db, realm, [account], { count, windowMs: perMs }, now())
  if (!granted.has(account)) return undefined
  return async ({ verdict, reason }) => {
    const until = now().add({ milliseconds: perMs })
    if (verdict === 'accepted') await refundTry(db, realm, account)
    else if (reason === 'account_locked') await markLocked(db, realm, account, until)
    else await countTry(db, realm, account, until)
  }
}

/** The shape of a secret that is due, for decoys; it is not sent anywhere. */
async function sampleOf(runtime: Runtime, system: OpenedSystem): Promise<BoundSecret | undefined> {
  const [row] = await duePage(runtime.store.db, {
    systemId: system.row.id,
    shard: 0,
    shards: 1,
    now: runtime.now().add({ hours: 87_600 }),
    limit: 1,
    after: undefined,
  })
  if (row === undefined) return undefined
  try {
    return system.probe.secret(await runtime.openSecret(row, system.scan))
  } catch {
    return undefined
  }
}

export function sinkCheck(sinks: Pick<Sinks, 'faultOf'>, sink: SinkConfig): DoctorCheck {
  const name = `alerts ${sink.name}`
  const fault = sinks.faultOf(sink.name)
  if (fault !== undefined)
    return { name, level: 'fail', detail: fault.message, mend: 'check its entry under alerts, and what it refers to' }
  return leavesOpen(sink)
    ? { name, level: 'warn', ...LEFT_OPEN }
    : { name, level: 'ok', detail: 'opened; `revenant alerts test` sends a marked sample' }
}
