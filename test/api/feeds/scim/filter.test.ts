import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ScimFault } from '../../../../src/api/feeds/scim/fault.ts'
import { isWanted, parseFilter } from '../../../../src/api/feeds/scim/filter.ts'
import { shapeOf } from '../../../../src/api/feeds/scim/shape.ts'
import type { Facts } from '../../../../src/domain/leaf.ts'

const RUNS = Number(process.env.REVENANT_FUZZ_RUNS ?? 300)
const ENTERPRISE = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'
const CORE = 'urn:ietf:params:scim:schemas:core:2.0:User'
const shape = shapeOf('User')

/** `bare` has nothing that can be missing. */
const USERS: Record<string, Facts> = {
  full: {
    schemas: [CORE, ENTERPRISE],
    userName: 'bjensen',
    name: { familyName: "O'Malley" },
    title: 'Guide',
    userType: 'Employee',
    active: true,
    emails: [
      { type: 'work', value: 'b@example.com', primary: true },
      { type: 'home', value: 'babs@jensen.org' },
    ],
    [ENTERPRISE]: { employeeNumber: '7', manager: { value: 'm1' } },
    meta: { lastModified: '2026-05-13T04:42:34.000Z' },
  },
  intern: {
    ...{
      schemas: [CORE],
      userName: 'Jane',
      title: '',
      userType: 'Intern',
      active: false,
      emails: [{ type: 'work', value: 'j@example.org' }],
    },
    ...{ ims: [{ type: 'xmpp', value: 'j@foo.com' }], meta: { lastModified: '2011-05-13T04:42:34.000Z' } },
  },
  bare: { schemas: [CORE], userName: 'xavier', meta: { lastModified: '2010-01-01T00:00:00.000Z' } },
}
const wanted = (filter: string) => {
  const parsed = parseFilter(shape, filter)
  return Object.keys(USERS).filter((name) => isWanted(parsed, USERS[name] ?? {}))
}

describe('filters of RFC 7644 §3.4.2.2, over users who lack attributes', () => {
  it.each<[string, string[]]>([
    // The examples of the RFC.
    ['userName eq "bjensen"', ['full']],
    ['userName Eq "bjensen"', ['full']],
    ['name.familyName co "O\'Malley"', ['full']],
    ['userName sw "J"', ['intern']],
    [`${CORE}:userName sw "J"`, ['intern']],
    ['title pr', ['full']],
    ['meta.lastModified gt "2011-05-13T04:42:34Z"', ['full']],
    ['meta.lastModified ge "2011-05-13T04:42:34Z"', ['full', 'intern']],
    ['meta.lastModified lt "2011-05-13T04:42:34Z"', ['bare']],
    ['meta.lastModified le "2011-05-13T04:42:34Z"', ['intern', 'bare']],
    ['title pr and userType eq "Employee"', ['full']],
    ['title pr or userType eq "Intern"', ['full', 'intern']],
    [`schemas eq "${ENTERPRISE}"`, ['full']],
    ['userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")', ['full']],
    // Whoever has no type is no employee.
    ['userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")', ['bare']],
    ['userType eq "Employee" and (emails.type eq "work")', ['full']],
    ['userType eq "Employee" and emails[type eq "work" and value co "@example.com"]', ['full']],
    ['emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]', ['full', 'intern']],
    // What providers send beside them.
    ['emails[type eq "work"].value eq "b@example.com"', ['full']],
    ['emails[type eq "home"].value eq "b@example.com"', []],
    ['EMAILS[Type eq "WORK"].Value EQ "B@EXAMPLE.COM"', ['full']],
    ['USERNAME eq "BJENSEN"', ['full']],
    ['Name.FamilyName sw "o"', ['full']],
    ['Active eq false', ['intern']],
    ['active eq "False"', ['intern']],
    ['not (active eq false)', ['full', 'bare']],
    ['title eq null', ['intern', 'bare']],
    ['title ne null', ['full']],
    [`${ENTERPRISE.toUpperCase()}:EmployeeNumber eq "7"`, ['full']],
    [`${ENTERPRISE}:manager eq "m1"`, ['full']],
    [`${ENTERPRISE}:manager.value pr`, ['full']],
    ['emails.primary eq true', ['full']],
    ['nonsense eq "x" or nonsense[a eq "b"].c eq "d"', []],
    ['title pr or userName eq "jane" and active eq true', ['full']],
    ['userName eq "\\u0062jensen"', ['full']],
  ])('%s', (filter, names) => {
    expect(wanted(filter)).toEqual(names)
  })

  it.each([
    ...[
      '',
      'userName',
      'userName eq',
      'userName is "x"',
      'userName eq john',
      'userName eq "x',
      '(title pr',
      'title pr)',
      'not title pr',
    ],
    ...[
      'emails[type eq "work"',
      'emails[]',
      'emails[type eq "work"].',
      'title pr and',
      '.x pr',
      'userName eq "\\u0000"',
      'a pr b pr',
    ],
    `${'('.repeat(1_000)}title pr${')'.repeat(1_000)}`,
  ])('%j cannot be read', (filter) => {
    expect(() => parseFilter(shape, filter)).toThrow(expect.objectContaining({ status: 400, scimType: 'invalidFilter' }))
  })

  it.each(['active gt true', 'active co "t"', 'name co "x"'])('%s compares what has no such order', (filter) => {
    expect(() => wanted(filter)).toThrow(expect.objectContaining({ status: 400, scimType: 'invalidFilter' }))
  })

  it('of any text are read or refused', () => {
    const word = fc.constantFrom(
      'userName',
      'emails',
      '[',
      ']',
      '(',
      ')',
      'and',
      'or',
      'not',
      'eq',
      'co',
      'pr',
      '"x"',
      'true',
      '.value',
      '1',
      'active',
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(word, { maxLength: 12 }).map((words) => words.join(' ')),
        ),
        (text) => {
          try {
            wanted(text)
          } catch (error) {
            expect(error).toBeInstanceOf(ScimFault)
          }
        },
      ),
      { numRuns: RUNS },
    )
  })
})
