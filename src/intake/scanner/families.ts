import type { SecretValue } from '../../custody/box.ts'
import { decodeLogin, type Login, readLogin, readPostgresUrl, splitLogin } from '../found/address.ts'
import { type AsideReason, UNREADABLE_PLACE } from '../found/candidate.ts'
import { isSamePlace, type Place, placeOfHost, placeOfUrl } from '../found/place.ts'
import { shapeOf } from '../found/shape.ts'
import { type Bits, restOf } from './bits.ts'

/** What the finding of a detector is for us. */
export type Reading =
  | { kinds: readonly string[] | 'web'; parts: SecretValue; place?: Place | undefined }
  | { reason: AsideReason; why?: string }

/** How the findings of one family of detectors are read. */
type Read = (bits: Bits) => Reading

/**
 * The detectors of TruffleHog (by `DetectorName`), gitleaks (by `RuleID`) and Kingfisher (by rule id, whose numbers change between its
 * versions), the first that fits. The families are theirs; which of their tokens are replayed is told by the shape of the token.
 */
const FAMILIES: readonly [RegExp, Read][] = [
  [
    /^(?:GitHubOauth2|GitHubApp|GitLabOauth2|HashiCorpVaultAuth|vault-app-role.*)$/i,
    () => notWhole('is a key or a client secret of an application'),
  ],
  [/^(?:kingfisher\.)?github(?:Old)?\b/i, hosted('github')],
  [/^(?:kingfisher\.)?gitlab\b/i, hosted('gitlab')],
  [
    /^SlackWebhook$|^slack-webhook|^kingfisher\.slack\.4$/i,
    (bits) => ({ kinds: ['slack-webhook'], parts: { url: keyOf(bits) } }),
  ],
  [/^(?:kingfisher\.)?slack\b/i, slack],
  [/^(?:kingfisher\.)?okta\b/i, okta],
  [/^DatadogToken$/i, datadogPair],
  [/^(?:DatadogApikey|kingfisher\.datadog\.\d+)$/i, datadogKey],
  [/^datadog-access-token$/i, () => notWhole('is an application key without its API key')],
  [/^(?:NpmToken|npm-access-token|kingfisher\.npm\.\d+)$/i, hosted('npm')],
  [/^CloudflareGlobalApiKey$|^cloudflare-global-api-key$/i, cloudflareGlobal],
  [/^CloudflareCaKey$|^cloudflare-origin-ca-key$/i, () => ({ reason: 'no_probe' })],
  [/^(?:CloudflareApiToken|cloudflare-api-key|kingfisher\.cloudflare\.\d+)$/i, one('cloudflare')],
  [
    /^JiraDataCenterPAT$/i,
    (bits) => at(['jira'], { personalAccessToken: bits.parts.token ?? bits.raw }, bits.parts.url ?? restOf(bits)),
  ],
  [/^(?:JiraToken|Atlassian|atlassian-api-token|kingfisher\.(?:atlassian|jira)\.\d+)$/i, atlassian],
  [/^(?:HashiCorpVault(?:Batch)?Token|vault-(?:service|batch)-token|kingfisher\.hashicorp\.\d+)$/i, vault],
  [/^(?:Docker|kingfisher\.docker\.\d+)$/i, docker],
  [/^(?:Dockerhub|kingfisher\.dockerhub\.\d+)$/i, dockerHub],
  [/^LDAP$/i, ldap],
  [
    /^(?:Postgres|kingfisher\.postgres\.\d+)$/i,
    (bits) => loginOf(['postgres'], readPostgresUrl(bits.parts.connection_string ?? bits.raw, bits.decoded)),
  ],
  [/^URI$/i, (bits) => loginOf('web', readLogin(bits.whole === '' ? bits.raw : bits.whole))],
  [/^(?:PrivateKey|private-key|kingfisher\.pem\.\d+)$/i, privateKey],
]

/** Reads a finding by its detector, else by what the secret itself looks like. */
export function readFinding(detector: string, bits: Bits): Reading {
  const family = FAMILIES.find(([pattern]) => pattern.test(detector))
  if (family !== undefined) return family[1](bits)
  return shapeOf(bits.raw) ?? { kinds: [], parts: { token: bits.raw } }
}

/** A token of a service that only its maker runs. */
function one(kind: string): Read {
  return (bits) => ({ kinds: [kind], parts: { token: keyOf(bits) } })
}

/** Under one of these a scanner names the server, among the parts of the secret or beside them. */
const SERVERS = ['host', 'url', 'endpoint', 'domain', 'registry'] as const

/** A token of a service that others run too: what names the server must not be passed over. */
function hosted(kind: string): Read {
  return (bits) => {
    const { raw, whole, parts, noted = {} } = bits
    const named = [parts, noted].flatMap((from) => SERVERS.map((name) => from[name] ?? '')).filter((text) => text !== '')
    const token = keyOf(bits)
    const rest = restOf(bits) ?? (whole === '' || whole === raw || whole === token ? undefined : whole)
    const places = [...named, ...(rest === undefined ? [] : [rest])].map((text) => placeOfHost(text))
    const [first, ...more] = places
    if (places.length === 0) return { kinds: [kind], parts: { token } }
    if (first === undefined || more.some((each) => each === undefined || !isSamePlace(first, each)))
      return { reason: 'unclear', why: UNREADABLE_PLACE }
    return { kinds: [kind], parts: { token }, place: first }
  }
}

/** The secret of a detector that has one part. */
function keyOf({ parts, raw }: Bits): string {
  return parts.key ?? parts.token ?? raw
}

