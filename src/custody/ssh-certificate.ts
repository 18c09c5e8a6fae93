/** How many fields of its kind stand between the nonce and the serial number (OpenSSH PROTOCOL.certkeys). */
const KEY_FIELDS: Readonly<Record<string, number>> = {
  'ssh-rsa-cert-v01@openssh.com': 2,
  'ssh-dss-cert-v01@openssh.com': 4,
  'ssh-ed25519-cert-v01@openssh.com': 1,
  'ecdsa-sha2-nistp256-cert-v01@openssh.com': 2,
  'ecdsa-sha2-nistp384-cert-v01@openssh.com': 2,
  'ecdsa-sha2-nistp521-cert-v01@openssh.com': 2,
  'sk-ssh-ed25519-cert-v01@openssh.com': 2,
  'sk-ecdsa-sha2-nistp256-cert-v01@openssh.com': 3,
}

/**
 * The end of an OpenSSH certificate as `ssh-keygen -s` writes it, one line: type, base64, comment. Epoch milliseconds, far beyond any date for
 * one that never ends; undefined for a kind that we do not know, or one that is cut short.
 */
export function sshCertificateEnd(line: string): number | undefined {
  const [type = '', base64 = ''] = line.split(' ')
  const keyFields = KEY_FIELDS[type]
  if (keyFields === undefined) return undefined
  const blob = Buffer.from(base64, 'base64')
  try {
    let at = 0
    const string = () => {
      const from = at + 4
      at = from + blob.readUInt32BE(at)
      if (at > blob.length) throw new RangeError('cut short')
      return blob.subarray(from, at)
    }
    if (string().toString('latin1') !== type) return undefined
    // The nonce, then the public key.
    for (let n = 0; n <= keyFields; n++) string()
    // serial (8), type (4), key id, principals, valid after (8)
    at += 12
    string()
    string()
    return Number(blob.readBigUInt64BE(at + 8)) * 1_000
  } catch {
    return undefined
  }
}
