import { loadProbe } from '../../probes/registry.ts'
import { APACHE, type ApacheServer, openApache } from '../servers/apache.ts'
import { type Authority, makeAuthority } from '../servers/certificates.ts'
import { type Given as Answer, basicOf, type HttpServer, openHttp } from '../servers/hostile-http.ts'
import { NGINX, NGINX_TOKEN, type NginxServer, openNginx } from '../servers/nginx.ts'
import { needs } from '../servers/require.ts'
import { type ConformanceRow, conformance, type Place } from './suite.ts'

const [http, github, jira, registry] = await Promise.all([
  loadProbe('http'),
  loadProbe('github'),
  loadProbe('jira'),
  loadProbe('docker-registry'),
])

const accept = [{ when: { status: 200, json: { '/user': { type: 'string', empty: false } } } }]
const ACCEPTED = { verdict: 'accepted', reason: 'authenticated' } as const
const NO_STATE = { not: 'the server has no such state' }
const OPEN = { verdict: 'accepted', reason: 'authenticated' } as const

/** Where a hostile server listens, as an address and the transport fields that go with it. */
function place({ host, port, tls, ca }: Place): { url: string; tls: object } {
  return tls === 'none' ? { url: `http://${host}:${port}`, tls: {} } : { url: `https://${host}:${port}`, tls: { ca: ca.file } }
}

const apache: ConformanceRow<ApacheServer> = {
  probe: http,
  name: 'Basic, Apache',
  http: true,
  samples: [{ username: 'alice', password: 'marked-password-of-alice' }],
  publicFields: ['username'],
  at: (of) => ({ url: `${place(of).url}/me`, credential: 'basic', accept, ...place(of).tls }),
  missing: needs('apache2', APACHE) ? undefined : 'apache2',
  start: openApache,
  target: ({ origin }) => ({ url: `${origin}/basic`, credential: 'basic', accept, principal: '/user' }),
  cases: {
    valid: { secret: () => ({ username: 'alice', password: 'right' }), expect: { ...ACCEPTED, principal: 'somebody' } },
    'wrong secret': {
      secret: () => ({ username: 'alice', password: 'wrong-password' }),
      expect: { verdict: 'rejected', reason: 'invalid_credentials', strength: 'weak' },
    },
    'unknown principal': {
      secret: () => ({ username: 'mallory', password: 'wrong-password' }),
      expect: { verdict: 'rejected', reason: 'invalid_credentials', strength: 'weak' },
    },
    'disabled account': NO_STATE,
    'locked account': NO_STATE,
    'expired account': NO_STATE,
    // One attempt cannot see that a server is open: its decoys, which the trial tries first, are let in as well.
    'open server': {
      secret: () => ({ username: 'alice', password: 'wrong-password' }),
      target: ({ origin }) => ({ url: `${origin}/open`, credential: 'basic', accept }),
      expect: OPEN,
    },
  },
}
conformance(apache)

interface SecureNginx extends NginxServer {
  authority: Authority
}
const nginx: ConformanceRow<SecureNginx> = {
  probe: http,
  name: 'Bearer over TLS, nginx',
  http: true,
  samples: [{ token: 'tok-marked-ABCDEFGHIJKLMNOPQRSTUVWXYZ' }],
  publicFields: [],
  at: (of) => ({ url: `${place(of).url}/me?v=1`, credential: 'bearer', accept, ...place(of).tls }),
  missing: needs('nginx-light', NGINX) ? undefined : 'nginx-light',
  start: async () => {
    const authority = await makeAuthority()
    const server = await openNginx(await authority.issue(['127.0.0.1', 'localhost']))
    const stop = async () => {
      await server.stop()
      authority.remove()
    }
    return { ...server, authority, stop }
  },
  target: ({ origin, authority }) => ({
    url: `${origin}/bearer`,
    credential: 'bearer',
    accept,
    principal: '/user',
    ca: authority.file,
  }),
  cases: {
    valid: { secret: () => ({ token: NGINX_TOKEN }), expect: { ...ACCEPTED, principal: 'alice' } },
    'wrong secret': {
      secret: () => ({ token: 'another-token-ABCDEFGHIJKLMNOP' }),
      expect: { verdict: 'rejected', reason: 'token_invalid', strength: 'strong' },
    },
    'unknown principal': { not: 'a bearer token names no principal' },
    'disabled account': NO_STATE,
    'locked account': NO_STATE,
    'expired account': NO_STATE,
    'open server': {
      secret: () => ({ token: 'another-token-ABCDEFGHIJKLMNOP' }),
      target: ({ origin, authority }) => ({ url: `${origin}/open`, credential: 'bearer', accept, ca: authority.file }),
      expect: OPEN,
    },
  },
  decoys: { nobody: { verdict: 'inconclusive', reason: 'credential_not_evaluated' } },
}
conformance(nginx)

