export interface SchemaField {
  name: string
  type: string
  required: boolean
  description: string
}

/** The fields of a JSON Schema's object, of each of its alternatives where it has some; what it does not say is left out. */
export function schemaFields(schema: unknown): SchemaField[] {
  if (!isObject(schema)) return []
  const alternatives = [schema.anyOf, schema.oneOf, schema.allOf].flatMap((each) => (Array.isArray(each) ? each : []))
  const required = Array.isArray(schema.required) ? schema.required : []
  const own = isObject(schema.properties)
    ? Object.entries(schema.properties).map(([name, property]) => fieldOf(name, property, required.includes(name)))
    : []
  const found = [...own, ...alternatives.flatMap(schemaFields)]
  return found.filter(({ name }, at) => found.findIndex((other) => other.name === name) === at)
}

function fieldOf(name: string, property: unknown, required: boolean): SchemaField {
  const { description, default: standard } = isObject(property) ? property : {}
  return {
    name,
    type: typeOf(property),
    // What has a default may be left out, whatever `required` says of the parsed value.
    required: required && standard === undefined,
    description: typeof description === 'string' ? description : '',
  }
}

function typeOf(property: unknown): string {
  if (!isObject(property)) return 'any'
  if (property.const !== undefined) return JSON.stringify(property.const)
  if (Array.isArray(property.enum)) return property.enum.map(String).join(' | ')
  if (typeof property.type === 'string') return property.type
  for (const each of [property.anyOf, property.oneOf]) if (Array.isArray(each)) return [...new Set(each.map(typeOf))].join(' | ')
  return 'any'
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
