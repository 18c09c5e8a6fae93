import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml'
import type { z } from 'zod'
import { RevenantError } from '../domain/error.ts'
import { type CatalogueEntry, catalogueSchema } from './catalogue-schema.ts'
import { faultsOf } from './rules.ts'
import { compileTemplate, SECTIONS } from './template.ts'

export type Path = readonly PropertyKey[]
export interface Fault {
  path: Path
  message: string
}

/**
 * Parses one file of the catalogue. Throws `CATALOGUE_INVALID` that lists every fault with its path and line.
 *
 * @param fileName `github.yaml`; the name without `.yaml` must be the entry's kind
 */
export function parseCatalogueEntry(yamlText: string, fileName: string): CatalogueEntry {
  return parseDeclared(yamlText, fileName, {
    what: 'a catalogue entry',
    schema: catalogueSchema,
    faults: (entry) => crossFaults(entry, fileName),
  })
}

/** Parses one declarative file: its schema first, then what no field can say for itself. Throws `CATALOGUE_INVALID`. */
export function parseDeclared<Entry>(
  yamlText: string,
  fileName: string,
  { what, schema, faults: crossed }: { what: string; schema: z.ZodType<Entry>; faults(entry: Entry): Fault[] },
): Entry {
  const lines = new LineCounter()
  const document = parseDocument(yamlText, { lineCounter: lines, uniqueKeys: true, schema: 'core' })
  const syntax = document.errors.map((error) => `  line ${error.linePos?.[0].line ?? '?'}: ${error.message.split('\n')[0] ?? ''}`)
  if (syntax.length > 0) throw new RevenantError('CATALOGUE_INVALID', `${fileName} is not YAML:\n${syntax.join('\n')}`)
  const parsed = schema.safeParse(document.toJS({ maxAliasCount: 0 }))
  const faults: Fault[] = parsed.success ? crossed(parsed.data) : parsed.error.issues.flatMap(flatten)
  if (!parsed.success || faults.length > 0) {
    const listed = faults.map(({ path, message }) => {
      const line = lines.linePos(offsetOf(document.contents, path)).line
      return `  line ${line}: ${path.map(String).join('.') || '(the whole file)'}: ${message}`
    })
    throw new RevenantError('CATALOGUE_INVALID', `${fileName} is not ${what}:\n${listed.join('\n')}`)
  }
  return parsed.data
}

interface Issue {
  code?: string | undefined
  path: PropertyKey[]
  message: string
  errors?: Issue[][]
  issues?: Issue[]
}

/** A union's issue hides what is wrong inside: the branch that got furthest says it. */
function flatten(issue: Issue): Fault[] {
  // A key that is no pointer, no header name: what is wrong with it stands one level down.
  if (issue.code === 'invalid_key') return [{ path: issue.path, message: issue.issues?.[0]?.message ?? issue.message }]
  if (issue.code !== 'invalid_union' || issue.errors === undefined || issue.errors.length === 0) return [issue]
  const depth = (issues: Issue[]) =>
    Math.max(0, ...issues.map(({ path, code }) => path.length * 2 + (code === 'unrecognized_keys' ? 1 : 0)))
  const best = issue.errors.reduce((one, other) => (depth(other) > depth(one) ? other : one))
  return best.flatMap((inner) => flatten({ ...inner, path: [...issue.path, ...inner.path] }))
}

/** The offset of the innermost node of a path that the file has. */
function offsetOf(root: unknown, path: Path): number {
  let node: unknown = root
  let offset = 0
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && item.key.value === key)
      offset = startOf(pair?.key) ?? offset
      node = pair?.value
    } else if (isSeq(node) && typeof key === 'number') {
      node = node.items[key]
      offset = startOf(node) ?? offset
    }
  }
  return offset
}

function startOf(node: unknown): number | undefined {
  return typeof node === 'object' && node !== null && 'range' in node ? (node as Node).range?.[0] : undefined
}

/** What no field can say for itself: references to what there is, names that agree, rules that make sense. */
function crossFaults(entry: CatalogueEntry, fileName: string): Fault[] {
  const faults: Fault[] = []
  if (`${entry.kind}.yaml` !== fileName) faults.push({ path: ['kind'], message: `the file is called ${fileName}` })
  const known = {
    secret: Object.keys(entry.secret.fields),
    target: Object.keys(entry.target),
    derived: Object.keys(entry.derived),
  }
  for (const { path, text } of templatesIn(entry)) {
    for (const { section, name } of compileTemplate(text).references) {
      if (!known[section].includes(name)) faults.push({ path, message: `there is no ${section}.${name}` })
      else if (section !== 'target' && (path[0] === 'base' || path[0] === 'alsoReaches')) {
        faults.push({ path, message: 'what a secret is bound to cannot depend on the secret: use {target.…}' })
      }
    }
  }
  for (const [index, form] of (entry.secret.forms ?? []).entries()) {
    for (const name of form.filter((field) => !known.secret.includes(field))) {
      faults.push({ path: ['secret', 'forms', index], message: `there is no field ${name}` })
    }
  }
  for (const name of ['tls', 'ca'])
    if (known.target.includes(name)) faults.push({ path: ['target', name], message: 'every target has this field' })
  faults.push(...fieldFaults(entry), ...requestFaults(entry))
  return faults
}

function fieldFaults(entry: CatalogueEntry): Fault[] {
  return Object.entries(entry.target).flatMap(([name, field]) => {
    const path = ['target', name]
    if (field.default !== undefined && field.optional === true)
      return [{ path, message: 'a field with a default is not optional' }]
    if (field.type === 'choice' && field.default !== undefined && !field.of.includes(field.default)) {
      return [{ path, message: 'the default is not one of the choices' }]
    }
    return []
  })
}

function requestFaults(entry: CatalogueEntry): Fault[] {
  const lists = [
    { path: ['rules'] as Path, rules: entry.rules },
    ...entry.requests.map((request, index) => ({ path: ['requests', index, 'rules'] as Path, rules: request.rules })),
  ]
  const faults: Fault[] = lists.flatMap(({ path, rules }) =>
    rules.flatMap((rule, index) =>
      faultsOf(rule).map((fault) => ({ path: [...path, index, fault.path], message: fault.message })),
    ),
  )
  entry.requests.forEach((request, index) => {
    const accepts = [...request.rules, ...entry.rules].some(({ verdict }) => verdict === 'accepted')
    if (!accepts) faults.push({ path: ['requests', index, 'rules'], message: 'no rule says which answer accepts' })
    if (request.body !== undefined && request.method !== 'POST')
      faults.push({ path: ['requests', index, 'body'], message: 'only a POST has a body' })
    if (index < entry.requests.length - 1 && request.if === undefined) {
      faults.push({ path: ['requests', index], message: 'a request without "if" hides those after it' })
    }
  })
  return faults
}

/** Every template of the entry with its path: all strings that hold a reference, so that none is forgotten. */
function templatesIn(entry: CatalogueEntry): { path: Path; text: string }[] {
  const found: { path: Path; text: string }[] = []
  const walk = (value: unknown, path: Path) => {
    if (typeof value === 'string') {
      if (SECTIONS.some((section) => value.includes(`{${section}.`))) found.push({ path, text: value })
    } else if (Array.isArray(value)) for (const [index, inner] of value.entries()) walk(inner, [...path, index])
    else if (typeof value === 'object' && value !== null)
      for (const [key, inner] of Object.entries(value)) walk(inner, [...path, key])
  }
  const { base, alsoReaches, derived, account, expects, form, requests } = entry
  walk({ base, alsoReaches, derived, account, expects, form, requests }, [])
  return found
}
