import { z } from 'zod'
import { PLACEHOLDER } from './name.ts'

export const DIRECTORIES = ['openldap', 'active-directory', 'generic'] as const
export type Directory = (typeof DIRECTORIES)[number]

/** Where a directory is and how it is asked. */
export const ldapTarget = z
  .strictObject({
    host: z
      .string()
      .regex(/^\S+$/, { error: 'must be a host name or an address' })
      .describe('Host name or address, without scheme and port.'),
    port: z.int().min(1).max(65_535).exactOptional().describe('Left out: 636, or 389 with startTls or tls: disable.'),
    tls: z
      .enum(['verify', 'insecure', 'disable'])
      .default('verify')
      .describe(
        'verify: TLS with a verified peer. insecure: TLS unverified. disable: secrets go in clear. All but verify mark the evidence.',
      ),
    startTls: z
      .boolean()
      .default(false)
      .describe('true: connect in clear and upgrade with StartTLS before anything else; refused, nothing is sent.'),
    ca: z.string().min(1).exactOptional().describe("PEM file of certificates to trust instead of the system's."),
    servername: z.string().min(1).exactOptional().describe('Name that the certificate must carry; left out: host.'),
    directory: z
      .enum(DIRECTORIES)
      .default('generic')
      .describe(
        'Which server it is. openldap vouches for a slapd that keeps its own passwords and lets us authenticate; of generic, a bare "invalid credentials" is a weak rejection.',
      ),
    dn: z
      .string()
      .includes(PLACEHOLDER, { error: `must contain ${PLACEHOLDER}` })
      .exactOptional()
      .describe(
        `Name to bind with, for secrets that have a username: uid=${PLACEHOLDER},ou=people,dc=example,dc=com or ${PLACEHOLDER}@corp.example.`,
      ),
    tellsLocks: z
      .boolean()
      .default(false)
      .describe(
        'openldap only: the ppolicy overlay runs with ppolicy_use_lockout, so that "invalid credentials" cannot hide a locked account.',
      ),
  })
  .superRefine((target, ctx) => {
    const refuse = (key: string, message: string) => ctx.addIssue({ code: 'custom', path: [key], message })
    if (target.startTls && target.tls === 'disable') refuse('startTls', 'contradicts tls: disable')
    if (target.tls !== 'verify' && target.ca !== undefined) refuse('ca', `has no meaning with tls: ${target.tls}`)
    if (target.tls === 'disable' && target.servername !== undefined) refuse('servername', 'has no meaning with tls: disable')
    if (target.tellsLocks && target.directory !== 'openldap') refuse('tellsLocks', 'is for directory: openldap')
  })

export type LdapTarget = z.infer<typeof ldapTarget>

/** The port, where the target names none: 636 for LDAPS, 389 for clear and StartTLS. */
export function portOf(target: LdapTarget): number {
  return target.port ?? (target.tls === 'disable' || target.startTls ? 389 : 636)
}
