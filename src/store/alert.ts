import { type Selectable, sql } from 'kysely'
import type { Alert } from '../domain/alert.ts'
import type { Control } from '../domain/control.ts'
import type { Reason } from '../domain/reason.ts'
import type { Verdict } from '../domain/verdict.ts'
import type { Queryable } from './db.ts'
import type { FindingRow } from './finding.ts'
import type { CredentialTable, FeedTable, IdentityTable, ObservationTable, StandingGrantTable, SystemTable } from './tables.ts'

/** A finding with everything an alert says about it. */
export interface FindingContext {
  finding: FindingRow
  system: Pick<Selectable<SystemTable>, 'id' | 'name' | 'probe' | 'origin' | 'tier' | 'zone' | 'owner'> | undefined
  identity:
    | Pick<Selectable<IdentityTable>, 'id' | 'external_id' | 'kind' | 'name' | 'email' | 'owner_external_id' | 'terminated_at'>
    | undefined
  feed: Pick<Selectable<FeedTable>, 'id' | 'name' | 'kind' | 'heard_at'> | undefined
  grant: Pick<Selectable<StandingGrantTable>, 'id' | 'kind' | 'title' | 'key' | 'detail'> | undefined
  credential:
    | Pick<
        Selectable<CredentialTable>,
        'id' | 'label' | 'kind' | 'fingerprint' | 'privilege' | 'principal' | 'handover_by' | 'shared'
      >
    | undefined
  observation:
    | Pick<
        Selectable<ObservationTable>,
        | 'id'
        | 'observed_at'
        | 'verdict'
        | 'reason'
        | 'strength'
        | 'assurance'
        | 'confirmed'
        | 'principal'
        | 'wire'
        | 'latency_ms'
        | 'transport'
        | 'trial_id'
      >
    | undefined
  controls: { control: Control; verdict: Verdict; reason: Reason; at: string }[]
}

/** Loads the context of one finding; undefined when it does not exist. */
export async function findingContext(db: Queryable, findingId: string): Promise<FindingContext | undefined> {
  const finding = await db.selectFrom('finding').selectAll().where('id', '=', findingId).executeTakeFirst()
  return finding === undefined ? undefined : (await findingContexts(db, [finding]))[0]
}

interface ContextRow {
  n: number
  system: Json<NonNullable<FindingContext['system']>> | null
  identity: Json<NonNullable<FindingContext['identity']>> | null
  feed: Json<NonNullable<FindingContext['feed']>> | null
  standing: NonNullable<FindingContext['grant']> | null
  credential: Json<NonNullable<FindingContext['credential']>> | null
  observation: Json<NonNullable<FindingContext['observation']>> | null
  controls: FindingContext['controls'] | null
  kept: FindingContext['controls'] | null
}

/** As `row_to_json` gives it: instants are text. */
type Json<Row> = {
  [Name in keyof Row]: Row[Name] extends Temporal.Instant
    ? string
    : Row[Name] extends Temporal.Instant | null
      ? string | null
      : Row[Name]
}

/** The contexts of some findings, in their order, in one question: what they are about, the observation behind each, its controls. */
export async function findingContexts(db: Queryable, findings: readonly FindingRow[]): Promise<FindingContext[]> {
  if (findings.length === 0) return []
  const asked = findings.map(({ system_id, identity_id, credential_id, feed_id, grant_id, observation_id, trial_id }, n) => {
    return { n, system_id, identity_id, credential_id, feed_id, grant_id, observation_id, trial_id }
  })
  const { rows } = await sql<ContextRow>`
    select f.n, row_to_json(s) as system, row_to_json(i) as identity, row_to_json(d) as feed, row_to_json(g) as standing, row_to_json(k) as credential, row_to_json(o) as observation,
      a.controls, z.controls -> 'controls' as kept
    from json_to_recordset(${JSON.stringify(asked)}::json)
      as f (n integer, system_id uuid, identity_id uuid, credential_id uuid, feed_id uuid, grant_id uuid, observation_id uuid, trial_id uuid)
    left join lateral (select id, name, kind, heard_at from feed where id = f.feed_id) d on true
    left join lateral (select id, kind, title, key, detail from standing_grant where id = f.grant_id) g on true
    left join lateral (select id, name, probe, origin, tier, zone, owner from system where id = f.system_id) s on true
    left join system z on z.id = f.system_id
    left join lateral (
      select id, external_id, kind, name, email, owner_external_id, terminated_at from identity where id = f.identity_id
    ) i on true
    left join lateral (
      select id, label, kind, fingerprint, privilege, principal, handover_by, shared from credential where id = f.credential_id
    ) k on true
    left join lateral (
      select id, observed_at, verdict, reason, strength, assurance, confirmed, principal, wire, latency_ms, transport, trial_id
      from observation where id = f.observation_id limit 1
    ) o on true
    left join lateral (
      select json_agg(json_build_object('control', control, 'verdict', verdict, 'reason', reason, 'at', observed_at) order by observed_at desc)
        as controls
      from (
        (select control, verdict, reason, observed_at from control where trial_id = f.trial_id and credential_id is null
          order by observed_at desc limit 20)
        union all
        (select control, verdict, reason, observed_at from control where credential_id = f.credential_id and system_id = f.system_id
          and f.trial_id is not null order by observed_at desc limit 20)
      ) each
    ) a on true
    order by f.n
  `.execute(db)
  return rows.flatMap((row) => {
    const finding = findings[row.n]
    return finding === undefined ? [] : [contextOf(finding, row)]
  })
}

