import { furnish } from '../servers/furnish.ts'
import { type House, openHouse, type Ran } from '../servers/revenant.ts'
import { startTokenApi, type TokenApi } from '../servers/token-api.ts'

export interface TokenHouse extends House {
  api: TokenApi
  /** The entry of system `api`, to be changed and configured again. */
  system(changes?: Readonly<Record<string, unknown>>): Record<string, unknown>
}

/** The instant at which everybody of these tests left: an hour ago. */
export const LEFT = new Date(Date.now() - 3_600_000).toISOString()

/**
 * A house with one system, a real HTTP API with tokens, on the embedded database. `unfurnished`: the first command makes the database,
 * as it does for a user; otherwise it is there, and empty.
 */
export async function openTokenHouse(
  env: Readonly<Record<string, string>> = {},
  { unfurnished = false } = {},
): Promise<TokenHouse> {
  const api = await startTokenApi()
  const house = openHouse(env)
  if (!unfurnished) furnish(house.path('data'))
  const system = (changes: Readonly<Record<string, unknown>> = {}) => ({
    name: 'api',
    probe: 'http',
    target: {
      url: `${api.origin}/me`,
      credential: 'bearer',
      accept: [{ when: { status: 200, json: { '/login': { type: 'string' } } } }],
      principal: '/login',
    },
    limits: { rate: '500/s' },
    ...changes,
  })
  house.configure({ systems: [system()], policy: QUICK })
  return {
    ...house,
    api,
    system,
    stop: async () => {
      await house.stop()
      await api.stop()
    },
  }
}

/** One proven rejection is enough: the tests do not wait five minutes for the second. */
export const QUICK = { confirmRejections: 1 }

/** Imports leavers, each with one token at `api`. */
export async function importTokens(house: TokenHouse, tokens: Readonly<Record<string, string>>): Promise<void> {
  const people = Object.keys(tokens)
  // Each a second after the one before, so that lists of leavers have one order.
  const leftAt = (n: number) => new Date(Date.parse(LEFT) + n * 1_000).toISOString()
  house.write('leavers.jsonl', lines(people.map((external_id, n) => ({ external_id, terminated_at: leftAt(n) }))))
  house.write('held.jsonl', lines(people.map((identity) => ({ identity, system: 'api', secret: { token: tokens[identity] } }))))
  for (const words of [
    ['identities', 'leavers.jsonl'],
    ['credentials', 'held.jsonl'],
  ]) {
    const ran = await house.run(['import', ...words])
    if (ran.exit !== 0) throw new Error(`import ${words.join(' ')}: ${ran.stdout}${ran.stderr}`)
  }
}

export function lines(rows: readonly object[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('')
}

/** The JSON documents that a command wrote, one a line. */
export function documents({ stdout }: Pick<Ran, 'stdout'>): Record<string, unknown>[] {
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
}
