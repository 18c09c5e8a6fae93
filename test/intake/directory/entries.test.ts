import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isWithin, parseDn } from '../../../src/intake/directory/dn.ts'
import type { DirectoryEntry } from '../../../src/intake/directory/entry.ts'
import { guidBytes, guidText } from '../../../src/intake/directory/guid.ts'
import { fileTime, generalizedTime, shadowDay, toGeneralizedTime } from '../../../src/intake/directory/instants.ts'
import { directoryOptions } from '../../../src/intake/directory/options.ts'
import { keepPosition, keptPosition, scopeOf } from '../../../src/intake/directory/position.ts'
import { rootsOf } from '../../../src/intake/directory/roots.ts'
import { openReader } from '../../../src/intake/directory/said-of.ts'

const RUNS = Number(process.env.REVENANT_FUZZ_RUNS ?? 300)
const NOW = Temporal.Instant.from('2026-11-22T12:00:00Z')

const BARE = {
  ...{ url: 'ldaps://dc1.corp.example', flavour: 'ad', bindDn: 'revenant@corp.example', password: 'env:AD_PASSWORD' },
  bases: ['OU=People,DC=corp,DC=example'],
}

describe('distinguished names', () => {
  it.each([
    ['CN=Anna,OU=People,DC=corp,DC=example', 'cn=anna, ou=PEOPLE , dc=Corp,dc=example'],
    ['CN=Doe\\, Jane,DC=x', 'cn=Doe\\2C Jane,dc=x'],
    ['CN=Doe\\, Jane,DC=x', 'cn="Doe, Jane";dc=X'],
    ['CN=J\\C3\\B6rg,DC=x', 'cn=jörg,dc=x'],
    ['CN=a+UID=b,DC=x', 'uid=B + cn=A,dc=x'],
    ['2.5.4.3=a  b,DC=x', '2.5.4.3=A b,dc=x'],
    ['CN=a\\0ADEL:1,DC=x', 'cn=a\\0adel:1,dc=x'],
  ])('are the same: %s and %s', (a, b) => {
    expect(parseDn(a)).toBeDefined()
    expect(parseDn(a)).toEqual(parseDn(b))
  })

  it.each(['', 'x', 'CN=a,', 'CN=a,,DC=x', '=a', '1a=b', 'CN=a\\'])('are none: %j', (text) => {
    expect(parseDn(text)).toBeUndefined()
  })

  it.each([
    ['cn=a,ou=leavers,dc=x', 'OU=Leavers,DC=X', true],
    ['cn=a,ou=2025,ou=leavers,dc=x', 'ou=leavers,dc=x', true],
    ['ou=leavers,dc=x', 'ou=leavers,dc=x', true],
    ['cn=a\\,ou=leavers,dc=x', 'ou=leavers,dc=x', false],
    ['cn=a,ou=not leavers,dc=x', 'ou=leavers,dc=x', false],
    ['dc=x', 'ou=leavers,dc=x', false],
  ])('%s within %s: %s', (entry, place, expected) => {
    expect(isWithin(parseDn(entry) ?? [], parseDn(place) ?? ['none'])).toBe(expected)
  })

  it('are searched once, whatever lies below another', () => {
    const roots = { bases: ['ou=a,dc=x', 'OU=b,ou=a,dc=x', 'ou=c,dc=x', 'OU=C, dc=x'], leavers: ['ou=l,ou=a,dc=x', 'ou=l,dc=x'] }
    expect(rootsOf(roots)).toEqual(['ou=a,dc=x', 'ou=c,dc=x', 'ou=l,dc=x'])
  })
})

describe('instants of directories', () => {
  it.each([
    [fileTime, '0', undefined],
    [fileTime, '9223372036854775807', undefined],
    [fileTime, '2650467744000000000', undefined],
    [fileTime, '133484544000000000', '2023-12-31T00:00:00Z'],
    [fileTime, '-1', undefined],
    [fileTime, '1e9', undefined],
    [shadowDay, '-1', undefined],
    [shadowDay, '0', undefined],
    [shadowDay, '1', '1970-01-02T00:00:00Z'],
    [shadowDay, '20000', '2024-10-04T00:00:00Z'],
    [shadowDay, '999999999', undefined],
    [generalizedTime, '20261122120000Z', '2026-11-22T12:00:00Z'],
    [generalizedTime, '20261122120000.123456Z', '2026-11-22T12:00:00.123456Z'],
    [generalizedTime, '20261122140000.0+0200', '2026-11-22T12:00:00Z'],
    [generalizedTime, '2026112212Z', '2026-11-22T12:00:00Z'],
    [generalizedTime, '20261122120000', undefined],
    [generalizedTime, '20261322120000Z', undefined],
    [generalizedTime, '000001010000Z', undefined],
    [generalizedTime, 'never', undefined],
  ])('%O of %s', (read, text, expected) => {
    expect(read(text)?.toString()).toBe(expected)
  })

  it('are asked for to the second', () => {
    expect(toGeneralizedTime(Temporal.Instant.from('2026-11-22T12:00:00.999Z'))).toBe('20261122120000Z')
  })
})

