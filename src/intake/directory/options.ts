import { z } from 'zod'
import { duration } from '../../config/duration.ts'
import { count, line, reference } from '../../config/scalar.ts'
import { isLoopbackHost } from '../../domain/loopback.ts'
import { parseDn } from './dn.ts'
import { FLAVOURS } from './flavour.ts'

const dn = () =>
  z
    .string()
    .max(1024, { error: 'must have at most 1024 characters' })
    .refine((text) => parseDn(text) !== undefined, { error: 'must be a distinguished name, e.g. OU=People,DC=example,DC=com' })

const attribute = () =>
  z.string().regex(/^[A-Za-z][A-Za-z0-9-]{0,127}$/, { error: 'must be the name of an attribute, e.g. employeeNumber' })

const values = () => z.array(line()).min(1, { error: 'must hold at least one value' }).max(100)

const url = () =>
  z.string().refine((text) => hostOf(text) !== undefined, { error: 'must be ldaps://HOST[:PORT] or ldap://HOST[:PORT]' })

/** The keys of a source that is a directory. */
export const directoryOptions = z
  .strictObject({
    url: url().describe('ldaps://HOST[:PORT], or ldap:// with startTls. One server, not a name that leads to many.'),
    startTls: z.boolean().default(false).describe('Encrypts an ldap:// connection before anything is sent.'),
    caFile: line().exactOptional().describe('PEM file of the authority to trust in place of the common ones.'),
    flavour: z.enum(['ad', 'openldap']).describe('ad: Active Directory, Samba. openldap: OpenLDAP, 389, FreeIPA and others.'),
    bindDn: z
      .string()
      .min(1, { error: 'must not be empty' })
      .max(1024)
      .describe('As whom to ask: a distinguished name, for ad also NAME@DOMAIN. It needs to read, and nothing else.'),
    password: reference().describe('A reference to its password.'),
    bases: z.array(dn()).min(1, { error: 'must hold at least one base' }).max(20).describe('Below these people are looked for.'),
    filter: z
      .string()
      .max(4_096)
      .refine(isBalanced, { error: 'must be a filter in parentheses (RFC 4515), e.g. (objectClass=person)' })
      .exactOptional()
      .describe('Who of those below the bases counts. Left out: what docs/sources.md says of the flavour.'),
    attributes: z
      .strictObject({
        key: attribute().exactOptional().describe('What never changes about an entry.'),
        externalId: attribute().exactOptional().describe('What names somebody here.'),
        email: attribute().exactOptional(),
        name: attribute().exactOptional(),
      })
      .prefault({})
      .describe('Where each is read. Left out: what docs/sources.md says of the flavour.'),
    services: z
      .strictObject({
        under: z.array(dn()).max(50).default([]).describe('What lies below these is a service, no person.'),
        attribute: attribute().exactOptional().describe('What has one of `values` in this attribute is a service.'),
        values: values().exactOptional(),
      })
      .prefault({})
      .describe('Which entries are services. Managed service accounts of Active Directory always are.'),
    inactive: z
      .strictObject({ attribute: attribute(), values: values() })
      .exactOptional()
      .describe('An attribute of your own that says that somebody is inactive.'),
    leavers: z.array(dn()).max(20).default([]).describe('Whoever was moved below these has left.'),
    deletedObjects: z
      .boolean()
      .default(false)
      .describe('ad: also reads the container of deleted objects, which the account must be allowed to see.'),
    every: duration('10s', '7d').prefault('5m').describe('How often it is asked for what has changed.'),
    full: duration('1m', '30d').prefault('24h').describe('How often it is asked for everybody, to notice who is missing.'),
    overlap: duration('1s', '1d')
      .prefault('10m')
      .describe('openldap: so far back changes are read again; longer than replicas lag.'),
    pageSize: count(1, 5_000).default(500).describe('Entries of one page; Active Directory gives at most 1000.'),
    timeout: duration('1s', '10m').prefault('1m').describe('For the connection, and for each page.'),
  })
  .superRefine(({ url, startTls, flavour, deletedObjects, services, attributes }, context) => {
    const fault = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message })
    const host = hostOf(url)
    if (host?.scheme === 'ldaps' && startTls) fault(['startTls'], 'is for ldap://: an ldaps:// connection is encrypted already')
    if (host?.scheme === 'ldap' && !startTls && !isLoopbackHost(host.hostname))
      fault(['url'], 'would send the password in clear: use ldaps://, or set startTls')
    if (deletedObjects && flavour !== 'ad') fault(['deletedObjects'], 'is for the flavour ad')
    if (deletedObjects && !isOwnKey(attributes.key)) fault(['deletedObjects'], 'needs the key objectGUID')
    if ((services.attribute === undefined) !== (services.values === undefined))
      fault(['services'], 'attribute and values belong together')
  })
export type DirectoryOptions = z.output<typeof directoryOptions>

/** The attributes that are read of each entry. */
export function attributesOf({ flavour, attributes }: DirectoryOptions) {
  return { ...FLAVOURS[flavour].attributes, ...attributes }
}

function isOwnKey(key: string | undefined): boolean {
  return key === undefined || key.toLowerCase() === 'objectguid'
}

/** Undefined for anything but a scheme, a host and a port. */
export function hostOf(text: string): { scheme: 'ldap' | 'ldaps'; hostname: string } | undefined {
  const match = /^(ldaps?):\/\/(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::([0-9]{1,5}))?\/?$/.exec(text)
  const hostname = match?.[2] ?? match?.[3]
  if (hostname === undefined || Number(match?.[4] ?? 1) > 65_535) return undefined
  return { scheme: match?.[1] === 'ldaps' ? 'ldaps' : 'ldap', hostname }
}

/** A parenthesis inside a value is escaped (`\28`), so that counting them is enough. */
function isBalanced(filter: string): boolean {
  let depth = 0
  for (const [n, char] of [...filter].entries()) {
    depth += char === '(' ? 1 : char === ')' ? -1 : 0
    if (depth < 0 || (depth === 0 && n < filter.length - 1)) return false
  }
  return depth === 0 && filter.startsWith('(')
}
