import { z } from 'zod'
import { decodeLogin } from '../found/address.ts'
import { placeOfHost } from '../found/place.ts'
import { notOne, type Stored } from './stored.ts'
import { parseJson } from './structured.ts'

const entry = z.object({
  auth: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  identitytoken: z.string().optional(),
  registrytoken: z.string().optional(),
})

const config = z.object({
  auths: z.record(z.string(), entry).optional(),
  credsStore: z.string().optional(),
  credHelpers: z.record(z.string(), z.string()).optional(),
})

const KINDS = ['docker-registry', 'docker-hub'] as const

/**
 * `.docker/config.json` and `containers/auth.json` (Docker CLI, containers-auth.json): names and passwords by registry. Where a helper
 * keeps them, the file names the helper only.
 */
export function readDockerConfig(text: string): Stored[] {
  const parsed = config.safeParse(parseJson(text))
  if (!parsed.success) return [notOne("Docker's configuration")]
  const { auths = {}, credsStore, credHelpers = {} } = parsed.data
  const helped = new Set(Object.keys(credHelpers))
  const stored = Object.entries(auths).map(([registry, auth]): Stored => {
    if (Object.values(auth).every((field) => field === undefined || field === ''))
      return { reason: 'elsewhere', why: HELPER, host: placeOfHost(registry)?.host ?? '' }
    helped.delete(registry)
    return storedOf(registry, auth)
  })
  for (const registry of helped) stored.push({ reason: 'elsewhere', why: HELPER, host: placeOfHost(registry)?.host ?? '' })
  if (credsStore !== undefined && Object.keys(auths).length === 0) stored.push({ reason: 'elsewhere', why: HELPER })
  return stored
}

const HELPER = "is kept by a credential helper, in the machine's key store: nothing to import here"

function storedOf(registry: string, auth: z.infer<typeof entry>): Stored {
  const place = placeOfHost(registry)
  if (place === undefined) return notOne('the address of a registry')
  if (auth.registrytoken !== undefined) return { kinds: KINDS, parts: { token: auth.registrytoken }, place }
  // A refresh token of OAuth 2: as a password it would be refused.
  if (auth.identitytoken !== undefined)
    return { reason: 'not_replayable', why: 'is an identity token, which is not replayed', host: place.host }
  // Where the Docker CLI keeps what `docker login` got by a browser, beside the registry itself.
  if (/\/(?:access|refresh)-token\/?$/.test(registry))
    return {
      reason: 'not_replayable',
      why: 'is a token of a login by browser, which is renewed and not replayed',
      host: place.host,
    }
  const { username, password } = auth
  const said = username !== undefined && password !== undefined ? { username, password } : undefined
  const login = said ?? decodeLogin(auth.auth ?? '')
  if (said !== undefined && (auth.auth ?? '') !== '') {
    const spelt = decodeLogin(auth.auth ?? '')
    if (spelt?.username !== username || spelt?.password !== password) return { reason: 'unclear', host: place.host }
  }
  if (login?.username === '<token>')
    return { reason: 'not_replayable', why: 'is an identity token, which is not replayed', host: place.host }
  if (login === undefined) return { reason: 'unreadable', why: 'is no name and password in Base64', host: place.host }
  return { kinds: KINDS, parts: login, place }
}
