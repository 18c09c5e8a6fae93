import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { documents, importTokens, openTokenHouse, QUICK, type TokenHouse } from '../commands/house.ts'
import { type RunningDaemon, until } from '../servers/revenant.ts'

const PERIOD = ['--from', '2020-01-01T00:00:00Z', '--to', '2100-01-01T00:00:00Z']
const TOKEN = 'a-token-of-an-auditor-0123456789abcdef'

describe('the daemon', { timeout: 120_000 }, () => {
  let house: TokenHouse
  let daemon: RunningDaemon
  beforeAll(async () => {
    house = await openTokenHouse({ GRC_TOKEN: TOKEN })
    house.api.live.set('token-of-anna', 'anna')
    configure([{ name: 'grc', token: 'env:GRC_TOKEN' }])
    await importTokens(house, { anna: 'token-of-anna' })
    daemon = await house.daemon()
  }, 120_000)
  afterAll(() => house.stop())

  const configure = (auditorTokens: { name: string; token: string }[]) =>
    house.configure({ systems: [house.system()], policy: QUICK, evidence: { auditorTokens } })
  const reload = async (says: string) => {
    const since = daemon.said().length
    daemon.child.kill('SIGHUP')
    await daemon.waitFor(says, since)
  }
  const statusOf = async (token: string, path = 'entries') => {
    const answer = await fetch(`${daemon.address}/v1/evidence/${path}`, { headers: { authorization: `Bearer ${token}` } })
    await answer.arrayBuffer()
    return answer.status
  }
  const operators = async () => documents(await house.run(['report', 'statement', 'operators', ...PERIOD, '--json']))

  it('hands evidence out to the tokens of its configuration, those of the last good one after a reload', async () => {
    // The first checkpoint comes within seconds.
    await until(
      () => statusOf(TOKEN, 'checkpoint'),
      (status) => status === 200,
    )
    const frameworks = `frameworks?from=${PERIOD[1]}&to=${PERIOD[3]}`
    for (const path of ['entries', 'findings', 'checkpoint', frameworks, 'openapi.json'])
      expect([path, await statusOf(TOKEN, path)]).toEqual([path, 200])
    const file = house.write('token', `${'b'.repeat(40)}\n`)
    configure([{ name: 'file', token: `file:${file}` }])
    await reload('"msg":"configuration reloaded"')
    expect([await statusOf(TOKEN), await statusOf('b'.repeat(40))]).toEqual([401, 200])
    house.write('token', 'short\n')
    await reload('the configuration was not reloaded')
    expect(await statusOf('b'.repeat(40))).toBe(200)
    configure([])
    await reload('"msg":"configuration reloaded"')
    expect([await statusOf(TOKEN), await statusOf('b'.repeat(40))]).toEqual([404, 404])
    const pulled = (await operators()).filter(({ action }) => action === 'evidence.pull')
    expect(new Set(pulled.map(({ actor }) => actor))).toEqual(new Set(['token:grc', 'token:file']))
    expect(daemon.said()).not.toMatch(/bbbbbbbb|a-token-of-an-auditor/)
  })

  it('logs who looked at what by the command line, once an hour', async () => {
    const [finding] = documents(await house.run(['findings', '--json']))
    const id = String(finding?.id)
    const commands = [
      ['identities', 'list'],
      ['credentials', 'list', '--identity', 'anna'],
      ['findings', 'list', '--system', 'api'],
      ['findings', 'show', id],
      ['alerts', 'list'],
      ['alerts', 'preview', '--finding', id, '--format', 'json'],
    ]
    for (const words of [...commands, ...commands.slice(0, 2)]) expect((await house.run(words)).exit).toBe(0)
    const viewed = (await operators()).filter(({ action }) => String(action).endsWith('.view'))
    // The hour may have turned meanwhile: then there is a second row, with the number of looks before.
    const subjects = [...new Set(viewed.map(({ action, subject }) => `${action} ${subject}`))]
    expect(subjects.toSorted()).toEqual(
      [
        `alert.view ${id}`,
        ...['alerts.view all', 'credentials.view anna', `finding.view ${id}`, 'findings.view all', 'findings.view api'],
        'identities.view all',
      ].toSorted(),
    )
    expect(viewed.length).toBeLessThanOrEqual(
      subjects.length + viewed.filter(({ detail }) => JSON.stringify(detail).includes('repeats')).length,
    )
    const ofAnna = documents(await house.run(['report', 'statement', 'operators', ...PERIOD, '--identity', 'anna', '--json']))
    expect(ofAnna).toMatchObject(
      expect.arrayContaining([
        expect.objectContaining({ action: 'credentials.view', subject: 'anna', detail: { identity: 'anna' } }),
        expect.objectContaining({ action: 'finding.view', subject: id }),
      ]),
    )
    expect(ofAnna.map(({ subject }) => subject)).not.toContain('api')
    expect((await house.run(['ledger', 'verify'])).exit).toBe(0)
  })

  it('does not start on a token that is too short, and says which', async () => {
    await daemon.stop()
    house.write('token', 'short-secret\n')
    configure([{ name: 'file', token: `file:${house.path('token')}` }])
    const ran = await house.run(['run'])
    expect(ran.exit).toBe(2)
    expect(ran.stdout + ran.stderr).toContain('evidence.auditorTokens, file')
    expect(ran.stdout + ran.stderr).not.toContain('short-secret')
  })
})
