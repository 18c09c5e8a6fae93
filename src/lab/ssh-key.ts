import ssh2 from 'ssh2'

/** How the private half is locked; without it, in clear. */
export interface KeyLock {
  readonly passphrase: string
  readonly cipher: 'aes256-ctr'
  readonly rounds: number
}

export interface SshKey {
  /** PEM, OpenSSH's format. */
  readonly private: string
  /** The line of an `authorized_keys` file. */
  readonly public: string
}

/**
 * A new SSH key. ssh2 1.17 drops the leading zero bytes of an Ed25519 public key: one key in 256 is one that nobody can read, itself
 * included, so a key is handed out only once it was read back.
 */
export function newSshKey(type: 'ed25519' | 'ecdsa' = 'ed25519', lock?: KeyLock): SshKey {
  for (let tries = 0; tries < 16; tries++) {
    const pair =
      type === 'ed25519'
        ? ssh2.utils.generateKeyPairSync('ed25519', lock)
        : ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256, ...lock })
    const halves = [ssh2.utils.parseKey(pair.private, lock?.passphrase), ssh2.utils.parseKey(pair.public)]
    if (!halves.some((half) => half instanceof Error)) return { private: pair.private, public: pair.public }
  }
  throw new Error(`ssh2 made sixteen ${type} keys that it cannot read`)
}
