import { z } from 'zod'
import { UNREADABLE_PLACE } from '../found/candidate.ts'
import { type Place, placeOfUrl } from '../found/place.ts'
import { notOne, type Stored } from './stored.ts'
import { parseYaml } from './structured.ts'

const text = z.string().min(1).optional().catch(undefined)

const user = z.object({
  token: text,
  tokenFile: text,
  username: text,
  password: text,
  'client-key-data': text,
  'client-key': text,
  exec: z.unknown().optional(),
  'auth-provider': z.unknown().optional(),
})

/** A block without anything in it is an empty text. */
const list = <Schema extends z.ZodType>(each: Schema) =>
  z.preprocess((value) => (value === '' ? [] : value), z.array(each)).default([])
const block = <Schema extends z.ZodType>(schema: Schema) => z.preprocess((value) => (value === '' ? {} : value), schema)

const config = z.object({
  clusters: list(z.object({ name: z.string(), cluster: block(z.object({ server: text })) })),
  contexts: list(z.object({ name: text, context: block(z.object({ cluster: text, user: text })) })),
  users: list(z.object({ name: z.string(), user: block(user) })),
})

/** A kubeconfig (Kubernetes, "Organizing cluster access"): users, and by its contexts the clusters that each is known to. */
export function readKubeconfig(content: string): Stored[] {
  const parsed = config.safeParse(parseYaml(content))
  if (!parsed.success) return [notOne('a kubeconfig file')]
  const { clusters, contexts, users } = parsed.data
  const servers = new Map<string, Set<string>>()
  for (const { name, cluster } of clusters) if (cluster.server !== undefined) add(servers, name, cluster.server)
  const known = new Map<string, Set<string>>()
  for (const { context } of contexts) if (context.user !== undefined) add(known, context.user, context.cluster ?? '')
  const unsure = unsureUsers(contexts, users)
  return users.flatMap(({ name, user: held }): Stored[] => {
    const stored = storedOf(held)
    if (stored === undefined) return []
    const named = [...(known.get(name) ?? [])].map((cluster) => [...(servers.get(cluster) ?? [])])
    const places = new Map(named.flat().map((server) => [server, placeOfUrl(server)]))
    const sure = [...places.values()].filter((place): place is Place => place !== undefined)
    if ('reason' in stored) return [{ ...stored, ...(sure[0] === undefined ? {} : { host: sure[0].host }) }]
    // Kubernetes does not read a file with two clusters, contexts or users of one name: one of them is somebody else's.
    if (unsure.has(name) || named.some((each) => each.length > 1)) return [{ reason: 'unclear', why: UNREADABLE_PLACE }]
    const unread: Stored[] = sure.length < places.size ? [{ reason: 'unclear', why: UNREADABLE_PLACE }] : []
    if (places.size === 0) return [stored]
    return [...sure.map((place) => ({ ...stored, place })), ...unread]
  })
}

type Config = z.infer<typeof config>

/** The users whose name stands there twice, or in one of two contexts of one name that differ. */
function unsureUsers(contexts: Config['contexts'], users: Config['users']): ReadonlySet<string> {
  const unsure = new Set<string>()
  const seen = new Set<string>()
  for (const { name } of users) (seen.has(name) ? unsure : seen).add(name)
  const pairs = new Map<string, Set<string>>()
  for (const { name, context } of contexts)
    if (name !== undefined) add(pairs, name, JSON.stringify([context.cluster, context.user]))
  for (const { name, context } of contexts)
    if (name !== undefined && context.user !== undefined && (pairs.get(name)?.size ?? 0) > 1) unsure.add(context.user)
  return unsure
}

function add(sets: Map<string, Set<string>>, key: string, value: string): void {
  const known = sets.get(key)
  if (known === undefined) sets.set(key, new Set([value]))
  else known.add(value)
}

function storedOf(held: z.infer<typeof user>): Stored | undefined {
  const { token, username, password } = held
  if (token !== undefined) return { kinds: 'web', parts: { token } }
  if (username !== undefined && password !== undefined) return { kinds: 'web', parts: { username, password } }
  if (held['client-key-data'] !== undefined)
    return { reason: 'no_probe', why: 'is the key of a client certificate, which no probe replays' }
  if (held.tokenFile !== undefined || held['client-key'] !== undefined)
    return { reason: 'elsewhere', why: 'names another file: import what that one holds' }
  if (isThere(held.exec)) return { reason: 'elsewhere', why: 'is kept by a program: nothing to import here' }
  return !isThere(held['auth-provider'])
    ? undefined
    : { reason: 'not_replayable', why: 'is a token of an identity provider that is renewed, which is not replayed' }
}

/** `exec: null` is an empty text by now. */
function isThere(value: unknown): boolean {
  return value !== undefined && value !== ''
}
