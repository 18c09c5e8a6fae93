import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { addRingKey, dropRingKeys, openKeyRing, readKeyRing } from '../../src/custody/key-ring.ts'

const now = Temporal.Instant.from('2026-11-22T08:00:00Z')
const create = { mayCreate: true, now }

let folder = ''
let path = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'revenant-ring-'))
  path = join(folder, 'data', 'keyring.json')
})
afterEach(() => rm(folder, { recursive: true }))

describe('a new key ring', () => {
  it('is a file of 0600 in a folder of 0700, and reads back', async () => {
    const ring = await openKeyRing(path, create)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect((await stat(dirname(path))).mode & 0o777).toBe(0o700)
    expect(await readdir(dirname(path))).toEqual(['keyring.json'])
    const again = await openKeyRing(path, { mayCreate: false, now })
    expect(again.active.id).toBe(ring.active.id)
    expect(again.active.key.equals(ring.active.key)).toBe(true)
    expect(again.fingerprintKey.equals(ring.fingerprintKey)).toBe(true)
    expect(ring.fingerprintKey.equals(ring.active.key)).toBe(false)
  })

  it('has this mode under any umask', async () => {
    const script = `process.umask(0); const { openKeyRing } = await import(${JSON.stringify(moduleUrl)}); await openKeyRing(process.argv[1], { mayCreate: true, now: Temporal.Now.instant() })`
    expect(await runNode(script, path)).toBe(0)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })

  it('is not made while the database has keys', async () => {
    await expect(openKeyRing(path, { mayCreate: false, now })).rejects.toMatchObject({
      code: 'KEY_RING_INVALID',
      message: expect.stringContaining('restore it'),
    })
    await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('is one, whoever starts at the same time', async () => {
    const rings = await Promise.all(Array.from({ length: 20 }, () => openKeyRing(path, create)))
    expect(new Set(rings.map((ring) => ring.active.id)).size).toBe(1)
    expect(await readdir(dirname(path))).toEqual(['keyring.json'])
  })

  it('is one, whichever processes start at the same time', async () => {
    const script = `const { openKeyRing } = await import(${JSON.stringify(moduleUrl)}); const ring = await openKeyRing(process.argv[1], { mayCreate: true, now: Temporal.Now.instant() }); process.exit(ring.active.id === (await openKeyRing(process.argv[1], { mayCreate: false, now: Temporal.Now.instant() })).active.id ? 0 : 9)`
    expect(await Promise.all(Array.from({ length: 4 }, () => runNode(script, path)))).toEqual([0, 0, 0, 0])
  })

  it('is not taken from a draft that a crash left behind', async () => {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(`${path}.1.abcdef.tmp`, '{"version":1,"act', { mode: 0o600 })
    const ring = await openKeyRing(path, create)
    expect((await readKeyRing(path)).active.id).toBe(ring.active.id)
  })

  it('says so where it cannot be written', async () => {
    await writeFile(join(folder, 'data'), 'a file, no folder')
    await expect(openKeyRing(path, create)).rejects.toMatchObject({ code: 'KEY_RING_INVALID' })
  })
})

describe('a key ring that is there', () => {
  it.each([0o640, 0o604, 0o644, 0o666, 0o660, 0o620, 0o601])('is refused with mode %o', async (mode) => {
    await openKeyRing(path, create)
    await chmod(path, mode)
    await expect(openKeyRing(path, create)).rejects.toMatchObject({
      code: 'KEY_RING_INVALID',
      message: expect.stringContaining(`chmod 600 ${path}`),
    })
    await expect(addRingKey(path, now)).rejects.toMatchObject({ code: 'KEY_RING_INVALID' })
  })

  const MARK = Buffer.from('hunter2-mark-hunter2-mark-32byte').toString('base64')
  const KEY = { id: 'k', createdAt: '2026-01-01T00:00:00Z', key: MARK }
  const RING = { version: 1, active: 'k', keys: [KEY], fingerprintKey: MARK }
  it.each<[string, string]>([
    ['empty', ''],
    ['cut', JSON.stringify(RING).slice(0, -20)],
    ['null', 'null'],
    ['of another version', JSON.stringify({ ...RING, version: 2 })],
    ['with a key too short', JSON.stringify({ ...RING, fingerprintKey: MARK.slice(0, 20) })],
    ['without keys', JSON.stringify({ ...RING, keys: [] })],
    ['whose active key is missing', JSON.stringify({ ...RING, active: 'other' })],
    ['with a key twice', JSON.stringify({ ...RING, keys: [KEY, KEY] })],
    ['with something unknown', JSON.stringify({ ...RING, more: MARK })],
    ['with a date that is none', JSON.stringify({ ...RING, keys: [{ ...KEY, createdAt: 'today' }] })],
    ['that holds bare key material', MARK],
  ])('is refused when %s, is left as it is and not quoted', async (_name, text) => {
    await mkdir(dirname(path))
    await writeFile(path, text, { mode: 0o600 })
    const error = await openKeyRing(path, create).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'KEY_RING_INVALID', message: expect.stringContaining(path) })
    expect(String(error)).not.toContain(MARK.slice(0, 12))
    expect(await readFile(path, 'utf8')).toBe(text)
  })

  it('is accepted in the form of the cases above', async () => {
    await mkdir(dirname(path))
    await writeFile(path, JSON.stringify(RING), { mode: 0o600 })
    expect((await openKeyRing(path, create)).active.id).toBe('k')
  })

  it('may not be a folder', async () => {
    await mkdir(path, { recursive: true })
    await expect(openKeyRing(path, create)).rejects.toMatchObject({ code: 'KEY_RING_INVALID' })
  })

  it('grows by a key and forgets the old ones', async () => {
    const first = await openKeyRing(path, create)
    const second = await addRingKey(path, now)
    expect(second.keys.map((key) => key.id)).toEqual([first.active.id, second.active.id])
    expect(second.fingerprintKey.equals(first.fingerprintKey)).toBe(true)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    const third = await addRingKey(path, now)
    const kept = await dropRingKeys(path, [second.active.id])
    expect(kept.keys.map((key) => key.id)).toEqual([second.active.id, third.active.id])
    expect((await dropRingKeys(path, [])).keys.map((key) => key.id)).toEqual([third.active.id])
    expect(await readdir(dirname(path))).toEqual(['keyring.json'])
  })
})

const moduleUrl = new URL('../../src/custody/key-ring.ts', import.meta.url).href

async function runNode(script: string, ...args: string[]): Promise<unknown> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, ...args], { stdio: 'inherit' })
  const [code] = await once(child, 'exit')
  return code
}
