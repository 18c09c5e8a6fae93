/** What a variable of a known name is. */
export interface EnvMeaning {
  /** Its whole name; the first group is what the names of everything that belongs to it begin with. */
  names: RegExp
  kinds: readonly string[]
  /** The part of the secret that it is. */
  field: string
  /** Another part, and the ends of the names that it may have: the first group that has a value, which is one. */
  beside?: { field: string; ends: readonly (readonly string[])[] }
  /** Ends of the names of variables with the address that it belongs to. */
  places: readonly string[]
  /** The address is a bare host, and a port of its own. */
  port?: { ends: readonly string[]; usual: number }
  /** For servers of one's own: without an address it is not for the one that the maker runs. */
  isPlaced?: true
  /** Hosts that its maker's command line would not show it to. */
  notAt?: RegExp
}

const EVERY_PLACE = ['HOST', 'URL', 'URI', 'BASE_URL', 'API_URL', 'SERVER', 'SERVER_URL', 'ADDR', 'ENDPOINT', 'DOMAIN'] as const
const OWN = /^(?:(?:api|gist)\.)?github\.com$/

/** Names that the makers of services, or their command lines, read. */
export const MEANINGS: readonly EnvMeaning[] = [
  {
    names: /^(GITHUB_)(?:(?:API_|ACCESS_|PERSONAL_ACCESS_)?TOKEN|PAT)$/,
    kinds: ['github'],
    field: 'token',
    places: EVERY_PLACE,
  },
  {
    names: /^(GH_)(?:TOKEN|PAT)$/,
    kinds: ['github'],
    field: 'token',
    places: EVERY_PLACE,
    // gh shows it to github.com and ghe.com alone, whatever GH_HOST says ("gh help environment").
    notAt: /^(?!(?:(?:api|gist)\.)?github\.com$|.+\.ghe\.com$)/,
  },
  // For servers of one's own, by their names.
  {
    names: /^(GH_|GITHUB_)ENTERPRISE_(?:TOKEN|PAT)$/,
    kinds: ['github'],
    field: 'token',
    places: [...EVERY_PLACE, 'ENTERPRISE_HOST', 'ENTERPRISE_URL'],
    isPlaced: true,
    notAt: OWN,
  },
  {
    names: /^(GHE_)(?:API_)?(?:TOKEN|PAT)$/,
    kinds: ['github'],
    field: 'token',
    places: EVERY_PLACE,
    isPlaced: true,
    notAt: OWN,
  },
  {
    names: /^(GITLAB_|GL_)(?:(?:PRIVATE_|ACCESS_|PERSONAL_ACCESS_|API_)?TOKEN|PAT)$/,
    kinds: ['gitlab'],
    field: 'token',
    places: EVERY_PLACE,
  },
  {
    names: /^(NPM_|NODE_AUTH_)(?:AUTH_)?TOKEN$/,
    kinds: ['npm'],
    field: 'token',
    places: ['CONFIG_REGISTRY', 'REGISTRY', 'REGISTRY_URL', 'REGISTRY_HOST', 'REGISTRY_SERVER', 'HOST', 'URL'],
  },
  { names: /^SLACK_(?:BOT_|USER_|APP_|API_)?TOKEN$/, kinds: ['slack'], field: 'token', places: [] },
  { names: /^(VAULT_|BAO_)TOKEN$/, kinds: ['vault'], field: 'token', places: ['ADDR'] },
  {
    names: /^(OKTA_)(?:API_|CLIENT_)?TOKEN$/,
    kinds: ['okta'],
    field: 'token',
    places: ['ORG_URL', 'CLIENT_ORGURL', 'BASE_URL', 'DOMAIN', 'URL', 'HOST'],
  },
  {
    names: /^(DD_|DATADOG_)API_KEY$/,
    kinds: ['datadog'],
    field: 'apiKey',
    beside: { field: 'applicationKey', ends: [['APP_KEY', 'APPLICATION_KEY', 'APPLICATIONKEY']] },
    places: ['SITE', 'HOST'],
  },
  { names: /^(DD_|DATADOG_)APP(?:LICATION)?_?KEY$/, kinds: ['datadog'], field: 'applicationKey', places: [] },
  { names: /^(?:CLOUDFLARE|CF)_(?:API_)?TOKEN$/, kinds: ['cloudflare'], field: 'token', places: [] },
  {
    names: /^(CLOUDFLARE_|CF_)API_KEY$/,
    kinds: ['cloudflare'],
    field: 'globalKey',
    beside: { field: 'email', ends: [['EMAIL', 'API_EMAIL']] },
    places: [],
  },
  {
    names: /^(JIRA_|ATLASSIAN_|CONFLUENCE_)(?:API_)?TOKEN$/,
    kinds: ['jira'],
    field: 'token',
    beside: {
      field: 'email',
      ends: [
        ['EMAIL', 'USER_EMAIL', 'API_EMAIL'],
        ['USERNAME', 'USER'],
      ],
    },
    places: EVERY_PLACE,
  },
  {
    names: /^(PG)PASSWORD$/,
    kinds: ['postgres'],
    field: 'password',
    beside: { field: 'username', ends: [['USER']] },
    places: ['HOST', 'HOSTADDR'],
    port: { ends: ['PORT'], usual: 5432 },
  },
  {
    names: /^(POSTGRES_)PASSWORD$/,
    kinds: ['postgres'],
    field: 'password',
    beside: { field: 'username', ends: [['USER', 'USERNAME']] },
    places: ['HOST', 'SERVER'],
    port: { ends: ['PORT'], usual: 5432 },
  },
  {
    names: /^(DOCKER_?HUB_)(?:PASSWORD|TOKEN|PAT|ACCESS_TOKEN)$/,
    kinds: ['docker-hub'],
    field: 'password',
    beside: { field: 'username', ends: [['USERNAME', 'USER']] },
    places: ['REGISTRY', 'REGISTRY_URL', 'REGISTRY_HOST', 'REGISTRY_SERVER', 'SERVER', 'URL', 'HOST'],
  },
  {
    names: /^(DOCKER_)(?:PASSWORD|TOKEN)$/,
    kinds: ['docker-registry', 'docker-hub'],
    field: 'password',
    beside: { field: 'username', ends: [['USERNAME', 'USER']] },
    // DOCKER_HOST is where the daemon listens.
    places: ['REGISTRY', 'REGISTRY_URL', 'REGISTRY_HOST', 'REGISTRY_SERVER', 'SERVER'],
  },
  {
    names: /^(REGISTRY)_(?:PASSWORD|TOKEN)$/,
    kinds: ['docker-registry', 'docker-hub'],
    field: 'password',
    beside: { field: 'username', ends: [['_USERNAME', '_USER']] },
    places: ['', '_URL', '_HOST', '_SERVER', '_ADDRESS', '_DOMAIN'],
    isPlaced: true,
  },
]

