import { newSshKey } from '../../src/lab/ssh-key.ts'
import type { Downstream } from './downstream.ts'
import type { Marks } from './marks.ts'

/** One kind of system, and what a leaver held there. Extend the list with every probe and every place of a secret. */
export interface Plant {
  system: string
  probe: string
  target: Record<string, unknown>
  /** The fields of one secret, with a mark in each that is secret. `who` is unique. */
  secret(who: string, mark: (kind: string) => string): Record<string, string>
  allowEffects?: readonly string[]
  canary?: true
  limits?: Record<string, unknown>
  /** A replay spends the secret, so that `try` refuses to. */
  spends?: true
  /** Its secrets are never accepted: the system redirects, is down, limits … */
  never?: true
}

/** @param introspector a reference to a marked secret: whoever asks the introspection endpoint */
export function plantsOf(
  world: Downstream,
  postgres: { port: number } | undefined,
  greetingPort: number,
  marks: Marks,
  introspector: string,
): Plant[] {
  const http = (system: string, path: string, credential: unknown): Omit<Plant, 'secret'> => ({
    system,
    probe: 'http',
    target: {
      url: `${world.http}${path}`,
      credential,
      accept: [{ when: { status: 200, json: { '/login': { type: 'string' } } } }],
      reject: [{ when: { status: 401, json: { '/code': { type: 'string' } } } }],
      principal: '/login',
    },
  })
  const token: Plant['secret'] = (_who, mark) => ({ token: mark('token') })
  const password: Plant['secret'] = (who, mark) => ({ username: who, password: mark('password') })
  const bearer = { ...http('bearer', '/bearer', 'bearer'), secret: token, canary: true as const }
  return [
    bearer,
    // The system names the secret, spelt another way, as whoever is signed in.
    { ...bearer, ...http('bearer-base64', '/bearer/base64', 'bearer') },
    { ...bearer, ...http('bearer-hex', '/bearer/hex', 'bearer') },
    { ...bearer, ...http('bearer-part', '/bearer/part', 'bearer') },
    { ...http('principal-header', '/header', 'bearer'), secret: token },
    { ...http('basic', '/basic', 'basic'), secret: password, canary: true },
    { ...http('key-header', '/key', { header: 'x-api-key' }), secret: (_who, mark) => ({ key: mark('key') }) },
    { ...http('key-query', '/query', { query: 'key' }), secret: (_who, mark) => ({ key: mark('query-key') }) },
    { ...http('cookie', '/cookie', { cookie: 'session' }), secret: (_who, mark) => ({ cookie: mark('cookie') }) },
    { ...http('redirect', '/redirect', 'bearer'), secret: token, never: true },
    { ...http('page', '/page', 'bearer'), secret: token, never: true },
    { ...http('limited', '/limited', 'bearer'), secret: token, never: true },
    { ...http('broken', '/broken', 'bearer'), secret: token, never: true },
    { system: 'github', probe: 'github', target: { baseUrl: `${world.http}/github` }, secret: token },
    { system: 'vault', probe: 'vault', target: { address: world.http }, secret: token, allowEffects: ['consumes-use'] },
    {
      system: 'jira',
      probe: 'jira',
      target: { baseUrl: world.http },
      secret: (who, mark) => ({ email: `${who}@example.com`, apiToken: mark('jira') }),
    },
    {
      system: 'oauth',
      probe: 'oauth',
      target: {
        issuer: world.http,
        endpoints: { introspection: `${world.http}/oauth/introspect` },
        introspect: { id: 'watcher', secret: introspector },
      },
      secret: (_who, mark) => ({ accessToken: mark('access') }),
      canary: true,
    },
    {
      // Every replay spends the token, and the successor takes its place.
      system: 'oauth-rotating',
      probe: 'oauth',
      target: { issuer: world.http, endpoints: { token: `${world.http}/oauth/token` }, redeem: 'rotating' },
      secret: (who, mark) => ({ refreshToken: mark('refresh'), clientId: who, clientSecret: mark('client') }),
      allowEffects: ['rotates-token', 'mints-session'],
      spends: true,
    },
    {
      system: 'registry',
      probe: 'docker-registry',
      target: { url: world.http },
      secret: password,
      allowEffects: ['mints-session'],
      never: true,
    },
    {
      system: 'hostile-postgres',
      probe: 'postgres',
      target: { host: '127.0.0.1', port: world.postgresPort, database: 'payroll', tls: 'disable' },
      secret: password,
    },
    ...(postgres === undefined
      ? []
      : [
          {
            system: 'postgres',
            probe: 'postgres',
            target: { host: '127.0.0.1', port: postgres.port, database: 'postgres', tls: 'disable' },
            secret: password,
            never: true as const,
          },
        ]),
    {
      system: 'ldap',
      probe: 'ldap',
      target: { host: '127.0.0.1', port: world.ldapPort, tls: 'disable', dn: 'uid={username},dc=example,dc=com' },
      secret: password,
      // WhoAmI is answered with what was bound last.
      limits: { concurrency: 1 },
    },
    {
      system: 'ssh',
      probe: 'ssh',
      target: { host: '127.0.0.1', port: world.ssh.port, hostKey: world.ssh.hostKey },
      secret: password,
    },
    {
      system: 'ssh-key',
      probe: 'ssh',
      target: { host: '127.0.0.1', port: world.ssh.port },
      secret: (who, mark) => sshKey(world, who, mark('passphrase'), marks),
    },
    { system: 'ssh-greeting', probe: 'ssh', target: { host: '127.0.0.1', port: greetingPort }, secret: password, never: true },
    {
      system: 'closed',
      probe: 'ldap',
      target: { host: '127.0.0.1', port: world.closedPort, dn: 'uid={username},dc=example,dc=com' },
      secret: password,
      never: true,
    },
  ]
}

function sshKey(world: Downstream, username: string, passphrase: string, marks: Marks): Record<string, string> {
  const pair = newSshKey('ed25519', { passphrase, cipher: 'aes256-ctr', rounds: 4 })
  const privateKey = pair.private
  world.ssh.keys.set(pair.public.split(' ')[1] ?? '', passphrase)
  // The end of the file is the private part; what comes before is the public key.
  const lines = privateKey.trim().split('\n').slice(1, -1)
  for (const line of lines.slice(-3)) marks.plantBytes('ssh private key', Buffer.from(line))
  return { username, privateKey, passphrase }
}
