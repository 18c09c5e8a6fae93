import { hash } from 'node:crypto'
import { z } from 'zod'

type Json = Record<string, unknown>

/** The parameters of a route, of its path or its query. Refined objects are told by what they refine. */
export function parametersIn(place: 'path' | 'query', schema: z.ZodType): Json[] {
  const { properties = {}, required = [] } = objectOf(asJson(schema, 'input'))
  return Object.entries(properties).map(([name, of]) => {
    const { description, ...rest } = isJson(of) ? of : {}
    const wanted = place === 'path' || required.includes(name)
    return { name, in: place, required: wanted, ...(description === undefined ? {} : { description }), schema: rest }
  })
}

function objectOf(schema: Json): { properties?: Json; required?: readonly unknown[] } {
  return {
    ...(isJson(schema.properties) ? { properties: schema.properties } : {}),
    ...(Array.isArray(schema.required) ? { required: schema.required } : {}),
  }
}

/** JSON Schema 2020-12, OpenAPI 3.1's own. @param io what is sent (`input`), or what handlers see */
export function asJson(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { target: 'draft-2020-12', io, unrepresentable: 'any' })
  return rest
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const DEFS = '#/$defs/'

/**
 * Moves what a schema defines for itself (zod does so for what refers to itself) to where OpenAPI looks for it, and the references with
 * it. Equal definitions become one.
 *
 * @param components gets the definitions
 */
export function liftDefinitions(value: unknown, components: Json, names: ReadonlyMap<string, string> = new Map()): unknown {
  if (Array.isArray(value)) return value.map((each: unknown) => liftDefinitions(each, components, names))
  if (!isJson(value)) return value
  const { $defs, ...rest } = value
  const known = isJson($defs) ? new Map([...names, ...namesOf($defs)]) : names
  if (isJson($defs))
    for (const [name, of] of Object.entries($defs)) components[known.get(name) ?? name] = liftDefinitions(of, components, known)
  return Object.fromEntries(
    Object.entries(rest).map(([key, of]) => {
      const name = key === '$ref' && typeof of === 'string' && of.startsWith(DEFS) ? known.get(of.slice(DEFS.length)) : undefined
      return [key, name === undefined ? liftDefinitions(of, components, known) : `#/components/schemas/${name}`]
    }),
  )
}

/** A name for each definition, made of what it says, so that the same ones meet. */
function namesOf(defs: Json): [string, string][] {
  return Object.keys(defs).map((name) => [name, `Part${hash('sha256', JSON.stringify([name, defs])).slice(0, 8)}`])
}
