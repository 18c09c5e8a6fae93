import type { SecretValue } from '../../custody/box.ts'
import { readLogin, readPostgresUrl } from '../found/address.ts'
import { type Place, placeOfHost, placeOfUrl } from '../found/place.ts'
import { shapeOf } from '../found/shape.ts'
import { type EnvLine, envLines } from './env-lines.ts'
import { isVariable, type Stored, VARIABLE } from './stored.ts'

/** What else the file says: the first of these names that has a value. */
type Beside = (...names: string[]) => string | undefined

/** What a variable of a known name is; its value is `text`. */
interface Meaning {
  names: RegExp
  kinds: readonly string[]
  parts(text: string, beside: Beside): SecretValue
  /** The variable with the address that it belongs to. */
  place?(beside: Beside): string | undefined
}

const given = (field: string, text: string | undefined): SecretValue => (text === undefined ? {} : { [field]: text })
const token = (text: string): SecretValue => ({ token: text })

/** Names that the makers of services, or their command lines, read. */
const MEANINGS: readonly Meaning[] = [
  {
    names: /^(?:GITHUB_TOKEN|GH_TOKEN|GITHUB_PAT|GH_ENTERPRISE_TOKEN|GITHUB_API_TOKEN)$/,
    kinds: ['github'],
    parts: token,
    place: (beside) => beside('GH_HOST', 'GITHUB_API_URL', 'GITHUB_HOST'),
  },
  {
    names: /^(?:GITLAB_(?:PRIVATE_|ACCESS_|API_)?TOKEN|GL_TOKEN)$/,
    kinds: ['gitlab'],
    parts: token,
    place: (beside) => beside('GITLAB_HOST', 'GITLAB_URL', 'GITLAB_URI', 'CI_SERVER_URL', 'GITLAB_API_URL'),
  },
  {
    names: /^(?:NPM_TOKEN|NPM_AUTH_TOKEN|NODE_AUTH_TOKEN)$/,
    kinds: ['npm'],
    parts: token,
    place: (beside) => beside('NPM_CONFIG_REGISTRY', 'NPM_REGISTRY'),
  },
  { names: /^SLACK_(?:BOT_|USER_|APP_|API_)?TOKEN$/, kinds: ['slack'], parts: token },
  { names: /^(?:VAULT|BAO)_TOKEN$/, kinds: ['vault'], parts: token, place: (beside) => beside('VAULT_ADDR', 'BAO_ADDR') },
  {
    names: /^OKTA_(?:API_|CLIENT_)?TOKEN$/,
    kinds: ['okta'],
    parts: token,
    place: (beside) => beside('OKTA_ORG_URL', 'OKTA_CLIENT_ORGURL', 'OKTA_BASE_URL', 'OKTA_DOMAIN'),
  },
  {
    names: /^(?:DD|DATADOG)_API_KEY$/,
    kinds: ['datadog'],
    parts: (text, beside) => ({
      apiKey: text,
      ...given('applicationKey', beside('DD_APP_KEY', 'DATADOG_APP_KEY', 'DD_APPLICATION_KEY', 'DD_APPLICATIONKEY')),
    }),
    place: (beside) => {
      const site = beside('DD_SITE', 'DATADOG_SITE')
      return site === undefined ? undefined : `api.${site}`
    },
  },
  { names: /^(?:CLOUDFLARE|CF)_(?:API_)?TOKEN$/, kinds: ['cloudflare'], parts: token },
  {
    names: /^(?:CLOUDFLARE|CF)_API_KEY$/,
    kinds: ['cloudflare'],
    parts: (text, beside) => ({ globalKey: text, ...given('email', beside('CLOUDFLARE_EMAIL', 'CF_API_EMAIL', 'CF_EMAIL')) }),
  },
  {
    names: /^(?:JIRA|ATLASSIAN|CONFLUENCE)_(?:API_)?TOKEN$/,
    kinds: ['jira'],
    parts: (text, beside) => ({
      token: text,
      ...given(
        'email',
        beside('JIRA_EMAIL', 'JIRA_USER_EMAIL', 'JIRA_USERNAME', 'JIRA_USER', 'ATLASSIAN_EMAIL', 'CONFLUENCE_EMAIL'),
      ),
    }),
    place: (beside) => beside('JIRA_URL', 'JIRA_BASE_URL', 'JIRA_HOST', 'JIRA_SERVER', 'ATLASSIAN_URL', 'CONFLUENCE_URL'),
  },
  {
    names: /^(?:PGPASSWORD|POSTGRES_PASSWORD)$/,
    kinds: ['postgres'],
    parts: (text, beside) => ({ password: text, ...given('username', beside('PGUSER', 'POSTGRES_USER')) }),
    place: (beside) => {
      const host = beside('PGHOST', 'POSTGRES_HOST')
      return host === undefined ? undefined : `postgres://${host}:${beside('PGPORT', 'POSTGRES_PORT') ?? '5432'}`
    },
  },
  {
    names: /^(?:DOCKER|REGISTRY)_(?:PASSWORD|TOKEN)$/,
    kinds: ['docker-registry', 'docker-hub'],
    parts: (text, beside) => ({
      password: text,
      ...given('username', beside('DOCKER_USERNAME', 'DOCKER_USER', 'REGISTRY_USERNAME', 'REGISTRY_USER')),
    }),
    place: (beside) => beside('DOCKER_REGISTRY', 'REGISTRY', 'REGISTRY_URL'),
  },
]

