import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { ServerHostKeyAlgorithm } from 'ssh2'
import { findKnownHosts } from './knownHosts.ts'

/** What a host key may be pinned by: a SHA-256 fingerprint or a whole public key. */
export const PIN = /^(?:SHA256:[A-Za-z0-9+/]{43}=?|(?:ssh-|ecdsa-)[a-z0-9-]+ [A-Za-z0-9+/]+={0,2}(?: .*)?)$/

/** Which host keys an attempt may go on with. */
export interface Pins {
  accepts(fingerprint: string): boolean
  /** The algorithms to offer, so that a server with several keys shows the one we know; undefined: the driver's own list. */
  algorithms?: ServerHostKeyAlgorithm[]
}

export interface PinSource {
  host: string
  port: number
  hostKey?: string | readonly string[] | undefined
  knownHosts?: string | undefined
}

/**
 * What the target says wins; without it the key that the trial pinned earlier; without that any key, which the trial then
 * pins. Throws what reading the known_hosts file throws.
 */
export async function loadPins(source: PinSource, pinnedPeer: string | undefined): Promise<Pins> {
  if (source.knownHosts !== undefined) {
    const { trusted, revoked } = findKnownHosts(await readFile(source.knownHosts, 'utf8'), source.host, source.port)
    const refused = new Set(revoked.map((key) => fingerprintOf(key.blob)))
    const known = new Set(trusted.map((key) => fingerprintOf(key.blob)).filter((fingerprint) => !refused.has(fingerprint)))
    return { accepts: (fingerprint) => known.has(fingerprint), ...offer(trusted.map((key) => key.type)) }
  }
  if (source.hostKey !== undefined) {
    const pins = typeof source.hostKey === 'string' ? [source.hostKey] : source.hostKey
    const keys = pins.map(parsePin)
    const known = new Set(keys.map((key) => key.fingerprint))
    return { accepts: (fingerprint) => known.has(fingerprint), ...offer(keys.map((key) => key.type)) }
  }
  return { accepts: (fingerprint) => pinnedPeer === undefined || fingerprint === pinnedPeer }
}

/** `SHA256:` and unpadded Base64, as OpenSSH prints it. */
export function fingerprintOf(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`
}

function parsePin(pin: string): { fingerprint: string; type?: string } {
  if (pin.startsWith('SHA256:')) return { fingerprint: pin.replace(/=$/, '') }
  const [type = '', base64 = ''] = pin.split(' ')
  return { fingerprint: fingerprintOf(Buffer.from(base64, 'base64')), type }
}

/** Signature algorithms by key type, best first (RFC 8332 for RSA); only those that ssh2 speaks. */
const ALGORITHMS: Readonly<Record<string, readonly ServerHostKeyAlgorithm[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa'],
}

/** Nothing to offer where one pin does not tell its type, or none is of a type that the driver speaks. */
function offer(types: readonly (string | undefined)[]): { algorithms?: ServerHostKeyAlgorithm[] } {
  if (types.includes(undefined)) return {}
  const algorithms = Object.entries(ALGORITHMS).flatMap(([type, names]) => (types.includes(type) ? names : []))
  return algorithms.length === 0 ? {} : { algorithms }
}
