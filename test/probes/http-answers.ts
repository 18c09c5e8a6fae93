import type { Reason } from '../../src/domain/reason.ts'
import type { Strength, Verdict } from '../../src/domain/verdict.ts'
import type { Given } from '../servers/hostile-http.ts'

/**
 * What vendors answer, and what it means. The answers are those of the vendors' documentation and of the experiments that the
 * verdict cases record (`cases`, by their ids); nothing here was tried against a vendor.
 */
export interface AnswerRow {
  kind: string
  name: string
  /** Ids of the verdict cases that this row is the wire answer of. */
  cases?: readonly string[]
  target: (origin: string) => unknown
  secret: unknown
  given: Given
  verdict: Verdict
  reason: Reason
  strength?: Strength
  principal?: string
  retryAfterMs?: number
}

type Outcome = [Verdict, Reason, Strength?]
type More = Partial<Pick<AnswerRow, 'cases' | 'principal' | 'retryAfterMs' | 'secret' | 'target'>>

function rowsOf(kind: string, target: AnswerRow['target'], secret: unknown) {
  return (name: string, given: Given, [verdict, reason, strength]: Outcome, more: More = {}): AnswerRow => ({
    kind,
    name,
    target,
    secret,
    given,
    verdict,
    reason,
    ...(strength === undefined ? {} : { strength }),
    ...more,
  })
}

const HTML = { 'content-type': 'text/html; charset=utf-8' }
const LOGIN = '<!doctype html><html><title>Sign in</title><form><input type="password" name="p"></form></html>'

const bearerTarget = (origin: string) => ({
  url: `${origin}/api/me?expand=1`,
  credential: 'bearer',
  accept: [{ when: { status: 200, json: { '/user': { type: 'string', empty: false } } } }],
  principal: '/user',
})
const bearer = rowsOf('http', bearerTarget, { token: 'tok-ABCDEFGHIJKLMNOPQRSTUVWXYZ012345' })
const basicTarget = (origin: string) => ({
  url: `${origin}/whoami`,
  credential: 'basic',
  accept: [{ when: { status: 200, json: { '/user': 'alice' } } }],
  undecided: [{ when: { status: 409, text: 'account is locked' }, reason: 'account_locked' }],
})
const basic = rowsOf('http', basicTarget, { username: 'Alice', password: 'pa:ss w\u00f6rd' })
const keyTarget = (origin: string) => ({
  url: `${origin}/v1/me`,
  credential: { header: 'X-Api-Key' },
  accept: [{ when: { status: 200, json: { '/owner': { exists: true } } } }],
  reject: [{ when: { status: 403, json: { '/message': 'Forbidden' } }, strength: 'weak' }],
})
const key = rowsOf('http', keyTarget, { key: 'k3y-ABCDEFGHIJKLMNOP' })
const cookieTarget = (origin: string) => ({
  url: `${origin}/app`,
  credential: { cookie: 'sid' },
  accept: [{ when: { status: 200, body: 'html', text: 'Log out' } }],
  reject: [
    { when: { status: [302, 303], location: { origin: 'same', path: '/login' } } },
    { when: { status: 302, location: { origin: 'other', host: 'idp.example' } } },
  ],
})
const cookie = rowsOf('http', cookieTarget, { cookie: 's3ss10n-ABCDEFGHIJKLMNOP' })
const wwwBearer = (params: string) => ({ 'www-authenticate': `Bearer realm="api"${params === '' ? '' : `, ${params}`}` })
const JWT = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6OTk5OTk5OTk5OX0.c2lnbmF0dXJlc2lnbmF0dXJl'

