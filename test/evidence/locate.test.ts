import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { manifestText } from '../../src/evidence/bundle/format.ts'
import { newSigner } from '../../src/evidence/note-signer.ts'
import { signNote } from '../../src/evidence/signed-note.ts'
import type { FirstFalse } from '../../src/evidence/verify/locate/locate.ts'
import type { BundleSource } from '../../src/evidence/verify/source.ts'
import { type VerifyOptions, verifyBundle } from '../../src/evidence/verify/verify.ts'
import { audit } from '../../src/store/audit.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { type BundleHouse, openBundleHouse } from './bundle-house.ts'

type Files = Map<string, Buffer>

function sourceOf(files: Files): BundleSource {
  return {
    files: new Map([...files].map(([path, bytes]) => [path, bytes.length])),
    open: async (path) =>
      (async function* () {
        const bytes = files.get(path) ?? Buffer.alloc(0)
        // Pieces of an odd length, so that lines and blocks lie across them.
        for (let at = 0; at < bytes.length; at += 10_007) yield bytes.subarray(at, at + 10_007)
      })(),
    close: async () => {},
  }
}

const verify = (files: Files, options: Partial<VerifyOptions> = {}) => verifyBundle(sourceOf(files), { vkeys: [], ...options })

function load(folder: string): Files {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => statSync(join(folder, path)).isFile())
  return new Map(paths.toSorted().map((path) => [path, readFileSync(join(folder, path))]))
}

/** The first byte by which two files part. */
function firstDifference(a: Buffer, b: Buffer): number {
  let at = 0
  while (at < Math.min(a.length, b.length) && a[at] === b[at]) at++
  return at
}

async function withoutBlocks(files: Files): Promise<{ files: Files; vkeys: string[] }> {
  const manifest: { files: { path: string }[] } = JSON.parse((files.get('manifest.json') ?? '').toString())
  const bare = manifest.files.map((file) => (file.path.startsWith('entries/') ? { ...file, blocks: undefined } : file))
  const list = Buffer.from(JSON.stringify({ ...manifest, files: bare }))
  const { signer } = newSigner('example.com/test-log')
  const note = Buffer.from(signNote(await manifestText(list), [signer]))
  const own = (files.get('keys.txt') ?? '').toString().trim().split('\n')
  return { files: new Map(files).set('manifest.json', list).set('manifest.note', note), vkeys: [...own, signer.vkey] }
}

