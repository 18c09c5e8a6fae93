import type { SecretValue } from '../../custody/box.ts'
import type { ConfiguredSystem } from './configured-system.ts'

/** A secret as a probe takes it, or in words of our own why it is none that the probe replays. */
export type Fitted = { value: SecretValue } | { misfit: string }

/** What a secret is made of for one kind of probe. */
type Fit = (parts: SecretValue, system: ConfiguredSystem, account: string | undefined) => Fitted

/**
 * The secret that a system's probe takes, made of what was found. A secret of another kind would be refused and look like a door that
 * is closed, so that whatever does not look like the right one is set aside.
 *
 * @param account who a private key logs in as that names nobody
 */
export function fitSecret(parts: SecretValue, system: ConfiguredSystem, account?: string): Fitted {
  const { kind } = system.binding
  const made = Object.hasOwn(FITS, kind) ? FITS[kind]?.(parts, system, account) : undefined
  return made ?? no('is nothing that the import can make a secret of this probe of')
}

const yes = (value: SecretValue): Fitted => ({ value })
const no = (misfit: string): Fitted => ({ misfit })

/** A token of one shape, whatever its source calls it. */
const tokenLike =
  (pattern: RegExp, name: string): Fit =>
  (parts) => {
    const token = parts.token ?? parts.password
    return token !== undefined && pattern.test(token) ? yes({ token }) : no(`is no ${name}`)
  }

/** A token by the word of its source; a password beside a name is one only where it looks like one. */
const tokenUnless =
  (other: RegExp, looksLike: RegExp, name: string): Fit =>
  ({ token, password }) => {
    if (token !== undefined) return other.test(token) ? no(`is no ${name}`) : yes({ token })
    return password !== undefined && looksLike.test(password) ? yes({ token: password }) : no(`is no ${name}`)
  }

const login: Fit = ({ username, password }) =>
  username === undefined || password === undefined ? no('is not a name and a password') : yes({ username, password })

const NOTHING = /^$/
const GITHUB = /^(?:gh[opsu]_|github_pat_)[\w.-]{16,}$|^[0-9a-f]{40}$/
/** Tokens of runners, triggers, jobs, feeds and deployments: the API does not know them as anybody's. */
const OTHER_GITLAB = /^(?:gldt|glrt|glrtr|glcbt|glptt|glft|glimt|glagent|glsoat|glffct|glwt)-|^GR1348941/
const GITLAB = /^(?:glpat-|gloas-)[\w.-]{16,}$/
/** `xoxe-` renews a token, `xoxc`, `xoxd` and `xoxs` are halves of a browser's session. */
const SLACK = /^(?:xox[abpr]-|xoxe\.xox[bp]-|xapp-)/
const SLACK_HOOK = /^https:\/\/hooks\.slack\.com\/services\/(T[A-Z0-9]+)\/(B[A-Z0-9]+)\/([A-Za-z0-9]+)\/?$/
const NPM = /^npm_[A-Za-z0-9]{20,}$|^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const NPM_HOME = 'https://registry.npmjs.org'

/** One row for each kind of probe. */
const FITS: Readonly<Record<string, Fit>> = {
  github: tokenLike(GITHUB, 'token of a user, an application or an installation'),
  gitlab: tokenUnless(OTHER_GITLAB, GITLAB, 'access token of a user, a project or a group'),
  npm: ({ token }, { binding }) =>
    token !== undefined && (NPM.test(token) || binding.origin !== NPM_HOME)
      ? yes({ token })
      : no('is no access token of this registry'),
  slack: tokenLike(SLACK, 'token of a bot, a user or an application'),
  'slack-webhook': ({ url = '' }) => {
    const [, team, hook, key] = SLACK_HOOK.exec(url) ?? []
    return team === undefined || hook === undefined || key === undefined
      ? no('is no address of an incoming webhook')
      : yes({ team, hook, key })
  },
  okta: tokenUnless(NOTHING, /^00[\w-]{38,42}$/, 'API token'),
  vault: tokenUnless(NOTHING, /^hv[bs]\.[\w-]{20,}$/, 'token'),
  cloudflare: ({ token, email, globalKey }) => {
    if (globalKey !== undefined)
      return email === undefined ? no("is a global key without its owner's e-mail address") : yes({ email, globalKey })
    return token === undefined || token.startsWith('v1.0-') ? no('is no API token') : yes({ token })
  },
  datadog: ({ apiKey, applicationKey }) => {
    if (apiKey === undefined) return no('is an application key without its API key')
    return yes(applicationKey === undefined ? { apiKey } : { apiKey, applicationKey })
  },
  'atlassian-admin': tokenLike(/^ATCTT3xFf/, 'API key of an organisation'),
  jira: ({ email, username, password, token, personalAccessToken }) => {
    if (personalAccessToken !== undefined) return yes({ personalAccessToken })
    const [address, apiToken] = [email ?? username, token ?? password]
    return address === undefined || apiToken === undefined || !address.includes('@')
      ? no('is an API token without the e-mail address of its owner')
      : yes({ email: address, apiToken })
  },
  'docker-hub': login,
  'docker-registry': (parts, system, account) =>
    parts.token === undefined ? login(parts, system, account) : yes({ token: parts.token }),
  postgres: login,
  ldap: ({ username, password }) => {
    if (username === undefined || password === undefined) return no('is not a name and a password')
    return yes(/^[A-Za-z][\w.-]*=/.test(username) ? { dn: username, password } : { username, password })
  },
  ssh: ({ username: named, password, privateKey }, _system, account) => {
    const username = named ?? account
    if (username === undefined) return no('names no account: --account NAME says which it logs in as')
    if (privateKey !== undefined) return yes({ username, privateKey })
    return password === undefined ? no('is neither a password nor a private key') : yes({ username, password })
  },
  http: (parts, system, account) => HTTP[system.placement ?? 'unknown'](parts, system, account),
}

const HTTP: Readonly<Record<NonNullable<ConfiguredSystem['placement']> | 'unknown', Fit>> = {
  bearer: ({ token }) => (token === undefined ? no('is no token, which is what the system takes') : yes({ token })),
  basic: login,
  key: ({ token }) => (token === undefined ? no('is no key, which is what the system takes') : yes({ key: token })),
  cookie: ({ token }) =>
    token === undefined ? no('is no session cookie, which is what the system takes') : yes({ cookie: token }),
  unknown: () => no('is for a system whose form of credential is not known'),
}

/** Whether the import can make secrets for probes of a kind. */
export function isFitted(kind: string): boolean {
  return Object.hasOwn(FITS, kind)
}

/** What a secret with these fields is called, where nobody says otherwise. */
export function kindOf(value: SecretValue): string {
  if ('privateKey' in value) return 'ssh_key'
  if ('hook' in value) return 'webhook'
  return 'password' in value ? 'password' : 'api_token'
}