const GENERIC: AnswerRow[] = [
  bearer('the marker', { status: 200, body: { user: 'alice' } }, ['accepted', 'authenticated', 'strong'], {
    cases: ['v367'],
    principal: 'alice',
  }),
  bearer('a live JWT', { status: 200, body: { user: 'alice' } }, ['accepted', 'authenticated'], {
    cases: ['v406'],
    secret: { token: JWT },
  }),
  bearer('200 with an empty marker', { status: 200, body: { user: '' } }, ['inconclusive', 'ambiguous']),
  bearer('200 without the marker', { status: 200, body: { error: 'no' } }, ['inconclusive', 'ambiguous']),
  bearer('200 HTML called JSON', { status: 200, headers: { 'content-type': 'application/json' }, body: LOGIN }, [
    'inconclusive',
    'ambiguous',
  ]),
  bearer('captive portal', { status: 200, headers: HTML, body: '<html>Accept our terms</html>' }, ['inconclusive', 'ambiguous'], {
    cases: ['v383'],
  }),
  bearer('plain 401', { status: 401 }, ['rejected', 'invalid_credentials', 'weak'], { cases: ['v369'] }),
  bearer('401 to another scheme', { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } }, [
    'inconclusive',
    'auth_method_unsupported',
  ]),
  bearer('403', { status: 403, body: { message: 'no' } }, ['inconclusive', 'ambiguous'], { cases: ['v372'] }),
  bearer(
    '403 of Cloudflare',
    { status: 403, headers: { ...HTML, server: 'cloudflare', 'cf-ray': '1-AMS' }, body: '<html>Access Denied</html>' },
    ['inconclusive', 'ip_blocked'],
    { cases: ['v373'] },
  ),
  bearer(
    '403 of Akamai',
    { status: 403, headers: { ...HTML, server: 'AkamaiGHost' }, body: '<HTML><HEAD><TITLE>Access Denied</TITLE></HEAD></HTML>' },
    ['inconclusive', 'ip_blocked'],
    { cases: ['v373'] },
  ),
  bearer(
    '403 of an ELB',
    { status: 403, headers: { ...HTML, server: 'awselb/2.0' }, body: '<html>403</html>' },
    ['inconclusive', 'ip_blocked'],
    { cases: ['v373'] },
  ),
  bearer(
    '403 JSON passed on by Cloudflare',
    { status: 403, headers: { server: 'cloudflare', 'cf-ray': '1-AMS' }, body: { message: 'no' } },
    ['inconclusive', 'ambiguous'],
  ),
  bearer(
    '503 challenge page',
    { status: 503, headers: { ...HTML, server: 'cloudflare' }, body: '<html><title>Just a moment...</title></html>' },
    ['inconclusive', 'ip_blocked'],
    { cases: ['v384'] },
  ),
  bearer(
    '202 challenge of AWS WAF',
    { status: 202, headers: { 'x-amzn-waf-action': 'challenge' } },
    ['inconclusive', 'ip_blocked'],
    { cases: ['v384'] },
  ),
  bearer('429', { status: 429, headers: { 'retry-after': '11' } }, ['inconclusive', 'rate_limited'], {
    cases: ['v376'],
    retryAfterMs: 11_000,
  }),
  bearer('423', { status: 423 }, ['inconclusive', 'account_locked'], { cases: ['v377'] }),
  basic('409 with a lock text', { status: 409, body: 'your account is locked' }, ['inconclusive', 'account_locked'], {
    cases: ['v377'],
  }),
  bearer(
    'redirect to another origin',
    { status: 302, headers: { location: 'https://idp.example/start' } },
    ['inconclusive', 'ambiguous'],
    { cases: ['v380'] },
  ),
  bearer('redirect to the login page', { status: 302, headers: { location: '/login?next=%2Fapi%2Fme' } }, [
    'inconclusive',
    'ambiguous',
  ]),
  bearer(
    'http to https',
    { status: 301, headers: { location: 'https://127.0.0.1/api/me?expand=1' } },
    ['inconclusive', 'config_error'],
    { cases: ['v381'] },
  ),
  bearer(
    'another host, same path',
    { status: 308, headers: { location: 'https://www.example.com/api/me' } },
    ['inconclusive', 'config_error'],
    { cases: ['v381'] },
  ),
  bearer('a trailing slash', { status: 301, headers: { location: '/api/me/' } }, ['inconclusive', 'config_error']),
  bearer('407', { status: 407, headers: { 'proxy-authenticate': 'Basic realm="p"' } }, ['inconclusive', 'config_error']),
  bearer('500', { status: 500, body: { user: 'alice' } }, ['inconclusive', 'server_error']),
  bearer('invalid_token', { status: 401, headers: wwwBearer('error="invalid_token"') }, ['rejected', 'token_invalid', 'strong'], {
    cases: ['v389'],
  }),
  bearer(
    'insufficient_scope',
    { status: 403, headers: wwwBearer('error="insufficient_scope"') },
    ['accepted', 'insufficient_scope', 'strong'],
    { cases: ['v390'] },
  ),
  bearer(
    'step-up',
    { status: 401, headers: wwwBearer('error="insufficient_user_authentication"') },
    ['accepted', 'mfa_required', 'strong'],
    { cases: ['v391'] },
  ),
  bearer('realm only', { status: 401, headers: wwwBearer('') }, ['inconclusive', 'credential_not_evaluated'], {
    cases: ['v393'],
  }),
  bearer('invalid_request', { status: 400, headers: wwwBearer('error="invalid_request"') }, ['inconclusive', 'client_error'], {
    cases: ['v394'],
  }),
  bearer('an unknown error', { status: 401, headers: wwwBearer('error="use_dpop_nonce"') }, ['inconclusive', 'ambiguous']),
  bearer('JWT not valid yet', { status: 401, body: 'token used before issued' }, ['inconclusive', 'clock_skew', 'weak'], {
    cases: ['v407'],
    secret: { token: JWT },
  }),
  bearer(
    'JWT key rotated out',
    { status: 401, headers: wwwBearer('error="invalid_token", error_description="kid not found"') },
    ['rejected', 'token_invalid', 'weak'],
    { cases: ['v408'], secret: { token: JWT } },
  ),
  basic('200', { status: 200, body: { user: 'alice' } }, ['accepted', 'authenticated'], { cases: ['v385'] }),
  basic(
    '401 where only the operator knows that the page authorises nothing',
    { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } },
    ['rejected', 'invalid_credentials', 'strong'],
    {
      cases: ['v386'],
      target: (origin) => ({
        ...basicTarget(origin),
        reject: [{ when: { status: 401, challenge: { scheme: 'basic' } }, strength: 'strong' }],
      }),
    },
  ),
  basic(
    '401 where the operator names the scheme and vouches for nothing',
    { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } },
    ['rejected', 'invalid_credentials', 'weak'],
    {
      target: (origin) => ({ ...basicTarget(origin), reject: [{ when: { status: 401, challenge: { scheme: 'basic' } } }] }),
    },
  ),
  ...(
    [
      ['a code', { json: { '/error/code': 'key_revoked' } }, 'strong'],
      ['a number', { json: { '/code': { in: [41, 42] } } }, 'strong'],
      ['a header', { header: { 'x-error': 'revoked' } }, 'strong'],
      ['an attribute', { challenge: { scheme: 'basic', params: { realm: 'revoked' } } }, 'strong'],
      ['a sentence', { json: { '/message': 'This key was revoked' } }, 'weak'],
      ['a part of a sentence', { json: { '/message': { contains: 'revoked' } } }, 'weak'],
      ['a pattern', { json: { '/error/code': { matches: '^key_' } } }, 'weak'],
      ['something that is there', { json: { '/error/code': { exists: true } } }, 'weak'],
      ['no success', { json: { '/ok': false } }, 'weak'],
      ['a text', { text: 'revoked' }, 'weak'],
    ] as const
  ).map(([what, inside, strength]) =>
    key(
      `rejected by ${what}`,
      {
        status: 403,
        headers: { 'x-error': 'revoked', 'www-authenticate': 'Basic realm="revoked"' },
        body: { ok: false, code: 41, error: { code: 'key_revoked' }, message: 'This key was revoked' },
      },
      ['rejected', 'invalid_credentials', strength],
      { target: (origin) => ({ ...keyTarget(origin), reject: [{ when: { status: 403, ...inside } }] }) },
    ),
  ),
  basic(
    '401 of Apache, Require user',
    { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } },
    ['rejected', 'invalid_credentials', 'weak'],
    { cases: ['v371'] },
  ),
  basic(
    'Digest with a stale nonce',
    { status: 401, headers: { 'www-authenticate': 'Digest realm="x", nonce="n", stale=true' } },
    ['inconclusive', 'challenge'],
    { cases: ['v387'] },
  ),
  basic('Digest in place of Basic', { status: 401, headers: { 'www-authenticate': 'Digest realm="x", nonce="n"' } }, [
    'inconclusive',
    'auth_method_unsupported',
  ]),
  key('200 with the marker', { status: 200, body: { owner: 'alice' } }, ['accepted', 'authenticated'], { cases: ['v395'] }),
  key(
    '403 with the vendor’s code',
    { status: 403, body: { message: 'Forbidden' } },
    ['rejected', 'invalid_credentials', 'weak'],
    { cases: ['v396'] },
  ),
  cookie(
    'to the login page',
    { status: 302, headers: { location: '/login?next=/app' } },
    ['rejected', 'session_invalid', 'strong'],
    { cases: ['v398'] },
  ),
  cookie('to a login page that no rule knows', { status: 302, headers: { location: '/signin' } }, ['inconclusive', 'ambiguous']),
  cookie('plain 401', { status: 401 }, ['rejected', 'session_invalid', 'weak']),
  cookie(
    'logged in',
    { status: 200, headers: { ...HTML, 'set-cookie': 'sid=next-ABCDEFGHIJKLMNOP' }, body: '<html>Hello <a>Log out</a></html>' },
    ['accepted', 'authenticated'],
    { cases: ['v399'] },
  ),
  cookie(
    'to the identity provider',
    { status: 302, headers: { location: 'https://idp.example/saml' } },
    ['rejected', 'session_invalid', 'weak'],
    { cases: ['v400'] },
  ),
  cookie('login page with 200', { status: 200, headers: HTML, body: LOGIN }, ['inconclusive', 'ambiguous'], { cases: ['v401'] }),
  cookie('login page with the marker in it', { status: 200, headers: HTML, body: `${LOGIN}Log out` }, [
    'inconclusive',
    'ambiguous',
  ]),
]

