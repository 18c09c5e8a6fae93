import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Client } from 'ldapts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { guidBytes } from '../../../src/intake/directory/guid.ts'
import type { FeedPolicy } from '../../../src/intake/feed/said.ts'
import { feedFaults } from '../../../src/store/feed-fault.ts'
import { needs } from '../../servers/require.ts'
import { SLAPD_FILES, type Slapd, SUFFIX, startSlapd } from '../../servers/slapd.ts'
import { STORES, type TestStore } from '../../servers/stores.ts'
import { type House, NOW, openHouse } from '../house.ts'
import {
  account,
  held,
  openSource,
  person,
  READER,
  READER_PASSWORD,
  replace,
  SLAPD,
  standings,
  unit,
  write,
} from './ldap-house.ts'

const installed = needs('slapd', ...SLAPD_FILES)
const named = (title: string) => (installed ? title : `${title}: slapd is missing`)

const SCOPES = ['scope-a', 'scope-b', 'scope-c', 'scope-d']
const LEAVERS = `ou=leavers,${SUFFIX}`
const GUID = (n: number) => `0f5a3c1e-7b2d-4e6f-8a9b-0000000000${String(n).padStart(2, '0')}`

/** 100 ns since 1601. */
const fileTime = (at: Temporal.Instant) => String(BigInt(at.epochMilliseconds + 11_644_473_600_000) * 10_000n)

function domainUser(name: string, n: number, lines: readonly string[], [ou, objectClass]: [string, string] = ['domain', 'user']) {
  return [
    ...[
      `dn: cn=${name},ou=${ou},${SUFFIX}`,
      `objectClass: ${objectClass}`,
      `cn: ${name}`,
      `sn: ${name}`,
      `sAMAccountName: ${name}`,
    ],
    ...[`objectGUID:: ${guidBytes(GUID(n))?.toString('base64')}`, `uSNChanged: ${n}`, `displayName: Name of ${name}`, ...lines],
  ]
}

