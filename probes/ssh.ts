import { randomBytes } from 'node:crypto'
import { isIPv6 } from 'node:net'
import { z } from 'zod'
import type { Answer, AttemptContext, Probe } from '../src/probe/probe.ts'
import { PIN } from './ssh/hostKey.ts'
import { judge } from './ssh/judge.ts'
import { login } from './ssh/login.ts'
import { makeEd25519 } from './ssh/privateKey.ts'

const pin = z.string().regex(PIN)

const target = z
  .strictObject({
    /** A name or an address. */
    host: z
      .string()
      .regex(/^[^\s/\\@?#[\]]+$/)
      .max(253),
    port: z.int().min(1).max(65_535).default(22),
    /** `SHA256:…`, as `ssh-keygen -l` prints it, or a public key (`ssh-ed25519 AAAA…`); several where the server has several. */
    hostKey: z.union([pin, z.array(pin).min(1)]).optional(),
    /** A known_hosts file, hashed names included. With neither this nor `hostKey` the key seen first is pinned. */
    knownHosts: z.string().min(1).optional(),
  })
  .refine(({ hostKey, knownHosts }) => hostKey === undefined || knownHosts === undefined, 'hostKey or knownHosts, not both')

const username = z
  .string()
  .min(1)
  .max(255)
  .refine((value) => !value.includes('\0'), 'must not contain NUL')

const secret = z.union([
  z.strictObject({ username, password: z.string().min(1).max(16_384) }),
  z.strictObject({
    username,
    /** OpenSSH's own format, PKCS#1, SEC 1 or PKCS#8, in PEM. */
    privateKey: z
      .string()
      .max(65_536)
      .regex(/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/),
    passphrase: z.string().min(1).max(1_024).optional(),
  }),
])

export type SshTarget = z.infer<typeof target>
export type SshSecret = z.infer<typeof secret>

/**
 * SSH and SFTP, by password or private key. One `none` request, which tells the methods that this user may try now, then one
 * authentication by one method; no channel, no subsystem, no agent. Nothing secret is sent before the host key is known to be the
 * pinned one. RFC 4252.
 */
export const ssh: Probe<SshTarget, SshSecret> = {
  kind: 'ssh',
  summary: 'SSH or SFTP login with a password or a private key, the host key pinned',
  target,
  secret,
  // PAM counts the login (pam_lastlog), though no session is opened: disuse no longer expires the account.
  effects: ['prolongs-life'],
  origin: ({ host, port }) => `ssh://${isIPv6(host) ? `[${host}]` : host.toLowerCase()}:${port}`,
  transport: () => 'verified',
  account: ({ username }) => username,
  decoy: (secret, of) => {
    // The `none` request of every attempt is the try without a credential.
    if (of === 'nobody') return undefined
    const username = of === 'stranger' ? `revenant-decoy-${randomBytes(6).toString('hex')}` : secret.username
    if ('privateKey' in secret) return { username, privateKey: makeEd25519() }
    return { username, password: randomBytes(18).toString('base64url') }
  },
  attempt,
}

async function attempt(target: SshTarget, secret: SshSecret, ctx: AttemptContext): Promise<Answer<SshSecret>> {
  return judge(await login(target, secret, ctx), secret.username)
}