const api = (origin: string) => ({ baseUrl: origin })
const GH = { token: `ghp_${'a'.repeat(18)}${'B7'.repeat(9)}` }
const github = rowsOf('github', api, GH)
const GITHUB: AnswerRow[] = [
  github(
    'alive',
    { status: 200, headers: { 'x-oauth-scopes': 'repo', 'x-ratelimit-limit': '5000' }, body: { login: 'octocat', id: 1 } },
    ['accepted', 'authenticated', 'strong'],
    { cases: ['v571'], principal: 'octocat' },
  ),
  github('an installation token', { status: 200, body: { total_count: 0, repositories: [] } }, ['accepted', 'authenticated'], {
    secret: { token: `ghs_${'x'.repeat(36)}` },
  }),
  github(
    'revoked',
    { status: 401, body: { message: 'Bad credentials', documentation_url: 'https://docs.github.com/rest' } },
    ['rejected', 'token_revoked', 'weak'],
    { cases: ['v572'] },
  ),
  github(
    'no token seen',
    { status: 401, body: { message: 'Requires authentication' } },
    ['inconclusive', 'credential_not_evaluated'],
    { cases: ['v573'] },
  ),
  github(
    'SAML single sign-on',
    {
      status: 403,
      headers: { 'x-github-sso': 'required; url=https://github.com/orgs/o/sso' },
      body: { message: 'Resource protected' },
    },
    ['accepted', 'insufficient_scope', 'strong'],
    { cases: ['v574'] },
  ),
  github(
    'secondary limit by header',
    { status: 403, headers: { 'retry-after': '60' }, body: { message: 'slow down' } },
    ['inconclusive', 'rate_limited'],
    { cases: ['v577'], retryAfterMs: 60_000 },
  ),
  github(
    'secondary limit by text',
    { status: 403, body: { message: 'You have exceeded a secondary rate limit.' } },
    ['inconclusive', 'rate_limited'],
    { cases: ['v577'] },
  ),
  github(
    'primary limit',
    { status: 403, headers: { 'x-ratelimit-remaining': '0' }, body: { message: 'API rate limit exceeded' } },
    ['inconclusive', 'rate_limited'],
  ),
  github('429', { status: 429 }, ['inconclusive', 'rate_limited'], { cases: ['v577'] }),
  github(
    'failed-login limit',
    { status: 403, body: { message: 'Maximum number of login attempts exceeded. Please try again later.' } },
    ['inconclusive', 'rate_limited'],
    { cases: ['v578'] },
  ),
  github(
    'suspended',
    { status: 403, body: { message: 'Sorry. Your account was suspended.' } },
    ['rejected', 'account_disabled', 'weak'],
    { cases: ['v579'] },
  ),
  github(
    'IP allow list',
    {
      status: 403,
      body: {
        message:
          'Although you appear to have the correct authorization credentials, the `o` organization has an IP allow list enabled, and 203.0.113.1 is not permitted.',
      },
    },
    ['accepted', 'ip_blocked', 'strong'],
    { cases: ['v580'] },
  ),
  github('404', { status: 404, body: { message: 'Not Found' } }, ['inconclusive', 'ambiguous'], { cases: ['v581'] }),
  github(
    'no User-Agent',
    {
      status: 403,
      headers: { 'content-type': 'text/plain' },
      body: 'Request forbidden by administrative rules. Please make sure your request has a User-Agent header',
    },
    ['inconclusive', 'client_error'],
    { cases: ['v584'] },
  ),
  github('another 403', { status: 403, body: { message: 'Forbidden' } }, ['inconclusive', 'ambiguous']),
]