/** A secret with the host or the address that stands beside it: where that is none, nobody knows what it is for. */
function at(kinds: readonly string[], parts: SecretValue, where: string | undefined): Reading {
  if (where === undefined || where === '') return { kinds, parts }
  const place = placeOfHost(where)
  return place === undefined ? { reason: 'unclear', why: UNREADABLE_PLACE } : { kinds, parts, place }
}

function loginOf(kinds: readonly string[] | 'web', login: Login | 'unclear' | undefined): Reading {
  if (login === undefined) return { reason: 'unreadable', why: 'is no address with a name and a password' }
  if (login === 'unclear') return { reason: 'unclear' }
  const { username, password, place } = login
  return { kinds, parts: { username, password }, place }
}

function notWhole(why: string): Reading {
  return { reason: 'not_replayable', why }
}

/** Kingfisher's numbers for tokens and webhooks have changed: the address tells. */
function slack(bits: Bits): Reading {
  const text = keyOf(bits)
  const shape = shapeOf(text)
  return shape?.kinds[0]?.startsWith('slack') === true ? shape : { kinds: ['slack'], parts: { token: text } }
}

function okta({ parts, raw, whole }: Bits): Reading {
  const { token = raw, domain = whole.endsWith(`:${raw}`) ? whole.slice(0, -raw.length - 1) : undefined } = parts
  return /\.okta(?:preview)?\.com$/i.test(token) ? { reason: 'no_secret' } : at(['okta'], { token }, domain)
}

function datadogPair(bits: Bits): Reading {
  const apiKey = bits.parts.api_key ?? restOf(bits)
  if (apiKey === undefined) return notWhole('is an application key without its API key')
  return at(['datadog'], { apiKey, applicationKey: bits.parts.app_key ?? bits.raw }, bits.parts.endpoint)
}

function datadogKey({ parts, raw }: Bits): Reading {
  if (/^[0-9a-f]{40}$/i.test(raw)) return notWhole('is an application key without its API key')
  return at(['datadog'], { apiKey: parts.api_key ?? raw }, parts.endpoint)
}

function cloudflareGlobal(bits: Bits): Reading {
  const email = bits.parts.email ?? restOf(bits)
  const globalKey = bits.parts.key ?? bits.raw
  return { kinds: ['cloudflare'], parts: { globalKey, ...(email === undefined ? {} : { email }) } }
}

/** `email:token:domain` in one text, or in parts. */
function atlassian({ parts, raw, whole }: Bits): Reading {
  if (/\.atlassian\.net$/i.test(raw)) return { reason: 'no_secret' }
  const [email, token, domain] = whole.split(':').length === 3 ? whole.split(':') : []
  const secret = parts.token ?? parts.key ?? (token === undefined || token === '' ? raw : token)
  if (secret.startsWith('ATCTT3')) return { kinds: ['atlassian-admin'], parts: { token: secret } }
  const owner = parts.email ?? email
  return at(['jira'], { token: secret, ...(owner === undefined ? {} : { email: owner }) }, parts.domain ?? domain)
}

function vault(bits: Bits): Reading {
  const token = keyOf(bits)
  // Kingfisher's family has the keys that unseal a server, too.
  if (!/^(?:hv[bs]|[bs])\./.test(token)) return notWhole('is no token that a server can be asked about')
  return at(['vault'], { token }, bits.parts.url ?? restOf(bits))
}

const DOCKER = ['docker-registry', 'docker-hub'] as const

/** One registry and its `auth`, or the `auths` of a configuration whole, of which there may be one only. */
function docker({ parts, raw }: Bits): Reading {
  const found = parts.registry !== undefined && parts.auth !== undefined ? [[parts.registry, parts.auth] as const] : authsOf(raw)
  const [first, ...more] = found
  if (first === undefined) return { reason: 'unreadable', why: 'is no registry with a name and a password' }
  if (first[0] === '') return { reason: 'unclear', why: UNREADABLE_PLACE }
  if (more.length > 0) return { reason: 'unclear', why: 'holds several registries: import the file with import workstation' }
  const login = decodeLogin(first[1])
  return login === undefined
    ? { reason: 'unreadable', why: 'is no registry with a name and a password' }
    : at(DOCKER, { ...login }, first[0])
}

function authsOf(text: string): (readonly [string, string])[] {
  return [...text.matchAll(/"([^"\s]+)"\s*:\s*\{[^{}]*"auth"\s*:\s*"([A-Za-z0-9+/=_-]+)"/g)].map(
    ([, registry = '', auth = '']) => [registry, auth] as const,
  )
}

function dockerHub({ parts, raw, whole }: Bits): Reading {
  const password = parts.pat ?? raw
  const username = parts.username ?? (whole.endsWith(`:${password}`) ? splitLogin(whole)?.username : undefined)
  return username === undefined
    ? notWhole('is an access token without the name of its user')
    : { kinds: ['docker-hub'], parts: { username, password } }
}

/** `url`, name and password with tabs between them, or in parts. */
function ldap({ parts, raw }: Bits): Reading {
  const [address, user, secret] = raw.split('\t')
  const url = parts.url ?? address
  const username = parts.username ?? user
  const password = parts.password ?? secret
  const place = url === undefined ? undefined : placeOfUrl(url)
  if (place === undefined || username === undefined || password === undefined)
    return { reason: 'unreadable', why: 'is no directory with a name and a password' }
  return { kinds: ['ldap'], parts: { username, password }, place }
}

function privateKey({ parts, raw }: Bits): Reading {
  // A key in source code has its line breaks spelt out.
  const pem = (parts.token ?? raw).replaceAll('\\n', '\n')
  return { kinds: ['ssh'], parts: { privateKey: pem } }
}
