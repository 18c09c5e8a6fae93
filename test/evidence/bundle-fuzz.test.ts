import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ZipFile } from 'yazl'
import { RevenantError } from '../../src/domain/error.ts'
import { openBundle } from '../../src/evidence/verify/open-bundle.ts'
import { plainText } from '../../src/evidence/verify/plain-text.ts'
import { spellFirstFalse, spellProblem } from '../../src/evidence/verify/spell.ts'
import { verifyBundle } from '../../src/evidence/verify/verify.ts'
import { EDITS, edited, fuzz, fuzzMs, runs } from '../intake/fuzz.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { openBundleHouse } from './bundle-house.ts'

const RUNS = runs(80)
/** What would write over the line of a terminal, or colour it. */
const CONTROL = /[\p{Cc}\p{Bidi_Control}]/u
const [embedded] = STORES
if (embedded === undefined) throw new Error('no database')

describe('malformed bundles', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'revenant-bundle-fuzz-'))
  const path = join(scratch, 'x.zip')
  let store: TestStore
  let files: [name: string, content: Buffer][] = []
  let packed: Buffer
  /** Not compressed: a changed byte is one of a file. */
  let plain: Buffer

  beforeAll(async () => {
    store = await embedded.open()
    const house = await openBundleHouse(store.store.db)
    // A small one: of one person.
    const folder = await house.bundle({ scope: { identity: { name: 'E2', id: house.ids.bert } } })
    files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => statSync(join(folder, name)).isFile())
      .toSorted()
      .map((name) => [name, readFileSync(join(folder, name))])
    rmSync(folder, { recursive: true, force: true })
    packed = await zipOf(files, true)
    plain = await zipOf(files, false)
  }, 60_000)
  afterAll(async () => {
    await store.stop()
    rmSync(scratch, { recursive: true, force: true })
  })

  /** What came of it: `false` names what is wrong; `unusable` is no bundle; `whole` has every file as it was. */
  async function verify(bytes: Buffer): Promise<'whole' | 'false' | 'unusable'> {
    writeFileSync(path, bytes)
    try {
      const source = await openBundle(path)
      try {
        const { holds, checks, firstFalse } = await verifyBundle(source, { vkeys: [] })
        const said = checks.flatMap(({ problems, detail, count }) => [
          count === 0 ? plainText(detail) : '',
          ...problems.map(spellProblem),
        ])
        for (const line of [...said, firstFalse === undefined ? '' : spellFirstFalse(firstFalse)])
          expect(line).not.toMatch(CONTROL)
        if (!holds) {
          expect(firstFalse).toBeDefined()
          return 'false'
        }
        for (const [name, content] of files) expect(await buffer(await source.open(name))).toEqual(content)
        expect(source.files.size).toBe(files.length)
        return 'whole'
      } finally {
        await source.close()
      }
    } catch (error) {
      if (!(error instanceof RevenantError)) throw error
      expect(error).toMatchObject({ code: 'EVIDENCE_INVALID', message: expect.not.stringMatching(CONTROL) })
      return 'unusable'
    }
  }

  const at = fc.double({ min: 0, max: 1, noNaN: true })
  /** Of an archive as bytes. */
  const change = fc.oneof(
    { weight: 6, arbitrary: fc.record({ how: fc.constant('byte' as const), at, byte: fc.nat(255), tail: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ how: fc.constantFrom('cut' as const, 'double' as const), at, length: fc.nat(400) }) },
    {
      weight: 1,
      arbitrary: fc.record({ how: fc.constant('put' as const), at, bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        how: fc.constant('name' as const),
        which: fc.nat(),
        name: fc.oneof(
          fc.constantFrom(
            '../../etc/passwd',
            '/etc/passwd',
            'C:\\x',
            '\u001b[2K\u001b[31mx',
            'a\nb',
            'a\0b',
            '\u202egnp.x',
            'manifest.json',
          ),
          fc.string({ unit: 'binary', maxLength: 20 }),
        ),
      }),
    },
  )
  type Change = typeof change extends fc.Arbitrary<infer Of> ? Of : never

  function changed(bytes: Buffer, each: Change): Buffer {
    if (each.how === 'name') {
      const name = files[each.which % files.length]?.[0] ?? ''
      // Of the same length, in the directory and before the file: nothing else is broken.
      const other = Buffer.alloc(Buffer.byteLength(name), 'x')
      other.write(each.name)
      return Buffer.from(bytes.toString('latin1').replaceAll(name, other.toString('latin1')), 'latin1')
    }
    // The directory of a ZIP is its end.
    const from = each.how === 'byte' && each.tail ? Math.max(0, bytes.length - 4_000) : 0
    const place = from + Math.floor(each.at * (bytes.length - from - 1))
    const [before, after] = [bytes.subarray(0, place), bytes.subarray(place)]
    if (each.how === 'byte') return Buffer.concat([before, Buffer.from([each.byte]), after.subarray(1)])
    if (each.how === 'put') return Buffer.concat([before, each.bytes, after])
    return Buffer.concat([
      before,
      each.how === 'cut' ? after.subarray(each.length) : Buffer.concat([after.subarray(0, each.length), after]),
    ])
  }

  it('write nothing of their own into a terminal', async () => {
    const [name = ''] = files.find(([each]) => each.startsWith('entries/')) ?? []
    const forged = (bytes: Buffer) =>
      changed(bytes, { how: 'name', which: files.findIndex(([each]) => each === name), name: '\u001b[2K\rx' })
    expect(await verify(forged(packed))).toBe('false')
    const quoted = files.map(([each, content]): [string, Buffer] => [
      each,
      each === 'log/checkpoint' ? Buffer.from(content.toString().replace('\u2014 ', '\u009b2K')) : content,
    ])
    expect(await verify(await zipOf(quoted, false))).toBe('false')
  })

  it(`are false, or no bundle, and never a crash (${RUNS})`, { timeout: fuzzMs(RUNS) }, async () => {
    expect([await verify(packed), await verify(plain)]).toEqual(['whole', 'whole'])
    const came = { whole: 0, false: 0, unusable: 0 }
    const bytes = fc.tuple(fc.boolean(), fc.array(change, { minLength: 1, maxLength: 4 })).map(
      ([isPacked, changes]) =>
        async () =>
          changes.reduce(changed, isPacked ? packed : plain),
    )
    // A good archive of files that are not good.
    const content = fc.tuple(fc.nat(), EDITS).map(([which, edits]) => async () => {
      const wrong = which % files.length
      const text = (of: Buffer) => Buffer.from(edited(of.toString('latin1'), edits), 'utf8')
      return zipOf(
        files.map(([name, of], n): [string, Buffer] => [name, n === wrong ? text(of) : of]),
        false,
      )
    })
    await fuzz(
      fc.asyncProperty(fc.oneof({ weight: 3, arbitrary: bytes }, { weight: 1, arbitrary: content }), async (make) => {
        came[await verify(await make())]++
      }),
      RUNS,
    )
    if (RUNS >= 100_000) process.stdout.write(`bundles: ${JSON.stringify(came)}\n`)
    for (const what of ['false', 'unusable'] as const) expect([what, came[what] > RUNS / 100]).toEqual([what, true])
  })
})

async function zipOf(files: readonly (readonly [string, Buffer])[], compress: boolean): Promise<Buffer> {
  const zip = new ZipFile()
  const mtime = new Date('2026-01-01T00:00:00Z')
  for (const [name, content] of files) zip.addBuffer(content, name, { compress, mtime })
  zip.end()
  return buffer(zip.outputStream)
}
