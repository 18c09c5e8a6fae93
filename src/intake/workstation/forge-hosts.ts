import { z } from 'zod'
import { UNREADABLE_PLACE } from '../found/candidate.ts'
import { placeOfHost } from '../found/place.ts'
import { notOne, type ReadStore, type Stored } from './stored.ts'
import { parseYaml } from './structured.ts'

const text = z.string().min(1).optional().catch(undefined)
/** A block without anything in it is an empty text. */
const block = <Schema extends z.ZodType>(schema: Schema) => z.preprocess((value) => (value === '' ? {} : value), schema)

const ghHost = z.object({
  user: text,
  oauth_token: text,
  users: block(z.record(z.string(), block(z.object({ oauth_token: text })))).optional(),
})
const gh = block(z.record(z.string(), block(ghHost)))

const KEY_STORE = "is kept in the machine's key store: nothing to import here"

/** `gh/hosts.yml` (GitHub CLI): a token for each host, or for each of its users; none where the machine's key store has it. */
export const readGhHosts: ReadStore = (content) => {
  const parsed = gh.safeParse(parseYaml(content))
  if (!parsed.success) return [notOne("the GitHub CLI's list of hosts")]
  return Object.entries(parsed.data).flatMap(([name, { user, oauth_token, users = {} }]): Stored[] => {
    const place = placeOfHost(name)
    if (place === undefined) return [notOne("the GitHub CLI's list of hosts")]
    const all = [[user, oauth_token], ...Object.entries(users).map(([login, account]) => [login, account.oauth_token])]
    const held = all.flatMap(([login, token]): Stored[] =>
      token === undefined
        ? []
        : [{ kinds: ['github'], parts: { token }, place, ...(login === undefined ? {} : { principal: login }) }],
    )
    return held.length > 0 ? held : [{ reason: 'elsewhere', why: KEY_STORE, host: place.host }]
  })
}

const glabHost = z.object({ token: text, api_host: text, user: text })
const glab = block(z.object({ hosts: block(z.record(z.string(), block(glabHost))).optional() }))

/** `glab-cli/config.yml` (GitLab CLI): a token for each host. */
export const readGlabConfig: ReadStore = (content) => {
  const parsed = glab.safeParse(parseYaml(content))
  if (!parsed.success) return [notOne("the GitLab CLI's configuration")]
  return Object.entries(parsed.data.hosts ?? {}).flatMap(([name, { token, api_host, user }]): Stored[] => {
    const place = placeOfHost(api_host ?? name)
    if (token === undefined) return []
    if (place === undefined) return [{ reason: 'unclear', why: UNREADABLE_PLACE }]
    return [{ kinds: ['gitlab'], parts: { token }, place, ...(user === undefined ? {} : { principal: user }) }]
  })
}