const gitlab = rowsOf('gitlab', (origin) => ({ baseUrl: `${origin}/api/v4` }), { token: 'glpat-ABCDEFGHIJKLMNOPQRST' })
const invalid = (error_description: string) => ({ error: 'invalid_token', error_description })
const GITLAB: AnswerRow[] = [
  gitlab(
    'alive',
    { status: 200, body: { id: 1, username: 'tanuki', state: 'active' } },
    ['accepted', 'authenticated', 'strong'],
    { principal: 'tanuki' },
  ),
  gitlab(
    'revoked',
    { status: 401, body: invalid('Token was revoked. You have to re-authorize from the user.') },
    ['rejected', 'token_revoked', 'strong'],
    { cases: ['v587'] },
  ),
  gitlab(
    'expired',
    { status: 401, body: invalid('Token is expired. You can either do re-authorization or token refresh.') },
    ['rejected', 'token_expired', 'strong'],
    { cases: ['v588'] },
  ),
  gitlab(
    'impersonation switched off',
    { status: 401, body: invalid('Token is an impersonation token but impersonation was disabled.') },
    ['rejected', 'token_invalid', 'weak'],
  ),
  gitlab('no longer known', { status: 401, body: invalid('Bad Access Token.') }, ['rejected', 'token_invalid', 'strong']),
  gitlab(
    'a proof of possession is missing',
    { status: 401, body: { error: 'dpop_error', error_description: 'DPoP header is missing' } },
    ['inconclusive', 'challenge'],
  ),
  gitlab('unknown', { status: 401, body: { message: '401 Unauthorized' } }, ['rejected', 'invalid_credentials', 'weak'], {
    cases: ['v590'],
  }),
  gitlab(
    'scope missing',
    { status: 403, body: { error: 'insufficient_scope', scope: 'api read_user' } },
    ['accepted', 'insufficient_scope', 'strong'],
    { cases: ['v591'] },
  ),
  gitlab(
    'blocked',
    { status: 403, body: { message: '403 Forbidden - Your account has been blocked.' } },
    ['rejected', 'account_disabled', 'weak'],
    { cases: ['v592'] },
  ),
  gitlab(
    'terms of service',
    {
      status: 403,
      body: { message: '403 Forbidden - You (@x) must accept the Terms of Service in order to perform this action.' },
    },
    ['accepted', 'interaction_required', 'weak'],
    { cases: ['v593'] },
  ),
  gitlab(
    'password expired',
    { status: 403, body: { message: 'Your password expired. Please access GitLab from a web browser.' } },
    ['accepted', 'interaction_required', 'weak'],
    { cases: ['v593'] },
  ),
  gitlab('429', { status: 429, body: 'Retry later' }, ['inconclusive', 'rate_limited'], { cases: ['v594'] }),
  gitlab(
    'rack-attack',
    { status: 403, headers: { 'content-type': 'text/plain' }, body: 'Forbidden\n' },
    ['inconclusive', 'rate_limited'],
    { cases: ['v594'] },
  ),
]

