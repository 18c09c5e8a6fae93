import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ZipFile } from 'yazl'
import { manifestText } from '../../src/evidence/bundle/format.ts'
import { packZip } from '../../src/evidence/bundle/zip.ts'
import { signCheckpoint } from '../../src/evidence/checkpoint.ts'
import { newSigner } from '../../src/evidence/note-signer.ts'
import { signNote } from '../../src/evidence/signed-note.ts'
import { openBundle } from '../../src/evidence/verify/open-bundle.ts'
import { type VerifyOptions, type VerifyResult, verifyBundle } from '../../src/evidence/verify/verify.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { type BundleHouse, openBundleHouse } from './bundle-house.ts'

const scratch = mkdtempSync(join(tmpdir(), 'revenant-verify-'))
let copies = 0

async function check(path: string, options: Partial<VerifyOptions> = {}): Promise<VerifyResult> {
  const source = await openBundle(path)
  try {
    return await verifyBundle(source, { vkeys: [], ...options })
  } finally {
    await source.close()
  }
}

const filesOf = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => statSync(join(folder, path)).isFile())
    .toSorted()

describe('verify', { timeout: 300_000 }, () => {
  let store: TestStore
  let house: BundleHouse
  let bundle: string
  const copy = () => {
    const folder = join(scratch, String(copies++))
    cpSync(bundle, folder, { recursive: true })
    return folder
  }
  const edit = (folder: string, path: string, change: (text: string) => string) =>
    writeFileSync(join(folder, path), change(readFileSync(join(folder, path), 'utf8')))
  const zipOf = async (folder: string) => {
    const path = join(scratch, `${copies++}.zip`)
    await packZip(folder, filesOf(folder), path, Temporal.Now.instant())
    return path
  }

  beforeAll(async () => {
    const pglite = STORES[0]
    if (pglite === undefined) throw new Error('no store')
    store = await pglite.open()
    house = await openBundleHouse(store.store.db)
    bundle = await house.bundle()
  })
  afterAll(async () => {
    await store.stop()
    rmSync(bundle, { recursive: true, force: true })
    rmSync(scratch, { recursive: true, force: true })
  })

  it('holds as a folder and as a ZIP', async () => {
    for (const path of [bundle, await zipOf(bundle)])
      expect(await check(path)).toMatchObject({ holds: true, firstFalse: undefined })
  })

  it('finds one changed byte anywhere in a ZIP that touches a file', async () => {
    const path = await zipOf(bundle)
    const whole = readFileSync(path)
    let found = 0
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), async (at) => {
        const changed = Buffer.from(whole)
        changed[at] = (changed[at] ?? 0) ^ 0x10
        const other = join(scratch, 'flipped.zip')
        writeFileSync(other, changed)
        // What is found false or unusable is found. What is not must leave every file as it was: a time stamp, say.
        const result = await check(other).catch((error: unknown) => ({ error }))
        if ('error' in result) expect(result.error).toMatchObject({ code: 'EVIDENCE_INVALID' })
        else if (result.holds) expect(await contents(other)).toEqual(await contents(path))
        if (!('holds' in result) || !result.holds) found += 1
      }),
      { numRuns: 150 },
    )
    // Two in three bytes of this ZIP are of a file: fewer than 60 of 150 are met once in many millions.
    expect(found).toBeGreaterThan(60)
  })

  it.each([
    [
      'a fact',
      'entries/observation.jsonl',
      (text: string) => text.replace('"latency_ms":12.345', '"latency_ms":12.346'),
      { check: 'entries', file: 'entries/observation.jsonl', line: 1 },
    ],
    [
      'a table',
      'entries/observation.csv',
      (text: string) => text.replace('12.345', '12.349'),
      { check: 'tables', file: 'entries/observation.csv', line: 2 },
    ],
    [
      'an index',
      'entries/finding.jsonl',
      (text: string) => text.replace(/"index":\d+\}\n/, '"index":3}\n'),
      { check: 'entries', file: 'entries/finding.jsonl', line: 1 },
    ],
    [
      'a removed line',
      'entries/observation.jsonl',
      (text: string) => text.slice(text.indexOf('\n') + 1),
      { check: 'entries', file: 'entries/observation.jsonl' },
    ],
    [
      'lines in another order',
      'entries/observation.jsonl',
      (text: string) => `${text.trimEnd().split('\n').toReversed().join('\n')}\n`,
      { check: 'entries', file: 'entries/observation.jsonl', line: 1 },
    ],
    [
      'a name',
      'names/identities.csv',
      (text: string) => text.replace('Anna', 'Hanna'),
      { check: 'files', file: 'names/identities.csv' },
    ],
    [
      'the report',
      'report.html',
      (text: string) => text.replace('still accepted', 'never accepted'),
      { check: 'files', file: 'report.html' },
    ],
    [
      'the checkpoint',
      'log/checkpoint',
      (text: string) => text.replace('\n17\n', '\n16\n'),
      { check: 'checkpoint', file: 'log/checkpoint' },
    ],
    [
      'the list of files',
      'manifest.json',
      (text: string) => text.replace('"gone": 0', '"gone": 1'),
      { check: 'signature', file: 'manifest.json' },
    ],
  ] as const)('names %s that was changed', async (_what, path, change, expected) => {
    const folder = copy()
    edit(folder, path, change)
    const result = await check(folder)
    expect(result.holds).toBe(false)
    expect(result.firstFalse).toMatchObject(expected)
  })

  it('gives the byte where a fact was changed', async () => {
    const folder = copy()
    const facts = readFileSync(join(folder, 'entries/observation.jsonl'), 'utf8')
    edit(folder, 'entries/observation.jsonl', (text) => text.replace('"verdict":"rejected"', '"verdict":"accepted"'))
    const at = Buffer.byteLength(facts.slice(0, facts.indexOf('"verdict":"rejected"') + '"verdict":"'.length))
    const [found, expected] = [Buffer.from('a')[0], Buffer.from('r')[0]]
    expect((await check(folder)).firstFalse).toMatchObject({ check: 'entries', line: 2, offset: at, found, expected })
  })

  it('names a bundle that was made anew with another key', async () => {
    const { signer } = newSigner('example.com/test-log')
    const own = readFileSync(join(bundle, 'keys.txt'), 'utf8').trim()
    expect(await check(bundle, { vkeys: [own] })).toMatchObject({ holds: true, keysGiven: true })
    const result = await check(bundle, { vkeys: [signer.vkey] })
    expect(result.checks.filter(({ holds }) => !holds).map(({ name }) => name)).toContain('signature')
    expect(result.checks.find(({ name }) => name === 'checkpoint')?.holds).toBe(false)
  })

  it('is not put out of step by a stray quote', async () => {
    const folder = copy()
    edit(folder, 'entries/control.csv', (text) => text.replace('verified', 'verif"ed'))
    const result = await check(folder)
    expect(result.firstFalse).toMatchObject({ check: 'tables', file: 'entries/control.csv', line: 2 })
    expect(result.checks.find(({ name }) => name === 'entries')?.holds).toBe(true)
  })

  it('names files that are missing or too many', async () => {
    const folder = copy()
    renameSync(join(folder, 'summary.csv'), join(folder, 'summary2.csv'))
    const { problems = [] } = (await check(folder)).checks.find(({ name }) => name === 'files') ?? {}
    expect(problems.map(({ file, what }) => [file, what])).toEqual([
      ['summary2.csv', 'the list of files does not name it'],
      ['summary.csv', 'it is missing'],
    ])
  })

  it('says of a period that has not ended that it has not', async () => {
    const now = Temporal.Now.instant()
    const detail = async (path: string) => (await check(path)).checks.find(({ name }) => name === 'completeness')?.detail
    const open = await house.bundle({ scope: { to: now.add({ hours: 48 }) } })
    expect(await detail(open)).toContain('nothing was left out; the period had not ended when this was made')
    expect(readFileSync(join(open, 'README.txt'), 'utf8')).toContain('the period had not ended')
    const ended = await house.bundle({ scope: { to: house.deps.now() } })
    expect(await detail(ended)).not.toContain('had not ended')
    for (const folder of [open, ended]) rmSync(folder, { recursive: true })
  })

  it('follows the log from an older checkpoint, and no other', async () => {
    const since = readFileSync(join(bundle, 'log/checkpoint'), 'utf8')
    const { audit } = await import('../../src/store/audit.ts')
    await audit(store.store.db, { actor: 'x', action: 'pause.set', subject: 'wiki', at: Temporal.Now.instant() })
    await house.sequencer.run()
    const later = await house.bundle({ since })
    expect(await check(later, { oldCheckpoint: since })).toMatchObject({ holds: true })
    const unproven = await house.bundle()
    expect((await check(unproven, { oldCheckpoint: since })).firstFalse).toMatchObject({ check: 'consistency' })
    expect(await check(unproven, { oldCheckpoint: readFileSync(join(unproven, 'log/checkpoint'), 'utf8') })).toMatchObject({
      holds: true,
    })
    // A log that was restored from a backup is shorter than what the auditor holds.
    const newer = readFileSync(join(later, 'log/checkpoint'), 'utf8')
    expect((await check(bundle, { oldCheckpoint: newer })).firstFalse).toMatchObject({
      check: 'consistency',
      what: expect.stringContaining('restored from a backup'),
    })
    edit(later, 'log/consistency.txt', (text) => text.replace('old 17', 'old 16'))
    expect((await check(later)).checks.find(({ name }) => name === 'consistency')?.holds).toBe(false)
    for (const folder of [later, unproven]) rmSync(folder, { recursive: true })
  })

  describe('refuses what is no bundle', () => {
    const zip = (build: (file: ZipFile) => void): Promise<string> =>
      new Promise((resolve) => {
        const file = new ZipFile()
        const chunks: Buffer[] = []
        build(file)
        file.end()
        file.outputStream.on('data', (chunk: Buffer) => chunks.push(chunk))
        file.outputStream.on('end', () => {
          const path = join(scratch, `${copies++}.zip`)
          writeFileSync(path, Buffer.concat(chunks))
          resolve(path)
        })
      })
    const patched = async (from: string, to: string) => {
      const path = await zip((file) => file.addBuffer(Buffer.from('x'), from))
      writeFileSync(path, Buffer.from(readFileSync(path, 'latin1').replaceAll(from, to), 'latin1'))
      return path
    }
    it.each<[string, () => string | Promise<string>, RegExp]>([
      ['nothing there', () => join(scratch, 'nowhere'), /no such file/],
      ['an empty folder', () => mkdtempSync(join(scratch, 'empty-')), /no bundle of Revenant: manifest.json is missing/],
      ['a file that is no ZIP', () => join(bundle, 'README.txt'), /no ZIP file/],
      ['a ZIP without a bundle', () => zip((file) => file.addBuffer(Buffer.from('x'), 'x.txt')), /manifest.json is missing/],
      ['a path that leads out', () => patched('aaaaaaaaaa', '../../../x'), /broken|invalid/],
      ['an absolute path', () => patched('aaaaaaaaaa', '/etc/passw'), /broken|absolute/],
      [
        'a link',
        () => {
          const folder = mkdtempSync(join(scratch, 'link-'))
          symlinkSync('/etc/hostname', join(folder, 'manifest.json'))
          return folder
        },
        /no plain file/,
      ],
      [
        'two files of one name',
        () =>
          zip((file) => {
            file.addBuffer(Buffer.from('x'), 'x')
            file.addBuffer(Buffer.from('y'), 'x')
          }),
        /two files/,
      ],
      [
        'a size that cannot be',
        async () => {
          const path = await zip((file) => file.addBuffer(Buffer.from('x'.repeat(40)), 'manifest.json', { compress: false }))
          const bytes = readFileSync(path)
          const central = bytes.indexOf(Buffer.from('PK\x01\x02'))
          bytes.writeUInt32LE(0xfffffff0, central + 24)
          writeFileSync(path, bytes)
          return path
        },
        /cannot be|broken/,
      ],
    ])('%s', async (_what, make, message) => {
      const path = await make()
      await expect(check(path)).rejects.toMatchObject({ code: 'EVIDENCE_INVALID', message: expect.stringMatching(message) })
    })

    it('a log of a size that cannot be, signed with a key of its own', async () => {
      const folder = mkdtempSync(join(scratch, 'huge-'))
      const { signer } = newSigner('evil.example/log')
      const root = new Uint8Array(32)
      const size = 9_000_000_000_000_000
      const checkpoint = signCheckpoint({ origin: signer.name, size, root }, [signer])
      const period = { from: '2026-01-01T00:00:00Z', to: '2026-02-01T00:00:00Z' }
      const log = { origin: signer.name, size, root: Buffer.from(root).toString('hex'), first: 0, end: size }
      const madeBy = { product: 'x', version: '0', instance: 'x' }
      const manifest = JSON.stringify({
        format: 'revenant-bundle',
        version: 1,
        madeAt: '2026-02-01T00:00:00Z',
        madeBy,
        period,
        filters: {},
        log,
        entries: [],
        gone: 0,
        altered: 0,
        removed: 0,
        contradicted: 0,
        files: [],
      })
      mkdirSync(join(folder, 'log'))
      writeFileSync(join(folder, 'log/checkpoint'), checkpoint)
      writeFileSync(join(folder, 'keys.txt'), `${signer.vkey}\n`)
      writeFileSync(join(folder, 'manifest.json'), manifest)
      writeFileSync(join(folder, 'manifest.note'), signNote(await manifestText(Buffer.from(manifest)), [signer]))
      const result = await check(folder)
      expect(result.checks.filter(({ holds }) => holds).map(({ name }) => name)).toEqual(['signature', 'checkpoint'])
      expect(result.checks.find(({ name }) => name === 'completeness')).toMatchObject({ holds: false, count: 1 })
    })

    it('a manifest of other types is false, not a crash', async () => {
      for (const text of ['{}', '[]', '"x"', '{"files":{"length":1e9}}', 'null', '']) {
        const folder = copy()
        edit(folder, 'manifest.json', () => text)
        expect(await check(folder), text).toMatchObject({ holds: false, manifest: undefined })
      }
      mkdirSync(join(scratch, 'keep'), { recursive: true })
    })
  })
})

async function contents(path: string): Promise<Record<string, string>> {
  const source = await openBundle(path)
  const all: Record<string, string> = {}
  for (const name of source.files.keys()) {
    const chunks: Uint8Array[] = []
    for await (const chunk of await source.open(name)) chunks.push(chunk)
    all[name] = Buffer.concat(chunks).toString('latin1')
  }
  await source.close()
  return all
}
