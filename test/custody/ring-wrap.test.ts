import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  addLedgerKey,
  addRingKey,
  dropRingKeys,
  lookAtKeyRing,
  openKeyRing,
  readKeyRing,
  rewriteKeyRing,
} from '../../src/custody/key-ring.ts'
import { openManagers } from '../../src/custody/managers/open.ts'
import { readReference } from '../../src/custody/references.ts'
import { openRingWraps, type RingWraps } from '../../src/custody/ring-wrap.ts'
import { RevenantError } from '../../src/domain/error.ts'
import type { RingWrapConfig } from '../../src/domain/secret-manager.ts'
import { startVault, type VaultAnswers } from '../servers/vault.ts'

const now = Temporal.Instant.from('2026-11-22T08:00:00Z')
const PASSPHRASE = 'correct horse battery staple'

let vault: VaultAnswers
let folder = ''
let path = ''
beforeAll(async () => {
  vault = await startVault()
  vault.tokens.add('hvs.ring')
})
afterAll(() => vault.close())
const closers: (() => Promise<void>)[] = []
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'revenant-wrap-'))
  path = join(folder, 'keyring.json')
  await writeFile(join(folder, 'passphrase'), `${PASSPHRASE}\n`)
  await writeFile(join(folder, 'another'), 'another passphrase of enough')
  await writeFile(join(folder, 'short'), 'fourteen chars')
  await writeFile(join(folder, 'token'), 'hvs.ring')
})
afterEach(async () => {
  vault.instead = undefined
  vault.forbidden.clear()
  for (const close of closers.splice(0)) await close()
  await rm(folder, { recursive: true })
})

const passphrase = (name = 'passphrase'): RingWrapConfig => ({ by: 'passphrase', passphrase: `file:${folder}/${name}` })
const transit: RingWrapConfig = { by: 'vaultTransit', manager: 'main', key: 'revenant', mount: 'transit' }

/** The ring's place under a configuration that wraps so, and knows these older ways. */
function place(wrap: RingWrapConfig | undefined, ...previous: RingWrapConfig[]): { path: string; wraps: RingWraps } {
  const managers = openManagers([
    { name: 'main', manager: 'vault', address: vault.origin, kv: {}, auth: { method: 'token', token: `file:${folder}/token` } },
  ])
  closers.push(managers.close)
  return { path, wraps: openRingWraps({ ...(wrap === undefined ? {} : { wrap }), previous }, managers, readReference) }
}

/** Everything of a ring that its file must not have in clear. */
function materialOf(ring: Awaited<ReturnType<typeof openKeyRing>>): string[] {
  const keys = [...ring.keys.map(({ key }) => key), ring.fingerprintKey]
  return keys.map((key) => key.export().toString('base64'))
}

async function faultOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => new Error('it was opened'),
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof RevenantError)) throw error
  expect(error.code).toBe('KEY_RING_INVALID')
  for (const secret of [PASSPHRASE, 'another passphrase of enough', 'hvs.ring']) expect(error.message).not.toContain(secret)
  return error.message
}

const KEEP = { unwrap: false }
const UNWRAP = { unwrap: true }