const slack = rowsOf('slack', api, { token: 'xoxb-123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx' })
const no = (error: string) => ({ status: 200, body: { ok: false, error } })
const SLACK: AnswerRow[] = [
  slack(
    'alive',
    { status: 200, body: { ok: true, user: 'u', user_id: 'U1', team_id: 'T1' } },
    ['accepted', 'authenticated', 'strong'],
    { cases: ['v597'], principal: 'U1' },
  ),
  slack('deactivated', no('account_inactive'), ['rejected', 'account_disabled', 'strong'], { cases: ['v599'] }),
  slack('revoked', no('token_revoked'), ['rejected', 'token_revoked', 'strong'], { cases: ['v600'] }),
  slack('expired', no('token_expired'), ['rejected', 'token_expired', 'weak'], { cases: ['v601'] }),
  slack('invalid, or an address outside the list', no('invalid_auth'), ['rejected', 'token_invalid', 'weak']),
  slack('network policy', no('accesslimited'), ['inconclusive', 'ip_blocked'], { cases: ['v604'] }),
  ...['ekm_access_denied', 'org_login_required', 'team_access_not_granted'].map((error) =>
    slack(error, no(error), ['inconclusive', 'policy_blocked'], { cases: ['v605'] }),
  ),
  slack('scope missing', no('missing_scope'), ['accepted', 'insufficient_scope', 'strong'], { cases: ['v606'] }),
  slack('429', { status: 429, headers: { 'retry-after': '30' } }, ['inconclusive', 'rate_limited'], {
    cases: ['v607'],
    retryAfterMs: 30_000,
  }),
  slack('ratelimited', no('ratelimited'), ['inconclusive', 'rate_limited'], { cases: ['v607'] }),
  ...['fatal_error', 'internal_error', 'service_unavailable'].map((error) =>
    slack(error, no(error), ['inconclusive', 'server_error'], { cases: ['v608'] }),
  ),
  slack('an unknown error', no('something_new'), ['inconclusive', 'ambiguous']),
]
const hook = rowsOf('slack-webhook', api, { team: 'T0ABC', hook: 'B0ABC', key: 'AbCdEfGhIjKlMnOpQrStUvWx' })
const plain = { 'content-type': 'text/plain' }
const SLACK_WEBHOOK: AnswerRow[] = [
  ...['no_text', 'invalid_payload'].map((body) =>
    hook(body, { status: 400, headers: plain, body }, ['accepted', 'authenticated', 'strong'], { cases: ['v609'] }),
  ),
  hook('removed', { status: 404, headers: plain, body: 'no_service' }, ['rejected', 'token_revoked', 'weak'], {
    cases: ['v610'],
  }),
  hook('invalid', { status: 403, headers: plain, body: 'invalid_token' }, ['rejected', 'token_revoked', 'weak'], {
    cases: ['v610'],
  }),
  hook('archived', { status: 410, headers: plain, body: 'channel_is_archived' }, ['rejected', 'token_revoked', 'weak']),
  hook('an unknown 404', { status: 404, headers: plain, body: 'not found' }, ['inconclusive', 'ambiguous']),
]

