import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { documents, importTokens, openTokenHouse, type TokenHouse } from './house.ts'

const PERIOD = [
  '--from',
  new Date(Date.now() - 86_400_000).toISOString(),
  '--to',
  new Date(Date.now() + 86_400_000).toISOString(),
]

/** From a sweep to a verified bundle, command by command. */
describe('report and verify', { timeout: 180_000 }, () => {
  let house: TokenHouse
  beforeAll(async () => {
    house = await openTokenHouse()
    house.api.live.set('tk-live', 'anna')
    await importTokens(house, { anna: 'tk-live', bert: 'tk-dead' })
    await house.run(['scan', '--once'])
  })
  afterAll(() => house.stop())

  it('writes a bundle that verifies without configuration, as a folder and as a ZIP', async () => {
    for (const out of ['bundle', 'bundle.zip']) {
      const made = await house.run(['report', 'evidence', ...PERIOD, '--out', out, '--json'])
      expect(made).toMatchObject({ exit: 0, stderr: '' })
      expect(documents(made)[0]).toMatchObject({ format: 'revenant-bundle', gone: 0, altered: 0 })
      const verified = await house.run(['verify', out, '--json'], { config: false })
      expect(verified, verified.stdout).toMatchObject({ exit: 0, stderr: '' })
      expect(documents(verified)[0]).toMatchObject({ holds: true, keysGiven: false })
    }
    expect(readdirSync(house.folder).filter((name) => name.includes('partial'))).toEqual([])
    const vkey = readFileSync(house.path('bundle/keys.txt'), 'utf8').trim()
    const told = await house.run(['verify', 'bundle', '--vkey', vkey], { config: false })
    expect(told.stdout).toContain('Everything in this bundle holds.')
    expect(told.stdout).not.toContain("bundle's own")
    const untold = await house.run(['verify', 'bundle'], { config: false })
    expect(untold.stdout).toContain('Who made it is not proven.')
    expect(untold.stdout).not.toContain('Everything in this bundle holds')
  })

  it('holds every observation of the sweep', () => {
    const facts = readFileSync(house.path('bundle/entries/observation.jsonl'), 'utf8')
    expect(facts).toContain('"verdict":"accepted"')
    expect(facts).toContain('"verdict":"rejected"')
    expect(readFileSync(house.path('bundle/summary.csv'), 'utf8')).toMatch(
      /^pci_dss,8\.2\.5,.*,revocation,credential,2,2,1,1,0,/m,
    )
    for (const file of readdirSync(house.path('bundle'), { recursive: true, encoding: 'utf8' }).filter((path) =>
      /\.(?:csv|jsonl|json|html|txt)$/.test(path),
    ))
      expect(readFileSync(house.path(`bundle/${file}`), 'utf8'), file).not.toMatch(/tk-(?:live|dead)/)
  })

  it('exits 3 and names the place when something is false, 2 when it is no bundle', async () => {
    const file = house.path('bundle/entries/observation.jsonl')
    const before = readFileSync(file, 'utf8')
    writeFileSync(file, before.replace('"verdict":"accepted"', '"verdict":"rejected"'))
    const ran = await house.run(['verify', 'bundle'], { config: false })
    expect(ran.exit).toBe(3)
    expect(ran.stdout).toMatch(/^First false byte: entries\/observation\.jsonl, byte \d+ \(line \d+\): /m)
    writeFileSync(file, before)
    expect(await house.run(['verify', 'revenant.yaml'], { config: false })).toMatchObject({
      exit: 2,
      stderr: expect.stringContaining('no ZIP file'),
    })
    expect(await house.run(['verify', 'bundle', '--vkey', 'nonsense'], { config: false })).toMatchObject({ exit: 2 })
  })

  it('writes nothing over, and takes an empty folder', async () => {
    expect(await house.run(['report', 'evidence', ...PERIOD, '--out', 'bundle'])).toMatchObject({
      exit: 2,
      stderr: expect.stringContaining('exists already'),
    })
    expect(await house.run(['report', 'evidence', ...PERIOD, '--out', 'Q.ZIP'])).toMatchObject({ exit: 0 })
    expect(readFileSync(house.path('Q.ZIP')).subarray(0, 2).toString()).toBe('PK')
    const day = await house.run(['report', 'evidence', '--from', '2027-01-01', '--to', '2027-04-01', '--out', 'x'])
    expect([day.exit, day.stderr]).toEqual([2, expect.stringContaining('for UTC give 2027-01-01T00:00:00Z')])
    mkdirSync(house.path('empty'))
    expect(await house.run(['report', 'evidence', ...PERIOD, '--out', 'empty', '--identity', 'anna'])).toMatchObject({ exit: 0 })
    expect(await house.run(['verify', 'empty'], { config: false })).toMatchObject({
      exit: 0,
      stdout: expect.stringContaining('chosen by identity anna'),
    })
  })

  it.each<[string, string[], RegExp]>([
    ['a control without its framework', ['--control', '8.2.5'], /--control needs --framework/],
    ['an unknown framework', ['--framework', 'pci'], /choose one of .*pci_dss/],
    ['an unknown control', ['--framework', 'pci_dss', '--control', '9'], /choose one of 8\.2\.5/],
    ['an unknown identity', ['--identity', 'nobody'], /no identity nobody/],
    ['an unknown system', ['--system', 'nothing'], /no system nothing/],
    ['a checkpoint that is not there', ['--since-checkpoint', 'nowhere'], /nowhere cannot be read/],
    ['a place where no folder can be made', ['--out', '/proc/nowhere/bundle'], /cannot be written/],
    ['a checkpoint that is none', ['--since-checkpoint', 'revenant.yaml'], /no signed note|no checkpoint/],
  ])('refuses %s', async (_what, options, message) => {
    const ran = await house.run(['report', 'evidence', ...PERIOD, '--out', 'refused', ...options])
    expect(ran).toMatchObject({ exit: 2, stderr: expect.stringMatching(message) })
    expect(existsSync(house.path('refused'))).toBe(false)
  })

  it('proves that the log continues an older checkpoint', async () => {
    const made = await house.run([
      'report',
      'evidence',
      ...PERIOD,
      '--out',
      'later',
      '--since-checkpoint',
      'bundle/log/checkpoint',
    ])
    expect(made).toMatchObject({ exit: 0 })
    const ran = await house.run(['verify', 'later', '--checkpoint', 'bundle/log/checkpoint'], { config: false })
    expect(ran, ran.stdout).toMatchObject({ exit: 0, stdout: expect.stringMatching(/holds {2}consistency/) })
  })

  it('states who left, as a table, JSON and CSV; and logs who asked', async () => {
    const told = await house.run(['report', 'statement', 'leavers', ...PERIOD])
    expect(told.stdout).toMatch(/anna .* open /)
    const lines = documents(await house.run(['report', 'statement', 'leavers', ...PERIOD, '--json']))
    expect(lines.map(({ external_id, state }) => `${external_id} ${state}`)).toEqual(['anna open', 'bert closed'])
    const csv = await house.run(['report', 'statement', 'leavers', ...PERIOD, '--csv', '--limit', '1'])
    expect(csv.stdout.trim().split('\n')).toHaveLength(2)
    const asked = documents(await house.run(['report', 'statement', 'operators', ...PERIOD, '--json']))
    expect(asked.map(({ action }) => action)).toEqual(expect.arrayContaining(['report.evidence', 'report.statement']))
    expect(await house.run(['report', 'statement', 'leaver', ...PERIOD])).toMatchObject({
      exit: 2,
      stderr: expect.stringContaining('choose one of leavers'),
    })
  })

  it('writes OSCAL alone', async () => {
    for (const [what, root] of [
      ['oscal', 'assessment-results'],
      ['poam', 'plan-of-action-and-milestones'],
    ] as const) {
      expect(await house.run(['report', what, ...PERIOD, '--out', `${what}.json`])).toMatchObject({ exit: 0 })
      expect(Object.keys(JSON.parse(readFileSync(house.path(`${what}.json`), 'utf8')))).toEqual([root])
      expect(await house.run(['report', what, ...PERIOD, '--out', `${what}.json`])).toMatchObject({ exit: 2 })
    }
    const none = await house.run(['report', 'poam', ...PERIOD, '--identity', 'bert', '--out', 'none.json'])
    expect(none).toMatchObject({ exit: 0, stdout: expect.stringContaining('no file was written') })
    expect(existsSync(house.path('none.json'))).toBe(false)
  })

  it('checks the mapping to frameworks with the configuration', async () => {
    house.write(
      'mine.yaml',
      'version: 1\nframeworks:\n  mine: { title: Mine, controls: { A-1: { title: x, checks: [replay] } } }\n',
    )
    house.configure({ systems: [house.system()], policy: { confirmRejections: 1 }, frameworks: 'mine.yaml' })
    expect(await house.run(['config', 'check'])).toMatchObject({
      exit: 2,
      stderr: expect.stringMatching(/mine\.yaml:3:\d+ .*checks\[0\]/),
    })
    house.write(
      'mine.yaml',
      'version: 1\nframeworks:\n  mine: { title: Mine, controls: { A-1: { title: x, checks: [revocation] } } }\n',
    )
    expect(await house.run(['report', 'evidence', ...PERIOD, '--out', 'mine', '--framework', 'mine'])).toMatchObject({ exit: 0 })
    expect(readFileSync(house.path('mine/summary.csv'), 'utf8').trim().split('\n')).toHaveLength(2)
  })

  it('alerts name the requirements of that mapping', async () => {
    const [framework, requirement] = ['mine', 'A-1']
    const control = `{ title: x, checks: [revocation], findings: [residual_access] }`
    house.write(
      'mine.yaml',
      `version: 1\nframeworks:\n  ${framework}: { title: Mine, controls: { ${requirement}: ${control} } }\n`,
    )
    house.api.live.set('tk-new', 'carl')
    await importTokens(house, { carl: 'tk-new' })
    await house.run(['scan', '--once'])
    const [found] = documents(await house.run(['findings', 'list', '--identity', 'carl', '--json']))
    const shown = await house.run(['alerts', 'preview', '--finding', String(found?.id), '--format', 'json'])
    expect(JSON.parse(shown.stdout)).toMatchObject({ data: { frameworks: { mine: ['A-1'] } } })
  })
})
