import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startWebhookReceiver, type WebhookReceiver } from '../servers/webhook-receiver.ts'
import { documents, importTokens, openTokenHouse, QUICK, type TokenHouse } from './house.ts'

/** Each test goes on from the one before it. */
describe('the alerts of one sweep without a daemon', { timeout: 120_000 }, () => {
  let house: TokenHouse
  let receiver: WebhookReceiver
  /** What the receiver says to the next requests; then it takes them. */
  let refusals = 0

  beforeAll(async () => {
    house = await openTokenHouse()
    receiver = await startWebhookReceiver({
      respond: (response) => response.writeHead(refusals-- > 0 ? 503 : 204).end(),
    })
    const alerts = [{ name: 'soc', sink: 'webhook', format: 'json', to: receiver.url }]
    house.configure({ systems: [house.system()], policy: { ...QUICK, revokeWithin: { default: '1m' } }, alerts })
    house.api.live.set('token-of-anna', 'anna')
    house.api.live.set('token-of-bob', 'bob')
    await importTokens(house, { anna: 'token-of-anna' })
  }, 120_000)
  afterAll(async () => {
    await house.stop()
    await receiver.close()
  })

  it('are tried again while it waits', async () => {
    refusals = 1
    const ran = await house.run(['scan', '--once', '--json'])
    expect(ran.exit, ran.stderr).toBe(3)
    expect(documents(ran)[0]).toMatchObject({ alerts: { pending: 0, sinks: [] } })
    expect(receiver.received.map(({ body }) => JSON.parse(body).type)).toEqual(
      Array.from({ length: 2 }, () => 'revenant.finding.opened'),
    )
  })

  it('are named with their receiver where the time is over, and where it gives none', async () => {
    await importTokens(house, { bob: 'token-of-bob' })
    refusals = 1_000
    const ran = await house.run(['scan', '--once', '--wait', '2s'])
    expect(ran.exit, ran.stderr).toBe(3)
    expect(ran.stdout).toContain('1 alert is still pending: soc (1); the daemon, or the next sweep, sends them.')
    const told = documents(await house.run(['scan', '--once', '--wait', '0', '--json']))[0]
    expect(told).toMatchObject({ exit: 3, alerts: { pending: 1, sinks: [{ sink: 'soc', pending: 1 }] } })
  })

  it('are sent by the next sweep', async () => {
    refusals = 0
    const ran = await house.run(['scan', '--once'])
    expect(ran.stdout).not.toContain('pending')
    expect((await house.run(['alerts', 'list'])).stdout.match(/delivered/g)).toHaveLength(2)
  })

  it.each(['2', 'soon', '2h', '-1s', ''])('are not waited for %j long', async (wait) => {
    expect(await house.run(['scan', '--once', `--wait=${wait}`])).toMatchObject({
      exit: 2,
      stderr: expect.stringContaining('--wait'),
    })
  })
})
