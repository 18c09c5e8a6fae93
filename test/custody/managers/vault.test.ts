import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openVault } from '../../../src/custody/managers/vault.ts'
import { readReference, readSecret } from '../../../src/custody/references.ts'
import { makeAuthority } from '../../servers/tls.ts'
import { startVault, VAULT_LOGIN, type VaultAnswers } from '../../servers/vault.ts'
import { errorOf, openReader } from './read.ts'

const MARK = 'hunter2-in-the-vault'
const TOKEN = 'hvs.of-the-operator'

let vault: VaultAnswers
let folder = ''
beforeAll(async () => {
  vault = await startVault()
  folder = await mkdtemp(join(tmpdir(), 'revenant-vault-'))
  await writeFile(join(folder, 'token'), TOKEN)
  await writeFile(join(folder, 'secret-id'), `${VAULT_LOGIN.secretId}\n`)
  await writeFile(join(folder, 'jwt'), VAULT_LOGIN.jwt)
})
afterAll(async () => {
  await vault.close()
  await rm(folder, { recursive: true })
})
beforeEach(() => {
  vault.asked.length = 0
  vault.instead = undefined
  vault.leaseSeconds = 1_200
  vault.renewable = true
  vault.tokens.clear()
  vault.tokens.add(TOKEN)
  vault.forbidden.clear()
  vault.kv2.clear()
  vault.kv2.set('app/db', [{ password: 'the-old-one' }, { username: 'bob', password: MARK, port: 5432 }])
  vault.kv2.set('app/gone', [{ password: MARK }, null])
  vault.kv2.set('with blank/and#hash', [{ 'a key': MARK }])
  vault.kv1.set('app/db', { password: MARK })
})

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})
async function reader(entry: Record<string, unknown> = {}) {
  const opened = await openReader({
    name: 'main',
    manager: 'vault',
    address: vault.origin,
    auth: { method: 'token', token: `file:${folder}/token` },
    kv: { secret: 2, old: 1 },
    ...entry,
  })
  closers.push(opened.close)
  return opened.read
}

