import { randomUUID } from 'node:crypto'
import { Attribute, Change, Client } from 'ldapts'
import { expect } from 'vitest'
import type { Feed, FeedPolicy } from '../../../src/intake/feed/said.ts'
import { LDAP } from '../../../src/intake/sources/ldap.ts'
import type { PullContext } from '../../../src/intake/sources/source.ts'
import type { Store } from '../../../src/store/db.ts'
import { feedPosition, moveFeed, syncFeeds } from '../../../src/store/feed.ts'
import { findIdentities } from '../../../src/store/identity.ts'
import { SUFFIX } from '../../servers/slapd.ts'
import type { House } from '../house.ts'

export const READER = `cn=reader,${SUFFIX}`
export const READER_PASSWORD = 'reader-Secret-0815'
const ROOT_PASSWORD = 'root-secret'

/** What a slapd needs beside what the probe's tests have: attributes of others, somebody who may write, accounts with limits. */
export const SLAPD = {
  policy: 'none',
  config: [
    // The names, numbers and syntaxes of Active Directory ([MS-ADA1], [MS-ADA3]), 389 Directory Server, nis.schema and the Kerberos schema.
    "attributetype ( 1.2.840.113556.1.4.2 NAME 'objectGUID' EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )",
    ...integer('1.2.840.113556.1.4.8', 'userAccountControl'),
    ...integer('1.2.840.113556.1.4.159', 'accountExpires'),
    ...integer('1.2.840.113556.1.2.120', 'uSNChanged'),
    ...integer('1.2.840.113556.1.4.662', 'lockoutTime'),
    ...integer('1.3.6.1.1.1.1.10', 'shadowExpire'),
    ...text('1.2.840.113556.1.4.221', 'sAMAccountName'),
    ...text('2.16.840.1.113730.3.1.610', 'nsAccountLock'),
    ...text('1.2.840.113556.1.99.1', 'highestCommittedUSN'),
    ...text('1.2.840.113556.1.99.2', 'dsServiceName'),
    ...text('1.2.840.113556.1.99.3', 'defaultNamingContext'),
    ...text('1.2.840.113556.1.2.115', 'invocationId'),
    "attributetype ( 2.16.840.1.113719.1.301.4.6.1 NAME 'krbPrincipalExpiration' EQUALITY generalizedTimeMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.24 SINGLE-VALUE )",
    "objectclass ( 1.2.840.113556.1.5.9 NAME 'user' SUP inetOrgPerson STRUCTURAL MUST ( objectGUID $ sAMAccountName ) MAY ( userAccountControl $ accountExpires $ uSNChanged $ lockoutTime ) )",
    "objectclass ( 1.2.840.113556.1.5.282 NAME 'msDS-GroupManagedServiceAccount' SUP user STRUCTURAL )",
    "objectclass ( 1.2.840.113556.1.99.4 NAME 'accountState' SUP top AUXILIARY MAY ( nsAccountLock $ shadowExpire $ krbPrincipalExpiration ) )",
  ],
  database: [
    `rootpw ${ROOT_PASSWORD}`,
    `limits dn.exact="cn=limited,${SUFFIX}" size.prtotal=3`,
    'sizelimit size.soft=unlimited size.hard=unlimited',
    `access to dn.subtree="ou=hidden,${SUFFIX}" by dn.exact="cn=blind,${SUFFIX}" none by * read`,
    `access to dn.one="ou=scope-a,${SUFFIX}" by dn.exact="cn=fewer,${SUFFIX}" none by * read`,
    `access to attrs=entryUUID,userPassword by dn.exact="cn=keyless,${SUFFIX}" auth by * read`,
    'access to * by * read',
  ],
} as const

function integer(oid: string, name: string): string[] {
  return [
    `attributetype ( ${oid} NAME '${name}' EQUALITY integerMatch ORDERING integerOrderingMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )`,
  ]
}

function text(oid: string, name: string): string[] {
  return [`attributetype ( ${oid} NAME '${name}' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )`]
}

export function unit(name: string): string[] {
  return [`dn: ou=${name},${SUFFIX}`, 'objectClass: organizationalUnit', `ou: ${name}`]
}

export function account(name: string): string[] {
  return [`dn: cn=${name},${SUFFIX}`, 'objectClass: person', `cn: ${name}`, `sn: ${name}`, `userPassword: ${READER_PASSWORD}`]
}

/** Everybody was changed long ago. */
const OLD = ['modifyTimestamp: 20260101000000Z', 'createTimestamp: 20260101000000Z']