/** Part of a secret that stands under another name. */
const COMPANION = /^(?:DD|DATADOG)_(?:APP|APPLICATION)_?KEY$/
const SECRET_NAME =
  /(?:TOKEN|SECRET|SECRET_KEY|PASSWORD|PASSWD|PASSPHRASE|API_?KEY|APIKEY|ACCESS_KEY|PRIVATE_KEY|CREDENTIALS?|WEBHOOK(?:_URL)?)$/i
const NO_SECRET = /^(?:true|false|yes|no|on|off|none|null|\d{1,4})?$/i

/**
 * The secrets of a `.env` file: addresses with a password, tokens that can be told by their prefix, variables that services read, and
 * whatever else is called a secret, which only `--map env:NAME=SYSTEM` gives a place.
 */
export async function readEnvFile(text: string): Promise<Stored[]> {
  const lines = await envLines(text)
  const values = new Map(lines.map(({ name, value }) => [name, value]))
  const beside: Beside = (...names) => names.map((name) => values.get(name)).find((value) => value !== undefined && value !== '')
  return lines.flatMap((each): Stored[] => {
    const stored = storedOf(each, beside)
    return stored === undefined ? [] : [{ ...stored, line: each.line, detector: `env:${each.name}` }]
  })
}

function storedOf({ name, value, clear }: EnvLine, beside: Beside): Stored | undefined {
  const meaning = MEANINGS.find(({ names }) => names.test(name))
  const address = addressIn(value)
  const isNamed = meaning !== undefined || SECRET_NAME.test(name)
  const shape = shapeOf(value)
  if (!isNamed && address === undefined && shape === undefined) return undefined
  if (NO_SECRET.test(value) || (COMPANION.test(name) && beside('DD_API_KEY', 'DATADOG_API_KEY') !== undefined)) return undefined
  if (isVariable(value)) return VARIABLE
  if (!clear) return { reason: 'unclear' }
  if (address !== undefined) return address
  // `{"url": …}` and the like: a file of its own, and not what any probe takes.
  if (meaning !== undefined && (shape === undefined || shape.kinds.some((kind) => meaning.kinds.includes(kind)))) {
    return { kinds: meaning.kinds, parts: meaning.parts(value, beside), place: placeIn(meaning.place?.(beside)) }
  }
  return shape ?? { kinds: [], parts: { token: value } }
}

function placeIn(where: string | undefined): Place | undefined {
  return where === undefined ? undefined : placeOfHost(where)
}

/** An address with a name and a password in it. */
function addressIn(value: string): Stored | undefined {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(value)?.[1]?.toLowerCase()
  if (scheme === undefined) return undefined
  const isPostgres = /^(?:postgres(?:ql)?|postgis)$/.test(scheme)
  const login = isPostgres ? readPostgresUrl(value, false) : readLogin(value)
  if (login === 'unclear') return { reason: 'unclear' }
  if (login === undefined) return undefined
  const { username, password, place } = login
  const kinds = isPostgres ? ['postgres'] : /^https?$/.test(scheme) ? 'web' : [scheme === 'ldaps' ? 'ldap' : scheme]
  return { kinds, parts: { username, password }, place: isPostgres ? place : placeOfUrl(value) }
}