it('a GUID is spelt as Windows spells it, and back', () => {
  const bytes = Buffer.from('1e3c5a0f2d7b6f4e8a9b000102030405', 'hex')
  expect(guidText(bytes)).toBe('0f5a3c1e-7b2d-4e6f-8a9b-000102030405')
  expect(guidBytes('0f5a3c1e-7b2d-4e6f-8a9b-000102030405')).toEqual(bytes)
  expect([guidText(bytes.subarray(1)), guidBytes('0f5a3c1e')]).toEqual([undefined, undefined])
})

describe('the keys of the configuration', () => {
  it.each<[Record<string, unknown>, string]>([
    [{ url: 'ldap://dc1.corp.example' }, 'url'],
    [{ url: 'https://dc1.corp.example' }, 'url'],
    [{ url: 'ldaps://dc1.corp.example/DC=corp' }, 'url'],
    [{ url: 'ldaps://user:pw@dc1.corp.example' }, 'url'],
    [{ url: 'ldaps://dc1.corp.example:70000' }, 'url'],
    [{ startTls: true }, 'startTls'],
    [{ password: 'hunter2' }, 'password'],
    [{ bases: [] }, 'bases'],
    [{ bases: ['people'] }, 'bases.0'],
    [{ filter: 'objectClass=user' }, 'filter'],
    [{ filter: '(a=b)(c=d)' }, 'filter'],
    [{ flavour: 'openldap', deletedObjects: true }, 'deletedObjects'],
    [{ deletedObjects: true, attributes: { key: 'employeeNumber' } }, 'deletedObjects'],
    [{ services: { attribute: 'employeeType' } }, 'services'],
    [{ pageSize: 0 }, 'pageSize'],
    [{ attributes: { key: 'a)(b' } }, 'attributes.key'],
    [{ every: '1s' }, 'every'],
    [{ other: 1 }, ''],
  ])('refuse %j', (more, path) => {
    const issues = directoryOptions.safeParse({ ...BARE, ...more }).error?.issues ?? []
    expect(issues.map((issue) => issue.path.join('.'))).toEqual([path])
  })

  it.each([
    {},
    { url: 'ldap://[::1]:1389' },
    { url: 'ldap://localhost' },
    { url: 'ldap://dc1.corp.example', startTls: true },
    { filter: '(&(a=b)(!(c=\\28)))', deletedObjects: true },
  ])('take %j', (more) => {
    expect(directoryOptions.safeParse({ ...BARE, ...more }).error).toBeUndefined()
  })

  it('are another scope where they ask for something else, and the same where they ask in another way', () => {
    const scope = (more: Record<string, unknown>) => scopeOf(directoryOptions.parse({ ...BARE, ...more }))
    const same = [{}, { every: '1h' }, { pageSize: 7 }, { password: 'env:OTHER' }, { attributes: { email: 'mail' } }]
    const other = [{ filter: '(a=b)' }, { bases: ['DC=corp'] }, { leavers: ['OU=l'] }, { attributes: { key: 'sid' } }]
    expect(new Set(same.map(scope)).size).toBe(1)
    expect(new Set([{}, ...other].map(scope)).size).toBe(5)
  })

  it('keep how far it was read', () => {
    const position = { scope: 'x', fullAt: NOW, since: NOW.subtract({ hours: 1 }) }
    expect(keptPosition(keepPosition(position))).toEqual(position)
    expect(keptPosition({ scope: 'x', fullAt: 'yesterday' })).toBeUndefined()
    expect(keptPosition(null)).toBeUndefined()
  })
})

describe('entries', () => {
  const value = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
    fc.constantFrom('TRUE', '514', '-2', '0', '9223372036854775807', '20261122120000Z', '2147483650', 'x'.repeat(2_000)),
  )
  const names = [
    ...['objectguid', 'entryuuid', 'samaccountname', 'uid', 'mail', 'displayname', 'cn', 'useraccountcontrol', 'accountexpires'],
    ...['nsaccountlock', 'shadowexpire', 'krbprincipalexpiration', 'modifytimestamp', 'objectclass', 'msds-useraccountdisabled'],
  ]
  const entries = fc.record({
    dn: fc.oneof(fc.string({ unit: 'binary' }), fc.constant('CN=a,OU=Leavers,DC=corp,DC=example')),
    values: fc.array(fc.tuple(fc.constantFrom(...names), fc.array(value, { maxLength: 3 }))).map((pairs) => new Map(pairs)),
  })

  it.each(['ad', 'openldap'])('of any content are read or passed over: %s', (flavour) => {
    const leavers = ['OU=Leavers,DC=corp,DC=example']
    const reader = openReader(directoryOptions.parse({ ...BARE, flavour, leavers }))
    fc.assert(
      fc.property(entries, (entry: DirectoryEntry) => {
        const key = reader.keyOf(entry)
        if (key === undefined) return
        const said = reader.saidOf(entry, key, NOW)
        for (const text of [key, said?.externalId, said?.name, said?.email]) {
          if (typeof text !== 'string') continue
          expect([text.length > 0 && text.length <= 512, text.includes('\0')]).toEqual([true, false])
        }
        if (said?.standing.is === 'terminated' && said.standing.at !== undefined)
          expect(said.standing.at.toString()).toMatch(/^\d{4}-/)
      }),
      { numRuns: RUNS },
    )
  })

  it('any text is a distinguished name or none', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const dn = parseDn(text)
        expect(dn === undefined || dn.length > 0).toBe(true)
      }),
      { numRuns: RUNS },
    )
  })
})
