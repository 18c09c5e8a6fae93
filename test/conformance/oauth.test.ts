import { loadProbe } from '../../probes/registry.ts'
import { type OauthServer, SECRETS, SIGNER, startOauth, WATCHER } from '../servers/oauth.ts'
import { type ConformanceRow, conformance, type Place } from './suite.ts'

const oauth = await loadProbe('oauth')

const ACCEPTED = { verdict: 'accepted', reason: 'authenticated' } as const
const INACTIVE = { verdict: 'rejected', reason: 'token_invalid', strength: 'weak' } as const
const DEAD = { verdict: 'rejected', reason: 'token_revoked', strength: 'weak' } as const
const NO_ACCOUNT = { not: 'a token names no account' }
const NEVER_OPEN = { not: 'such endpoints are never open' }

const pem = SIGNER.keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
const ACCESS = { accessToken: 'marked-access-token-ABCDEFGHIJKLMNOP' }
const REFRESH = { refreshToken: 'marked-refresh-token-ABCDEFGHIJKLMNOP', clientId: 'app', clientSecret: 'marked-client-secret-1' }
const KEY = { clientId: 'app', privateKey: pem }

/** Where a hostile server listens, as an issuer and the transport fields that go with it. */
function place({ host, port, tls, ca }: Place): { issuer: string } {
  const more = tls === 'none' ? {} : { ca: ca.file }
  return { issuer: `http${tls === 'none' ? '' : 's'}://${host}:${port}`, ...more }
}

/** Every endpoint at the hostile server itself, so that each kind of secret meets it. */
function endpoints(of: Place): Record<string, unknown> {
  const { issuer } = place(of)
  return { token: `${issuer}/token`, userinfo: `${issuer}/me` }
}

interface World extends OauthServer {
  live: { accessToken: string; refreshToken: string }
  dead: { accessToken: string; refreshToken: string }
  withdrawn: { accessToken: string; refreshToken: string }
}

async function start(): Promise<World> {
  process.env.OAUTH_CONFORMANCE = WATCHER.secret
  const server = await startOauth()
  const [live, dead, withdrawn] = [await server.login('anna'), await server.login('anna'), await server.login('bert')]
  await server.revoke(dead.accessToken)
  await server.revoke(dead.refreshToken)
  await server.withdraw('bert')
  return {
    ...server,
    ...{ live, dead, withdrawn },
    stop: async () => {
      delete process.env.OAUTH_CONFORMANCE
      await server.stop()
    },
  }
}

const base = { probe: oauth, http: true, publicFields: ['clientId'], start } as const

const userinfo: ConformanceRow<World> = {
  ...base,
  name: 'userinfo; tokens and keys against endpoints of their own',
  samples: [ACCESS, REFRESH, KEY],
  at: (of) => ({ ...place(of), endpoints: endpoints(of), redeem: 'rotating' }),
  target: ({ issuer }) => ({ issuer, principal: '/sub' }),
  cases: {
    valid: { secret: ({ live }) => ({ accessToken: live.accessToken }), expect: { ...ACCEPTED, principal: 'anna' } },
    'wrong secret': { secret: ({ dead }) => ({ accessToken: dead.accessToken }), expect: INACTIVE },
    'unknown principal': NO_ACCOUNT,
    'disabled account': { secret: ({ withdrawn }) => ({ accessToken: withdrawn.accessToken }), expect: INACTIVE },
    'locked account': NO_ACCOUNT,
    'expired account': NO_ACCOUNT,
    'open server': NEVER_OPEN,
  },
  decoys: { nobody: { verdict: 'inconclusive', reason: ['credential_not_evaluated', 'not_authenticated'] } },
}
conformance(userinfo)

conformance<World>({
  ...base,
  name: 'introspection; metadata that do not play along',
  samples: [ACCESS],
  at: place,
  target: ({ issuer }) => ({ issuer, introspect: { id: WATCHER.id, secret: 'env:OAUTH_CONFORMANCE' } }),
  cases: {
    valid: { secret: ({ live }) => ({ refreshToken: live.refreshToken }), expect: ACCEPTED },
    'wrong secret': { secret: ({ dead }) => ({ refreshToken: dead.refreshToken }), expect: INACTIVE },
    'unknown principal': NO_ACCOUNT,
    'disabled account': { secret: ({ withdrawn }) => ({ refreshToken: withdrawn.refreshToken }), expect: INACTIVE },
    'locked account': NO_ACCOUNT,
    'expired account': NO_ACCOUNT,
    'open server': NEVER_OPEN,
  },
})

const own = ({ refreshToken }: { refreshToken: string }) => ({ refreshToken, clientId: 'app', clientSecret: SECRETS.app })

conformance<World>({
  ...base,
  name: 'redeemed refresh tokens',
  samples: [],
  at: place,
  target: ({ issuer }) => ({ issuer, redeem: 'rotating' }),
  cases: {
    valid: { secret: ({ live }) => own(live), expect: ACCEPTED },
    'wrong secret': { secret: ({ dead }) => own(dead), expect: DEAD },
    'unknown principal': NO_ACCOUNT,
    'disabled account': { secret: ({ withdrawn }) => own(withdrawn), expect: DEAD },
    'locked account': NO_ACCOUNT,
    'expired account': NO_ACCOUNT,
    'open server': NEVER_OPEN,
  },
})

conformance<World>({
  ...base,
  name: 'clients',
  samples: [],
  at: place,
  target: ({ issuer }) => ({ issuer }),
  cases: {
    valid: { secret: () => ({ clientId: 'app', clientSecret: SECRETS.app }), expect: ACCEPTED },
    'wrong secret': {
      secret: () => ({ clientId: 'app', clientSecret: 'another secret of the app' }),
      expect: { verdict: 'rejected', reason: 'invalid_credentials', strength: 'weak' },
    },
    'unknown principal': {
      secret: () => ({ clientId: 'nobody', clientSecret: SECRETS.app }),
      expect: { verdict: 'rejected', reason: 'invalid_credentials', strength: 'weak' },
    },
    'disabled account': { not: 'a client is there or not' },
    'locked account': { not: 'a client is there or not' },
    'expired account': { not: 'a client is there or not' },
    'open server': NEVER_OPEN,
  },
})
