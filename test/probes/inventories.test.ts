import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { INVENTORY_KINDS, loadInventory } from '../../probes/inventories.ts'
import type { PersonName } from '../../src/domain/grant.ts'
import { driveInventory } from '../probe/inventory-drive.ts'
import type { Asked, Given } from '../servers/hostile-http.ts'

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
const PEM = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
const ok = (body: unknown, headers = {}): Given => ({ status: 200, headers, body })
/** Every page after the first is empty. */
const once = (asked: Asked, items: unknown[]) => ok(/[?&]page=[2-9]/.test(asked.url) ? [] : items)

interface Case {
  kind: string
  by: PersonName
  name: string
  target(origin: string): Record<string, unknown>
  secret: Record<string, string>
  /** What the vendor's documentation says that it answers. */
  answers(asked: Asked): Given
  /** As the documentation says of somebody who is not there. */
  unknown: Given
  expected: [list: string, kind: string, key: string, title: string][]
  /** What carries the credential. */
  carries(asked: Asked): boolean
}

const path = ({ url }: Asked) => url.split('?')[0]

const CASES: Case[] = [
  {
    ...{ kind: 'github', by: 'principal', name: 'octocat' },
    target: (origin) => ({ baseUrl: origin, org: 'acme' }),
    secret: { token: 'ghp_administrator' },
    answers: (asked) => {
      if (path(asked) === '/users/octocat') return ok({ login: 'octocat', id: 1 })
      if (path(asked) === '/users/octocat/keys') return once(asked, [{ id: 1, key: 'ssh-ed25519 AAAA' }])
      if (path(asked) === '/orgs/acme/credential-authorizations')
        return once(asked, [
          {
            ...{
              login: 'octocat',
              credential_id: 161195,
              credential_type: 'personal access token',
              token_last_eight: '71c3fc11',
            },
            ...{ credential_authorized_at: '2011-01-26T19:06:43Z', credential_accessed_at: null, scopes: ['user', 'repo'] },
          },
          { login: 'octocat', credential_id: 161196, credential_type: 'SSH key', authorized_credential_title: 'laptop' },
          { login: 'hubot', credential_id: 161197, credential_type: 'SSH key' },
        ])
      return once(asked, [
        {
          ...{
            id: 25381,
            owner: { login: 'Octocat', id: 1 },
            permissions: { repository: { contents: 'read' } },
            token_expired: false,
          },
          ...{ token_name: 'deploys', access_granted_at: '2023-05-16T08:47:09.000-07:00', token_last_used_at: null },
        },
        { id: 25382, owner: { login: 'octocat', id: 1 }, token_expired: true },
      ])
    },
    unknown: { status: 404, body: { message: 'Not Found', documentation_url: 'https://docs.github.com/rest', status: '404' } },
    expected: [
      ['fine_grained_tokens', 'api_key', '25381', 'deploys'],
      ['sso_credentials', 'api_key', '161195', 'personal access token'],
      ['sso_credentials', 'ssh_key', '161196', 'laptop'],
      ['ssh_keys', 'ssh_key', '1', 'SSH key'],
    ],
    carries: ({ headers }) =>
      headers.authorization === 'Bearer ghp_administrator' && headers['x-github-api-version'] === '2022-11-28',
  },
  {
    ...{ kind: 'gitlab', by: 'email', name: 'anna@corp.example' },
    target: (origin) => ({ baseUrl: `${origin}/api/v4` }),
    secret: { token: 'glpat-administrator' },
    answers: (asked) => {
      const at = path(asked)?.replace('/api/v4', '')
      if (at === '/users')
        return ok([
          { id: 42, username: 'anna', email: 'anna@corp.example' },
          { id: 43, email: 'joanna@corp.example' },
        ])
      if (at === '/personal_access_tokens')
        return once(asked, [
          {
            id: 4,
            name: 'CI',
            revoked: false,
            active: true,
            user_id: 42,
            scopes: ['api'],
            last_used_at: '2024-03-15T08:57:47.277Z',
          },
          { id: 5, name: 'old', revoked: true, active: false, user_id: 42, scopes: [] },
        ])
      if (at === '/users/42/impersonation_tokens') return once(asked, [{ id: 2, name: 'bot', active: true, impersonation: true }])
      if (at === '/users/42/keys') return once(asked, [{ id: 1, title: 'laptop', key: 'ssh-rsa AAAA' }])
      if (at === '/users/42/memberships') return once(asked, [{ source_id: 29, source_type: 'Project', access_level: 40 }])
      if (at === '/projects/29/pipeline_schedules')
        return once(asked, [
          { id: 13, description: 'nightly', active: true, owner: { id: 42, username: 'anna' } },
          { id: 14, description: 'other', active: true, owner: { id: 43 } },
        ])
      return once(asked, [{ id: 10, description: 'hook', token: '6d05', owner: { id: 42 } }])
    },
    unknown: ok([]),
    expected: [
      ['personal_access_tokens', 'api_key', '4', 'CI'],
      ['impersonation_tokens', 'api_key', '2', 'bot'],
      ['ssh_keys', 'ssh_key', '1', 'laptop'],
      ['pipeline_schedules', 'pipeline', '29 13', 'nightly'],
      ['pipeline_triggers', 'pipeline', '29 10', 'hook'],
    ],
    carries: ({ headers }) => headers['private-token'] === 'glpat-administrator',
  },
  {
    ...{ kind: 'okta', by: 'email', name: 'anna@corp.example' },
    target: (origin) => ({ baseUrl: origin }),
    secret: { token: '00administrator' },
    answers: (asked) => {
      const at = path(asked)
      if (at === '/api/v1/users/anna%40corp.example') return ok({ id: '00u1', status: 'DEPROVISIONED' })
      if (at === '/api/v1/users/00u1/grants')
        return ok([
          {
            id: 'oag1',
            status: 'ACTIVE',
            clientId: '0oa1',
            created: '2026-01-01T00:00:00.000Z',
            _links: { client: { title: 'Wiki' } },
          },
          { id: 'oag2', status: 'REVOKED', clientId: '0oa1' },
        ])
      if (at === '/api/v1/users/00u1/clients') return ok([{ client_id: '0oa1', client_name: 'Wiki' }])
      if (at === '/api/v1/users/00u1/clients/0oa1/tokens')
        return ok([
          { id: 'oar1', status: 'ACTIVE', clientId: '0oa1', scopes: ['offline_access'], lastUpdated: '2026-02-01T00:00:00.000Z' },
        ])
      return ok([
        { id: '00Tabc', name: 'terraform', userId: '00u1', created: '2026-01-01T00:00:00.000Z' },
        { id: '00Tdef', name: 'other', userId: '00u2' },
      ])
    },
    unknown: { status: 404, body: { errorCode: 'E0000007', errorSummary: 'Not found: Resource not found' } },
    expected: [
      ['consents', 'oauth_consent', 'oag1', 'Wiki'],
      ['refresh_tokens', 'oauth_token', '0oa1 oar1', '0oa1'],
      ['api_tokens', 'api_key', '00Tabc', 'terraform'],
    ],
    carries: ({ headers }) => headers.authorization === 'SSWS 00administrator',
  },
  {
    ...{ kind: 'google-workspace', by: 'email', name: 'anna@corp.example' },
    target: (origin) => ({ baseUrl: origin, tokenUrl: `${origin}/token`, admin: 'admin@corp.example' }),
    secret: { clientEmail: 'inventory@project.iam.example', privateKey: PEM },
    answers: (asked) => {
      const at = path(asked)
      if (at === '/token') return ok({ access_token: 'ya29.administrator', expires_in: 3_599, token_type: 'Bearer' })
      if (at === '/admin/directory/v1/users/anna%40corp.example') return ok({ kind: 'admin#directory#user', id: '1001' })
      if (at === '/admin/directory/v1/users/1001/tokens')
        return ok({
          kind: 'admin#directory#tokenList',
          items: [
            { clientId: '77.apps', displayText: 'Zoom', scopes: ['https://www.googleapis.com/auth/calendar'], userKey: '1001' },
          ],
        })
      return ok({
        kind: 'admin#directory#aspList',
        items: [{ codeId: 3, name: 'Thunderbird', creationTime: '1739000000000', lastTimeUsed: '0', userKey: '1001' }],
      })
    },
    unknown: { status: 404, body: { error: { code: 404, message: 'x', errors: [{ domain: 'global', reason: 'notFound' }] } } },
    expected: [
      ['tokens', 'oauth_consent', '77.apps', 'Zoom'],
      ['app_passwords', 'app_password', '3', 'Thunderbird'],
    ],
    carries: ({ headers, url, body }) =>
      url === '/token'
        ? claimsOf(body).sub === 'admin@corp.example' && claimsOf(body).iss === 'inventory@project.iam.example'
        : headers.authorization === 'Bearer ya29.administrator',
  },
  {
    ...{ kind: 'entra', by: 'principal', name: 'anna@corp.example' },
    target: (origin) => ({ baseUrl: origin, authority: origin, tenant: 'corp.example' }),
    secret: { clientId: 'app-1', clientSecret: 'entra-administrator' },
    answers: (asked) => {
      const at = path(asked)
      if (at === '/corp.example/oauth2/v2.0/token') return ok({ access_token: 'eyJ.administrator', expires_in: 3_599 })
      if (at === '/v1.0/users/anna%40corp.example') return ok({ id: 'u-1' })
      if (at === '/v1.0/users/u-1/oauth2PermissionGrants')
        return ok({ value: [{ id: 'g1', clientId: 'sp-1', consentType: 'Principal', scope: 'Mail.Read offline_access' }] })
      if (at === '/v1.0/users/u-1/appRoleAssignments')
        return ok({ value: [{ id: 'a1', resourceDisplayName: 'Payroll', createdDateTime: '2026-01-01T00:00:00Z' }] })
      return ok({
        value: [
          { '@odata.type': '#microsoft.graph.application', id: 'o1', displayName: 'exporter' },
          { '@odata.type': '#microsoft.graph.group', id: 'o2', displayName: 'team' },
        ],
      })
    },
    unknown: { status: 404, body: { error: { code: 'Request_ResourceNotFound', message: 'x' } } },
    expected: [
      ['consents', 'oauth_consent', 'g1', 'sp-1'],
      ['assignments', 'oauth_consent', 'a1', 'Payroll'],
      ['owned', 'service_account', 'o1', 'exporter'],
    ],
    carries: ({ headers, url, body }) =>
      url.endsWith('/token')
        ? new URLSearchParams(body).get('client_secret') === 'entra-administrator'
        : headers.authorization === 'Bearer eyJ.administrator',
  },
]

