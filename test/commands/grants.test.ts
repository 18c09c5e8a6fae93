import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type HttpServer, openHttp } from '../servers/hostile-http.ts'
import { documents, LEFT, lines, openTokenHouse, type TokenHouse } from './house.ts'

const SECRET = 'adm-PLANTED-for-the-inventory'
let house: TokenHouse
let server: HttpServer
let tokens: string[] = ['t1']
let refused = false

beforeAll(async () => {
  server = await openHttp(({ url, headers }) => {
    if (refused || headers.authorization !== `SSWS ${SECRET}`)
      return { status: 401, body: { errorCode: 'E0000011', said: headers.authorization } }
    const [path = ''] = url.split('?')
    if (path === '/api/v1/users/erin%40corp.example') return { status: 200, body: { id: '00u1' } }
    if (path === '/api/v1/api-tokens')
      return { status: 200, body: tokens.map((id) => ({ id, name: `terraform ${SECRET.slice(0, 3)}`, userId: '00u1' })) }
    const isList = /^\/api\/v1\/users\/00u1\/|\/(?:eventHooks|api-services)$/.test(path)
    return isList ? { status: 200, body: [] } : { status: 404, body: { errorCode: 'E0000007' } }
  })
  house = await openTokenHouse({ OKTA_TOKEN: SECRET })
  const inventory = { kind: 'okta', target: { baseUrl: server.origin, tls: 'disable' }, credential: { token: 'env:OKTA_TOKEN' } }
  house.configure({ systems: [house.system({ inventory })] })
  house.write('leavers.jsonl', lines([{ external_id: 'erin', email: 'erin@corp.example', terminated_at: LEFT }]))
  expect(await house.run(['import', 'identities', 'leavers.jsonl'])).toMatchObject({ exit: 0 })
}, 120_000)
afterAll(async () => {
  await house.stop()
  await server.stop()
})

const run = async (...words: string[]) => house.run(['grants', ...words])

it('lists what a leaver still has, and the finding about it', { timeout: 120_000 }, async () => {
  const ran = await run('run', 'api', '--json')
  expect(documents(ran)).toMatchObject([{ system: 'api', outcome: 'completed', people: 1, grants: 1, fault: null }])
  expect(documents(await run('list', '--json'))).toMatchObject([
    {
      kind: 'api_key',
      key: 't1',
      state: 'standing',
      list: 'api_tokens',
      identity: { externalId: 'erin' },
      system: { name: 'api' },
    },
  ])
  expect((await run('list', '--identity', 'erin')).stdout).toMatch(/erin +.*api_key/)
  expect(documents(await house.run(['findings', 'list', '--kind', 'standing_grant', '--json']))).toHaveLength(1)

  tokens = []
  for (const _ of [1, 2]) expect(await run('run', 'api', '--identity', 'erin')).toMatchObject({ exit: 0 })
  expect((await run('list')).stdout).toContain('Nothing is listed of those who left.')
  expect(documents(await run('list', '--state', 'gone', '--json'))).toMatchObject([{ key: 't1', state: 'gone' }])
  expect(documents(await house.run(['findings', 'list', '--kind', 'standing_grant', '--json']))).toEqual([])

  refused = true
  const blind = await run('run', 'api', '--identity', 'erin')
  expect(blind.stdout).toContain('unauthenticated')
  expect((await run('list')).stdout).toMatch(/api could not be asked: unauthenticated/)
})

it.each([
  [['run', 'nowhere'], /has an inventory here/],
  [['run', 'api', '--identity', 'nobody'], /there is no identity/],
  [['list', '--system', 'nowhere'], /there is no system/],
])('refuses %j', { timeout: 60_000 }, async (words, message) => {
  const ran = await run(...words)
  expect([ran.exit, ran.stdout]).toEqual([2, ''])
  expect(ran.stderr).toMatch(message)
})

it('refuses a configuration with faults, and quotes no secret', { timeout: 60_000 }, async () => {
  const faults: [Record<string, unknown>, RegExp][] = [
    [{ kind: 'oktta' }, /is no inventory of this build/],
    [{ target: { baseUrl: 'x' } }, /inventory\.target\.baseUrl/],
    [{ credential: { token: SECRET } }, /must be a reference/],
    [{ without: ['sessions'] }, /is no list of okta/],
    [{ by: 'nickname' }, /inventory\.by/],
  ]
  const systems = faults.map(([changes], n) => {
    const inventory = { kind: 'okta', target: { baseUrl: server.origin }, credential: { token: 'env:OKTA_TOKEN' }, ...changes }
    return house.system({ name: `bad-${n}`, inventory })
  })
  house.write('bad.json', JSON.stringify({ systems }))
  const ran = await house.run(['-c', house.path('bad.json'), 'config', 'check'])
  expect(ran.exit).toBe(2)
  const said = `${ran.stdout}${ran.stderr}`
  for (const [, message] of faults) expect(said).toMatch(message)
  expect(said).not.toContain('PLANTED')
})

it('keeps the credential out of everything that is on the disk', () => {
  const folder = house.path('.')
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(
    (each) => each.isFile() && each.name !== 'bad.json',
  )
  expect(files.length).toBeGreaterThan(10)
  for (const { parentPath, name } of files)
    expect([name, readFileSync(join(parentPath, name)).includes(SECRET)]).toEqual([name, false])
})