const npm = rowsOf('npm', (origin) => ({ registry: origin }), { token: `npm_${'aB3'.repeat(12)}` })
const NPM: AnswerRow[] = [
  npm('alive', { status: 200, body: { username: 'alice' } }, ['accepted', 'authenticated', 'strong'], {
    cases: ['v674'],
    principal: 'alice',
  }),
  npm('revoked', { status: 401 }, ['rejected', 'token_revoked', 'weak'], { cases: ['v675'] }),
  npm('one-time password', { status: 401, headers: { 'www-authenticate': 'OTP' } }, ['inconclusive', 'mfa_required']),
  npm('address', { status: 401, headers: { 'www-authenticate': 'ipaddress' } }, ['inconclusive', 'ip_blocked']),
  npm('403', { status: 403 }, ['inconclusive', 'ambiguous'], { cases: ['v677'] }),
  npm('mirror', { status: 200, body: {} }, ['inconclusive', 'endpoint_unauthenticated'], { cases: ['v678'] }),
  npm('mirror without the path', { status: 404 }, ['inconclusive', 'endpoint_unauthenticated'], { cases: ['v678'] }),
]

const vault = rowsOf('vault', (origin) => ({ address: origin, namespace: 'team/a' }), { token: 'hvs.CAESIABCDEFGHIJKLMNOPQRS' })
const errors = (...list: string[]) => ({ errors: list })
const VAULT: AnswerRow[] = [
  vault(
    'alive',
    {
      status: 200,
      body: { data: { id: 'hvs.CAESIABCDEFGHIJKLMNOPQRS', policies: ['default'], ttl: 60, display_name: 'token-alice' } },
    },
    ['accepted', 'authenticated', 'strong'],
    { cases: ['v679'], principal: 'token-alice' },
  ),
  vault('dead', { status: 403, body: errors('permission denied') }, ['rejected', 'token_invalid', 'weak'], {
    cases: ['v680', 'v683'],
  }),
  vault(
    'dead, newer',
    { status: 403, body: errors('2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n') },
    ['rejected', 'token_invalid', 'weak'],
    { cases: ['v681'] },
  ),
  vault('sealed', { status: 503, body: errors('Vault is sealed') }, ['inconclusive', 'server_error'], { cases: ['v684'] }),
  vault('standby', { status: 473 }, ['inconclusive', 'server_error'], { cases: ['v684'] }),
  vault('quota', { status: 429, body: errors('rate limit quota exceeded') }, ['inconclusive', 'rate_limited'], {
    cases: ['v685'],
  }),
  vault('namespace', { status: 404, body: errors() }, ['inconclusive', 'config_error'], { cases: ['v686'] }),
  vault('mount', { status: 400, body: errors('bad') }, ['inconclusive', 'config_error'], { cases: ['v686'] }),
  vault('no token', { status: 400, body: errors('missing client token') }, ['inconclusive', 'credential_not_evaluated']),
  vault('403 of something else', { status: 403, headers: HTML, body: '<html>permission denied, invalid token</html>' }, [
    'inconclusive',
    'ambiguous',
  ]),
]

