import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FORMAT_NAMES } from '../../src/alerts/formats/format.ts'
import { importTokens, openTokenHouse, type TokenHouse } from '../commands/house.ts'

describe('revenant alerts preview', { timeout: 240_000 }, () => {
  let house: TokenHouse
  let id = ''
  const preview = (...words: string[]) => house.run(['alerts', 'preview', '--finding', id.slice(-8), ...words])

  beforeAll(async () => {
    house = await openTokenHouse()
    house.api.live.set('mark-anna-secret', 'anna')
    await importTokens(house, { anna: 'mark-anna-secret' })
    const scan = await house.run(['scan', '--once'])
    expect(scan.exit, scan.stdout + scan.stderr).toBe(3)
    const { stdout } = await house.run(['findings', 'list', '--json'])
    id = JSON.parse(stdout.split('\n')[0] ?? '').id
  }, 240_000)
  afterAll(() => house.stop())

  it('prints what a receiver would get, and sends nothing', async () => {
    const json = await preview('--format', 'json')
    expect(json.exit, json.stderr).toBe(0)
    expect(JSON.parse(json.stdout)).toMatchObject({ type: 'revenant.finding.opened', data: { finding: { id } } })
    expect(json.stdout).not.toContain('mark-anna-secret')
    const mail = await preview('--format', 'mail', '--group')
    expect(mail.stdout).toMatch(/^Subject: \[Revenant\] .*\nContent-Type: text\/plain/)
    expect(mail.stdout).toContain('Content-Type: text/html')
    expect(JSON.parse((await house.run(['alerts', '--json'])).stdout || '[]')).toEqual([])
  })

  it('says what is wrong', async () => {
    const unknown = await preview('--format', 'xml')
    expect(unknown.exit).toBe(2)
    for (const name of FORMAT_NAMES) expect(unknown.stderr).toContain(name)
    expect(await preview('--format', 'caep')).toMatchObject({ exit: 2, stderr: expect.stringContaining('signing key') })
    expect(await preview('--format', 'cef', '--group')).toMatchObject({ exit: 2, stderr: expect.stringContaining('no shape') })
    const nowhere = await house.run(['alerts', 'preview', '--finding', '00000000', '--format', 'json'])
    expect(nowhere).toMatchObject({ exit: 2, stderr: expect.stringContaining('there is no finding 00000000') })
  })
})
