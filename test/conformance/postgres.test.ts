import type { Socket } from 'node:net'
import { postgres } from '../../probes/postgres.ts'
import { anyProbe } from '../../src/probe/probe.ts'
import { type Authority, makeAuthority } from '../servers/certificates.ts'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'
import { conformance } from './suite.ts'

interface World {
  server: PostgresServer
  authority: Authority
  stop(): Promise<void>
}

const PASSWORD = 'marked-6b1f5a-right'

conformance<World>({
  probe: anyProbe(postgres),
  samples: [{ username: 'leaver', password: PASSWORD }],
  publicFields: ['username'],
  at: ({ host, port, tls, ca }) => ({
    host,
    port,
    database: 'app',
    ...(tls === 'none' ? { tls: 'disable' } : { tls: 'verify-full', ca: ca.file }),
  }),
  preamble: answerSslRequest,
  start,
  target: ({ server, authority }) => ({ host: '127.0.0.1', port: server.port, database: 'postgres', ca: authority.file }),
  cases: {
    valid: {
      secret: () => ({ username: 'leaver', password: PASSWORD }),
      expect: { verdict: 'accepted', reason: 'authenticated', strength: 'strong', principal: 'leaver' },
    },
    'wrong secret': {
      secret: () => ({ username: 'leaver', password: 'marked-6b1f5a-wrong' }),
      expect: { verdict: 'rejected', reason: 'invalid_credentials', strength: 'weak' },
    },
    'unknown principal': {
      secret: () => ({ username: 'nobody-here', password: PASSWORD }),
      expect: { verdict: 'rejected', reason: 'invalid_credentials', strength: 'weak' },
    },
    'disabled account': {
      secret: () => ({ username: 'disabled', password: PASSWORD }),
      expect: { verdict: 'rejected', reason: 'account_disabled', strength: 'strong' },
    },
    'locked account': { not: 'PostgreSQL locks no account after wrong tries' },
    // VALID UNTIL hides behind 28P01: the server does not say that the password was once right.
    'expired account': {
      secret: () => ({ username: 'expired', password: PASSWORD }),
      expect: { verdict: 'rejected', reason: 'invalid_credentials', strength: 'weak' },
    },
    'open server': {
      secret: () => ({ username: 'trusting', password: 'marked-6b1f5a-anything' }),
      expect: { verdict: 'inconclusive', reason: 'endpoint_unauthenticated' },
    },
  },
})

async function start(): Promise<World> {
  const authority = await makeAuthority()
  const server = await startPostgres({
    tls: await authority.issue(['127.0.0.1']),
    hba: ['hostssl all trusting 127.0.0.1/32 trust', 'hostssl all all 127.0.0.1/32 scram-sha-256'],
  })
  await server.query(`
    create role leaver login password '${PASSWORD}';
    create role disabled nologin password '${PASSWORD}';
    create role expired login password '${PASSWORD}' valid until '2020-01-01';
    create role trusting login;
  `)
  return {
    server,
    authority,
    stop: async () => {
      await server.stop()
      authority.remove()
    },
  }
}

/** An SSLRequest is eight bytes; S says that TLS may start. */
function answerSslRequest(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('data', () => {
      socket.pause()
      socket.write('S')
      resolve()
    })
  })
}
