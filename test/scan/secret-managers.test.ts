import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openManagers, type SecretManagers } from '../../src/custody/managers/open.ts'
import { openReferences, readSecret } from '../../src/custody/references.ts'
import { runTrial } from '../../src/scan/trial.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { startTokenApi, type TokenApi } from '../servers/token-api.ts'
import { startVault, type VaultAnswers } from '../servers/vault.ts'
import { type House, openHouse } from './house.ts'

/** What a trial says of a credential whose secret a manager (Vault's documented answers, on loopback) does not give. */
describe.each(STORES.filter((kind) => kind.name === 'PGlite'))('secrets of a secret manager, on $name', (kind) => {
  let test: TestStore
  let api: TokenApi
  let vault: VaultAnswers
  let folder = ''
  let managers: SecretManagers
  let house: House

  beforeAll(async () => {
    test = await kind.open()
    vault = await startVault()
    folder = await mkdtemp(join(tmpdir(), 'revenant-managers-'))
    await writeFile(join(folder, 'token'), 'hvs.trial')
  })
  afterAll(async () => {
    await vault.close()
    await test.stop()
    await rm(folder, { recursive: true })
  })
  beforeEach(async () => {
    api = await startTokenApi()
    house = await openHouse(test.store.db, api)
    vault.instead = undefined
    vault.tokens.add('hvs.trial')
    vault.forbidden.add('/v1/secret/data/forbidden')
    vault.kv2.set('bob', [{ token: 'live-of-bob' }])
    managers = openManagers([
      {
        name: 'main',
        manager: 'vault',
        address: vault.origin,
        kv: { secret: 2 },
        auth: { method: 'token', token: `file:${folder}/token` },
      },
    ])
    return async () => {
      await managers.close()
      await house.close()
      await api.stop()
    }
  })

  const tried = async (reference: string) => {
    const id = await house.leaver('never-opened')
    const read = openReferences(managers)
    house.deps.openSecret = () => readSecret({ token: reference }, read)
    await runTrial({ systemId: house.system.id, shard: 0 }, new AbortController().signal, house.deps)
    return test.store.db.selectFrom('check_state').selectAll().where('credential_id', '=', id).executeTakeFirstOrThrow()
  }

  it('are replayed', async () => {
    api.live.set('live-of-bob', 'bob')
    expect(await tried('vault:main/secret/bob#token')).toMatchObject({ verdict: 'accepted' })
    expect(await tried('vault:main/secret/bob#token')).toMatchObject({ verdict: 'accepted' })
  })

  it.each<[string, string, VaultAnswers['instead']]>([
    ['403', 'vault:main/secret/forbidden#token', undefined],
    ['404', 'vault:main/secret/nobody#token', undefined],
    ['500', 'vault:main/secret/bob#token', { status: 500, body: { errors: ['internal error'] } }],
    ['503, sealed', 'vault:main/secret/bob#token', { status: 503, body: { errors: ['Vault is sealed'] } }],
    ['a page instead of an answer', 'vault:main/secret/bob#token', { status: 200, body: '<html>' }],
    ['an empty secret', 'vault:main/secret/bob#token', { status: 200, body: { data: { data: { token: '' }, metadata: {} } } }],
    ['no answer', 'vault:main/secret/bob#token', 'hang'],
    ['no such manager', 'vault:other/secret/bob#token', undefined],
  ])(
    '%s: inconclusive / secret_unavailable, never rejected, and nothing is sent',
    async (_name, reference, instead) => {
      vault.instead = instead
      expect(await tried(reference)).toMatchObject({
        verdict: 'inconclusive',
        reason: 'secret_unavailable',
        first_rejected_at: null,
      })
      expect(api.requests.map(({ token }) => token)).not.toContain('live-of-bob')
    },
    15_000,
  )
})
