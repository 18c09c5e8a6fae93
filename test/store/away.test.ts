import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { RevenantError } from '../../src/domain/error.ts'
import { isDatabaseAway } from '../../src/store/away.ts'
import { openStore } from '../../src/store/open-store.ts'
import { startPostgres } from '../servers/postgres.ts'

const coded = (code: string, cause?: Error) => Object.assign(new Error('x', { cause }), { code })

describe('a database that is away', () => {
  it.each<[string, unknown, boolean]>([
    ['our own word for it', new RevenantError('DATABASE_UNAVAILABLE', 'x'), true],
    ['a server that goes down', coded('57P01'), true],
    ['a server that has no room', coded('53300'), true],
    ['a connection that broke', coded('08006'), true],
    ['a refusal below a drivers own error', new Error('x', { cause: coded('ECONNREFUSED') }), true],
    [
      'a fault of ours that another server caused',
      new RevenantError('SOURCE_UNREACHABLE', 'x', { cause: coded('ECONNREFUSED') }),
      false,
    ],
    ['a unique name', coded('23505'), false],
    ['a statement that was cancelled', coded('57014'), false],
    ['no error', 'ECONNREFUSED', false],
  ])('%s', (_what, error, expected) => {
    expect(isDatabaseAway(error)).toBe(expected)
  })

  it('is known by what the driver says of a real one, and a wrong statement is not', { timeout: 60_000 }, async () => {
    const server = await startPostgres()
    const store = await openStore({ url: server.url(), poolSize: 2, applicationName: 'revenant test' })
    const failed = (text: string) =>
      sql
        .raw(text)
        .execute(store.db)
        .then(() => expect.fail('it answered'), isDatabaseAway)
    try {
      expect(await failed('select nonsense')).toBe(false)
      await server.halt()
      expect(await failed('select 1')).toBe(true)
    } finally {
      await store.close()
      await server.stop()
    }
  })
})