describe("the documented answers of Vault and OpenBao's HTTP API, on loopback", () => {
  it.each([
    ['vault:main/secret/app/db#password', MARK],
    ['vault:main/secret/app/db?version=1#password', 'the-old-one'],
    ['vault:main/secret/with%20blank/and%23hash#a%20key', MARK],
    ['vault:main/old/app/db#password', MARK],
    ['vault:main/old/app/db', JSON.stringify({ password: MARK })],
  ])('%s', async (reference, content) => {
    expect(await (await reader())(reference)).toBe(content)
  })

  it('asks as Vault wants to be asked', async () => {
    await (await reader({ namespace: 'team-a' }))('vault:main/secret/app/db?version=2#username')
    const asked = vault.asked.at(-1)
    expect(asked).toMatchObject({ method: 'GET', path: '/v1/secret/data/app/db' })
    expect(asked?.query.get('version')).toBe('2')
    expect(asked?.headers).toMatchObject({ 'x-vault-token': TOKEN, 'x-vault-namespace': 'team-a', 'x-vault-request': 'true' })
  })

  it('keeps no secret: what is changed there is read at the next call', async () => {
    const read = await reader()
    expect(await read('vault:main/secret/app/db#password')).toBe(MARK)
    vault.kv2.set('app/db', [{ password: 'new' }])
    expect(await read('vault:main/secret/app/db#password')).toBe('new')
  })

  it('reads fields of one place at once, so that they are of one version', async () => {
    const secret = { username: 'vault:main/secret/app/db#username', password: 'vault:main/secret/app/db#password' }
    expect(await readSecret(secret, await reader())).toEqual({ username: 'bob', password: MARK })
    expect(vault.asked.filter(({ method }) => method === 'GET')).toHaveLength(1)
  })

  it.each<[string, string, VaultAnswers['instead'], string, RegExp]>([
    ['404', 'vault:main/secret/app/none#x', undefined, 'SECRET_UNAVAILABLE', /answered 404/],
    ['a deleted version', 'vault:main/secret/app/gone#password', undefined, 'SECRET_UNAVAILABLE', /answered 404/],
    ['403', 'vault:main/secret/app/forbidden#x', undefined, 'SECRET_UNAVAILABLE', /answered 403/],
    ['500', 'vault:main/secret/app/db#password', { status: 500, body: { errors: [MARK] } }, 'SECRET_UNAVAILABLE', /answered 500/],
    [
      'sealed',
      'vault:main/secret/app/db#password',
      { status: 503, body: { errors: ['Vault is sealed', MARK] } },
      'SECRET_UNAVAILABLE',
      /answered 503 \(sealed/,
    ],
    ['429', 'vault:main/secret/app/db#password', { status: 429, body: { errors: [MARK] } }, 'SECRET_UNAVAILABLE', /answered 429/],
    [
      'a standby',
      'vault:main/secret/app/db#password',
      { status: 307, headers: { location: `http://127.0.0.1:9/${MARK}` } },
      'SECRET_UNAVAILABLE',
      /307.*not followed/,
    ],
    [
      'a page',
      'vault:main/secret/app/db#password',
      { status: 200, body: `<html>${MARK}` },
      'SECRET_UNAVAILABLE',
      /not in the form/,
    ],
    [
      'too much',
      'vault:main/secret/app/db#password',
      { status: 200, body: MARK.repeat(60_000) },
      'SECRET_UNAVAILABLE',
      /UND_ERR_RES_EXCEEDED_MAX_SIZE/,
    ],
    ['no such field', 'vault:main/secret/app/db#none', undefined, 'SECRET_UNAVAILABLE', /names a field that is not held/],
    ['a field that is no text', 'vault:main/secret/app/db#port', undefined, 'SECRET_INVALID', /holds no text/],
    ['a mount that is not configured', 'vault:main/else/app/db#password', undefined, 'SECRET_UNAVAILABLE', /no KV engine/],
    ['a version in KV v1', 'vault:main/old/app/db?version=1', undefined, 'SECRET_UNAVAILABLE', /no versions/],
    ['another manager', 'vault:other/secret/app/db', undefined, 'SECRET_UNAVAILABLE', /no secret manager other/],
  ])(
    '%s: the reference and the status are named, the content is not',
    async (_name, reference, instead, code, message) => {
      vault.forbidden.add('/v1/secret/data/app/forbidden')
      vault.instead = instead
      const error = await errorOf((await reader())(reference), MARK, TOKEN)
      expect(error.code).toBe(code)
      expect(error.message).toMatch(message)
      expect(error.message).toContain(reference)
    },
    10_000,
  )

  it('a server that is gone', async () => {
    const gone = await startVault()
    await gone.close()
    const error = await errorOf((await reader({ address: gone.origin }))('vault:main/secret/app/db#password'))
    expect(error).toMatchObject({ code: 'SECRET_UNAVAILABLE', message: expect.stringContaining('ECONNREFUSED') })
  })

  it('a token that is not to be had names what it is', async () => {
    const read = await reader({ auth: { method: 'token', token: 'env:REVENANT_NO_SUCH' } })
    expect((await errorOf(read('vault:main/secret/app/db'))).message).toContain('env:REVENANT_NO_SUCH is not set')
  })
})

describe('logins, by the documented answers on loopback', () => {
  const approle = () => ({ auth: { method: 'approle', roleId: VAULT_LOGIN.roleId, secretId: `file:${folder}/secret-id` } })
  const kubernetes = () => ({ auth: { method: 'kubernetes', role: VAULT_LOGIN.role, jwt: `file:${folder}/jwt` } })

  it.each([
    ['AppRole', approle],
    ['Kubernetes', kubernetes],
  ])('%s: once, whoever asks at the same time', async (_name, entry) => {
    const before = vault.logins()
    const read = await reader(entry())
    const all = await Promise.all(Array.from({ length: 20 }, () => read('vault:main/secret/app/db#password')))
    expect(new Set(all)).toEqual(new Set([MARK]))
    expect(vault.logins() - before).toBe(1)
  })

  it('a client certificate', async () => {
    const authority = makeAuthority()
    const client = authority.issue(['revenant'])
    const server = await startVault(authority.issue(['127.0.0.1']))
    closers.push(server.close)
    server.kv2.set('app/db', [{ password: MARK }])
    await writeFile(join(folder, 'cert.pem'), client.cert)
    await writeFile(join(folder, 'key.pem'), client.key)
    await writeFile(join(folder, 'ca.pem'), authority.cert)
    const auth = { method: 'cert', cert: `file:${folder}/cert.pem`, key: `file:${folder}/key.pem`, role: VAULT_LOGIN.role }
    const trusting = await reader({ address: server.origin, caFile: `${folder}/ca.pem`, auth })
    expect(await trusting('vault:main/secret/app/db#password')).toBe(MARK)
    const error = await errorOf((await reader({ address: server.origin, auth }))('vault:main/secret/app/db#password'))
    expect(error.message).toMatch(/could not be asked \([A-Z_]*(?:CERT|SIGNATURE|ISSUER)[A-Z_]*\)/)
  })

  it('a refused login says so, without what was sent', async () => {
    const read = await reader({ auth: { method: 'approle', roleId: 'another', secretId: `file:${folder}/secret-id` } })
    const error = await errorOf(read('vault:main/secret/app/db'), VAULT_LOGIN.secretId)
    expect(error.message).toContain('refused the login by approle (400)')
  })

  it('logs in again where the token is no longer known, and not for each secret that it may not read', async () => {
    let now = 0
    const config = { name: 'main', manager: 'vault' as const, address: vault.origin, kv: { secret: 2 as const } }
    const auth = {
      method: 'approle' as const,
      mount: 'approle',
      roleId: VAULT_LOGIN.roleId,
      secretId: `file:${folder}/secret-id`,
    }
    const manager = openVault({ ...config, auth }, readReference, () => now)
    closers.push(manager.close)
    const place = { scheme: 'vault' as const, path: 'secret/app/db' }
    const before = vault.logins()
    await manager.read(place)
    vault.forbidden.add('/v1/secret/data/app/gone')
    for (let n = 0; n < 5; n++) await expect(manager.read({ ...place, path: 'secret/app/gone' })).rejects.toThrow('403')
    expect(vault.logins() - before).toBe(1)
    vault.tokens.clear()
    now = 61_000
    expect(await manager.read(place)).toContain(MARK)
    expect(vault.logins() - before).toBe(2)
  })

  it('renews a token after two thirds of its life, and logs in where it cannot be renewed any more', async () => {
    let now = 0
    const config = { name: 'main', manager: 'vault' as const, address: vault.origin, kv: { secret: 2 as const } }
    const auth = { method: 'kubernetes' as const, mount: 'kubernetes', role: VAULT_LOGIN.role, jwt: `file:${folder}/jwt` }
    vault.leaseSeconds = 60
    const manager = openVault({ ...config, auth }, readReference, () => now)
    closers.push(manager.close)
    const counts = async () => {
      await manager.read({ scheme: 'vault', path: 'secret/app/db' })
      return [vault.logins() - before[0], vault.renewals() - before[1]]
    }
    const before = [vault.logins(), vault.renewals()] as const
    expect(await counts()).toEqual([1, 0])
    now = 39_000
    expect(await counts()).toEqual([1, 0])
    now = 41_000
    expect(await counts()).toEqual([1, 1])
    vault.renewable = false
    now = 82_000
    expect(await counts()).toEqual([2, 1])
    now = 300_000
    expect(await counts()).toEqual([3, 1])
  })
})
