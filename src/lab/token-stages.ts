import { randomBytes } from 'node:crypto'
import type { ClosedPort } from './closed-port.ts'
import type { Door } from './door.ts'
import { AGENT, BACKUP, type CredentialRow, JONAS, MAYA, PRIYA } from './people.ts'
import { type KeepSecret, LIMITS, type Stage } from './stage.ts'
import type { TokenApi } from './token-api.ts'

/** Source code, with tokens: three leavers are still in, and one token was handed on. */
export function stageCodeHost(api: TokenApi, keep: KeepSecret): Stage {
  const system = 'code-host'
  const laptop = tokenDoor(api, 'maya-token', "Maya's laptop token", { identity: MAYA, system, label: 'laptop token' })
  const deploy = tokenDoor(api, 'maya-ci-token', "Maya's CI token", { identity: MAYA, system, label: 'ci token' })
  const jonas = tokenDoor(api, 'jonas-token', "Jonas's laptop token", { identity: JONAS, system, label: 'laptop token' })
  const priya = tokenDoor(api, 'priya-token', "Priya's CI token", { identity: PRIYA, system, label: 'ci token' })
  const agent = tokenDoor(api, 'agent-key', 'the API key of triage-agent', { identity: AGENT, system, label: 'api key' })
  const backup = tokenDoor(
    api,
    'backup-token',
    'a token of nightly-backup that now opens the account of release-bot',
    { identity: BACKUP, system, label: 'mirror token' },
    'release-bot',
  )
  for (const { credential } of [deploy, jonas]) api.revoke(credential.secret.token)
  const all = [laptop, deploy, jonas, priya, agent, backup]
  return {
    system: {
      name: system,
      probe: 'http',
      target: userEndpoint(api.url),
      tier: 'standard',
      owner: 'dev-tools@example.com',
      limits: LIMITS,
      controls: { canary: { token: keep(system, api.issue('revenant-canary')) } },
    },
    credentials: all.map(({ credential }) => credential),
    doors: all.map(({ door }) => door),
  }
}

/** Customer records behind a strict rate limit: the controls of a trial use it up. */
export function stageCrm(api: TokenApi, keep: KeepSecret): Stage {
  const system = 'crm'
  const token = tokenDoor(api, 'crm-token', "Jonas's CRM token", { identity: JONAS, system, label: 'export token' })
  api.revoke(token.credential.secret.token)
  return {
    system: {
      name: system,
      probe: 'http',
      target: userEndpoint(api.url),
      tier: 'standard',
      owner: 'sales-ops@example.com',
      limits: LIMITS,
      controls: { canary: { token: keep(system, api.issue('revenant-canary')) } },
    },
    credentials: [token.credential],
    doors: [token.door],
  }
}

/** Three requests, a decoy or a canary each, and the fourth has to wait. */
export const CRM_LIMIT = { requests: 3, perMs: 20_000 }

/** A wiki that asks nobody who they are. */
export function stageWiki(api: TokenApi): Stage {
  const system = 'team-wiki'
  const { credential } = tokenDoor(api, 'wiki', '', { identity: AGENT, system, label: 'wiki token' })
  api.revoke(credential.secret.token)
  return {
    system: {
      name: system,
      probe: 'http',
      target: userEndpoint(api.url),
      tier: 'low',
      owner: 'it@example.com',
      limits: LIMITS,
    },
    credentials: [credential],
    doors: [
      {
        name: 'wiki',
        system,
        description: 'the wiki, which lets anybody in',
        closedBy: 'asks everybody for a token',
        isOpen: api.isOpen,
        revoke: () => api.setOpen(false),
        restore: () => api.setOpen(true),
      },
    ],
  }
}

/** A host that is down. */
export function stageOldCi({ port }: ClosedPort): Stage {
  const system = 'old-ci'
  const token = `lab_${randomBytes(24).toString('base64url')}`
  return {
    system: {
      name: system,
      probe: 'http',
      target: userEndpoint(`http://127.0.0.1:${port}`),
      tier: 'low',
      owner: 'platform@example.com',
      limits: LIMITS,
    },
    credentials: [
      { identity: BACKUP, system, label: 'build token', kind: 'api-token', principal: 'nightly-backup', secret: { token } },
    ],
    doors: [],
  }
}

/** 200 with a login says who it is; a 401 with `invalid_token` is told by the probe's own rules (RFC 6750). */
function userEndpoint(url: string) {
  return {
    url: `${url}/user`,
    credential: 'bearer',
    accept: [{ when: { status: 200, json: { '/login': { type: 'string', empty: false } } } }],
    principal: '/login',
  }
}

interface TokenDoor {
  credential: CredentialRow & { secret: { token: string } }
  door: Door
}

/** Issues a token to somebody; `answersAs` is the account that it really opens, where that is another one. */
function tokenDoor(
  api: TokenApi,
  name: string,
  description: string,
  holder: Pick<CredentialRow, 'identity' | 'system' | 'label'>,
  answersAs: string = LOGINS[holder.identity] ?? holder.identity,
): TokenDoor {
  const token = api.issue(answersAs)
  const principal = LOGINS[holder.identity] ?? holder.identity
  return {
    credential: { ...holder, kind: 'api-token', principal, secret: { token } },
    door: {
      name,
      system: holder.system,
      description,
      closedBy: 'revokes the token',
      isOpen: () => api.isLive(token),
      revoke: () => api.revoke(token),
      restore: () => api.restore(token),
    },
  }
}

const LOGINS: Readonly<Record<string, string>> = {
  [MAYA]: 'maya',
  [JONAS]: 'jonas',
  [PRIYA]: 'priya',
  [BACKUP]: 'nightly-backup',
  [AGENT]: 'triage-agent',
}
