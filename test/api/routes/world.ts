import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { openRaise } from '../../../src/alerts/raise.ts'
import type { ApiDeps } from '../../../src/api/deps.ts'
import { problemOf } from '../../../src/api/problem.ts'
import type { Route, RouteContext } from '../../../src/api/route.ts'
import { ALERTS_ROUTES } from '../../../src/api/routes/alerts.ts'
import { AUDIT_ROUTES } from '../../../src/api/routes/audit.ts'
import { CREDENTIALS_ROUTES } from '../../../src/api/routes/credentials.ts'
import { EVIDENCE_READ_ROUTES } from '../../../src/api/routes/evidence.ts'
import { EXEMPTIONS_ROUTES } from '../../../src/api/routes/exemptions.ts'
import { FINDINGS_ROUTES } from '../../../src/api/routes/findings.ts'
import { IDENTITIES_ROUTES } from '../../../src/api/routes/identities.ts'
import { OBSERVATIONS_ROUTES } from '../../../src/api/routes/observations.ts'
import { OVERVIEW_ROUTES } from '../../../src/api/routes/overview.ts'
import { SINKS_ROUTES } from '../../../src/api/routes/sinks.ts'
import { SYSTEMS_ROUTES } from '../../../src/api/routes/systems.ts'
import { TRIALS_ROUTES } from '../../../src/api/routes/trials.ts'
import type { Config } from '../../../src/config/config.ts'
import { parseConfig } from '../../../src/config/load.ts'
import { type Custody, openCustody } from '../../../src/custody/custody.ts'
import { CONFIG_CHECKS } from '../../../src/daemon/checks.ts'
import { openSinks, type Sinks } from '../../../src/daemon/sinks.ts'
import type { Role } from '../../../src/domain/access.ts'
import { newId, slotOf } from '../../../src/domain/id.ts'
import { applySignals } from '../../../src/findings/apply.ts'
import { audit } from '../../../src/store/audit.ts'
import type { Db } from '../../../src/store/db.ts'
import { markDelivered, markFailed } from '../../../src/store/delivery.ts'
import { deliveryPage } from '../../../src/store/delivery-page.ts'
import { transact } from '../../../src/store/transact.ts'
import { openLogger } from '../../../src/telemetry/logger.ts'
import { type BundleHouse, openBundleHouse } from '../../evidence/bundle-house.ts'

export const READ_ROUTES: readonly Route[] = [
  ...[
    ...OVERVIEW_ROUTES,
    ...IDENTITIES_ROUTES,
    ...CREDENTIALS_ROUTES,
    ...SYSTEMS_ROUTES,
    ...TRIALS_ROUTES,
    ...OBSERVATIONS_ROUTES,
  ],
  ...[...FINDINGS_ROUTES, ...EXEMPTIONS_ROUTES, ...ALERTS_ROUTES, ...SINKS_ROUTES, ...AUDIT_ROUTES, ...EVIDENCE_READ_ROUTES],
]

/** What a route says: its answer, or the problem that it is refused with. */
export interface Said {
  status: number
  body: unknown
  next: string | undefined
  detail: string | undefined
}

export interface World {
  db: Db
  house: BundleHouse
  now: Temporal.Instant
  ids: Record<'retired' | 'resting' | 'untried' | 'refused' | 'trial' | 'openSystem' | 'anySecret', string>
  /** Asks an address of the API as it stands in a link, without the kernel around it; as an admin, unless another role is given. */
  get(address: string, role?: Role): Promise<Said>
  /** Forgets what is kept for a while. */
  fresh(): void
  close(): Promise<void>
}

const HOUR = 3_600_000

/**
 * The company of `openBundleHouse`, with more people, trials, alerts, and things that went wrong; and the routes that tell of it.
 *
 * @param opened the custody of a database that has keys
 */
