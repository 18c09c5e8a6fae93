import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import type { ParsedKey } from 'ssh2'
import { RevenantError } from '../../src/domain/error.ts'

/** Reads a PEM with the driver's parser. */
export type ParseKey = (data: string, passphrase?: string) => ParsedKey | Error

/**
 * A private key as the driver takes it. ssh2 reads OpenSSH's format, PKCS#1 and SEC 1; PKCS#8 is turned into one of those.
 * Throws `SECRET_INVALID` without the reason, which could quote the key.
 */
export function readPrivateKey(pem: string, passphrase: string | undefined, parse: ParseKey): ParsedKey {
  const key = isPkcs8(pem) ? parse(fromPkcs8(pem, passphrase)) : parse(pem, passphrase)
  // A file of several keys (an old OpenSSH habit) parses to a list: only a single private key is a secret of one account.
  if (key instanceof Error || Array.isArray(key) || !key.isPrivateKey()) throw unreadable()
  return key
}

/** A new Ed25519 key in OpenSSH's format, for decoys: made in a tenth of a millisecond, known by nobody. */
export function makeEd25519(): string {
  return encodeEd25519(generateKeyPairSync('ed25519').privateKey)
}

function isPkcs8(pem: string): boolean {
  return /-----BEGIN (ENCRYPTED )?PRIVATE KEY-----/.test(pem)
}

function fromPkcs8(pem: string, passphrase: string | undefined): string {
  try {
    const key = createPrivateKey({ key: pem, ...(passphrase === undefined ? {} : { passphrase }) })
    switch (key.asymmetricKeyType) {
      case 'rsa':
        return key.export({ type: 'pkcs1', format: 'pem' }).toString()
      case 'ec':
        return key.export({ type: 'sec1', format: 'pem' }).toString()
      case 'ed25519':
        return encodeEd25519(key)
    }
  } catch {
    // OpenSSL's error says no more than that the bytes or the passphrase are wrong.
  }
  throw unreadable()
}

function unreadable(): RevenantError {
  return new RevenantError('SECRET_INVALID', 'the private key cannot be read: check its form and its passphrase')
}

/** openssh-key-v1 without encryption (OpenSSH, PROTOCOL.key). */
function encodeEd25519(key: KeyObject): string {
  const { d = '', x = '' } = key.export({ format: 'jwk' })
  const publicKey = Buffer.from(x, 'base64url')
  const type = string('ssh-ed25519')
  const blob = Buffer.concat([type, string(publicKey)])
  // Twice the same number: tells a reader that it decrypted well.
  const check = randomBytes(4)
  const body = [
    check,
    check,
    type,
    string(publicKey),
    string(Buffer.concat([Buffer.from(d, 'base64url'), publicKey])),
    string(''),
  ]
  const length = body.reduce((sum, part) => sum + part.length, 0)
  const padding = Buffer.from(Array.from({ length: (8 - (length % 8)) % 8 }, (_, index) => index + 1))
  const one = Buffer.from([0, 0, 0, 1])
  const head = [Buffer.from('openssh-key-v1\0'), string('none'), string('none'), string(''), one, string(blob)]
  const bytes = Buffer.concat([...head, string(Buffer.concat([...body, padding]))])
  const lines = bytes.toString('base64').match(/.{1,70}/g) ?? []
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines.join('\n')}\n-----END OPENSSH PRIVATE KEY-----\n`
}

function string(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}
