import { createSecretKey, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bindingOf, type Place } from '../../src/custody/binding.ts'
import { fingerprint } from '../../src/custody/fingerprint.ts'
import { type DataKey, dataKeyIdOf, openSealed, sealSecret } from '../../src/custody/seal.ts'
import { parseSecretValue } from '../../src/custody/secret-value.ts'
import { RevenantError } from '../../src/domain/error.ts'
import { newId } from '../../src/domain/id.ts'

const key = (): DataKey => ({ id: newId(), key: createSecretKey(randomBytes(32)) })
const place = (): Place => ({ credentialId: newId(), systemId: newId(), origin: 'https://api.example.com' })

const field = fc.string({ minLength: 1, unit: 'binary' })
const values = fc.dictionary(field, field, { minKeys: 1, maxKeys: 5 })
const places = fc.record({ credentialId: fc.uuid(), systemId: fc.uuid(), origin: fc.string({ unit: 'grapheme' }) })

function codeOf(run: () => unknown): string {
  try {
    run()
    return 'opened'
  } catch (error) {
    return error instanceof RevenantError ? error.code : 'another error'
  }
}

describe('sealing', () => {
  it('opens to what was sealed, for any secret and any place', () => {
    fc.assert(
      fc.property(values, places, (value, at) => {
        const dataKey = key()
        const sealed = sealSecret(dataKey, at, value)
        expect(openSealed(dataKey, at, sealed)).toEqual(value)
        expect(dataKeyIdOf(at, sealed)).toBe(dataKey.id)
      }),
    )
  })

  it('never makes the same bytes twice and holds nothing readable', () => {
    const [dataKey, at] = [key(), place()]
    const all = Array.from({ length: 100 }, () => Buffer.from(sealSecret(dataKey, at, { token: 'hunter2-mark' })))
    expect(new Set(all.map((sealed) => sealed.toString('hex'))).size).toBe(100)
    expect(new Set(all.map((sealed) => sealed.subarray(17, 29).toString('hex'))).size).toBe(100)
    for (const sealed of all) expect(sealed.toString('latin1')).not.toMatch(/hunter2|token/)
  })

  const at = place()
  const other = place()
  const MATRIX: [string, Place][] = [
    ['another credential', { ...at, credentialId: other.credentialId }],
    ['another system', { ...at, systemId: other.systemId }],
    ['another origin', { ...at, origin: 'https://api.example.com:8443' }],
    ['an origin with more behind it', { ...at, origin: `${at.origin} ` }],
    ['no origin', { ...at, origin: '' }],
    ['the ids exchanged', { ...at, credentialId: at.systemId, systemId: at.credentialId }],
    [
      'bytes moved from one field to the next',
      { ...at, systemId: at.systemId.slice(0, -1), origin: at.systemId.slice(-1) + at.origin },
    ],
  ]
  it.each(MATRIX)('does not open for %s', (_name, wrong) => {
    const dataKey = key()
    const sealed = sealSecret(dataKey, at, { token: 'hunter2-mark' })
    expect(codeOf(() => openSealed(dataKey, wrong, sealed))).toBe('SEAL_BROKEN')
    expect(openSealed(dataKey, at, sealed)).toEqual({ token: 'hunter2-mark' })
  })

  it('does not open with another key, or another key id', () => {
    const dataKey = key()
    const sealed = sealSecret(dataKey, at, { token: 'x' })
    expect(codeOf(() => openSealed({ ...key(), id: dataKey.id }, at, sealed))).toBe('SEAL_BROKEN')
  })

  it('does not open after any change of any byte, or when cut or lengthened anywhere', () => {
    const dataKey = key()
    const sealed = Buffer.from(sealSecret(dataKey, at, { token: 'hunter2' }))
    for (let index = 0; index < sealed.length; index++) {
      for (const bit of [1, 128]) {
        const changed = Buffer.from(sealed)
        changed.writeUInt8(changed.readUInt8(index) ^ bit, index)
        expect(
          codeOf(() => openSealed(dataKey, at, changed)),
          `byte ${index}`,
        ).toBe('SEAL_BROKEN')
      }
      expect(
        codeOf(() => openSealed(dataKey, at, sealed.subarray(0, index))),
        `cut at ${index}`,
      ).toBe('SEAL_BROKEN')
    }
    expect(codeOf(() => openSealed(dataKey, at, Buffer.concat([sealed, Buffer.of(0)])))).toBe('SEAL_BROKEN')
  })

  it.each([new Uint8Array(0), new Uint8Array(44), new Uint8Array(60), Uint8Array.from({ length: 60 }, () => 255)])(
    'knows bytes that are none of its own: %#',
    (bytes) => {
      expect(codeOf(() => dataKeyIdOf(at, bytes))).toBe('SEAL_BROKEN')
    },
  )

  it('opens bytes that lie inside a larger buffer, as drivers hand them out', () => {
    const dataKey = key()
    const sealed = sealSecret(dataKey, at, { token: 'x' })
    const larger = new Uint8Array(sealed.length + 20)
    larger.set(sealed, 7)
    expect(openSealed(dataKey, at, larger.subarray(7, 7 + sealed.length))).toEqual({ token: 'x' })
    expect(dataKeyIdOf(at, larger.subarray(7, 7 + sealed.length))).toBe(dataKey.id)
  })
})

