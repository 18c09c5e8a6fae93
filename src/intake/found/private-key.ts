import { createPrivateKey } from 'node:crypto'
import { openBox } from '../../custody/box.ts'
import { type Aside, type Candidate, setAside } from './candidate.ts'

/** Types that the `ssh` probe logs in with, by the names of `node:crypto`. */
const TYPES: ReadonlySet<string | undefined> = new Set(['rsa', 'ec', 'ed25519'])

/** Why a private key cannot be imported; undefined for one that can, and for whatever is no private key. */
export async function keyFault(found: Candidate): Promise<Aside | undefined> {
  const { privateKey } = openBox(found.held)
  if (privateKey === undefined) return undefined
  if (isEncrypted(privateKey)) return setAside(found, 'needs_passphrase')
  return (await isUsable(privateKey)) ? undefined : setAside(found, 'unreadable', 'is no private key that SSH can log in with')
}

/** By the form alone: PEM says so in a header (RFC 1421 §4.6.1.1) or in its label, OpenSSH in the name of its cipher (PROTOCOL.key). */
export function isEncrypted(pem: string): boolean {
  if (/^-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type:\s*4,ENCRYPTED/m.test(pem)) return true
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]*?)-----END/.exec(pem)?.[1]
  if (body === undefined) return false
  const bytes = Buffer.from(body, 'base64')
  const start = MAGIC.length
  if (bytes.length < start + 4 || bytes.toString('latin1', 0, start) !== MAGIC) return false
  const cipher = bytes.toString('latin1', start + 4, start + 4 + Math.min(bytes.readUInt32BE(start), 64))
  return cipher !== 'none'
}

const MAGIC = 'openssh-key-v1\0'

async function isUsable(pem: string): Promise<boolean> {
  try {
    if (/-----BEGIN PRIVATE KEY-----/.test(pem)) return TYPES.has(createPrivateKey(pem).asymmetricKeyType)
    const { default: ssh2 } = await import('ssh2')
    const key = ssh2.utils.parseKey(pem)
    return !(key instanceof Error) && !Array.isArray(key) && key.isPrivateKey()
  } catch {
    return false
  }
}
