import { createHmac, timingSafeEqual } from 'node:crypto'

export interface KnownKey {
  type: string
  blob: Buffer
}

/**
 * The keys that a known_hosts file has for a host (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT): names, patterns, `!` exceptions,
 * `[host]:port`, hashed names, `@revoked`. Lines of certificate authorities are passed over: the driver knows no host certificates.
 */
export function findKnownHosts(text: string, host: string, port: number): { trusted: KnownKey[]; revoked: KnownKey[] } {
  const name = port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`
  const trusted: KnownKey[] = []
  const revoked: KnownKey[] = []
  for (const line of text.split(/\r?\n/)) {
    const fields = line.trim().split(/\s+/)
    const marker = fields[0]?.startsWith('@') === true ? fields.shift() : undefined
    const [hosts, type, base64] = fields
    if (hosts === undefined || type === undefined || base64 === undefined || hosts.startsWith('#')) continue
    if ((marker !== undefined && marker !== '@revoked') || !matches(hosts, name)) continue
    const list = marker === '@revoked' ? revoked : trusted
    list.push({ type, blob: Buffer.from(base64, 'base64') })
  }
  return { trusted, revoked }
}

function matches(hosts: string, name: string): boolean {
  if (hosts.startsWith('|1|')) return matchesHash(hosts, name)
  const patterns = hosts.toLowerCase().split(',')
  // One exception outweighs every other pattern of its line.
  if (patterns.some((pattern) => pattern.startsWith('!') && glob(pattern.slice(1)).test(name))) return false
  return patterns.some((pattern) => !pattern.startsWith('!') && glob(pattern).test(name))
}

/** `|1|salt|hash`: HMAC-SHA1 of the name with the salt as key, both Base64. */
function matchesHash(hosts: string, name: string): boolean {
  const [, , salt = '', hash = ''] = hosts.split('|')
  const expected = Buffer.from(hash, 'base64')
  const actual = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest()
  return expected.length === actual.length && timingSafeEqual(expected, actual)
}

function glob(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${source}$`)
}
