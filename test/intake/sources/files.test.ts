import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { filesOptions } from '../../../src/intake/drop/options.ts'
import type { Feed, FeedPolicy } from '../../../src/intake/feed/said.ts'
import { SOURCES } from '../../../src/intake/sources/registry.ts'
import type { PullContext } from '../../../src/intake/sources/source.ts'
import type { Store } from '../../../src/store/db.ts'
import { syncFeeds } from '../../../src/store/feed.ts'
import { findIdentities } from '../../../src/store/identity.ts'
import { STORES, type TestStore } from '../../servers/stores.ts'
import { type House, openHouse } from '../house.ts'

const RUNS = Number(process.env.REVENANT_FUZZ_RUNS ?? 100)
const POLICY: FeedPolicy = {
  ...{ inactive: 'terminate', deleted: 'terminate', joiners: 'follow' },
  mass: { share: 0.5, least: 3, windowMs: 3_600_000 },
}
const [embedded] = STORES
if (embedded === undefined) throw new Error('no database')

describe('a watched folder', () => {
  let test: TestStore
  let store: Store
  let house: House
  let folder = ''
  let n = 0
  const folders: string[] = []
  beforeAll(async () => {
    test = await embedded.open()
    store = test.store
    house = await openHouse(store)
  })
  afterEach(() => {
    for (const each of folders.splice(0)) rmSync(each, { recursive: true, force: true })
  })
  afterAll(async () => {
    await house.close()
    await test.stop()
  })

  /** A source of its own over a folder of its own. `pull` answers whether it was a sign of life. */
  async function watch(options: Record<string, unknown> = {}, policy: Partial<FeedPolicy> = {}) {
    folder = mkdtempSync(join(tmpdir(), 'revenant-drop-'))
    folders.push(folder)
    const name = `files${++n}`
    const [row] = await syncFeeds(store.db, [{ name, kind: 'files', silentAfterMs: 60_000 }], house.now())
    const feed: Feed = { id: row?.id ?? '', name, kind: 'files', policy: { ...POLICY, ...policy } }
    const { pull } = SOURCES.files.open({ folder, ...options })
    const context = (heard: { is: boolean }): PullContext => ({
      ...{ feed, deps: { ...house.deps, actor: `feed ${name}` }, position: null, move: async () => {} },
      ...{ readReference: async () => '', log: () => {}, signal: new AbortController().signal },
      unheard: () => {
        heard.is = false
      },
    })
    return {
      feed,
      pull: async () => {
        const heard = { is: true }
        await pull?.once(context(heard))
        return heard.is
      },
    }
  }
  /** Written some time ago, so that it has settled. */
  function drop(name: string, content: string | Buffer, secondsAgo = 3_600) {
    writeFileSync(join(folder, name), content)
    const at = Date.now() / 1_000 - secondsAgo
    utimesSync(join(folder, name), at, at)
  }
  const list = (...path: string[]) => (existsSync(join(folder, ...path)) ? readdirSync(join(folder, ...path)) : [])
  const reportIn = (where: string) => {
    const name = list(where).find((each) => each.endsWith('.report.json'))
    return name === undefined ? undefined : JSON.parse(readFileSync(join(folder, where, name), 'utf8'))
  }
  const left = async (who: string) => {
    const row = (await findIdentities(store.db, [who])).get(who)
    return row === undefined ? 'unknown' : (row.terminated_at?.toString() ?? null)
  }

  it('takes a list, archives it with a report, and says nothing of an empty folder', async () => {
    const { pull } = await watch()
    expect(await pull()).toBe(false)
    drop(
      'people.csv',
      'external_id,name,status,termination_date,timezone\nf1,Ann,active,,\nf2,Bob,terminated,2026-11-20,America/New_York\n',
    )
    drop('more.jsonl', '{"external_id":"f3","name":"Cy","terminated_at":"2027-01-31T17:00:00Z"}\n')
    expect(await pull()).toBe(true)
    // 18:00 of the policy, in the zone of the row.
    expect(await Promise.all(['f1', 'f2', 'f3'].map(left))).toEqual([null, '2026-11-20T23:00:00Z', '2027-01-31T17:00:00Z'])
    expect(list().filter((name) => !name.startsWith('.'))).toEqual(['archive', 'rejected'])
    expect(
      list('archive')
        .map((name) => name.replace(/^\d{8}T\d{6}Z-[0-9a-f]{8}-/, ''))
        .toSorted(),
    ).toEqual(['more.jsonl', 'more.jsonl.report.json', 'people.csv', 'people.csv.report.json'])
    expect(reportIn('archive')).toMatchObject({ taken: true, missing: 0, faults: [], outcomes: { joined: expect.any(Number) } })
    expect([list('rejected'), list('.reading')]).toEqual([[], []])
    expect(await pull()).toBe(false)
  })

  it('moves a departure that is corrected, takes back one that is rescinded, and passes over an older file', async () => {
    const { pull } = await watch()
    const row = (date: string, status = '') => `external_id,status,termination_date\ng1,${status},${date}\n`
    const steps: [content: string, secondsAgo: number, left: string | null][] = [
      [row('2026-12-31', 'active'), 500, '2026-12-31T17:00:00Z'],
      [row('2027-03-31', 'active'), 400, '2027-03-31T16:00:00Z'],
      [row('', 'active'), 300, null],
      [row('2026-11-01', 'terminated'), 450, null],
      [row('2026-11-01', 'terminated'), 200, '2026-11-01T17:00:00Z'],
      [row('', 'active'), 100, null],
    ]
    // The clock of the house stands before the files': it is moved to theirs.
    house.advance(Math.max(0, Date.now() - house.now().epochMilliseconds))
    for (const [content, secondsAgo, expected] of steps) {
      drop('g.csv', content, secondsAgo)
      await pull()
      expect(await left('g1')).toBe(expected)
    }
  })

  it('takes a list on whose departures a person has not decided yet, also once their day has passed', async () => {
    const { pull, feed } = await watch()
    const people = ['k1', 'k2', 'k3', 'k4']
    const day = house.now().add({ hours: 48 }).toString()
    const rows = (at: string) => `external_id,status,terminated_at\n${people.map((who) => `${who},active,${at}\n`).join('')}`
    drop('k.csv', rows(''), 900)
    await pull()
    drop('k.csv', rows(day), 600)
    await pull()
    expect(await Promise.all(people.map(left))).toEqual(people.map(() => null))
    house.advance(72 * 3_600_000)
    drop('k.csv', rows(day), 300)
    expect(await pull()).toBe(true)
    const held = await store.db
      .selectFrom('feed_statement')
      .select('state')
      .where('feed_id', '=', feed.id)
      .where('state', '=', 'held')
      .execute()
    expect(held).toHaveLength(4)
  })

  it('takes nothing of a file with one bad row, puts it aside and says why', async () => {
    const { pull } = await watch()
    drop('good.csv', 'external_id,status\nh0,active\n', 7_200)
    drop('bad.csv', 'external_id,status,termination_date\nh1,active,\nh2,terminated,tomorrow\nh1,active,\n')
    await expect(pull()).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      message: '"bad.csv" is rejected: line 3: termination_date the date must be YYYY-MM-DD (and 1 more: its report has them)',
    })
    expect(await Promise.all(['h0', 'h1', 'h2'].map(left))).toEqual([null, 'unknown', 'unknown'])
    expect(reportIn('rejected')).toMatchObject({ taken: false, rows: 3, faultTotal: 2, outcomes: {} })
    expect(readdirSync(join(folder, 'rejected'))).toHaveLength(2)
  })

  it.each([
    ['unknown.csv', 'external_id,salary\nx,1\n', 'column "salary" is unknown'],
    ['empty.csv', '', 'must name the columns'],
    ['binary.jsonl', Buffer.from([0xff, 0xfe, 0x0a]), 'not UTF-8'],
    ['sheet.txt', 'external_id\nx\n', 'the extension tells no format'],
  ])('rejects %s', async (name, content, why) => {
    const { pull } = await watch({ pattern: '*' })
    drop(name, content)
    await expect(pull()).rejects.toThrow(why)
    expect(list('rejected')).toHaveLength(2)
  })

  it('reads no file that is still written, no link, no pipe and no folder', async () => {
    const { pull } = await watch()
    drop('fresh.csv', 'external_id,status\ni1,active\n', 1)
    drop('i.tmp', 'external_id,status\ni2,active\n')
    mkdirSync(join(folder, 'sub.csv'))
    expect(await pull()).toBe(false)
    expect(list()).toContain('fresh.csv')
    const elsewhere = join(folder, 'elsewhere.txt')
    writeFileSync(elsewhere, 'external_id,status\ni3,active\n')
    symlinkSync(elsewhere, join(folder, 'link.csv'))
    execFileSync('mkfifo', [join(folder, 'pipe.csv')])
    await expect(pull()).rejects.toThrow('"link.csv" is no regular file; "pipe.csv" is no regular file')
    expect(await Promise.all(['i1', 'i2', 'i3'].map(left))).toEqual(['unknown', 'unknown', 'unknown'])
    expect(list()).toEqual(expect.arrayContaining(['link.csv', 'pipe.csv']))
  })

  it('is read once by two replicas, and again after a crash, which changes nothing', async () => {
    const { pull } = await watch()
    drop('once.csv', 'external_id,status\nj1,active\n')
    await Promise.all([pull(), pull()])
    expect(list('archive')).toHaveLength(2)

    // Claimed by a process that died before or after it was taken.
    const claim = '00000000-0000-7000-8000-000000000000~again.csv'
    const lie = (secondsAgo: number) => {
      drop('again.csv', 'external_id,status,termination_date\nj1,terminated,2026-11-01\n')
      const at = Date.now() / 1_000 - secondsAgo
      execFileSync('mv', [join(folder, 'again.csv'), join(folder, '.reading', claim)])
      utimesSync(join(folder, '.reading', claim), at, at)
    }
    lie(60)
    expect(await pull()).toBe(false)
    lie(301)
    expect(await pull()).toBe(true)
    const statements = () => store.db.selectFrom('feed_statement').select('id').where('key', '=', 'j1').execute()
    const before = await statements()
    lie(301)
    expect(await pull()).toBe(true)
    expect([await left('j1'), await statements(), list('.reading')]).toEqual(['2026-11-01T17:00:00Z', before, []])
  })

  it('holds too many at once, and whoever is missing from a list of everybody', async () => {
    const { feed, pull } = await watch({ complete: true })
    const people = (...ids: number[]) => `external_id,status\n${ids.map((id) => `k${id},active`).join('\n')}\n`
    drop('all.csv', people(1, 2, 3, 4, 5, 6, 7, 8))
    await pull()
    drop('all.csv', people(1, 2, 3, 4, 5, 6, 7))
    await pull()
    expect(await left('k8')).not.toBeNull()
    expect(await left('k7')).toBeNull()
    drop('all.csv', people(1))
    await pull()
    const held = await store.db
      .selectFrom('feed_statement')
      .select('reason')
      .where('feed_id', '=', feed.id)
      .where('state', '=', 'held')
      .execute()
    expect(held.map(({ reason }) => reason)).toEqual(Array(6).fill('mass_event'))
    drop('all.csv', 'external_id,status\n')
    await expect(pull()).rejects.toThrow('everybody would be gone')
    expect(await left('k1')).toBeNull()
  })

  it('says what keeps the folder from being read', async () => {
    const { pull } = await watch()
    rmSync(folder, { recursive: true })
    writeFileSync(folder, '')
    await expect(pull()).rejects.toMatchObject({ code: 'INPUT_INVALID', message: expect.stringContaining('cannot be used') })
    expect(filesOptions.safeParse({ folder: '/x', every: '0s' }).success).toBe(false)
  })

  it('takes a file whole or rejects it, whatever is in it', async () => {
    const { pull } = await watch({ pattern: '*' }, { mass: { share: 1, least: 1_000_000, windowMs: 1_000 } })
    const cell = fc.oneof(
      fc.constantFrom('', 'active', 'terminated', '2026-01-01', '2026-02-30', 'Europe/Berlin', '"', 's3cret-cell'),
      fc.string({ maxLength: 8 }),
    )
    const csv = fc
      .tuple(
        fc.constantFrom('external_id,status,termination_date,timezone', 'employee_id,name', 'external_id'),
        fc.array(fc.array(cell, { maxLength: 5 }), { maxLength: 4 }),
      )
      .map(([header, rows]) => ['x.csv', `${header}\n${rows.map((row) => row.join(',')).join('\n')}`] as const)
    const json = fc
      .array(
        fc.oneof(
          fc.json({ maxDepth: 2 }),
          fc
            .dictionary(fc.constantFrom('external_id', 'status', 'terminated_at', '__proto__'), fc.jsonValue({ maxDepth: 1 }))
            .map((row) => JSON.stringify(row)),
        ),
        { maxLength: 4 },
      )
      .map((rows) => ['x.jsonl', rows.join('\n')] as const)
    const bytes = fc.uint8Array({ maxLength: 40 }).map((all) => ['x.csv', Buffer.from(all)] as const)
    const count = async () =>
      Number(
        (
          await store.db
            .selectFrom('identity')
            .select(({ fn }) => fn.countAll<string>().as('n'))
            .executeTakeFirstOrThrow()
        ).n,
      )
    await fc.assert(
      fc.asyncProperty(fc.oneof(csv, json, bytes), async ([name, content]) => {
        const before = await count()
        drop(name, content)
        const rejected = await pull().then(
          () => undefined,
          (error: unknown) => error,
        )
        expect(list('.reading')).toEqual([])
        expect(list()).not.toContain(name)
        if (rejected === undefined) return
        expect(rejected).toMatchObject({ code: 'INPUT_INVALID' })
        expect(String(rejected)).not.toContain('s3cret-cell')
        expect(await count()).toBe(before)
      }),
      { numRuns: RUNS },
    )
  }, 3_600_000)
})
