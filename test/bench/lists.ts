/**
 * How long each list of the API takes on a large database: `node test/bench/lists.ts [--credentials N] [--observations N] [--rounds N]
 * [--explain MS]`. Fills a Postgres 18 of its own, then asks each address with ids, filters, sorts and places drawn at random, and prints
 * the median and the 95th percentile of the whole handler: parsing, the query, the record that somebody looked, the answer.
 * `--explain`: prints the plans of statements that took longer.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { sql } from 'kysely'
import { stringify } from 'yaml'
import { parseConfig } from '../../src/config/load.ts'
import { CONFIG_CHECKS } from '../../src/daemon/checks.ts'
import { openSinks } from '../../src/daemon/sinks.ts'
import type { Db } from '../../src/store/db.ts'
import { openStore } from '../../src/store/open-store.ts'
import { askRead, readDeps } from '../api/routes/world.ts'
import { startPostgres } from '../servers/postgres.ts'
import { fill } from './fill.ts'

const { values } = parseArgs({
  options: {
    credentials: { type: 'string', default: '100000' },
    observations: { type: 'string', default: '5000000' },
    rounds: { type: 'string', default: '100' },
    explain: { type: 'string' },
  },
})
const [CREDENTIALS, OBSERVATIONS, ROUNDS] = [values.credentials, values.observations, values.rounds].map(Number)
const say = (text: string) => process.stdout.write(`${text}\n`)

const folder = mkdtempSync(join(tmpdir(), 'revenant-lists-'))
const explain =
  values.explain === undefined
    ? {}
    : {
        session_preload_libraries: 'auto_explain',
        'auto_explain.log_min_duration': `${values.explain}ms`,
        'auto_explain.log_analyze': true,
        log_min_messages: 'log',
      }
const server = await startPostgres({
  settings: { shared_buffers: '512MB', max_wal_size: '8GB', ...explain },
  onLog: (text) => {
    if (values.explain !== undefined) process.stderr.write(text)
  },
})
const store = await openStore({ url: server.url(), poolSize: 10, applicationName: 'bench' })
try {
  await fill(store.db, { credentials: CREDENTIALS ?? 0, observations: OBSERVATIONS ?? 0 }, say)
  await measure(store.db)
} finally {
  await store.close()
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
}

/** Addresses to ask, each time another. */
async function addresses(db: Db): Promise<[name: string, address: () => string][]> {
  const sample = async (
    table: 'identity' | 'credential' | 'system' | 'trial' | 'finding' | 'alert' | 'delivery' | 'exemption',
  ) => {
    const { rows } = await sql<{ id: string }>`select id from ${sql.table(table)} order by md5(id::text) limit 200`.execute(db)
    return () => rows[Math.floor(Math.random() * rows.length)]?.id ?? ''
  }
  const [identity, credential, system, trial] = [
    await sample('identity'),
    await sample('credential'),
    await sample('system'),
    await sample('trial'),
  ]
  const [finding, alert, delivery, exemption] = [
    await sample('finding'),
    await sample('alert'),
    await sample('delivery'),
    await sample('exemption'),
  ]
  const { rows } = await sql<{
    id: string
  }>`select id from observation where observed_at > now() - interval '2 hours' limit 200`.execute(db)
  const any = (...of: string[]) => of[Math.floor(Math.random() * of.length)] ?? ''
  const letters = () => any('a', 'anna', 'zoë', 'Maria K', 'e1', 'E777', 'p', 'p1', 'pa3', 'mo', 'olga m', 'x')
  const list = (path: string, sorts: string[], ...filters: string[]): [string, () => string][] =>
    sorts.flatMap((sort) =>
      [sort, `-${sort}`].flatMap((way) =>
        ['', ...filters].map((filter): [string, () => string] => [
          `${path}?${filter}&sort=${way}`,
          () => `${path}?${filter}&sort=${way}`,
        ]),
      ),
    )
  return [
    ['/v1/overview', () => `/v1/overview?days=${any('7', '30', '90', '365')}`],
    ...list(
      '/v1/identities',
      ['name', 'terminatedAt'],
      'state=terminated',
      'state=active',
      'open=true',
      'open=false',
      'kind=service',
      'owner=E44',
    ),
    [
      '/v1/identities?q=…',
      () => `/v1/identities?q=${encodeURIComponent(letters())}&sort=${any('name', '-name', 'terminatedAt', '-terminatedAt')}`,
    ],
    ['/v1/identities?open=true&q=…', () => `/v1/identities?open=true&q=${encodeURIComponent(letters())}`],
    ['/v1/identities/{id}', () => `/v1/identities/${identity()}`],
    ['/v1/identities/{id}/matrix', () => `/v1/identities/${identity()}/matrix`],
    ['/v1/identities/{id}/owned', () => `/v1/identities/${identity()}/owned`],
    ['/v1/identities/{id}/history', () => `/v1/identities/${identity()}/history`],
    ...list(
      '/v1/credentials',
      ['id'],
      ...[
        'standing=open',
        'standing=not_tried',
        'standing=closed',
        'standing=retired',
        'standing=resting',
        'standing=refused,unverified',
      ],
      ...['verdict=accepted', 'verdict=inconclusive', 'verdict=rejected', 'due=true', 'due=false'],
    ),
    [
      '/v1/credentials?system=…',
      () => `/v1/credentials?system=${system()}${any('', '&standing=open', '&due=true', '&verdict=inconclusive')}`,
    ],
    ['/v1/credentials?identity=…', () => `/v1/credentials?identity=E${Math.ceil(Math.random() * 70_000)}`],
    ['/v1/credentials/{id}', () => `/v1/credentials/${credential()}`],
    [
      '/v1/credentials/{id}/observations',
      () =>
        `/v1/credentials/${credential()}/observations?sort=${any('observedAt', '-observedAt')}${any('', '&verdict=accepted')}`,
    ],
    ['/v1/observations/{id}', () => `/v1/observations/${rows[Math.floor(Math.random() * rows.length)]?.id}`],
    ...list('/v1/systems', ['name'], 'state=active', 'tier=critical'),
    ['/v1/systems/{id}', () => `/v1/systems/${system()}`],
    ...list('/v1/trials', ['startedAt'], 'outcome=completed', 'running=true', 'outcome=void', 'system=system-7'),
    ['/v1/trials/{id}', () => `/v1/trials/${trial()}`],
    ...list(
      '/v1/findings',
      ['severity', 'openedAt', 'lastSeenAt'],
      ...['state=unresolved', 'state=resolved', 'state=acknowledged', 'minSeverity=high'],
      ...['kind=residual_access', 'kind=open_system', 'exempted=true', 'system=system-5', 'acknowledged=false&state=unresolved'],
    ),
    [
      '/v1/findings?q=…',
      () =>
        `/v1/findings?q=${encodeURIComponent(letters())}&sort=${any('-severity', 'openedAt', '-lastSeenAt')}${any('', '&state=unresolved')}`,
    ],
    ['/v1/findings?identity=…', () => `/v1/findings?identity=${identity()}`],
    ['/v1/findings/{id}', () => `/v1/findings/${finding()}`],
    ['/v1/findings/{id}/timeline', () => `/v1/findings/${finding()}/timeline`],
    ...list('/v1/exemptions', ['createdAt', 'endsAt'], 'state=in_force', 'state=ended'),
    ['/v1/exemptions/{id}', () => `/v1/exemptions/${exemption()}`],
    ...list('/v1/alerts', ['at'], 'severity=critical', 'event=resolved'),
    ['/v1/alerts?finding=…', () => `/v1/alerts?finding=${finding()}`],
    ['/v1/alerts/{id}', () => `/v1/alerts/${alert()}`],
    ...list('/v1/deliveries', ['createdAt'], 'state=dead', 'state=pending', 'sink=soc', 'sink=nobody'),
    ['/v1/deliveries?finding=…', () => `/v1/deliveries?finding=${finding()}`],
    ['/v1/deliveries/{id}', () => `/v1/deliveries/${delivery()}`],
    ...list('/v1/sinks', ['name']),
    ...list(
      '/v1/audit',
      ['at'],
      ...['actor=person-3', 'actor=nobody', 'action=pause', 'subject=E33', 'looks=true', 'looks=false'],
    ),
    ['/v1/ledger', () => '/v1/ledger'],
    ['/v1/coverage', () => `/v1/coverage${any('', '?system=system-9&from=2026-01-01&to=2026-12-01')}`],
    ['/v1/statements', () => '/v1/statements'],
  ]
}

