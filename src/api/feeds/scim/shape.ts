import SCIMMY from 'scimmy'
import { z } from 'zod'
import type { ScimType } from '../../../store/scim-resource.ts'

const { Resources, Schemas } = SCIMMY

// The library keeps what is declared for the whole process.
Resources.declare(Resources.User, { extensions: [{ schema: Schemas.EnterpriseUser, required: false }] })
Resources.declare(Resources.Group)

/** One attribute of a schema. */
export interface ShapeAttribute {
  /** As the schema spells it. */
  name: string
  type: string
  multiValued: boolean
  /** Whether values are told apart by the case of their letters. */
  caseExact: boolean
  /** Only the server writes it. */
  readOnly: boolean
  subAttributes: Attributes
}

/** By their names in lower case: in names, case does not count (RFC 7643 §2.1). */
export type Attributes = ReadonlyMap<string, ShapeAttribute>

/** What resources of one type are made of. */
export interface Shape {
  /** The schema's own name. */
  urn: string
  attributes: Attributes
  /** By their names in lower case. */
  extensions: ReadonlyMap<string, { urn: string; attributes: Attributes }>
}

/** The library's schema of a type. */
export function schemaOf(type: ScimType) {
  return type === 'User' ? Schemas.User : Schemas.Group
}

export function shapeOf(type: ScimType): Shape {
  return SHAPES[type]
}

interface Definition {
  name: string
  type: string
  config: { multiValued: boolean; mutable: boolean | string; caseExact: boolean }
  subAttributes?: Definition[] | undefined
}

const definition: z.ZodType<Definition> = z.object({
  name: z.string(),
  type: z.string(),
  config: z.object({ multiValued: z.boolean(), mutable: z.union([z.boolean(), z.string()]), caseExact: z.boolean() }),
  get subAttributes() {
    return z.array(definition).optional()
  },
})
const schemaDefinition = z.object({ id: z.string(), attributes: z.array(z.unknown()) })

const SHAPES = { User: readShape('User'), Group: readShape('Group') }

function readShape(type: ScimType): Shape {
  const { id, attributes } = schemaDefinition.parse(schemaOf(type).definition)
  const extensions = attributes.flatMap((each) => schemaDefinition.safeParse(each).data ?? [])
  return {
    urn: id,
    attributes: readAttributes(attributes),
    extensions: new Map(
      extensions.map((each) => [each.id.toLowerCase(), { urn: each.id, attributes: readAttributes(each.attributes) }]),
    ),
  }
}

function readAttributes(attributes: readonly unknown[]): Attributes {
  const own = attributes.flatMap((each) => definition.safeParse(each).data ?? [])
  return new Map(own.map((each) => [each.name.toLowerCase(), attributeOf(each)]))
}

function attributeOf({ name, type, config, subAttributes = [] }: Definition): ShapeAttribute {
  const { multiValued, mutable, caseExact } = config
  return { name, type, multiValued, caseExact, readOnly: mutable === false, subAttributes: readAttributes(subAttributes) }
}
