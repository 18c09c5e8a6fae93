import { nameOf } from '../domain/account-name.ts'
import { isLoopbackHost } from '../domain/loopback.ts'
import { parseReference, REFERENCE_FORMS } from '../domain/reference.ts'
import type { SinkConfig, SourceConfig } from './config.ts'
import { isRecord, type Problem } from './explain.ts'
import type { Path } from './fault.ts'
import { type InventoryConfig, inventoryConfigSchema } from './inventory-schema.ts'
import { suggest } from './nearest.ts'
import { checkPolicyRules } from './policy-rules.ts'
import { fileSchema } from './schema.ts'
import { checkSecretManagers } from './secret-manager-rules.ts'
import { sinkSchema } from './sink-schema.ts'
import { sourceSchema } from './source-schema.ts'
import { systemSchema } from './system-schema.ts'

/** What the composition root knows and this folder must not import. Paths are relative to what is checked. */
export interface ConfigChecks {
  probeKinds: readonly string[]
  /** @param allowEffects what the system allows a replay to change */
  checkTarget(
    kind: string,
    target: Record<string, unknown>,
    allowEffects: readonly string[],
  ): readonly Problem[] | Promise<readonly Problem[]>
  /** @param inventory an entry that the schema takes. Left out: nothing is checked. */
  checkInventory?(inventory: InventoryConfig): readonly Problem[] | Promise<readonly Problem[]>
  checkSink(sink: SinkConfig): readonly Problem[] | Promise<readonly Problem[]>
  checkSource(source: SourceConfig): readonly Problem[] | Promise<readonly Problem[]>
}

/**
 * Every rule beyond the schema, on the file as it is written. Each looks only at what it needs and passes over what the
 * schema already refuses, so that one bad line does not hide another.
 */
export async function checkRules(value: unknown, checks: ConfigChecks): Promise<Problem[]> {
  const systems = entriesOf(value, 'systems')
  const alerts = entriesOf(value, 'alerts')
  const sources = entriesOf(value, 'sources')
  return [
    ...duplicateNames('systems', systems),
    ...duplicateNames('alerts', alerts),
    ...duplicateNames('sources', sources),
    ...passwordsInUrls(value, []),
    ...literalSecrets('alerts', alerts),
    ...literalSecrets('sources', sources),
    ...trialsThatFitNoAttempt(value, systems),
    ...missingCanaries(value, systems),
    ...shardsWithoutAttempts(value, systems),
    ...unevenBudgets(value, systems),
    ...namelessCanaries(systems),
    ...unevenTick(value),
    ...exposedInClear(value),
    ...checkSecretManagers(value),
    ...checkPolicyRules(value),
    ...(await checkTargets(systems, checks)),
    ...(await checkInventories(systems, checks)),
    ...(await checkSinks(alerts, checks)),
    ...(await checkSources(sources, checks)),
  ]
}

type Entries = readonly (readonly [index: number, entry: Record<string, unknown>])[]

function entriesOf(value: unknown, key: 'systems' | 'alerts' | 'sources'): Entries {
  const list = isRecord(value) ? value[key] : undefined
  if (!Array.isArray(list)) return []
  return list.flatMap((entry: unknown, index) => (isRecord(entry) ? [[index, entry] as const] : []))
}

function duplicateNames(section: string, entries: Entries): Problem[] {
  const first = new Map<string, number>()
  return entries.flatMap(([index, { name }]): Problem[] => {
    if (typeof name !== 'string') return []
    const before = first.get(name)
    if (before === undefined) first.set(name, index)
    return before === undefined
      ? []
      : [{ path: [section, index, 'name'], message: `is the name of ${section}[${before}] already: choose another` }]
  })
}

/** A password inside a URL is a literal secret, wherever it stands. */
function passwordsInUrls(value: unknown, path: Path): Problem[] {
  if (Array.isArray(value)) return value.flatMap((item: unknown, index) => passwordsInUrls(item, [...path, index]))
  if (isRecord(value)) return Object.entries(value).flatMap(([key, item]) => passwordsInUrls(item, [...path, key]))
  const url = typeof value === 'string' ? URL.parse(value) : null
  if (url === null || url.password === '') return []
  return [{ path, message: `holds a password: put the whole URL, or the password, into a reference (${REFERENCE_FORMS})` }]
}

/** Keys that hold a secret under any sink. Compared without case and separators. */
const SECRET_KEYS = new Set([
  'password',
  'passwd',
  'passphrase',
  'secret',
  'clientsecret',
  'token',
  'accesstoken',
  'apikey',
  'privatekey',
])

