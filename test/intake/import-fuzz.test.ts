import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RevenantError } from '../../src/domain/error.ts'
import { importCredentials } from '../../src/intake/credentials.ts'
import { importIdentities } from '../../src/intake/identities.ts'
import type { ImportReport } from '../../src/intake/report.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { given } from './files.ts'
import { type Added, EDITS, edited, fuzz, fuzzMs, NOTHING_ADDED, openCensus, runs } from './fuzz.ts'
import { type House, openHouse } from './house.ts'

const RUNS = runs(250)
/** Stands in cells: no report and no error quotes what stands there. */
const MARK = 'Zq3mark3dCellZq3'
const [embedded] = STORES
if (embedded === undefined) throw new Error('no database')

describe('malformed imports', () => {
  let test: TestStore
  let house: House
  let census: () => Promise<Added>
  beforeAll(async () => {
    test = await embedded.open()
    house = await openHouse(test.store)
    const people = Array.from({ length: 20 }, (_, each) => `old-${each}`)
    await house.identities(['external_id,name', ...people.map((who) => `${who},Old`)])
    census = openCensus(test.store.db)
    await census()
  }, 60_000)
  afterAll(async () => {
    await house.close()
    await test.stop()
  })

  type Import = typeof importIdentities
  /** Imports a text as it says that it would, and answers its report; undefined where it is refused whole. */
  async function importWhole(run: Import, [format, text, size]: Given, table: 'identity' | 'credential') {
    const attempt = (dryRun: boolean) =>
      run(given(text, format, size), house.deps, { dryRun }).catch((error: unknown) => {
        expect(error).toBeInstanceOf(RevenantError)
        expect(error).toMatchObject({ code: 'INPUT_INVALID', message: expect.not.stringContaining(MARK) })
        return undefined
      })
    // One in four is looked at first, which must tell the same and do nothing.
    const isAhead = size === 7
    const ahead = isAhead ? await attempt(true) : undefined
    if (isAhead) expect(await census()).toEqual(NOTHING_ADDED)
    const done = await attempt(false)
    const added = await census()
    if (isAhead) expect(done).toEqual(ahead)
    if (done === undefined) {
      expect(added).toEqual(NOTHING_ADDED)
      return undefined
    }
    expect(added).toMatchObject({ identity: 0, credential: 0, [table]: done.created, audit: 1 })
    const { read, created, updated, unchanged, skipped, badTotal } = done
    expect([read, badTotal]).toEqual([created + updated + unchanged + skipped + badTotal, done.bad.length])
    expect(JSON.stringify(done)).not.toContain(MARK)
    const [audited] = await test.store.db.selectFrom('audit').selectAll().orderBy('id', 'desc').limit(1).execute()
    expect(audited?.detail).toMatchObject({ read, created, badTotal })
    return done
  }

  type Given = ['csv' | 'jsonl', Buffer, number]
  let n = 0
  const cellOf = (...good: string[]) =>
    fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(...good) },
      {
        weight: 2,
        arbitrary: fc.constantFrom('', MARK, `${MARK}\n`, `"${MARK}`, '\0', '\ud800', 'x'.repeat(1_100), '__proto__', '=1+1'),
      },
      { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 10 }) },
    )
  /** A file of these columns, whole or a little broken. */
  const fileOf = (columns: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<Given> => {
    const names = Object.keys(columns)
    const cells = fc.array(fc.record(columns), { minLength: 1, maxLength: 6 })
    const csv = fc.tuple(cells, fc.subarray(names, { minLength: 1 }), fc.boolean()).map(([rows, some, all]) => {
      const header = all ? names : some
      const cell = (text: unknown) => (/[",\n\r]/.test(String(text)) ? `"${String(text).replaceAll('"', '""')}"` : String(text))
      return [header.join(','), ...rows.map((row) => header.map((name) => cell(row[name])).join(','))].join('\n')
    })
    const jsonl = fc
      .tuple(cells, fc.array(fc.jsonValue({ maxDepth: 2 }), { maxLength: 1 }))
      .map(([rows, others]) =>
        [...rows.map((row) => Object.fromEntries(Object.entries(row).filter(([, of]) => of !== ''))), ...others]
          .map((row) => JSON.stringify(row))
          .join('\n'),
      )
    const edits = fc.oneof({ weight: 2, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: EDITS })
    const text = fc
      .oneof(fc.tuple(fc.constant<'csv'>('csv'), csv), fc.tuple(fc.constant<'jsonl'>('jsonl'), jsonl))
      .chain(([format, whole]) =>
        edits.map((each): ['csv' | 'jsonl', Buffer] => [format, Buffer.from(each === null ? whole : edited(whole, each))]),
      )
    const bytes = fc.tuple(fc.constantFrom<'csv' | 'jsonl'>('csv', 'jsonl'), fc.uint8Array({ maxLength: 60 }))
    return fc
      .tuple(fc.oneof({ weight: 19, arbitrary: text }, { weight: 1, arbitrary: bytes }), fc.constantFrom(1, 7, 64, 4_096))
      .map(([[format, content], size]) => [format, Buffer.from(content), size])
  }
  const person = fc.oneof(
    fc.nat(19).map((each) => `old-${each}`),
    fc.constant('').map(() => `new-${++n}`),
  )
  const told = (what: string, reports: readonly (ImportReport | undefined)[]) => {
    const sum = (of: 'created' | 'updated' | 'badTotal') => reports.reduce((all, each) => all + (each?.[of] ?? 0), 0)
    const counts = { refused: reports.filter((each) => each === undefined).length, created: sum('created'), bad: sum('badTotal') }
    if (RUNS >= 100_000) process.stdout.write(`${what}: ${JSON.stringify({ ...counts, updated: sum('updated') })}\n`)
    // It gets past the first check often enough to mean something.
    for (const [name, count] of Object.entries(counts)) expect([name, count > RUNS / 100]).toEqual([name, true])
  }

  it(`of identities: done is what is reported (${RUNS})`, { timeout: fuzzMs(RUNS) }, async () => {
    const file = fileOf({
      external_id: fc.oneof({ weight: 9, arbitrary: person }, { weight: 1, arbitrary: cellOf('A', 'a') }),
      name: cellOf('Ann', ''),
      work_email: cellOf('ann@example.com', ''),
      kind: cellOf('human', 'service', ''),
      owner: cellOf('old-1', ''),
      status: cellOf('active', 'terminated', ''),
      termination_date: cellOf('2026-11-20', '', '', '2026-02-30'),
      timezone: cellOf('Europe/Berlin', '', 'Mars/Base'),
    })
    const reports: (ImportReport | undefined)[] = []
    await fuzz(
      fc.asyncProperty(file, async (each) => {
        reports.push(await importWhole(importIdentities, each, 'identity'))
      }),
      RUNS,
    )
    told('identities', reports)
  })

  it(`of credentials: done is what is reported (${RUNS})`, { timeout: fuzzMs(RUNS) }, async () => {
    const file = fileOf({
      external_id: fc.oneof(
        { weight: 9, arbitrary: fc.nat(19).map((each) => `old-${each}`) },
        { weight: 1, arbitrary: cellOf('nobody') },
      ),
      system: cellOf(house.system('api'), house.system('api'), house.system('database'), house.system('moved'), 'none'),
      label: fc.oneof(
        cellOf('a', 'b', 'c'),
        fc.constant('').map(() => `l-${++n}`),
      ),
      'secret.token': cellOf(MARK, `${MARK}-2`, ''),
      secret_ref: cellOf('', '', '', 'env:HOME', `env:${MARK}`, 'nothing:x'),
      privilege: cellOf('admin', ''),
      retired: cellOf('', '', 'true', 'no'),
    })
    const run: Import = (source, _deps, options) => importCredentials(source, house.deps, options)
    const reports: (ImportReport | undefined)[] = []
    await fuzz(
      fc.asyncProperty(file, async (each) => {
        reports.push(await importWhole(run, each, 'credential'))
      }),
      RUNS,
    )
    told('credentials', reports)
  })
})
