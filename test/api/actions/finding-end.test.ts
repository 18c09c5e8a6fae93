import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { FINDING_ACTIONS } from '../../../src/api/routes/finding-actions.ts'
import { IDENTITY_ACTIONS } from '../../../src/api/routes/identity-actions.ts'
import { INTAKE_ACTIONS } from '../../../src/api/routes/intake-actions.ts'
import { SCAN_ACTIONS } from '../../../src/api/routes/scan-actions.ts'
import { until } from '../../servers/revenant.ts'
import { startWebhookReceiver, type WebhookReceiver } from '../../servers/webhook-receiver.ts'
import { type ActionHouse, openActionHouse } from './house.ts'

const LINES = 'application/x-ndjson'
const jsonLines = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('')

const sent = z.object({
  type: z.string(),
  data: z.object({
    identity: z.object({ externalId: z.string() }),
    finding: z.object({ id: z.string() }),
    summary: z.string(),
    evidence: z
      .object({ observationId: z.string(), verdict: z.string(), controls: z.array(z.object({ control: z.string() })) })
      .exactOptional(),
  }),
})

/** Two leavers whose tokens the API takes, and a receiver that hears of both: the trials, the queue and the deliveries are real. */
describe('what an alert that it is over rests on', { timeout: 90_000 }, () => {
  let house: ActionHouse
  let receiver: WebhookReceiver
  beforeAll(async () => {
    receiver = await startWebhookReceiver()
    const routes = [...FINDING_ACTIONS, ...IDENTITY_ACTIONS, ...INTAKE_ACTIONS, ...SCAN_ACTIONS]
    house = await openActionHouse(routes, [{ name: 'all', sink: 'webhook', to: receiver.url, minSeverity: 'info' }])
    house.api.live.set('canary', 'canary').set('token-of-ada', 'ada').set('token-of-bob', 'bob')
    const people = ['ada', 'bob']
    await house.upload('/v1/import/identities', LINES, jsonLines(people.map((external_id) => ({ external_id }))))
    const held = people.map((identity) => ({ identity, system: 'api', secret: { token: `token-of-${identity}` } }))
    await house.upload('/v1/import/credentials', LINES, jsonLines(held))
    await house.runtime.work()
    for (const each of people) {
      const { id } = await idsOf('identity', each)
      await house.post(`/v1/identities/${id}/terminate`, { reason: 'left' })
    }
  }, 90_000)
  afterAll(async () => {
    await house?.stop()
    await receiver?.close()
  })

  const idsOf = (table: 'identity' | 'credential', externalId: string) => {
    const db = house.runtime.store.db
    const of = (id: string) => db.selectFrom('credential').select('id').where('identity_id', '=', id).executeTakeFirstOrThrow()
    const identity = db.selectFrom('identity').select('id').where('external_id', '=', externalId).executeTakeFirstOrThrow()
    return table === 'identity' ? identity : identity.then(({ id }) => of(id))
  }
  /** What the receiver was sent of a leaver under a type. */
  const told = (externalId: string, event: string) =>
    until(
      async () => {
        await house.runtime.tick()
        const all = receiver.received.map(({ body }) => sent.parse(JSON.parse(body)))
        return all.find(({ type, data }) => type === `revenant.finding.${event}` && data.identity.externalId === externalId)?.data
      },
      (data) => data !== undefined,
    )

  it.each(['ada', 'bob'])('it opens on an acceptance and its controls: %s', async (who) => {
    const opened = await told(who, 'opened')
    expect(opened?.evidence).toMatchObject({ verdict: 'accepted' })
    expect(opened?.evidence?.controls.map(({ control }) => control)).toEqual(expect.arrayContaining(['canary', 'nobody']))
  })

  it('no answer of the system, where an operator says that it is over', async () => {
    const opened = await told('ada', 'opened')
    const { id } = await idsOf('credential', 'ada')
    expect((await house.post(`/v1/credentials/${id}/retire`)).status).toBe(200)
    const done = await house.post(`/v1/findings/${opened?.finding.id}/resolve`, { note: 'rehired' }, 'operator')
    expect(done).toMatchObject({ status: 200, body: { state: 'resolved' } })
    const over = await told('ada', 'resolved')
    expect(over).not.toHaveProperty('evidence')
    expect(over?.summary).toContain('without a new answer of the system')
    // The token still opens the door: nothing that was said of it is a proof.
    expect(house.api.live.has('token-of-ada')).toBe(true)
    expect(JSON.stringify(over)).not.toContain(opened?.evidence?.observationId)
  })

  it('the refusal and its controls, where the system proves it', async () => {
    const opened = await told('bob', 'opened')
    house.api.live.delete('token-of-bob')
    const { id } = await idsOf('credential', 'bob')
    expect((await house.post(`/v1/credentials/${id}/scan`, undefined, 'operator')).status).toBe(202)
    const over = await told('bob', 'resolved')
    expect(over?.evidence).toMatchObject({ verdict: 'rejected' })
    expect(over?.evidence?.observationId).not.toBe(opened?.evidence?.observationId)
    expect(over?.evidence?.controls.map(({ control }) => control)).toEqual(expect.arrayContaining(['canary', 'nobody']))
    expect(over?.summary).not.toContain('without a new answer')
  })
})
