import { z } from 'zod'
import { placeOfUrl } from '../found/place.ts'
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
  contexts: list(z.object({ context: block(z.object({ cluster: text, user: text })) })),
  users: list(z.object({ name: z.string(), user: block(user) })),
})

/** A kubeconfig (Kubernetes, "Organizing cluster access"): users, and by its contexts the clusters that each is known to. */
export function readKubeconfig(content: string): Stored[] {
  const parsed = config.safeParse(parseYaml(content))
  if (!parsed.success) return [notOne('a kubeconfig file')]
  const { clusters, contexts, users } = parsed.data
  const servers = new Map(clusters.map(({ name, cluster }) => [name, cluster.server]))
  return users.flatMap(({ name, user: held }): Stored[] => {
    const named = contexts.flatMap(({ context }) => (context.user === name ? [servers.get(context.cluster ?? '')] : []))
    const places = [...new Set(named)].flatMap((server) => (server === undefined ? [] : (placeOfUrl(server) ?? [])))
    const stored = storedOf(held)
    if (stored === undefined) return []
    if ('reason' in stored) return [{ ...stored, ...(places[0] === undefined ? {} : { host: places[0].host }) }]
    return places.length === 0 ? [stored] : places.map((place) => ({ ...stored, place }))
  })
}

function storedOf(held: z.infer<typeof user>): Stored | undefined {
  const { token, username, password } = held
  if (token !== undefined) return { kinds: 'web', parts: { token } }
  if (username !== undefined && password !== undefined) return { kinds: 'web', parts: { username, password } }
  if (held['client-key-data'] !== undefined)
    return { reason: 'no_probe', why: 'is the key of a client certificate, which no probe replays' }
  if (held.tokenFile !== undefined || held['client-key'] !== undefined)
    return { reason: 'elsewhere', why: 'names another file: import what that one holds' }
  if (held.exec !== undefined) return { reason: 'elsewhere', why: 'is kept by a program: nothing to import here' }
  return held['auth-provider'] === undefined
    ? undefined
    : { reason: 'not_replayable', why: 'is a token of an identity provider that is renewed, which is not replayed' }
}
