import { mkdirSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type House, openHouse } from '../servers/revenant.ts'

const GOOD = `systems:
  - name: api
    probe: http
    target: { url: "http://127.0.0.1:9/", credential: bearer, accept: [{ when: { status: 200, json: { /login: { exists: true } } } }] }
alerts:
  - { name: out, sink: stdout, format: json }
`

const BAD = `listen: nowhere
systems:
  - name: Api
    probe: htp
    limit: {}
  - name: db
    probe: postgres
    target: { host: db.internal, prt: 5432, database: payroll }
  - name: db
    probe: vault
    target: { address: "https://vault.internal" }
alerts:
  - { name: hook, sink: webhook, format: json, to: "https://hooks.example.com/", secret: hunter2-literal }
`

describe('config', { timeout: 120_000 }, () => {
  let house: House
  beforeAll(() => {
    house = openHouse()
    house.write('good.yaml', GOOD)
    house.write('bad.yaml', BAD)
    mkdirSync(house.path('elsewhere'))
  })
  afterAll(() => house.stop())

  it('check passes a good file', async () => {
    expect(await house.run(['config', 'check'], { config: 'good.yaml' })).toMatchObject({
      exit: 0,
      stdout: 'good.yaml: no faults. 1 system, 1 receiver of alerts.\n',
      stderr: '',
    })
    const { exit, stdout } = await house.run(['config', 'check', '--json'], { config: 'good.yaml' })
    expect(exit).toBe(0)
    expect(JSON.parse(stdout)).toEqual({
      ...{ file: 'good.yaml', ok: true },
      ...{ systems: 1, sources: 0, sinks: 1, secretManagers: 0 },
    })
  })

  const SOURCES = `sources:
  - { name: directory, source: scim, tokens: ["env:SCIM"] }
  - { name: exports, source: files, folder: /srv/exports }
`
  const MANAGERS = `secretManagers:
  - { name: kv, manager: vault, address: "https://vault.internal", auth: { method: token, token: "env:VAULT" } }
`
  it.each<[string, string, string, Record<string, number>]>([
    ['sources alone', SOURCES, '2 sources of leavers', { systems: 0, sources: 2, sinks: 0, secretManagers: 0 }],
    [
      'everything',
      GOOD + SOURCES + MANAGERS,
      '1 system, 2 sources of leavers, 1 receiver of alerts, 1 secret manager',
      { systems: 1, sources: 2, sinks: 1, secretManagers: 1 },
    ],
    [
      'nothing',
      '{}\n',
      'No systems, no sources and no receivers of alerts yet',
      { systems: 0, sources: 0, sinks: 0, secretManagers: 0 },
    ],
  ])('check counts what the file has: %s', async (_what, text, words, counts) => {
    house.write('counted.yaml', text)
    const [said, { stdout }] = await Promise.all([
      house.run(['config', 'check'], { config: 'counted.yaml' }),
      house.run(['config', 'check', '--json'], { config: 'counted.yaml' }),
    ])
    expect(said).toMatchObject({ exit: 0, stdout: `counted.yaml: no faults. ${words}.\n`, stderr: '' })
    expect(JSON.parse(stdout)).toEqual({ file: 'counted.yaml', ok: true, ...counts })
  })

  it('check warns of incidents that nothing would close, and passes the file', async () => {
    const pager = '{ name: on-call, sink: pagerduty, secret: "env:PAGER", events: [opened, reopened] }'
    house.write('left-open.yaml', `${GOOD}  - ${pager}\n`)
    const { exit, stdout } = await house.run(['config', 'check'], { config: 'left-open.yaml' })
    expect(exit).toBe(0)
    expect(stdout).toMatch(/: no faults\. 1 system, 2 receivers of alerts\.\n {2}warning: alerts\[1\]\.events: .*add resolved/)
    const asJson = await house.run(['config', 'check', '--json'], { config: 'left-open.yaml' })
    expect(JSON.parse(asJson.stdout)).toMatchObject({ ok: true, warnings: [{ path: 'alerts[1].events' }] })
  })

  it('check lists every fault with its line, and quotes no value', async () => {
    const { exit, stdout, stderr } = await house.run(['config', 'check'], { config: 'bad.yaml' })
    expect([exit, stdout]).toEqual([2, ''])
    const places = [...stderr.matchAll(/bad\.yaml:(\d+):\d+ ([\w[\].]+): /g)].map(([, line, path]) => `${line} ${path}`)
    expect(places).toEqual(
      expect.arrayContaining([
        '1 listen',
        '3 systems[0].name',
        '4 systems[0].probe',
        '5 systems[0].limit',
        '8 systems[1].target.prt',
        '9 systems[2].name',
        '13 alerts[0].secret',
      ]),
    )
    expect(stderr).not.toContain('hunter2')
    expect(stderr).toContain('did you mean "http"?')
  })

  it('check tells a machine every fault as well', async () => {
    const { exit, stdout } = await house.run(['config', 'check', '--json'], { config: 'bad.yaml' })
    expect(exit).toBe(2)
    const told = JSON.parse(stdout)
    expect(told).toMatchObject({ file: 'bad.yaml', ok: false })
    expect(told.faults).toEqual(
      expect.arrayContaining([
        { path: 'systems[0].limit', line: 5, column: expect.any(Number), message: expect.stringContaining('limits') },
      ]),
    )
  })

  it('check names the system whose replays would change something', async () => {
    house.write(
      'vault.yaml',
      'systems:\n  - name: secrets\n    probe: vault\n    target: { address: "https://vault.internal" }\n',
    )
    const { exit, stderr } = await house.run(['config', 'check'], { config: 'vault.yaml' })
    expect(exit).toBe(2)
    expect(stderr).toMatch(/vault\.yaml:4:\d+ systems\[0\]\.target: .*allowEffects: \[consumes-use\]/)
  })

  it.each([
    ['run', ['run']],
    ['scan', ['scan', '--once']],
    ['doctor', ['doctor']],
  ])('%s refuses a bad file with exit 2', async (_name, args) => {
    const { exit, stderr } = await house.run(args, { config: 'bad.yaml' })
    expect(exit).toBe(2)
    expect(stderr).toContain('bad.yaml:5:')
  })

  it('says how to name another file when there is none', async () => {
    const ran = await house.run(['config', 'check'], { config: false, cwd: 'elsewhere' })
    expect(ran).toMatchObject({ exit: 2, stdout: '' })
    expect(ran.stderr).toMatch(/config\/revenant\.yaml cannot be read.*--config FILE or set REVENANT_CONFIG/)
  })

  it.each([
    ['REVENANT_CONFIG', { REVENANT_CONFIG: '../good.yaml' }, []],
    ['--config, which wins over it', { REVENANT_CONFIG: 'nowhere.yaml' }, ['--config', '../good.yaml']],
    ['-c after the command', {}, ['-c', '../good.yaml']],
  ])('takes the file from %s, relative to the working directory', async (_name, env, args) => {
    const ran = await house.run(['config', 'check', ...args], { config: false, cwd: 'elsewhere', env })
    expect(ran).toMatchObject({ exit: 0, stderr: '' })
    expect(ran.stdout).toContain('../good.yaml: no faults')
  })
})