export function person(uid: string, more: readonly string[] = [], ou = 'staff'): string[] {
  return [
    `dn: uid=${uid},ou=${ou},${SUFFIX}`,
    ...['objectClass: inetOrgPerson', 'objectClass: accountState', `uid: ${uid}`, `cn: Name of ${uid}`, `sn: ${uid}`],
    ...[`mail: ${uid}@example.com`, `entryUUID: ${randomUUID()}`, ...OLD, ...more],
  ]
}

export async function write<Value>(port: number, work: (client: Client) => Promise<Value>): Promise<Value> {
  const client = new Client({ url: `ldap://127.0.0.1:${port}` })
  try {
    await client.bind(`cn=root,${SUFFIX}`, ROOT_PASSWORD)
    return await work(client)
  } finally {
    await client.unbind()
  }
}

export function replace(client: Client, dn: string, type: string, value: string | undefined): Promise<void> {
  const modification = new Attribute({ type, values: value === undefined ? [] : [value] })
  return client.modify(dn, new Change({ operation: 'replace', modification }))
}

export interface Source {
  feed: Feed
  /** Asks once; answers what it logged of the reading. @param dies where it logs such, and no further */
  pull(dies?: string): Promise<Record<string, unknown>>
  position(): Promise<Record<string, unknown> | null>
  /** The same feed with other keys. */
  with(more: Record<string, unknown>, policy?: Partial<FeedPolicy>): Source
}

const POLICY: FeedPolicy = {
  ...{ inactive: 'terminate', deleted: 'terminate', joiners: 'follow' },
  mass: { share: 0.5, least: 10, windowMs: 3_600_000 },
}

let feeds = 0

/** A feed of its own. */
export async function openSource(
  house: House,
  store: Store,
  options: Record<string, unknown>,
  policy: Partial<FeedPolicy> = {},
  password = READER_PASSWORD,
): Promise<Source> {
  const name = `directory-${++feeds}`
  const before = await store.db.selectFrom('feed').select(['name', 'kind']).where('retired_at', 'is', null).execute()
  const rows = await syncFeeds(
    store.db,
    [...before, { name, kind: 'ldap' as const }].map((each) => ({ ...each, silentAfterMs: 3_600_000 })),
    house.now(),
  )
  const id = rows.find((row) => row.name === name)?.id ?? expect.fail('no feed')
  return sourceOf(house, store, { id, name, kind: 'ldap', policy: { ...POLICY, ...policy } }, options, password)
}

function sourceOf(house: House, store: Store, feed: Feed, options: Record<string, unknown>, password: string): Source {
  const { pull } = LDAP.open(options)
  return {
    feed,
    position: () => feedPosition(store.db, feed.id),
    with: (more, policy = {}) =>
      sourceOf(house, store, { ...feed, policy: { ...feed.policy, ...policy } }, { ...options, ...more }, password),
    pull: async (dies) => {
      const said: Record<string, unknown>[] = []
      const context: PullContext = {
        feed,
        deps: { ...house.deps, actor: `feed ${feed.name}` },
        position: await feedPosition(store.db, feed.id),
        move: (position) => moveFeed(store.db, feed.id, position),
        readReference: async () => password,
        fingerprint: () => '',
        log: (_level, message, fields) => {
          if (dies !== undefined && message.includes(dies)) throw new Error('the daemon died')
          if (message === 'a directory was read') said.push(fields)
        },
        signal: new AbortController().signal,
      }
      await (pull ?? expect.fail('it is pulled')).once(context)
      return said[0] ?? {}
    },
  }
}

/** Who is known under external ids: the instant at which each left, or how they stand. */
export async function standings(store: Store, ids: readonly string[]): Promise<Record<string, string>> {
  const rows = await findIdentities(store.db, [...ids])
  return Object.fromEntries(
    ids.map((id) => {
      const row = rows.get(id)
      if (row === undefined) return [id, 'unknown']
      return [id, row.terminated_at?.toString() ?? (row.suspended_at === null ? 'here' : 'suspended')]
    }),
  )
}

/** Statements of a feed that wait for a person, by their reason. */
export async function held(store: Store, feed: Feed): Promise<(string | null)[]> {
  const rows = await store.db
    .selectFrom('feed_statement')
    .select('reason')
    .where('feed_id', '=', feed.id)
    .where('state', '=', 'held')
    .orderBy('id')
    .execute()
  return rows.map(({ reason }) => reason)
}
