import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { RevenantError } from '../src/domain/error.ts'
import { type AnyProbe, anyProbe } from '../src/probe/probe.ts'

/** The typed probes. Each is imported, and with it its driver, when a system of its kind is first used. */
const TYPED = {
  'docker-registry': async () => anyProbe((await import('./docker-registry.ts')).dockerRegistry),
  http: async () => anyProbe((await import('./http.ts')).http),
  ldap: async () => anyProbe((await import('./ldap.ts')).ldap),
  oauth: async () => anyProbe((await import('./oauth.ts')).oauth),
  postgres: async () => anyProbe((await import('./postgres.ts')).postgres),
  ssh: async () => anyProbe((await import('./ssh.ts')).ssh),
} as const satisfies Record<string, () => Promise<AnyProbe>>

const CATALOGUE = new URL('./catalogue/', import.meta.url)

/** Only the names are read here: an entry that no system uses is never opened. */
const ENTRIES: ReadonlySet<string> = new Set(
  readdirSync(CATALOGUE).flatMap((file) => (file.endsWith('.yaml') ? [file.slice(0, -'.yaml'.length)] : [])),
)

/** Every kind that a system may name in `probe`, sorted. */
export const PROBE_KINDS: readonly string[] = [...Object.keys(TYPED), ...ENTRIES].toSorted()

const loaded = new Map<string, Promise<AnyProbe>>()

/**
 * The probe of a kind; the same one at each call. Throws `PROBE_UNKNOWN` that lists kinds with a similar name, and
 * `CATALOGUE_INVALID` for an entry of the catalogue that does not parse.
 */
export function loadProbe(kind: string): Promise<AnyProbe> {
  const known = loaded.get(kind)
  if (known !== undefined) return known
  const loading = load(kind)
  loaded.set(kind, loading)
  // A failure is not kept: the file may be mended while the daemon runs.
  loading.catch(() => loaded.delete(kind))
  return loading
}

async function load(kind: string): Promise<AnyProbe> {
  if (isTyped(kind)) return TYPED[kind]()
  if (!ENTRIES.has(kind)) throw new RevenantError('PROBE_UNKNOWN', unknownMessage(kind))
  const fileName = `${kind}.yaml`
  const [text, { catalogueProbe }] = await Promise.all([
    readFile(new URL(fileName, CATALOGUE), 'utf8'),
    import('../src/probe/catalogue.ts'),
  ])
  return catalogueProbe(text, fileName)
}

function isTyped(kind: string): kind is keyof typeof TYPED {
  return Object.hasOwn(TYPED, kind)
}

function unknownMessage(kind: string): string {
  const near = PROBE_KINDS.filter((known) => known.includes(kind) || kind.includes(known) || distance(known, kind) <= 2)
  const offered = near.length > 0 ? `Did you mean ${near.join(' or ')}?` : `There are: ${PROBE_KINDS.join(', ')}.`
  // A slip can put the secret here.
  const name = /^[\w-]{1,40}$/.test(kind) ? ` "${kind}"` : ' of that name'
  return `there is no probe${name}. ${offered}`
}

/** Levenshtein's distance. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (const [at, char] of [...one].entries()) {
    const next = [at + 1]
    for (const [index, against] of [...other].entries()) {
      const replaced = (row[index] ?? 0) + (char === against ? 0 : 1)
      next.push(Math.min(replaced, (row[index + 1] ?? 0) + 1, (next[index] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