const jira = rowsOf('jira', api, { email: 'alice@example.com', apiToken: 'ATATT3xFfGF0-ABCDEFGHIJKLMNOPQRSTUVWXYZ' })
const PAT = { secret: { personalAccessToken: 'MTIzNDU2Nzg5MDEyOlNlY3JldFNlY3JldA' } }
const JIRA: AnswerRow[] = [
  jira(
    'alive',
    { status: 200, body: { accountId: '5b1', emailAddress: 'alice@example.com', active: true } },
    ['accepted', 'authenticated', 'strong'],
    { cases: ['v611'], principal: 'alice@example.com' },
  ),
  jira(
    'dead',
    { status: 401, headers: { 'www-authenticate': 'OAuth realm="https%3A%2F%2Fexample"' } },
    ['rejected', 'token_invalid', 'weak'],
    { cases: ['v612'] },
  ),
  jira(
    'dead, served anonymously',
    { status: 200, headers: { 'x-seraph-loginreason': 'AUTHENTICATED_FAILED' }, body: {} },
    ['rejected', 'token_invalid', 'weak'],
    { cases: ['v613'] },
  ),
  jira(
    'captcha',
    { status: 403, headers: { 'x-seraph-loginreason': 'AUTHENTICATION_DENIED' } },
    ['inconclusive', 'account_locked'],
    { cases: ['v614'] },
  ),
  jira(
    'captcha with 401',
    { status: 401, headers: { 'x-seraph-loginreason': 'AUTHENTICATION_DENIED' } },
    ['inconclusive', 'account_locked'],
    { cases: ['v614'] },
  ),
  jira(
    'site taken away',
    { status: 403, body: { message: 'alice does not have access to this site' } },
    ['accepted', 'insufficient_scope', 'weak'],
    { cases: ['v615'] },
  ),
  jira('named and inactive', { status: 200, body: { accountId: '5b1', active: false } }, ['inconclusive', 'account_disabled']),
  jira('PAT alive', { status: 200, body: { name: 'alice', key: 'JIRAUSER1' } }, ['accepted', 'authenticated', 'strong'], {
    ...PAT,
    principal: 'alice',
  }),
  jira(
    'PAT dead, login page',
    { status: 200, headers: HTML, body: '<html><form id="login-form"><input name="os_username"></form></html>' },
    ['rejected', 'token_invalid', 'weak'],
    { ...PAT, cases: ['v617'] },
  ),
  jira('PAT dead', { status: 401 }, ['rejected', 'token_invalid', 'weak'], PAT),
]
const admin = rowsOf('atlassian-admin', api, { token: 'ABCDEFGHIJKLMNOPQRSTUVWX' })
const ATLASSIAN_ADMIN: AnswerRow[] = [
  admin('alive', { status: 200, body: { data: [{ id: 'o' }] } }, ['accepted', 'authenticated', 'strong']),
  admin('dead', { status: 401 }, ['rejected', 'invalid_credentials', 'weak'], { cases: ['v618'] }),
]

const datadog = rowsOf('datadog', api, { apiKey: '0123456789abcdef0123456789abcdef' })
const BOTH = {
  secret: { apiKey: '0123456789abcdef0123456789abcdef', applicationKey: '0123456789abcdef0123456789abcdef01234567' },
}
const DATADOG: AnswerRow[] = [
  datadog('alive', { status: 200, body: { valid: true } }, ['accepted', 'authenticated', 'strong']),
  datadog('dead', { status: 403, body: { errors: ['Forbidden'] } }, ['rejected', 'invalid_credentials', 'weak']),
  datadog('both alive', { status: 200, body: { status: 'ok' } }, ['accepted', 'authenticated', 'strong'], BOTH),
  datadog('one dead', { status: 403, body: { errors: ['Forbidden'] } }, ['rejected', 'invalid_credentials', 'weak'], BOTH),
  datadog('403 of something else', { status: 403, headers: HTML, body: '<html>no</html>' }, ['inconclusive', 'ambiguous']),
  datadog('429', { status: 429 }, ['inconclusive', 'rate_limited']),
]

