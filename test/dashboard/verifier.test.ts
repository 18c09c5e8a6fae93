import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { mkdtempSync, openAsBlob, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Buffer as BrowserBuffer } from 'buffer/'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import * as browserCrypto from '../../src/dashboard/verify/crypto.ts'
import { openZip } from '../../src/dashboard/verify/zip-source.ts'
import { errorCode } from '../../src/domain/error.ts'
import { packZip } from '../../src/evidence/bundle/zip.ts'
import * as nodeCrypto from '../../src/evidence/crypto.ts'
import { newSigner } from '../../src/evidence/note-signer.ts'
import { openBundle } from '../../src/evidence/verify/open-bundle.ts'
import { digestOf } from '../../src/evidence/verify/read.ts'
import type { BundleSource } from '../../src/evidence/verify/source.ts'
import { type VerifyOptions, type VerifyResult, verifyBundle } from '../../src/evidence/verify/verify.ts'
import { audit } from '../../src/store/audit.ts'
import { type BundleHouse, openBundleHouse } from '../evidence/bundle-house.ts'
import { STORES, type TestStore } from '../servers/stores.ts'

/** Long enough that both say all that they can. */
const MOST_LOCATE_MS = 60_000

describe('the cryptography of a browser', () => {
  it('hashes as Node does, at once and in pieces', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (bytes, cut) => {
        expect(Buffer.from(browserCrypto.sha256(bytes))).toEqual(Buffer.from(nodeCrypto.sha256(bytes)))
        const hasher = browserCrypto.openHasher()
        hasher.update(bytes.subarray(0, cut))
        hasher.update(bytes.subarray(cut))
        expect(hasher.hex()).toBe(Buffer.from(nodeCrypto.sha256(bytes)).toString('hex'))
      }),
      { numRuns: 100 },
    )
  })

  it.each([
    { scheme: 'ed25519', type: 'ed25519', keyBytes: 32, runs: 40 },
    { scheme: 'ml-dsa-44', type: 'ml-dsa-44', keyBytes: 1_312, runs: 10 },
  ] as const)('takes and refuses the signatures of $scheme that Node does', ({ scheme, type, keyBytes, runs }) => {
    const { publicKey, privateKey } = type === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ml-dsa-44')
    const raw = publicKey.export({ type: 'spki', format: 'der' }).subarray(-keyBytes)
    const message = randomBytes(80)
    const signature = sign(null, message, privateKey)
    const verdicts = (of: Uint8Array, by: Uint8Array) =>
      [nodeCrypto, browserCrypto].map(({ verifierOf }) => verifierOf(scheme, raw)(of, by))
    expect(verdicts(message, signature)).toEqual([true, true])
    expect(verdicts(randomBytes(80), signature)).toEqual([false, false])
    for (const length of [0, 1, signature.length - 1])
      expect(verdicts(message, signature.subarray(0, length))).toEqual([false, false])
    expect(verdicts(message, Buffer.concat([signature, Buffer.of(0)]))).toEqual([false, false])
    fc.assert(
      fc.property(fc.nat(signature.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
        const changed = Buffer.from(signature)
        changed[at] = (changed[at] ?? 0) ^ by
        expect(verdicts(message, changed)).toEqual([false, false])
      }),
      { numRuns: runs },
    )
  })
})

