import { z } from 'zod'
import { loadProbe, PROBE_KINDS } from '../../probes/registry.ts'
import type { CatalogueEntry } from '../api/schemas/setup.ts'
import type { AnyProbe } from '../probe/probe.ts'

/** Where each protocol is described; whatever is not here is an entry of the catalogue. */
const PROTOCOLS: Readonly<Record<string, string>> = {
  'docker-registry': 'docs/probes-http.md',
  http: 'docs/probes-http.md',
  ldap: 'docs/probes-ldap.md',
  postgres: 'docs/probes-postgres.md',
  ssh: 'docs/probes-ssh.md',
}

/** Every kind that a system may name in `probe`, by name. Reading them loads their drivers: it is done once, when somebody asks. */
export async function readCatalogue(): Promise<CatalogueEntry[]> {
  return Promise.all(PROBE_KINDS.map(async (kind) => entryOf(await loadProbe(kind))))
}

function entryOf({ kind, summary, effects, targetSchema, secretSchema }: AnyProbe): CatalogueEntry {
  const docs = PROTOCOLS[kind]
  return {
    kind,
    summary,
    source: docs === undefined ? 'catalogue' : 'protocol',
    effects: [...effects],
    target: jsonSchemaOf(targetSchema),
    secret: jsonSchemaOf(secretSchema),
    docs: docs ?? 'docs/catalogue.md',
  }
}

const jsonObject = z.record(z.string(), z.json())

function jsonSchemaOf(schema: z.ZodType): CatalogueEntry['target'] {
  const made = z.toJSONSchema(schema, { io: 'input', target: 'draft-2020-12', unrepresentable: 'any' })
  // Through JSON: zod hangs a validator on what it gives.
  return jsonObject.parse(JSON.parse(JSON.stringify(made)))
}
