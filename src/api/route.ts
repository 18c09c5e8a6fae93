import type { Readable } from 'node:stream'
import { z } from 'zod'
import type { Actor, Permission } from '../domain/access.ts'
import type { Credential } from './access/access.ts'
import type { Client } from './access/client.ts'
import type { ApiDeps } from './deps.ts'
import { type Fault, faultsOf } from './problem.ts'

export const TAGS = [
  'overview',
  'identities',
  'credentials',
  'systems',
  'trials',
  'observations',
  'findings',
  'grants',
  'exemptions',
  'alerts',
  'sinks',
  'sources',
  'evidence',
  'audit',
  'access',
  'setup',
] as const
export type Tag = (typeof TAGS)[number]

/** Who asks, and what the handler works with. */
export interface RouteContext {
  deps: ApiDeps
  actor: Actor
  /** Aborted when whoever asked hangs up. */
  signal: AbortSignal
  /** The body as it comes in, of a route with `uploads`. */
  upload: Readable | undefined
  /** Its content type, without parameters. */
  uploadType: string | undefined
  /** A header of the request, by its name in lower case. */
  header(name: string): string | undefined
  /** Whether who asked may still do so: for answers that last. */
  holds(): Promise<boolean>
  /** By what whoever asks is known; undefined for nobody, and where a test says who asks. */
  credential: Credential | undefined
  /** The other end. */
  client: Client
  /** The query as it came, with its question mark. */
  search: string
  /** Throws 412 where `If-Match` was sent and names no answer with this body: it has changed since it was read. */
  requireMatch(body: unknown): void
}

/** What a handler answers with. Faults are thrown: a `RevenantError` (its code decides the status) or a `Problem`. */
export type Answer<Body> =
  /**
   * `next`: the cursor of the next page. `location`: where what was made is. `cookies`: Set-Cookie headers. `once`: it holds a secret that
   * is shown this once, and is not kept for a repeated request.
   */
  | { body: Body; next?: string; location?: string; cookies?: readonly string[]; once?: true }
  /** `filename`: offered for saving under this name. */
  | { stream: Readable; type: string; filename?: string }
  /** Elsewhere, of a route with status 303. */
  | { redirect: string; cookies?: readonly string[] }

/** One address and method as data: for the server, for the OpenAPI document, for the table of who may do what. */
export interface Route {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** As OpenAPI writes it: `/v1/findings/{id}`. */
  path: string
  /** The operation's id: `listFindings`. */
  id: string
  tag: Tag
  summary: string
  /** `anybody`: signing in, and what is needed for it. */
  permission: Permission | 'anybody'
  params: z.ZodObject
  query: z.ZodType
  /** `NONE`: it takes no JSON. */
  body: z.ZodType
  /** Content types that it takes as a stream instead of JSON. */
  uploads: readonly string[]
  /** `NONE`: no content, or the content type that `type` names. */
  answer: z.ZodType
  type: string | undefined
  status: 200 | 201 | 202 | 204 | 303
  /** `medium`, `heavy`: counted against smaller budgets of their own. */
  cost: 'light' | 'medium' | 'heavy'
  /** Parses what came with a request. */
  ask(given: { params: unknown; query: unknown; body: unknown }): { faults: Fault[]; status: 400 | 404 } | Asked
}

export interface Asked {
  run(context: RouteContext): Promise<Answer<unknown>>
}

interface RouteOptions<Params extends z.ZodObject, Query extends z.ZodType, Body extends z.ZodType, Reply extends z.ZodType>
  extends Pick<Route, 'method' | 'path' | 'id' | 'tag' | 'summary' | 'permission'>,
    Partial<Pick<Route, 'uploads' | 'status' | 'cost' | 'type'>> {
  params: Params
  query: Query
  body: Body
  answer: Reply
  handle(
    context: RouteContext,
    input: { params: z.output<Params>; query: z.output<Query>; body: z.output<Body> },
  ): Promise<Answer<z.input<Reply>>>
}

/** For routes without parameters in the path or the query. */
export const NOTHING = z.strictObject({})
/** For routes that take no JSON, and for those that answer with none. */
export const NONE = z.undefined()

/** Makes a route of its schemas and its handler, which sees parsed values only. */
export function route<Params extends z.ZodObject, Query extends z.ZodType, Body extends z.ZodType, Reply extends z.ZodType>(
  options: RouteOptions<Params, Query, Body, Reply>,
): Route {
  const { handle, uploads = [], status = 200, cost = 'light', type, ...rest } = options
  return {
    ...{ ...rest, uploads, status, cost, type },
    ask: ({ params, query, body }) => {
      const asked = rest.params.safeParse(params)
      if (!asked.success) {
        // A name that is none of a closed list is an address that is not there.
        const named = asked.error.issues.every(({ code }) => code === 'invalid_value')
        return { status: named ? 404 : 400, faults: faultsOf(asked.error) }
      }
      const filter = rest.query.safeParse(query)
      if (!filter.success) return { status: 400, faults: faultsOf(filter.error) }
      const given = rest.body.safeParse(body)
      if (!given.success) return { status: 400, faults: faultsOf(given.error, '/') }
      return { run: (context) => handle(context, { params: asked.data, query: filter.data, body: given.data }) }
    },
  }
}
