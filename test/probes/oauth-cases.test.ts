import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type TestedCase, verdictCases } from '../conformance/cases.ts'
import { checkJudgement, type Expected } from '../conformance/suite.ts'
import type { Given } from '../servers/hostile-http.ts'
import { drive } from './drive.ts'

// A local server that answers as the table says; what oidc-provider really does is in oauth.test.ts.
const ACCESS = { accessToken: 'an-access-token-ABCDEFGHIJKLMNOP' }
const REFRESH = { refreshToken: 'a-refresh-token-ABCDEFGHIJKLMNOP', clientId: 'app' }
const CLIENT = { clientId: 'app', clientSecret: 'a-client-secret-ABCDEFGHIJKLMNOP' }

const endpoints = (origin: string) => ({
  token: `${origin}/token`,
  introspection: `${origin}/introspect`,
  userinfo: `${origin}/me`,
})
const plain = (more: Record<string, unknown>) => (origin: string) => ({ issuer: origin, endpoints: endpoints(origin), ...more })
const redeemed = plain({ redeem: 'lasting' })
const introspected = plain({ introspect: { id: 'watcher', secret: 'env:OAUTH_CASES_WATCHER' } })
const scoped = plain({ unregisteredScope: 'revenant:never' })
const own = plain({ clients: 'client_credentials' })

function answered(
  target: (origin: string) => unknown,
  secret: unknown,
  given: Given,
  expected: Expected,
  differs?: string,
): TestedCase {
  return {
    expect: expected,
    ...(differs === undefined ? {} : { differs }),
    run: async () => {
      process.env.OAUTH_CASES_WATCHER = 'the secret of the watcher'
      const { judgement, thrown } = await drive('oauth', target, secret, () => given)
      delete process.env.OAUTH_CASES_WATCHER
      expect(thrown).toBeUndefined()
      checkJudgement(judgement, expected)
    },
  }
}

const says = (error: string, status = 400): Given => ({ status, body: { error } })
const ISSUED: Given = { status: 200, body: { access_token: 'x', token_type: 'Bearer' } }
const bearer = (status: number, error: string): Given => ({
  status,
  headers: { 'www-authenticate': `Bearer error="${error}"` },
  body: {},
})
const ACCEPTED: Expected = { verdict: 'accepted', reason: 'authenticated' }
const DEAD: Expected = { verdict: 'rejected', reason: 'token_revoked', strength: 'weak' }
const CONFIG: Expected = { verdict: 'inconclusive', reason: 'config_error' }
const PASSWORDS = { not: 'passwords are not replayed here: each would open a session in somebody’s name' }

describe('the verdict table', () => {
  verdictCases(['OAuth 2.0 / OIDC', 'Auth0'], {
    v413: answered(own, CLIENT, ISSUED, ACCEPTED),
    v416: answered(own, CLIENT, says('unauthorized_client'), { verdict: 'accepted', reason: 'insufficient_scope' }),
    v417: answered(own, CLIENT, { status: 401, body: { error: 'invalid_client', error_codes: [700025] } }, CONFIG),
    ...{ v418: PASSWORDS, v419: PASSWORDS, v420: PASSWORDS, v421: PASSWORDS },
    v423: answered(redeemed, REFRESH, says('invalid_grant'), DEAD),
    v424: answered(redeemed, REFRESH, says('invalid_grant'), DEAD, 'the bytes are those of v423: which it was cannot be told'),
    v425: answered(scoped, REFRESH, says('invalid_scope'), ACCEPTED),
    v426: answered(introspected, REFRESH, { status: 200, body: { active: true } }, ACCEPTED),
    v427: answered(
      introspected,
      REFRESH,
      { status: 200, body: { active: false } },
      {
        verdict: 'rejected',
        reason: 'token_invalid',
        strength: 'weak',
      },
    ),
    v428: answered(introspected, REFRESH, says('invalid_client', 401), CONFIG),
    v429: answered(redeemed, REFRESH, says('invalid_client', 401), CONFIG),
    v430: answered(
      redeemed,
      REFRESH,
      says('interaction_required'),
      { verdict: 'accepted', reason: 'interaction_required' },
      'the closed list has a reason of this name; consent_required is inconclusive, since a withdrawn consent may be said so',
    ),
    v432: answered(plain({}), ACCESS, { status: 200, body: { sub: 'anna' } }, ACCEPTED),
    v433: answered(plain({}), ACCESS, bearer(401, 'invalid_token'), {
      verdict: 'rejected',
      reason: 'token_invalid',
      strength: 'weak',
    }),
    v434: answered(plain({}), ACCESS, bearer(403, 'insufficient_scope'), { verdict: 'accepted', reason: 'insufficient_scope' }),
    v435: answered(
      redeemed,
      REFRESH,
      { status: 403, body: { error: 'invalid_grant', error_description: 'Unknown or invalid refresh token.' } },
      DEAD,
    ),
    v436: answered(redeemed, REFRESH, says('too_many_attempts', 429), { verdict: 'inconclusive', reason: 'rate_limited' }),
  })
})

