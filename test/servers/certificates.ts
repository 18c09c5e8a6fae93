import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generate } from 'selfsigned'

export interface Certificate {
  key: string
  cert: string
}

export interface Authority extends Certificate {
  /** The authority's certificate in a file, for targets that name one. */
  file: string
  /** Issues a server certificate. `names` are DNS names or IPv4 addresses; `notAfter` may lie in the past. */
  issue(names: readonly string[], validity?: { notBefore: Date; notAfter: Date }): Promise<Certificate>
  /** Removes the file. */
  remove(): void
}

/** Makes a certificate authority of the test's own: nothing on this machine trusts it unless told to. */
export async function makeAuthority(name = 'Revenant test authority'): Promise<Authority> {
  const root = await generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  })
  const folder = mkdtempSync(join(tmpdir(), 'revenant-ca-'))
  const file = join(folder, 'ca.pem')
  writeFileSync(file, root.cert)
  const ca = { key: root.private, cert: root.cert }
  return {
    ...ca,
    file,
    issue: (names, validity) => issue(ca, names, validity),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

async function issue(
  ca: Certificate,
  names: readonly string[],
  validity?: { notBefore: Date; notAfter: Date },
): Promise<Certificate> {
  const leaf = await generate([{ name: 'commonName', value: names[0] ?? 'nameless' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    ca,
    ...(validity === undefined ? {} : { notBeforeDate: validity.notBefore, notAfterDate: validity.notAfter }),
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: names.map((name) => (isIpv4(name) ? { type: 7, ip: name } : { type: 2, value: name })),
      },
    ],
  })
  return { key: leaf.private, cert: leaf.cert }
}

function isIpv4(name: string): boolean {
  return /^\d+\.\d+\.\d+\.\d+$/.test(name)
}
