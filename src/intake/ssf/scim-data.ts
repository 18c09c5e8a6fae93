import { z } from 'zod'

const USER = 'urn:ietf:params:scim:schemas:core:2.0:user:'
const object = z.record(z.string(), z.unknown())
const operation = z.object({ op: z.string(), path: z.string().nullish(), value: z.unknown().optional() })

/**
 * What the data of a SCIM event (RFC 9967 §2.4) say of `active`: a whole resource, or the operations of a PATCH, of which the last
 * counts. Undefined: nothing. Names are compared without case (RFC 7643 §2.1), and texts stand for truth values, as in SCIM itself.
 */
export function saidActive(data: unknown): boolean | undefined {
  const whole = object.safeParse(data).data
  if (whole === undefined) return undefined
  const operations = z.array(z.unknown()).safeParse(memberOf(whole, 'operations')).data
  if (operations === undefined) return activeIn(whole)
  return operations.reduce<boolean | undefined>((last, each) => activeAfter(each) ?? last, undefined)
}

/**
 * True where the data of a SCIM event are missing, or what they say of `active` cannot be read: neither is a word that nothing is wrong.
 *
 * @param isPatch they are to be the operations of a PATCH
 */
export function isUnclear(data: unknown, isPatch: boolean): boolean {
  const whole = object.safeParse(data).data
  if (whole === undefined || Object.keys(whole).length === 0) return true
  const operations = memberOf(whole, 'operations')
  if (operations === undefined) return isUnclearIn(whole) || (isPatch && activeIn(whole) === undefined)
  const each = z.array(z.unknown()).min(1).safeParse(operations).data
  // Of operations the last counts.
  return each === undefined || each.reduce<boolean>((unclear, one) => isUnclearAfter(one) ?? unclear, false)
}

/** True where a notice names `active` among what has changed, or does not say what has. */
export function mayBeActive(attributes: unknown): boolean {
  const names = z.array(z.string()).safeParse(attributes).data
  return names === undefined || names.length === 0 || names.some((name) => nameOf(name) === 'active')
}

function activeAfter(each: unknown): boolean | undefined {
  const { op, path, value } = operation.safeParse(lowerCase(each)).data ?? {}
  if (op === undefined || !['add', 'replace'].includes(op.toLowerCase())) return undefined
  if (path === undefined || path === null || path === '') return activeIn(value)
  return nameOf(path) === 'active' ? truth(value) : undefined
}

/** Undefined: of `active` it says nothing. */
function isUnclearAfter(each: unknown): boolean | undefined {
  const { op, path, value } = operation.safeParse(lowerCase(each)).data ?? {}
  if (op === undefined || !['add', 'replace', 'remove'].includes(op.toLowerCase())) return true
  if (op.toLowerCase() === 'remove') return undefined
  if (path !== undefined && path !== null && path !== '')
    return nameOf(path) === 'active' ? truth(value) === undefined : undefined
  if (!object.safeParse(value).success || isUnclearIn(value)) return true
  return activeIn(value) === undefined ? undefined : false
}

/** It has an `active` that says neither. */
function isUnclearIn(resource: unknown): boolean {
  const attributes = object.safeParse(resource).data ?? {}
  const [active, core] = [memberOf(attributes, 'active'), memberOf(attributes, USER.slice(0, -1))]
  if (active !== undefined) return truth(active) === undefined
  return core !== undefined && (!object.safeParse(core).success || isUnclearIn(core))
}

function activeIn(resource: unknown): boolean | undefined {
  const attributes = object.safeParse(resource).data ?? {}
  const core = memberOf(attributes, USER.slice(0, -1))
  return truth(memberOf(attributes, 'active')) ?? (core === undefined ? undefined : activeIn(core))
}

function memberOf(attributes: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.entries(attributes).find(([key]) => nameOf(key) === name)?.[1]
}

/** The name of an attribute, whether or not its schema stands before it. */
function nameOf(path: string): string {
  const name = path.toLowerCase()
  return name.startsWith(USER) ? name.slice(USER.length) : name
}

function lowerCase(value: unknown): unknown {
  const given = object.safeParse(value).data
  return given === undefined ? value : Object.fromEntries(Object.entries(given).map(([key, each]) => [key.toLowerCase(), each]))
}

/** Entra writes `"False"`. */
function truth(value: unknown): boolean | undefined {
  const one = Array.isArray(value) && value.length === 1 ? object.safeParse(value[0]).data?.value : value
  if (typeof one === 'boolean') return one
  const text = typeof one === 'string' ? one.toLowerCase() : ''
  return text === 'true' ? true : text === 'false' ? false : undefined
}