interface Figure {
  name: string
  p50: number
  p95: number
  most: number
}

async function measure(db: Db): Promise<void> {
  const file = {
    database: { dataDir: folder },
    systems: [],
    alerts: ['soc', 'mail'].map((name) => ({ name, sink: 'file', to: join(folder, name) })),
  }
  const config = await parseConfig(stringify(file), 'revenant.yaml', CONFIG_CHECKS)
  const sinks = await openSinks(config.alerts, {
    product: { name: 'Revenant', version: '0', instance: 'bench' },
    hostname: 'bench',
  })
  const deps = { ...readDeps(db, config, sinks, Temporal.Now.instant()), now: () => Temporal.Now.instant() }
  const cold: number[] = []
  for (let round = 0; round < 5; round++) cold.push(await timed('/v1/overview', { ...deps }))
  say(`/v1/overview, nothing kept: ${cold.map((ms) => ms.toFixed(0)).join(' ')} ms`)
  const figures: Figure[] = []
  for (const [name, address] of await addresses(db)) {
    const times: number[] = []
    let cursor = ''
    for (let round = 0; round < (ROUNDS ?? 0); round++) {
      const asked = `${address()}${cursor === '' ? '' : `&cursor=${cursor}`}`
      const began = performance.now()
      const { status, detail, next } = await askRead(asked, deps)
      times.push(performance.now() - began)
      if (status !== 200) throw new Error(`${asked}: ${status} ${detail}`)
      // Half of what is asked of a list are later pages, of those whose address is always the same.
      cursor = name.includes('sort=') && next !== undefined && round % 8 < 4 ? next : ''
    }
    const sorted = times.toSorted((a, b) => a - b)
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
    figures.push({ name, p50: at(0.5), p95: at(0.95), most: sorted.at(-1) ?? 0 })
  }
  for (const { name, p50, p95, most } of figures.toSorted((a, b) => b.p95 - a.p95))
    say(
      `${p95 > 50 ? '!' : ' '} ${p50.toFixed(1).padStart(7)} ${p95.toFixed(1).padStart(7)} ${most.toFixed(1).padStart(7)} ms  ${name}`,
    )
  say(`${figures.filter(({ p95 }) => p95 > 50).length} of ${figures.length} take longer than 50 ms at the 95th percentile`)
  await sinks.close()
}

async function timed(address: string, deps: Parameters<typeof askRead>[1]): Promise<number> {
  const began = performance.now()
  await askRead(address, deps)
  return performance.now() - began
}