function literalSecrets(section: string, entries: Entries): Problem[] {
  return entries.flatMap(([index, entry]) =>
    Object.entries(entry).flatMap(([key, value]): Problem[] => {
      // `secret` is the schema's own key and has its own message.
      if (key === 'secret' || !SECRET_KEYS.has(key.toLowerCase().replace(/[-_]/g, ''))) return []
      if (typeof value === 'string' && parseReference(value) !== undefined) return []
      return [{ path: [section, index, key], message: `must be a reference (${REFERENCE_FORMS}), never the secret itself` }]
    }),
  )
}

function trialsThatFitNoAttempt(value: unknown, systems: Entries): Problem[] {
  const budgetMs = scanOf(value)?.trialBudgetMs
  if (budgetMs === undefined) return []
  const message = 'must be shorter than scan.trialBudget: no attempt would fit into a trial'
  const own = systems.flatMap(([index, entry]): Problem[] => {
    const timeoutMs = systemSchema.safeParse(entry).data?.limits.timeoutMs ?? 0
    return timeoutMs < budgetMs ? [] : [{ path: ['systems', index, 'limits', 'timeout'], message }]
  })
  const standard = defaultsOf(value)?.limits.timeoutMs ?? 0
  return standard < budgetMs ? own : [{ path: ['defaults', 'limits', 'timeout'], message }, ...own]
}

function missingCanaries(value: unknown, systems: Entries): Problem[] {
  const wanted = defaultsOf(value)?.controls.canaryMissing
  return systems.flatMap(([index, entry]): Problem[] => {
    const system = systemSchema.safeParse(entry).data
    if (system === undefined || !system.enabled || system.controls.canary !== undefined) return []
    if ((system.controls.canaryMissing ?? wanted) !== 'refused') return []
    return [{ path: ['systems', index], message: 'needs controls.canary: canaryMissing is refused' }]
  })
}

/** Each shard tries one credential at a time at least: more shards than that would go past the system's concurrency. */
function shardsWithoutAttempts(value: unknown, systems: Entries): Problem[] {
  const standard = defaultsOf(value)?.limits
  if (standard === undefined) return []
  const message = ({ shards, concurrency }: { shards: number; concurrency: number }) =>
    `makes ${shards} shards with ${concurrency === 1 ? '1 attempt' : `${concurrency} attempts`} at a time: each shard needs one of its own; raise concurrency, or have fewer shards`
  if (standard.shards > standard.concurrency) return [{ path: ['defaults', 'limits', 'shards'], message: message(standard) }]
  return systems.flatMap(([index, entry]): Problem[] => {
    const own = systemSchema.safeParse(entry).data?.limits ?? {}
    const limits = { ...standard, ...own }
    if (limits.shards <= limits.concurrency) return []
    const key = own.shards === undefined ? 'concurrency' : 'shards'
    return [{ path: ['systems', index, 'limits', key], message: message(limits) }]
  })
}

/** One account has one budget: the larger of two would be the one that counts. */
function unevenBudgets(value: unknown, systems: Entries): Problem[] {
  const standard = defaultsOf(value)?.limits.failuresPerPrincipal
  const first = new Map<string, { index: number; count: number; perMs: number }>()
  return systems.flatMap(([index, entry]): Problem[] => {
    const system = systemSchema.safeParse(entry).data
    const budget = system?.limits.failuresPerPrincipal ?? standard
    if (system === undefined || budget === undefined) return []
    const realm = system.realm ?? system.name
    const before = first.get(realm)
    if (before === undefined) first.set(realm, { index, ...budget })
    if (before === undefined || (before.count === budget.count && before.perMs === budget.perMs)) return []
    const own = system.limits.failuresPerPrincipal !== undefined
    return [
      {
        path: ['systems', index, ...(own ? ['limits', 'failuresPerPrincipal'] : ['realm'])],
        message: `differs in failuresPerPrincipal from systems[${before.index}], which has the same realm: an account has one budget, so give both the same`,
      },
    ]
  })
}