describe('what else a server may say', () => {
  const refused: Expected = { verdict: 'rejected', reason: 'invalid_credentials', strength: 'weak' }
  it.each<[string, TestedCase]>([
    ['invalid_grant to a client', answered(plain({}), CLIENT, says('invalid_grant'), ACCEPTED)],
    ['invalid_client to a client', answered(plain({}), CLIENT, says('invalid_client', 401), refused)],
    [
      'unsupported_grant_type to a client',
      answered(plain({}), CLIENT, says('unsupported_grant_type'), { verdict: 'inconclusive', reason: 'auth_method_unsupported' }),
    ],
    [
      '401 without a code to a client',
      answered(plain({}), CLIENT, { status: 401 }, { verdict: 'inconclusive', reason: 'ambiguous' }),
    ],
    [
      '401 without a code to a refresh token',
      answered(redeemed, REFRESH, { status: 401 }, { verdict: 'inconclusive', reason: 'ambiguous' }),
    ],
    [
      'Google’s session control',
      answered(
        redeemed,
        REFRESH,
        { status: 400, body: { error: 'invalid_grant', error_subtype: 'invalid_rapt' } },
        { verdict: 'inconclusive', reason: 'reauth_required' },
      ),
    ],
    [
      'a consent that is missing',
      answered(redeemed, REFRESH, says('consent_required'), { verdict: 'inconclusive', reason: 'consent_required' }),
    ],
    [
      'a server that is away for a while',
      answered(redeemed, REFRESH, says('temporarily_unavailable'), { verdict: 'inconclusive', reason: 'upstream_unavailable' }),
    ],
    ['403 to whoever introspects', answered(introspected, ACCESS, { status: 403, body: {} }, CONFIG)],
    [
      'an introspection without a word on it',
      answered(introspected, ACCESS, { status: 200, body: { sub: 'x' } }, { verdict: 'inconclusive', reason: 'ambiguous' }),
    ],
    [
      'a userinfo that names nobody',
      answered(plain({}), ACCESS, { status: 200, body: { name: 'x' } }, { verdict: 'inconclusive', reason: 'ambiguous' }),
    ],
    [
      'a login page in place of an answer',
      answered(
        redeemed,
        REFRESH,
        { status: 200, headers: { 'content-type': 'text/html' }, body: '<html></html>' },
        { verdict: 'inconclusive', reason: 'ambiguous' },
      ),
    ],
    [
      'an unknown code of Entra ID',
      answered(
        redeemed,
        REFRESH,
        { status: 400, body: { error: 'invalid_grant', error_codes: [9999999] } },
        { verdict: 'inconclusive', reason: 'ambiguous' },
      ),
    ],
  ])('%s', (_name, { run }) => run())
})

describe('where a secret may go', () => {
  it('asks no endpoint at an origin that is not registered, whatever the metadata say', async () => {
    const { judgement, asked } = await drive(
      'oauth',
      (origin) => ({ issuer: origin, redeem: 'lasting' }),
      REFRESH,
      ({ headers }) => ({ status: 200, body: { issuer: `http://${headers.host}`, token_endpoint: 'http://127.0.0.1:9/token' } }),
    )
    checkJudgement(judgement, CONFIG)
    expect(judgement.wire).toMatchObject({ endpoint: 'token_endpoint', origin: 'http://127.0.0.1:9' })
    expect(asked).toHaveLength(1)
    expect(asked[0]?.headers['user-agent']).toBe('Revenant/0 (conformance)')
  })

  it.each([
    ['of another issuer', { issuer: 'https://elsewhere.example', token_endpoint: 'https://elsewhere.example/token' }],
    ['without the endpoint', {}],
  ])('takes no metadata %s', async (_name, more) => {
    const { judgement, asked } = await drive(
      'oauth',
      (origin) => ({ issuer: origin, redeem: 'lasting' }),
      REFRESH,
      ({ headers }) => ({ status: 200, body: { issuer: `http://${headers.host}`, ...more } }),
    )
    checkJudgement(judgement, CONFIG)
    expect(asked).toHaveLength(1)
  })
})

const FILE = new URL('../../../shared/verdicts/cases.json', import.meta.url)
const row = z.object({
  id: z.string(),
  system: z.string(),
  when: z.string(),
  answer: z.string(),
  verdict: z.string(),
  reason: z.string(),
})

describe.skipIf(!existsSync(FILE))('Entra ID’s codes', () => {
  const rows = (existsSync(FILE) ? z.array(row).parse(JSON.parse(readFileSync(FILE, 'utf8'))) : []).flatMap((of) => {
    const code = of.system.startsWith('Entra') ? /error_codes \[(\d+)\]/.exec(of.answer)?.[1] : undefined
    return code === undefined ? [] : [{ ...of, code: Number(code) }]
  })
  it('are judged as the table judges them, or not at all', async () => {
    let judged = 0
    for (const { id, code, verdict, reason } of rows) {
      for (const secret of [REFRESH, CLIENT]) {
        const { judgement } = await drive('oauth', redeemed, secret, () => ({
          status: 400,
          body: { error: 'invalid_grant', error_codes: [code] },
        }))
        if (judgement.verdict === 'inconclusive') continue
        judged++
        expect({ id, verdict: judgement.verdict, reason: judgement.reason }).toEqual({ id, verdict, reason })
      }
    }
    expect(judged).toBeGreaterThan(15)
  })
})

it('takes Keycloak’s answer to a wrong client secret for the refusal that it is', async () => {
  const { judgement } = await drive('oauth', own, CLIENT, () => says('unauthorized_client', 401))
  checkJudgement(judgement, { verdict: 'rejected', reason: 'invalid_credentials', strength: 'weak' })
})