const cloudflare = rowsOf('cloudflare', api, { token: 'ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklm' })
const GLOBAL = { secret: { email: 'alice@example.com', globalKey: '0123456789abcdef0123456789abcdef01234' } }
const verify = (status: string) => ({ success: true, errors: [], result: { id: 'ed17574386854bf78a67040be0a770b0', status } })
const atAccount = (origin: string) => ({ baseUrl: origin, accountId: '0'.repeat(32) })
/** A user's token says so, whatever else the target has. */
const USERS = { target: atAccount, secret: { token: `cfut_${'ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklm'}0a1b2c3d` } }
const ACCOUNTS = { target: atAccount, secret: { token: `cfat_${'ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklm'}0a1b2c3d` } }
const CLOUDFLARE: AnswerRow[] = [
  cloudflare('alive', { status: 200, headers: { server: 'cloudflare' }, body: verify('active') }, [
    'accepted',
    'authenticated',
    'strong',
  ]),
  cloudflare('disabled', { status: 200, body: verify('disabled') }, ['rejected', 'token_revoked', 'strong']),
  cloudflare('expired', { status: 200, body: verify('expired') }, ['rejected', 'token_expired', 'strong']),
  ...Object.entries({ unsaid: {}, user: USERS, 'an account': ACCOUNTS }).map(([whose, more]) =>
    cloudflare(
      `invalid, ${whose}`,
      { status: 401, body: { success: false, errors: [{ code: 1000, message: 'Invalid API Token' }] } },
      ['rejected', 'token_invalid', 'weak'],
      more,
    ),
  ),
  cloudflare('another code', { status: 401, body: { success: false, errors: [{ code: 10000 }] } }, ['inconclusive', 'ambiguous']),
  cloudflare('401 without a code', { status: 401 }, ['inconclusive', 'ambiguous']),
  cloudflare('alive, a user’s', { status: 200, body: verify('active') }, ['accepted', 'authenticated'], USERS),
  cloudflare('alive, an account’s', { status: 200, body: verify('active') }, ['accepted', 'authenticated'], ACCOUNTS),
  cloudflare(
    'address filter',
    { status: 403, headers: { server: 'cloudflare' }, body: { success: false, errors: [{ code: 9109 }] } },
    ['inconclusive', 'ambiguous'],
  ),
  cloudflare('an account’s token', { status: 200, body: verify('active') }, ['accepted', 'authenticated'], {
    target: atAccount,
  }),
  cloudflare(
    'global key',
    { status: 200, body: { success: true, result: { id: 'i', email: 'alice@example.com' } } },
    ['accepted', 'authenticated'],
    { ...GLOBAL, principal: 'alice@example.com' },
  ),
  cloudflare(
    'global key dead',
    { status: 403, body: { success: false, errors: [{ code: 9103 }] } },
    ['rejected', 'invalid_credentials', 'weak'],
    GLOBAL,
  ),
]

const okta = rowsOf('okta', api, { token: '00ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmn' })
const code = (errorCode: string) => ({ errorCode, errorSummary: 'x', errorCauses: [] })
const OKTA: AnswerRow[] = [
  okta(
    'alive',
    { status: 200, body: { id: '00u1', profile: { login: 'alice@example.com' } } },
    ['accepted', 'authenticated', 'strong'],
    { cases: ['v543'], principal: 'alice@example.com' },
  ),
  okta('dead, or outside the zone', { status: 401, body: code('E0000011') }, ['rejected', 'token_invalid', 'weak'], {
    cases: ['v544'],
  }),
  okta('role missing', { status: 403, body: code('E0000006') }, ['accepted', 'insufficient_scope', 'strong'], {
    cases: ['v545'],
  }),
  okta('outside the zone, perhaps', { status: 403, body: code('E0000011') }, ['inconclusive', 'ip_blocked']),
  okta(
    '429',
    {
      status: 429,
      headers: { date: 'Thu, 01 Jan 2026 00:00:00 GMT', 'x-rate-limit-reset': '1767225625' },
      body: code('E0000047'),
    },
    ['inconclusive', 'rate_limited'],
    { retryAfterMs: 25_000 },
  ),
]

const hub = rowsOf('docker-hub', api, { username: 'Alice', password: 'dckr_pat_ABCDEFGHIJKLMNOPQRSTUVW' })
const DOCKER_HUB: AnswerRow[] = [
  hub('accepted', { status: 200, body: { access_token: 'a.b.c' } }, ['accepted', 'authenticated', 'strong'], { cases: ['v671'] }),
  hub(
    'second factor',
    { status: 401, body: { message: 'Require secondary authentication on MFA enabled account', login_2fa_token: 'x' } },
    ['accepted', 'mfa_required', 'strong'],
    { cases: ['v672'] },
  ),
  hub(
    'refused',
    { status: 401, body: { detail: 'Incorrect authentication credentials' } },
    ['rejected', 'invalid_credentials', 'weak'],
    { cases: ['v673'] },
  ),
]

/** All rows; each is driven by catalogue.test.ts or http.test.ts, those with cases by verdicts-http.test.ts as well. */
export const ANSWERS: readonly AnswerRow[] = [
  ...GENERIC,
  ...GITHUB,
  ...GITLAB,
  ...SLACK,
  ...SLACK_WEBHOOK,
  ...NPM,
  ...VAULT,
  ...JIRA,
  ...ATLASSIAN_ADMIN,
  ...DATADOG,
  ...CLOUDFLARE,
  ...OKTA,
  ...DOCKER_HUB,
]
