import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { armor, Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addRingKey, dropRingKeys, type KeyRing, openKeyRing, readKeyRing } from '../../src/custody/key-ring.ts'
import { ageOfFile, ageOfText, LARGEST_TEXT, openSubmissions, type Submissions } from '../../src/custody/submissions.ts'

const MARK = 'MARK-hunter2-in-an-age-file'
const NOW = Temporal.Instant.from('2026-11-22T12:00:00Z')

async function encrypt(text: string, ...recipients: string[]): Promise<Uint8Array> {
  const encrypter = new Encrypter()
  for (const recipient of recipients) encrypter.addRecipient(recipient)
  return encrypter.encrypt(text)
}

describe('submissions', () => {
  let folder: string
  let path: string
  let ring: KeyRing
  let submissions: Submissions
  let recipient: string
  let stranger: string
  let refreshed: KeyRing | undefined
  const open = () =>
    openSubmissions({
      ring: () => ring,
      // As the data keys do: whoever asks for the newest one reads a ring that another process has rotated.
      newest: async () => {
        ring = refreshed ?? ring
        return ring.active
      },
    })
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'revenant-age-'))
    path = join(folder, 'keyring.json')
    ring = await openKeyRing(path, { mayCreate: true, now: NOW })
    submissions = open()
    recipient = await submissions.recipient()
    stranger = await identityToRecipient(await generateX25519Identity())
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const opened = async (file: Uint8Array) => Buffer.from(await submissions.open(file)).toString()
  const refusal = async (file: Promise<Uint8Array> | Uint8Array) => {
    const error: unknown = await Promise.resolve(file)
      .then((bytes) => submissions.open(bytes))
      .catch((thrown: unknown) => thrown)
    if (!(error instanceof Error) || !('code' in error)) throw new Error('it was opened')
    expect(error.message).not.toContain('hunter2')
    return `${error.code}: ${error.message}`
  }

  it('the recipient comes from the ring alone, and says the same to everybody who has it', async () => {
    expect(recipient).toMatch(/^age1[a-z0-9]{58}$/)
    ring = await readKeyRing(path)
    expect(await open().recipient()).toBe(recipient)
  })

  it('opens what was encrypted to it, armoured or in base64, with other recipients beside it', async () => {
    const file = await encrypt(MARK, recipient)
    expect(await opened(file)).toBe(MARK)
    const armoured = armor.encode(file)
    for (const text of [armoured, `\n ${armoured}\n`, armoured.replaceAll('\n', '\r\n'), Buffer.from(file).toString('base64')])
      expect(await opened(await ageOfText(text))).toBe(MARK)
    expect(await opened(await ageOfFile(Buffer.from(armoured)))).toBe(MARK)
    expect(await opened(await ageOfFile(file))).toBe(MARK)
    expect(await opened(await encrypt(MARK, stranger, recipient))).toBe(MARK)
    const large = 'x'.repeat(200_000)
    expect(await opened(await encrypt(large, recipient))).toBe(large)
  })

  it('tells what was encrypted to somebody else from what is broken, and quotes neither', async () => {
    expect(await refusal(encrypt(MARK, stranger))).toMatch(/^SECRET_INVALID: .* not encrypted to this daemon/)
    const file = await encrypt(MARK, recipient)
    for (let length = 1; length < file.length; length += 7)
      expect(await refusal(file.slice(0, length))).toMatch(/^SECRET_INVALID: .*(no age file|cut short)/)
    for (let at = 0; at < file.length; at += 5) {
      const changed = Buffer.from(file)
      changed[at] = (changed[at] ?? 0) ^ 1
      expect(await refusal(changed)).toMatch(/^SECRET_INVALID: /)
    }
    expect(await refusal(Buffer.concat([file, Buffer.from('more')]))).toMatch(/^SECRET_INVALID: /)
    expect(await refusal(Buffer.from(MARK))).toMatch(/no age file/)
    expect(await refusal(new Uint8Array())).toMatch(/no age file/)
    const passphrase = new Encrypter()
    passphrase.setScryptWorkFactor(2)
    passphrase.setPassphrase('hunter2')
    expect(await refusal(passphrase.encrypt(MARK))).toMatch(/not encrypted to this daemon/)
    const many = await encrypt(MARK, ...Array.from({ length: 65 }, () => stranger))
    expect(await refusal(many)).toMatch(/more than 64 recipients/)
  })

  it.each([
    ['no armour, no base64', `{"token": "${MARK}"}`],
    ['an armour without its end', armor.encode(Buffer.from(MARK)).slice(0, 60)],
    ['an armour of something else', armor.encode(Buffer.from(MARK)).replaceAll('AGE ENCRYPTED FILE', 'PGP MESSAGE')],
    ['longer than may be', 'A'.repeat(LARGEST_TEXT + 1)],
  ])('refuses a text that is %s', async (_name, text) => {
    const error = await ageOfText(text).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'SECRET_INVALID' })
    expect(String(error)).not.toContain('hunter2')
  })

  it('after a rotation there is another recipient, and what was encrypted to the one before still opens, until it is dropped', async () => {
    const before = await encrypt(MARK, recipient)
    // Another process rotates: this one finds out when it is asked for what it does not know.
    refreshed = await addRingKey(path, NOW)
    const other = refreshed
    const next = await openSubmissions({ ring: () => other, newest: async () => other.active }).recipient()
    expect(next).not.toBe(recipient)
    expect(await opened(await encrypt(MARK, next))).toBe(MARK)
    expect(await submissions.recipient()).toBe(next)
    expect(await opened(before)).toBe(MARK)
    refreshed = await dropRingKeys(path, [])
    ring = refreshed
    expect(await refusal(before)).toMatch(/drop-old/)
  })
})