function contextOf(finding: FindingRow, row: ContextRow): FindingContext {
  const { system, identity, feed, standing, credential, observation } = row
  return {
    finding,
    system: system ?? undefined,
    identity: identity === null ? undefined : { ...identity, terminated_at: instant(identity.terminated_at) },
    feed: feed === null ? undefined : { ...feed, heard_at: instant(feed.heard_at) },
    grant: standing ?? undefined,
    credential: credential === null ? undefined : { ...credential, handover_by: instant(credential.handover_by) },
    observation:
      observation === null ? undefined : { ...observation, observed_at: Temporal.Instant.from(observation.observed_at) },
    controls: finding.trial_id === null ? [] : controlsBehind(row),
  }
}

function instant(text: string | null): Temporal.Instant | null {
  return text === null ? null : Temporal.Instant.from(text)
}

/** The controls that stand behind a finding: its trial's and the confirmation, or those that passed before and served it. */
function controlsBehind({ controls, kept }: ContextRow): FindingContext['controls'] {
  const latest = new Map<Control, FindingContext['controls'][number]>()
  for (const each of [...(controls ?? []), ...(kept ?? [])]) {
    if (!latest.has(each.control)) latest.set(each.control, { ...each, at: Temporal.Instant.from(each.at).toString() })
  }
  return [...latest.values()]
}

export interface NewAlert {
  alert: Alert
  findingId: string
  /** `notBefore`: when it may first be tried; left out: at once. */
  deliveries: readonly { id: string; sink: string; groupKey: string | undefined; notBefore?: Temporal.Instant | undefined }[]
}

/** Stores alerts and their deliveries. The database refuses a second alert for the same event of a finding. */
export async function insertAlerts(db: Queryable, alerts: readonly NewAlert[]): Promise<void> {
  if (alerts.length === 0) return
  const rows = alerts.map(({ alert, findingId }) => ({
    id: alert.id,
    finding_id: findingId,
    sequence: alert.sequence,
    event: alert.event,
    severity: alert.finding.severity,
    at: alert.at,
    body: alert,
  }))
  const deliveries = alerts.flatMap(({ alert, deliveries }) =>
    deliveries.map(({ id, sink, groupKey, notBefore }) => {
      return {
        id,
        alert_id: alert.id,
        sink,
        at: alert.at,
        next_at: notBefore?.toString() ?? alert.at,
        group_key: groupKey ?? null,
      }
    }),
  )
  await sql`
    with a as (
      insert into alert (id, finding_id, sequence, event, severity, at, body)
      select * from json_to_recordset(${JSON.stringify(rows)}::json)
        as a (id uuid, finding_id uuid, sequence integer, event text, severity text, at timestamptz, body jsonb)
    )
    insert into delivery (id, alert_id, sink, state, created_at, next_at, group_key)
    select id, alert_id, sink, 'pending', at, next_at, group_key from json_to_recordset(${JSON.stringify(deliveries)}::json)
      as d (id uuid, alert_id uuid, sink text, at timestamptz, next_at timestamptz, group_key text)
  `.execute(db)
}
