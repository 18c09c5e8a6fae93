import { chmodSync, rmSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { closedPort } from '../servers/hostile.ts'
import { documents, importTokens, openTokenHouse, QUICK, type TokenHouse } from './house.ts'

/** `revenant doctor`: what is well, and each fault with what mends it. */
describe('doctor', { timeout: 120_000 }, () => {
  let house: TokenHouse
  beforeAll(async () => {
    house = await openTokenHouse({ CANARY: '{"token":"canary-token"}', BROKEN: 'not an object', PAGER: 'a'.repeat(32) })
    house.api.live.set('canary-token', 'canary')
    await importTokens(house, { anna: 'token-of-anna' })
  })
  afterAll(() => house.stop())

  const check = async (systems: readonly object[], more: Record<string, unknown> = {}) => {
    house.configure({ systems, policy: QUICK, alerts: [{ name: 'out', sink: 'stdout', format: 'json' }], ...more })
    const ran = await house.run(['doctor', '--json'])
    return { ...ran, checks: new Map(documents(ran).map((each) => [String(each.name), each])) }
  }
  const canary = { controls: { canary: 'env:CANARY' } }

  it('finds nothing where all is well', async () => {
    const { exit, checks, stderr } = await check([house.system(canary)])
    expect([exit, stderr]).toEqual([0, ''])
    expect([...checks.values()].filter(({ level }) => level === 'fail')).toEqual([])
    for (const name of ['database', 'key ring', 'clock', 'system api decoy', 'system api canary', 'alerts out'])
      expect([name, checks.get(name)?.level]).toEqual([name, 'ok'])
    // Plain HTTP is what this test can have; the operator is told.
    expect(checks.get('system api')).toMatchObject({ level: 'warn', detail: expect.stringContaining('clear') })
  })

  it('tries nobody who left', () => {
    expect(house.api.requests.map(({ token }) => token)).not.toContain('token-of-anna')
  })

  it.each([
    [
      'a canary that is refused',
      { controls: { canary: 'env:CANARY' } },
      () => house.api.live.delete('canary-token'),
      'system api canary',
    ],
    ['a canary that cannot be read', { controls: { canary: 'env:NOWHERE' } }, undefined, 'system api canary'],
    ['a canary that is no object', { controls: { canary: 'env:BROKEN' } }, undefined, 'system api canary'],
  ])('says what to do about %s', async (_name, changes, prepare, name) => {
    prepare?.()
    const { exit, checks } = await check([house.system(changes)])
    house.api.live.set('canary-token', 'canary')
    expect(exit).toBe(1)
    expect(checks.get(name)).toMatchObject({ level: 'fail', mend: expect.stringMatching(/\w/) })
  })

  it('says so when a system is open to everybody', async () => {
    house.api.mode = 'open'
    const { exit, checks } = await check([house.system(canary)])
    house.api.mode = 'normal'
    expect(exit).toBe(1)
    expect(checks.get('system api decoy')).toMatchObject({ level: 'fail' })
  })

  it('says so when a system is down', async () => {
    const url = `http://127.0.0.1:${await closedPort()}/me`
    const { exit, checks } = await check([
      house.system({ name: 'down', target: { ...Object(house.system().target), url }, ...canary }),
    ])
    expect(exit).toBe(1)
    expect(checks.get('system down decoy')).toMatchObject({ level: 'fail', detail: expect.stringContaining('unreachable') })
  })

  it('warns where there is nothing to check', async () => {
    const { exit, checks } = await check([], { alerts: [] })
    expect(exit).toBe(0)
    for (const name of ['systems', 'alerts'])
      expect(checks.get(name)).toMatchObject({ level: 'warn', mend: expect.stringMatching(/\w/) })
  })

  it('warns where incidents would be opened that nothing closes', async () => {
    const pager = { sink: 'pagerduty', secret: 'env:PAGER' }
    const alerts = [
      { name: 'left-open', ...pager, events: ['opened', 'escalated'] },
      { name: 'closed', ...pager, events: ['opened', 'resolved'] },
      { name: 'all', ...pager },
      { name: 'keeps-nothing', sink: 'stdout', events: ['opened'] },
    ]
    const { exit, checks } = await check([house.system(canary)], { alerts })
    expect(exit).toBe(0)
    expect(checks.get('alerts left-open')).toMatchObject({ level: 'warn', mend: expect.stringContaining('resolved') })
    for (const name of ['closed', 'all', 'keeps-nothing'])
      expect([name, checks.get(`alerts ${name}`)?.level]).toEqual([name, 'ok'])
  })

  it('warns where no canary backs a rejection', async () => {
    const { checks } = await check([house.system()])
    expect(checks.get('system api canary')).toMatchObject({ level: 'warn' })
  })

  it('asks nothing of a system that is paused', async () => {
    house.configure({ systems: [house.system(canary)], policy: QUICK })
    await house.run(['pause', 'api', '--note', 'hands off'])
    const before = house.api.requests.length
    const { checks } = await check([house.system(canary)])
    await house.run(['resume', 'api'])
    expect(house.api.requests.length).toBe(before)
    expect([...checks.values()]).toContainEqual(expect.objectContaining({ detail: 'paused: not asked', level: 'warn' }))
  })

  it('names the receiver whose secret is not set, and what sends nothing runs without it', async () => {
    const hook = { name: 'hook', sink: 'webhook', format: 'json', to: 'http://127.0.0.1:9/', secret: 'env:UNSET' }
    const alerts = [hook, { name: 'out', sink: 'stdout', format: 'json' }]
    const { exit, checks } = await check([house.system(canary)], { alerts })
    expect(exit).toBe(1)
    expect(checks.get('alerts hook')).toMatchObject({ level: 'fail', detail: 'sink hook: secret: env:UNSET is not set' })
    expect(checks.get('alerts out')?.level).toBe('ok')
    expect(await house.run(['findings', 'list'])).toMatchObject({ exit: 0, stderr: '' })
    expect((await house.run(['alerts', 'test', 'out'])).exit).toBe(0)
    expect(await house.run(['alerts', 'test', 'hook'])).toMatchObject({
      exit: 2,
      stderr: expect.stringContaining('sink hook: secret: env:UNSET is not set'),
    })
    // What delivers does not begin without one of its receivers.
    expect(await house.run(['scan', '--once'])).toMatchObject({
      exit: 2,
      stderr: expect.stringContaining('sink hook: secret: env:UNSET is not set'),
    })
  })

  it('names the source that cannot have its token: it would hear nobody and not say so', async () => {
    const source = (name: string, token: string) => ({ name, source: 'scim', tokens: [token] })
    const { exit, checks } = await check([house.system(canary)], {
      sources: [source('okta', 'env:UNSET'), source('entra', 'env:PAGER')],
    })
    expect(exit).toBe(1)
    expect(checks.get('source okta')).toMatchObject({ level: 'fail', detail: 'env:UNSET is not set' })
    expect(checks.get('source entra')).toMatchObject({ level: 'ok' })
  })

  it("names auditors' tokens, which nobody's leaving ends, and the hour of their last use", async () => {
    const evidence = { auditorTokens: [{ name: 'grc', token: 'env:PAGER' }] }
    const { exit, checks } = await check([house.system(canary)], { evidence })
    expect(exit).toBe(0)
    expect(checks.get('auditor token grc')).toMatchObject({ level: 'warn', detail: expect.stringMatching(/no end.*never used$/) })
  })

  it('prints the same for people', async () => {
    house.configure({ systems: [house.system(canary)], alerts: [] })
    const ran = await house.run(['doctor'])
    expect(ran).toMatchObject({ exit: 0, stderr: '' })
    expect(ran.stdout).toMatch(/^ok {4}database: embedded Postgres 1\d/m)
    expect(ran.stdout).toMatch(/^warn {2}alerts: .*\n {6}-> /m)
  })

  it('says of a folder that it is not there yet, or is none', async () => {
    const source = (name: string, folder: string) => ({ name, source: 'files', folder })
    const { exit, checks } = await check([house.system(canary)], {
      sources: [source('exports', house.path('drop')), source('wrong', house.path('data/keyring.json'))],
    })
    expect(exit).toBe(1)
    expect(checks.get('source exports')).toMatchObject({
      level: 'warn',
      detail: expect.stringContaining('will be made when the daemon'),
    })
    expect(checks.get('source wrong')).toMatchObject({ level: 'fail', detail: expect.stringContaining('is no folder') })
  })

  it('tries what needs no database while Postgres is down, and names what it skips', async () => {
    const hook = { name: 'hook', sink: 'webhook', format: 'json', to: 'http://127.0.0.1:9/', secret: 'env:UNSET' }
    const out = { name: 'out', sink: 'stdout', format: 'json' }
    const before = house.api.requests.length
    const broken = { name: 'broken', controls: { canary: 'env:BROKEN' } }
    house.configure({
      ...{ systems: [house.system(canary), house.system(broken)], alerts: [hook, out], database: { url: 'env:DATABASE_URL' } },
      sources: [{ name: 'okta', source: 'scim', tokens: ['env:UNSET'] }],
    })
    const env = { DATABASE_URL: `postgres://u:hunter2@127.0.0.1:${await closedPort()}/x` }
    const ran = await house.run(['doctor', '--json'], { env })
    expect([ran.exit, ran.stderr]).toEqual([1, ''])
    expect(ran.stdout).not.toContain('hunter2')
    const checks = documents(ran)
    expect(checks.map(({ name, level }) => [name, level])).toEqual([
      ['database', 'fail'],
      ['key ring', 'ok'],
      ['system api canary', 'ok'],
      ['system broken canary', 'fail'],
      ['alerts hook', 'fail'],
      ['alerts out', 'ok'],
      ['source okta', 'fail'],
      ['skipped', 'warn'],
    ])
    expect(checks[0]).toMatchObject({ detail: expect.stringContaining('database cannot be reached (ECONNREFUSED)') })
    expect(checks.at(-1)).toMatchObject({ detail: expect.stringContaining('the clock') })
    expect(house.api.requests.length).toBe(before)
  })

  type Fault = [exit: number, name: string, prepare: () => void, config: object, message: RegExp]
  it.each<Fault>([
    [2, 'a key ring that others may read', () => chmodSync(house.path('data/keyring.json'), 0o644), {}, /chmod 600/],
    [2, 'a database URL that is not set', () => {}, { database: { url: 'env:UNSET_URL' } }, /UNSET_URL/],
    [2, 'a key ring that is lost', () => rmSync(house.path('data/keyring.json')), {}, /restore it from its backup/],
  ])('exits %d with a sentence at %s', async (exit, _name, prepare, config, message) => {
    prepare()
    house.configure({ systems: [house.system()], ...config })
    const ran = await house.run(['doctor'])
    expect([ran.exit, ran.stdout]).toEqual([exit, ''])
    expect(ran.stderr).toMatch(message)
    expect(ran.stderr).not.toContain('hunter2')
    expect(ran.stderr).not.toContain('Please report')
    chmodSync(house.path('data'), 0o700)
  })
})
