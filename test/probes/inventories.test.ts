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

const SLACK_MEMBERS = [
  { id: 'U1234ABCD', team_id: 'T1', deleted: true, is_bot: false, profile: { email: 'Johnny@corp.example' } },
  { id: 'U2345BCDE', team_id: 'T1', deleted: false, is_bot: false, profile: { email: 'billy@corp.example' } },
  { id: 'USLACKBOT', team_id: 'T1', deleted: false, is_bot: false, profile: { real_name: 'Slackbot' } },
] as const
/** Of docs.slack.dev, with what happened to it further on. */
const SLACK_LOGS = [
  {
    ...{ service_id: 1234567890, service_type: 'Google Calendar', user_id: 'U1234ABCD', channel: 'C1234567890' },
    ...{ date: '1392163200', change_type: 'enabled', scope: 'incoming-webhook' },
  },
  {
    ...{ app_id: '2345678901', app_type: 'Johnny App', user_id: 'U1234ABCD', date: '1392163201', change_type: 'added' },
    scope: 'chat:write,bot,channels:read',
  },
  {
    ...{ service_id: '3456789012', service_type: 'Airbrake', user_id: 'U1234ABCD', date: '1392163100', change_type: 'added' },
    scope: 'incoming-webhook',
  },
  {
    ...{ service_id: '3456789012', service_type: 'Airbrake', user_id: 'U2345BCDE', date: '1392163202', change_type: 'disabled' },
    ...{ reason: 'user', scope: 'incoming-webhook' },
  },
  { app_id: '99', app_type: 'Other', user_id: 'U2345BCDE', date: '1392163203', change_type: 'added', scope: 'chat:write' },
]

function slackAnswers(asked: Asked): Given {
  const params = new URL(asked.url, 'http://x').searchParams
  switch (path(asked)) {
    case '/api/users.list': {
      // In two pages, by a cursor.
      const isFirst = params.get('cursor') === null
      return ok({
        ok: true,
        members: isFirst ? SLACK_MEMBERS.slice(1) : SLACK_MEMBERS.slice(0, 1),
        response_metadata: { next_cursor: isFirst ? 'dXNlcjpVMDYxTkZUVDI=' : '' },
      })
    }
    case '/api/users.info':
      return ok(
        params.get('user') === 'U1234ABCD' ? { ok: true, user: SLACK_MEMBERS[0] } : { ok: false, error: 'user_not_found' },
      )
    case '/api/team.integrationLogs': {
      const page = Number(params.get('page') ?? 1)
      return ok({ ok: true, logs: SLACK_LOGS.slice(page * 3 - 3, page * 3), paging: { count: 3, total: 5, page, pages: 2 } })
    }
    case '/api/admin.workflows.search':
      return ok({
        ok: true,
        total_found: 1,
        workflows: [
          { id: 'Wf014FQ97ZT5', title: 'Untitled Workflow', collaborators: [params.get('collaborator_ids')], is_published: true },
        ],
        response_metadata: { next_cursor: '' },
      })
    default: {
      const session = (session_id: number, user_id: string) => {
        return { session_id, user_id, team_id: 'T1', created: { device_hardware: 'iPhone15,2', os: 'iOS', ip: '127.0.0.1' } }
      }
      return ok({ ok: true, active_sessions: [session(1001, 'U1234ABCD'), session(1002, 'U2345BCDE')], response_metadata: {} })
    }
  }
}

