import { isLocal, parseReference, REFERENCES } from '../domain/reference.ts'
import { WRAP_MANAGERS } from '../domain/secret-manager.ts'
import { isRecord, type Problem } from './explain.ts'
import type { Path } from './fault.ts'
import { ringWrapSchema } from './secret-manager-schema.ts'

/** Names of secret managers must be one of a kind, and whatever names one must name one of the right kind. */
export function checkSecretManagers(value: unknown): Problem[] {
  if (!isRecord(value)) return []
  const list = Array.isArray(value.secretManagers) ? value.secretManagers : []
  const kinds = new Map<string, unknown>()
  const duplicates = list.flatMap((entry: unknown, index): Problem[] => {
    if (!isRecord(entry) || typeof entry.name !== 'string') return []
    const again = kinds.has(entry.name)
    if (!again) kinds.set(entry.name, entry.manager)
    return again
      ? [{ path: ['secretManagers', index, 'name'], message: 'is the name of another entry already: choose another' }]
      : []
  })
  return [...duplicates, ...wrongReferences(value, [], kinds), ...wrongWraps(value.keyRing, kinds)]
}

type Kinds = ReadonlyMap<string, unknown>

function wrongReferences(value: unknown, path: Path, kinds: Kinds): Problem[] {
  if (Array.isArray(value)) return value.flatMap((item: unknown, index) => wrongReferences(item, [...path, index], kinds))
  if (isRecord(value)) return Object.entries(value).flatMap(([key, item]) => wrongReferences(item, [...path, key], kinds))
  const reference = typeof value === 'string' ? parseReference(value) : undefined
  if (reference === undefined || isLocal(reference)) return []
  const message = fault(reference.manager, REFERENCES[reference.scheme].manager, kinds)
  return message === undefined ? [] : [{ path, message }]
}

function wrongWraps(keyRing: unknown, kinds: Kinds): Problem[] {
  if (!isRecord(keyRing)) return []
  const previous = Array.isArray(keyRing.previous) ? keyRing.previous : []
  const places: [Path, unknown][] = [
    [['keyRing', 'wrap'], keyRing.wrap],
    ...previous.map((entry: unknown, index): [Path, unknown] => [['keyRing', 'previous', index], entry]),
  ]
  return places.flatMap(([path, entry]): Problem[] => {
    const wrap = ringWrapSchema.safeParse(entry).data
    if (wrap === undefined || wrap.by === 'passphrase') return []
    const message = fault(wrap.manager, WRAP_MANAGERS[wrap.by], kinds)
    return message === undefined ? [] : [{ path: [...path, 'manager'], message }]
  })
}

function fault(name: string, kind: string, kinds: Kinds): string | undefined {
  // The others are not named: a slip can make a name of a secret.
  if (!kinds.has(name)) return 'names a secret manager that is not among secretManagers'
  return kinds.get(name) === kind ? undefined : `names a secret manager of another kind: ${kind} is needed`
}