describe('a bundle', { timeout: 120_000 }, () => {
  let store: TestStore
  let house: BundleHouse
  let bundle: string
  let vkey: string
  const scratch = mkdtempSync(join(tmpdir(), 'revenant-browser-'))
  const zip = join(scratch, 'bundle.zip')
  const filesOf = (folder: string) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((path) => statSync(join(folder, path)).isFile())
      .toSorted()

  beforeAll(async () => {
    const pglite = STORES[0]
    if (pglite === undefined) throw new Error('no store')
    store = await pglite.open()
    house = await openBundleHouse(store.store.db)
    for (let n = 0; n < 300; n++)
      await audit(house.db, { actor: 'x', action: 'test.count', subject: String(n), at: Temporal.Now.instant() })
    await house.sequencer.run()
    bundle = await house.bundle()
    await packZip(bundle, filesOf(bundle), zip, Temporal.Now.instant())
    vkey = readFileSync(join(bundle, 'keys.txt'), 'utf8').trim()
  })
  afterAll(async () => {
    await store.stop()
    for (const folder of [bundle, scratch]) rmSync(folder, { recursive: true, force: true })
    vi.unstubAllGlobals()
  })

  /** The same modules again, made as the build of the page makes them: its cryptography, its Buffer. */
  async function inBrowser<Value>(work: (verify: typeof verifyBundle) => Promise<Value>): Promise<Value> {
    vi.resetModules()
    vi.doMock('../../src/evidence/crypto.ts', () => browserCrypto)
    vi.stubGlobal('Buffer', BrowserBuffer)
    try {
      const { verifyBundle: verify } = await import('../../src/evidence/verify/verify.ts')
      return await work(verify)
    } finally {
      vi.unstubAllGlobals()
      vi.doUnmock('../../src/evidence/crypto.ts')
      vi.resetModules()
    }
  }

  const sourceOf = (files: ReadonlyMap<string, Uint8Array>): BundleSource => ({
    files: new Map([...files].map(([path, bytes]) => [path, bytes.length])),
    open: async (path) =>
      (async function* () {
        const bytes = files.get(path) ?? new Uint8Array()
        for (let at = 0; at < bytes.length; at += 10_007) yield bytes.slice(at, at + 10_007)
      })(),
    close: async () => {},
  })
  const load = () => new Map(filesOf(bundle).map((path) => [path, Uint8Array.from(readFileSync(join(bundle, path)))]))

  const flipped = (path: string, share: number) => (files: Map<string, Uint8Array>) => {
    const bytes = Uint8Array.from(files.get(path) ?? [])
    const at = Math.floor(bytes.length * share)
    bytes[at] = (bytes[at] ?? 0) ^ 1
    files.set(path, bytes)
  }
  const flippedEach = (files: Map<string, Uint8Array>) =>
    [...files.keys()].map((path): [string, (of: Map<string, Uint8Array>) => void] => [`a byte of ${path}`, flipped(path, 0.5)])

  it('is judged alike by both, whatever was changed in it', async () => {
    const whole = load()
    const swap = (a: string, b: string) => (files: Map<string, Uint8Array>) => {
      const [one, other] = [files.get(a), files.get(b)]
      if (one !== undefined && other !== undefined) files.set(a, other).set(b, one)
    }
    const changes: [string, (files: Map<string, Uint8Array>) => void, Partial<VerifyOptions>?][] = [
      ['nothing', () => {}],
      ['nothing, by a known key', () => {}, { vkeys: [vkey] }],
      ['nothing, by the key of somebody else', () => {}, { vkeys: [newSigner('example.com/test-log').signer.vkey] }],
      ['a file that is missing', (files) => files.delete('entries/observation.jsonl')],
      ['a file too many', (files) => files.set('entries/more.csv', Uint8Array.of(1))],
      [
        'an end that is cut off',
        (files) => files.set('entries/finding.csv', whole.get('entries/finding.csv')?.slice(0, -9) ?? new Uint8Array()),
      ],
      ['two files in each other’s place', swap('entries/observation.jsonl', 'entries/finding.jsonl')],
      ['a letter outside of ASCII', (files) => files.set('README.txt', Uint8Array.of(0xff))],
      ...flippedEach(whole).filter(([, change], at) => change !== undefined && at % 3 === 0),
      ['the signature', flipped('manifest.note', 0.995), { vkeys: [vkey] }],
      ['a checkpoint that was given', () => {}, { oldCheckpoint: 'nothing\n\n— x AAAAAA==\n' }],
    ]
    const all = async (verify: typeof verifyBundle) => {
      const results: [string, VerifyResult][] = []
      for (const [name, change, options] of changes) {
        const files = new Map(whole)
        change(files)
        const given = { vkeys: [], mostLocateMs: MOST_LOCATE_MS, ...options }
        results.push([name, structuredClone(await verify(sourceOf(files), given))])
      }
      return results
    }
    const byNode = await all(verifyBundle)
    expect(byNode.slice(0, 2).map(([, { holds }]) => holds)).toEqual([true, true])
    expect(byNode.slice(2).map(([name, { holds }]) => [name, holds])).toEqual(byNode.slice(2).map(([name]) => [name, false]))
    const byBrowser = await inBrowser(all)
    for (const [at, [name, result]] of byBrowser.entries()) expect(result, name).toEqual(byNode[at]?.[1])
  })

  it('is read from a ZIP as the command reads it, changed bytes of the ZIP included', async () => {
    const whole = readFileSync(zip)
    const other = join(scratch, 'changed.zip')
    type Said = { code: unknown } | Pick<VerifyResult, 'holds' | 'firstFalse'>
    const said = async (opened: Promise<BundleSource>): Promise<Said> => {
      try {
        const source = await opened
        const { holds, firstFalse } = await verifyBundle(source, { vkeys: [vkey] })
        await source.close()
        return { holds, firstFalse }
      } catch (error) {
        return { code: errorCode(error) }
      }
    }
    const both = async () => [await said(openBundle(other)), await said(openAsBlob(other).then(openZip))] as const
    writeFileSync(other, whole)
    expect(await both()).toEqual([{ holds: true }, { holds: true }].map((result) => ({ ...result, firstFalse: undefined })))
    const contents = async (opened: Promise<BundleSource>) => {
      const source = await opened
      const read = await Promise.all([...source.files.keys()].map(async (path) => [path, await digestOf(source, path)]))
      return Object.fromEntries(read.toSorted())
    }
    const asWritten = await contents(openBundle(zip))
    let found = 0
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), async (at) => {
        const changed = Buffer.from(whole)
        changed[at] = (changed[at] ?? 0) ^ 0x10
        writeFileSync(other, changed)
        const [node, browser] = await both()
        // The two read a ZIP's own bytes more and less strictly. What holds has every file as it was; what both call false they find in one file.
        if ('holds' in browser && browser.holds) expect(await contents(openAsBlob(other).then(openZip))).toEqual(asWritten)
        else found += 1
        if ('holds' in browser && 'holds' in node && !browser.holds && !node.holds)
          expect([at, browser.firstFalse?.file]).toEqual([at, node.firstFalse?.file])
        else if ('code' in browser) expect(browser.code).toBe('EVIDENCE_INVALID')
      }),
      { numRuns: 60 },
    )
    expect(found).toBeGreaterThan(20)
  })

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['no ZIP', Buffer.from('no zip at all, and long enough to be looked at')],
  ])('is none where it is %s', async (_what, bytes) => {
    const opened = openZip(new Blob([bytes]))
    await expect(opened).rejects.toMatchObject({ code: 'EVIDENCE_INVALID' })
  })

  it('frees a file that nobody reads to its end', async () => {
    const source = await openZip(await openAsBlob(zip))
    for (let n = 0; n < 40; n++)
      for await (const piece of await source.open('report.html')) {
        expect(piece.length).toBeGreaterThan(0)
        break
      }
    let bytes = 0
    for await (const piece of await source.open('report.html')) bytes += piece.length
    expect(bytes).toBe(source.files.get('report.html'))
    await source.close()
  })
})
