import { randomBytes } from 'node:crypto'
import { chmod, cp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { checkKeys } from '../../src/custody/check-keys.ts'
import { type Custody, openCustody } from '../../src/custody/custody.ts'
import { addLedgerKey, readKeyRing } from '../../src/custody/key-ring.ts'
import { openManagers } from '../../src/custody/managers/open.ts'
import { readReference } from '../../src/custody/references.ts'
import { NO_WRAPS, openRingWraps } from '../../src/custody/ring-wrap.ts'
import { openSigners } from '../../src/evidence/signers.ts'
import { addCredentials, addSystem, clear, keep, STORES, type TestStore } from './stores.ts'

const embedded = STORES.find(([name]) => name === 'PGlite')
const ORIGIN = 'https://api.example.com'
const clock = () => Temporal.Now.instant()

describe('what the keys open', () => {
  let test: TestStore
  let path = ''
  let custody: Custody
  let payroll: { system: string; ids: string[] }
  let github: { system: string; ids: string[] }

  beforeAll(async () => {
    if (embedded === undefined) throw new Error('there is no embedded database')
    test = await embedded[1]()
  })
  afterAll(() => test.close())
  beforeEach(async () => {
    await clear(test.db)
    path = join(test.folder, `ring-${randomBytes(4).toString('hex')}.json`)
    custody = await openCustody({ db: test.db, keyRingPath: path, clock })
    const at = async (name: string, count: number) => {
      const system = await addSystem(test.db, name, ORIGIN)
      return { system, ids: await addCredentials(test.db, system, count) }
    }
    payroll = await at('payroll', 3)
    github = await at('github', 2)
    for (const { system, ids } of [payroll, github])
      for (const id of ids) {
        const place = { credentialId: id, systemId: system, origin: ORIGIN }
        const { sealed, dataKeyId } = await custody.seal(place, { token: `token of ${id}` })
        await keep(test.db, { credential_id: id, system_id: system, origin: ORIGIN, sealed, data_key_id: dataKeyId })
      }
  })
  const check = () => checkKeys({ db: test.db, keyRingPath: path, wraps: NO_WRAPS })

  it('is everything, as long as nothing is lost', async () => {
    expect(await check()).toMatchObject({
      ring: { state: 'open', fault: null, wrappedWith: null, keys: [{ active: true }] },
      dataKeys: [{ state: 'open' }],
      secrets: { held: 5, open: 5, lost: 0 },
      systems: [],
      lost: [],
    })
  })

  it('is nothing without the ring, and the report says of whom', async () => {
    await rm(path)
    const report = await check()
    expect(report).toMatchObject({
      ring: { state: 'missing', keys: [] },
      secrets: { held: 5, open: 0, lost: 5 },
      systems: [
        { system: 'payroll', lost: 3 },
        { system: 'github', lost: 2 },
      ],
    })
    expect(report.lost.map(({ credentialId }) => credentialId).toSorted()).toEqual([...payroll.ids, ...github.ids].toSorted())
    expect(new Set(report.lost.map(({ reason }) => reason))).toEqual(new Set(['ring_closed']))
  })

  it('names the keys of a wrapped ring that does not open', async () => {
    const phrase = join(test.folder, 'phrase')
    await writeFile(phrase, 'the right passphrase of the ring')
    const wraps = openRingWraps(
      { wrap: { by: 'passphrase', passphrase: `file:${phrase}` }, previous: [] },
      openManagers([]),
      readReference,
    )
    const wrapped = await openCustody({ db: test.db, keyRingPath: path, clock, wraps: () => wraps })
    await wrapped.rewrap({ unwrap: false })
    expect(await checkKeys({ db: test.db, keyRingPath: path, wraps })).toMatchObject({
      ring: { state: 'open', wrappedWith: 'a passphrase' },
      secrets: { lost: 0 },
    })
    await chmod(path, 0o640)
    expect((await checkKeys({ db: test.db, keyRingPath: path, wraps })).ring).toMatchObject({
      ...{ state: 'closed', tooOpen: '0640', wrappedWith: 'a passphrase', keys: [{ active: true }] },
      fault: expect.stringContaining('mode 0640'),
    })
    await chmod(path, 0o600)
    await writeFile(phrase, 'a wrong passphrase of the ring')
    const report = await checkKeys({ db: test.db, keyRingPath: path, wraps })
    const [key] = (await custody.describe()).ring
    expect(report).toMatchObject({
      ring: { state: 'closed', wrappedWith: 'a passphrase', keys: [{ id: key?.id, active: true }] },
      secrets: { held: 5, lost: 5 },
    })
    expect(report.ring.fault).toContain('the passphrase is not the one')
    await expect(openCustody({ db: test.db, keyRingPath: path, clock, wraps: () => wraps })).rejects.toMatchObject({
      code: 'KEY_RING_INVALID',
      message: expect.stringContaining('revenant keys check'),
    })
  })

  it('is what an older ring still wraps, after a rotation that it does not know', async () => {
    const older = `${path}.older`
    await cp(path, older)
    await custody.rotate()
    await cp(older, path)
    const report = await check()
    expect(report.secrets).toEqual({ held: 5, open: 0, lost: 5 })
    expect(report.dataKeys.map(({ state }) => state)).toContain('ring_key_missing')
    expect(new Set(report.lost.map(({ reason }) => reason))).toEqual(new Set(['ring_key_missing']))
  })

  it('tells a secret that was changed from one whose key is gone', async () => {
    const [first = '', second = '', third = ''] = payroll.ids
    const bound = { credentialId: third, systemId: payroll.system, origin: ORIGIN }
    const mac = custody.sealReference(bound, 'env:OF_THIRD')
    const row = { system_id: payroll.system, origin: ORIGIN }
    await test.db
      .updateTable('secret')
      .set({ sealed: randomBytes(80) })
      .where('credential_id', '=', first)
      .execute()
    await keep(test.db, { ...row, credential_id: second, reference: 'env:OF_SECOND', reference_mac: mac })
    await keep(test.db, { ...row, credential_id: third, reference: 'env:OF_THIRD', reference_mac: mac })
    const report = await check()
    expect(report.lost.map(({ credentialId, kept, reason }) => [credentialId, kept, reason])).toEqual([
      [first, 'sealed', 'seal_broken'],
      [second, 'reference', 'seal_broken'],
    ])
    expect(report.systems).toEqual([{ system: 'payroll', lost: 2 }])
  })

  it('tells whether the ring goes on with the ledger, as the signers do', async () => {
    const readKeys = async () => (await readKeyRing(path)).ledgerKeys.map(({ key }) => key)
    const signs = () => {
      const options = { db: test.db, origin: undefined, instance: 'test', readKeys, makeKey: readKeys, now: clock }
      return openSigners(options).then(
        () => true,
        () => false,
      )
    }
    const expectSigning = async (state: string, signing: boolean) => {
      expect([state, (await check()).ledgerKeysMissing]).toEqual([state, !signing])
      // After the check: they take up a key that the log does not know.
      expect([state, await signs()]).toEqual([state, signing])
      expect([state, (await check()).ledgerKeysMissing]).toEqual([state, !signing])
    }
    const [none, first] = [`${path}.none`, `${path}.first`]
    await cp(path, none)
    expect((await check()).ledgerKeysMissing).toBe(false)
    await addLedgerKey(path, clock())
    await cp(path, first)
    await expectSigning('the first key', true)
    await addLedgerKey(path, clock())
    await expectSigning('a rotation that was cut short', true)
    await cp(first, path)
    await expectSigning('a ring from before the rotation', false)
    await cp(none, path)
    await expectSigning('a ring from before any', false)
    await addLedgerKey(path, clock())
    await expectSigning('a ring with a key of its own', false)
    await rm(path)
    expect((await check()).ledgerKeysMissing).toBe(true)
  })

  it('rotates while it is wrapped, and everything opens', async () => {
    const phrase = join(test.folder, 'phrase-2')
    await writeFile(phrase, 'the right passphrase of the ring')
    const wrap = { by: 'passphrase' as const, passphrase: `file:${phrase}` }
    const wraps = openRingWraps({ wrap, previous: [] }, openManagers([]), readReference)
    const wrapped = await openCustody({ db: test.db, keyRingPath: path, clock, wraps: () => wraps })
    await wrapped.rewrap({ unwrap: false })
    expect(await wrapped.rotate({ dropOld: true })).toMatchObject({ resealed: 5, broken: [] })
    expect(await checkKeys({ db: test.db, keyRingPath: path, wraps })).toMatchObject({
      ring: { wrappedWith: 'a passphrase', keys: [{ active: true }] },
      secrets: { held: 5, open: 5 },
    })
  })
})
