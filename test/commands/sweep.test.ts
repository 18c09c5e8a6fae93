import { statSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTokenApi } from '../servers/token-api.ts'
import { documents, importTokens, lines, openTokenHouse, QUICK, type TokenHouse } from './house.ts'

/** The way of a newcomer without a daemon, on the embedded database; each test goes on from the one before it. */
describe('from an import to the findings, command by command', { timeout: 120_000 }, () => {
  let house: TokenHouse
  beforeAll(async () => {
    house = await openTokenHouse({}, { unfurnished: true })
  })
  afterAll(() => house.stop())

  const scan = async () => {
    const ran = await house.run(['scan', '--once', '--json'])
    return { ...ran, told: documents(ran)[0] ?? {} }
  }
  /** A termination of the same person again: everything of theirs is due now. */
  const dueAgain = async (who: string) => {
    expect(await house.run(['identities', 'reinstate', who])).toMatchObject({ exit: 0 })
    expect(await house.run(['identities', 'terminate', who])).toMatchObject({ exit: 0 })
  }

  it('exits 0 while there is nothing', async () => {
    const ran = await house.run(['scan', '--once'])
    expect(ran).toMatchObject({ exit: 0, stderr: '' })
    // Nobody was looked for, so nothing is said of anybody.
    expect(ran.stdout).toContain('no credential of anybody who left is known')
    expect(ran.stdout).not.toContain('Nobody who left is still let in.')
  })

  it('keeps the data folder to its owner', () => {
    expect(statSync(house.path('data')).mode & 0o777).toBe(0o700)
    expect(statSync(house.path('data/keyring.json')).mode & 0o777).toBe(0o600)
  })

  it('reports bad rows with their line, keeps the good ones, and exits 2', async () => {
    const bad =
      '{"external_id":"eve","status":"terminated"}\n{"external_id":"mallory","terminated_at":"2026-10-30T17:00:00Z"}\nnot JSON\n'
    house.write('some-bad.jsonl', bad)
    const ran = await house.run(['import', 'identities', 'some-bad.jsonl', '--json'])
    expect([ran.exit, ran.stderr]).toEqual([2, ''])
    expect(documents(ran)[0]).toMatchObject({
      read: 3,
      created: 1,
      badTotal: 2,
      bad: [{ line: 1, field: 'terminated_at' }, { line: 3 }],
    })
    const again = await house.run(['import', 'identities', 'some-bad.jsonl'])
    expect(again.exit).toBe(2)
    expect(again.stdout).toMatch(/^line 1, terminated_at: /m)
    expect(again.stdout).toMatch(/Imported 1 of 3 rows of identities: 0 new, 0 changed, 1 unchanged, 2 bad\./)
  })

  it('changes nothing in a dry run', async () => {
    house.write('dry.jsonl', lines([{ external_id: 'dry' }]))
    const ran = await house.run(['import', 'identities', 'dry.jsonl', '--dry-run'])
    expect(ran).toMatchObject({ exit: 0, stdout: expect.stringContaining('Would import 1 of 1 rows of identities: 1 new') })
    const list = await house.run(['identities', 'list', '--json'])
    expect(documents(list).map((row) => row.external_id)).toEqual(['mallory'])
  })

  it('reads an import from standard input', async () => {
    const ran = await house.run(['import', 'identities', '-', '--format', 'csv'], { stdin: 'external_id,status\npiped,active\n' })
    expect(ran).toMatchObject({ exit: 0, stdout: expect.stringContaining('1 new') })
  })

  it.each([
    ['nowhere.csv', /nowhere\.csv cannot be read/],
    ['revenant.yaml', /name it \.csv, \.jsonl or \.ndjson/],
    ['tmp', /name it/],
  ])('refuses %s as an import', async (file, message) => {
    const ran = await house.run(['import', 'identities', file])
    expect(ran).toMatchObject({ exit: 2, stdout: '' })
    expect(ran.stderr).toMatch(message)
  })

  it('exits 3 and shows who is still let in', async () => {
    house.api.live.set('token-of-anna', 'anna')
    await importTokens(house, { anna: 'token-of-anna', bob: 'token-of-bob' })
    const { exit, told, stderr } = await scan()
    expect([exit, stderr]).toEqual([3, ''])
    expect(told).toMatchObject({
      exit: 3,
      coverage: { credentials: 2, open: 1, closed: 1, unverified: 0 },
      findings: [{ kind: 'residual_access', identity: 'anna', system: 'api', state: 'open' }],
    })
    const again = await house.run(['scan', '--once'])
    expect(again.exit).toBe(3)
    expect(again.stdout).toMatch(/2 credentials .*: 1 still accepted, 1 proven closed, 0 not verified/)
    expect(again.stdout).toMatch(/residual_access\s+anna\s+api/)
  })

  it('lists credentials with their verdicts', async () => {
    const rows = documents(await house.run(['credentials', 'list', '--json']))
    expect(rows.map(({ external_id, verdict }) => [external_id, verdict]).sort()).toEqual([
      ['anna', 'accepted'],
      ['bob', 'rejected'],
    ])
    expect((await house.run(['credentials', 'list', '--identity', 'bob'])).stdout).toMatch(/bob\s+api\s+http\s+rejected/)
    expect((await house.run(['credentials', 'list', '--system', 'nowhere'])).stdout).toMatch(/^No credentials/)
  })

  it('shows, acknowledges and exempts a finding', async () => {
    const [finding] = documents(await house.run(['findings', '--json']))
    const id = String(finding?.id)
    const short = id.slice(-8)
    const show = await house.run(['findings', 'show', short])
    expect(show).toMatchObject({ exit: 0, stderr: '' })
    expect(show.stdout).toMatch(/accepted \/ authenticated .*confirmed.*"status":200/)
    expect(show.stdout).toMatch(/controls +.*stranger rejected/)
    const told = documents(await house.run(['findings', 'show', id, '--json']))[0]
    expect(told).toMatchObject({ events: [{ event: 'opened' }] })
    expect(await house.run(['findings', 'acknowledge', short, '--note', 'SEC-411'])).toMatchObject({ exit: 0 })
    const twice = await house.run(['findings', 'acknowledge', short, '--note', 'SEC-411'])
    expect(twice).toMatchObject({ exit: 2, stderr: expect.stringContaining('only an open one') })
    const past = await house.run([
      'findings',
      'exempt',
      short,
      '--owner',
      'dba',
      '--reason',
      'x',
      '--until',
      '2020-01-01T00:00:00Z',
    ])
    expect(past).toMatchObject({ exit: 2, stderr: expect.stringContaining('must lie in the future') })
    const exempt = [
      'findings',
      'exempt',
      short,
      '--owner',
      'dba',
      '--reason',
      'cut-over',
      '--until',
      '2099-01-01T00:00:00Z',
      '--json',
    ]
    const done = await house.run(exempt)
    expect(done.exit).toBe(0)
    expect(documents(done)[0]).toEqual({ finding: id, owner: 'dba', reason: 'cut-over', until: '2099-01-01T00:00:00Z' })
    expect((await house.run(['findings', 'list'])).stdout).toMatch(/acknowledged/)
    expect((await house.run(['findings', 'show', short])).stdout).toMatch(
      /exempted .*until 2099-01-01T00:00:00Z, owner dba: cut-over/,
    )
  })

  it.each([
    [['findings', 'show', '00000000'], 2, /there is no finding/],
    [['findings', 'show', 'nonsense'], 2, /no id of a finding/],
    [['identities', 'terminate', 'nobody-knows'], 2, /nobody-knows/],
    [['systems', 'rebind', 'nowhere'], 2, /there is no system "nowhere"/],
    [['pause', 'nowhere'], 2, /there is no system "nowhere"/],
    [['credentials', 'retire', '00000000-0000-0000-0000-000000000000'], 2, /no credential/],
    [['credentials', 'retire', 'nonsense'], 2, /credential/],
  ])('%j names what is not there', async (args, exit, message) => {
    const ran = await house.run(args)
    expect([ran.exit, ran.stdout]).toEqual([exit, ''])
    expect(ran.stderr).toMatch(message)
  })

  it('does not try what is paused, and exits 4', async () => {
    const paused = await house.run(['pause', 'api', '--note', 'maintenance', '--json'])
    expect([paused.exit, documents(paused)[0]]).toEqual([0, { paused: 'api', changed: true }])
    expect((await house.run(['pause', 'api'])).stdout).toContain('was paused already')
    expect((await house.run(['systems', 'list'])).stdout).toMatch(/api .*paused/)
    house.api.live.delete('token-of-anna')
    await dueAgain('anna')
    const before = house.api.requests.length
    const { exit, told } = await scan()
    expect(house.api.requests.length).toBe(before)
    expect(exit).toBe(3)
    expect(told.coverage).toMatchObject({ credentials: 2, open: 0, closed: 1, unverified: 1 })
  })

  it('tries it again once it is resumed, closes the finding and exits 0', async () => {
    expect((await house.run(['resume', 'api'])).stdout).toContain('Resumed api.')
    const { exit, told } = await scan()
    expect(told.coverage).toMatchObject({ open: 0, closed: 2, unverified: 0 })
    expect([exit, told.findings]).toEqual([0, []])
    expect((await house.run(['findings', 'list'])).stdout).toMatch(/no open findings/)
    expect((await house.run(['findings', 'list', '--all'])).stdout).toMatch(/resolved/)
  })

  it('says so when access comes back', async () => {
    house.api.live.set('token-of-bob', 'bob')
    await dueAgain('bob')
    const { exit, told } = await scan()
    expect([exit, told.findings]).toEqual([3, [expect.objectContaining({ identity: 'bob' })]])
    house.api.live.delete('token-of-bob')
    await dueAgain('bob')
    expect((await scan()).exit).toBe(0)
  })

  it('exits 4 when nothing could be judged', async () => {
    house.api.mode = 'broken'
    await dueAgain('anna')
    const { exit, told } = await scan()
    expect([exit, told]).toEqual([4, expect.objectContaining({ coverage: expect.objectContaining({ open: 0, unverified: 1 }) })])
    expect((await house.run(['scan', '--once'])).stdout).toMatch(/Not verified, and why:\n {2}api: /)
    house.api.mode = 'normal'
  })

  it('sends no secret to a system that moved, until it is rebound', async () => {
    const moved = await startTokenApi()
    moved.live.set('token-of-anna', 'anna')
    try {
      house.configure({
        systems: [house.system({ target: { ...Object(house.system().target), url: `${moved.origin}/me` } })],
        policy: QUICK,
      })
      await dueAgain('anna')
      const { told } = await scan()
      expect(told.coverage).toMatchObject({ unverified: expect.any(Number) })
      expect(moved.requests.filter(({ token }) => token === 'token-of-anna')).toEqual([])
      expect((await house.run(['systems', 'list'])).stdout).toMatch(/origin changed: rebind/)
      const doctor = await house.run(['doctor'])
      expect(doctor).toMatchObject({ exit: 1, stdout: expect.stringMatching(/FAIL {2}system api: .*\n.*systems rebind api/) })
      const rebound = await house.run(['systems', 'rebind', 'api', '--json'])
      expect(documents(rebound)[0]).toMatchObject({ system: 'api', changed: true, from: house.api.origin, to: moved.origin })
      await dueAgain('anna')
      expect((await scan()).exit).toBe(3)
      expect(moved.requests.filter(({ token }) => token === 'token-of-anna').length).toBe(1)
    } finally {
      await moved.stop()
    }
  })

  it('retires a credential', async () => {
    const [row] = documents(await house.run(['credentials', 'list', '--identity', 'anna', '--json']))
    const ran = await house.run(['credentials', 'retire', String(row?.id)])
    expect(ran).toMatchObject({ exit: 0, stdout: expect.stringContaining('shredded') })
    expect((await house.run(['credentials', 'retire', String(row?.id), '--json'])).stdout).toContain('"changed":false')
  })
})
