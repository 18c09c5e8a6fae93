import type { ClientAuth, Configuration, CustomFetchOptions, ServerMetadata } from 'openid-client'
import { RevenantError, toError } from '../../src/domain/error.ts'
import { exchange } from '../../src/probe/exchange.ts'
import type { HttpAnswer } from '../../src/probe/http-answer.ts'
import type { AttemptContext } from '../../src/probe/probe.ts'
import { readClientKey } from './client-key.ts'
import type { ClientEntry, Target } from './target.ts'

/** Loaded when a system of this kind is first tried. */
export const library = () => import('openid-client')
export type Library = Awaited<ReturnType<typeof library>>

/** A client with what it proves itself by; neither: a public one. */
export interface ClientProof {
  id: string
  secret?: string | undefined
  privateKey?: string | undefined
}

/** What must be quoted nowhere. */
export function secretsOf({ secret, privateKey }: ClientProof): string[] {
  return [secret, privateKey].filter((value) => value !== undefined)
}

/** A client of the target, its secret read just in time. */
export async function readClient({ id, secret, privateKey }: ClientEntry, ctx: AttemptContext): Promise<ClientProof> {
  const read = (text: string) => {
    if (ctx.reference !== undefined) return ctx.reference(text)
    throw new RevenantError('SECRET_UNAVAILABLE', 'references cannot be read here')
  }
  return {
    id,
    ...(secret === undefined ? {} : { secret: await read(secret) }),
    ...(privateKey === undefined ? {} : { privateKey: await read(privateKey) }),
  }
}

/** An HTTP transport for the library, over the attempt's own client, that keeps what it was answered. */
export interface Wire {
  fetch(url: string, options: CustomFetchOptions): Promise<Response>
  answer(): HttpAnswer | undefined
  /** Why there is no answer. */
  failure(): unknown
}

export interface WireOptions {
  /** See `exchange`. */
  onSent?: (() => void) | undefined
  /** No connection is used twice: a message that may spend a token must not be lost on one that the server was just closing. */
  reset: boolean
}

export function openWire(ctx: AttemptContext, { onSent, reset }: WireOptions): Wire {
  let answer: HttpAnswer | undefined
  let failure: unknown
  return {
    fetch: async (url, { method, headers, body }) => {
      const { origin, pathname, search } = new URL(url)
      const lines = Object.entries({ ...headers, 'user-agent': ctx.attribution }).flat()
      const text = body instanceof URLSearchParams ? body.toString() : typeof body === 'string' ? body : undefined
      try {
        answer = await exchange(
          ctx.http,
          {
            origin,
            path: pathname + search,
            bare: pathname,
            method: method === 'POST' ? 'POST' : 'GET',
            headers: lines,
            reset,
            ...(text === undefined ? {} : { body: text }),
          },
          ctx.signal,
          onSent,
        )
      } catch (error) {
        failure = error
        throw error
      }
      return responseOf(answer)
    },
    answer: () => answer,
    failure: () => failure,
  }
}

/**
 * Lets the library build and sign one request and answers what came back, whatever the library makes of it: the rules judge the answer,
 * and a successor must not be lost because some other part of it does not please a parser.
 */
export async function ask(
  ctx: AttemptContext,
  server: ServerMetadata,
  as: { client: ClientProof; at: Target; onSent?: (() => void) | undefined },
  send: (library: Library, config: Configuration) => Promise<unknown>,
): Promise<HttpAnswer> {
  const loaded = await library()
  const { client, at, onSent } = as
  const wire = openWire(ctx, { onSent, reset: at.redeem === 'rotating' })
  const config = new loaded.Configuration(server, client.id, undefined, await clientAuth(loaded, client, at.clientAuth))
  config[loaded.customFetch] = wire.fetch
  // The attempt's own signal bounds it.
  config.timeout = 0
  // Whether an address is in clear is the target's affair.
  loaded.allowInsecureRequests(config)
  let thrown: unknown
  await send(loaded, config).catch((error: unknown) => {
    thrown = error
  })
  const answer = wire.answer()
  if (answer !== undefined) return answer
  throw wire.failure() ?? toError(thrown)
}

/** The same without any credential. */
export async function askNobody(ctx: AttemptContext, url: URL): Promise<HttpAnswer> {
  const { origin, pathname, search } = url
  const headers = ['accept', 'application/json', 'user-agent', ctx.attribution]
  return exchange(ctx.http, { origin, path: pathname + search, bare: pathname, method: 'GET', headers, reset: true }, ctx.signal)
}

async function clientAuth(loaded: Library, { secret, privateKey }: ClientProof, by: 'basic' | 'post'): Promise<ClientAuth> {
  if (privateKey !== undefined) return loaded.PrivateKeyJwt(await readClientKey(privateKey))
  if (secret === undefined) return loaded.None()
  return by === 'basic' ? loaded.ClientSecretBasic(secret) : loaded.ClientSecretPost(secret)
}

/** Statuses that a `Response` may not have a body with. */
const BODILESS = new Set([204, 205, 304])

function responseOf(answer: HttpAnswer): Response {
  const headers = new Headers()
  for (const [name, value] of Object.entries(answer.headers)) {
    for (const line of value === undefined ? [] : [value].flat()) headers.append(name, line)
  }
  return new Response(BODILESS.has(answer.status) ? null : answer.text(), { status: answer.status, headers })
}
