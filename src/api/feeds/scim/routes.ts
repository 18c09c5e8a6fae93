import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { RevenantError } from '../../../domain/error.ts'
import type { Facts } from '../../../domain/leaf.ts'
import { scimOptions } from '../../../intake/sources/scim.ts'
import { isDatabaseAway } from '../../../store/away.ts'
import { failedFeed, sawFeed } from '../../../store/feed.ts'
import { noteFault } from '../../../store/feed-fault.ts'
import type { ScimResourceRow, ScimType } from '../../../store/scim-resource.ts'
import { openThrottle } from '../../throttle.ts'
import { openBearers } from '../bearer.ts'
import type { FeedHttpDeps } from '../deps.ts'
import { ScimFault } from './fault.ts'
import { listStored } from './list.ts'
import { attributesOf, discovery, listOf, MOST_RESULTS, tellResource, versionOf } from './protocol.ts'
import { createResource, deleteResource, metaOf, patchStored, readStored, replaceResource, type Tenant } from './resources.ts'

const BODY_LIMIT = 1_048_576
const HEARD_MS = 60_000
const SCIM_JSON = 'application/scim+json; charset=utf-8'
const ERROR = 'urn:ietf:params:scim:api:messages:2.0:Error'

const ofOne = z.object({ id: z.string().max(128) })
// Of a UUID the case does not count, and what is kept under it is kept under one name.
const ofResource = z.object({ id: z.string().max(128).toLowerCase() })
const listQuery = z.object({
  filter: z.string().min(1).max(4_000).optional(),
  startIndex: z.coerce.number().int().optional(),
  count: z.coerce.number().int().optional(),
  sortBy: z.string().min(1).max(200).optional(),
  sortOrder: z.enum(['ascending', 'descending']).optional(),
  attributes: z.string().max(4_000).optional(),
  excludedAttributes: z.string().max(4_000).optional(),
})

/** SCIM 2.0 (RFC 7643, RFC 7644) for identity providers, under `/scim/v2`. The bearer token tells which source it is. */
export async function addScim(app: FastifyInstance, deps: FeedHttpDeps): Promise<void> {
  const throttle = openThrottle()
  const find = openBearers(deps, () =>
    deps.feeds('scim').flatMap((pushed) => {
      const options = scimOptions.safeParse(pushed.options).data
      return options === undefined ? [] : [{ pushed, options, tokens: options.tokens }]
    }),
  )
  const heard = new Map<string, number>()
  const tenantOf = async (request: FastifyRequest): Promise<Tenant> => {
    const found = await find(request.headers.authorization)
    if (found === undefined) {
      if (throttle.waitMs(request.ip) > 0) throw new ScimFault(429, undefined, 'too many wrong tokens: wait a minute')
      throttle.failed(request.ip)
      // Which source it is for is told by the token alone.
      deps.logger.warn({ address: request.ip }, 'a SCIM request came without the token of any source')
      throw new ScimFault(401, undefined, 'a bearer token of a source is needed')
    }
    const { feed } = found.pushed
    const last = heard.get(feed.id) ?? Number.NEGATIVE_INFINITY
    if (request.method === 'GET' && performance.now() - last > HEARD_MS) {
      heard.set(feed.id, performance.now())
      await sawFeed(deps.db, feed.id, deps.now())
    }
    return { feed, options: found.options }
  }
  // A refused write may have been a departure: it stands until one of the same user is taken, or a person dismisses it.
  const noteRefused = async (request: FastifyRequest, { status, detail }: ScimAnswer): Promise<void> => {
    if (!isWrite(request) || status === 401 || status === 429) return
    // Whoever is to be deleted and is not there has gone before.
    if (request.method === 'DELETE' && status === 404) return
    const feed = (await find(request.headers.authorization))?.pushed.feed
    if (feed === undefined) return
    const [, type, key] = /^\/scim\/v2\/(User|Group)s(?:\/([0-9a-f-]{36})(?![^?]))?(?:$|[/?])/i.exec(request.url) ?? []
    const fault = `${request.method} of a ${type ?? 'thing that there is not'} was refused (${status}): ${detail}`
    deps.logger.warn({ feed: feed.name, method: request.method, status, fault: detail }, 'a SCIM request was refused')
    // A group says nothing of who has left.
    if (type === 'Group') await failedFeed(deps.db, feed.id, fault, deps.now())
    else await noteFault(deps.db, feed.id, { key: key?.toLowerCase(), fault, saidAt: undefined }, deps.now())
  }
  await app.register(
    async (scim) => {
      scim.removeAllContentTypeParsers()
      scim.addContentTypeParser(
        ['application/scim+json', 'application/json'],
        { parseAs: 'string', bodyLimit: BODY_LIMIT },
        (_request, body, done) => done(null, jsonOf(String(body))),
      )
      // Whoever deletes has nothing more to say, whatever is called a body.
      scim.addContentTypeParser('*', (request, payload, done) => {
        if (request.method === 'DELETE') payload.resume().on('end', () => done(null))
        else done(new ScimFault(400, 'invalidSyntax', 'a body must be application/scim+json or application/json'))
      })
      const refuse = async (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
        await noteRefused(request, faultOf(error)).catch((err: unknown) =>
          deps.logger.error({ err }, 'a refused SCIM request could not be noted'),
        )
        return sendFault(reply, error, request, deps)
      }
      scim.setErrorHandler((error, request, reply) => refuse(error, request, reply))
      scim.setNotFoundHandler((request, reply) =>
        refuse(new ScimFault(404, undefined, 'there is nothing of that name'), request, reply),
      )
      for (const type of ['User', 'Group'] as const) addResources(scim, deps, tenantOf, type)
      for (const what of ['ServiceProviderConfig', 'ResourceTypes', 'Schemas'] as const) {
        const answer = async (request: FastifyRequest, reply: FastifyReply) => {
          await tenantOf(request)
          if (/[?&]filter=/.test(request.url)) throw new ScimFault(403, undefined, 'this cannot be filtered')
          const told = await discovery(what, ofOne.partial().parse(request.params).id, baseOf(request))
          if (told === undefined) throw new ScimFault(404, undefined, 'there is nothing of that name')
          return reply.type(SCIM_JSON).send(JSON.stringify(told))
        }
        scim.get(`/${what}`, answer)
        if (what !== 'ServiceProviderConfig') scim.get(`/${what}/:id`, answer)
      }
      for (const path of ['/Me', '/Bulk'])
        scim.all(path, async (request) => {
          await tenantOf(request)
          throw new ScimFault(501, undefined, 'this is not supported: see ServiceProviderConfig')
        })
    },
    { prefix: '/scim/v2' },
  )
}

