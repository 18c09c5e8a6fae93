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
import { type RawBuilder, sql } from 'kysely'
import { stringify } from 'yaml'
import { parseConfig } from '../../src/config/load.ts'
import { CONFIG_CHECKS } from '../../src/daemon/checks.ts'
import { openSinks } from '../../src/daemon/sinks.ts'
import type { Db } from '../../src/store/db.ts'
import { openStore } from '../../src/store/open-store.ts'
import { askRead, readDeps } from '../api/routes/world.ts'
import { startPostgres } from '../servers/postgres.ts'

const { values } = parseArgs({
  options: {
    credentials: { type: 'string', default: '100000' },
    observations: { type: 'string', default: '5000000' },
    rounds: { type: 'string', default: '100' },
    explain: { type: 'string' },
  },
})
const [CREDENTIALS, OBSERVATIONS, ROUNDS] = [values.credentials, values.observations, values.rounds].map(Number)
const SYSTEMS = 100
const DAYS = 120
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
  await fill(store.db)
  await measure(store.db)
} finally {
  await store.close()
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
}

/** Rows made by the database itself. Four in five identities have left; nine in ten credentials of those are closed. */
async function fill(db: Db): Promise<void> {
  const began = performance.now()
  const [credentials, observations] = [CREDENTIALS ?? 0, OBSERVATIONS ?? 0]
  const identities = Math.ceil(credentials * 0.8)
  const id = (of: string, n: RawBuilder<unknown>) => sql`md5(${of}::text || (${n})::text)::uuid`
  const n = sql`n`
  const rows = (count: number) => sql`generate_series(1, ${count}::int) n`
  const past = (days: number) => sql`now() - ((n * 7919) % ${days * 86_400})::int * interval '1 second'`
  const steps: Record<string, RawBuilder<unknown>> = {
    systems: sql`insert into system (id, name, probe, origin, bound_origin, tier, zone, owner)
      select ${id('s', n)}, 'system-' || n, 'http', 'https://s' || n, 'https://s' || n, (array['low', 'standard', 'critical'])[1 + n % 3], 'default', 'team-' || n % 9
      from ${rows(SYSTEMS)}`,
    identities: sql`insert into identity (id, external_id, kind, name, email, owner_external_id, terminated_at, source, created_at)
      select ${id('i', n)}, 'E' || n, case when n % 20 = 0 then 'service' else 'human' end,
        (array['Anna', 'Bert', 'Carla', 'Dora', 'Emil', 'Zoë', 'Maria', 'Mohammed', 'Li', 'Olga'])[1 + abs(hashtext('n' || n)) % 10] || ' ' || chr(65 + (n * 17) % 26) || substr(md5(n::text), 1, 6),
        'p' || substr(md5('mail' || n), 1, 8) || '@example.com', case when n % 20 = 0 then 'E' || n / 20 end,
        case when n % 5 > 0 then ${past(400)} end, 'hr', now() - interval '500 days' from ${rows(identities)}`,
    credentials: sql`insert into credential (id, identity_id, system_id, label, kind, principal, privilege, fingerprint, retired_at)
      select ${id('c', n)}, ${id('i', sql`1 + n % ${identities}`)}, ${id('s', sql`1 + (n * 13) % ${SYSTEMS}`)}, 'token ' || n, 'api_token', 'p' || n, 'standard', 'f' || n,
        case when n % 97 = 0 then now() end from ${rows(credentials)}`,
    secrets: sql`insert into secret (credential_id, system_id, origin, reference) select id, system_id, 'https://x', 'env:X' from credential`,
    checks: sql`insert into check_state (credential_id, system_id, slot, due_at, terminated_at, verdict, reason, strength, assurance, observed_at, judged_at, accepted_at,
        rejections, first_rejected_at, dead_at, attempts)
      select k.id, k.system_id, (h % 1024)::smallint, case when left_at is not null then now() + (h % 604800) * interval '1 second' - interval '1 hour' end, left_at,
        case when s < 900 then 'rejected' when s < 930 then 'accepted' when s < 970 then 'inconclusive' when s < 980 then 'rejected' end,
        case when s < 900 then 'token_invalid' when s < 930 then 'authenticated' when s < 970 then 'timeout' when s < 980 then 'token_invalid' end, 'strong', 'controlled',
        case when s < 980 then now() - (h % 86400) * interval '1 second' end, case when s < 930 then now() - (h % 86400) * interval '1 second' end,
        case when s >= 900 and s < 930 then now() end, case when s < 900 then 2 when s >= 970 and s < 980 then 1 else 0 end,
        case when s < 900 or s >= 970 and s < 980 then left_at + (h % 200000) * interval '1 second' end, case when s < 900 then left_at + (h % 200000) * interval '1 second' end, 50
      from (select k.id, k.system_id, case when k.retired_at is null then i.terminated_at end as left_at, abs(hashtext(k.id::text)) as h, abs(hashtext('s' || k.id)) % 1000 as s
        from credential k join identity i on i.id = k.identity_id) k`,
    months: sql`select 1`,
    observations: sql`insert into observation (id, observed_at, trial_id, credential_id, identity_id, system_id, verdict, reason, strength, assurance, confirmed,
        transport, wire, latency_ms, trace_id, leaf)
      select uuidv7(at - now()), at, ${id('t', sql`1 + n % ${SYSTEMS * DAYS * 24}`)}, k.id, k.identity_id, k.system_id, case when n % 40 = 0 then 'accepted' when n % 9 = 0 then 'inconclusive' else 'rejected' end,
        case when n % 40 = 0 then 'authenticated' when n % 9 = 0 then 'timeout' else 'token_invalid' end, 'strong', 'controlled', n % 40 = 0, 'verified', '{"status": 401}', 12.5,
        md5(n::text), decode(md5(n::text) || md5('x' || n), 'hex')
      from (select n, now() - interval '${sql.raw(String(DAYS))} days' + make_interval(secs => n * ${(DAYS * 86_400) / observations}::float8) as at,
        ${id('c', sql`1 + (n::bigint * 7919) % ${credentials}`)} as credential from ${rows(observations)}) o join credential k on k.id = o.credential`,
    trials: sql`insert into trial (id, system_id, shard, zone, instance, trace_id, started_at, finished_at, outcome, assurance, accepted, rejected, inconclusive)
      select ${id('t', n)}, ${id('s', sql`1 + n % ${SYSTEMS}`)}, 0, 'default', 'i', md5(n::text), at, at + interval '1 minute', 'completed', 'controlled', 1, 16, 1
      from (select n, now() - interval '${sql.raw(String(DAYS))} days' + n * interval '36 seconds' as at from ${rows(SYSTEMS * DAYS * 24)}) t`,
    controls: sql`insert into control (id, trial_id, system_id, control, observed_at, verdict, reason, strength, wire, latency_ms, transport, leaf)
      select gen_random_uuid(), t.id, t.system_id, c, t.started_at, 'rejected', 'token_invalid', 'strong', '{}', 3, 'verified', '' from trial t cross join (values ('nobody'), ('stranger')) v (c)`,
    findings: sql`insert into finding (id, key, kind, severity, state, system_id, identity_id, credential_id, episode, sequence, opened_at, last_seen_at, resolved_at, observation_id, trial_id, trace_id, exempted)
      select ${id('f', n)}, 'access:' || n, case when n % 7 = 0 then 'unverified_past_deadline' else 'residual_access' end, (array['low', 'medium', 'high', 'critical'])[1 + n % 4],
        case when n % 6 > 0 then 'resolved' when n % 4 = 0 then 'acknowledged' else 'open' end, k.system_id, k.identity_id, k.id, 1, 3, at, at + interval '2 days', case when n % 6 > 0 then at + interval '2 days' end,
        (select o.id from observation o where o.credential_id = k.id order by o.observed_at desc limit 1), ${id('t', n)}, md5(n::text), n % 50 = 0
      from (select n, ${past(DAYS)} as at, ${id('c', sql`1 + (n * 5) % ${credentials}`)} as credential from ${rows(credentials / 5)}) f join credential k on k.id = f.credential`,
    events: sql`insert into finding_event (id, finding_id, kind, sequence, event, at, severity, state) select ${id('e', sql`f.id || e::text`)}, f.id, f.kind, e, case e when 1 then 'opened' when 2 then 'escalated' else 'resolved' end,
        f.opened_at + e * interval '1 hour', f.severity, 'open' from finding f cross join generate_series(1, 3) e`,
    alerts: sql`insert into alert (id, finding_id, sequence, event, severity, at, body) select e.id, e.finding_id, e.sequence, e.event, e.severity, e.at,
        json_build_object('title', 'Residual access', 'finding', json_build_object('kind', 'residual_access'), 'text', repeat(md5(e.id::text), 60)) from finding_event e`,
    deliveries: sql`insert into delivery (id, alert_id, sink, state, attempts, created_at, finished_at, next_at, detail, tried_at)
      select ${id('d', sql`a.id || k`)}, a.id, k, case when h % 500 = 0 then 'dead' when h % 501 = 0 then 'pending' else 'delivered' end, 1, a.at, a.at + interval '1 second', null, 'ok', case when h % 500 = 0 then a.at end
      from (select a.*, abs(hashtext(a.id::text)) as h from alert a) a cross join (values ('soc'), ('mail')) v (k)`,
    audit: sql`insert into audit (id, at, actor, action, subject, detail) select ${id('a', n)}, ${past(DAYS)}, 'person-' || n % 40, (array['findings.view', 'identity.view', 'evidence.pull', 'pause', 'identity.terminate'])[1 + n % 5],
        'E' || n % 5000, '{"note": "n"}' from ${rows(credentials * 2)}`,
    exemptions: sql`insert into exemption (id, finding_kind, credential_id, owner, reason, starts_at, ends_at, created_at, created_by) select ${id('x', n)}, 'residual_access', ${id('c', sql`n * 10`)}, 'o', 'r', at, at + interval '60 days', at, 'p'
      from (select n, ${past(DAYS)} as at from ${rows(500)}) x`,
    gaps: sql`insert into gap (id, system_id, reason, from_at, seen_at, to_at, credentials_at_start, credentials) select ${id('g', n)}, ${id('s', sql`1 + n % ${SYSTEMS}`)}, 'window', at, at, at + interval '2 hours', 1, 1
      from (select n, ${past(DAYS)} as at from ${rows(5_000)}) g`,
    budgets: sql`insert into lockout_budget (realm, account, window_ends_at, tries) select 'system-1', 'a' || n, now() + interval '1 hour', 1 + n % 3 from ${rows(20_000)}`,
    ledger: sql`insert into ledger_entry (index, kind, ref, digest, at) select row_number() over () - 1, kind, ref, '', now() from (select 'finding' as kind, id as ref from finding_event
      union all select 'operator', id from audit union all select 'observation', id from (select id from observation limit 1000000) o) l`,
    checkpoint: sql`insert into ledger_checkpoint (size, root, at, note) select count(*), '', now(), 'note' from ledger_entry`,
    statistics: sql`analyze`,
  }
  for (const [name, statement] of Object.entries(steps)) {
    const started = performance.now()
    if (name === 'months') await addMonths(db)
    else await statement.execute(db)
    say(`${name}: ${((performance.now() - started) / 1_000).toFixed(1)} s`)
  }
  await sql`vacuum analyze`.execute(db)
  const { rows: sizes } = await sql<{
    size: string
  }>`select pg_size_pretty(pg_database_size(current_database())) as size`.execute(db)
  say(`filled in ${Math.round((performance.now() - began) / 1_000)} s, ${sizes[0]?.size}`)
}

/** Partitions of the months that lie back. */
async function addMonths(db: Db): Promise<void> {
  const month = Temporal.Now.plainDateISO('UTC').toPlainYearMonth()
  for (let back = 1; back <= Math.ceil(DAYS / 28) + 1; back++) {
    const start = month.subtract({ months: back })
    const [from, to] = [start.toPlainDate({ day: 1 }), start.add({ months: 1 }).toPlainDate({ day: 1 })]
    const name = `observation_${start.year}_${String(start.month).padStart(2, '0')}`
    await sql
      .raw(`create table ${name} partition of observation for values from ('${from}T00:00:00Z') to ('${to}T00:00:00Z')`)
      .execute(db)
  }
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
