import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ScimFault } from '../../../../src/api/feeds/scim/fault.ts'
import { patchResource, readResource } from '../../../../src/api/feeds/scim/protocol.ts'

const RUNS = Number(process.env.REVENANT_FUZZ_RUNS ?? 300)
const CORE = 'urn:ietf:params:scim:schemas:core:2.0:User'
const GROUP = 'urn:ietf:params:scim:schemas:core:2.0:Group'
const ENTERPRISE = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'
const PATCH = 'urn:ietf:params:scim:api:messages:2.0:PatchOp'
const ID = '2819c223-7f76-453a-919d-413861904646'

const work = { type: 'work', value: 'b@example.com', primary: true }
const home = { type: 'home', value: 'babs@jensen.org' }
const USER = {
  ...{ schemas: [CORE, ENTERPRISE], userName: 'b', active: true, name: { familyName: 'Jensen', givenName: 'Barbara' } },
  ...{ emails: [work, home], addresses: [{ type: 'work', streetAddress: '100 Universal City Plaza', region: 'CA' }] },
  [ENTERPRISE]: { department: 'Tours', manager: { value: 'm1' } },
}
const patched = (Operations: unknown, message: object = { schemas: [PATCH], Operations }) => {
  const data = readResource('User', USER)
  return patchResource('User', { id: ID, data }, message).data ?? data
}

describe('what says that somebody is not active, in every dialect', () => {
  it.each<[string, object]>([
    ['Okta', { op: 'replace', value: { active: false } }],
    ['Entra', { op: 'Replace', path: 'active', value: 'False' }],
    ['Entra, added', { op: 'Add', path: 'active', value: 'False' }],
    ['another case', { op: 'replace', value: { Active: false } }],
    ['another case of the path', { op: 'replace', path: 'ACTIVE', value: false }],
    ['the whole name', { op: 'replace', path: `${CORE}:active`, value: false }],
    ['the whole name in another case', { op: 'replace', path: `${CORE.toUpperCase()}:Active`, value: 'FALSE' }],
    ['the whole name as a key', { op: 'replace', value: { [`${CORE}:active`]: false } }],
    ['under the schema', { op: 'replace', value: { [CORE]: { active: false } } }],
    ['under the schema, in another case', { op: 'replace', value: { [CORE.toLowerCase()]: { ACTIVE: 'False' } } }],
    ['at the schema', { op: 'replace', path: CORE, value: { active: false } }],
    ['a list of one', { op: 'replace', path: 'active', value: [{ value: 'False' }] }],
    ["Entra's old dialect", { op: 'Replace', path: 'active', value: [{ $ref: null, value: 'False' }] }],
    ['a list of one boolean', { op: 'replace', value: { active: [false] } }],
    ['beside an active of another schema', { op: 'replace', value: { 'urn:x:1:User': { active: true }, active: false } }],
    ['message names in another case', { OP: 'replace', Path: 'active', VALUE: false }],
  ])('%s', (_name, operation) => {
    expect(patched([operation])).toMatchObject({ active: false, userName: 'b' })
    expect(patched([], { Schemas: [PATCH.toLowerCase()], operations: [operation] })).toMatchObject({ active: false })
  })

  it.each<[string, object]>([
    ['no boolean', { op: 'replace', value: { active: 'no' } }],
    ['a number', { op: 'replace', path: 'active', value: 0 }],
    ['null', { op: 'replace', path: 'active', value: null }],
    ['taken away', { op: 'remove', path: 'Active' }],
    ['an object', { op: 'replace', value: { active: { value: false } } }],
    ['two values', { op: 'replace', path: 'active', value: [{ value: 'False' }, { value: 'True' }] }],
    ['a value with more to it', { op: 'replace', path: 'active', value: [{ type: 'work', value: 'False' }] }],
    ['under a strange schema', { op: 'replace', value: { 'urn:scim:schemas:core:1.0': { active: false } } }],
    ['a strange whole name', { op: 'replace', value: { [`${GROUP}:active`]: false } }],
    ['a strange place', { op: 'replace', value: { 'status.active': false } }],
  ])('is refused where it is not understood: %s', (_name, operation) => {
    expect(() => patched([operation])).toThrow(expect.objectContaining({ status: 400 }))
  })

  it.each<[string, object, boolean | undefined]>([
    ['another case', { Active: 'False' }, false],
    ['the whole name', { [`${CORE}:Active`]: false }, false],
    ['under the schema', { [CORE]: { active: false } }, false],
    ['twice alike', { active: false, Active: 'false' }, false],
    ['not assigned', { active: null }, undefined],
  ])('is read of a whole user: %s', (_name, more, active) => {
    expect(readResource('User', { schemas: [CORE], USERNAME: 'b', ...more }).active).toBe(active)
  })

  it.each<[string, object]>([
    ['twice, not alike', { active: true, Active: false }],
    ['under a strange schema', { 'urn:x:1.0:User': { Active: false } }],
    ['no boolean', { Active: 'gone' }],
  ])('is refused in a whole user: %s', (_name, more) => {
    expect(() => readResource('User', { schemas: [CORE], userName: 'b', ...more })).toThrow(
      expect.objectContaining({ status: 400 }),
    )
  })

  it('has the names of the schema, however deep they stand', () => {
    expect(
      readResource('User', {
        ...{ schemas: [CORE], username: 'b', NAME: { FAMILYNAME: 'J' }, Emails: [{ Value: 'x@y', PRIMARY: 'True' }] },
        [ENTERPRISE.toLowerCase()]: { EMPLOYEENUMBER: '7', Manager: 'm' },
        [`${ENTERPRISE.toUpperCase()}:Department`]: 'D',
      }),
    ).toMatchObject({
      ...{ userName: 'b', name: { familyName: 'J' }, emails: [{ value: 'x@y', primary: true }] },
      [ENTERPRISE]: { employeeNumber: '7', manager: { value: 'm' }, department: 'D' },
    })
  })
})

