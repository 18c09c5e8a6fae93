import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { isIP } from 'node:net'

/** PEM. */
export interface Pair {
  cert: string
  key: string
}

export interface Authority {
  /** PEM of the CA's own certificate. */
  cert: string
  /** A certificate for DNS names and IPv4 addresses, good for servers and clients. `expired`: it ended yesterday. */
  issue(names: readonly string[], options?: { expired?: boolean }): Pair
}

/** A certificate authority in memory, so that no test needs openssl or leaves a key behind. ECDSA P-256, X.509 v3 (RFC 5280). */
export function makeAuthority(name = 'Revenant test CA'): Authority {
  const ca = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const own = certificate({
    subject: name,
    issuer: name,
    spki: ca.publicKey,
    signer: ca.privateKey,
    names: [],
    isCa: true,
    days: [-1, 30],
  })
  return {
    cert: own,
    issue(names, { expired = false } = {}) {
      const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const days = expired ? ([-3, -1] as const) : ([-1, 30] as const)
      const subject = names[0] ?? 'nobody'
      const cert = certificate({ subject, issuer: name, spki: pair.publicKey, signer: ca.privateKey, names, isCa: false, days })
      return {
        cert,
        key: createPrivateKey(pair.privateKey.export({ type: 'pkcs8', format: 'pem' }))
          .export({ type: 'pkcs8', format: 'pem' })
          .toString(),
      }
    },
  }
}

interface Contents {
  subject: string
  issuer: string
  spki: KeyObject
  signer: KeyObject
  names: readonly string[]
  isCa: boolean
  days: readonly [number, number]
}

const OID = {
  commonName: '550403',
  ecdsaSha256: '2a8648ce3d040302',
  basicConstraints: '551d13',
  keyUsage: '551d0f',
  extKeyUsage: '551d25',
  subjectAltName: '551d11',
  serverAuth: '2b06010505070301',
  clientAuth: '2b06010505070302',
} as const

function certificate(of: Contents): string {
  const algorithm = seq(oid(OID.ecdsaSha256))
  const serial = randomBytes(16)
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40
  const tbs = seq(
    der(0xa0, integer(Buffer.from([2]))),
    integer(serial),
    algorithm,
    distinguishedName(of.issuer),
    seq(time(of.days[0]), time(of.days[1])),
    distinguishedName(of.subject),
    of.spki.export({ type: 'spki', format: 'der' }),
    der(0xa3, seq(...extensions(of))),
  )
  const signature = sign('sha256', tbs, of.signer)
  const bytes = seq(tbs, algorithm, bits(signature))
  return `-----BEGIN CERTIFICATE-----\n${bytes.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`
}

function extensions({ isCa, names }: Contents): Buffer[] {
  if (isCa) {
    // keyCertSign and cRLSign: bits 5 and 6.
    return [
      extension(OID.basicConstraints, seq(der(0x01, Buffer.from([0xff])))),
      extension(OID.keyUsage, der(0x03, Buffer.from([1, 0x06]))),
    ]
  }
  const alternatives = names.map((name) =>
    isIP(name) === 4 ? der(0x87, Buffer.from(name.split('.').map(Number))) : der(0x82, Buffer.from(name)),
  )
  return [
    extension(OID.keyUsage, der(0x03, Buffer.from([7, 0x80]))),
    extension(OID.extKeyUsage, seq(oid(OID.serverAuth), oid(OID.clientAuth))),
    extension(OID.subjectAltName, seq(...alternatives)),
  ]
}

function extension(id: string, value: Buffer): Buffer {
  return seq(oid(id), der(0x04, value))
}

function distinguishedName(commonName: string): Buffer {
  return seq(der(0x31, seq(oid(OID.commonName), der(0x0c, Buffer.from(commonName)))))
}

/** UTCTime, days from now. */
function time(days: number): Buffer {
  const at = new Date(Date.now() + days * 86_400_000).toISOString()
  return der(0x17, Buffer.from(`${at.slice(2, 19).replace(/[-:T]/g, '')}Z`))
}

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'))
}

function integer(bytes: Buffer): Buffer {
  return der(0x02, bytes)
}

function bits(bytes: Buffer): Buffer {
  return der(0x03, Buffer.concat([Buffer.from([0]), bytes]))
}

function seq(...parts: Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts))
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}
