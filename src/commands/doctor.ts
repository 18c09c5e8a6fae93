import { stat } from 'node:fs/promises'
import type { Runtime } from '../daemon/runtime.ts'
import type { OpenedSystem } from '../daemon/systems.ts'
import { toError } from '../domain/error.ts'
import type { BoundSecret } from '../probe/probe.ts'
import { attempt, type TimedJudgement } from '../scan/attempt.ts'
import { duePage } from '../store/due.ts'
import { countTry, markLocked, refundTry, reserveTries } from '../store/lockout-budget.ts'
import { isPaused } from '../store/pause.ts'
import { serverFacts } from '../store/server.ts'
import { findSystem, isHeld } from '../store/system.ts'
import { type CommandContext, withRuntime } from './context.ts'
import { counted, EXIT, json, line, style } from './io.ts'

type Level = 'ok' | 'warn' | 'fail'
interface Check {
  name: string
  level: Level
  detail: string
  /** What to do about it. */
  mend?: string
}

const SKEW_WARN_MS = 2_000

/**
 * `revenant doctor`: checks database, keys, clock, each system's reachability and controls, each receiver, and says what to mend.
 * A stranger and, where configured, the canary are tried; no leaver's credential is. Exit 0 when nothing failed, 1 otherwise.
 */
export async function doctor(context: CommandContext, options: { json: boolean }): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const checks: Check[] = []
    const add = (check: Check) => {
      checks.push(check)
      print(context, check, options.json)
    }
    add(await database(runtime))
    add(await keyRing(runtime))
    add(await clock(runtime))
    for (const system of runtime.systems.all()) for (const check of await systemChecks(runtime, system)) add(check)
    if (runtime.systems.all().length === 0)
      add({
        name: 'systems',
        level: 'warn',
        detail: 'none configured',
        mend: `add one to ${context.configPath}; docs/configuration.md shows how`,
      })
    for (const sink of runtime.config.alerts) add(sinkCheck(runtime, sink.name))
    if (runtime.config.alerts.length === 0)
      add({
        name: 'alerts',
        level: 'warn',
        detail: 'no receiver configured: nobody will be told',
        mend: 'add an entry under alerts',
      })
    return checks.some((check) => check.level === 'fail') ? EXIT.fault : EXIT.ok
  })
}

async function database(runtime: Runtime): Promise<Check> {
  const { version, partitions } = await serverFacts(runtime.store.db)
  const kind = runtime.store.kind === 'embedded' ? 'embedded Postgres' : 'Postgres'
  return { name: 'database', level: 'ok', detail: `${kind} ${version}, ${partitions} partitions of observations` }
}

async function keyRing(runtime: Runtime): Promise<Check> {
  const { keyRing: path } = runtime.config
  const keys = await runtime.custody.describe()
  const mode = (await stat(path)).mode & 0o777
  const detail = `${path}, mode ${mode.toString(8)}, ${counted(keys.ring.length, 'ring key')}`
  return mode === 0o600
    ? { name: 'key ring', level: 'ok', detail }
    : { name: 'key ring', level: 'fail', detail, mend: `chmod 600 ${path}` }
}

async function clock(runtime: Runtime): Promise<Check> {
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

async function systemChecks(runtime: Runtime, system: OpenedSystem): Promise<Check[]> {
  const name = `system ${system.config.name}`
  const checks: Check[] = []
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
): Promise<Pick<Check, 'detail' | 'mend'> | undefined> {
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
): Promise<Check> {
  try {
    await system.scan.rate.acquire(AbortSignal.timeout(system.scan.limits.timeoutMs))
  } catch {
    return { name, level: 'warn', detail: 'not tried: its rate allows no attempt now', mend: 'ask again later' }
  }
  const settle = wanted === 'accepted' ? await reserve(runtime, system, secret.account) : () => Promise.resolve()
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

function sinkCheck(runtime: Runtime, name: string): Check {
  const fault = runtime.sinks.faultOf(name)
  return fault !== undefined
    ? {
        name: `alerts ${name}`,
        level: 'fail',
        detail: fault.message,
        mend: 'check its entry under alerts, and what it refers to',
      }
    : { name: `alerts ${name}`, level: 'ok', detail: 'opened; `revenant alerts test` sends a marked sample' }
}

const MARKS: Record<Level, { text: string; colour: 'green' | 'yellow' | 'red' }> = {
  ok: { text: 'ok  ', colour: 'green' },
  warn: { text: 'warn', colour: 'yellow' },
  fail: { text: 'FAIL', colour: 'red' },
}

function print({ io }: CommandContext, check: Check, asJson: boolean): void {
  if (asJson) {
    json(io, check)
    return
  }
  const mark = MARKS[check.level]
  line(io, `${style(io, mark.colour, mark.text)}  ${check.name}: ${check.detail}`)
  if (check.mend !== undefined) line(io, `      -> ${check.mend}`)
}
