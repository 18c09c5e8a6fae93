/**
 * How a live credential is ended, by the kind of system, in order: the credential itself, what lives on without it, what proves it. A new
 * probe or catalogue entry adds its list here (a test asks for it).
 */
export const REVOKE_STEPS: Readonly<Record<string, readonly [string, ...string[]]>> = {
  postgres: [
    'In the database, take LOGIN from the role (ALTER ROLE … NOLOGIN) or drop it, then end its sessions with pg_terminate_backend.',
    'Poolers (PgBouncer, Pgpool) keep copies of passwords: take the account out there too, and reload them.',
  ],
  ssh: [
    'On the host, take the key out of every authorized_keys file and key command, and expire the account (usermod --expiredate 1): a locked password alone leaves keys working.',
    'End its open sessions, and look for its timers, cron jobs and copies of the key on other hosts.',
  ],
  ldap: [
    'In the directory, disable the account and replace its password, then check that every replica has the change.',
    'Services that cache sign-ins (SSSD, mail and VPN servers) may keep accepting it for a while: clear their caches.',
  ],
  http: [
    'In the application, revoke the credential and end its sessions.',
    'Gateways and caches in front may keep accepting it for a while: purge them, or wait for their lifetime.',
  ],
  oauth: [
    "At the authorisation server, remove the user's consent to the application (the grant): that ends its refresh tokens and whatever came of them.",
    'Access tokens already issued live until they expire where resource servers check them by themselves; for a client, replace its secret or key and delete the old one.',
  ],
  'docker-registry': [
    'At the registry, delete the access token, robot account or user; tokens already issued live until they expire.',
    'Look for the same credential in build systems and image pull secrets, and replace it there.',
  ],
  'docker-hub': [
    'On Docker Hub, delete the personal or organisation access token and remove the user from the organisation.',
    'Session tokens already issued live until they expire; look for the credential in build systems and pull secrets.',
  ],
  github: [
    'On GitHub, revoke the token or authorisation and remove the user from the organisation; a removed member keeps personal tokens for public data.',
    'Look for deploy keys, SSH keys, app installations and Actions secrets that the same person made.',
  ],
  gitlab: [
    'On GitLab, revoke the token (personal, project, group or deploy token) and block the user.',
    'Look for deploy keys, runners and pipeline variables that the same person made.',
  ],
  slack: [
    'In Slack, revoke the token (auth.revoke or the page of the app) and deactivate the user.',
    'An app keeps its own tokens after the user who installed it has gone: check who answers for it.',
  ],
  'slack-webhook': [
    'In Slack, delete the incoming webhook on the page of its app, or remove the app: the URL itself is the secret, and it belongs to no user.',
    'Give whatever still posts there a new webhook, and keep its URL as a secret.',
  ],
  npm: [
    'On the npm registry, delete the access token and remove the user from the organisation and from every package.',
    'Check what was published with it since the identity ended.',
  ],
  vault: [
    'In Vault or OpenBao, revoke the token by its accessor, with its children, and disable the login that made it.',
    'Revoke the leases that it was given: database and cloud credentials live on without it.',
  ],
  jira: [
    'At Atlassian, revoke the API token (the account owner or an organisation admin can) and deactivate the user.',
    'On a self-hosted Jira, delete the personal access token and disable the user in the directory that it comes from.',
  ],
  'atlassian-admin': [
    'At Atlassian, revoke the API key under the organisation settings: it belongs to the organisation, and disabling its maker leaves it working.',
    'Check what the key changed: it can manage users and policies of the whole organisation.',
  ],
  datadog: [
    'In Datadog, revoke the API or application key and disable the user; an API key belongs to the organisation and outlives its maker.',
    'Give agents and integrations that used it a new key first, or they fall silent.',
  ],
  cloudflare: [
    'At Cloudflare, delete or roll the API token and remove the member from the account.',
    'The Global API Key of a removed member still works for accounts where the person stays: check each of them.',
  ],
  okta: [
    'In Okta, revoke the API token and deactivate the administrator who made it: the token has all the rights of that account.',
    'Look in the system log for what the token changed since the identity ended.',
  ],
}

/** Where nothing is known of the kind. */
export const REVOKE_ANYWHERE: readonly [string, ...string[]] = [
  'Revoke the credential in the system itself and end its sessions; disabling the directory account is not enough.',
]
