import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { openBox } from '../../src/custody/box.ts'
import { type Custody, openCustody } from '../../src/custody/custody.ts'
import { newId } from '../../src/domain/id.ts'
import { findSecret, replaceSeal, unpinReference } from '../../src/store/secret.ts'
import { addCredentials, addSystem, clear, keep, STORES, type TestStore } from './stores.ts'

const MARK = 'hunter2-mark'
const ORIGIN = 'https://api.example.com'
const clock = () => Temporal.Now.instant()

describe.each(STORES)('custody on %s', (name, openStore) => {
  let store: TestStore
  let custody: Custody
  let systemId = ''
  let keyRingPath = ''
  beforeAll(async () => {
    store = await openStore()
  })
  afterAll(() => store.close())
  beforeEach(async () => {
    await clear(store.db)
    keyRingPath = join(store.folder, newId(), 'keyring.json')
    custody = await reopen()
    systemId = await addSystem(store.db, 'api', ORIGIN)
  })

  const reopen = () => openCustody({ db: store.db, keyRingPath, clock })

  const put = async (credentialId: string, token: string, by = custody, origin = ORIGIN) => {
    const { sealed, dataKeyId } = await by.seal({ credentialId, systemId, origin }, { token })
    await keep(store.db, { credential_id: credentialId, system_id: systemId, origin, sealed, data_key_id: dataKeyId })
  }
  const refer = (credentialId: string, reference: string) =>
    keep(store.db, {
      credential_id: credentialId,
      system_id: systemId,
      origin: ORIGIN,
      reference,
      reference_mac: custody.sealReference({ credentialId, systemId, origin: ORIGIN }, reference),
    })
  const get = async (credentialId: string, by = custody, origin = ORIGIN) => {
    const row = await findSecret(store.db, credentialId)
    if (row === undefined) throw new Error('no such secret')
    const { sealed, reference, reference_mac: referenceMac, pinned } = row
    return openBox(
      await by.open(
        { credentialId, systemId: row.system_id, origin: row.origin, sealed, reference, referenceMac, pinned },
        origin,
      ),
    )
  }
  const fill = async (count: number) => {
    const ids = await addCredentials(store.db, systemId, count)
    for (const id of ids) await put(id, `${MARK}-${id}`)
    return ids
  }
  const expectAll = async (ids: string[], by = custody, origin = ORIGIN) => {
    for (const id of ids) expect(await get(id, by, origin)).toEqual({ token: `${MARK}-${id}` })
  }
  const dataKeysOf = async () =>
    new Set((await store.db.selectFrom('secret').select('data_key_id').execute()).map((row) => row.data_key_id))

  it('opens what it sealed, in this process and the next', async () => {
    const ids = await fill(3)
    await expectAll(ids)
    await expectAll(ids, await reopen())
    expect(await dataKeysOf()).toHaveProperty('size', 1)
  })

  it('opens at once when the key is known', async () => {
    const [id = ''] = await fill(1)
    const row = await findSecret(store.db, id)
    const opened = custody.open(
      {
        credentialId: id,
        systemId,
        origin: ORIGIN,
        sealed: row?.sealed ?? null,
        reference: null,
        referenceMac: null,
        pinned: null,
      },
      ORIGIN,
    )
    expect(opened).not.toBeInstanceOf(Promise)
  })

  it('makes one data key, however many processes seal first', async () => {
    const many = await Promise.all(Array.from({ length: 5 }, reopen))
    const ids = await addCredentials(store.db, systemId, 5)
    await Promise.all(many.map((one, index) => put(ids[index] ?? '', 'x', one)))
    expect((await custody.describe()).data).toHaveLength(1)
  })

  it('refuses empty secrets', async () => {
    const place = { credentialId: newId(), systemId, origin: ORIGIN }
    await expect(custody.seal(place, { password: '' })).rejects.toMatchObject({ code: 'SECRET_EMPTY' })
    await expect(custody.seal(place, {})).rejects.toMatchObject({ code: 'SECRET_EMPTY' })
    await expect(custody.seal(place, MARK)).rejects.toMatchObject({ code: 'SECRET_INVALID' })
    expect(() => custody.fingerprint('s', { password: '' })).toThrow(expect.objectContaining({ code: 'SECRET_EMPTY' }))
  })

  describe('a row that is not what was sealed', () => {
    it('of another origin says so', async () => {
      const [id = ''] = await fill(1)
      await expect(get(id, custody, 'https://evil.example.com')).rejects.toMatchObject({
        code: 'ORIGIN_CHANGED',
        message: expect.stringContaining('systems rebind'),
      })
    })

    it('does not open when somebody edits the table', async () => {
      const [a = '', b = ''] = await fill(2)
      const elsewhere = await addSystem(store.db, 'elsewhere', ORIGIN)
      const original = await findSecret(store.db, a)
      const other = await findSecret(store.db, b)
      if (original?.sealed == null || other?.sealed == null) throw new Error('not sealed')
      const flipped = Uint8Array.from(original.sealed)
      flipped[40] = (flipped[40] ?? 0) ^ 1
      const edits: [Partial<typeof original>, string][] = [
        [{ sealed: flipped }, ORIGIN],
        [{ sealed: other.sealed }, ORIGIN],
        [{ system_id: elsewhere }, ORIGIN],
        [{ origin: 'https://evil.example.com' }, 'https://evil.example.com'],
      ]
      for (const [edit, origin] of edits) {
        await keep(store.db, { ...original, ...edit })
        await expect(get(a, custody, origin), inspect(edit)).rejects.toMatchObject({ code: 'SEAL_BROKEN' })
      }
      await keep(store.db, original)
      await expectAll([a])
    })

    it('does not open under a data key that was changed or swapped', async () => {
      const [id = ''] = await fill(1)
      const [key] = await store.db.selectFrom('data_key').selectAll().execute()
      if (key === undefined) throw new Error('no data key')
      const changed = Uint8Array.from(key.wrapped)
      changed[20] = (changed[20] ?? 0) ^ 1
      await store.db.updateTable('data_key').set({ wrapped: changed }).execute()
      await expect(get(id, await reopen())).rejects.toMatchObject({ code: 'SEAL_BROKEN' })
    })
  })

  describe('the ring', () => {
    it('is not made anew while the database holds keys', async () => {
      await fill(1)
      await rm(keyRingPath)
      await expect(reopen()).rejects.toMatchObject({ code: 'KEY_RING_INVALID' })
    })

    it('of another database is refused', async () => {
      await fill(1)
      const mine = `${keyRingPath}.mine`
      await rename(keyRingPath, mine)
      const stranger = join(store.folder, newId(), 'keyring.json')
      await clearAndOpen(stranger)
      await copyFile(stranger, keyRingPath)
      await expect(reopen()).rejects.toMatchObject({ code: 'KEY_UNKNOWN' })
    })

    const clearAndOpen = async (path: string) => {
      const { openKeyRing } = await import('../../src/custody/key-ring.ts')
      await openKeyRing(path, { mayCreate: true, now: clock() })
    }
  })

  it('reads references bound to their origin', async () => {
    const [id = ''] = await addCredentials(store.db, systemId, 1)
    process.env.REVENANT_TEST_CUSTODY = JSON.stringify({ token: MARK })
    await refer(id, 'env:REVENANT_TEST_CUSTODY')
    expect(await get(id)).toEqual({ token: MARK })
    await expect(get(id, custody, 'https://elsewhere')).rejects.toMatchObject({ code: 'ORIGIN_CHANGED' })
    await custody.rebind(systemId, 'https://elsewhere')
    expect(await get(id, custody, 'https://elsewhere')).toEqual({ token: MARK })
    delete process.env.REVENANT_TEST_CUSTODY
    await expect(get(id, custody, 'https://elsewhere')).rejects.toMatchObject({ code: 'SECRET_UNAVAILABLE' })
  })

  it('takes no reference that was written past it, moved to another row or pointed elsewhere', async () => {
    const [id = '', other = ''] = await addCredentials(store.db, systemId, 2)
    process.env.REVENANT_TEST_CUSTODY = JSON.stringify({ token: MARK })
    process.env.REVENANT_TEST_OTHER = JSON.stringify({ token: 'not yours' })
    await refer(id, 'env:REVENANT_TEST_CUSTODY')
    const mine = await findSecret(store.db, id)
    if (mine === undefined) throw new Error('no such secret')
    const forged = [
      { ...mine, reference: 'env:REVENANT_TEST_OTHER' },
      { ...mine, reference_mac: null },
      { ...mine, reference_mac: new Uint8Array(32) },
      { ...mine, origin: 'https://elsewhere' },
    ]
    for (const row of forged) {
      await keep(store.db, row)
      await expect(get(id, custody, row.origin), JSON.stringify(row)).rejects.toMatchObject({ code: 'SEAL_BROKEN' })
    }
    await keep(store.db, { ...mine, credential_id: other })
    await expect(get(other)).rejects.toMatchObject({ code: 'SEAL_BROKEN' })
    // A forged one is not bound to a new origin either.
    await keep(store.db, { ...mine, reference: 'env:REVENANT_TEST_OTHER' })
    expect((await custody.rebind(systemId, 'https://elsewhere')).broken).toEqual(expect.arrayContaining([id, other]))
    delete process.env.REVENANT_TEST_CUSTODY
    delete process.env.REVENANT_TEST_OTHER
  })

  it('notices that a reference holds another secret than before, until somebody takes it for the new one', async () => {
    const [id = ''] = await addCredentials(store.db, systemId, 1)
    process.env.REVENANT_TEST_CUSTODY = JSON.stringify({ token: MARK })
    await refer(id, 'env:REVENANT_TEST_CUSTODY')
    expect(await get(id)).toEqual({ token: MARK })
    expect((await findSecret(store.db, id))?.pinned).toMatch(/^hmac-sha256:/)
    process.env.REVENANT_TEST_CUSTODY = JSON.stringify({ token: 'rotated in place' })
    await expect(get(id)).rejects.toMatchObject({ code: 'SECRET_CHANGED' })
    await expect(get(id, await reopen())).rejects.toMatchObject({ code: 'SECRET_CHANGED' })
    process.env.REVENANT_TEST_CUSTODY = JSON.stringify({ token: MARK })
    expect(await get(id)).toEqual({ token: MARK })
    process.env.REVENANT_TEST_CUSTODY = JSON.stringify({ token: 'rotated in place' })
    expect(await unpinReference(store.db, id)).toBe(true)
    expect(await get(id)).toEqual({ token: 'rotated in place' })
    delete process.env.REVENANT_TEST_CUSTODY
  })

  it('shreds', async () => {
    const [id = '', other = ''] = await fill(2)
    expect(await custody.shred(id)).toBe(true)
    expect(await custody.shred(id)).toBe(false)
    expect(await custody.shred(newId())).toBe(false)
    expect(await findSecret(store.db, id)).toMatchObject({ sealed: null, data_key_id: null, reference: null })
    await expect(get(id)).rejects.toMatchObject({ code: 'SECRET_UNAVAILABLE' })
    await expectAll([other])
  })

  describe('rotation', () => {
    it('seals everything anew, under a new data key and a new key of the ring', async () => {
      const ids = await fill(450)
      const stale = await reopen()
      await expectAll(ids.slice(0, 2), stale)
      const old = await store.db.selectFrom('secret').select(['credential_id', 'sealed']).execute()
      const oldKeys = await dataKeysOf()
      const seen: [number, number][] = []
      const before = custody.fingerprint('s', { token: MARK })
      const report = await custody.rotate({ progress: (done, total) => seen.push([done, total]) })
      expect(report).toEqual({ resealed: 450, broken: [] })
      expect(seen).toEqual([
        [200, 450],
        [400, 450],
        [450, 450],
      ])
      expect(custody.fingerprint('s', { token: MARK })).toBe(before)
      await expectAll(ids)
      await expectAll(ids.slice(0, 20), stale)
      await expectAll(ids.slice(0, 20), await reopen())
      const keys = await dataKeysOf()
      expect(keys.size).toBe(1)
      expect(keys.isDisjointFrom(oldKeys)).toBe(true)
      const { ring } = await custody.describe()
      expect(ring.map((key) => [key.active, key.dataKeys])).toEqual([
        [false, 0],
        [true, 2],
      ])
      const now = await store.db.selectFrom('secret').select(['credential_id', 'sealed']).execute()
      const bytes = new Set(now.map((row) => Buffer.from(row.sealed ?? []).toString('hex')))
      expect(old.filter((row) => bytes.has(Buffer.from(row.sealed ?? []).toString('hex')))).toEqual([])
    })

    it('forgets old keys of the ring only when told to, and old data keys an hour later', async () => {
      const ids = await fill(2)
      await custody.rotate()
      const later = await openCustody({ db: store.db, keyRingPath, clock: () => clock().add({ hours: 2 }) })
      const report = await later.rotate({ dropOld: true })
      expect(report.broken).toEqual([])
      const { ring, data } = await later.describe()
      expect(ring).toHaveLength(1)
      expect(data.map((key) => [key.retiredAt === null, key.secrets])).toEqual([
        [false, 0],
        [true, 2],
      ])
      await expectAll(ids, later)
      await expectAll(ids, await reopen())
    })

    it('loses nothing that others write meanwhile', async () => {
      const ids = await fill(300)
      const others = await Promise.all([reopen(), reopen()])
      const extra = await addCredentials(store.db, systemId, 40)
      const latest = new Map(ids.map((id) => [id, `${MARK}-${id}`]))
      let rotating = true
      let writes = 0
      const write = async (by: Custody, offset: number) => {
        for (let turn = 0; rotating; turn++) {
          const id = turn % 4 === 0 ? extra[(turn * 2 + offset) % extra.length] : ids[(turn * 14 + offset) % ids.length]
          if (id === undefined) throw new Error('no id')
          // Each writer has its own half, so that the last value written is known.
          const token = `turn-${turn}-${offset}`
          await put(id, token, by)
          latest.set(id, token)
          writes++
          await sleep(1)
        }
      }
      const writers = [write(others[0] ?? custody, 0), write(others[1] ?? custody, 1)]
      // PGlite has one connection: its writers come in between a rotation's pages only.
      while (writes < 30) await custody.rotate()
      rotating = false
      await Promise.all(writers)
      const fresh = await reopen()
      for (const [id, token] of latest) expect(await get(id, fresh)).toEqual({ token })
      await custody.finishRotation()
      for (const [id, token] of latest) expect(await get(id, fresh)).toEqual({ token })
      expect(
        (await custody.describe()).data.filter((key) => key.retiredAt !== null).reduce((sum, key) => sum + key.secrets, 0),
      ).toBe(0)
    })

    it('may run twice at the same time', async () => {
      const ids = await fill(250)
      const other = await reopen()
      await Promise.all([custody.rotate(), other.rotate()])
      await custody.finishRotation()
      const fresh = await reopen()
      await expectAll(ids, fresh)
      const { ring, data } = await fresh.describe()
      expect(ring).toHaveLength(3)
      expect(data.filter((key) => key.retiredAt === null)).toHaveLength(1)
      expect(data.find((key) => key.retiredAt === null)?.secrets).toBe(250)
    })

    it('leaves what somebody else changed to him', async () => {
      const [id = ''] = await fill(1)
      const before = await findSecret(store.db, id)
      if (before === undefined) throw new Error('no secret')
      await put(id, 'newer')
      const { sealed, dataKeyId } = await custody.seal({ credentialId: id, systemId, origin: ORIGIN }, { token: 'stale' })
      expect(
        await replaceSeal(store.db, before, { origin: ORIGIN, sealed, data_key_id: dataKeyId, reference_mac: null }, clock()),
      ).toBe(false)
      expect(await get(id)).toEqual({ token: 'newer' })
    })

    it('passes over a secret that does not open, names it, and keeps the old keys for it', async () => {
      const [id = '', ...rest] = await fill(5)
      const row = await findSecret(store.db, id)
      if (row?.sealed == null) throw new Error('not sealed')
      const damaged = Uint8Array.from(row.sealed)
      damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1
      await keep(store.db, { ...row, sealed: damaged })
      expect(await custody.rotate({ dropOld: true })).toEqual({ resealed: 4, broken: [id] })
      expect((await custody.describe()).ring).toHaveLength(2)
      await keep(store.db, row)
      await expectAll([id, ...rest])
    })

    it('that died half-way is ended by the next', async () => {
      const ids = await fill(450)
      const killed = custody.rotate({
        progress: () => {
          throw new Error('killed')
        },
      })
      await expect(killed).rejects.toThrow('killed')
      const fresh = await reopen()
      await expectAll(ids, fresh)
      expect((await dataKeysOf()).size).toBe(2)
      expect(await fresh.finishRotation()).toEqual({ resealed: 250, broken: [] })
      await expectAll(ids, fresh)
      expect((await dataKeysOf()).size).toBe(1)
      expect(await fresh.finishRotation()).toEqual({ resealed: 0, broken: [] })
    })

    it('whose database failed after the ring was written harms nothing', async () => {
      const ids = await fill(3)
      const { addRingKey } = await import('../../src/custody/key-ring.ts')
      await addRingKey(keyRingPath, clock())
      const fresh = await reopen()
      await expectAll(ids, fresh)
      const [extra = ''] = await addCredentials(store.db, systemId, 1)
      await put(extra, `${MARK}-${extra}`, fresh)
      await fresh.rotate()
      await expectAll([...ids, extra], await reopen())
    })
  })

  describe('rebinding', () => {
    const MOVED = 'https://api.example.net'

    it('binds a system to its new origin, and no other system', async () => {
      const ids = await fill(210)
      const elsewhere = await addSystem(store.db, 'elsewhere', ORIGIN)
      const [stays = ''] = await addCredentials(store.db, elsewhere, 1)
      const sealed = await custody.seal({ credentialId: stays, systemId: elsewhere, origin: ORIGIN }, { token: 'stays' })
      await keep(store.db, {
        credential_id: stays,
        system_id: elsewhere,
        origin: ORIGIN,
        sealed: sealed.sealed,
        data_key_id: sealed.dataKeyId,
      })
      await custody.shred(ids[0] ?? '')
      expect(await custody.rebind(systemId, MOVED)).toEqual({ resealed: 210, broken: [] })
      await expectAll(ids.slice(1), custody, MOVED)
      for (const id of ids.slice(0, 3)) await expect(get(id, custody, ORIGIN)).rejects.toMatchObject({ code: 'ORIGIN_CHANGED' })
      expect(await get(stays)).toEqual({ token: 'stays' })
      expect(await custody.rebind(systemId, MOVED)).toEqual({ resealed: 0, broken: [] })
    })

    it('can be repeated after it died half-way', async () => {
      const ids = await fill(250)
      const killed = custody.rebind(systemId, MOVED, () => {
        throw new Error('killed')
      })
      await expect(killed).rejects.toThrow('killed')
      await expectAll(ids.slice(0, 200), custody, MOVED)
      await expectAll(ids.slice(200), custody, ORIGIN)
      expect(await custody.rebind(systemId, MOVED)).toEqual({ resealed: 50, broken: [] })
      await expectAll(ids, custody, MOVED)
    })

    it('does not make a secret open that was moved by hand', async () => {
      const [id = ''] = await fill(1)
      const row = await findSecret(store.db, id)
      if (row === undefined) throw new Error('no secret')
      await keep(store.db, { ...row, origin: 'https://evil.example.com' })
      expect(await custody.rebind(systemId, MOVED)).toEqual({ resealed: 0, broken: [id] })
    })
  })

  it('shows a marked secret nowhere but in the sealed column', async () => {
    const [id = ''] = await fill(1)
    const errors = await Promise.all([
      get(id, custody, 'https://x').catch((error: unknown) => error),
      custody.seal({ credentialId: id, systemId, origin: ORIGIN }, { [MARK]: 1 }).catch((error: unknown) => error),
      custody.seal({ credentialId: id, systemId, origin: ORIGIN }, { a: '', b: MARK }).catch((error: unknown) => error),
    ])
    const row = await findSecret(store.db, id)
    const opened = await custody.open(
      {
        credentialId: id,
        systemId,
        origin: ORIGIN,
        sealed: row?.sealed ?? null,
        reference: null,
        referenceMac: null,
        pinned: null,
      },
      ORIGIN,
    )
    const shown = [
      ...errors.map((error) => inspect(error, { depth: 9, showHidden: true })),
      inspect(custody, { depth: 9, showHidden: true }),
      inspect(opened, { depth: 9, showHidden: true }),
      JSON.stringify([opened, custody.fingerprint('s', { token: MARK }), await custody.describe()]),
      ...(await tableTexts()),
    ]
    for (const text of shown) expect(text).not.toContain(MARK)
    const { fingerprintKey } = z.object({ fingerprintKey: z.string() }).parse(JSON.parse(await readFile(keyRingPath, 'utf8')))
    for (const text of shown) expect(text).not.toContain(fingerprintKey)
  })

  const tableTexts = async () => {
    const tables = ['secret', 'credential', 'system', 'identity', 'data_key'] as const
    const rows = await Promise.all(tables.map((table) => store.db.selectFrom(table).selectAll().execute()))
    return rows.flat().map((row) =>
      Object.values(row)
        .map((value) => (value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value)))
        .join(' '),
    )
  }

  // Only a server outlives the process that writes to it; what PGlite makes of a kill is the store's to test.
  it.skipIf(name === 'PGlite')(
    'survives being killed at any moment of a rotation',
    async () => {
      if (store.url === undefined) throw new Error('this store has no address')
      const ids = await fill(400)
      let cut = 0
      for (const delay of [0, 20, 40, 60, 80, 120, 160, 240]) {
        if (await killedRotation(store.url, keyRingPath, delay)) cut++
        await expectAll(ids, await reopen())
      }
      expect(cut).toBeGreaterThan(3)
      const fresh = await reopen()
      await fresh.finishRotation()
      await expectAll(ids, fresh)
      expect((await dataKeysOf()).size).toBe(1)
    },
    60_000,
  )
})

/** Rotates in a process of its own, killed so many milliseconds after it began. True: it was still at it. */
async function killedRotation(url: string, keyRingPath: string, delayMs: number): Promise<boolean> {
  const script = `
    import { openStore } from ${JSON.stringify(new URL('../../src/store/open-store.ts', import.meta.url).href)}
    import { openCustody } from ${JSON.stringify(new URL('../../src/custody/custody.ts', import.meta.url).href)}
    const store = await openStore({ url: process.argv[1], poolSize: 2, applicationName: 'rotation' })
    const custody = await openCustody({ db: store.db, keyRingPath: process.argv[2], clock: () => Temporal.Now.instant() })
    process.stdout.write('begin')
    await custody.rotate()
    await store.close()
  `
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, url, keyRingPath], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  await once(child.stdout, 'data')
  await sleep(delayMs)
  child.kill('SIGKILL')
  const [, signal] = await ended
  return signal === 'SIGKILL'
}
