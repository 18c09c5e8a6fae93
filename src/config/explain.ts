import type { z } from 'zod'
import type { Path } from './fault.ts'
import { spellKey } from './fault.ts'
import { suggest } from './nearest.ts'

/** One thing that a check found, relative to the value it was given. */
export interface Problem {
  path: Path
  /** What is wrong and what to do; never the value. */
  message: string
  /** Where to point: at the key where the key itself is the problem. */
  at?: 'value' | 'key'
}

type Issue = z.core.$ZodIssue

/**
 * Says a schema's issues in words that an operator can act on, without quoting a value.
 *
 * @param value what was parsed, to tell missing from wrong
 * @param jsonSchema the schema as JSON Schema, for the keys that an unknown one may have meant
 * @param branch of a union the part that the value is meant for, where that is known: only its keys are proposed
 */
export function explain(issues: readonly Issue[], value: unknown, jsonSchema: unknown, branch: unknown = jsonSchema): Problem[] {
  return issues.flatMap((issue) => explainIssue(issue, value, { jsonSchema, branch }))
}

function explainIssue(issue: Issue, value: unknown, schemas: { jsonSchema: unknown; branch: unknown }): Problem[] {
  const path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)))
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = keysAt(schemas.jsonSchema, path)
      const near = keysAt(schemas.branch, path)
      return issue.keys.map((key): Problem => {
        // A union's branches differ in their keys.
        const message = known.includes(key) ? 'is a key of another kind' : `is not a key here${suggest(spellKey(key), near)}`
        return { path: [...path, key], message, at: 'key' }
      })
    }
    case 'invalid_union': {
      if ('options' in issue && issue.options !== undefined)
        return [{ path, message: notOneOf(valueAt(value, path), issue.options) }]
      const nested = nearestBranch(issue.errors)
      if (nested === undefined) return [{ path, message: missingOr(valueAt(value, path), `must be ${typesOf(issue.errors)}`) }]
      return nested.flatMap((inner) => explainIssue({ ...inner, path: [...issue.path, ...inner.path] }, value, schemas))
    }
    case 'invalid_type':
      // A schema that has words of its own knows better.
      if (!issue.message.startsWith('Invalid input')) return [{ path, message: issue.message }]
      return [{ path, message: missingOr(valueAt(value, path), `must be ${TYPES[issue.expected] ?? issue.expected}`) }]
    case 'invalid_value':
      return [{ path, message: notOneOf(valueAt(value, path), issue.values) }]
    default:
      return [{ path, message: issue.message }]
  }
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'text (quote it if it looks like a number)',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a block of keys',
  record: 'a block of keys',
}

function missingOr(found: unknown, message: string): string {
  if (found === undefined) return `is missing: it ${message}`
  if (found === null) return `is empty: give it a value, or remove the key (it ${message})`
  return message
}

function notOneOf(found: unknown, allowed: readonly unknown[]): string {
  const values = allowed.map(String)
  if (found === undefined || found === null) return missingOr(found, `must be one of ${values.toSorted().join(', ')}`)
  return `is not one of the values${suggest(typeof found === 'string' ? found : '', values)}`
}

/** The branch of a union that the value was meant for: one that does not fail for the value's very type. */
function nearestBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  return branches.find((issues) => !issues.some((issue) => issue.code === 'invalid_type' && issue.path.length === 0))
}

function typesOf(branches: readonly (readonly Issue[])[]): string {
  const types = branches.flatMap((issues) => issues.flatMap((issue) => (issue.code === 'invalid_type' ? [issue.expected] : [])))
  return [...new Set(types.map((type) => TYPES[type] ?? type))].join(', or ')
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((at, step) => (isRecord(at) || Array.isArray(at) ? Reflect.get(at, step) : undefined), value)
}

/** The keys that the JSON Schema names at a path; empty where it names none. */
function keysAt(schema: unknown, path: Path): string[] {
  const [step, ...rest] = path
  const branches = branchesOf(schema)
  if (step === undefined) return branches.flatMap((branch) => (isRecord(branch.properties) ? Object.keys(branch.properties) : []))
  return branches.flatMap((branch) => {
    const next = typeof step === 'number' ? branch.items : isRecord(branch.properties) ? branch.properties[step] : undefined
    return next === undefined ? [] : keysAt(next, rest)
  })
}

function branchesOf(schema: unknown): Record<string, unknown>[] {
  if (!isRecord(schema)) return []
  const any = [schema.anyOf, schema.oneOf].flatMap((each) => (Array.isArray(each) ? each : []))
  return [schema, ...any.flatMap(branchesOf)]
}

/** True for a plain object; narrows it. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