describe('binding', () => {
  it('encodes different lists of fields differently', () => {
    const lists = fc.array(fc.string({ maxLength: 4 }), { maxLength: 4 })
    fc.assert(
      fc.property(lists, lists, (a, b) => {
        const same = JSON.stringify(a) === JSON.stringify(b)
        expect(bindingOf('x', ...a).equals(bindingOf('x', ...b))).toBe(same)
      }),
      { numRuns: 2_000 },
    )
  })

  it('is what it says: length, bytes, length, bytes', () => {
    expect(bindingOf('a', '', 'é').toString('hex')).toBe('0000000161' + '00000000' + '00000002c3a9')
  })
})

describe('secret values', () => {
  it.each([
    [{}, 'SECRET_EMPTY'],
    [{ password: '' }, 'SECRET_EMPTY'],
    [{ user: 'u', password: '' }, 'SECRET_EMPTY'],
    ['hunter2', 'SECRET_INVALID'],
    [['hunter2'], 'SECRET_INVALID'],
    [null, 'SECRET_INVALID'],
    [undefined, 'SECRET_INVALID'],
    [{ password: 1 }, 'SECRET_INVALID'],
    [{ password: null }, 'SECRET_INVALID'],
    [{ password: { hunter2: 'x' } }, 'SECRET_INVALID'],
    [{ 'password:hunter2': 1 }, 'SECRET_INVALID'],
  ])('%j: %s, and no value in the message', (value, code) => {
    expect(codeOf(() => parseSecretValue(value))).toBe(code)
    expect(() => parseSecretValue(value)).not.toThrow(/hunter2/)
    expect(() => parseSecretValue(value)).toThrow()
  })
  it('keeps spaces and control characters as they are', () => {
    expect(parseSecretValue({ password: ' \t\u0000 ' })).toEqual({ password: ' \t\u0000 ' })
  })
})

describe('fingerprints', () => {
  const ring = createSecretKey(Buffer.alloc(32, 7))

  it('do not depend on the order of fields, and depend on all else', () => {
    fc.assert(
      fc.property(values, (value) => {
        const turned = Object.fromEntries(Object.entries(value).toReversed())
        expect(fingerprint(ring, 's', turned)).toBe(fingerprint(ring, 's', value))
        expect(fingerprint(ring, 't', value)).not.toBe(fingerprint(ring, 's', value))
        expect(fingerprint(createSecretKey(Buffer.alloc(32, 8)), 's', value)).not.toBe(fingerprint(ring, 's', value))
        expect(fingerprint(ring, 's', { ...value, more: 'x' })).not.toBe(fingerprint(ring, 's', { ...value, more: 'y' }))
      }),
    )
  })

  it('stay what they are', () => {
    expect(fingerprint(ring, 'payroll', { username: 'bob', password: 'hunter2' })).toMatch(/^hmac-sha256:[0-9a-f]{16}$/)
    expect(fingerprint(ring, 'payroll', { username: 'bob', password: 'hunter2' })).toMatchInlineSnapshot(
      `"hmac-sha256:e968e5c283d7ffbb"`,
    )
  })
})
