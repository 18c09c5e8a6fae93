import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Facts } from '../../../src/domain/leaf.ts'
import { claimFile, holdClaim } from '../../../src/intake/drop/claim.ts'
import { filesOptions } from '../../../src/intake/drop/options.ts'
import type { Feed, FeedPolicy } from '../../../src/intake/feed/said.ts'
import { SOURCES } from '../../../src/intake/sources/registry.ts'
import type { PullContext } from '../../../src/intake/sources/source.ts'
import type { Store } from '../../../src/store/db.ts'
import { syncFeeds } from '../../../src/store/feed.ts'
import { feedFaults } from '../../../src/store/feed-fault.ts'
import { findIdentities } from '../../../src/store/identity.ts'
import { STORES, type TestStore } from '../../servers/stores.ts'
import { EDITS, edited, fuzz, fuzzMs, NOTHING_ADDED, openCensus, runs } from '../fuzz.ts'
import { type House, openHouse } from '../house.ts'

const RUNS = runs(250)
const DROP_REPORT = z.object({
  taken: z.boolean(),
  outcomes: z.record(z.string(), z.number()),
  faults: z.array(z.unknown()),
  faultTotal: z.number(),
})
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
    let position: Facts | null = null
    const move = async (to: Facts) => {
      position = to
    }
    const context = (heard: { is: boolean }): PullContext => ({
      ...{ feed, deps: { ...house.deps, actor: `feed ${name}` }, position, move },
      ...{ readReference: async () => '', fingerprint: () => '', log: () => {}, signal: new AbortController().signal },
      unheard: () => {
        heard.is = false
      },
    })
    const using = (more: Record<string, unknown>) => {
      const { pull } = SOURCES.files.open({ folder, ...options, ...more })
      return async ({ signal, now, dies }: { signal?: AbortSignal; now?: () => Temporal.Instant; dies?: string } = {}) => {
        const heard = { is: true }
        const given = context(heard)
        const deps = { ...given.deps, now: now ?? given.deps.now }
        const log = (_level: string, message: string) => {
          if (dies !== undefined && message.includes(dies)) throw new Error('the daemon died')
        }
        await pull?.once({ ...given, deps, log, signal: signal ?? given.signal })
        return heard.is
      }
    }
    return { feed, using, pull: using({}) }
  }
  /** Written some time ago, so that it has settled. */
  function drop(name: string, content: string | Buffer, secondsAgo = 3_600) {
    writeFileSync(join(folder, name), content)
    const at = Date.now() / 1_000 - secondsAgo
    utimesSync(join(folder, name), at, at)
  }
  /** Moves a file to where it would lie if a process had claimed it, and had last said so some time ago. */
  function claimBy(name: string, secondsAgo: number) {
    const claim = join(folder, '.reading', `00000000-0000-7000-8000-000000000000~${name}`)
    renameSync(join(folder, name), claim)
    const sign = join(folder, '.reading', '00000000-0000-7000-8000-000000000000.held')
    writeFileSync(sign, '')
    utimesSync(sign, Date.now() / 1_000 - secondsAgo, Date.now() / 1_000 - secondsAgo)
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

  it('keeps in mind that a file was rejected, until one of its name is taken, or a whole list that is newer', async () => {
    for (const complete of [false, true]) {
      const { feed, pull, using } = await watch({ complete })
      const faults = async () => (await feedFaults(store.db, feed.name, 10)).map(({ key }) => key)
      const bad = 'external_id,status,termination_date\nf1,terminated,tomorrow\n'
      drop('a.csv', bad, 900)
      drop('b.csv', bad, 800)
      await expect(pull()).rejects.toThrow('rejected')
      expect((await faults()).toSorted()).toEqual(['file:a.csv', 'file:b.csv'])
      drop('old.csv', 'external_id,status\nf2,active\n', 1_000)
      await pull()
      expect(await faults()).toHaveLength(2)
      drop('c.csv', 'external_id,status\nf2,active\n', 700)
      await pull()
      expect((await faults()).toSorted()).toEqual(complete ? [] : ['file:a.csv', 'file:b.csv'])
      drop('b.csv', 'external_id,status\nf2,active\n', 600)
      await pull()
      expect(await faults()).toEqual(complete ? [] : ['file:a.csv'])
      // Of whom another folder or pattern would have told, this list says nothing.
      drop('d.csv', bad, 500)
      await expect(pull()).rejects.toThrow('rejected')
      const other = using({ pattern: 'x-*.csv' })
      drop('x-1.csv', 'external_id,status\nf3,active\n', 400)
      await other()
      expect(await faults()).toContain('file:d.csv')
    }
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
    const lie = (secondsAgo: number) => {
      drop('again.csv', 'external_id,status,termination_date\nj1,terminated,2026-11-01\n')
      claimBy('again.csv', secondsAgo)
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

  it('counts a file as said when it was dropped, whoever died over it and however often it is read', async () => {
    const { pull } = await watch()
    house.advance(Math.max(0, Date.now() - house.now().epochMilliseconds))
    const say = (status: string, secondsAgo: number) => {
      const date = status === 'terminated' ? '2026-11-01' : ''
      drop('n.csv', `external_id,status,termination_date\nn1,${status},${date}\n`, secondsAgo)
    }
    await pull()
    // An older word, whose reader dies: what was said after it stands.
    say('active', 900)
    const dying = await claimFile(folder, { name: 'n.csv', path: join(folder, 'n.csv') })
    const die = holdClaim(dying ?? expect.fail('not claimed'))
    say('terminated', 600)
    await pull()
    expect(await left('n1')).not.toBeNull()
    const reading = () => list('.reading').map((name) => join(folder, '.reading', name))
    const renewed = reading().filter((path) => Date.now() - statSync(path).mtimeMs < 60_000)
    expect(renewed).toHaveLength(1)
    for (const path of renewed) utimesSync(path, Date.now() / 1_000 - 301, Date.now() / 1_000 - 301)
    await pull()
    await die()
    expect([(await left('n1')) === null, reading()]).toEqual([false, []])

    // A newer word, whose reader is called off: it is not made older than what was said before it.
    say('active', 200)
    await pull()
    expect(await left('n1')).toBeNull()
    say('terminated', 100)
    const stop = new AbortController()
    await pull({
      signal: stop.signal,
      now: () => {
        stop.abort()
        return house.now()
      },
    })
    expect(await left('n1')).toBeNull()
    await pull()
    expect(await left('n1')).not.toBeNull()
  })

  it('removes the sign of a process that died before it had claimed anything, and of no other', async () => {
    const { pull } = await watch()
    await pull()
    for (const [id, secondsAgo] of [
      ['a', 301],
      ['b', 60],
    ] as const) {
      const sign = join(folder, '.reading', `${'0'.repeat(8)}-0000-7000-8000-00000000000${id}.held`)
      writeFileSync(sign, '')
      utimesSync(sign, Date.now() / 1_000 - secondsAgo, Date.now() / 1_000 - secondsAgo)
    }
    await pull()
    expect(list('.reading')).toEqual(['00000000-0000-7000-8000-00000000000b.held'])
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

  it('asks about whoever is on a list of everybody in other letters, and calls gone who is on it in none', async () => {
    const { feed, pull } = await watch({ complete: true })
    const people = (...ids: string[]) => `external_id,status\n${ids.map((id) => `${id},active`).join('\n')}\n`
    drop('all.csv', people('case-a', 'case-b', 'case-c', 'case-d', 'CASE-E'), 7_200)
    await pull()
    drop('all.csv', people('Case-A', 'case-b', 'case-c', 'case-e'))
    await pull()
    expect(await Promise.all(['case-a', 'Case-A', 'case-b', 'CASE-E', 'case-d'].map(left))).toEqual([
      ...[null, 'unknown', null, null],
      expect.stringMatching('^20'),
    ])
    const held = await store.db
      .selectFrom('feed_statement')
      .select(['key', 'reason'])
      .where('feed_id', '=', feed.id)
      .where('state', '=', 'held')
      .execute()
    expect(held.map(({ key, reason }) => `${key} ${reason}`).toSorted()).toEqual([
      'CASE-E named_elsewhere',
      'Case-A identifier_reuse',
      'case-a named_elsewhere',
      'case-e identifier_reuse',
    ])
  })

  it('calls nobody gone because other files are read than before, also not later', async () => {
    const { feed, pull, using } = await watch({ complete: true, pattern: 'hq-*.csv' })
    house.advance(Math.max(0, Date.now() - house.now().epochMilliseconds))
    const people = (...ids: string[]) => `external_id,status\n${ids.map((id) => `${id},active`).join('\n')}\n`
    const gone = async () => {
      const all = await Promise.all(['q1', 'q2', 'q3', 'r1', 'r2'].map(async (id) => ((await left(id)) === null ? [] : [id])))
      return all.flat()
    }
    drop('hq-1.csv', people('q1', 'q2', 'q3'), 900)
    await pull()
    const plant = using({ pattern: 'plant-*.csv' })
    // Older than what was said last: it tells who is there, and of nobody that he is not.
    drop('plant-0.csv', people('r1'), 950)
    drop('plant-1.csv', people('r1', 'r2', 'q3'), 800)
    await plant()
    drop('plant-2.csv', people('r1'), 700)
    await plant()
    expect(await gone()).toEqual(['q3', 'r2'])
    drop('hq-2.csv', people('q2', 'q3'), 600)
    await pull()
    expect(await gone()).toEqual(['q1', 'r2'])
    const told = await store.db
      .selectFrom('audit')
      .select('detail')
      .where('action', '=', 'feed.rescope')
      .where('subject', '=', feed.name)
      .orderBy('id')
      .execute()
    expect(told).toEqual([{ detail: { outOfSight: 2 } }, { detail: { outOfSight: 1 } }])
  })

  it('calls nobody gone whom a file for others named while the daemon died', async () => {
    const mass = { share: 1, least: 1_000, windowMs: 1_000 }
    const { using } = await watch({ complete: true, pattern: 'hq-*.csv' }, { mass })
    const hq = using({})
    house.advance(Math.max(0, Date.now() - house.now().epochMilliseconds))
    const people = (...ids: string[]) => `external_id,status\n${ids.map((id) => `${id},active`).join('\n')}\n`
    drop('hq-1.csv', people('x1', 'x2'), 900)
    await hq()
    drop('plant-1.csv', people('y1', 'y2'), 800)
    await expect(using({ pattern: 'plant-*.csv' })({ dies: 'asked for others' })).rejects.toThrow('died')
    drop('hq-2.csv', people('x1'), 700)
    await hq()
    const gone = await Promise.all(['x1', 'x2', 'y1', 'y2'].map(async (id) => ((await left(id)) === null ? [] : [id])))
    expect(gone.flat()).toEqual(['x2'])
  })

  it('says what keeps the folder from being read', async () => {
    const { pull } = await watch()
    rmSync(folder, { recursive: true })
    writeFileSync(folder, '')
    await expect(pull()).rejects.toMatchObject({ code: 'INPUT_INVALID', message: expect.stringContaining('cannot be used') })
    expect(filesOptions.safeParse({ folder: '/x', every: '0s' }).success).toBe(false)
  })

  it(
    'takes a file whole or rejects it, whatever is in it',
    async () => {
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
      const file = fc
        .tuple(fc.oneof(csv, json, bytes), fc.oneof({ weight: 2, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: EDITS }))
        .map(([[name, content], edits]) =>
          edits === null ? ([name, content] as const) : ([name, edited(content.toString('latin1'), edits)] as const),
        )
      const census = openCensus(store.db)
      await census()
      const came = { archive: 0, rejected: 0 }
      /** What became of the files, by their reports, which lie beside them; and clears them away. */
      const takeReports = (where: 'archive' | 'rejected') => {
        const names = list(where)
        const reports = names.filter((name) => name.endsWith('.report.json'))
        expect(names.length).toBe(2 * reports.length)
        const texts = reports.map((name) => readFileSync(join(folder, where, name), 'utf8'))
        for (const name of names) rmSync(join(folder, where, name))
        came[where] += reports.length
        expect(texts.join()).not.toContain('s3cret-cell')
        return texts.map((text) => DROP_REPORT.parse(JSON.parse(text)))
      }
      await fuzz(
        fc.asyncProperty(fc.array(file, { minLength: 5, maxLength: 5 }), async (files) => {
          for (const [each, [name, content]] of files.entries()) drop(`${each}${name}`, content, 4_000 - each)
          const fault = await pull().then(
            () => undefined,
            (error: unknown) => error,
          )
          const added = await census()
          expect([list('.reading'), list().filter((name) => name.includes('x.'))]).toEqual([[], []])
          const [taken, rejected] = [takeReports('archive'), takeReports('rejected')]
          expect([
            taken.length + rejected.length,
            taken.every((each) => each.taken),
            rejected.some((each) => each.taken),
          ]).toEqual([5, true, false])
          if (rejected.length > 0) expect(fault).toMatchObject({ code: 'INPUT_INVALID' })
          else expect(fault).toBeUndefined()
          expect(String(fault)).not.toContain('s3cret-cell')
          // What was taken, and nothing else, is there.
          const sum = (outcome: string) => taken.reduce((all, { outcomes }) => all + (outcomes[outcome] ?? 0), 0)
          expect(added.identity).toBe(sum('joined'))
          expect(added.feed_statement).toBeGreaterThanOrEqual(
            sum('joined') + sum('terminated') + sum('suspended') + sum('reinstated'),
          )
          if (taken.length === 0) expect(added).toEqual(NOTHING_ADDED)
          for (const { faultTotal, faults } of rejected) expect([faultTotal > 0, faults.length > 0]).toEqual([true, true])
        }),
        Math.ceil(RUNS / 5),
      )
      if (RUNS >= 100_000) process.stdout.write(`dropped files: ${JSON.stringify(came)}\n`)
      for (const [what, count] of Object.entries(came)) expect([what, count > RUNS / 100]).toEqual([what, true])
    },
    fuzzMs(RUNS),
  )
})
