import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../../src/store/db.ts'

export interface FillOptions {
  credentials: number
  observations: number
  /** False: no entries of the log, which a daemon would find unsigned. */
  ledger?: boolean
}

export const SYSTEMS = 100
const DAYS = 120

/** Rows made by the database itself. Four in five identities have left; nine in ten credentials of those are closed. */
export async function fill(
  db: Db,
  { credentials, observations, ledger = true }: FillOptions,
  say: (text: string) => void,
): Promise<void> {
  const began = performance.now()
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
    if (!ledger && (name === 'ledger' || name === 'checkpoint')) continue
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
