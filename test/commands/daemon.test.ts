import { existsSync, readFileSync, statSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningDaemon, until } from '../servers/revenant.ts'
import { documents, importTokens, LEFT, lines, openTokenHouse, QUICK, type TokenHouse } from './house.ts'

/** Commands while a daemon holds the embedded database: they are run inside it, over its control socket. */
describe('commands beside a daemon on the embedded database', { timeout: 120_000 }, () => {
  let house: TokenHouse
  let daemon: RunningDaemon
  beforeAll(async () => {
    house = await openTokenHouse()
    house.api.live.set('token-of-anna', 'anna')
    daemon = await house.daemon()
  })
  afterAll(() => house.stop())

  it('has a control socket for its owner alone', () => {
    expect(statSync(house.path('data/control.sock')).mode & 0o777).toBe(0o600)
  })

  it('are forwarded, from any folder, with their files and their standard input', async () => {
    house.write('sub/leavers.jsonl', lines([{ external_id: 'anna', terminated_at: LEFT }]))
    // The data folder of the configuration is relative to where the daemon runs.
    house.write(
      'absolute.yaml',
      readFileSync(house.path('revenant.yaml'), 'utf8').concat(`database: { dataDir: ${house.path('data')} }\n`),
    )
    const ran = await house.run(['import', 'identities', 'leavers.jsonl', '--json'], { cwd: 'sub', config: '../absolute.yaml' })
    expect(ran).toMatchObject({ exit: 0, stderr: '' })
    expect(documents(ran)[0]).toMatchObject({ created: 1, badTotal: 0 })
    const held = JSON.stringify({ identity: 'anna', system: 'api', secret: { token: 'token-of-anna' } })
    const piped = await house.run(['import', 'credentials', '-', '--format', 'jsonl'], { stdin: `${held}\nnot JSON\n` })
    expect(piped).toMatchObject({ exit: 2, stderr: '' })
    expect(piped.stdout).toMatch(/^line 2: /m)
    expect(piped.stdout).toContain('Imported 1 of 2 rows of credentials')
  })

  it('see what the daemon found by itself', async () => {
    const [finding] = await until(
      async () => documents(await house.run(['findings', 'list', '--json'])),
      (rows) => rows.length > 0,
    )
    expect(finding).toMatchObject({ kind: 'residual_access', identity: 'anna' })
    expect((await house.run(['scan', '--once'])).exit).toBe(3)
  })

  it('take their exit codes and messages from it', async () => {
    const ran = await house.run(['findings', 'show', '00000000'])
    expect(ran).toMatchObject({ exit: 2, stdout: '', stderr: 'revenant: there is no finding 00000000\n' })
    expect(await house.run(['nonsense'])).toMatchObject({ exit: 2, stdout: '' })
  })

  it('keys rotate seals everything anew while it runs', async () => {
    const before = documents(await house.run(['keys', 'list', '--json']))[0]
    const rotated = await house.run(['keys', 'rotate', '--json'])
    expect(rotated).toMatchObject({ exit: 0, stderr: '' })
    expect(documents(rotated)[0]).toMatchObject({ broken: [] })
    const after = documents(await house.run(['keys', 'list', '--json']))[0]
    expect(after).not.toEqual(before)
    const requests = house.api.requests.length
    await house.run(['identities', 'reinstate', 'anna'])
    await house.run(['identities', 'terminate', 'anna'])
    await until(
      () => house.api.requests.slice(requests).map(({ token }) => token),
      (tokens) => tokens.includes('token-of-anna'),
    )
  })

  it('pause holds the daemon off, resume lets it go on', async () => {
    await house.run(['pause', '--all'])
    const before = house.api.requests.length
    await house.run(['identities', 'reinstate', 'anna'])
    await house.run(['identities', 'terminate', 'anna'])
    await new Promise((resolve) => setTimeout(resolve, 2_500))
    expect(house.api.requests.length).toBe(before)
    expect((await house.run(['systems', 'list'])).stdout).toContain('Everything is paused')
    await house.run(['resume', '--all'])
    await until(
      () => house.api.requests.length,
      (count) => count > before,
    )
  })

  it('doctor, systems and alerts answer from inside', async () => {
    const doctor = await house.run(['doctor', '--json'])
    expect(doctor.exit).toBe(0)
    expect(documents(doctor).map(({ name }) => name)).toEqual(expect.arrayContaining(['database', 'key ring', 'clock']))
    expect(await house.run(['alerts', 'list'])).toMatchObject({ exit: 0, stdout: 'No alerts yet.\n' })
  })

  it('leave a second daemon out', async () => {
    const second = await house.run(['run'])
    expect(second).toMatchObject({ exit: 2, signal: null })
    expect(second.stderr).toMatch(/is in use by process \d+/)
    expect((await fetch(`${daemon.address}/healthz`)).status).toBe(200)
  })

  it('reads the file again on SIGHUP, and keeps the old one when the new one is bad', async () => {
    house.write('revenant.yaml', 'systems: [{ name: Bad }]\n')
    let since = daemon.said().length
    daemon.child.kill('SIGHUP')
    await daemon.waitFor('the old one stays in force', since)
    expect((await house.run(['systems', 'list', '--json'], { config: 'absolute.yaml' })).stdout).toContain('"name":"api"')
    house.configure({ systems: [house.system({ tier: 'critical' })], policy: QUICK })
    since = daemon.said().length
    daemon.child.kill('SIGHUP')
    await daemon.waitFor('"msg":"configuration reloaded"', since)
    expect((await house.run(['systems', 'list'])).stdout).toMatch(/api +http +critical/)
  })

  it('work by themselves after the daemon was killed, whose lock and socket are left over', async () => {
    const ended = await daemon.stop('SIGKILL')
    expect(ended.signal).toBe('SIGKILL')
    expect(existsSync(house.path('data/control.sock'))).toBe(true)
    const list = await house.run(['findings', 'list', '--json'])
    expect(list).toMatchObject({ exit: 0, stderr: '' })
    expect(documents(list)[0]).toMatchObject({ identity: 'anna' })
  })

  it('are forwarded to the next daemon, which takes both over', async () => {
    daemon = await house.daemon()
    expect((await house.run(['findings', 'list', '--json'])).exit).toBe(0)
    const ended = await daemon.stop()
    expect(ended.exit).toBe(0)
    // On its first start, and nothing else.
    expect(ended.stderr).toMatch(/^(?:Nobody has signed in yet[^\n]*\n {2}http\S+\n)?$/)
    expect(existsSync(house.path('data/control.sock'))).toBe(false)
    expect(existsSync(house.path('data/in-use'))).toBe(false)
  })

  it('wait for each other without a daemon', async () => {
    const words = [['identities'], ['credentials'], ['findings'], ['systems']]
    const ran = await Promise.all(words.map((each) => house.run([...each, '--json'])))
    expect(ran.map(({ exit, stderr }) => [exit, stderr])).toEqual(words.map(() => [0, '']))
  })

  it('import once more without a daemon', async () => {
    await importTokens(house, { bob: 'token-of-bob' })
    expect((await house.run(['scan', '--once'])).exit).toBe(3)
  })
})
