import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { importIdentities } from '../../src/intake/identities.ts'
import type { ImportReport } from '../../src/intake/report.ts'
import { reinstateIdentity, terminateIdentity } from '../../src/intake/terminate.ts'
import { listCredentials } from '../../src/store/credential.ts'
import { findIdentities, listOrphans, type Ownership } from '../../src/store/identity.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { given } from './files.ts'
import { DAY_MS, type House, openHouse } from './house.ts'

const NONE = { read: 0, created: 0, updated: 0, unchanged: 0, skipped: 0, reinstated: 0, badTotal: 0, dueNow: 0 }
const PAST = '2026-11-20T10:00:00Z'

function counts({ bad: _bad, stopped: _stopped, ...rest }: ImportReport) {
  return rest
}

describe.each(STORES.filter((kind) => kind.available))('importing identities into $name', (kind) => {
  let opened: TestStore
  let house: House
  let serial = 0
  /** An external id of this test's own. */
  const id = () => `e${++serial}-${process.pid}`
  const one = async (externalId: string) => (await findIdentities(opened.store.db, [externalId])).get(externalId)
  const holds = async (externalId: string, system = 'database') => {
    await house.credentials([
      'identity,system,secret.username,secret.password',
      `${externalId},${house.system(system)},svc,s3cret`,
    ])
  }
  const check = async (externalId: string) => (await listCredentials(opened.store.db, { identity: externalId, limit: 1 }))[0]
  /** What a trial would have recorded. */
  const recordDead = async (externalId: string, at: string) => {
    const credential = await check(externalId)
    await opened.store.db
      .updateTable('check_state')
      .set({
        verdict: 'rejected',
        reason: 'invalid_credentials',
        strength: 'strong',
        assurance: 'controlled',
        observed_at: at,
        judged_at: at,
        first_rejected_at: at,
        dead_at: at,
        rejections: 2,
        due_at: '2026-11-29T00:00:00Z',
      })
      .where('credential_id', '=', credential?.id ?? '')
      .execute()
  }

  beforeAll(async () => {
    opened = await kind.open()
    house = await openHouse(opened.store)
  })
  afterAll(async () => {
    await house?.close()
    await opened?.stop()
  })

  it('adds who is new, and changes nothing the second time', async () => {
    const [human, service] = [id(), id()]
    const file = [
      'external_id,kind,name,email,owner,status,terminated_at',
      `${human},human,Ada Lovelace,ada@example.com,,terminated,${PAST}`,
      `${service},service,nightly export,,${human},active,`,
    ]
    expect(counts(await house.identities(file, { dryRun: true }))).toEqual({ ...NONE, read: 2, created: 2 })
    expect(await one(human)).toBeUndefined()
    expect(counts(await house.identities(file, { name: 'leavers.csv' }))).toEqual({ ...NONE, read: 2, created: 2 })
    expect(counts(await house.identities(file, { name: 'leavers-of-tuesday.csv' }))).toEqual({ ...NONE, read: 2, unchanged: 2 })
    expect(await one(human)).toMatchObject({
      kind: 'human',
      name: 'Ada Lovelace',
      email: 'ada@example.com',
      source: 'csv:leavers.csv',
    })
    expect((await one(human))?.terminated_at?.toString()).toBe(PAST)
    expect(await one(service)).toMatchObject({ kind: 'service', owner_external_id: human, terminated_at: null })
  })

  it('reads the HR contract: dates in a zone, columns that mean nothing here', async () => {
    const [berlin, kolkata] = [id(), id()]
    const report = await house.identities([
      'employee_id,work_email,worker_type,status,termination_date,termination_time,timezone,manager_id,updated_at',
      `${berlin},b@example.com,employee,terminated,2026-10-31,,,m1,2026-11-01`,
      `${kolkata},k@example.com,contractor,terminated,2026-10-31,09:30,Asia/Kolkata,m1,2026-11-01`,
    ])
    expect(report).toMatchObject({ created: 2, bad: [] })
    expect((await one(berlin))?.terminated_at?.toString()).toBe('2026-10-31T17:00:00Z')
    expect((await one(kolkata))?.terminated_at?.toString()).toBe('2026-10-31T04:00:00Z')
    expect(await one(berlin)).toMatchObject({ name: berlin, kind: 'human' })
  })

  it('keeps the good rows and tells the bad ones by their lines', async () => {
    const [good, late] = [id(), id()]
    const report = await house.identities([
      'external_id,kind,name,owner,status,terminated_at,termination_date',
      `${good},,"Ada\nof two lines",,active,,`,
      `${id()},robot,,,,,`,
      `${id()},,,,terminated,,`,
      `${id()},,,,terminated,2026-11-20,`,
      `${id()},,,,terminated,,20.11.2026`,
      `${id()},,,,gone,,`,
      `${id()},,,${good},,,`,
      `${id()},,,,active,${PAST},`,
      `${id()},,,,terminated,${PAST},2026-11-20`,
      ',,,,,,',
      `${late},,,,,,`,
      `${late},,,,terminated,${PAST},`,
      'x'.repeat(300),
    ])
    expect(report.bad).toEqual([
      { line: 2, field: 'name', message: expect.stringContaining('control characters') },
      { line: 4, field: 'kind', message: 'must be human or service or agent' },
      { line: 5, field: 'terminated_at', message: expect.stringContaining('is missing') },
      { line: 6, field: 'terminated_at', message: expect.stringContaining('offset') },
      { line: 7, field: 'termination_date', message: expect.stringContaining('YYYY-MM-DD') },
      { line: 8, field: 'status', message: 'must be active or terminated' },
      { line: 9, field: 'owner', message: expect.stringContaining('a human has none') },
      { line: 10, field: 'status', message: expect.stringContaining('has passed') },
      { line: 11, field: 'termination_date', message: expect.stringContaining('one of them') },
      { line: 12, field: 'external_id', message: 'is missing' },
      { line: 14, field: 'external_id', message: 'is in line 13 already: one row for each identity' },
      { line: 15, message: 'has 1 fields where the header has 7' },
    ])
    expect(report).toMatchObject({ read: 13, created: 1, badTotal: 12 })
    expect(await one(late)).toMatchObject({ terminated_at: null })
  })

  it('makes the credentials of a leaver due at once and wakes a worker', async () => {
    const leaver = id()
    await house.identities(['external_id', leaver])
    await holds(leaver)
    await holds(leaver, 'nightly')
    expect(await check(leaver)).toMatchObject({ due_at: null, terminated_at: null })
    const job = Promise.withResolvers<{ systemId: string; shard: number }>()
    await house.jobs.workTrials(house.zone('database'), 1, async (trial) => job.resolve(trial))
    const file = ['external_id,status,terminated_at', `${leaver},terminated,${PAST}`]
    expect(await house.identities(file, { dryRun: true })).toMatchObject({ updated: 1, dueNow: 2 })
    expect(await check(leaver)).toMatchObject({ due_at: null })
    expect(await house.identities(file)).toMatchObject({ updated: 1, dueNow: 2 })
    expect(await job.promise).toMatchObject({ systemId: house.systemId('database') })
    const credential = await check(leaver)
    expect(credential?.due_at?.toString()).toBe(house.now().toString())
    expect(credential?.terminated_at?.toString()).toBe(PAST)
    const state = await opened.store.db
      .selectFrom('check_state')
      .selectAll()
      .where('credential_id', '=', credential?.id ?? '')
      .executeTakeFirst()
    expect(state?.verify_by?.toString()).toBe(
      house
        .now()
        .add({ milliseconds: 3 * DAY_MS })
        .toString(),
    )
    expect(await house.identities(file)).toMatchObject({ unchanged: 1, dueNow: 0 })
  })

  it('takes a last day that lies ahead, and says the same when it has passed', async () => {
    const leaver = id()
    await house.identities(['external_id', leaver])
    await holds(leaver)
    const tomorrow = house.now().add({ hours: 24 })
    const file = ['external_id,status,terminated_at', `${leaver},active,${tomorrow}`]
    expect(await house.identities(file)).toMatchObject({ updated: 1, dueNow: 0 })
    expect((await check(leaver))?.due_at?.toString()).toBe(tomorrow.toString())
    house.advance(2 * DAY_MS)
    expect(await house.identities(file)).toMatchObject({ unchanged: 1, badTotal: 0 })
    expect(await house.identities([file[0] ?? '', `${leaver},terminated,${tomorrow}`])).toMatchObject({ unchanged: 1 })
  })

  it('says nothing where a row says nothing: only "active" takes a termination back', async () => {
    const leaver = id()
    await house.identities(['external_id,name,email,status,terminated_at', `${leaver},Ada,a@example.com,terminated,${PAST}`])
    expect(await house.identities(['external_id', leaver])).toMatchObject({ unchanged: 1 })
    expect(await house.identities(['external_id,name,status', `${leaver},Ada,`])).toMatchObject({ unchanged: 1 })
    expect(await house.identities(['external_id,email', `${leaver},`])).toMatchObject({ updated: 1, reinstated: 0 })
    expect(await one(leaver)).toMatchObject({ email: null, name: 'Ada', terminated_at: expect.anything() })
  })

  it('lets the credentials of somebody who is back rest, and begins anew when he leaves again', async () => {
    const leaver = id()
    await house.identities(['external_id,status,terminated_at', `${leaver},terminated,${PAST}`])
    await holds(leaver)
    await recordDead(leaver, '2026-11-21T00:00:00Z')
    expect(await house.identities(['external_id,status', `${leaver},active`])).toMatchObject({
      updated: 1,
      reinstated: 1,
      dueNow: 0,
    })
    expect(await check(leaver)).toMatchObject({ due_at: null, terminated_at: null })
    const again = '2026-11-22T11:00:00Z'
    expect(await house.identities(['external_id,status,terminated_at', `${leaver},terminated,${again}`])).toMatchObject({
      dueNow: 1,
    })
    expect(await check(leaver)).toMatchObject({ verdict: null, dead_at: null, first_rejected_at: null, latency_ms: null })
    expect((await check(leaver))?.due_at?.toString()).toBe(house.now().toString())
  })

  it('keeps what was proven when a termination is corrected to an earlier instant, not to a later one', async () => {
    const leaver = id()
    await house.identities(['external_id,status,terminated_at', `${leaver},terminated,${PAST}`])
    await holds(leaver)
    await recordDead(leaver, '2026-11-21T00:00:00Z')
    const to = (at: string) => house.identities(['external_id,status,terminated_at', `${leaver},terminated,${at}`])
    expect(await to('2026-11-20T00:00:00Z')).toMatchObject({ updated: 1, dueNow: 0 })
    expect(await check(leaver)).toMatchObject({ verdict: 'rejected', latency_ms: DAY_MS })
    expect((await check(leaver))?.due_at?.toString()).toBe('2026-11-29T00:00:00Z')
    expect(await to('2026-11-21T00:00:01Z')).toMatchObject({ updated: 1, dueNow: 1 })
    expect(await check(leaver)).toMatchObject({ verdict: null, dead_at: null })
  })

  it('tells whose owner left, came back, or changed', async () => {
    const [owner, other, service, agent] = [id(), id(), id(), id()]
    const told: Ownership[] = []
    const deps = {
      ...house.deps,
      onOwnership: async (_tx: unknown, ownerships: readonly Ownership[]) => {
        told.push(...ownerships)
      },
    }
    const run = async (...lines: string[]) => {
      told.length = 0
      const content = ['external_id,kind,owner,status,terminated_at', ...lines].join('\n')
      await importIdentities(given(content), deps, { dryRun: false })
      return told.map((each) => [each.externalId, each.orphaned])
    }
    expect(await run(`${service},service,${owner},active,`)).toEqual([[service, false]])
    expect(await run(`${owner},,,terminated,${PAST}`, `${agent},agent,${owner},active,`)).toEqual([
      [service, true],
      [agent, true],
    ])
    expect(await run(`${owner},,,terminated,${PAST}`)).toEqual([])
    const orphans = async () => (await listOrphans(opened.store.db, house.now(), { limit: 1000 })).map((each) => each.externalId)
    expect(await orphans()).toEqual(expect.arrayContaining([service, agent]))
    expect(await run(`${other},human,,active,`, `${agent},agent,${other},active,`)).toEqual([[agent, false]])
    expect(await run(`${service},service,${owner},terminated,${PAST}`)).toEqual([[service, false]])
    expect(await orphans()).not.toEqual(expect.arrayContaining([service]))
    expect(await run(`${service},service,${owner},active,`)).toEqual([[service, true]])
    expect(await run(`${owner},,,active,`)).toEqual([[service, false]])
  })

  it('names owners whom nobody knows, once the file is in, and takes their rows', async () => {
    const [bot, twin, agent, later, early] = [id(), id(), id(), id(), id()]
    const lines = [
      'external_id,kind,owner',
      `${bot},service,nobody-${bot}`,
      `${twin},service,nobody-${bot}`,
      `${agent},agent,${early.toUpperCase()}`,
      `${early},human,`,
      `${id()},service,${later}`,
      `${id()},service,${early}`,
      `${later},human,`,
      `${id()},human,${later}`,
    ]
    const warned = [
      { line: 2, field: 'owner', message: expect.stringMatching(/whom nobody knows, and so does one row more: nobody is told/) },
      { line: 4, field: 'owner', message: expect.stringMatching(/whom nobody knows/) },
    ]
    const dry = await importIdentities(given(lines.join('\n')), house.deps, { dryRun: true })
    expect(dry).toMatchObject({ created: 7, badTotal: 1, warningTotal: 2, warnings: warned })
    const done = await importIdentities(given(lines.join('\n')), house.deps, { dryRun: false })
    expect(done).toMatchObject({ created: 7, badTotal: 1, warningTotal: 2, warnings: warned })
    expect(done.warnings?.[1]?.message).toContain('differs in upper and lower case')
    expect(JSON.stringify(done.warnings)).not.toContain(bot)
    expect(await house.identities(['external_id,kind,owner', `${bot},service,${early}`])).not.toHaveProperty('warnings')
  })

  it('stops between batches when told to, and goes on from there', async () => {
    const ids = Array.from({ length: 1200 }, id)
    const content = `external_id\n${ids.join('\n')}\n`
    const controller = new AbortController()
    const progress: number[] = []
    const options = {
      dryRun: false,
      signal: controller.signal,
      onProgress: ({ rows }: { rows: number }) => {
        progress.push(rows)
        controller.abort()
      },
    }
    expect(await importIdentities(given(content, 'csv', 100_000), house.deps, options)).toMatchObject({
      stopped: true,
      created: 500,
    })
    expect(progress).toEqual([500])
    expect(await importIdentities(given(content, 'csv', 100_000), house.deps, { dryRun: false })).toMatchObject({
      stopped: false,
      created: 700,
      unchanged: 500,
    })
  })

  it('terminates and reinstates one identity by command', async () => {
    const leaver = id()
    await house.identities(['external_id', leaver])
    await holds(leaver)
    const at = house.now().subtract({ hours: 1 })
    expect(await terminateIdentity(leaver, at, house.deps)).toEqual({ changed: true, dueNow: 1 })
    expect(await terminateIdentity(leaver, at, house.deps)).toEqual({ changed: false, dueNow: 0 })
    // Somebody who makes sure does not start the clock again.
    expect(await terminateIdentity(leaver, undefined, house.deps)).toEqual({ changed: false, dueNow: 0 })
    expect(await reinstateIdentity(leaver, house.deps)).toEqual({ changed: true, dueNow: 0 })
    expect(await check(leaver)).toMatchObject({ due_at: null })
    await expect(terminateIdentity('nobody', at, house.deps)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    const audits = await opened.store.db
      .selectFrom('audit')
      .select(['action', 'actor'])
      .where('subject', '=', leaver)
      .orderBy('id')
      .execute()
    expect(audits).toEqual([
      { action: 'identity.terminate', actor: 'test' },
      { action: 'identity.reinstate', actor: 'test' },
    ])
  })
})
