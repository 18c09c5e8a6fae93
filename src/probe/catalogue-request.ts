import { RevenantError } from '../domain/error.ts'
import type { CatalogueEntry, CatalogueRequest, Condition, DerivedField } from './catalogue-schema.ts'
import type { Placement } from './classify.ts'
import type { HttpRequest } from './exchange.ts'
import { compileTemplate, type Scope, type Template } from './template.ts'

/** Builds one request of an entry. `nobody`: every part that the secret is in is left out. */
export interface RequestBuilder {
  readonly applies: (scope: Scope) => boolean
  readonly placement: Placement
  /** False where the secret stands in the path or the body, so that there is no such request without it. */
  readonly nobody: boolean
  build(scope: Scope, base: URL, attribution: string, nobody: boolean): HttpRequest
}

/** Adds headers, query or cookies to a request in the making. */
type Part = (scope: Scope, parts: Parts) => void
interface Parts {
  headers: string[]
  query: string[]
  cookies: string[]
}

/** Compiles one request of an entry: templates are parsed and sorted by what they depend on, once. */
export function compileRequest(request: CatalogueRequest, entry: CatalogueEntry): RequestBuilder {
  const secretDerived = secretDerivedOf(entry)
  const usesSecret = ({ references }: Template) =>
    references.some(({ section, name }) => section === 'secret' || (section === 'derived' && secretDerived.has(name)))
  const path = compileTemplate(request.path)
  const base = request.base === undefined ? undefined : compileTemplate(request.base)
  const body = compileBody(request)
  const parts = partsOf(request, usesSecret)
  const constant = Object.entries(request.constantHeaders ?? {}).flat()
  return {
    applies: compileConditions(request.if ?? []),
    placement: placementOf(request),
    nobody: ![path, ...(base === undefined ? [] : [base]), ...body.templates].some(usesSecret),
    build: (scope, main, attribution, nobody) => {
      const made: Parts = { headers: ['user-agent', attribution, ...constant], query: [], cookies: [] }
      for (const part of nobody ? parts.others : parts.all) part(scope, made)
      if (made.cookies.length > 0) made.headers.push('cookie', made.cookies.join('; '))
      // Nothing is escaped here: the dispatcher lets registered origins pass and nothing else.
      const at = base === undefined ? main : new URL(required(base.render(scope), 'base'))
      const bare = at.pathname.replace(/\/$/, '') + required(path.render(scope, segment), 'path')
      const payload = body.render(scope)
      if (payload !== undefined) made.headers.push('content-type', payload.contentType)
      return {
        origin: at.origin,
        path: made.query.length === 0 ? bare : `${bare}?${made.query.join('&')}`,
        // A path that holds the secret is no fact of the evidence.
        bare: usesSecret(path) ? at.pathname : bare,
        method: request.method,
        headers: made.headers,
        ...(payload === undefined ? {} : { body: payload.body }),
      }
    },
  }
}

function partsOf(request: CatalogueRequest, usesSecret: (template: Template) => boolean): { all: Part[]; others: Part[] } {
  const all: Part[] = []
  const others: Part[] = []
  const add = (part: Part, ...templates: Template[]) => {
    all.push(part)
    if (!templates.some(usesSecret)) others.push(part)
  }
  for (const [name, text] of Object.entries(request.headers ?? {})) {
    const template = compileTemplate(text)
    add((scope, { headers }) => push(template.render(scope), (value) => headers.push(name, headerValue(name, value))), template)
  }
  for (const [name, text] of Object.entries(request.query ?? {})) {
    const template = compileTemplate(text)
    const key = encodeURIComponent(name)
    add(
      (scope, { query }) => push(template.render(scope), (value) => query.push(`${key}=${encodeURIComponent(value)}`)),
      template,
    )
  }
  for (const [name, text] of Object.entries(request.cookies ?? {})) {
    const template = compileTemplate(text)
    add((scope, { cookies }) => push(template.render(scope), (value) => cookies.push(`${name}=${cookieValue(value)}`)), template)
  }
  if (request.basic !== undefined) {
    const [username, password] = [compileTemplate(request.basic.username), compileTemplate(request.basic.password)]
    add(
      (scope, { headers }) => {
        const pair = `${withoutColon(required(username.render(scope), 'username'))}:${required(password.render(scope), 'password')}`
        headers.push('authorization', `Basic ${Buffer.from(pair).toString('base64')}`)
      },
      username,
      password,
    )
  }
  return { all, others }
}

/** A part whose field is not given is left out: an optional namespace, an account without one. */
function push(value: string | undefined, add: (value: string) => void): void {
  if (value !== undefined) add(value)
}

function compileBody(request: CatalogueRequest): {
  templates: Template[]
  render: (scope: Scope) => { contentType: string; body: string } | undefined
} {
  const { body } = request
  if (body === undefined) return { templates: [], render: () => undefined }
  if ('text' in body) return { templates: [], render: () => ({ contentType: body.contentType, body: body.text }) }
  if ('form' in body) {
    const fields = Object.entries(body.form).map(([name, text]) => ({ name, template: compileTemplate(text) }))
    const render = (scope: Scope) => {
      const form = new URLSearchParams()
      for (const { name, template } of fields) push(template.render(scope), (value) => form.append(name, value))
      return { contentType: 'application/x-www-form-urlencoded', body: form.toString() }
    }
    return { templates: fields.map(({ template }) => template), render }
  }
  const json = compileJson(body.json)
  return {
    templates: json.templates,
    render: (scope) => ({ contentType: 'application/json', body: JSON.stringify(json.render(scope)) }),
  }
}

