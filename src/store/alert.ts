import { type Selectable, sql } from 'kysely'
import type { Alert } from '../domain/alert.ts'
import type { Control } from '../domain/control.ts'
import type { Reason } from '../domain/reason.ts'
import type { Verdict } from '../domain/verdict.ts'
import type { Queryable } from './db.ts'
import type { FindingRow } from './finding.ts'
import type { CredentialTable, DeliveryTable, IdentityTable, ObservationTable, SystemTable } from './tables.ts'

/** A finding with everything an alert says about it. */
export interface FindingContext {
  finding: FindingRow
  system: Selectable<SystemTable> | undefined
  identity: Selectable<IdentityTable> | undefined
  credential: Selectable<CredentialTable> | undefined
  observation: Selectable<ObservationTable> | undefined
  controls: { control: Control; verdict: Verdict; reason: Reason; at: string }[]
}

/** Loads the context of one finding; undefined when it does not exist. */
export async function findingContext(db: Queryable, findingId: string): Promise<FindingContext | undefined> {
  const finding = await db.selectFrom('finding').selectAll().where('id', '=', findingId).executeTakeFirst()
  if (finding === undefined) return undefined
  const system =
    finding.system_id === null
      ? undefined
      : await db.selectFrom('system').selectAll().where('id', '=', finding.system_id).executeTakeFirst()
  const identity =
    finding.identity_id === null
      ? undefined
      : await db.selectFrom('identity').selectAll().where('id', '=', finding.identity_id).executeTakeFirst()
  const credential =
    finding.credential_id === null
      ? undefined
      : await db.selectFrom('credential').selectAll().where('id', '=', finding.credential_id).executeTakeFirst()
  const observation =
    finding.observation_id === null
      ? undefined
      : await db.selectFrom('observation').selectAll().where('id', '=', finding.observation_id).executeTakeFirst()
  return { finding, system, identity, credential, observation, controls: await controlsBehind(db, finding, system) }
}

/** The controls that stand behind a finding: its trial's, or those that passed before and served it, and the confirmation. */
async function controlsBehind(
  db: Queryable,
  finding: FindingRow,
  system: Selectable<SystemTable> | undefined,
): Promise<FindingContext['controls']> {
  if (finding.trial_id === null) return []
  const rows = await db
    .selectFrom('control')
    .select(['control', 'verdict', 'reason', 'observed_at', 'trial_id'])
    .where((eb) =>
      eb.or([
        eb.and([eb('trial_id', '=', finding.trial_id ?? ''), eb('credential_id', 'is', null)]),
        ...(finding.credential_id === null
          ? []
          : [eb.and([eb('system_id', '=', finding.system_id ?? ''), eb('credential_id', '=', finding.credential_id)])]),
      ]),
    )
    .orderBy('observed_at', 'desc')
    .limit(20)
    .execute()
  const latest = new Map<Control, FindingContext['controls'][number]>()
  for (const row of rows) {
    if (!latest.has(row.control))
      latest.set(row.control, { control: row.control, verdict: row.verdict, reason: row.reason, at: row.observed_at.toString() })
  }
  for (const served of system?.controls?.controls ?? []) {
    if (!latest.has(served.control)) latest.set(served.control, served)
  }
  return [...latest.values()]
}

export interface NewAlert {
  alert: Alert
  findingId: string
  deliveries: { id: string; sink: string }[]
}

/** Stores an alert and its deliveries. The database refuses a second alert for the same event of a finding. */
export async function insertAlert(db: Queryable, { alert, findingId, deliveries }: NewAlert): Promise<void> {
  await db
    .insertInto('alert')
    .values({
      id: alert.id,
      finding_id: findingId,
      sequence: alert.sequence,
      event: alert.event,
      severity: alert.finding.severity,
      at: alert.at,
      body: JSON.stringify(alert),
    })
    .execute()
  if (deliveries.length === 0) return
  await db
    .insertInto('delivery')
    .values(
      deliveries.map(({ id, sink }) => ({
        id,
        alert_id: alert.id,
        sink,
        state: 'pending' as const,
        created_at: alert.at,
        next_at: alert.at,
      })),
    )
    .execute()
}

/** What the job of a delivery's next try needs. */
export interface DeliveryTry {
  id: string
  sink: string
  /** Tries made before. */
  attempts: number
}