const TOKEN_END =
  /_(?:(?:PERSONAL|PRIVATE|ACCESS|AUTH|API|DEPLOY|BOT|USER|ADMIN|READ|WRITE|SECRET)_?)*(?:TOKEN|PAT|SECRET|KEY|PASSWORD|PASSWD|PASS|PWD|PW|PASSPHRASE|CREDENTIALS?|AUTH)$/i

/** `gitHost`, `git.host` and `git_host` begin as `GIT_TOKEN` does. */
export function plainName(name: string): string {
  return name
    .replaceAll(/([a-z\d])([A-Z])/g, '$1_$2')
    .replaceAll(/[.-]/g, '_')
    .toUpperCase()
}

/** No name that anybody gives is longer; the expression above would take its time with one that was made to be. */
const MAX_NAME = 200

/** What a variable of any other name may have beside it. A name that does not end as a secret's does begins with its first word. */
export function ownPlaces(name: string): Pick<EnvMeaning, 'places'> & { prefix: string } {
  const end = (name.length > MAX_NAME ? undefined : TOKEN_END.exec(name)?.index) ?? name.search(/[_.-]/)
  return { prefix: end === -1 ? '' : name.slice(0, end + 1), places: [...EVERY_PLACE, 'REGISTRY'] }
}

/**
 * Names under which a file says where a service is that others run too, whatever the secret is called: beside one of them a token
 * without an address of its own may be for that server.
 */
export const SERVERS: Readonly<Record<string, RegExp>> = {
  github:
    /(?:^|_)(?:GITHUB|GHE?|GIT|VCS|SCM)_(?:ENTERPRISE_)?(?:(?:BASE|API|SERVER|REMOTE|REPO)_)?(?:HOST|URL|URI|SERVER|ENDPOINT|DOMAIN)$/,
  gitlab:
    /(?:^|_)(?:GITLAB|GL|CI|GIT|VCS|SCM)_(?:(?:BASE|API|API_V4|SERVER|REMOTE|REPO)_)?(?:HOST|URL|URI|SERVER|ENDPOINT|DOMAIN)$/,
  npm: /(?:^|_)(?:NPM_CONFIG_REGISTRY|NPM_REGISTRY(?:_URL|_HOST|_SERVER)?|YARN_NPM_REGISTRY_SERVER|YARN_REGISTRY)$/,
  'docker-hub': /^(?:(?:DOCKER|CONTAINER|CI)_)?REGISTRY(?:_URL|_HOST|_SERVER|_ADDRESS|_DOMAIN)?$/,
  cloudflare: /^(?:CLOUDFLARE|CF)_(?:API_|BASE_)*(?:URL|URI|HOST|ENDPOINT)$/,
}

/** Families that others than their makers run, or that have several clouds: whatever names another place beside a token may be its own. */
export const RUN_BY_OTHERS: ReadonlySet<string> = new Set(['github', 'gitlab', 'npm', 'slack', 'docker-hub'])

/** Names that tell where a service is. */
export const PLACE_NAME = /(?:^|_)(?:HOST|HOSTNAME|URL|URI|SERVER|ADDR|ADDRESS|ENDPOINT|DOMAIN|REGISTRY|INSTANCE|SITE|FQDN)$/

/** Addresses of our own that a service calls, and where Docker's daemon listens. */
export const NO_SERVER = /^DOCKER_HOST$|(?:^|_)(?:CALLBACK|REDIRECT|WEBHOOK_PROXY)_UR[IL]$/

/** The names of a service's own hosts, and whatever is below them; `HOMES` has the one that is asked. */
export const OWN_HOSTS: Readonly<Record<string, readonly string[]>> = {
  github: ['github.com', 'ghcr.io', 'github.io', 'githubusercontent.com'],
  gitlab: ['gitlab.com', 'gitlab.io'],
  npm: ['npmjs.org', 'npmjs.com'],
  slack: ['slack.com'],
  'docker-hub': ['docker.com', 'docker.io'],
  cloudflare: ['cloudflare.com'],
}

/** A host that bears a family's name, whatever the variable is called. */
export const LOOKS_LIKE: Readonly<Record<string, RegExp>> = { github: /github|(?:^|[.-])ghe?[.-]/, gitlab: /gitlab/ }