function addResources(
  scim: FastifyInstance,
  deps: FeedHttpDeps,
  tenantOf: (request: FastifyRequest) => Promise<Tenant>,
  type: ScimType,
): void {
  const tell = (request: FastifyRequest, row: ScimResourceRow): Facts => {
    const { attributes, excludedAttributes } = queryOf(request)
    return tellResource(type, row.data, metaOf(row), baseOf(request), attributesOf(type, { attributes, excludedAttributes }))
  }
  const send = (request: FastifyRequest, reply: FastifyReply, row: ScimResourceRow, status = 200) => {
    const told = tell(request, row)
    return reply.code(status).type(SCIM_JSON).header('etag', versionOf(row)).send(JSON.stringify(told))
  }
  const of = (request: FastifyRequest) => {
    return { type, id: ofResource.parse(request.params).id, ifMatch: request.headers['if-match'] }
  }
  // Before anything is written.
  const checkAttributes = (request: FastifyRequest) => void attributesOf(type, queryOf(request))
  const path = `/${type}s`
  scim.get(path, async (request, reply) => list(deps, await tenantOf(request), type, request, reply, queryOf(request), tell))
  scim.post(`${path}/.search`, async (request, reply) => {
    const tenant = await tenantOf(request)
    return list(deps, tenant, type, request, reply, parsed(searchBody, request.body), tell)
  })
  scim.post(path, { bodyLimit: BODY_LIMIT }, async (request, reply) => {
    const tenant = await tenantOf(request)
    checkAttributes(request)
    const row = await createResource(deps, tenant, type, request.body)
    return send(request, reply.header('location', `${baseOf(request)}${path}/${row.id}`), row, 201)
  })
  scim.get(`${path}/:id`, async (request, reply) => {
    const row = await readStored(deps, await tenantOf(request), type, ofResource.parse(request.params).id)
    if (request.headers['if-none-match']?.split(',').some((each) => each.trim() === versionOf(row)) === true)
      return reply.code(304).header('etag', versionOf(row)).send()
    return send(request, reply, row)
  })
  for (const [method, change] of [
    ['PUT', replaceResource],
    ['PATCH', patchStored],
  ] as const)
    scim.route({
      method,
      url: `${path}/:id`,
      bodyLimit: BODY_LIMIT,
      handler: async (request, reply) => {
        const tenant = await tenantOf(request)
        checkAttributes(request)
        return send(request, reply, await change(deps, tenant, of(request), request.body))
      },
    })
  scim.delete(`${path}/:id`, async (request, reply) => {
    await deleteResource(deps, await tenantOf(request), of(request))
    return reply.code(204).send()
  })
}

