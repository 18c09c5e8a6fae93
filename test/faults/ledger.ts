import { expect } from 'vitest'
import { z } from 'zod'
import type { Db } from '../../src/store/db.ts'
import type { Seeded, Town } from './town.ts'

/** What was seen in the database at one moment. */
export interface Snapshot {
  observations: Set<string>
  accepted: Set<string>
}

export async function snapshot(db: Db): Promise<Snapshot> {
  const rows = await db.selectFrom('observation').select(['id', 'credential_id', 'verdict']).execute()
  return {
    observations: new Set(rows.map((row) => row.id)),
    accepted: new Set(rows.filter((row) => row.verdict === 'accepted').map((row) => row.credential_id)),
  }
}

/** What was recorded once is still there. */
export function expectGrown(before: Snapshot, after: Snapshot): void {
  expect(
    [...before.observations].filter((id) => !after.observations.has(id)),
    'observations that were lost',
  ).toEqual([])
  expect(
    [...before.accepted].filter((id) => !after.accepted.has(id)),
    'acceptances that were lost',
  ).toEqual([])
}

/** How many credentials nobody has looked at yet. */
export async function unseen(db: Db): Promise<number> {
  const row = await db
    .selectFrom('check_state')
    .select(({ fn }) => fn.countAll<number>().as('n'))
    .where('observed_at', 'is', null)
    .executeTakeFirstOrThrow()
  return Number(row.n)
}

/** How many alerts have not reached the receiver yet. */
export async function undelivered(db: Db): Promise<number> {
  const row = await db
    .selectFrom('delivery')
    .select(({ fn }) => fn.countAll<number>().as('n'))
    .where('state', '<>', 'delivered')
    .executeTakeFirstOrThrow()
  return Number(row.n)
}

const document = z.object({
  data: z.object({
    id: z.string(),
    dedupKey: z.string(),
    event: z.string(),
    sequence: z.int(),
    finding: z.object({ id: z.string(), kind: z.string() }),
  }),
})

/** Waits until a condition holds; fails with what it last saw. */
export async function eventually<T>(
  what: string,
  timeoutMs: number,
  ask: () => Promise<T>,
  done: (seen: T) => boolean,
): Promise<T> {
  const until = performance.now() + timeoutMs
  for (;;) {
    const seen = await ask()
    if (done(seen)) return seen
    if (performance.now() > until) throw new Error(`${what}: still ${String(seen)} after ${timeoutMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** Everything that must hold once a sweep is over and its alerts are out, whatever happened on the way. */
export async function expectWhole(db: Db, town: Town, seeded: Seeded): Promise<void> {
  const observations = await db.selectFrom('observation').select(['credential_id', 'verdict', 'reason']).execute()
  const verdictsOf = Map.groupBy(observations, (row) => row.credential_id)
  for (const id of seeded.live.keys())
    expect(
      verdictsOf.get(id)?.map((row) => row.verdict),
      `a live token, ${id}`,
    ).toEqual(['accepted'])
  for (const id of seeded.dead) {
    const seen = verdictsOf.get(id) ?? []
    expect(seen, `a dead credential, ${id}`).toHaveLength(1)
    const [only] = seen
    const ok = only?.verdict === 'rejected' || (only?.verdict === 'inconclusive' && only.reason === 'budget_exhausted')
    expect(ok, `a dead credential, ${JSON.stringify(only)}`).toBe(true)
  }
  for (const account of seeded.accounts) expect(town.basic.failures.get(account) ?? 0, account).toBeLessThanOrEqual(3)

  const findings = await db.selectFrom('finding').selectAll().execute()
  const accepted = new Set(observations.filter((row) => row.verdict === 'accepted').map((row) => row.credential_id))
  expect(findings.map((row) => row.kind).filter((kind) => kind !== 'residual_access')).toEqual([])
  expect(findings.map((row) => row.credential_id).toSorted()).toEqual([...accepted].toSorted())
  expect(findings.every((row) => row.state === 'open' && row.sequence === 1 && row.episode === 1)).toBe(true)

  const alerts = await db.selectFrom('alert').select(['id', 'finding_id', 'sequence', 'event']).execute()
  expect(alerts.map((row) => row.finding_id).toSorted()).toEqual(findings.map((row) => row.id).toSorted())
  expect(alerts.every((row) => row.event === 'opened')).toBe(true)
  expectDelivered(town, alerts)
}

/** Every alert reached the receiver, each under one id and one key. */
export function expectDelivered(town: Town, alerts: readonly { id: string; finding_id: string; sequence: number }[]): void {
  const received = town.hook.received.map(({ headers, body }) => ({
    ...document.parse(JSON.parse(body)).data,
    header: headers['webhook-id'],
  }))
  for (const each of received) {
    expect(each.header).toBe(each.id)
    expect(each.dedupKey).toBe(`finding:${each.finding.id}`)
  }
  const idsOf = Map.groupBy(received, (each) => `${each.finding.id} ${each.sequence}`)
  for (const [edge, times] of idsOf) expect(new Set(times.map((each) => each.id)).size, `alert ids of ${edge}`).toBe(1)
  const byId = new Map(received.map((each) => [each.id, each]))
  for (const alert of alerts) {
    const seen = byId.get(alert.id)
    expect(seen, `alert ${alert.id} reached nobody`).toBeDefined()
    expect(seen).toMatchObject({ sequence: alert.sequence, finding: { id: alert.finding_id } })
  }
  const known = new Set(alerts.map((alert) => alert.id))
  expect(
    [...byId.keys()].filter((id) => !known.has(id)),
    'alerts that the database does not know',
  ).toEqual([])
}
