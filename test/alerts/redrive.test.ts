import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type RedriveDeps, redrive } from '../../src/alerts/redrive.ts'
import { newId } from '../../src/domain/id.ts'
import { type Jobs, openJobs } from '../../src/jobs/jobs.ts'
import { insertAlerts } from '../../src/store/alert.ts'

import { markFailed } from '../../src/store/delivery.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { clear } from '../store/checks.ts'
import { openDoors } from './post-office.ts'

const NOW = Temporal.Instant.from('2026-11-24T08:00:00Z')
const MANY = 2_600

describe.each(STORES.filter(({ name }) => name !== 'Postgres 15'))('dead deliveries on $name', ({ open }) => {
  let test: TestStore
  let jobs: Jobs
  /** How many went to the queue in each transaction. */
  let pages: number[]
  let deps: RedriveDeps
  const db = () => test.store.db

  beforeAll(async () => {
    test = await open()
    jobs = await openJobs({ store: test.store, trialBudgetMs: 60_000, onError: () => {} })
    await jobs.prepareDeliveries(['hook', 'mail'])
  }, 120_000)
  afterAll(async () => {
    await jobs?.stop(1_000)
    await test?.stop()
  })
  beforeEach(async () => {
    await clear(db())
    await sql`delete from pgboss.job`.execute(db())
    await sql`delete from audit`.execute(db())
    pages = []
    deps = {
      db: db(),
      actor: 'anna',
      now: () => NOW,
      enqueueAll: async (tx, deliveries) => {
        pages.push(deliveries.length)
        await jobs.enqueueDeliveries(
          tx,
          deliveries.map(({ id, ...rest }) => ({ deliveryId: id, ...rest })),
        )
      },
    }
  })

  /** Dead deliveries of one finding; answers their ids in order. */
  const dead = async (count: number, sink = 'hook'): Promise<string[]> => {
    const ids = Array.from({ length: count }, newId).toSorted()
    const [door] = await openDoors(db(), () => NOW, 1)
    if (door === undefined) throw new Error('no finding was made')
    const alerts = ids.map((id) => {
      const alert = door.alert('reminded')
      return { alert, findingId: alert.finding.id, deliveries: [{ id, sink, groupKey: undefined }] }
    })
    await insertAlerts(db(), alerts)
    await db()
      .updateTable('delivery')
      .set({ state: 'dead', attempts: 9, next_at: null, finished_at: NOW.toString() })
      .where('sink', '=', sink)
      .execute()
    return ids
  }
  const states = () =>
    db()
      .selectFrom('delivery')
      .select(['sink', 'state', sql<number>`count(*)::int`.as('count')])
      .groupBy(['sink', 'state'])
      .orderBy('sink')
      .orderBy('state')
      .execute()
  const queued = async () =>
    (
      await sql<{ name: string; count: number }>`
      select name, count(distinct data ->> 'deliveryId')::int as count from pgboss.job where name like 'deliver.%' group by name
    `.execute(db())
    ).rows
  const audited = async () =>
    (await db().selectFrom('audit').select(['actor', 'action', 'subject', 'detail']).orderBy('id').execute()).map(
      ({ actor, action, subject, detail }) => [actor, action, subject, detail],
    )

  it('are sent again in pages, however many, each with its job and audited in its transaction', { timeout: 60_000 }, async () => {
    await dead(3, 'mail')
    await dead(MANY)
    expect(await redrive({ sink: 'hook' }, deps)).toBe(MANY)
    expect(pages).toEqual([500, 500, 500, 500, 500, 100])
    expect(await states()).toEqual([
      { sink: 'hook', state: 'pending', count: MANY },
      { sink: 'mail', state: 'dead', count: 3 },
    ])
    expect(await queued()).toEqual([{ name: 'deliver.hook', count: MANY }])
    expect(await audited()).toEqual(pages.map((count) => ['anna', 'alerts.redrive', 'hook', { count }]))
    expect(await redrive({ sink: 'hook' }, deps)).toBe(0)
    expect((await audited()).at(-1)).toEqual(['anna', 'alerts.redrive', 'hook', { count: 0 }])
  })

  it('have one turn each, though they die again while the rest is sent', async () => {
    const ids = await dead(1_000)
    const dying: RedriveDeps['enqueueAll'] = async (tx, deliveries) => {
      pages.push(deliveries.length)
      for (const { id } of deliveries.slice(0, 3)) await markFailed(tx, id, NOW, undefined, 'the receiver said it is gone (410)')
    }
    expect(await redrive({}, { ...deps, enqueueAll: dying })).toBe(1_000)
    expect(pages).toEqual([500, 500, 0])
    expect(await audited(), 'the last page was empty').toHaveLength(2)
    const left = await db().selectFrom('delivery').select('id').where('state', '=', 'dead').orderBy('id').execute()
    expect(left.map(({ id }) => id)).toEqual([...ids.slice(0, 3), ...ids.slice(500, 503)])
  })

  it('keep what was sent where a later page fails', async () => {
    await dead(700)
    const failing: RedriveDeps['enqueueAll'] = async (tx, deliveries) => {
      if (pages.length === 1) throw new Error('the database went away')
      await deps.enqueueAll(tx, deliveries)
    }
    await expect(redrive({}, { ...deps, enqueueAll: failing })).rejects.toThrow('went away')
    expect(await states()).toEqual([
      { sink: 'hook', state: 'dead', count: 200 },
      { sink: 'hook', state: 'pending', count: 500 },
    ])
    expect(await queued()).toEqual([{ name: 'deliver.hook', count: 500 }])
    expect(await audited()).toEqual([['anna', 'alerts.redrive', 'all', { count: 500 }]])
    expect(await redrive({}, deps)).toBe(200)
  })

  it('are named by their id or its end', async () => {
    const [first = '', second = ''] = await dead(2)
    expect(await redrive({ id: first.slice(-8).toUpperCase() }, deps)).toBe(1)
    expect(await redrive({ id: second }, deps)).toBe(1)
    expect((await audited()).map(([, , subject]) => subject)).toEqual([first.slice(-8).toUpperCase(), second])
  })
})
