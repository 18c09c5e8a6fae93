import { sql } from 'kysely'
import pg from 'pg'
import { expect } from 'vitest'
import { z } from 'zod'
import { openStore } from '../../src/store/open-store.ts'
import type { PostgresServer } from '../servers/postgres.ts'
import type { House } from '../servers/revenant.ts'

const TABLES = `select format('%I.%I', schemaname, tablename) as name from pg_tables
  where schemaname not in ('pg_catalog', 'information_schema') order by 1`

/** Every row of every table of every schema, and what Postgres itself shows of sessions and statements. */
export async function dump(
  house: House,
  server: PostgresServer | undefined,
  env: Record<string, string>,
): Promise<[string, string][]> {
  if (server !== undefined) {
    const client = new pg.Client({ connectionString: env.DATABASE_URL, options: '-c log_statement=none' })
    await client.connect()
    const text = await everyTable(async (query) => (await client.query(query)).rows)
    await client.end()
    await server.halt()
    return text
  }
  const store = await openStore({ dataDir: house.path('data') })
  const text = await everyTable(async (query) => (await sql.raw(query).execute(store.db)).rows)
  await store.close()
  return text
}

const named = z.object({ name: z.string() })
const rowText = z.object({ row: z.string() })

const TABLES_AT_LEAST = ['public.secret', 'public.observation', 'public.audit', 'public.ledger_checkpoint', 'pgboss.job']

async function everyTable(query: (text: string) => Promise<unknown[]>): Promise<[string, string][]> {
  const tables = z.array(named).parse(await query(TABLES))
  expect(tables.map(({ name }) => name)).toEqual(expect.arrayContaining(TABLES_AT_LEAST))
  const found: [string, string][] = []
  for (const output of ['hex', 'escape']) {
    await query(`set bytea_output = '${output}'`)
    for (const { name } of [...tables, { name: 'pg_stat_activity' }, { name: 'pg_prepared_statements' }]) {
      const rows = z.array(rowText).parse(await query(`select t::text as row from ${name} t`))
      found.push([`table ${name} (${output})`, rows.map(({ row }) => row).join('\n')])
    }
  }
  return found
}