function claimsOf(body: string): { sub?: unknown; iss?: unknown } {
  const assertion = new URLSearchParams(body).get('assertion') ?? ''
  const claims: unknown = JSON.parse(Buffer.from(assertion.split('.')[1] ?? '', 'base64url').toString('utf8'))
  return typeof claims === 'object' && claims !== null ? claims : {}
}

it('every inventory has its documented answers here', () => {
  expect(CASES.map(({ kind }) => kind).toSorted()).toEqual(INVENTORY_KINDS)
})

describe.each(CASES)('$kind, by its documented answers on the loopback (no real system was asked)', (of) => {
  const drive = async (answers: (asked: Asked) => Given) =>
    driveInventory(await loadInventory(of.kind), of.target, of.secret, answers, { person: { by: of.by, name: of.name } })
  const isToken = ({ method }: Asked) => method === 'POST'

  it('lists what stands, with the credential and reading alone', async () => {
    const { listed, asked } = await drive(of.answers)
    expect(listed.grants.map(({ list, kind, key, title }) => [list, kind, key, title])).toEqual(of.expected)
    expect(new Set(Object.values(listed.parts))).toEqual(new Set(['complete']))
    expect(Object.keys(listed.parts)).toEqual((await loadInventory(of.kind)).lists)
    expect(asked.filter((each) => !of.carries(each))).toEqual([])
    // Nothing but what buys a token is a POST, and that once.
    expect(asked.filter(isToken).length).toBeLessThanOrEqual(1)
    for (const secret of Object.values(of.secret)) expect(JSON.stringify(listed)).not.toContain(secret)
  })

  it('knows somebody who is not there', async () => {
    const { listed } = await drive((asked) => (isToken(asked) ? of.answers(asked) : of.unknown))
    expect(listed).toMatchObject({ known: false, grants: [], fault: undefined })
  })

  it.each([
    [401, 'unauthenticated'],
    [403, 'forbidden'],
    [404, 'unexpected_answer'],
    [429, 'rate_limited'],
    [500, 'server_error'],
  ])('takes a bare %s for no empty list', async (status, fault) => {
    const { listed } = await drive((asked) => (isToken(asked) ? of.answers(asked) : { status, body: {} }))
    expect(listed).toMatchObject({ known: undefined, grants: [], fault })
  })
})

