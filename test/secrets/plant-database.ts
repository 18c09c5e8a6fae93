import pg from 'pg'
import { expect } from 'vitest'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'
import { type RunningDaemon, until } from '../servers/revenant.ts'
import type { Marks } from './marks.ts'
import type { Note } from './receivers.ts'
import type { Run } from './run.ts'
import { ask } from './search-commands.ts'

/** A Postgres that logs every statement with its parameters, and a role whose password is marked. */
export async function openDatabase(marks: Marks, env: Record<string, string>, note: Note): Promise<PostgresServer> {
  let log = ''
  const server = await startPostgres({
    settings: {
      log_statement: 'all',
      log_parameter_max_length: -1,
      log_parameter_max_length_on_error: -1,
      log_min_messages: 'info',
    },
    onLog: (text) => {
      log += text
    },
  })
  const password = marks.plant('database password')
  // Our own statement, which holds the password, stays out of the log.
  const client = new pg.Client({ connectionString: server.url(), options: '-c log_statement=none' })
  await client.connect()
  await client.query(`create role revenant login superuser password '${password}'`)
  await client.end()
  env.DATABASE_URL = server.url({ user: 'revenant', password })
  return {
    ...server,
    stop: async () => server.stop(),
    halt: async () => {
      await server.halt()
      note('log of the database', log)
    },
  }
}

export async function databaseGone(server: PostgresServer, daemon: RunningDaemon, run: Run, note: Note): Promise<void> {
  const since = daemon.said().length
  await server.halt()
  await daemon.waitFor('"level":"error"', since)
  await ask(daemon, note, 'without a database')
  for (const line of ['findings list', 'doctor --json', 'scan --once', 'import identities identities.jsonl'])
    expect((await run(line)).exit).toBe(1)
  await server.restart()
  await until(
    async () => (await fetch(`${daemon.address}/readyz`)).status,
    (status) => status === 200,
  )
  await run('identities reinstate leaver-2')
  await run('identities terminate leaver-2')
}