describe('the first start', { timeout: 120_000 }, () => {
  let house: House
  beforeAll(() => {
    house = openHouse()
    house.write('empty.yaml', 'listen: 127.0.0.1:0\n')
  })
  afterAll(() => house.stop())

  it('is idle, says what to do next, and ends in good order', async () => {
    const daemon = await house.daemon({ config: 'empty.yaml' })
    await daemon.waitFor('nothing is registered yet')
    const ready = await fetch(`${daemon.address}/readyz`)
    expect(ready.status).toBe(200)
    const ended = await daemon.stop()
    expect(ended).toMatchObject({ exit: 0, signal: null })
    // The one line that is no log: whoever starts Revenant signs in by it.
    expect(ended.stderr).toMatch(/^Nobody has signed in yet\..*\n {2}http:\/\/127\.0\.0\.1:\d+\/#\/sign-in\?code=[\w-]+\n$/)
    const lines = ended.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines.filter(({ level }) => level !== 'info')).toEqual([])
    expect(lines.at(-1)).toMatchObject({ msg: 'stopped' })
    const next = lines.find(({ msg }) => msg.startsWith('nothing is registered'))
    expect(next.msg).toMatch(/add a system to the configuration.*revenant import identities FILE/)
  })

  it('refuses a port that is taken', async () => {
    const first = await house.daemon({ config: 'empty.yaml' })
    const { port } = new URL(first.address)
    house.write('taken.yaml', `listen: 127.0.0.1:${port}\ndatabase: { dataDir: ./other }\nkeyRing: ./other/keyring.json\n`)
    const second = await house.run(['run'], { config: 'taken.yaml' })
    expect(second.exit).toBe(2)
    expect(second.stderr).toContain(port)
    await first.stop()
  })
})