/** A cookie and keys in header and query, against hostile servers only: a page is what a session is for. */
for (const [name, credential, sample] of [
  ['session cookie', { cookie: 'sid' }, { cookie: 'marked-session-ABCDEFGHIJKLMNOP' }],
  ['key in a header', { header: 'X-Key' }, { key: 'marked-key-ABCDEFGHIJKLMNOP' }],
  ['key in the query', { query: 'key' }, { key: 'marked-key-ABCDEFGHIJKLMNOP' }],
] as const) {
  conformance<HttpServer>({
    probe: http,
    name,
    http: true,
    samples: [sample],
    publicFields: [],
    at: (of) => ({ url: `${place(of).url}/me`, credential, accept, ...place(of).tls }),
    start: () =>
      openHttp(({ url, headers }) =>
        JSON.stringify({ url, headers }).includes(Object.values(sample).join(''))
          ? { status: 200, body: { user: 'alice' } }
          : { status: 401 },
      ),
    target: ({ origin }) => ({ url: `${origin}/me`, credential, accept, principal: '/user' }),
    cases: {
      valid: { secret: () => sample, expect: { ...ACCEPTED, principal: 'alice' } },
      'wrong secret': {
        secret: () => Object.fromEntries(Object.keys(sample).map((field) => [field, 'wrong-value-ABCDEFGH'])),
        expect: { verdict: 'rejected', reason: ['invalid_credentials', 'session_invalid'], strength: 'weak' },
      },
      'unknown principal': { not: 'it names no principal' },
      'disabled account': NO_STATE,
      'locked account': NO_STATE,
      'expired account': NO_STATE,
      'open server': { not: 'shown by Apache and nginx above' },
    },
  })
}

// From here on: a local server that answers as the vendor documents. Nothing was tried against the vendor.
const LIVE = `ghp_${'Ab1'.repeat(12)}`
conformance<HttpServer>({
  probe: github,
  name: 'its documented answers',
  http: true,
  samples: [{ token: LIVE }, { token: `ghs_${'Ab1'.repeat(12)}` }],
  publicFields: [],
  at: (of) => ({ baseUrl: place(of).url, ...place(of).tls }),
  start: () =>
    openHttp(({ headers }): Answer => {
      const token = headers.authorization
      if (token === undefined) return { status: 401, body: { message: 'Requires authentication' } }
      if (token === 'Bearer ghp_suspended') return { status: 403, body: { message: 'Sorry. Your account was suspended.' } }
      if (token === `Bearer ${LIVE}`) return { status: 200, body: { login: 'octocat', id: 1 } }
      return { status: 401, body: { message: 'Bad credentials' } }
    }),
  target: ({ origin }) => ({ baseUrl: origin }),
  cases: {
    valid: { secret: () => ({ token: LIVE }), expect: { ...ACCEPTED, principal: 'octocat' } },
    'wrong secret': {
      secret: () => ({ token: `ghp_${'Zz9'.repeat(12)}` }),
      expect: { verdict: 'rejected', reason: 'token_revoked', strength: 'weak' },
    },
    'unknown principal': { not: 'a token names no principal' },
    'disabled account': {
      secret: () => ({ token: 'ghp_suspended' }),
      expect: { verdict: 'rejected', reason: 'account_disabled', strength: 'weak' },
    },
    'locked account': { not: 'GitHub locks addresses, not accounts' },
    'expired account': { not: 'an expired token is answered like a revoked one' },
    'open server': { not: 'GitHub’s /user is never open' },
  },
  decoys: { nobody: { verdict: 'inconclusive', reason: 'credential_not_evaluated' } },
})

