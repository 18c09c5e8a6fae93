import { isDeepStrictEqual } from 'node:util'
import SCIMMY from 'scimmy'
import { z } from 'zod'
import type { Facts } from '../../../domain/leaf.ts'
import type { ScimType } from '../../../store/scim-resource.ts'
import { isShallow, refuseUnkept, ScimFault } from './fault.ts'
import { foldResource, lastActive } from './fold.ts'
import { applyPatch, patchedActive } from './patch.ts'
import { placeOf } from './place.ts'
import { schemaOf, shapeOf } from './shape.ts'

const { Config, Resources, Schemas, Types } = SCIMMY

/** Resources that one answer holds at most. */
export const MOST_RESULTS = 200

// The library keeps what is set for the whole process.
Config.set({
  patch: true,
  filter: { supported: true, maxResults: MOST_RESULTS },
  etag: true,
  sort: true,
  bulk: false,
  changePassword: false,
  authenticationSchemes: [
    {
      type: 'oauthbearertoken',
      name: 'Bearer token',
      description: 'A token of the source, in the header Authorization',
      specUri: 'https://www.rfc-editor.org/info/rfc6750',
    },
  ],
})

const facts = z.record(z.string(), z.json())

/** What a client wrote, checked against the schema; what the schema does not know is left out. Throws `ScimFault`. */
export function readResource(type: ScimType, body: unknown): Facts {
  refuseUnkept(body)
  const given = facts.safeParse(body)
  if (!given.success) throw new ScimFault(400, 'invalidSyntax', 'a resource must be a JSON object')
  const folded = foldResource(shapeOf(type), given.data)
  return guarded(() => stored(new (schemaOf(type))(folded, 'in')))
}

/** A resource with a patch applied to it. Throws `ScimFault`. */
export function patchResource(type: ScimType, before: { id: string; data: Facts }, body: unknown): ScimChange {
  refuseUnkept(body)
  const { data, spoke } = applyPatch(shapeOf(type), before, body)
  // What a patch made must be a whole resource.
  const after = readResource(type, data)
  return { data: isDeepStrictEqual(after, before.data) ? undefined : after, spoke }
}

export interface ScimChange {
  /** What a resource becomes; undefined: nothing changes. */
  data: Facts | undefined
  /** Whether it was said if the user is active. */
  spoke: boolean
}

/** Whether a write of which the rest cannot be taken says, and says clearly, that a user is not active. */
export function saysInactive(type: ScimType, method: 'PUT' | 'PATCH', body: unknown): boolean {
  if (!isShallow(body)) return false
  if (method === 'PATCH') return patchedActive(shapeOf(type), body) === false
  const given = facts.safeParse(body).data
  return given !== undefined && lastActive(shapeOf(type), Object.entries(given)) === false
}

export interface ScimMeta {
  id: string
  version: number
  createdAt: Temporal.Instant
  updatedAt: Temporal.Instant
}

/** A resource as it is told. @param attributes of `attributesOf` */
export function tellResource(type: ScimType, data: Facts, meta: ScimMeta, base: string, attributes?: Attributes): Facts {
  const told = new (schemaOf(type))(
    {
      ...data,
      id: meta.id,
      meta: metaFacts(type, meta),
    },
    'out',
    `${base}/${type}s`,
    attributes,
  )
  return facts.parse(JSON.parse(JSON.stringify(told)))
}

/** A resource as filters see it. */
export function seenResource(type: ScimType, data: Facts, meta: ScimMeta, base: string): Facts {
  return { ...data, id: meta.id, meta: { ...metaFacts(type, meta), location: `${base}/${type}s/${meta.id}` } }
}

function metaFacts(type: ScimType, meta: ScimMeta) {
  return {
    resourceType: type,
    created: new Date(meta.createdAt.epochMilliseconds).toISOString(),
    lastModified: new Date(meta.updatedAt.epochMilliseconds).toISOString(),
    version: versionOf(meta),
  }
}

/** A weak ETag. */
export function versionOf({ version }: Pick<ScimMeta, 'version'>): string {
  return `W/"${version}"`
}

type Attributes = NonNullable<ReturnType<typeof attributesOf>>

/** One name of an attribute (RFC 7644 §3.10). The library takes each for a filter, and finds out too late that it is another one. */
const ATTRIBUTE = /^(?:urn:[\w.:-]{1,200}:)?[A-Za-z$][\w$-]*(?:\.[A-Za-z$][\w$-]*)?$/