describe('a wrapped key ring', () => {
  it.each<[string, () => RingWrapConfig]>([
    ['by a passphrase', passphrase],
    ["by Vault's transit (its documented answers on loopback)", () => transit],
  ])('%s holds no key in clear, and opens, rotates and reads back', async (_name, wrap) => {
    const at = place(wrap())
    const ring = await openKeyRing(at, { mayCreate: true, now })
    const text = await readFile(path, 'utf8')
    expect(materialOf(ring).filter((key) => text.includes(key))).toEqual([])
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect((await readKeyRing(place(wrap()))).fingerprintKey.equals(ring.fingerprintKey)).toBe(true)
    const rotated = await addRingKey(at, now.add({ hours: 1 }))
    await addLedgerKey(at, now.add({ hours: 2 }))
    const again = await readKeyRing(place(wrap()))
    expect(again.active.id).toBe(rotated.active.id)
    expect(again.keys.map(({ id }) => id)).toEqual([ring.active.id, rotated.active.id])
    expect(again.ledgerKeys).toHaveLength(1)
    expect(await lookAtKeyRing(path)).toMatchObject({ active: rotated.active.id, keys: again.keys.map(({ id }) => ({ id })) })
  })

  it('is wrapped, rewrapped and unwrapped without its keys changing', async () => {
    const ring = await openKeyRing(path, { mayCreate: true, now })
    const same = async (at: Parameters<typeof readKeyRing>[0]) => {
      const found = await readKeyRing(at)
      expect(found.active.key.equals(ring.active.key)).toBe(true)
      expect(found.fingerprintKey.equals(ring.fingerprintKey)).toBe(true)
    }
    // A plain file opens under a configuration that wraps: it is about to be wrapped.
    await same(place(passphrase()))
    await rewriteKeyRing(place(passphrase()), KEEP)
    expect((await lookAtKeyRing(path))?.wrappedWith).toBe('a passphrase')
    const before = await readFile(path, 'utf8')
    await rewriteKeyRing(place(passphrase()), KEEP)
    expect(await readFile(path, 'utf8')).not.toBe(before)
    await rewriteKeyRing(place(passphrase('another'), passphrase()), KEEP)
    await same(place(passphrase('another')))
    await rewriteKeyRing(place(transit, passphrase(), passphrase('another')), KEEP)
    expect((await lookAtKeyRing(path))?.wrappedWith).toBe('vaultTransit revenant')
    await same(place(transit))
    expect(await faultOf(rewriteKeyRing(place(undefined, transit), KEEP))).toMatch(/is wrapped with vaultTransit revenant/)
    await rewriteKeyRing(place(undefined, transit), UNWRAP)
    expect((await lookAtKeyRing(path))?.wrappedWith).toBeUndefined()
    await same(path)
  })

  it('stays wrapped, whoever changes its keys, until it is unwrapped', async () => {
    await openKeyRing(place(passphrase()), { mayCreate: true, now })
    await addRingKey(place(passphrase()), now)
    const before = await readFile(path, 'utf8')
    const unwrapping = place(undefined, passphrase())
    for (const change of [addRingKey, addLedgerKey, (at: typeof unwrapping) => dropRingKeys(at, [])])
      expect(await faultOf(change(unwrapping, now))).toMatch(
        /is wrapped with a passphrase, and the configuration names no keyRing.wrap: .* keys unwrap/,
      )
    expect(await readFile(path, 'utf8')).toBe(before)
    await rewriteKeyRing(unwrapping, UNWRAP)
    expect((await addRingKey(unwrapping, now)).keys).toHaveLength(3)
  })

  it('says what it is wrapped with, and why that does not open it', async () => {
    await openKeyRing(place(passphrase()), { mayCreate: true, now })
    expect(await faultOf(readKeyRing(path))).toMatch(/is wrapped with a passphrase, which the configuration does not give/)
    expect(await faultOf(readKeyRing(place(transit)))).toMatch(/which the configuration does not give/)
    expect(await faultOf(readKeyRing(place(passphrase('another'))))).toMatch(/the passphrase is not the one/)
    expect(await faultOf(readKeyRing(place(passphrase('none'))))).toMatch(/none cannot be read \(ENOENT\)/)
    expect(await faultOf(addRingKey(place(passphrase('another')), now))).toMatch(/the passphrase is not the one/)
  })

  it.each([
    ['sealed', { status: 503, body: { errors: ['Vault is sealed'] } }, /main answered 503 \(sealed/],
    ['denied', { status: 403, body: { errors: ['permission denied'] } }, /main answered 403/],
    [
      'another key of that name',
      { status: 200, body: { data: { plaintext: Buffer.alloc(32).toString('base64') } } },
      /does not open the file/,
    ],
  ])('%s: the manager and its status are named', async (_name, instead, message) => {
    await openKeyRing(place(transit), { mayCreate: true, now })
    vault.instead = instead
    expect(await faultOf(readKeyRing(place(transit)))).toMatch(message)
  })

  it('is not written where what wraps it would not open it again', async () => {
    await openKeyRing(path, { mayCreate: true, now })
    const before = await readFile(path, 'utf8')
    vault.forbidden.add('/v1/transit/decrypt/revenant')
    expect(await faultOf(rewriteKeyRing(place(transit), KEEP))).toMatch(
      /cannot be wrapped with vaultTransit revenant: main answered 403/,
    )
    expect(await faultOf(rewriteKeyRing(place(passphrase('short')), KEEP))).toMatch(/needs at least 15 characters/)
    expect(await readFile(path, 'utf8')).toBe(before)
  })

  it('does not open once it was changed', async () => {
    const at = place(passphrase())
    await openKeyRing(at, { mayCreate: true, now })
    const text = await readFile(path, 'utf8')
    const changes: Record<string, (file: Record<string, unknown>) => unknown> = {
      'another active key': (file) => ({ ...file, active: 'x' }),
      'another key': (file) => ({ ...file, ledgerKeys: [{ id: 'x', createdAt: '2026-11-22T08:00:00Z' }] }),
      'a changed bit': (file) => ({
        ...file,
        sealed: `${String(file.sealed).startsWith('A') ? 'B' : 'A'}${String(file.sealed).slice(1)}`,
      }),
      'a derivation that takes all memory': (file) => ({ ...file, wrap: { ...(file.wrap as object), memoryKiB: 2 ** 30 } }),
      'another field': (file) => ({ ...file, more: 1 }),
    }
    for (const [name, change] of Object.entries(changes)) {
      await writeFile(path, JSON.stringify(change(JSON.parse(text) as Record<string, unknown>)))
      expect([name, await faultOf(readKeyRing(at))]).toEqual([
        name,
        expect.stringMatching(/does not open the file|no key ring, or a broken one/),
      ])
    }
    await writeFile(path, text)
    await readKeyRing(at)
  })
})
