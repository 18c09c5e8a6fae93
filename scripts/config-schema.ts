/**
 * Writes what is generated from the configuration's one schema: `config/revenant.schema.json` for editors and the table of
 * keys in `docs/configuration.md`. `node scripts/config-schema.ts`; a test fails when either is stale.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { configJsonSchema } from '../src/config/json-schema.ts'
import { configTable, replaceTable } from './config-table.ts'

const SCHEMA = new URL('../config/revenant.schema.json', import.meta.url)
const DOCS = new URL('../docs/configuration.md', import.meta.url)

const schema = configJsonSchema()
await writeFile(SCHEMA, `${JSON.stringify(schema, null, 2)}\n`)
await writeFile(DOCS, replaceTable(await readFile(DOCS, 'utf8'), configTable(schema)))