/** In a realm budgets go by the account's short name, which a DN that begins with a display name does not tell. */
function namelessCanaries(systems: Entries): Problem[] {
  return systems.flatMap(([index, entry]): Problem[] => {
    const system = systemSchema.safeParse(entry).data
    const { canary, canaryAccount } = system?.controls ?? {}
    if (system?.realm === undefined || canaryAccount !== undefined || !isRecord(canary)) return []
    const { dn } = canary
    if (typeof dn !== 'string' || parseReference(dn) !== undefined || nameOf(dn).short !== undefined) return []
    const message = 'does not tell which account of the realm it is, for its lockout budget: name it in controls.canaryAccount'
    return [{ path: ['systems', index, 'controls', 'canary', 'dn'], message }]
  })
}

/** The clock's ticks are those of a minute or an hour: what divides neither would leave gaps of two lengths. */
function unevenTick(value: unknown): Problem[] {
  const tickMs = scanOf(value)?.tickMs
  if (tickMs === undefined || [60_000, 3_600_000].some((whole) => tickMs % (whole / 60) === 0 && whole % tickMs === 0)) return []
  return [
    {
      path: ['scan', 'tick'],
      message:
        'must divide a minute or an hour: 1s, 2s, 3s, 4s, 5s, 6s, 10s, 12s, 15s, 20s, 30s, 1m, 2m, 3m, 4m, 5m, 6m, 10m, 12m, 15m, 20m, 30m or 1h',
    },
  ]
}

/** Sessions and tokens must not travel in clear beyond this machine. */
function exposedInClear(value: unknown): Problem[] {
  const file = isRecord(value) ? value : {}
  const listen = fileSchema.shape.listen.safeParse(file.listen).data
  const access = fileSchema.shape.access.safeParse(file.access).data
  if (listen === undefined || access === undefined || !access.serve || isLoopbackHost(listen.host)) return []
  if (access.tls !== undefined || access.proxy !== undefined) return []
  return [
    {
      path: ['listen'],
      message:
        'can be reached from other machines: give access.tls, or access.proxy where one speaks TLS before it, or access.serve: false for health and metrics alone',
    },
  ]
}

function scanOf(value: unknown) {
  return fileSchema.shape.scan.safeParse(isRecord(value) ? value.scan : undefined).data
}

function defaultsOf(value: unknown) {
  return fileSchema.shape.defaults.safeParse(isRecord(value) ? value.defaults : undefined).data
}

async function checkTargets(systems: Entries, checks: ConfigChecks): Promise<Problem[]> {
  const problems = systems.map(async ([index, { probe, target = {}, allowEffects }]): Promise<Problem[]> => {
    if (typeof probe !== 'string') return []
    if (!checks.probeKinds.includes(probe)) {
      return [{ path: ['systems', index, 'probe'], message: `is no probe of this build${suggest(probe, checks.probeKinds)}` }]
    }
    if (!isRecord(target)) return []
    const allowed = Array.isArray(allowEffects) ? allowEffects.filter((each) => typeof each === 'string') : []
    const found = await checks.checkTarget(probe, target, allowed)
    return found.map((problem) => ({ ...problem, path: ['systems', index, 'target', ...problem.path] }))
  })
  return (await Promise.all(problems)).flat()
}

async function checkInventories(systems: Entries, { checkInventory }: ConfigChecks): Promise<Problem[]> {
  if (checkInventory === undefined) return []
  const problems = systems.map(async ([index, { inventory }]): Promise<Problem[]> => {
    const parsed = inventory === undefined ? undefined : inventoryConfigSchema.safeParse(inventory).data
    if (parsed === undefined) return []
    const found = await checkInventory(parsed)
    return found.map((problem) => ({ ...problem, path: ['systems', index, 'inventory', ...problem.path] }))
  })
  return (await Promise.all(problems)).flat()
}

async function checkSinks(alerts: Entries, checks: ConfigChecks): Promise<Problem[]> {
  const problems = alerts.map(async ([index, entry]): Promise<Problem[]> => {
    const sink = sinkSchema.safeParse(entry).data
    if (sink === undefined) return []
    const found = await checks.checkSink(sink)
    return found.map((problem) => ({ ...problem, path: ['alerts', index, ...problem.path] }))
  })
  return (await Promise.all(problems)).flat()
}

async function checkSources(sources: Entries, checks: ConfigChecks): Promise<Problem[]> {
  const problems = sources.map(async ([index, entry]): Promise<Problem[]> => {
    const source = sourceSchema.safeParse(entry).data
    if (source === undefined) return []
    const found = await checks.checkSource(source)
    return found.map((problem) => ({ ...problem, path: ['sources', index, ...problem.path] }))
  })
  return (await Promise.all(problems)).flat()
}
