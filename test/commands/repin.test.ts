import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { documents, LEFT, lines, openTokenHouse, type TokenHouse } from './house.ts'

describe('a reference that holds another secret than before', { timeout: 120_000 }, () => {
  let house: TokenHouse
  beforeAll(async () => {
    house = await openTokenHouse()
  })
  afterAll(() => house.stop())

  const hold = (token: string) => house.write('held-by-erin', JSON.stringify({ token }), 0o600)
  const scan = async () => {
    for (const action of ['reinstate', 'terminate'])
      expect(await house.run(['identities', action, 'erin'])).toMatchObject({ exit: 0 })
    expect((await house.run(['scan', '--once', '--json'])).stderr).toBe('')
    const [credential] = documents(await house.run(['credentials', 'list', '--json']))
    const [finding] = documents(await house.run(['findings', '--json']))
    return { id: String(credential?.id), verdict: credential?.verdict, reason: credential?.reason, finding: finding?.state }
  }

  it('closes nothing, however often the other one is refused, until an operator says that it is the one to try', async () => {
    const file = hold('token-of-erin')
    house.api.live.set('token-of-erin', 'erin')
    house.write('leavers.jsonl', lines([{ external_id: 'erin', terminated_at: LEFT }]))
    house.write('held.jsonl', lines([{ identity: 'erin', system: 'api', secret_ref: `file:${file}` }]))
    expect(await house.run(['import', 'identities', 'leavers.jsonl'])).toMatchObject({ exit: 0 })
    expect(await house.run(['import', 'credentials', 'held.jsonl'])).toMatchObject({ exit: 0 })
    expect(await scan()).toMatchObject({ verdict: 'accepted', finding: 'open' })

    // Somebody rotates the file; the leaver still has the old token, and it still opens the door.
    hold('another-token')
    const asked = house.api.requests.length
    const { id, ...seen } = await scan()
    expect(seen).toEqual({ verdict: 'inconclusive', reason: 'secret_unavailable', finding: 'open' })
    expect(house.api.requests.slice(asked).map(({ token }) => token)).not.toContain('another-token')

    hold('token-of-erin')
    expect(await scan()).toMatchObject({ verdict: 'accepted', finding: 'open' })

    hold('another-token')
    expect(await house.run(['credentials', 'repin', id])).toMatchObject({ exit: 0, stdout: expect.stringContaining('new') })
    expect(await scan()).toMatchObject({ verdict: 'rejected' })
  })

  it.each([
    ['nonsense', /no credential/],
    ['00000000-0000-0000-0000-000000000000', /no credential/],
  ])('refuses %s', async (id, message) => {
    const ran = await house.run(['credentials', 'repin', id])
    expect(ran).toMatchObject({ exit: 2, stdout: '' })
    expect(ran.stderr).toMatch(message)
  })
})