describe.skipIf(!installed)(named('leavers of a directory'), () => {
  const folder = mkdtempSync(join(tmpdir(), 'revenant-directory-'))
  let slapd: Slapd
  let test: TestStore
  let house: House

  beforeAll(async () => {
    const root = join(folder, 'root.ldif')
    const settings = `cn=settings,${SUFFIX}`
    writeFileSync(
      root,
      [
        ...['dn:', 'objectClass: top', 'objectClass: OpenLDAProotDSE', 'highestCommittedUSN: 5000'],
        ...[`dsServiceName: ${settings}`, `defaultNamingContext: ${SUFFIX}`, ''],
      ].join('\n'),
    )
    const many = Array.from({ length: 23 }, (_, n) => person(`many-${n}`, [], 'many'))
    slapd = await startSlapd({
      policy: SLAPD.policy,
      config: [...SLAPD.config, `rootDSE ${root}`],
      database: SLAPD.database,
      entries: [
        ...[
          'staff',
          'leavers',
          'moves',
          'many',
          'hidden',
          'domain',
          'referred',
          'ends',
          'groups',
          'services',
          'mailed',
          ...['anew', 'numbered', 'nameless'],
          ...SCOPES,
        ].map(unit),
        ...['reader', 'limited', 'blind', 'keyless', 'fewer'].map(account),
        [`dn: ${settings}`, 'objectClass: device', 'objectClass: extensibleObject', 'cn: settings', 'invocationId: one'],
        person('plain'),
        person('locked-out', ['nsAccountLock: TRUE']),
        person('not-locked', ['nsAccountLock: false']),
        person('shadow-past', ['shadowExpire: 20000']),
        person('shadow-never', ['shadowExpire: -1']),
        person('shadow-later', ['shadowExpire: 30000']),
        person('principal-past', ['krbPrincipalExpiration: 20250601120000Z', 'shadowExpire: 30000']),
        person('typed', ['employeeType: Contractor-Left']),
        person('daemon-1', [], 'services'),
        person('moved', [], 'leavers'),
        ...many,
        ...['a', 'b', 'c'].map((name) => person(`move-${name}`, [], 'moves')),
        ...['a', 'b', 'c', 'd'].map((name) => person(`end-${name}`, ['employeeType: staff'], 'ends')),
        ...SCOPES.flatMap((ou) => [person(`${ou}-1`, [], ou), person(`${ou}-2`, [], ou)]),
        ...['a', 'b', 'c', 'stray'].map((name) => person(`mailed-${name}`, [], 'mailed')),
        ...['a', 'b', 'c', 'd'].map((name) => person(`anew-${name}`, [], 'anew')),
        ...['1', '2', '3', '4'].map((n) => person(`num-${n}`, [`employeeNumber: ${n}`], 'numbered')),
        ...['a', 'b'].map((name) => person(`named-${name}`, [`employeeNumber: named-${name}`], 'nameless')),
        person('group-a', [], 'groups'),
        person('hidden-a', [], 'hidden'),
        person('referred-a', [], 'referred'),
        [
          ...[
            `dn: ou=elsewhere,ou=referred,${SUFFIX}`,
            'objectClass: referral',
            'objectClass: extensibleObject',
            'ou: elsewhere',
          ],
          `ref: ldap://127.0.0.1:9/ou=elsewhere,${SUFFIX}`,
        ],
        domainUser('ad-alive', 1, ['userAccountControl: 512', 'accountExpires: 9223372036854775807', 'mail: alive@example.com']),
        domainUser('ad-disabled', 2, ['userAccountControl: 66050', 'accountExpires: 0']),
        domainUser('ad-expired', 3, ['userAccountControl: 512', `accountExpires: ${fileTime(NOW.subtract({ hours: 30 }))}`]),
        domainUser('ad-expires', 4, ['userAccountControl: 512', `accountExpires: ${fileTime(NOW.add({ hours: 30 }))}`]),
        domainUser('ad-locked', 5, ['userAccountControl: 512', 'lockoutTime: 133700000000000000']),
        domainUser('ad-silent', 6, []),
        domainUser('ad-service$', 7, ['userAccountControl: 4096'], ['domain', 'msDS-GroupManagedServiceAccount']),
      ],
    })
    test = await (STORES[0] ?? expect.fail('no store')).open()
    house = await openHouse(test.store)
  }, 60_000)
  afterAll(async () => {
    await house?.close()
    await test?.stop()
    await slapd?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const keys = (bases: string[], more: Record<string, unknown> = {}) => ({
    ...{ url: `ldap://127.0.0.1:${slapd.port}`, flavour: 'openldap', bindDn: READER, password: 'env:DIRECTORY' },
    ...{ bases: bases.map((name) => `ou=${name},${SUFFIX}`), pageSize: 4, every: '10s', full: '30d', overlap: '1s', ...more },
  })
  const source = (bases: string[], more: Record<string, unknown> = {}, policy: Partial<FeedPolicy> = {}) =>
    openSource(house, test.store, keys(bases, more), policy)
  const domain = (more: Record<string, unknown> = {}) =>
    source(['domain'], { flavour: 'ad', filter: '(objectClass=user)', ...more })
  const stand = (...ids: string[]) => standings(test.store, ids)
  const dn = (uid: string, ou: string) => `uid=${uid},ou=${ou},${SUFFIX}`
  const subjects = async (id: string) =>
    test.store.db.selectFrom('feed_subject').select('key').where('feed_id', '=', id).orderBy('key').execute()

  it('says who is here, who is disabled, who has expired or will, who was moved away, and who is a service', async () => {
    const more = {
      leavers: [`OU=Leavers,  ${SUFFIX.toUpperCase()}`],
      services: { under: [`ou=services,${SUFFIX}`] },
      inactive: { attribute: 'employeeType', values: ['contractor-left'] },
    }
    const staff = await source(['staff', 'services'], more)
    expect(await staff.pull()).toEqual({ full: true, entries: 10, joined: 10 })
    const now = house.now().toString()
    expect(
      await stand(
        ...['plain', 'locked-out', 'not-locked', 'shadow-past', 'shadow-never', 'shadow-later', 'principal-past', 'typed'],
        ...['moved', 'daemon-1'],
      ),
    ).toEqual({
      plain: 'here',
      'locked-out': now,
      'not-locked': 'here',
      'shadow-past': '2024-10-04T00:00:00Z',
      'shadow-never': 'here',
      'shadow-later': '2052-02-20T00:00:00Z',
      'principal-past': '2025-06-01T12:00:00Z',
      typed: now,
      moved: now,
      'daemon-1': 'here',
    })
    const rows = await test.store.db
      .selectFrom('identity')
      .select(['external_id', 'name', 'email', 'kind'])
      .where('external_id', 'in', ['plain', 'daemon-1'])
      .orderBy('external_id')
      .execute()
    expect(rows).toEqual([
      { external_id: 'daemon-1', name: 'Name of daemon-1', email: 'daemon-1@example.com', kind: 'service' },
      { external_id: 'plain', name: 'Name of plain', email: 'plain@example.com', kind: 'human' },
    ])
  })

  it('reads all pages, then what has changed only; what was read before changes nothing', async () => {
    const many = await source(['many'])
    expect(await many.pull()).toEqual({ full: true, entries: 23, joined: 23 })
    await write(slapd.port, (client) => replace(client, dn('many-7', 'many'), 'nsAccountLock', 'TRUE'))
    expect(await many.pull()).toMatchObject({ full: false, terminated: 1 })
    const gone = await stand('many-6', 'many-7')
    expect(gone).toEqual({ 'many-6': 'here', 'many-7': house.now().toString() })
    house.advance(60_000)
    const { entries, terminated } = await many.pull()
    expect([Number(entries) < 3, terminated, await stand('many-6', 'many-7')]).toEqual([true, undefined, gone])
    await write(slapd.port, (client) => replace(client, dn('many-7', 'many'), 'nsAccountLock', undefined))
    expect(await many.pull()).toMatchObject({ full: false, reinstated: 1 })
    expect(await stand('many-7')).toEqual({ 'many-7': 'here' })
  })

  it('asks for everybody again when that is due, and when something else is asked for', async () => {
    const first = await source(['many'], { full: '1h' })
    expect(await first.pull()).toMatchObject({ full: true })
    expect(await first.pull()).toMatchObject({ full: false })
    house.advance(3_600_000)
    expect(await first.pull()).toMatchObject({ full: true, unchanged: 23 })
    expect(await first.with({ attributes: { name: 'sn' } }).pull()).toMatchObject({ full: true })
    expect(await first.with({ attributes: { name: 'sn' }, pageSize: 7 }).pull()).toMatchObject({ full: false })
  })

  it('takes whoever was moved to the leavers for gone, and for back when he is', async () => {
    const moves = await source(['moves'], { leavers: [LEAVERS] })
    await moves.pull()
    await write(slapd.port, (client) => client.modifyDN(dn('move-a', 'moves'), dn('move-a', 'leavers')))
    expect(await moves.pull()).toMatchObject({ full: false, terminated: 1 })
    expect(await stand('move-a', 'move-b')).toEqual({ 'move-a': house.now().toString(), 'move-b': 'here' })
    await write(slapd.port, (client) => client.modifyDN(dn('move-a', 'leavers'), dn('move-a', 'moves')))
    expect(await moves.pull()).toMatchObject({ full: false, reinstated: 1 })
    // Another name is no other person.
    await write(slapd.port, (client) => client.modifyDN(dn('move-b', 'moves'), dn('move-bee', 'moves')))
    await moves.pull()
    expect(await stand('move-a', 'move-b', 'move-bee')).toEqual({ 'move-a': 'here', 'move-b': 'here', 'move-bee': 'unknown' })
  })

  it('notices by asking for everybody who was deleted, and who is out of the filter', async () => {
    const ends = await source(['ends'], { filter: '(&(objectClass=inetOrgPerson)(employeeType=staff))' }, { inactive: 'ask' })
    await ends.pull()
    await write(slapd.port, async (client) => {
      await client.del(dn('end-a', 'ends'))
      await replace(client, dn('end-b', 'ends'), 'employeeType', 'other')
    })
    // Nothing tells of either; the others' last change is as old as the newest that was seen.
    expect(await ends.pull()).toEqual({ full: false, entries: 2, unchanged: 2 })
    house.advance(30 * 86_400_000)
    expect(await ends.pull()).toEqual({ full: true, entries: 4, unchanged: 2, terminated: 1, held: 1 })
    expect(await stand('end-a', 'end-b', 'end-c')).toEqual({ 'end-a': house.now().toString(), 'end-b': 'here', 'end-c': 'here' })
    expect(await held(test.store, ends.feed)).toEqual(['ask'])
    const moved = await ends.position()
    // A filter that finds nobody at all is a wrong one.
    house.advance(30 * 86_400_000)
    await expect(ends.with({ filter: '(uid=nobody)' }).pull()).rejects.toMatchObject({ code: 'SOURCE_REFUSED' })
    expect([await ends.position(), (await stand('end-c'))['end-c']]).toEqual([moved, 'here'])
  })

  const RENEWED: [string, string, string, Record<string, unknown>, (client: Client, at: string) => Promise<unknown>, boolean][] =
    [
      [
        'anew-a',
        'anew',
        'was made anew',
        {},
        async (client, at) => {
          await client.del(at)
          await client.add(at, { objectClass: 'inetOrgPerson', cn: 'a', sn: 'a' })
        },
        true,
      ],
      [
        'anew-b',
        'anew',
        'was made anew elsewhere, in other letters',
        {},
        async (client, at) => {
          await client.del(at)
          await client.add(`cn=b,ou=anew,${SUFFIX}`, { objectClass: 'inetOrgPerson', cn: 'b', sn: 'b', uid: 'ANEW-B' })
        },
        true,
      ],
      ['anew-c', 'anew', 'is there no more', {}, (client, at) => client.del(at), false],
      [
        'num-1',
        'numbered',
        'has another key',
        { attributes: { key: 'employeeNumber' } },
        (client, at) => replace(client, at, 'employeeNumber', '11'),
        true,
      ],
      [
        'num-2',
        'numbered',
        'has lost its key',
        { attributes: { key: 'employeeNumber' } },
        (client, at) => replace(client, at, 'employeeNumber', undefined),
        true,
      ],
      [
        'num-3',
        'numbered',
        'has the key of nobody any more, since it is there no more',
        { attributes: { key: 'employeeNumber' } },
        (client, at) => client.del(at),
        false,
      ],
    ]
  it.each(RENEWED)(
    'of %s (%s), whose entry %s, is asked or told that he has left',
    async (who, ou, _what, more, change, isHere) => {
      const renewing = await source([ou], { ...more, full: '1h' })
      await renewing.pull()
      await write(slapd.port, (client) => change(client, dn(who, ou)))
      house.advance(3_600_000)
      expect(await renewing.pull()).toMatchObject({ full: true })
      expect(await stand(who)).toEqual({ [who]: isHere ? 'here' : house.now().toString() })
      const reasons = new Set(await held(test.store, renewing.feed))
      expect(reasons.has('named_elsewhere')).toBe(isHere)
      // Neither later, nor by asking only for what has changed.
      house.advance(3_600_000)
      await renewing.pull()
      expect((await stand(who))[who] === 'here').toBe(isHere)
    },
  )

  it('holds too many departures at once', async () => {
    const filter = '(&(objectClass=inetOrgPerson)(!(employeeType=left)))'
    const ends = await source(['many'], { filter }, { mass: { share: 0.1, least: 2, windowMs: 3_600_000 } })
    await ends.pull()
    house.advance(30 * 86_400_000)
    const mark = (value: string | undefined) =>
      write(slapd.port, async (client) => {
        for (let n = 2; n < 23; n++) await replace(client, dn(`many-${n}`, 'many'), 'employeeType', value)
      })
    await mark('left')
    await ends.pull()
    expect((await held(test.store, ends.feed)).length).toBe(21)
    expect(await stand('many-2')).toEqual({ 'many-2': 'here' })
    await mark(undefined)
  })

  it.each<[string, Record<string, unknown>]>([
    ['bases', { bases: [`ou=scope-b,${SUFFIX}`] }],
    ['another filter', { filter: '(uid=scope-*-1)' }],
    ['another key', { attributes: { key: 'mail' } }],
    ['another account', { bindDn: `cn=fewer,${SUFFIX}` }],
  ])('calls nobody gone because of %s, also not later, and says how many are out of sight', async (_name, more) => {
    const scopes = await source(['scope-a', 'scope-b'])
    await scopes.pull()
    const names = ['a-1', 'a-2', 'b-1', 'b-2'].map((name) => `scope-${name}`)
    const all = Object.fromEntries(names.map((name) => [name, 'here']))
    const other = scopes.with(more)
    for (let again = 0; again < 2; again++) {
      house.advance(30 * 86_400_000)
      expect(await other.pull()).toMatchObject({ full: true })
      expect(await stand(...names)).toEqual(all)
    }
    const told = await test.store.db
      .selectFrom('audit')
      .select('detail')
      .where('action', '=', 'feed.rescope')
      .where('subject', '=', scopes.feed.name)
      .execute()
    expect(told).toEqual([{ detail: { outOfSight: 'attributes' in more ? 4 : 2 } }])
  })

  it('calls nobody gone whom a reading for others named while the daemon died', async () => {
    const one = await source(['scope-a'])
    await one.pull()
    house.advance(60_000)
    await expect(one.with({ bases: [`ou=scope-b,${SUFFIX}`] }).pull('a directory was read')).rejects.toThrow('died')
    house.advance(30 * 86_400_000)
    expect(await one.pull()).toMatchObject({ full: true })
    const here = { 'scope-a-1': 'here', 'scope-a-2': 'here', 'scope-b-1': 'here', 'scope-b-2': 'here' }
    expect(await stand(...Object.keys(here))).toEqual(here)
  })

  it('calls gone who left while others were asked for, once the same are asked for again', async () => {
    const scopes = await source(['scope-c', 'scope-d'])
    await scopes.pull()
    const half = scopes.with({ bases: [`ou=scope-d,${SUFFIX}`] })
    house.advance(60_000)
    await half.pull()
    await write(slapd.port, async (client) => {
      await client.del(dn('scope-c-1', 'scope-c'))
      await client.del(dn('scope-d-1', 'scope-d'))
    })
    house.advance(30 * 86_400_000)
    await half.pull()
    const gone = house.now().toString()
    expect(await stand('scope-c-1', 'scope-d-1')).toEqual({ 'scope-c-1': 'here', 'scope-d-1': gone })
    house.advance(60_000)
    await scopes.pull()
    expect(await stand('scope-c-1', 'scope-c-2', 'scope-d-1', 'scope-d-2')).toEqual({
      ...{ 'scope-c-1': house.now().toString(), 'scope-c-2': 'here', 'scope-d-1': gone, 'scope-d-2': 'here' },
    })
  })

  it('does not ask about strangers who were disabled long ago', async () => {
    const asking = await source(['groups', 'many'], {}, { inactive: 'ask' })
    const disable = (value: string | undefined) =>
      write(slapd.port, async (client) => {
        for (const who of [dn('group-a', 'groups'), dn('many-9', 'many')]) await replace(client, who, 'nsAccountLock', value)
      })
    await disable('TRUE')
    expect(await asking.pull()).toMatchObject({ full: true, entries: 24 })
    // Somebody whom another source knows is asked about.
    expect([await stand('group-a', 'many-9'), await held(test.store, asking.feed)]).toEqual([
      { 'group-a': 'unknown', 'many-9': 'here' },
      ['ask'],
    ])
    await disable(undefined)
  })

  it('knows by their keys those whose name here is removed, and lets a fault stand for whoever it never heard of', async () => {
    const mailed = (who: string) => `mailed-${who}@example.com`
    const names = ['a', 'b', 'c'].map(mailed)
    const inactive = { attribute: 'employeeType', values: ['left'] }
    const mailing = await source(['mailed'], { attributes: { externalId: 'mail' }, leavers: [LEAVERS], inactive, full: '1h' })
    const faults = async () =>
      (await feedFaults(test.store.db, mailing.feed.name, 10)).map(({ key, fault }) => [key !== null, fault])
    const change = (who: string, type: string, value: string | undefined, ou = 'mailed') =>
      write(slapd.port, (client) => replace(client, dn(`mailed-${who}`, ou), type, value))
    const stray = dn('mailed-stray', 'mailed')
    const lost = [
      [true, `nobody hears of ${stray}: it has no usable mail. Give it one, or leave it out by a filter and dismiss this`],
    ]
    await change('stray', 'mail', undefined)
    expect(await mailing.pull()).toMatchObject({ full: true, joined: 4 })
    expect(await faults()).toEqual(lost)
    await change('a', 'employeeType', 'left')
    await change('a', 'mail', undefined)
    await change('b', 'mail', undefined)
    await write(slapd.port, (client) => client.modifyDN(dn('mailed-b', 'mailed'), dn('mailed-b', 'leavers')))
    await change('c', 'mail', undefined)
    expect(await mailing.pull()).toMatchObject({ full: false, terminated: 2 })
    const gone = house.now().toString()
    expect(await stand(...names)).toEqual({ [mailed('a')]: gone, [mailed('b')]: gone, [mailed('c')]: 'here' })
    // Asked for everybody, and for what has changed, it stands until he is heard.
    house.advance(3_600_000)
    await change('c', 'employeeType', 'left')
    expect(await mailing.pull()).toMatchObject({ full: true, terminated: 1 })
    expect([await stand(mailed('c')), await faults()]).toEqual([{ [mailed('c')]: house.now().toString() }, lost])
    await change('stray', 'mail', mailed('stray'))
    expect(await mailing.pull()).toMatchObject({ full: false, joined: 1 })
    expect(await faults()).toEqual([])
    // Or until he is not there any more.
    await write(slapd.port, async (client) =>
      client.add(dn('mailed-late', 'mailed'), { objectClass: 'inetOrgPerson', cn: 'l', sn: 'l' }),
    )
    await mailing.pull()
    expect((await faults()).length).toBe(1)
    await write(slapd.port, (client) => client.del(dn('mailed-late', 'mailed')))
    house.advance(3_600_000)
    await mailing.pull()
    expect(await faults()).toEqual([])
  })

  it('takes back what stands of a nameless entry only by a reading that would have found it', async () => {
    const at = (name: string) => `cn=${name},ou=nameless,${SUFFIX}`
    const options = { inactive: { attribute: 'employeeType', values: ['left'] }, full: '1h' }
    const keyed = await source(['nameless'], { ...options, attributes: { key: 'employeeNumber' } }, { inactive: 'ask' })
    const plain = await source(['nameless'], options, { inactive: 'ask' })
    const narrow = { filter: '(&(objectClass=inetOrgPerson)(uid=*))' }
    const faults = async (of: typeof keyed) =>
      (await feedFaults(test.store.db, of.feed.name, 10)).map(({ fault }) => /cn=\w+/.exec(fault)?.[0]).toSorted()
    const add = (name: string, more: Record<string, string> = {}) =>
      write(slapd.port, (client) => client.add(at(name), { objectClass: 'inetOrgPerson', cn: name, sn: name, ...more }))
    const change = (name: string, type: string, value: string | undefined) =>
      write(slapd.port, (client) => replace(client, at(name), type, value))
    const everybody = async (of: typeof keyed) => {
      house.advance(3_600_000)
      expect(await of.pull()).toMatchObject({ full: true })
    }
    await add('stray')
    await add('late', { employeeType: 'left' })
    await add('gone')
    for (const each of [keyed, plain]) await each.pull()
    const all = ['cn=gone', 'cn=late', 'cn=stray']
    expect([await faults(keyed), await faults(plain)]).toEqual([all, all])
    // Another filter leaves them out: they are there, however often it is asked.
    for (let again = 0; again < 2; again++) await everybody(plain.with(narrow))
    expect(await faults(plain)).toEqual(all)
    // Named, and away: of a stranger there is nothing to say. A key of its own, or no entry any more.
    await change('late', 'uid', 'late')
    await change('late', 'employeeNumber', 'late')
    await write(slapd.port, (client) => client.del(at('gone')))
    for (const each of [keyed, plain]) await everybody(each)
    expect([await faults(keyed), await faults(plain)]).toEqual([['cn=stray'], ['cn=stray']])
    expect(await stand('late')).toEqual({ late: 'unknown' })
    // Named, and nobody is added.
    const few = plain.with({}, { joiners: 'ignore' })
    await change('stray', 'uid', 'stray')
    await everybody(few)
    expect(await faults(few)).toEqual([])
  })

  it('reads Active Directory’s attributes: disabled, expired, expiring, locked out, and what may not be read', async () => {
    const ad = await domain()
    expect(await ad.pull()).toEqual({ full: true, entries: 7, joined: 7 })
    expect(await stand('ad-alive', 'ad-disabled', 'ad-expired', 'ad-expires', 'ad-locked', 'ad-silent', 'ad-service$')).toEqual({
      'ad-alive': 'here',
      'ad-disabled': house.now().toString(),
      'ad-expired': NOW.subtract({ hours: 30 }).toString(),
      'ad-expires': NOW.add({ hours: 30 }).toString(),
      'ad-locked': 'here',
      'ad-silent': 'here',
      'ad-service$': 'here',
    })
    expect((await subjects(ad.feed.id)).map(({ key }) => key)).toEqual([1, 2, 3, 4, 5, 6, 7].map(GUID))
    const service = await test.store.db
      .selectFrom('identity')
      .select('kind')
      .where('external_id', '=', 'ad-service$')
      .executeTakeFirst()
    expect(service).toEqual({ kind: 'service' })
  })

  it('follows uSNChanged of one domain controller, and asks another one for everybody', async () => {
    const ad = await domain()
    await ad.pull()
    const alive = `cn=ad-alive,ou=domain,${SUFFIX}`
    await write(slapd.port, (client) => replace(client, alive, 'userAccountControl', '514'))
    // Its number is as before: not a change that this server knows of.
    expect(await ad.pull()).toEqual({ full: false, entries: 0 })
    await write(slapd.port, (client) => replace(client, alive, 'uSNChanged', '5001'))
    expect(await ad.pull()).toEqual({ full: false, entries: 1, terminated: 1 })
    await write(slapd.port, (client) => replace(client, `cn=settings,${SUFFIX}`, 'invocationId', 'two'))
    expect(await ad.pull()).toMatchObject({ full: true, entries: 7 })
    expect(await ad.pull()).toMatchObject({ full: false })
    await write(slapd.port, (client) => replace(client, alive, 'userAccountControl', '512'))
  })

  const REFUSED: readonly [string, string[], (slapd: Slapd) => Record<string, unknown>, string, RegExp][] = [
    ['a wrong password', ['many'], () => ({ bindDn: `cn=nobody,${SUFFIX}` }), 'SOURCE_REFUSED', /invalidCredentials/],
    ['a base that is not there', ['nowhere'], () => ({}), 'SOURCE_REFUSED', /noSuchObject/],
    ['a base that may not be read', ['many', 'hidden'], () => ({ bindDn: `cn=blind,${SUFFIX}` }), 'SOURCE_REFUSED', /32/],
    ['a size limit', ['many'], () => ({ bindDn: `cn=limited,${SUFFIX}`, pageSize: 2 }), 'SOURCE_REFUSED', /sizeLimitExceeded/],
    ['keys that may not be read', ['many'], () => ({ bindDn: `cn=keyless,${SUFFIX}` }), 'SOURCE_REFUSED', /without entryUUID/],
    ['a part on another server', ['referred'], () => ({}), 'SOURCE_REFUSED', /another server/],
    ['a filter that is none', ['many'], () => ({ filter: '(uid)' }), 'INPUT_INVALID', /filter/],
    [
      'a certificate that nobody vouches for',
      ['many'],
      ({ tlsPort }) => ({ url: `ldaps://localhost:${tlsPort}` }),
      'SOURCE_UNREACHABLE',
      /\(\w+\)$/,
    ],
    ['no listener', ['many'], () => ({ url: 'ldap://127.0.0.1:1' }), 'SOURCE_UNREACHABLE', /ECONNREFUSED/],
    ['no StartTLS that can be trusted', ['many'], () => ({ startTls: true }), 'SOURCE_UNREACHABLE', /\(\w+\)$/],
    ['an authority that is not there', ['many'], () => ({ caFile: '/nowhere/ca.pem' }), 'INPUT_INVALID', /ENOENT/],
  ]
  it.each(REFUSED)('takes nothing, and names the fault, where there is %s', async (_name, bases, more, code, message) => {
    const whole = await source(['many'])
    await whole.pull()
    const [position, before] = [await whole.position(), await stand('many-1', 'many-2')]
    house.advance(30 * 86_400_000)
    const asked = keys(bases, more(slapd))
    const refused = await whole
      .with(asked)
      .pull()
      .catch((error: unknown) => error)
    expect(refused).toMatchObject({ code, message: expect.stringMatching(message) })
    expect(JSON.stringify([refused, String(refused)])).not.toContain(READER_PASSWORD)
    expect([await whole.position(), await stand('many-1', 'many-2')]).toEqual([position, before])
  })

  it('takes nothing, and names the fault, where deleted objects cannot be looked for', async () => {
    const ad = await domain({ filter: '(&(objectClass=user)(!(employeeType=left)))' })
    await ad.pull()
    const [position, before] = [await ad.position(), await stand('ad-alive', 'ad-silent')]
    const mark = (value: string | undefined) =>
      write(slapd.port, (client) => replace(client, `cn=ad-silent,ou=domain,${SUFFIX}`, 'employeeType', value))
    await mark('left')
    house.advance(30 * 86_400_000)
    await expect(ad.with({ deletedObjects: true }).pull()).rejects.toMatchObject({
      code: 'SOURCE_REFUSED',
      message: expect.stringMatching(/unavailableCriticalExtension/),
    })
    expect([await ad.position(), await stand('ad-alive', 'ad-silent')]).toEqual([position, before])
    await mark(undefined)
  })

  it.each([
    ['LDAPS', ({ tlsPort }: Slapd) => ({ url: `ldaps://127.0.0.1:${tlsPort}` })],
    ['LDAPS by name', ({ tlsPort }: Slapd) => ({ url: `ldaps://localhost:${tlsPort}` })],
    ['StartTLS', ({ port }: Slapd) => ({ url: `ldap://localhost:${port}`, startTls: true })],
  ])('is asked over %s, with an authority of its own', async (_name, path) => {
    const many = await source(['many'], { ...path(slapd), caFile: slapd.authority.file })
    expect(await many.pull()).toMatchObject({ full: true, entries: 23 })
  })
})