type ListQuery = z.output<typeof listQuery>

/** `POST …/.search`: the query as a body, whose lists are lists. */
const names = z
  .array(z.string().max(200))
  .max(100)
  .transform((list) => list.join(','))
  .optional()
const searchBody = listQuery.extend({ attributes: names, excludedAttributes: names })

async function list(
  deps: FeedHttpDeps,
  tenant: Tenant,
  type: ScimType,
  request: FastifyRequest,
  reply: FastifyReply,
  query: ListQuery,
  tell: (request: FastifyRequest, row: ScimResourceRow) => Facts,
) {
  // Out of range is taken for the nearest that is not (RFC 7644 §3.4.2.4).
  const startIndex = Math.max(1, query.startIndex ?? 1)
  const ask = {
    filter: query.filter,
    startIndex,
    count: Math.max(0, query.count ?? MOST_RESULTS),
    sortBy: query.sortBy,
    descending: query.sortOrder === 'descending',
  }
  const { total, rows } = await listStored(deps, tenant, type, ask, baseOf(request))
  const answer = listOf(
    rows.map((row) => tell(request, row)),
    { total, startIndex },
  )
  return reply.type(SCIM_JSON).send(JSON.stringify(answer))
}

/** Whether a request may have been meant to change something. */
function isWrite({ method, url }: FastifyRequest): boolean {
  return method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS' && !/\/\.search(?:$|\?)/.test(url)
}

function queryOf(request: FastifyRequest): ListQuery {
  return parsed(listQuery, request.query)
}

function parsed<Value>(schema: z.ZodType<Value>, value: unknown): Value {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw new ScimFault(400, 'invalidValue', `${result.error.issues[0]?.path.join('.') ?? 'the request'} is not as it must be`)
}

/** As whoever asks reaches it. */
function baseOf(request: FastifyRequest): string {
  return `${request.protocol}://${request.host}/scim/v2`
}

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

function sendFault(reply: FastifyReply, error: unknown, request: FastifyRequest, { logger }: FeedHttpDeps) {
  const { status, scimType, detail } = faultOf(error)
  if (status >= 500 && status !== 501) logger.error({ err: error, path: request.routeOptions.url }, 'a SCIM request failed')
  if (status === 401) reply.header('www-authenticate', 'Bearer realm="scim"')
  if (status === 429 || status === 503) reply.header('retry-after', '60')
  return reply
    .code(status)
    .type(SCIM_JSON)
    .send(JSON.stringify({ schemas: [ERROR], status: String(status), ...(scimType === undefined ? {} : { scimType }), detail }))
}

interface ScimAnswer {
  status: number
  scimType: string | undefined
  detail: string
}

function faultOf(error: unknown): ScimAnswer {
  if (error instanceof ScimFault) return { status: error.status, scimType: error.scimType, detail: error.message }
  if (error instanceof RevenantError && error.code === 'INPUT_INVALID')
    return { status: 400, scimType: 'invalidValue', detail: error.message }
  const status = z.object({ statusCode: z.number().int().min(400).max(499) }).safeParse(error).data?.statusCode
  if (status === 413) return { status, scimType: undefined, detail: `a body has at most ${BODY_LIMIT} bytes` }
  if (status !== undefined)
    return {
      status: status === 415 ? 400 : status,
      scimType: status === 400 || status === 415 ? 'invalidSyntax' : undefined,
      detail: 'the request cannot be read',
    }
  if (isDatabaseAway(error)) return { status: 503, scimType: undefined, detail: 'the database does not answer: try again' }
  return { status: 500, scimType: undefined, detail: 'the server failed: its log says why' }
}
