import { z } from 'zod'
import type { Fact, Facts } from '../../../domain/leaf.ts'
import { booleanOf, ENTERPRISE, ScimFault } from './fault.ts'

/** One operation as the library takes it. */
export interface PatchOperation {
  op: 'add' | 'replace' | 'remove'
  path?: string
  value?: Fact
  /** Left out where its path is unknown. */
  lenient?: true
}

const patchSchema = z.object({
  schemas: z.array(z.string()).optional(),
  Operations: z
    .array(
      z.object({
        op: z
          .string()
          .transform((op) => op.toLowerCase())
          .pipe(z.enum(['add', 'replace', 'remove'])),
        path: z.string().min(1).max(1_000).optional(),
        value: z.json().optional(),
      }),
    )
    .min(1)
    .max(1_000),
})

const CORE = 'urn:ietf:params:scim:schemas:core:2.0:user:'
const PATCH_OP = 'urn:ietf:params:scim:api:messages:2.0:PatchOp'
/** `emails[type eq "work"].value` */
const VALUE_PATH = /^([A-Za-z][\w$-]*)\[\s*([A-Za-z][\w$-]*)\s+eq\s+("(?:[^"\\]|\\.)*"|true|false)\s*\]\.([A-Za-z][\w$-]*)$/i

/**
 * The operations of a patch in the one dialect that the library understands: providers write booleans as text, name values that are not
 * there yet, and give a manager by id alone. Each is made from the resource as the ones before it left it. Throws `ScimFault`.
 */
export function normalisePatch(body: unknown): ((current: Facts) => PatchOperation[])[] {
  const parsed = patchSchema.safeParse(body)
  if (!parsed.success)
    throw new ScimFault(400, 'invalidSyntax', `a patch must have Operations with op, path and value (${place(parsed.error)})`)
  const { schemas, Operations } = parsed.data
  if (schemas?.includes(PATCH_OP) !== true) throw new ScimFault(400, 'invalidSyntax', `schemas must name ${PATCH_OP}`)
  return Operations.map((operation) => (current) => normalised(operation, current))
}

function place(error: z.ZodError): string {
  return error.issues[0]?.path.join('.') ?? ''
}

type Given = z.output<typeof patchSchema>['Operations'][number]

function normalised({ op, path, value }: Given, current: Facts): PatchOperation[] {
  if (op === 'remove') return [{ op, ...(path === undefined ? {} : { path }), ...(value === undefined ? {} : { value }) }]
  if (value === undefined) throw new ScimFault(400, 'invalidValue', `${op} needs a value`)
  if (path !== undefined) return [addressed(op, path, value, current)]
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ScimFault(400, 'invalidValue', `${op} without a path needs an object`)
  // One operation for each attribute: names with dots and brackets are paths. What nobody knows beside is no reason to refuse the rest.
  return Object.entries(value)
    .filter(([name]) => !name.toLowerCase().startsWith('schemas'))
    .map(([name, each]) => ({ ...addressed(op, name, each, current), lenient: true as const }))
}

function addressed(op: 'add' | 'replace', given: string, value: Fact, current: Facts): PatchOperation {
  const path = given.toLowerCase().startsWith(CORE) ? given.slice(CORE.length) : given
  const fitting = valueFor(path, value)
  const [, attribute, key, literal, part] = VALUE_PATH.exec(path) ?? []
  if (attribute === undefined || key === undefined || literal === undefined || part === undefined)
    return { op, path, value: fitting }
  const wanted = key.toLowerCase() === 'primary' ? booleanOf(literalOf(literal)) : literalOf(literal)
  const values = memberOf(current, attribute)
  const there = Array.isArray(values) && values.some((each) => sameValue(memberOf(each, key), wanted))
  if (there) return { op, path: `${attribute}[${key} eq ${JSON.stringify(wanted)}].${part}`, value: fitting }
  return { op: 'add', path: attribute, value: [{ [key]: wanted, [part]: fitting }] }
}

function valueFor(path: string, value: Fact): Fact {
  const name = (path.split(/[.:]/).at(-1) ?? path).toLowerCase()
  if (name === 'active' || name === 'primary') return booleanOf(onlyValue(value))
  if (path.toLowerCase() === `${ENTERPRISE}:manager`.toLowerCase() && typeof value === 'string') return { value }
  return value
}

/** `[{ "value": … }]`, where a client sends a single value as a list of one. */
function onlyValue(value: Fact): Fact {
  const parsed = z.tuple([z.strictObject({ value: z.json() })]).safeParse(value)
  return parsed.success ? parsed.data[0].value : value
}

function literalOf(literal: string): Fact {
  try {
    return z.union([z.string(), z.boolean()]).parse(JSON.parse(literal))
  } catch {
    throw new ScimFault(400, 'invalidPath', 'the value in brackets cannot be read')
  }
}

function memberOf(of: unknown, name: string): unknown {
  if (typeof of !== 'object' || of === null || Array.isArray(of)) return undefined
  return Object.entries(of).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1]
}

function sameValue(a: unknown, b: Fact): boolean {
  return typeof a === 'string' && typeof b === 'string' ? a.toLowerCase() === b.toLowerCase() : a === b
}