function atlassianAnswers(asked: Asked): Given {
  const cursor = new URL(asked.url, 'http://x').searchParams.get('cursor')
  switch (path(asked)) {
    case '/admin/v1/orgs/org-1/users':
      // The second page, by its whole address.
      return cursor === null
        ? ok({
            data: [{ account_id: 'acc-2', account_type: 'atlassian', account_status: 'active', email: 'bob@corp.example' }],
            links: { next: `http://${asked.headers.host}/admin/v1/orgs/org-1/users?cursor=c2` },
          })
        : ok({
            data: [{ account_id: 'acc-1', account_type: 'atlassian', account_status: 'inactive', email: 'anna@corp.example' }],
            links: { self: 'x' },
          })
    case '/admin/api-access/v1/orgs/org-1/api-tokens': {
      // By the cursor alone.
      const token = (id: string, user: string, expiresAt: string | null) => {
        return { id, label: 'My Addon', status: 'ALLOWED', createdAt: '2026-01-01T00:00:00Z', expiresAt, user: { id: user } }
      }
      return cursor === null
        ? ok({
            data: [token('tok-2', 'acc-2', null), token('tok-3', 'acc-1', '2025-01-01T00:00:00Z')],
            links: { next: 'bmV4dA==' },
          })
        : ok({ data: [token('tok-1', 'acc-1', '2099-01-01T00:00:00Z')], links: {} })
    }
    case '/admin/api-access/v1/orgs/org-1/api-keys':
      return ok({
        data: [
          { id: 'key-1', label: 'provisioning', orgId: 'org-1', createdBy: { id: 'acc-1' }, scopes: ['read:accounts:admin'] },
          { id: 'key-2', label: 'other', createdBy: { id: 'acc-2' } },
          { id: 'key-3', label: 'of nobody' },
        ],
        links: {},
      })
    default:
      return ok({
        items: [
          { id: 'sa-1', atlassianId: '712020:1', displayName: 'release bot', status: 'active', createdById: 'acc-1' },
          { id: 'sa-2', displayName: 'other', createdById: 'acc-2' },
        ],
        links: {},
        total: 2,
      })
  }
}