it('a GitHub App buys a token of its installation', async () => {
  const { listed, asked } = await driveInventory(
    await loadInventory('github'),
    (baseUrl) => ({ baseUrl, org: 'acme', installation: '9' }),
    { appId: '77', privateKey: PEM },
    (one) =>
      path(one) === '/app/installations/9/access_tokens'
        ? { status: 201, body: { token: 'ghs_installation', expires_at: '2026-01-01T00:00:00Z' } }
        : path(one) === '/users/anna'
          ? ok({ login: 'anna', id: 3 })
          : ok([]),
  )
  expect(listed).toMatchObject({ known: true, fault: undefined, grants: [] })
  expect(asked[0]?.method).toBe('POST')
  expect(asked.slice(1).every(({ headers }) => headers.authorization === 'Bearer ghs_installation')).toBe(true)
})

it('a limit that GitHub tells by a 403 is a limit', async () => {
  const { listed } = await driveInventory(
    await loadInventory('github'),
    (baseUrl) => ({ baseUrl, org: 'acme' }),
    { token: 't-administrator' },
    () => ({
      status: 403,
      headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(Math.floor(Date.now() / 1_000) + 60) },
      body: {},
    }),
  )
  expect(listed.fault).toBe('rate_limited')
  expect(listed.retryAfterMs).toBeGreaterThan(50_000)
})