/** Which attributes an answer has: `attributes` or `excludedAttributes` of the query. Throws `ScimFault`. */
export function attributesOf(
  type: ScimType,
  query: { attributes?: string | undefined; excludedAttributes?: string | undefined },
) {
  const [attributes, excludedAttributes] = [foldNames(type, query.attributes), foldNames(type, query.excludedAttributes)]
  if (attributes === undefined && excludedAttributes === undefined) return undefined
  for (const list of [attributes, excludedAttributes])
    if (list !== undefined && !list.split(',').every((name) => name.trim() === '' || ATTRIBUTE.test(name.trim())))
      throw new ScimFault(400, 'invalidValue', 'attributes and excludedAttributes are names with commas between them')
  return guarded(
    () =>
      new Resources.User('any', {
        ...(attributes === undefined ? {} : { attributes }),
        ...(excludedAttributes === undefined ? {} : { excludedAttributes }),
      }).attributes,
  )
}

/** A list of names as the schema spells them. Those that it does not know stay as they are. */
function foldNames(type: ScimType, list: string | undefined): string | undefined {
  const shape = shapeOf(type)
  return list
    ?.split(',')
    .map((name) => {
      const named = placeOf(shape, name)
      if (named === undefined || (named.attribute === undefined && named.extension === undefined)) return name.trim()
      if (named.attribute === undefined) return named.extension
      const { extension, attribute, sub } = named
      return `${extension === undefined ? '' : `${extension}:`}${attribute.name}${sub === undefined ? '' : `.${sub.name}`}`
    })
    .join(',')
}

/** A list as RFC 7644 §3.4.2 has it. */
export function listOf(resources: readonly Facts[], { total, startIndex }: { total: number; startIndex: number }): Facts {
  return {
    schemas: ['urn:ietf:params:scim:api:messages:2.0:ListResponse'],
    totalResults: total,
    startIndex,
    itemsPerPage: resources.length,
    Resources: resources,
  }
}

/** What a client discovers: how this server is, which resources it has, of which schemas. Undefined for an unknown id. */
export async function discovery(
  what: 'ServiceProviderConfig' | 'ResourceTypes' | 'Schemas',
  id: string | undefined,
  base: string,
): Promise<Facts | undefined> {
  const told = async (of: { read(): Promise<unknown> }) => facts.parse(JSON.parse(JSON.stringify(await of.read())))
  try {
    if (what === 'ServiceProviderConfig')
      return withLocation(await told(new Resources.ServiceProviderConfig()), `${base}/ServiceProviderConfig`)
    if (what === 'ResourceTypes')
      return await told(id === undefined ? new Resources.ResourceType() : new Resources.ResourceType(id))
    return await told(id === undefined ? new Resources.Schema() : new Resources.Schema(id))
  } catch {
    return undefined
  }
}

function withLocation(config: Facts, location: string): Facts {
  return { ...config, meta: { resourceType: 'ServiceProviderConfig', location } }
}

/** As it is kept: without what the server adds. */
function stored(resource: object): Facts {
  const { id: _, meta: __, ...rest } = facts.parse(JSON.parse(JSON.stringify(resource)))
  return rest
}

/** The library throws errors of its own, and TypeErrors for values that do not fit. Their words hold no values but names. */
function guarded<Value>(work: () => Value): Value {
  try {
    return work()
  } catch (error) {
    throw faultOf(error)
  }
}

function faultOf(error: unknown): ScimFault {
  if (error instanceof ScimFault) return error
  const said = error instanceof Error ? told(error.message) : 'it does not fit the schema'
  if (!(error instanceof Types.Error)) return new ScimFault(400, 'invalidValue', said)
  const status = error.status >= 400 && error.status < 500 ? error.status : 400
  return new ScimFault(status, error.scimType ?? 'invalidValue', said)
}

/** Words that the library quotes and that are nobody's: names of attributes and types, operations. */
const QUOTABLE = new Set(
  [Schemas.User, Schemas.Group, Schemas.EnterpriseUser]
    .flatMap(({ definition }) => definition.attributes.flatMap(wordsOf))
    .concat([
      'boolean',
      'string',
      'complex',
      'collection',
      'object',
      'number',
      'undefined',
      'add',
      'remove',
      'replace',
      'Operations',
      'op',
      'path',
      'value',
    ]),
)

function wordsOf(attribute: object): string[] {
  const { name, subAttributes } = z
    .object({ name: z.string().catch(''), subAttributes: z.array(z.object({ name: z.string().catch('') })).catch([]) })
    .parse(attribute)
  return [name, ...subAttributes.map((each) => each.name)]
}

/** What was sent is not sent back: a password may stand where a name was due. */
function told(message: string): string {
  return message.replace(/'([^']*)'/g, (quoted, word: string) => (QUOTABLE.has(word) ? quoted : "'…'")).slice(0, 300)
}