export async function openWorld(db: Db, opened?: Custody): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'revenant-reads-'))
  const house = await openBundleHouse(db)
  const now = Temporal.Now.instant().round('millisecond')
  const config = await parseConfig(stringify(fileOf(folder)), 'revenant.yaml', CONFIG_CHECKS)
  const context = { product: { name: 'Revenant' as const, version: '0', instance: 'test' }, hostname: 'test' }
  const sinks = await openSinks(config.alerts, context)
  const ids = await furnish(db, house, config, sinks, now)
  const custody = opened ?? (await openCustody({ db, keyRingPath: join(folder, 'keyring.json'), clock: () => now }))
  let deps = { ...readDeps(db, config, sinks, now), custody }
  return {
    ...{ db, house, now, ids },
    get: (address, role) => askRead(address, deps, role),
    fresh: () => {
      deps = { ...deps }
    },
    close: async () => {
      await sinks.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Asks a read by its address, with what reads need; for benchmarks too. */
export async function askRead(address: string, deps: ApiDeps, role: Role = 'admin'): Promise<Said> {
  const url = new URL(address, 'http://revenant.invalid')
  for (const route of READ_ROUTES) {
    const params = paramsOf(route.path, url.pathname)
    if (params === undefined) continue
    const asked = route.ask({ params, query: Object.fromEntries(url.searchParams), body: undefined })
    if ('faults' in asked) return refusal(asked.status, asked.faults.map(({ field }) => field).join(' '))
    try {
      const answer = await asked.run({ ...REQUEST, actor: { name: 'anna', role, via: 'session' }, deps })
      if (!('body' in answer)) throw new Error(`${address} answers with no body`)
      return { status: 200, body: JSON.parse(JSON.stringify(answer.body)), next: answer.next, detail: undefined }
    } catch (error) {
      const problem = problemOf(error)
      if (problem === undefined) throw error
      return refusal(problem.status, problem.message)
    }
  }
  throw new Error(`nothing is at ${url.pathname}`)
}

function refusal(status: number, detail: string): Said {
  return { status, body: undefined, next: undefined, detail }
}

function paramsOf(path: string, asked: string): Record<string, string> | undefined {
  const match = new RegExp(`^${path.replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`).exec(asked)
  return match === null ? undefined : { ...match.groups }
}

/** What reads look at of a request; whoever looked at more would find nothing. */
const REQUEST = {
  signal: new AbortController().signal,
  upload: undefined,
} as unknown as Omit<RouteContext, 'deps' | 'actor'>

/** Reads need no queue, no secrets and nobody who signs in; whoever needed them would find nothing. */
export function readDeps(db: Db, config: Config, sinks: Sinks, now: Temporal.Instant): ApiDeps {
  const logger = openLogger({ level: 'error', fields: {}, write: () => {} })
  const parts = {
    db,
    config: () => config,
    version: '0',
    instance: 'test',
    now: () => now,
    logger,
    actions: { sinks: () => sinks },
  }
  return parts as unknown as ApiDeps
}

function fileOf(folder: string) {
  const target = (name: string) => ({
    url: `https://${name}.example/me`,
    credential: 'bearer',
    accept: [{ when: { status: 200, json: { '/login': { type: 'string' } } } }],
  })
  return {
    database: { dataDir: folder },
    telemetry: { traceUrl: 'https://traces.example/?id={traceId}' },
    policy: { revokeWithin: { default: '24h', critical: '2h' } },
    systems: [
      {
        name: 'payroll',
        probe: 'http',
        target: target('payroll'),
        tier: 'critical',
        realm: 'corp',
        runbook: 'https://runbooks.example/payroll',
        controls: { canary: { token: 'env:PAYROLL_CANARY' } },
        limits: { failuresPerPrincipal: '3/24h' },
      },
      { name: 'wiki', probe: 'http', target: target('wiki') },
    ],
    alerts: [
      { name: 'soc', sink: 'file', to: join(folder, 'soc.log'), minSeverity: 'high' },
      { name: 'mail', sink: 'file', to: join(folder, 'mail.log'), heartbeat: '1h' },
      { name: 'broken', sink: 'webhook', to: 'env:REVENANT_TEST_NOT_SET', kinds: ['blind_system'] },
    ],
  }
}

async function furnish(db: Db, house: BundleHouse, config: Config, sinks: Sinks, now: Temporal.Instant): Promise<World['ids']> {
  const ago = (hours: number) => now.subtract({ milliseconds: hours * HOUR }).toString()
  const { anna, bert, systems } = house.ids
  await addPeople(db, now)
  const add = async (
    identity: string,
    system: string,
    label: string,
    state: Record<string, string | number | null>,
    retired = false,
  ) => {
    const id = newId()
    const row = {
      id,
      identity_id: identity,
      system_id: system,
      label,
      kind: 'password',
      privilege: 'admin',
      fingerprint: `f-${id}`,
    } as const
    await db
      .insertInto('credential')
      .values({ ...row, retired_at: retired ? ago(1) : null })
      .execute()
    const secret = {
      credential_id: id,
      system_id: system,
      origin: 'https://x.example',
      reference: retired ? null : `env:MARKED_${label}`,
    }
    await db
      .insertInto('secret')
      .values({ ...secret, sealed: null, data_key_id: null, reference_mac: null, pinned: null })
      .execute()
    await db
      .insertInto('check_state')
      .values({ credential_id: id, system_id: system, slot: slotOf(id), ...state })
      .execute()
    return id
  }
  const here = await db.selectFrom('identity').select('id').where('external_id', '=', 'P00').executeTakeFirstOrThrow()
  const answer = { strength: 'strong', assurance: 'controlled', observed_at: ago(1) }
  const ids = {
    retired: await add(anna, systems.payroll, 'old', { terminated_at: null }, true),
    resting: await add(here.id, systems.wiki, 'rests', { verdict: 'accepted', reason: 'authenticated', ...answer }),
    untried: await add(bert, systems.payroll, 'fresh', { terminated_at: ago(5), due_at: ago(-1), verify_by: ago(-60) }),
    refused: await add(bert, systems.payroll, 'once', {
      ...{ terminated_at: ago(5), due_at: ago(2), verdict: 'rejected', reason: 'token_invalid', rejections: 1, ...answer },
      ...{ first_rejected_at: ago(1), judged_at: ago(1) },
    }),
    trial: await addTrials(db, systems.payroll, now),
    ...(await addFindings(db, house, config, sinks, now)),
  }
  await db
    .insertInto('gap')
    .values(gapRow(systems.payroll, ago(30), ago(20)))
    .execute()
  await db
    .insertInto('pause')
    .values({ scope: systems.wiki, paused_at: ago(2), paused_by: 'carla', note: 'cut-over' })
    .execute()
  await db
    .insertInto('heartbeat')
    .values({ instance: 'test', zones: ['default'], started_at: ago(9), at: ago(0) })
    .execute()
  await db
    .insertInto('lockout_budget')
    .values([
      { realm: 'corp', account: 'a', window_ends_at: ago(-3), tries: 3 },
      { realm: 'corp', account: 'b', window_ends_at: ago(-4), tries: 1, locked_until: ago(-5) },
      { realm: 'corp', account: 'past', window_ends_at: ago(3), tries: 3 },
    ])
    .execute()
  const acts = [
    ['identity.terminate', 'E2'],
    ['findings.view', 'all'],
    ['pause', 'wiki'],
    ['credential.retire', ids.retired],
  ] as const
  for (const [action, subject] of acts) {
    const actor = action === 'findings.view' ? 'token:ci' : 'carla'
    await audit(db, { actor, action, subject, detail: { note: 'as agreed' }, at: now.subtract({ minutes: 5 }) })
  }
  await audit(db, { actor: 'carla', action: 'system.rebind', subject: 'wiki', at: now.subtract({ hours: 100 }) })
  const exemption = { finding_kind: null, identity_id: bert, owner: 'hr', reason: 'later', created_by: 'dora' }
  await db
    .insertInto('exemption')
    .values([
      { id: newId(), ...exemption, starts_at: ago(-1), ends_at: ago(-2), created_at: ago(1) },
      { id: newId(), ...exemption, starts_at: ago(9), ends_at: ago(8), created_at: ago(9) },
      { id: newId(), ...exemption, starts_at: ago(9), ends_at: ago(-8), created_at: ago(7), revoked_at: ago(6) },
    ])
    .execute()
  await house.sequencer.run()
  return ids
}

function gapRow(system: string, from: string, to: string) {
  return {
    ...({ id: newId(), system_id: system, reason: 'no_worker', from_at: from, seen_at: to, to_at: to } as const),
    ...{ credentials_at_start: 1, credentials: 2 },
  }
}

/** Twelve people; every third has left, one will leave tomorrow. */
async function addPeople(db: Db, now: Temporal.Instant): Promise<void> {
  const rows = Array.from({ length: 12 }, (_, n) => {
    const left = n % 3 === 2 ? now.subtract({ hours: n * 24 }) : n === 1 ? now.add({ hours: 24 }) : undefined
    const kind = n === 4 ? ('agent' as const) : ('human' as const)
    return {
      ...{
        id: newId(),
        external_id: `P${String(n).padStart(2, '0')}`,
        kind,
        source: 'test',
        terminated_at: left?.toString() ?? null,
      },
      ...{ name: n % 2 === 0 ? 'Zoë Example' : `zacharias ${n}`, email: `Person${n}@Example.com` },
    }
  })
  await db.insertInto('identity').values(rows).execute()
}

async function addTrials(db: Db, system: string, now: Temporal.Instant): Promise<string> {
  const rows = Array.from({ length: 7 }, (_, n) => ({
    ...{ id: newId(), system_id: system, shard: 0, zone: 'default', instance: 'test', trace_id: 'b'.repeat(32) },
    ...{ accepted: n, rejected: 2, inconclusive: 1 },
    // Two began at the same instant.
    started_at: now.subtract({ hours: Math.max(1, n) * 12 }).toString(),
    finished_at: n === 0 ? null : now.subtract({ hours: n * 12 }).toString(),
    outcome: n === 0 ? null : n === 3 ? 'blind' : 'completed',
    assurance: n === 0 ? null : ('controlled' as const),
  }))
  await db.insertInto('trial').values(rows).execute()
  const trial = rows[1]?.id ?? ''
  const control = {
    ...({
      trial_id: trial,
      system_id: system,
      credential_id: null,
      verdict: 'rejected',
      reason: 'invalid_credentials',
      strength: 'strong',
    } as const),
    ...({ wire: '{"status":401}', latency_ms: 1.5, transport: 'verified', leaf: Buffer.alloc(32) } as const),
  }
  const asked = now.subtract({ hours: 12 })
  await db
    .insertInto('control')
    .values([
      { id: newId(), control: 'nobody', observed_at: asked.toString(), ...control },
      { id: newId(), control: 'stranger', observed_at: asked.add({ seconds: 1 }).toString(), ...control },
    ])
    .execute()
  return trial
}

/** Findings with alerts, some of which were delivered and some given up. */
async function addFindings(db: Db, { ids }: BundleHouse, { policy }: Config, sinks: Sinks, now: Temporal.Instant) {
  const raise = openRaise({
    routes: () => sinks.routes(),
    policy: () => policy,
    runbook: () => undefined,
    enqueue: async () => {},
    now: () => now,
  })
  const signal = { holds: true, at: now.subtract({ hours: 3 }), exempt: false } as const
  const credentialId = ids.credentials['anna@wiki'] ?? ''
  await transact(db, (tx) =>
    applySignals(
      tx,
      [
        { key: 'open:payroll', systemId: ids.systems.payroll, signal: { ...signal, kind: 'open_system', severity: 'critical' } },
        {
          ...{ key: 'any:anna', systemId: ids.systems.wiki, identityId: ids.anna, credentialId },
          signal: { ...signal, kind: 'any_secret_accepted', severity: 'high' },
        },
      ],
      policy,
      raise,
    ),
  )
  const idOf = async (key: string) =>
    (await db.selectFrom('finding').select('id').where('key', '=', key).executeTakeFirstOrThrow()).id
  for (const { id, sink } of await deliveryPage(db, {}, { sort: 'createdAt', after: undefined, limit: 50 })) {
    if (sink === 'soc') await markDelivered(db, id, now.subtract({ hours: 2 }), 'written')
    if (sink === 'mail') await markFailed(db, id, now.subtract({ hours: 2 }), undefined, 'ENOSPC')
  }
  return { openSystem: await idOf('open:payroll'), anySecret: await idOf('any:anna') }
}