/** A JSON value whose strings are templates: the values are put in before it is written, so that nothing needs escaping. */
function compileJson(value: unknown): { templates: Template[]; render: (scope: Scope) => unknown } {
  if (typeof value === 'string') {
    const template = compileTemplate(value)
    return { templates: [template], render: (scope) => template.render(scope) }
  }
  if (Array.isArray(value)) {
    const items = value.map(compileJson)
    return { templates: items.flatMap(({ templates }) => templates), render: (scope) => items.map(({ render }) => render(scope)) }
  }
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).map(([name, inner]) => ({ name, ...compileJson(inner) }))
    return {
      templates: members.flatMap(({ templates }) => templates),
      render: (scope) => Object.fromEntries(members.map(({ name, render }) => [name, render(scope)])),
    }
  }
  return { templates: [], render: () => value }
}

function compileConditions(conditions: readonly Condition[]): (scope: Scope) => boolean {
  const tests = conditions.map(({ value, present, equals, startsWith }) => {
    const template = compileTemplate(value)
    return (scope: Scope) => {
      const found = template.render(scope)
      if (present !== undefined && (found !== undefined) !== present) return false
      if (equals !== undefined && found !== equals) return false
      return startsWith === undefined || startsWith.some((prefix) => found?.startsWith(prefix) === true)
    }
  })
  return (scope) => tests.every((test) => test(scope))
}

/** Works out the derived values of an entry; those that do not apply stay undefined. */
export function compileDerived(entry: CatalogueEntry): (scope: Omit<Scope, 'derived'>) => Scope {
  const fields = Object.entries(entry.derived).map(([name, field]) => ({ name, from: compileTemplate(field.from), field }))
  return ({ secret, target }) => {
    const derived: Record<string, string | undefined> = {}
    const scope: Scope = { secret, target, derived }
    for (const { name, from, field } of fields) derived[name] = derive(from.render(scope), field)
    return scope
  }
}

function derive(from: string | undefined, field: DerivedField): string | undefined {
  let value = from
  if (field.prefixes !== undefined) {
    const fits = Object.entries(field.prefixes).find(([prefix]) => from?.startsWith(prefix) === true)
    value = fits?.[1]
  }
  if (field.split !== undefined) value = value?.split(field.split.by).at(field.split.take)
  for (const { find, with: by } of field.replace ?? []) value = value?.replaceAll(find, by)
  if (value === undefined) return undefined
  return (field.prefix ?? '') + encoded(value, field.encode) + (field.suffix ?? '')
}

function encoded(value: string, encode: DerivedField['encode']): string {
  if (encode === undefined) return value
  if (encode === 'lower') return value.toLowerCase()
  if (encode === 'upper') return value.toUpperCase()
  return encode === 'percent' ? encodeURIComponent(value) : Buffer.from(value).toString(encode)
}

/** Names of derived values that hold something of the secret, directly or through others. */
function secretDerivedOf(entry: CatalogueEntry): ReadonlySet<string> {
  const found = new Set<string>()
  for (const [name, field] of Object.entries(entry.derived)) {
    const { references } = compileTemplate(field.from)
    if (references.some((of) => of.section === 'secret' || (of.section === 'derived' && found.has(of.name)))) found.add(name)
  }
  return found
}

function placementOf(request: CatalogueRequest): Placement {
  if (request.basic !== undefined) return 'basic'
  const authorization = Object.entries(request.headers ?? {}).find(([name]) => name.toLowerCase() === 'authorization')?.[1]
  if (authorization?.startsWith('Bearer ')) return 'bearer'
  if (authorization?.startsWith('Basic ')) return 'basic'
  return authorization === undefined && request.cookies !== undefined ? 'cookie' : 'other'
}

/** A path segment: `.` and `..` would climb even when percent-encoded by some servers. */
function segment(value: string): string {
  if (value === '.' || value === '..') throw new RevenantError('SECRET_INVALID', 'a field that goes into the path is "." or ".."')
  return encodeURIComponent(value)
}

function headerValue(name: string, value: string): string {
  if (/^[\x20-\x7e]*$/.test(value)) return value
  throw new RevenantError('SECRET_INVALID', `what goes into the header ${name} must be visible ASCII`)
}

function cookieValue(value: string): string {
  if (!/[\s",;\\]/.test(value)) return value
  throw new RevenantError('SECRET_INVALID', 'what goes into a cookie has a character that no cookie may have (RFC 6265 §4.1.1)')
}

function withoutColon(username: string): string {
  if (!username.includes(':')) return username
  throw new RevenantError('SECRET_INVALID', 'a user name for basic authentication has no colon (RFC 7617 §2)')
}

function required(value: string | undefined, what: string): string {
  if (value !== undefined) return value
  throw new RevenantError('SECRET_INVALID', `the ${what} of this request needs a field that is not given`)
}
