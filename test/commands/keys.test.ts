import { chmodSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { importTokens, openTokenHouse, QUICK, type TokenHouse } from './house.ts'

const PASSPHRASE = 'the right passphrase of the ring'

describe('the key ring, wrapped while the daemon runs', { timeout: 180_000 }, () => {
  let house: TokenHouse
  beforeAll(async () => {
    house = await openTokenHouse()
  })
  afterAll(() => house.stop())

  it('opens, is rotated, and is lost with its passphrase; keys check tells what that costs', async () => {
    const phrase = house.write('passphrase', PASSPHRASE)
    const wrap = { by: 'passphrase', passphrase: `file:${phrase}` }
    const file = house.path('data/keyring.json')
    const configure = (keyRing: object) => house.configure({ systems: [house.system()], policy: QUICK, keyRing })
    configure({ file })
    let daemon = await house.daemon()
    await importTokens(house, { erin: 'token-of-erin', finn: 'token-of-finn' })
    expect(await house.run(['keys', 'wrap'])).toMatchObject({ exit: 2, stderr: expect.stringContaining('names no keyRing.wrap') })

    const since = daemon.said().length
    configure({ file, wrap })
    daemon.child.kill('SIGHUP')
    await daemon.waitFor('configuration reloaded', since)
    expect(await house.run(['keys', 'unwrap'])).toMatchObject({ exit: 2, stderr: expect.stringContaining('is not wrapped') })
    expect(await house.run(['keys', 'wrap'])).toMatchObject({
      exit: 0,
      stdout: expect.stringContaining('now wrapped with a passphrase'),
    })
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ version: 2, wrap: { by: 'passphrase' } })
    expect(await house.run(['keys', 'wrap'])).toMatchObject({ exit: 2, stderr: expect.stringContaining('keys rewrap') })
    expect(await house.run(['keys', 'rotate', '--drop-old', '--json'])).toMatchObject({
      exit: 0,
      stdout: expect.stringContaining('"resealed":2'),
    })
    expect(await house.run(['keys', 'check'])).toMatchObject({
      exit: 0,
      stdout: expect.stringContaining('2 secrets held, 2 open, 0 can no'),
    })
    await daemon.stop()

    // The daemon that starts with the wrapped ring tries what it opens.
    house.api.live.set('token-of-erin', 'erin')
    daemon = await house.daemon()
    for (const action of ['reinstate', 'terminate'])
      expect(await house.run(['identities', action, 'erin'])).toMatchObject({ exit: 0 })
    await expect.poll(() => house.api.requests.some(({ token }) => token === 'token-of-erin'), { timeout: 20_000 }).toBe(true)
    await daemon.stop()

    house.write('passphrase', 'a wrong passphrase of the ring')
    const refused = await house.run(['credentials', 'list'])
    expect(refused).toMatchObject({ exit: 2, stderr: expect.stringContaining('the passphrase is not the one') })
    expect(refused.stderr).toContain('revenant keys check')
    const lost = await house.run(['keys', 'check'])
    expect(lost.exit).toBe(3)
    expect(lost.stdout).toContain('2 secrets held, 0 open, 2 can no longer be opened')
    expect(lost.stdout).toContain('api: 2 credentials')
    expect(lost.stdout).toMatch(/erin at api .*: the key ring is not open/)
    expect(lost.stdout).toContain('Make a passphrase available again')
    const told = await house.run(['keys', 'check', '--json'])
    expect(JSON.parse(told.stdout)).toMatchObject({ ring: { state: 'closed' }, secrets: { lost: 2 }, ledgerKeysMissing: true })

    house.write('passphrase', PASSPHRASE)
    // A mode that is too wide says nothing against the wrap.
    chmodSync(file, 0o644)
    const open = await house.run(['keys', 'check'])
    chmodSync(file, 0o600)
    expect(open.exit).toBe(3)
    expect(open.stdout).toContain('closed, wrapped with a passphrase, mode 0644\n')
    expect(open.stdout).toContain(`Run chmod 600 ${file}`)
    expect(open.stdout).not.toContain('available again')

    configure({ file, previous: [wrap] })
    expect(await house.run(['keys', 'unwrap'])).toMatchObject({ exit: 0, stdout: expect.stringContaining('no longer wrapped') })
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ version: 1 })
    for (const { stdout, stderr } of [refused, lost, told])
      expect(`${stdout}${stderr}`).not.toMatch(/passphrase of the ring|token-of/)
  })
})