export interface PendingDelivery {
  id: string
  sink: string
  attempts: number
  createdAt: Temporal.Instant
  alert: Alert
  /** When an operator sent it again; null where none did, or since its last try. */
  redrivenAt: Temporal.Instant | null
  /** When an earlier alert of the same finding, which has not reached this sink yet, is tried again; null where there is none. */
  blockedUntil: Temporal.Instant | null
}

/** A delivery that is still to be made; undefined when it is done, dead or unknown. */
export async function pendingDelivery(db: Queryable, id: string): Promise<PendingDelivery | undefined> {
  const { rows } = await sql<PendingDelivery>`
    select d.id, d.sink, d.attempts, d.created_at as "createdAt", a.body as alert,
      case when d.attempts > 0 and d.detail is null then d.next_at end as "redrivenAt",
      (
        select coalesce(max(d2.next_at), max(d2.created_at)) from alert a2 join delivery d2 on d2.alert_id = a2.id
        where a2.finding_id = a.finding_id and a2.sequence < a.sequence and d2.sink = d.sink and d2.state = 'pending'
      ) as "blockedUntil"
    from delivery d join alert a on a.id = d.alert_id
    where d.id = ${id}::uuid and d.state = 'pending'
  `.execute(db)
  return rows[0]
}

export async function markDelivered(db: Queryable, id: string, at: Temporal.Instant, detail: string): Promise<void> {
  await db
    .updateTable('delivery')
    .set((eb) => ({
      state: 'delivered' as const,
      attempts: eb('attempts', '+', 1),
      finished_at: at.toString(),
      next_at: null,
      detail,
    }))
    .where('id', '=', id)
    .where('state', '=', 'pending')
    .execute()
}

export async function markFailed(
  db: Queryable,
  id: string,
  at: Temporal.Instant,
  next: Temporal.Instant | undefined,
  detail: string,
): Promise<void> {
  await db
    .updateTable('delivery')
    .set((eb) => ({
      attempts: eb('attempts', '+', 1),
      detail,
      ...(next === undefined
        ? { state: 'dead' as const, finished_at: at.toString(), next_at: null }
        : { next_at: next.toString() }),
    }))
    .where('id', '=', id)
    .where('state', '=', 'pending')
    .execute()
}

/** Puts a delivery off that was not tried: it waits for another. */
export async function postponeDelivery(db: Queryable, id: string, next: Temporal.Instant): Promise<void> {
  await db.updateTable('delivery').set({ next_at: next.toString() }).where('id', '=', id).where('state', '=', 'pending').execute()
}

/** Deliveries whose time has long come and that no job seems to carry. */
export async function strandedDeliveries(db: Queryable, before: Temporal.Instant, limit: number): Promise<DeliveryTry[]> {
  return db
    .selectFrom('delivery')
    .select(['id', 'sink', 'attempts'])
    .where('state', '=', 'pending')
    .where('next_at', '<', sql<Temporal.Instant>`${before.toString()}::timestamptz`)
    .orderBy('next_at')
    .limit(limit)
    .execute()
}

export async function listDeliveries(db: Queryable, filter: { state?: DeliveryTable['state']; sink?: string; limit: number }) {
  let query = db
    .selectFrom('delivery as d')
    .innerJoin('alert as a', 'a.id', 'd.alert_id')
    .select([
      'd.id',
      'd.sink',
      'd.state',
      'd.attempts',
      'd.created_at',
      'd.next_at',
      'd.finished_at',
      'd.detail',
      'a.event',
      'a.severity',
      'a.finding_id',
      'a.body',
    ])
  if (filter.state !== undefined) query = query.where('d.state', '=', filter.state)
  if (filter.sink !== undefined) query = query.where('d.sink', '=', filter.sink)
  return query.orderBy('d.created_at', 'desc').limit(filter.limit).execute()
}

/** Makes dead deliveries pending again, without a detail, which marks them as redriven; answers them, for their jobs to be enqueued in the same transaction. */
export async function redriveDeliveries(
  db: Queryable,
  filter: { id?: string; sink?: string },
  now: Temporal.Instant,
): Promise<DeliveryTry[]> {
  let query = db
    .updateTable('delivery')
    .set({ state: 'pending', next_at: now.toString(), finished_at: null, detail: null })
    .where('state', '=', 'dead')
  // Lists show the end of an id, which is its random part.
  if (filter.id !== undefined)
    query = query.where(sql<boolean>`right(id::text, ${filter.id.length}) = ${filter.id.toLowerCase()}`)
  if (filter.sink !== undefined) query = query.where('sink', '=', filter.sink)
  return query.returning(['id', 'sink', 'attempts']).execute()
}