describe('the first false byte', { timeout: 300_000 }, () => {
  let store: TestStore
  let house: BundleHouse
  let whole: Files
  let older: string
  /** The same bundle without the blocks of its entries, and the keys of those who signed it. */
  let bare: { files: Files; vkeys: string[] }
  const bytesOf = (path: string) => whole.get(path) ?? Buffer.alloc(0)
  const textOf = (path: string) => bytesOf(path).toString('latin1')
  const changed = (...changes: readonly (readonly [string, Buffer | undefined])[]): Files => {
    const files = new Map(whole)
    for (const [path, bytes] of changes)
      if (bytes === undefined) files.delete(path)
      else files.set(path, bytes)
    return files
  }
  const named = (pattern: RegExp) => [...whole.keys()].find((path) => pattern.test(path)) ?? ''

  beforeAll(async () => {
    const pglite = STORES[0]
    if (pglite === undefined) throw new Error('no store')
    store = await pglite.open()
    house = await openBundleHouse(store.store.db)
    const first = await house.bundle()
    older = readFileSync(join(first, 'log/checkpoint'), 'utf8')
    // More than two full tiles, so that the tree has levels.
    for (let n = 0; n < 550; n++)
      await audit(house.db, { actor: 'x', action: 'test.count', subject: String(n), at: Temporal.Now.instant() })
    await house.sequencer.run()
    const second = await house.bundle({ since: older })
    whole = load(second)
    for (const folder of [first, second]) rmSync(folder, { recursive: true })
    bare = await withoutBlocks(whole)
    expect(await verify(bare.files, { vkeys: bare.vkeys })).toMatchObject({ holds: true })
  })
  afterAll(() => store.stop())

  it('is none where all holds', async () => {
    expect(await verify(whole)).toMatchObject({ holds: true, firstFalse: undefined })
    expect([...whole.keys()].filter((path) => path.startsWith('log/tile/')).length).toBeGreaterThanOrEqual(4)
    expect(whole.has('log/consistency.txt')).toBe(true)
  })

  it('is found exactly, wherever in whichever file one byte is changed', async () => {
    const files = [...whole.keys()].filter((path) => bytesOf(path).length > 0)
    const flip = async (path: string, place: number, by: number) => {
      const at = place % bytesOf(path).length
      const bytes = Buffer.from(bytesOf(path))
      bytes[at] = (bytes[at] ?? 0) ^ by
      const { holds, firstFalse } = await verify(changed([path, bytes]))
      const found = { holds, file: firstFalse?.file, offset: firstFalse?.offset, expected: firstFalse?.expected }
      expect(found, `${path} byte ${at}`).toEqual({ holds: false, file: path, offset: at, expected: bytesOf(path)[at] })
    }
    for (const path of files)
      for (const place of [bytesOf(path).length >> 1, bytesOf(path).length - 1]) await flip(path, place, 1)
    await fc.assert(fc.asyncProperty(fc.constantFrom(...files), fc.nat(1_000_000), fc.integer({ min: 1, max: 255 }), flip), {
      numRuns: 120,
    })
  })

  it('is never told wrongly, whatever is put in, left out or written over', async () => {
    const files = [...whole.keys()].filter((path) => bytesOf(path).length > 0)
    const edit = fc.tuple(fc.nat(1_000_000), fc.nat(60), fc.uint8Array({ maxLength: 60 }))
    const isRight = async (path: string, edits: [number, number, Uint8Array][], from: Files, vkeys: string[]) => {
      const before = from.get(path) ?? Buffer.alloc(0)
      let after = before
      for (const [place, out, put] of edits) {
        const from = place % (after.length + 1)
        after = Buffer.concat([after.subarray(0, from), put, after.subarray(from + out)])
      }
      if (after.equals(before)) return
      const { firstFalse } = await verify(new Map(from).set(path, after), { vkeys })
      const { offset, stretch } = firstFalse ?? {}
      const place = firstDifference(before, after)
      const said = `${path}: ${JSON.stringify({ place, offset, stretch })}`
      // A signed note may have signatures of others besides.
      if (firstFalse === undefined && path === 'manifest.note') return
      expect(firstFalse?.file, said).toBe(path)
      expect(offset === place || (stretch !== undefined && stretch.from <= place && place <= stretch.to), said).toBe(true)
    }
    const edits = fc.array(edit, { minLength: 1, maxLength: 2 })
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...files), edits, fc.boolean(), (path, changes, isBare) =>
        isBare ? isRight(path, changes, bare.files, bare.vkeys) : isRight(path, changes, whole, []),
      ),
      { numRuns: 60 },
    )
  })

  const replace = (from: string | RegExp, to: string) => (bytes: Buffer) =>
    Buffer.from(bytes.toString('latin1').replace(from, to), 'latin1')
  const lines = (change: (lines: string[]) => string[]) => (bytes: Buffer) =>
    Buffer.from(`${change(bytes.toString('latin1').trimEnd().split('\n')).join('\n')}\n`, 'latin1')
  const swapHashes = (a: number, b: number) => (bytes: Buffer) => {
    const other = Buffer.from(bytes)
    bytes.copy(other, a * 32, b * 32, b * 32 + 32)
    bytes.copy(other, b * 32, a * 32, a * 32 + 32)
    return other
  }
  const otherHash = (line: number) =>
    lines((all) => all.map((text, at) => (at === line ? Buffer.alloc(32, 7).toString('base64') : text)))

  it.each<[string, RegExp, (bytes: Buffer) => Buffer]>([
    ['a word of the report', /^report\.html$/, replace('still accepted', 'never accepted')],
    ['a longer name', /^names\/identities\.csv$/, replace('Anna', 'Johanna')],
    ['a shorter name', /^names\/systems\.csv$/, replace('payroll', 'pay')],
    [
      'eight words at once',
      /^report\.html$/,
      (bytes) => Buffer.from(bytes.toString('latin1').replaceAll('wiki', 'WIKI'), 'latin1'),
    ],
    ['a sentence put in', /^report\.html$/, replace('<table>', `<p>${'Everything was closed in time. '.repeat(9)}</p><table>`)],
    ['ten characters left out', /^oscal\/assessment-results\.json$/, replace(/(?<=^.{900}).{10}/s, '')],
    ['what was added at the end', /^summary\.csv$/, (bytes) => Buffer.concat([bytes, Buffer.from('x,y,z\n')])],
    ['an empty file', /^statements\/leavers\.csv$/, () => Buffer.alloc(0)],
    ['a file cut off between two blocks', /^report\.html$/, (bytes) => bytes.subarray(0, 512)],
    ['a file that lacks its last bytes', /^report\.html$/, (bytes) => bytes.subarray(0, -9)],
    ['another README', /^README\.txt$/, () => Buffer.from('Evidence bundle of Revenant\n\nAll is well.\n')],
    ['other keys', /^keys\.txt$/, () => Buffer.from('example.com/other+00000000+AAAA\n')],
    ['another signature of the checkpoint', /^log\/checkpoint$/, replace(/.{70}\n$/, `${'A'.repeat(69)}=\n`)],
    ['another root of the checkpoint', /^log\/checkpoint$/, otherHash(2)],
    ['a hash of a proof', /^proofs\//, otherHash(2)],
    ['a proof without a hash', /^proofs\//, lines((all) => all.toSpliced(3, 1))],
    ['a hash of the consistency proof', /^log\/consistency\.txt$/, otherHash(3)],
    ['two leaves of a tile', /^log\/tile\/0\/000$/, swapHashes(3, 200)],
    ['two leaves of the last tile', /^log\/tile\/0\/002\.p\//, swapHashes(0, 5)],
    ['two hashes of a higher tile', /^log\/tile\/1\//, swapHashes(0, 1)],
    [
      'a tile with a hash too many',
      /^log\/tile\/0\/001$/,
      (bytes) => Buffer.concat([bytes.subarray(0, 640), Buffer.alloc(32), bytes.subarray(640)]),
    ],
    [
      'a fact of another length',
      /^entries\/observation\.jsonl$/,
      replace('"verdict":"rejected"', '"verdict":"accepted, I should think"'),
    ],
    ['a fact of another type', /^entries\/observation\.jsonl$/, replace('"latency_ms":12.345', '"latency_ms":"12.345"')],
    ['a fact left out', /^entries\/observation\.jsonl$/, replace('"effects":null,', '')],
    ['all facts of a line', /^entries\/exemption\.jsonl$/, replace(/"facts":.*,"index"/, '"facts":{},"index"')],
    ['a line that is nothing', /^entries\/finding\.jsonl$/, lines((all) => all.with(2, 'x'))],
    ['the first line left out', /^entries\/operator\.jsonl$/, lines((all) => all.slice(1))],
    ['a line in the middle left out', /^entries\/operator\.jsonl$/, lines((all) => all.toSpliced(300, 1))],
    ['the last line left out', /^entries\/operator\.jsonl$/, lines((all) => all.slice(0, -1))],
    ['a line twice', /^entries\/operator\.jsonl$/, lines((all) => all.toSpliced(400, 0, all[399] ?? ''))],
    ['a line twice, at the end', /^entries\/gap\.jsonl$/, lines((all) => [...all, all.at(-1) ?? ''])],
    [
      'two lines in another order',
      /^entries\/operator\.jsonl$/,
      lines((all) => all.with(10, all[11] ?? '').with(11, all[10] ?? '')),
    ],
    ['a line cut off', /^entries\/operator\.jsonl$/, (bytes) => bytes.subarray(0, -40)],
    ['a row of another length', /^entries\/control\.csv$/, replace('verified', 'not verified by anybody at all')],
    ['a row left out', /^entries\/operator\.csv$/, lines((all) => all.toSpliced(77, 1))],
    ['a row too many', /^entries\/finding\.csv$/, lines((all) => [...all, all.at(-1) ?? ''])],
    ['a header', /^entries\/key\.csv$/, replace('index', 'number of the entry in the log')],
    ['a word put into the list of files', /^manifest\.json$/, replace('"madeBy"', '"madeOver"')],
    ['a figure of the list of files', /^manifest\.json$/, replace(/"size": \d+/, '"size": 7')],
    ['another digest in the note', /^manifest\.note$/, lines((all) => all.with(1, 'a'.repeat(64)))],
    ['a character put into a signature', /^manifest\.note$/, replace(/(?=.{30}\n$)/, 'x')],
    ['a character left out of a signature', /^manifest\.note$/, replace(/.(?=.{30}\n$)/, '')],
    ['another name before a signature', /^manifest\.note$/, replace(/example\.com(?=\/test-log [^\n]*\n$)/, 'example.org')],
  ])('is found exactly in %s', async (_what, pattern, change) => {
    const path = named(pattern)
    const [before, after] = [bytesOf(path), change(bytesOf(path))]
    const expected = { holds: false, file: path, offset: firstDifference(before, after) }
    const found = async (files: Files, options?: Partial<VerifyOptions>) => {
      const { firstFalse, holds } = await verify(new Map(files).set(path, after), options)
      return { holds, file: firstFalse?.file, offset: firstFalse?.offset }
    }
    expect(after).not.toEqual(before)
    expect(await found(whole)).toEqual(expected)
    // Large files of entries have no blocks: there the log and the table have to do.
    if (path.startsWith('entries/')) expect(await found(bare.files, { vkeys: bare.vkeys })).toEqual(expected)
  })

  it.each<[string, RegExp, (bytes: Buffer) => Buffer, number]>([
    [
      'a long passage of the report',
      /^report\.html$/,
      (bytes) => Buffer.concat([bytes.subarray(0, 1_100), Buffer.alloc(60, 'x'), bytes.subarray(1_160)]),
      256,
    ],
    ['a report cut off in the middle', /^report\.html$/, (bytes) => bytes.subarray(0, 1_111), 256],
    ['a statement without most of a line', /^statements\/leavers\.csv$/, replace(/(?<=^[^\n]*\n.{20}).{60}/, ''), 256],
    ['another signature of the list', /^manifest\.note$/, replace(/.{60}\n$/, `${'A'.repeat(59)}=\n`), 200],
  ])('is told within a few bytes in %s', async (_what, pattern, change, most) => {
    const path = named(pattern)
    const after = change(bytesOf(path))
    const at = firstDifference(bytesOf(path), after)
    const { firstFalse } = await verify(changed([path, after]))
    expect(firstFalse).toMatchObject({ file: path, line: expect.any(Number) })
    expect(firstFalse).not.toHaveProperty('offset')
    const { from = -1, to = -1 } = firstFalse?.stretch ?? {}
    expect(from <= at && at <= to && to - from < most, `${from} ≤ ${at} ≤ ${to}`).toBe(true)
  })

  const at = (path: string, after: Buffer) => ({ file: path, offset: firstDifference(bytesOf(path), after) })

  it.each([
    ['a byte', 'accepted', 'accepteb', true],
    ['a word', 'rejected', 'accepted', true],
    ['a long passage', 'anna, ', 'somebody else altogether, as it happens, ', false],
  ])('is that of the table where a table and its lines tell the same lie: %s', async (_what, from, to, isExact) => {
    const [rows, facts] = ['entries/observation.csv', 'entries/observation.jsonl'] as const
    const [row, fact] = [replace(from, to)(bytesOf(rows)), replace(from, to)(bytesOf(facts))]
    const { offset } = at(rows, row)
    const { firstFalse } = await verify(changed([rows, row], [facts, fact]))
    if (isExact) expect(firstFalse).toMatchObject({ file: rows, offset })
    // Without blocks, one byte is found by the log, and anything else within its row.
    const lie = new Map(bare.files).set(rows, row).set(facts, fact)
    const { firstFalse: other } = await verify(lie, { vkeys: bare.vkeys })
    if (to === 'accepteb') expect(other).toMatchObject({ file: rows, offset })
    for (const { file, offset: exact = -1, stretch = { from: exact, to: exact } } of [firstFalse, other].filter(
      (each) => each !== undefined,
    )) {
      expect(file).toBe(rows)
      expect(stretch.from <= offset && offset <= stretch.to && stretch.to - stretch.from < 1_000, JSON.stringify(stretch)).toBe(
        true,
      )
    }
  })

  it('is the first of two, in the order of the list of files', async () => {
    const flip = (path: string, place: number) => {
      const bytes = Buffer.from(bytesOf(path))
      bytes[place] = (bytes[place] ?? 0) ^ 1
      return [path, bytes] as const
    }
    const order = [
      'manifest.note',
      'manifest.json',
      'README.txt',
      'entries/operator.csv',
      'entries/operator.jsonl',
      'keys.txt',
      'log/checkpoint',
      named(/^log\/tile\/0\/000$/),
      named(/^proofs\//),
      'report.html',
      'statements/gaps.csv',
    ]
    for (const [n, first] of order.entries())
      for (const second of order.slice(n + 1, n + 4)) {
        const { firstFalse } = await verify(changed(flip(first, 30), flip(second, 25)))
        // Of a note whose list is false too nobody can tell the text.
        const offset = second === 'manifest.json' ? undefined : 30
        expect([firstFalse?.file, firstFalse?.offset], `${first} before ${second}`).toEqual([first, offset])
      }
    const twice = Buffer.from(flip('report.html', 9_000)[1])
    twice[100] = (twice[100] ?? 0) ^ 1
    expect((await verify(changed(['report.html', twice]))).firstFalse).toMatchObject({ file: 'report.html', offset: 100 })
  })

  it.each([
    ['names/identities.csv', 'names/systems.csv'],
    ['entries/finding.jsonl', 'entries/control.jsonl'],
    ['statements/leavers.csv', 'report.html'],
  ])('is found where %s and %s were swapped', async (a, b) => {
    const [first, second] = [a, b].toSorted()
    const { firstFalse } = await verify(changed([a, bytesOf(b)], [b, bytesOf(a)]))
    expect(firstFalse).toMatchObject(at(first ?? '', bytesOf(second ?? '')))
  })

  it('is the whole of a file that is missing or too many', async () => {
    const missing = (await verify(changed(['summary.csv', undefined]))).firstFalse
    expect(missing).toMatchObject({ file: 'summary.csv', what: 'it is missing' })
    expect(missing).not.toHaveProperty('offset')
    expect((await verify(changed(['entries/more.txt', Buffer.from('x')]))).firstFalse).toMatchObject({
      ...{ file: 'entries/more.txt', offset: 0, found: 0x78, expected: null },
    })
  })

  it('is that of the signatures where somebody else signed, and told at once', async () => {
    const { signer } = newSigner('example.com/test-log')
    const { firstFalse } = await verify(whole, { vkeys: [signer.vkey] })
    const from = textOf('manifest.note').lastIndexOf('\n\n') + 2
    expect(firstFalse).toMatchObject({ file: 'manifest.note', stretch: { from, to: bytesOf('manifest.note').length - 1 } })
  })

  it('is told in lines and bytes', async () => {
    const { firstFalse } = await verify(changed(['names/systems.csv', replace('wiki', 'Wiki')(bytesOf('names/systems.csv'))]))
    const before = textOf('names/systems.csv').slice(0, textOf('names/systems.csv').indexOf('wiki'))
    expect(firstFalse).toEqual<FirstFalse>({
      ...{ check: 'files', file: 'names/systems.csv', what: 'its SHA-256 is not the one in the list of files' },
      ...{ line: before.split('\n').length, offset: before.length, found: 0x57, expected: 0x77 },
    })
  })
})
