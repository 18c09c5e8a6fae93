import { type Fault, type Path, parseDeclared } from './catalogue-entry.ts'
import { AUTH_TEMPLATES, INVENTORY_TEMPLATES, type InventoryEntry, inventorySchema } from './inventory-schema.ts'
import { looksInside, readsCode, statusesMeet, type When } from './predicate.ts'

/**
 * Parses one file of probes/inventory. Throws `CATALOGUE_INVALID` that lists every fault with its path and line.
 *
 * @param fileName `github.yaml`; the name without `.yaml` must be the entry's system
 */
export function parseInventoryEntry(yamlText: string, fileName: string): InventoryEntry {
  return parseDeclared(yamlText, fileName, {
    what: 'an inventory',
    schema: inventorySchema,
    faults: (entry) => [
      ...(`${entry.system}.yaml` === fileName ? [] : [{ path: ['system'], message: `the file is called ${fileName}` }]),
      ...templateFaults(entry),
      ...requestFaults(entry),
      ...answerFaults(entry),
      ...nameFaults(entry),
      ...logFaults(entry),
    ],
  })
}

function templateFaults(entry: InventoryEntry): Fault[] {
  const target = Object.keys(entry.target)
  const person = ['name', ...entry.lookups.flatMap(({ find }) => Object.keys(find))]
  const auth = { secret: Object.keys(entry.secret.fields), target }
  const faults: Fault[] = []
  for (const { path, text } of stringsIn({ base: entry.base, auth: entry.auth }, []))
    for (const { section, name } of AUTH_TEMPLATES.compile(text).references) {
      if (!auth[section].includes(name)) faults.push({ path, message: `there is no ${section}.${name}` })
      else if (section === 'secret' && path[0] === 'base')
        faults.push({ path, message: 'what a credential is bound to cannot depend on it: use {target.…}' })
    }
  const asked = [
    ...entry.lookups.map((each, at) => ({ each, path: ['lookups', at], item: [] as string[] })),
    ...entry.lists.map((each, at) => ({ each, path: ['lists', at], item: Object.keys(each.over?.find ?? {}) })),
    ...entry.lists.flatMap(({ over }, at) =>
      over === undefined ? [] : [{ each: over, path: ['lists', at, 'over'], item: [] as string[] }],
    ),
  ]
  for (const { each, path: at, item } of asked) {
    const known = { target, person, item }
    const log = 'log' in each && each.log !== undefined ? { log: { match: each.log.match } } : {}
    for (const { path, text } of stringsIn({ request: each.request, match: each.match, ...log }, at))
      for (const { section, name } of INVENTORY_TEMPLATES.compile(text).references)
        if (!known[section].includes(name)) faults.push({ path, message: `there is no ${section}.${name}` })
  }
  return faults
}

function requestFaults(entry: InventoryEntry): Fault[] {
  return readingsOf(entry).flatMap(({ path, request: { method, readOnly, json } }): Fault[] => {
    if (method === 'POST' && readOnly !== true)
      return [{ path: [...path, 'request'], message: 'a POST must say that it changes nothing: readOnly: true' }]
    return method === 'GET' && json !== undefined
      ? [{ path: [...path, 'request', 'json'], message: 'only a POST has a body' }]
      : []
  })
}

/** An answer that says that there is nothing, or nobody, must say so by a code, and be no refusal and no failure. */
function answerFaults(entry: InventoryEntry): Fault[] {
  const check = (when: When, path: Path): Fault[] => {
    if ([401, 403, 407, 429].some((status) => statusesMeet(when, status, status)) || statusesMeet(when, 500, 599))
      return [{ path, message: 'a refusal, a limit or a failure says nothing about the person: name another status' }]
    return readsCode(when) ? [] : [{ path, message: 'must compare a code that machines read' }]
  }
  return readingsOf(entry).flatMap(({ path, empty, unknown, when, omitsEmpty }) => [
    ...(omitsEmpty === true && (when === undefined || !looksInside(when))
      ? [{ path: [...path, 'omitsEmpty'], message: 'say in when what such a list is known by' }]
      : []),
    ...empty.flatMap((each, at) => check(each, [...path, 'empty', at])),
    ...unknown.flatMap((each, at) => check(each, [...path, 'unknown', at])),
    ...(when !== undefined && statusesMeet(when, 300, 599)
      ? [{ path: [...path, 'when'], message: 'a list is a success: name a status of 2xx' }]
      : []),
  ])
}

function nameFaults(entry: InventoryEntry): Fault[] {
  const twice = (names: readonly string[], key: string): Fault[] =>
    names.flatMap((name, at) =>
      names.indexOf(name) === at ? [] : [{ path: [key, at, 'id'], message: `${name} is there twice` }],
    )
  return [
    ...twice(
      entry.lists.map(({ id }) => id),
      'lists',
    ),
    ...twice(
      entry.lookups.map(({ id }) => id),
      'lookups',
    ),
    ...['tls', 'ca']
      .filter((name) => name in entry.target)
      .map((name) => ({ path: ['target', name], message: 'every target has this field' })),
    ...entry.lookups.flatMap(({ by = [] }, at) =>
      by
        .filter((name) => !entry.by.includes(name))
        .map((name) => ({ path: ['lookups', at, 'by'], message: `nobody is looked for by ${name}` })),
    ),
  ]
}

/** Of a log every event counts, whosever it is. */
function logFaults({ lists }: InventoryEntry): Fault[] {
  return lists.flatMap(({ key, log, match, only, over }, at): Fault[] => {
    const path = ['lists', at]
    if (log === undefined)
      return key === undefined ? [{ path: [...path, 'key'], message: 'say what tells two of them apart' }] : []
    return Object.entries({ key, match, only, over })
      .filter(([, given]) => given !== undefined)
      .map(([name]) => ({ path: [...path, name], message: `a log has no ${name}: every event of it counts` }))
  })
}

function readingsOf({ lookups, lists }: InventoryEntry) {
  return [
    ...lookups.map((each, at) => ({ ...each, path: ['lookups', at] as Path })),
    ...lists.map((each, at) => ({ ...each, path: ['lists', at] as Path })),
    ...lists.flatMap(({ over }, at) => (over === undefined ? [] : [{ ...over, path: ['lists', at, 'over'] as Path }])),
  ]
}

function stringsIn(value: unknown, path: Path): { path: Path; text: string }[] {
  if (typeof value === 'string') return value.includes('{') ? [{ path, text: value }] : []
  if (Array.isArray(value)) return value.flatMap((inner, at) => stringsIn(inner, [...path, at]))
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => stringsIn(inner, [...path, key]))
}