const CASES: Case[] = [
  {
    ...{ kind: 'github', by: 'principal', name: 'octocat' },
    target: (origin) => ({ baseUrl: origin, org: 'acme' }),
    secret: { token: 'ghp_administrator' },
    answers: (asked) => {
      if (path(asked) === '/users/octocat') return ok({ login: 'octocat', id: 1 })
      if (path(asked) === '/users/octocat/keys') return once(asked, [{ id: 1, key: 'ssh-ed25519 AAAA' }])
      if (path(asked) === '/orgs/acme/repos') return once(asked, [{ id: 1296269, name: 'Hello-World' }])
      if (path(asked) === '/repos/acme/Hello-World/keys')
        return once(asked, [
          { id: 11, key: 'ssh-rsa AAA...', title: 'octocat@octomac', added_by: 'octocat', last_used: '2022-01-10T15:53:42Z' },
          { id: 12, key: 'ssh-rsa AAA...', title: 'hubot', added_by: 'hubot', last_used: null },
        ])
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
      ['deploy_keys', 'ssh_key', 'Hello-World 11', 'octocat@octomac'],
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
      if (asked.url.includes('exclude_humans'))
        return once(asked, [
          { id: 77, username: 'project_29_bot', bot: true, created_by: { id: 42, username: 'anna' } },
          { id: 78, username: 'service_account_1', bot: true, created_by: { id: 1, username: 'root' } },
          { id: 79, username: 'support-bot', bot: true, created_by: null },
        ])
      if (asked.url.includes('user_id=77'))
        return once(asked, [{ id: 88, name: 'deployer', active: true, user_id: 77, scopes: ['api'], expires_at: '2099-01-31' }])
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
      ['bot_tokens', 'bot', '77 88', 'deployer'],
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
      if (at === '/api/v1/eventHooks')
        return ok([
          { id: 'who1', status: 'ACTIVE', name: 'to payroll', createdBy: '00u1', created: '2026-01-01T00:00:00.000Z' },
          { id: 'who2', status: 'INACTIVE', name: 'old', createdBy: '00u1' },
          { id: 'who3', status: 'ACTIVE', name: 'other', createdBy: '00u2' },
        ])
      if (at === '/integrations/api/v1/api-services')
        return ok([
          { id: '0oa9', type: 'my_app_cie', name: 'My App', createdBy: '00u1', grantedScopes: ['okta.logs.read'] },
          { id: '0oa8', type: 'other', name: 'Other', createdBy: '00u2' },
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
      ['event_hooks', 'webhook', 'who1', 'to payroll'],
      ['api_services', 'service_account', '0oa9', 'My App'],
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
      if (asked.url === '/v1.0/applications/o1?%24select=id%2CpasswordCredentials')
        return ok({
          id: 'o1',
          passwordCredentials: [
            {
              keyId: 'k1',
              displayName: 'ci',
              startDateTime: '2026-01-01T00:00:00Z',
              endDateTime: '2099-01-01T00:00:00Z',
              hint: 'x7',
            },
            { keyId: 'k2', displayName: 'old', startDateTime: '2020-01-01T00:00:00Z', endDateTime: '2021-01-01T00:00:00Z' },
          ],
        })
      if (asked.url === '/v1.0/applications/o1?%24select=id%2CkeyCredentials')
        return ok({
          id: 'o1',
          keyCredentials: [{ keyId: 'c1', displayName: 'CN=exporter', endDateTime: '2099-01-01T00:00:00Z' }],
        })
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
      ['secrets', 'api_key', 'o1 k1', 'ci'],
      ['certificates', 'api_key', 'o1 c1', 'CN=exporter'],
    ],
    carries: ({ headers, url, body }) =>
      url.endsWith('/token')
        ? new URLSearchParams(body).get('client_secret') === 'entra-administrator'
        : headers.authorization === 'Bearer eyJ.administrator',
  },
  {
    ...{ kind: 'slack', by: 'email', name: 'johnny@corp.example' },
    target: (origin) => ({ baseUrl: `${origin}/api` }),
    secret: { token: 'xoxp-administrator' },
    answers: slackAnswers,
    unknown: ok({ ok: true, members: [SLACK_MEMBERS[1], SLACK_MEMBERS[2]], response_metadata: { next_cursor: '' } }),
    expected: [
      ['integrations', 'webhook', 'service_id 1234567890', 'Google Calendar'],
      ['integrations', 'bot', 'app_id 2345678901', 'Johnny App'],
      ['workflows', 'pipeline', 'Wf014FQ97ZT5', 'Untitled Workflow'],
      ['sessions', 'session', 'T1 1001', 'iPhone15,2'],
    ],
    carries: ({ headers }) => headers.authorization === 'Bearer xoxp-administrator',
  },
  {
    ...{ kind: 'atlassian', by: 'email', name: 'anna@corp.example' },
    target: (origin) => ({ baseUrl: origin, org: 'org-1' }),
    secret: { token: 'ATCTT-administrator' },
    answers: atlassianAnswers,
    unknown: ok({ data: [{ account_id: 'acc-2', account_type: 'atlassian', email: 'bob@corp.example' }], links: {} }),
    expected: [
      ['api_tokens', 'api_key', 'tok-1', 'My Addon'],
      ['api_keys', 'api_key', 'key-1', 'provisioning'],
      ['service_accounts', 'service_account', 'sa-1', 'release bot'],
    ],
    carries: ({ headers }) => headers.authorization === 'Bearer ATCTT-administrator',
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
    // Of this one nobody says how much the token sees: it proves nothing of what it does not show.
    const unproven = of.kind === 'github' ? ['deploy_keys'] : []
    const parts = Object.entries(listed.parts).filter(([, part]) => part !== 'complete')
    expect(parts).toEqual(unproven.map((list) => [list, 'forbidden']))
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

const githubApp = async (said: object) =>
  driveInventory(
    await loadInventory('github'),
    (baseUrl) => ({ baseUrl, org: 'acme', installation: '9' }),
    { appId: '77', privateKey: PEM },
    (one) => {
      const at = path(one)
      if (at === '/app/installations/9/access_tokens')
        return { status: 201, body: { token: 'ghs_installation', expires_at: '2026-01-01T00:00:00Z', ...said } }
      if (at === '/users/anna') return ok({ login: 'anna', id: 3 })
      if (at === '/orgs/acme/repos') return once(one, [{ id: 1, name: 'shown' }])
      return at === '/repos/acme/shown/keys' ? once(one, [{ id: 11, title: 'ci', added_by: 'anna' }]) : ok([])
    },
  )

it.each([
  [{ repository_selection: 'selected' }, 'forbidden'],
  [{}, 'forbidden'],
])('a GitHub App that may see some repositories alone (%j) proves nothing of deploy keys', async (said, part) => {
  const { listed } = await githubApp(said)
  expect(listed).toMatchObject({ fault: part, grants: [{ key: 'shown 11' }] })
  expect(listed.parts).toEqual({
    fine_grained_tokens: 'complete',
    sso_credentials: 'complete',
    ssh_keys: 'complete',
    deploy_keys: part,
  })
})

it.each<[string, PersonName, string, Record<string, unknown>, Record<string, string>, string, string[]]>([
  [
    'github',
    'principal',
    'octocat',
    { org: 'acme', installation: '9' },
    { appId: '77', privateKey: PEM },
    'deploy_keys',
    ['added_by'],
  ],
  ['okta', 'email', 'anna@corp.example', {}, { token: 't' }, 'event_hooks', ['createdBy']],
  ['okta', 'email', 'anna@corp.example', {}, { token: 't' }, 'api_services', ['createdBy']],
  ['atlassian', 'email', 'anna@corp.example', { org: 'org-1' }, { token: 't' }, 'api_keys', ['createdBy']],
  ['atlassian', 'email', 'anna@corp.example', { org: 'org-1' }, { token: 't' }, 'service_accounts', ['createdById']],
])(
  "%s: what is shown as nobody's (%#) is not missing, and nothing but that is blind",
  async (kind, by, name, target, secret, list, owner) => {
    const of = CASES.find((each) => each.kind === kind) ?? expect.fail('no case')
    const has = (item: unknown): item is Record<string, unknown> =>
      typeof item === 'object' && item !== null && owner.some((member) => member in item)
    const drive = async (all: boolean) =>
      driveInventory(
        await loadInventory(kind),
        (baseUrl) => ({ baseUrl, ...target }),
        secret,
        (asked) => {
          if (path(asked) === '/app/installations/9/access_tokens')
            return { status: 201, body: { token: 'ghs', expires_at: '2099-01-01T00:00:00Z', repository_selection: 'all' } }
          const given = of.answers(asked)
          // The first item, or each of them, says that nobody made it.
          let left = all ? 99 : 1
          const blank = (value: unknown): unknown => {
            if (Array.isArray(value)) return value.map(blank)
            if (has(value) && left-- > 0) return { ...value, ...Object.fromEntries(owner.map((member) => [member, null])) }
            if (typeof value !== 'object' || value === null) return value
            return Object.fromEntries(Object.entries(value).map(([member, inner]) => [member, blank(inner)]))
          }
          return { ...given, body: blank(given.body) }
        },
        { person: { by, name } },
      )
    const { listed } = await drive(false)
    const key = of.expected.find(([id]) => id === list)?.[2] ?? expect.fail('no key')
    expect(listed.parts[list]).toBe('complete')
    expect(listed.grants.some((grant) => grant.list === list)).toBe(false)
    expect(listed.bounds[list]?.unowned).toContain(key)
    expect((await drive(true)).listed.parts[list]).toBe('forbidden')
  },
)

it("GitLab's own bots are made by nobody, and it says so", async () => {
  const of = CASES.find(({ kind }) => kind === 'gitlab') ?? expect.fail('no case')
  const drive = async (bot: object) =>
    driveInventory(
      await loadInventory('gitlab'),
      of.target,
      of.secret,
      (asked) => (asked.url.includes('exclude_humans') ? once(asked, [{ id: 79, bot: true, ...bot }]) : of.answers(asked)),
      { person: { by: of.by, name: of.name } },
    )
  expect((await drive({ created_by: null })).listed.parts.bot_tokens).toBe('complete')
  expect((await drive({})).listed.parts.bot_tokens).toBe('unexpected_answer')
})

it('Google leaves empty lists out, and names the list all the same', async () => {
  const of = CASES.find(({ kind }) => kind === 'google-workspace') ?? expect.fail('no case')
  const drive = async (body: object) =>
    driveInventory(
      await loadInventory('google-workspace'),
      of.target,
      of.secret,
      (asked) => (path(asked)?.endsWith('/tokens') ? ok(body) : of.answers(asked)),
      { person: { by: of.by, name: of.name } },
    )
  expect((await drive({ kind: 'admin#directory#tokenList', etag: 'x' })).listed.parts.tokens).toBe('complete')
  expect((await drive({ kind: 'admin#directory#tokenList', items: null })).listed.parts.tokens).toBe('unexpected_answer')
  expect((await drive({ etag: 'x' })).listed.parts.tokens).toBe('unexpected_answer')
})

it('a GitHub App buys a token of its installation', async () => {
  const { listed, asked } = await githubApp({ repository_selection: 'all' })
  expect(listed).toMatchObject({ known: true, fault: undefined, account: '3', grants: [{ key: 'shown 11' }] })
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

describe('Slack, by its documented answers on the loopback (no real system was asked)', () => {
  const slack = async (answers: (asked: Asked) => Given, options: Parameters<typeof driveInventory>[4] = {}, target = {}) =>
    driveInventory(
      await loadInventory('slack'),
      (origin) => ({ baseUrl: `${origin}/api`, ...target }),
      { token: 'xoxp-administrator' },
      answers,
      { person: { by: 'email', name: 'johnny@corp.example' }, ...options },
    )

  it.each([
    ['missing_scope', 'forbidden'],
    ['not_allowed_token_type', 'forbidden'],
    ['feature_not_enabled', 'forbidden'],
    ['invalid_auth', 'unauthenticated'],
    ['account_inactive', 'unauthenticated'],
    ['ratelimited', 'rate_limited'],
    ['users_not_found', 'unexpected_answer'],
    ['fatal_error', 'unexpected_answer'],
  ])('takes a 200 with %s for no list', async (error, fault) => {
    const { listed } = await slack(() => ok({ ok: false, error }))
    expect(listed).toMatchObject({ known: undefined, grants: [], fault })
  })

  it('knows one list refused from the others, and asks no more once it is limited', async () => {
    const { listed } = await slack((asked) =>
      path(asked) === '/api/admin.workflows.search' ? ok({ ok: false, error: 'missing_scope' }) : slackAnswers(asked),
    )
    expect(listed.parts).toEqual({ integrations: 'complete', workflows: 'forbidden', sessions: 'complete' })
    const limited = await slack((asked) =>
      path(asked) === '/api/team.integrationLogs'
        ? { status: 429, headers: { 'retry-after': '30' }, body: { ok: false, error: 'ratelimited' } }
        : slackAnswers(asked),
    )
    expect(limited.listed.parts).toEqual({ integrations: 'rate_limited', workflows: 'rate_limited', sessions: 'rate_limited' })
    expect(limited.listed.retryAfterMs).toBe(30_000)
    expect(limited.asked.some((asked) => path(asked)?.includes('admin.'))).toBe(false)
  })

  it.each([
    ['team.integrationLogs', 'integrations'],
    ['admin.workflows.search', 'workflows'],
    ['admin.users.session.list', 'sessions'],
  ])('takes an answer of %s without its list for no empty one', async (method, list) => {
    const { listed } = await slack((asked) =>
      path(asked) === `/api/${method}` ? ok({ ok: true, paging: { pages: 1 } }) : slackAnswers(asked),
    )
    expect(listed.parts[list]).toBe('unexpected_answer')
    expect(listed.grants.some((grant) => grant.list === list)).toBe(false)
    expect((await slack(() => ok({ ok: true }))).listed).toMatchObject({ known: undefined, fault: 'unexpected_answer' })
  })

  it('tells of a log what has ended, and nothing of what it does not reach back to', async () => {
    const { listed } = await slack((asked) =>
      path(asked) === '/api/team.integrationLogs'
        ? ok({ ok: true, logs: SLACK_LOGS.slice(1), paging: { page: 1, pages: 1 } })
        : slackAnswers(asked),
    )
    expect(listed.bounds.integrations).toEqual({ ended: ['service_id 3456789012'] })
  })

  it('shows nothing of a log that was read in part', async () => {
    const { listed } = await slack((asked) => (asked.url.includes('page=2') ? { status: 500, body: {} } : slackAnswers(asked)))
    expect(listed.parts.integrations).toBe('server_error')
    expect(listed.grants.filter(({ list }) => list === 'integrations')).toEqual([])
  })

  it('is blind without the right to see addresses, and finds nobody unknown then', async () => {
    const { listed } = await slack(() => ok({ ok: true, members: SLACK_MEMBERS.map(({ id }) => ({ id, profile: {} })) }))
    expect(listed).toMatchObject({ known: undefined, fault: 'forbidden' })
  })

  it('reads the roster, the log and the sessions once for a decoy, a canary and those who left', async () => {
    const [by, domain] = ['email' as const, 'corp.example']
    const { listed, others, asked } = await slack(slackAnswers, {
      person: { by, name: `made-up-9f3@${domain}` },
      others: [
        { by, name: `billy@${domain}` },
        { by, name: `johnny@${domain}` },
      ],
    })
    expect(listed).toMatchObject({ known: false, grants: [], fault: undefined })
    expect(others.map(({ grants }) => grants.map(({ key }) => key))).toEqual([
      ['app_id 99', 'Wf014FQ97ZT5', 'T1 1002'],
      ['service_id 1234567890', 'app_id 2345678901', 'Wf014FQ97ZT5', 'T1 1001'],
    ])
    const times = (method: string) => asked.filter((each) => path(each) === `/api/${method}`).length
    expect(['users.list', 'team.integrationLogs', 'admin.users.session.list', 'admin.workflows.search'].map(times)).toEqual([
      2, 2, 1, 2,
    ])
  })

  it('finds an account by its id, for a workspace of the organisation', async () => {
    const target = { team: 'T1' }
    const found = await slack(slackAnswers, { person: { by: 'principal', name: 'U1234ABCD' } }, target)
    expect(found.listed).toMatchObject({ known: true, fault: undefined })
    expect(found.listed.grants).toHaveLength(4)
    expect(found.asked.find((each) => path(each) === '/api/team.integrationLogs')?.url).toContain('team_id=T1')
    const none = await slack(slackAnswers, { person: { by: 'principal', name: 'made-up' } }, target)
    expect(none.listed).toMatchObject({ known: false, grants: [], fault: undefined })
  })
})

describe('Atlassian, by its documented answers on the loopback (no real system was asked)', () => {
  const atlassian = async (answers: (asked: Asked) => Given, options: Parameters<typeof driveInventory>[4] = {}) =>
    driveInventory(
      await loadInventory('atlassian'),
      (baseUrl) => ({ baseUrl, org: 'org-1' }),
      { token: 'ATCTT-administrator' },
      answers,
      { person: { by: 'email', name: 'anna@corp.example' }, ...options },
    )

  it('reads the accounts once for a decoy, a canary and those who left', async () => {
    const { listed, others, asked } = await atlassian(atlassianAnswers, {
      person: { by: 'email', name: 'made-up-9f3@corp.example' },
      others: [
        { by: 'email', name: 'bob@corp.example' },
        { by: 'externalId', name: 'acc-1' },
      ],
    })
    expect(listed).toMatchObject({ known: false, grants: [], fault: undefined })
    expect(others.map(({ grants }) => grants.map(({ key }) => key))).toEqual([
      ['tok-2', 'key-2', 'sa-2'],
      ['tok-1', 'key-1', 'sa-1'],
    ])
    // By address and by id they are two readings of two pages.
    expect(asked.filter((each) => path(each)?.endsWith('/users'))).toHaveLength(4)
    expect(asked.filter((each) => path(each)?.endsWith('/api-tokens'))).toHaveLength(2)
  })

  it('follows no cursor to another origin', async () => {
    const { listed } = await atlassian((asked) =>
      path(asked)?.endsWith('/api-keys')
        ? ok({ data: [], links: { next: 'https://evil.example/admin/api-access/v1/orgs/org-1/api-keys' } })
        : atlassianAnswers(asked),
    )
    expect(listed.parts).toEqual({ api_tokens: 'complete', api_keys: 'paging_origin', service_accounts: 'complete' })
  })

  it('is blind where no creator is shown, and keeps what it was given before a limit', async () => {
    const { listed } = await atlassian((asked) =>
      path(asked)?.endsWith('/api-keys')
        ? ok({ data: [{ id: 'key-1', label: 'x' }], links: {} })
        : path(asked)?.endsWith('/service-accounts')
          ? { status: 429, headers: { 'retry-after': '7' }, body: {} }
          : atlassianAnswers(asked),
    )
    expect(listed.parts).toEqual({ api_tokens: 'complete', api_keys: 'forbidden', service_accounts: 'rate_limited' })
    expect(listed).toMatchObject({ grants: [{ key: 'tok-1' }], retryAfterMs: 7_000 })
  })
})