conformance<HttpServer>({
  probe: jira,
  name: 'its documented answers',
  http: true,
  samples: [
    { email: 'alice@example.com', apiToken: 'ATATT3xFfGF0-marked-token' },
    { personalAccessToken: 'marked-personal-access-token' },
  ],
  publicFields: ['email'],
  at: (of) => ({ baseUrl: place(of).url, ...place(of).tls }),
  start: () =>
    openHttp((asked): Answer => {
      const basic = basicOf(asked)
      if (basic === 'alice@example.com:live-token')
        return { status: 200, body: { accountId: '5b1', emailAddress: 'alice@example.com', active: true } }
      if (basic?.startsWith('locked@')) return { status: 403, headers: { 'x-seraph-loginreason': 'AUTHENTICATION_DENIED' } }
      return { status: 401, headers: { 'www-authenticate': 'OAuth realm="x"' } }
    }),
  target: ({ origin }) => ({ baseUrl: origin }),
  cases: {
    valid: {
      secret: () => ({ email: 'alice@example.com', apiToken: 'live-token' }),
      expect: { ...ACCEPTED, principal: 'alice@example.com' },
    },
    'wrong secret': {
      secret: () => ({ email: 'alice@example.com', apiToken: 'dead-token' }),
      expect: { verdict: 'rejected', reason: 'token_invalid', strength: 'weak' },
    },
    'unknown principal': {
      secret: () => ({ email: 'mallory@example.com', apiToken: 'dead-token' }),
      expect: { verdict: 'rejected', reason: 'token_invalid', strength: 'weak' },
    },
    'disabled account': { not: 'answered like a dead token' },
    'locked account': {
      secret: () => ({ email: 'locked@example.com', apiToken: 'live-token' }),
      expect: { verdict: 'inconclusive', reason: 'account_locked' },
    },
    'expired account': { not: 'answered like a dead token' },
    'open server': { not: '/myself is never open' },
  },
})

conformance<HttpServer>({
  probe: registry,
  name: 'Basic, as distribution answers',
  http: true,
  samples: [{ username: 'alice', password: 'marked-password-of-alice' }, { token: 'marked-bearer-token-ABCDEF' }],
  publicFields: ['username'],
  at: (of) => ({ url: place(of).url, ...place(of).tls }),
  start: () =>
    openHttp((asked): Answer => {
      if (basicOf(asked) === 'alice:right')
        return { status: 200, headers: { 'docker-distribution-api-version': 'registry/2.0' }, body: {} }
      return { status: 401, headers: { 'www-authenticate': 'Basic realm="r"' }, body: { errors: [{ code: 'UNAUTHORIZED' }] } }
    }),
  target: ({ origin }) => ({ url: origin }),
  cases: {
    valid: { secret: () => ({ username: 'alice', password: 'right' }), expect: ACCEPTED },
    'wrong secret': {
      secret: () => ({ username: 'alice', password: 'wrong' }),
      expect: { verdict: 'rejected', reason: 'invalid_credentials', strength: 'weak' },
    },
    'unknown principal': {
      secret: () => ({ username: 'mallory', password: 'wrong' }),
      expect: { verdict: 'rejected', reason: 'invalid_credentials', strength: 'weak' },
    },
    'disabled account': NO_STATE,
    'locked account': NO_STATE,
    'expired account': NO_STATE,
    'open server': { not: 'driven in test/probes/docker-registry.test.ts' },
  },
})