describe('patches of RFC 7644 §3.5.2', () => {
  it.each<[string, object, object]>([
    [
      'adds without a path',
      { op: 'add', value: { emails: [{ value: 'c@x', type: 'other' }], nickname: 'Babs' } },
      { emails: [work, home, { value: 'c@x', type: 'other' }], nickName: 'Babs' },
    ],
    ['adds nothing twice', { op: 'add', path: 'emails', value: [{ value: home.value, type: 'home' }] }, { emails: [work, home] }],
    [
      'has one primary value',
      { op: 'add', path: 'emails', value: [{ value: 'c@x', primary: true }] },
      { emails: [{ ...work, primary: false }, home, { value: 'c@x', primary: true }] },
    ],
    [
      'replaces without a path',
      { op: 'replace', value: { emails: [home], nickName: 'Babs' } },
      { emails: [home], nickName: 'Babs' },
    ],
    [
      'replaces a sub-attribute',
      { op: 'replace', path: 'name.familyName', value: 'X' },
      { name: { familyName: 'X', givenName: 'Barbara' } },
    ],
    [
      'leaves what is not named of a complex attribute',
      { op: 'replace', path: 'name', value: { FamilyName: 'X' } },
      { name: { familyName: 'X', givenName: 'Barbara' } },
    ],
    [
      'replaces a value',
      { op: 'replace', path: 'addresses[type eq "work"]', value: { type: 'work', streetAddress: '911', primary: true } },
      { addresses: [{ type: 'work', streetAddress: '911', primary: true }] },
    ],
    [
      'replaces in a value',
      { op: 'replace', path: 'addresses[type eq "work"].streetAddress', value: '1010 Broadway Ave' },
      { addresses: [{ type: 'work', streetAddress: '1010 Broadway Ave', region: 'CA' }] },
    ],
    [
      'finds in another case',
      { op: 'replace', path: 'EMAILS[TYPE EQ "Work"].VALUE', value: 'n@x' },
      { emails: [{ ...work, value: 'n@x' }, home] },
    ],
    ['removes a value', { op: 'remove', path: 'emails[type eq "work" and value ew "example.com"]' }, { emails: [home] }],
    [
      'removes from a value',
      { op: 'remove', path: 'emails[type eq "work"].primary' },
      { emails: [{ type: 'work', value: 'b@example.com' }, home] },
    ],
    ['removes nothing where nothing is', { op: 'remove', path: 'emails[type eq "other"]' }, { emails: [work, home] }],
    [
      'makes a value that is not there',
      { op: 'add', path: 'phoneNumbers[type eq "mobile"].value', value: '1' },
      { phoneNumbers: [{ type: 'mobile', value: '1' }] },
    ],
    [
      'writes into an extension',
      { op: 'replace', path: `${ENTERPRISE}:department`, value: 'D' },
      { [ENTERPRISE]: { department: 'D', manager: { value: 'm1' } } },
    ],
    [
      'writes deep into an extension',
      { op: 'replace', path: `${ENTERPRISE}:manager.value`, value: 'm2' },
      { [ENTERPRISE]: { department: 'Tours', manager: { value: 'm2' } } },
    ],
    [
      'writes an extension',
      { op: 'add', path: ENTERPRISE.toLowerCase(), value: { Department: 'D' } },
      { [ENTERPRISE]: { department: 'D', manager: { value: 'm1' } } },
    ],
    [
      'takes paths for names',
      {
        op: 'replace',
        value: { 'name.givenName': 'G', [`${ENTERPRISE}:department`]: 'D', 'emails[type eq "home"].value': 'h@x' },
      },
      {
        name: { familyName: 'Jensen', givenName: 'G' },
        emails: [work, { ...home, value: 'h@x' }],
        [ENTERPRISE]: { department: 'D' },
      },
    ],
    [
      'passes over what it is called',
      { op: 'replace', value: { id: ID, schemas: [CORE], meta: { version: 'x' }, groups: [], title: 'T' } },
      { title: 'T', emails: [work, home] },
    ],
  ])('%s', (_name, operation, expected) => {
    expect(patched([operation])).toMatchObject(expected)
  })

  it('takes a single value out of a list of one, as Entra writes it', () => {
    const after = patched([
      { op: 'Replace', path: 'displayName', value: [{ $ref: null, value: 'X' }] },
      { op: 'Add', path: `${ENTERPRISE}:manager`, value: [{ $ref: 'https://x.example/Users/1', value: '1' }] },
      { op: 'Add', path: 'name.givenName', value: [{ $ref: null, value: 'G' }] },
    ])
    expect(after).toMatchObject({ displayName: 'X', name: { givenName: 'G' }, [ENTERPRISE]: { manager: { value: '1' } } })
  })

  it('changes a group of very many within the time of a request', { timeout: 10_000 }, () => {
    const of = (from: number) => Array.from({ length: 8_000 }, (_, n) => ({ value: `member-${from + n}` }))
    const data = readResource('Group', { schemas: [GROUP], displayName: 'all', members: of(0) })
    const members = (...Operations: object[]) =>
      patchResource('Group', { id: ID, data }, { schemas: [PATCH], Operations }).data?.members
    const began = performance.now()
    const added = [...of(4_000), { value: 'member-1', display: 'new' }]
    expect(members({ op: 'add', path: 'members', value: added })).toHaveLength(12_001)
    expect(members({ op: 'remove', path: 'members', value: of(4_000) })).toHaveLength(4_000)
    const one = (_: unknown, n: number) => ({ op: 'remove', path: `members[value eq "member-${n}"]` })
    expect(members(...Array.from({ length: 500 }, one))).toHaveLength(7_500)
    // What grows with the product of both takes a minute.
    expect(performance.now() - began).toBeLessThan(8_000)
  })

  it('removes attributes and extensions', () => {
    const after = patched([
      { op: 'remove', path: 'Emails' },
      { op: 'remove', path: 'name.givenName' },
      { op: 'remove', path: `${ENTERPRISE}:manager` },
      { op: 'remove', path: `${ENTERPRISE}:department` },
    ])
    expect([after.emails, after.name, after[ENTERPRISE]]).toEqual([undefined, { familyName: 'Jensen' }, undefined])
  })

  it.each<[string, object, string]>([
    ['a path of no attribute', { op: 'replace', path: 'nonsense', value: 1 }, 'invalidPath'],
    ['a filter on one value', { op: 'replace', path: 'name[a eq "b"]', value: 1 }, 'invalidPath'],
    ['no value that the path wants', { op: 'replace', path: 'emails[value co "nobody"].type', value: 'x' }, 'noTarget'],
    ['another id', { op: 'replace', value: { id: 'other' } }, 'mutability'],
    ['nothing to remove', { op: 'remove' }, 'noTarget'],
    ['no value', { op: 'add', path: 'title' }, 'invalidValue'],
    ['a required attribute taken away', { op: 'remove', path: 'userName' }, 'invalidValue'],
  ])('refuses %s', (_name, operation, scimType) => {
    expect(() => patched([operation])).toThrow(expect.objectContaining({ status: 400, scimType }))
  })

  it.each<[string, object, object]>([
    // The paths of §3.5.2; the fifth, of `displayName`, is one that RFC 7643 gives members no such attribute for.
    ['replaces members', { op: 'replace', path: 'members', value: [{ value: 'z' }] }, { members: [{ value: 'z' }] }],
    ['removes a member', { op: 'remove', path: `members[value eq "${ID}"]` }, { members: [{ value: 'y' }] }],
    ['removes members by value', { op: 'Remove', path: 'members', value: [{ value: ID }] }, { members: [{ value: 'y' }] }],
    [
      'writes into a member',
      { op: 'replace', path: `members[value eq "${ID}"].display`, value: 'B' },
      { members: [{ value: ID, display: 'B' }, { value: 'y' }] },
    ],
    [
      'adds a member alone',
      { op: 'add', path: 'members', value: { value: 'z' } },
      { members: [{ value: ID }, { value: 'y' }, { value: 'z' }] },
    ],
    [
      'is renamed as Okta does',
      { op: 'replace', value: { id: ID, displayName: 'New' } },
      { displayName: 'New', members: [{ value: ID }, { value: 'y' }] },
    ],
  ])('of a group: %s', (_name, operation, expected) => {
    const data = readResource('Group', { schemas: [GROUP], displayName: 'Old', members: [{ value: ID }, { value: 'y' }] })
    expect(patchResource('Group', { id: ID, data }, { schemas: [PATCH], Operations: [operation] }).data).toMatchObject(expected)
  })

  it('of any content are applied or refused', () => {
    const path = fc.constantFrom(
      'active',
      'emails',
      'emails[type eq "work"]',
      'emails[type eq "x"].value',
      'name',
      'name.familyName',
      'id',
      CORE,
      ENTERPRISE,
      `${ENTERPRISE}:manager`,
      '__proto__',
      'schemas',
    )
    const operation = fc.record(
      {
        op: fc.constantFrom('add', 'Replace', 'remove'),
        path,
        value: fc.oneof(fc.jsonValue(), fc.dictionary(path, fc.jsonValue())),
      },
      { requiredKeys: ['op'] },
    )
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 4 }), (operations) => {
        try {
          patched(operations)
        } catch (error) {
          expect(error).toBeInstanceOf(ScimFault)
        }
      }),
      { numRuns: RUNS },
    )
  })
})
