import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { armor, Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openBox } from '../../src/custody/box.ts'
import { importCredentials } from '../../src/intake/credentials.ts'
import type { ImportReport } from '../../src/intake/report.ts'
import { LARGEST_SUBMISSION } from '../../src/intake/submission.ts'
import { findSecret } from '../../src/store/secret.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { type House, openHouse } from './house.ts'

const MARK = 'hunter2-handed-over'
const [embedded] = STORES

describe('secrets that are handed over encrypted', () => {
  let opened: TestStore
  let house: House
  let folder: string
  let recipient: string
  let system: string
  beforeAll(async () => {
    if (embedded === undefined) throw new Error('there is an embedded store')
    opened = await embedded.open()
    folder = mkdtempSync(join(tmpdir(), 'revenant-submitted-'))
    house = await openHouse(opened.store)
    recipient = await house.custody.recipient()
    system = house.system('api')
    await house.identities(['external_id', 'anna', 'bob'])
  })
  afterAll(async () => {
    await house.close()
    await opened.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  const encrypt = async (content: unknown, to = recipient) => {
    const encrypter = new Encrypter()
    encrypter.addRecipient(to)
    return encrypter.encrypt(typeof content === 'string' ? content : JSON.stringify(content))
  }
  const armoured = async (content: unknown, to?: string) => armor.encode(await encrypt(content, to))
  const secretAge = { token: MARK }

  /** What the vault of one credential holds. */
  const held = async (label: string) => {
    const row = await opened.store.db
      .selectFrom('credential')
      .select('id')
      .where('label', '=', label)
      .where('system_id', '=', house.systemId('api'))
      .executeTakeFirstOrThrow()
    const secret = await findSecret(opened.store.db, row.id)
    if (secret === undefined) throw new Error('no secret')
    const { origin, sealed, reference, reference_mac: referenceMac, pinned } = secret
    const place = { credentialId: row.id, systemId: secret.system_id, origin }
    return openBox(await house.custody.open({ ...place, sealed, reference, referenceMac, pinned }, origin))
  }
  const clean = (report: ImportReport) => {
    expect(JSON.stringify(report)).not.toContain('hunter2')
    return report.bad.map(({ line, field, code, message }) => `${line} ${field} ${code}: ${message}`)
  }
  const row = (label: string, fields: object) => ({ identity: 'anna', system, label, ...fields })

  it('in JSON Lines and CSV, armoured or in base64, are sealed for their system like any other', async () => {
    const base64 = Buffer.from(await encrypt(secretAge)).toString('base64')
    const report = await house.credentialsJson([
      row('armoured', { secret_age: await armoured(secretAge) }),
      row('base64', { secret_age: base64 }),
      row('plain', { secret: { token: 'in the clear' }, secret_age: null }),
    ])
    expect([report.created, clean(report)]).toEqual([3, []])
    const csv = await house.credentials([
      'identity,system,label,secret_age,secret.token',
      `anna,${system},csv,${base64},`,
      `anna,${system},csv armoured,"${await armoured(secretAge)}",`,
      `anna,${system},csv plain,,in the clear`,
    ])
    expect([csv.created, clean(csv)]).toEqual([3, []])
    for (const label of ['armoured', 'base64', 'csv', 'csv armoured']) expect(await held(label)).toEqual(secretAge)
    // The same secret again, encrypted anew, is the same secret.
    expect(await house.credentialsJson([row('armoured', { secret_age: await armoured(secretAge) })])).toMatchObject({
      unchanged: 1,
    })
    expect(await house.credentialsJson([row('armoured', { secret: secretAge })])).toMatchObject({ unchanged: 1 })
  })

  it('may say whose they are, and then go nowhere else', async () => {
    const bound = await armoured({ system, identity: 'anna', secret: secretAge })
    expect(await house.credentialsJson([row('bound', { secret_age: bound })])).toMatchObject({ created: 1 })
    expect(await held('bound')).toEqual(secretAge)
    const elsewhere = await house.credentialsJson([
      { ...row('taken', { secret_age: bound }), identity: 'bob' },
      { ...row('moved', { secret_age: bound }), system: house.system('database') },
      row('more', { secret_age: await armoured({ system, identity: 'anna', secret: secretAge, hunter2: MARK }) }),
      row('less', { secret_age: await armoured({ identity: 'anna', secret: secretAge }) }),
      row('null', { secret_age: await armoured({ system, identity: 'anna', secret: null }) }),
    ])
    expect(clean(elsewhere)).toEqual([
      '1 secret_age SECRET_INVALID: the submission was made for another system or identity than the row names',
      '2 secret_age SECRET_INVALID: the submission was made for another system or identity than the row names',
      ...[3, 4, 5].map(
        (line) =>
          `${line} secret_age SECRET_INVALID: the submission must hold system, identity and secret, and nothing else beside them`,
      ),
    ])
  })

  it('that cannot be opened, or hold no secret of the system, make bad rows that quote nothing', async () => {
    const stranger = await identityToRecipient(await generateX25519Identity())
    const good = await armoured(secretAge)
    const report = await house.credentialsJson([
      row('a', { secret_age: await armoured(secretAge, stranger) }),
      row('b', { secret_age: good.slice(0, -60) }),
      row('c', {
        secret_age: Buffer.from(await encrypt(secretAge))
          .subarray(0, -3)
          .toString('base64'),
      }),
      row('d', { secret_age: MARK }),
      row('e', { secret_age: { token: MARK } }),
      row('f', { secret_age: good, secret: secretAge }),
      row('g', { secret_age: good, secret_ref: 'env:X' }),
      row('h', { secret_age: await armoured(MARK) }),
      row('i', { secret_age: await armoured([MARK]) }),
      row('j', { secret_age: await armoured({ password: MARK }) }),
      row('k', { secret_age: await armoured({ token: '' }) }),
      row('l', { secret_age: await armoured({ token: 'env:HUNTER2' }) }),
      row('m', { secret_age: 'A'.repeat(300_000) }),
      row('good', { secret_age: good }),
    ])
    expect(report).toMatchObject({ read: 14, created: 1, badTotal: 13 })
    expect(clean(report).map((line) => line.replace(/:.*/s, ''))).toEqual([
      '1 secret_age SECRET_INVALID',
      '2 secret_age SECRET_INVALID',
      '3 secret_age SECRET_INVALID',
      '4 secret_age SECRET_INVALID',
      '5 secret_age undefined',
      '6 secret_age undefined',
      '7 secret_age undefined',
      '8 secret_age SECRET_INVALID',
      '9 secret_age SECRET_INVALID',
      '10 secret SECRET_INVALID',
      '11 secret SECRET_EMPTY',
      '12 secret SECRET_INVALID',
      '13 secret_age SECRET_INVALID',
    ])
  })

  const file = async (name: string, bytes: Uint8Array | string) => {
    writeFileSync(join(folder, name), bytes)
    return importCredentials({ path: join(folder, name) }, house.deps, { dryRun: false })
  }

  it('as a whole file, of either format, whatever its name says', async () => {
    const csv = `identity,system,label,secret.token\nanna,${system},LABEL,${MARK}\n`
    const jsonl = JSON.stringify(row('LABEL', { secret: secretAge }))
    const cases: [string, string, (text: string) => Promise<Uint8Array | string>][] = [
      ['held.csv.age', csv, encrypt],
      ['submission.age', csv, armoured],
      ['held.jsonl.age', jsonl, encrypt],
      ['again.age', `\uFEFF\n${jsonl}`, encrypt],
    ]
    for (const [name, text, wrap] of cases) {
      const report = await file(name, await wrap(text.replace('LABEL', name)))
      expect([name, report.created, clean(report)]).toEqual([name, 1, []])
      expect(await held(name)).toEqual(secretAge)
    }
    const uploaded = { submission: Readable.from([Buffer.from(await encrypt(jsonl))]), name: 'upload' }
    expect(await importCredentials(uploaded, house.deps, { dryRun: true })).toMatchObject({ created: 1 })
  })

  it('as a file that was cut short, imports nothing of it', async () => {
    const rows = Array.from({ length: 3_000 }, (_, n) => JSON.stringify(row(`n${n}`, { secret: { token: `${MARK}-${n}` } })))
    const whole = await encrypt(rows.join('\n'))
    const stranger = await identityToRecipient(await generateX25519Identity())
    const cases: [string, Uint8Array | string, RegExp][] = [
      // The first pieces of it are whole, and would open.
      ['cut.age', whole.slice(0, 200_000), /cut short, or changed/],
      ['head.age', whole.slice(0, 60), /cut short/],
      ['plain.age', rows[0] ?? '', /no age file/],
      ['stranger.age', await encrypt(rows[0] ?? '', stranger), /not encrypted to this daemon/],
      ['large.age', new Uint8Array(LARGEST_SUBMISSION + 1), /split it/],
    ]
    for (const [name, bytes, message] of cases) {
      const error: unknown = await file(name, bytes).catch((thrown: unknown) => thrown)
      expect([name, error]).toEqual([
        name,
        expect.objectContaining({ code: 'INPUT_INVALID', message: expect.stringMatching(message) }),
      ])
      expect(String(error)).not.toContain('hunter2')
    }
    const missing = importCredentials({ path: join(folder, 'none.age') }, house.deps, { dryRun: false })
    await expect(missing).rejects.toMatchObject({ code: 'INPUT_INVALID', message: expect.stringMatching(/no such file/) })
    expect(await opened.store.db.selectFrom('credential').select('id').where('label', 'like', 'n%').execute()).toEqual([])
  })
})
