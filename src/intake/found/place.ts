import { isIPv6 } from 'node:net'

/** Where a secret belongs, as its source names it. */
export interface Place {
  /** Lower case, an IPv6 address without brackets. */
  host: string
  /** Undefined: the source names none. */
  port?: number
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = {
  'https:': 443,
  'http:': 80,
  'ldaps:': 636,
  'ldap:': 389,
  'postgres:': 5432,
  'postgresql:': 5432,
  'ssh:': 22,
}

/** Names under which a service is known beside that of its API: a credential of the left is one of the right. */
const ALSO_AT: Readonly<Record<string, readonly string[]>> = {
  'github.com': ['api.github.com'],
  'gist.github.com': ['api.github.com'],
  'docker.io': ['registry-1.docker.io', 'hub.docker.com'],
  'index.docker.io': ['registry-1.docker.io', 'hub.docker.com'],
  'registry-1.docker.io': ['hub.docker.com'],
}

/** The place of an address; undefined for what is none, or has no host, or several, or a variable in its place. */
export function placeOfUrl(address: string): Place | undefined {
  if (!URL.canParse(address)) return undefined
  const { protocol, hostname, port } = new URL(address)
  const known = port === '' ? DEFAULT_PORTS[protocol] : Number(port)
  return !isHost(hostname) ? undefined : { ...placeOf(hostname), ...(known === undefined ? {} : { port: known }) }
}

/** The place of `host`, `host:port`, `[::1]:port` or a whole address; undefined for what is none of them. */
export function placeOfHost(text: string, scheme = 'https'): Place | undefined {
  if (text.includes('://')) return placeOfUrl(text)
  const bare = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9_.-]+))(?::(\d{1,5}))?(?:\/\S*)?$/.exec(text)
  if (bare === null) return isIPv6(text) ? placeOf(text) : undefined
  const [, six, name, port] = bare
  const known = port === undefined ? DEFAULT_PORTS[`${scheme}:`] : Number(port)
  return { ...placeOf(six ?? name ?? ''), ...(known === undefined ? {} : { port: known }) }
}

/** A host by its name alone, whatever the port. */
export function placeOf(host: string): Place {
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host
  return { host: bare.toLowerCase().replace(/\.$/, '') }
}

/** A name or an address of one host, an IPv6 address in brackets or without. */
export function isHost(text: string): boolean {
  return /^[A-Za-z0-9_.-]+$/.test(text) || isIPv6(text.replace(/^\[(.*)\]$/, '$1'))
}

/** Whether two names that a source gives for one place may be that: the same host, or the service and its API. */
export function isSamePlace(a: Place, b: Place): boolean {
  const names = ({ host }: Place) => [host, ...(Object.hasOwn(ALSO_AT, host) ? (ALSO_AT[host] ?? []) : [])]
  const samePort = a.port === undefined || b.port === undefined || a.port === b.port
  return samePort && (names(a).includes(b.host) || names(b).includes(a.host))
}

/** Whether what belongs to a place may be sent to an origin (`https://api.github.com`, the first of several). */
export function isAt(origin: string, { host, port }: Place): boolean {
  const at = placeOfUrl(origin.split(' ')[0] ?? '')
  if (at === undefined) return false
  const names = [host, ...(Object.hasOwn(ALSO_AT, host) ? (ALSO_AT[host] ?? []) : [])]
  return names.includes(at.host) && (port === undefined || at.port === undefined || at.port === port)
}

/** True for an origin that is asked over HTTP. */
export function isWeb(origin: string): boolean {
  return /^https?:/.test(origin)
}
