import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { openThrottle } from '../../src/api/throttle.ts'
import { endThoseAway } from '../../src/store/leaver.ts'
import { transact } from '../../src/store/transact.ts'
import { type AccessHouse, type Browser, bearer, json, NO_RATE, openAccessHouse } from './access-house.ts'

const states = z.object({
  items: z.array(z.looseObject({ name: z.string(), state: z.string(), endedBy: z.string().nullable() })),
})

/** What somebody has who may leave, and never uses before it is asked for here. */
interface Held {
  token: string
  browser: Browser
}

describe('whoever leaves and comes back', () => {
  let house: AccessHouse
  let admin: string
  let people = 0
  let start: Temporal.Instant
  beforeAll(async () => {
    house = await openAccessHouse({ rate: NO_RATE })
    admin = await house.token('admin')
    start = house.clock.now
  })
  afterAll(() => house.stop())
  beforeEach(() => {
    house.clock.now = start
    house.deps.access.tokens = openThrottle()
  })

  const post = async (path: string, body: unknown) => {
    const answer = await house.ask(path, bearer(admin, json(body)))
    expect([path, answer.status < 300, await answer.clone().text()]).toEqual([path, true, expect.any(String)])
    return z.looseObject({ id: z.string().optional() }).parse(await answer.json())
  }
  const upload = async (rows: readonly object[]) => {
    const body = rows.map((row) => JSON.stringify(row)).join('\n')
    const headers = { 'content-type': 'application/x-ndjson' }
    const answer = await house.ask('/v1/import/identities', bearer(admin, { method: 'POST', body, headers }))
    expect(await answer.json()).toMatchObject({ bad: [] })
  }
  const arrive = async () => {
    const name = `p${++people}`
    const email = `${name}@example.com`
    const { id } = await post('/v1/identities', { externalId: name, email })
    const held: Held = {
      token: await house.token('viewer', { name, owner: email }),
      browser: await house.browser('viewer', email),
    }
    return { name, email, id: id ?? '', held }
  }
  const statusesOf = async ({ token, browser }: Held) => [
    (await house.ask('/v1/session', bearer(token))).status,
    (await browser.ask('/v1/session')).status,
  ]
  const listed = async (name: string) => {
    const { items } = states.parse(await (await house.ask('/v1/tokens?limit=500', bearer(admin))).json())
    const found = items.find((each) => each.name === name)
    return [found?.state, found?.endedBy]
  }
  const audited = async (name: string, email: string) => {
    const rows = await house.deps.db
      .selectFrom('audit')
      .selectAll()
      .where('action', 'in', ['session.end', 'token.revoke'])
      .execute()
    return rows
      .filter(({ subject, detail }) => subject === name || Object(detail).of === email)
      .map(({ action, detail }) => [action, Object(detail).because])
      .toSorted()
  }
  const BOTH = [
    ['session.end', 'terminated'],
    ['token.revoke', 'terminated'],
  ]

  it.each<[string, (of: { id: string; name: string; email: string }) => Promise<unknown>]>([
    ['by hand', ({ id }) => post(`/v1/identities/${id}/terminate`, { reason: 'x' })],
    ['by an upload', ({ name }) => upload([{ external_id: name, terminated_at: start.subtract({ hours: 1 }).toString() }])],
    ['by what is said of it', ({ name }) => post('/v1/identities', { externalId: name, terminatedAt: start.toString() })],
    [
      'as a new identity with the same address',
      ({ name, email }) => upload([{ external_id: `new-${name}`, email: email.toUpperCase(), terminated_at: start.toString() }]),
    ],
    [
      'as a leaver who gets the address later',
      async ({ name, email }) => {
        await upload([{ external_id: `late-${name}`, terminated_at: start.toString() }])
        await upload([{ external_id: `late-${name}`, email, terminated_at: start.toString() }])
      },
    ],
  ])('has lost what it held, in the moment in which it leaves %s, though nothing was used meanwhile', async (_how, leave) => {
    const { name, email, id, held } = await arrive()
    const other = await arrive()
    await leave({ id, name, email })
    expect(await listed(name)).toEqual(['revoked', 'terminated'])
    expect(await audited(name, email)).toEqual(BOTH)
    for (const each of [name, `new-${name}`, `late-${name}`]) {
      const known = await house.deps.db.selectFrom('identity').select('id').where('external_id', '=', each).executeTakeFirst()
      if (known !== undefined) await post(`/v1/identities/${known.id}/reinstate`, { reason: 'x' })
    }
    expect(await statusesOf(held)).toEqual([401, 401])
    expect(await statusesOf(other.held)).toEqual([200, 200])
    expect(await listed(other.name)).toEqual(['live', null])
  })

  it('keeps it until a day that is known in advance, and has lost it then by the clock', async () => {
    const { name, email, id, held } = await arrive()
    await post(`/v1/identities/${id}/terminate`, { reason: 'x', at: start.add({ hours: 1 }).toString() })
    const minute = () => transact(house.deps.db, (tx) => endThoseAway(tx, 'daemon test', house.clock.now))
    expect(await minute()).toBe(0)
    expect(await statusesOf(held)).toEqual([200, 200])
    house.clock.now = start.add({ hours: 1 })
    expect(await minute()).toBe(2)
    expect(await minute()).toBe(0)
    expect(await audited(name, email)).toEqual(BOTH)
    await post(`/v1/identities/${id}/reinstate`, { reason: 'x' })
    expect(await listed(name)).toEqual(['revoked', 'terminated'])
    expect(await statusesOf(held)).toEqual([401, 401])
  })

  it('has lost it where it is taken back after that day, before any clock struck', async () => {
    const { name, email, id, held } = await arrive()
    await post(`/v1/identities/${id}/terminate`, { reason: 'x', at: start.add({ hours: 1 }).toString() })
    house.clock.now = start.add({ hours: 1 })
    await post(`/v1/identities/${id}/reinstate`, { reason: 'x' })
    expect(await audited(name, email)).toEqual(BOTH)
    expect(await statusesOf(held)).toEqual([401, 401])
  })

  it('may do nothing while it is suspended, and has to sign in again after', async () => {
    const { name, email, id, held } = await arrive()
    const suspended = (at: string | null) =>
      house.deps.db.updateTable('identity').set({ suspended_at: at }).where('id', '=', id).execute()
    await suspended(start.toString())
    expect(await statusesOf(held)).toEqual([401, 401])
    expect(await audited(name, email)).toEqual([
      ['session.end', 'suspended'],
      ['token.revoke', 'suspended'],
    ])
    const again = await house.ask('/v1/tokens', bearer(admin, json({ name: 'again', role: 'viewer', owner: email })))
    expect([again.status, await again.text()]).toEqual([422, expect.stringContaining('the owner of this token is suspended')])
    await suspended(null)
    expect(await statusesOf(held)).toEqual([401, 401])
    const browser = await house.browser('viewer', email)
    expect((await browser.ask('/v1/session')).status).toBe(200)
    await suspended(start.toString())
    expect(await transact(house.deps.db, (tx) => endThoseAway(tx, 'daemon test', house.clock.now))).toBe(1)
  })

  it('has lost nothing where it never left', async () => {
    const { id, held } = await arrive()
    await post(`/v1/identities/${id}/terminate`, { reason: 'x', at: start.add({ hours: 1 }).toString() })
    await post(`/v1/identities/${id}/reinstate`, { reason: 'x' })
    house.clock.now = start.add({ hours: 2 })
    expect(await statusesOf(held)).toEqual([200, 200])
  })
})
