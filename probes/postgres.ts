import { randomBytes } from 'node:crypto'
import { isIPv6 } from 'node:net'
import { z } from 'zod'
import type { Answer, AttemptContext, Probe } from '../src/probe/probe.ts'
import { authenticate } from './postgres/authenticate.ts'
import { openConnection, ProtocolFault } from './postgres/connection.ts'
import { judgeFault, type Progress } from './postgres/judge.ts'

// PostgreSQL's strings end at a NUL: what follows one would be dropped, or read as another parameter (protocol §54.7).
const text = z
  .string()
  .min(1)
  .max(16_384)
  .refine((value) => !value.includes('\0'), 'must not contain NUL')

const target = z.strictObject({
  /** A name or an address; no socket folder. */
  host: z
    .string()
    .regex(/^[^\s/\\@?#[\]]+$/)
    .max(253),
  port: z.int().min(1).max(65_535).default(5432),
  database: text,
  /** `insecure`: TLS that nobody verifies. `disable`: no TLS, the password may cross the network in clear. */
  tls: z.enum(['verify-full', 'insecure', 'disable']).default('verify-full'),
  /** A file of PEM certificates to trust instead of the system's. */
  ca: z.string().min(1).optional(),
  /** The name that the certificate must bear, where it is not the host's. */
  servername: z.string().min(1).max(253).optional(),
})

const secret = z.strictObject({ username: text, password: text })

export type PostgresTarget = z.infer<typeof target>
export type PostgresSecret = z.infer<typeof secret>

const TRANSPORTS = { 'verify-full': 'verified', insecure: 'insecure', disable: 'clear' } as const

/**
 * PostgreSQL and what speaks its protocol (PgBouncer), by password: cleartext, MD5 or SCRAM-SHA-256. One connection, one
 * authentication, no query. The protocol is spoken here and not by `pg`: the driver hides at which stage an error came, takes
 * some malformed authentication requests for AuthenticationOk, and throws past its caller on others (pg-protocol 1.x, parser.js).
 */
export const postgres: Probe<PostgresTarget, PostgresSecret> = {
  kind: 'postgres',
  summary: 'PostgreSQL login with a password (SCRAM-SHA-256, MD5, cleartext), also through PgBouncer',
  target,
  secret,
  effects: [],
  origin: ({ host, port }) => `postgres://${isIPv6(host) ? `[${host}]` : host.toLowerCase()}:${port}`,
  transport: ({ tls }) => TRANSPORTS[tls],
  account: ({ username }) => username,
  decoy: ({ username }, of) => {
    // Without a password there is nothing to try: that a server asks for none shows in every attempt.
    if (of === 'nobody') return undefined
    const password = randomBytes(18).toString('base64url')
    return { username: of === 'stranger' ? `revenant-decoy-${randomBytes(6).toString('hex')}` : username, password }
  },
  attempt,
}

async function attempt(target: PostgresTarget, secret: PostgresSecret, ctx: AttemptContext): Promise<Answer<PostgresSecret>> {
  const progress: Progress = { stage: 'connect', method: 'none' }
  try {
    const connection = await openConnection(target, ctx.signal)
    try {
      return await authenticate(connection, { ...secret, database: target.database, applicationName: ctx.attribution }, progress)
    } finally {
      connection.close()
    }
  } catch (error) {
    if (error instanceof ProtocolFault) return judgeFault(error, progress)
    throw error
  }
}
