import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { deliver, type OpenedSink } from '../../src/alerts/delivery.ts'
import type { FormatName } from '../../src/alerts/formats/format.ts'
import { openSink, sinkEntry } from '../../src/alerts/sinks/registry.ts'
import type { Alert } from '../../src/domain/alert.ts'
import type { Route } from '../../src/domain/route.ts'
import { redriveDeliveries } from '../../src/store/delivery.ts'
import { startSmtp } from '../servers/smtp.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { type Respond, startWebhookReceiver, type WebhookReceiver } from '../servers/webhook-receiver.ts'
import { clear } from '../store/checks.ts'
import { openedSink } from './opened-sink.ts'
import { openDoors, openPostOffice, type PostOffice } from './post-office.ts'
import { ALERT, CONTEXT } from './sample.ts'

const DAY = Temporal.Instant.from('2026-11-24T12:00:00Z')
const group = { by: 'identity', waitMs: 30_000 } as const
const row = z.object({ id: z.string(), sequence: z.int(), event: z.string(), dedupKey: z.string() })
const document = z.object({
  type: z.string(),
  data: z.looseObject({ id: z.string(), omitted: z.int().optional(), alerts: z.array(row).optional() }),
})
type Row = z.infer<typeof row>

/** A message as the receiver has it: its id and its rows. */
function read({ headers, body }: WebhookReceiver['received'][number]): { id: string; rows: Row[]; omitted: number } {
  const { type, data } = document.parse(JSON.parse(body))
  expect(headers['webhook-id']).toBe(data.id)
  const rows = type === 'revenant.group' ? (data.alerts ?? []) : [row.parse(data)]
  return { id: data.id, rows, omitted: data.omitted ?? 0 }
}

/** Every alert in exactly one message, in the order of its finding; none is only counted. */
function expectOnce(messages: readonly { rows: readonly Row[]; omitted: number }[], alerts: readonly Alert[]) {
  const rows = messages.flatMap((each) => each.rows)
  expect(rows.map(({ id }) => id).toSorted()).toEqual(alerts.map(({ id }) => id).toSorted())
  expect(messages.reduce((sum, { omitted }) => sum + omitted, 0)).toBe(0)
  for (const of of Map.groupBy(rows, ({ dedupKey }) => dedupKey).values())
    expect(of.map(({ sequence }) => sequence)).toEqual(of.map(({ sequence }) => sequence).toSorted((a, b) => a - b))
}

describe.each(STORES.slice(0, 2))('messages on $name', ({ open }) => {
  let test: TestStore
  let office: PostOffice
  let sinks: Map<string, OpenedSink>
  let closers: (() => Promise<unknown>)[]
  const db = () => test.store.db

  beforeAll(async () => {
    test = await open()
  }, 120_000)
  afterAll(() => test?.stop())
  beforeEach(async () => {
    await clear(db())
    closers = []
    sinks = new Map()
    office = openPostOffice(db(), sinks, DAY)
  })
  afterEach(async () => {
    for (const close of closers.reverse()) await close()
  })

  const add = (name: string, entry: Record<string, unknown>, route: Partial<Route>, format: FormatName) => {
    const sink = openSink(sinkEntry.parse({ name, format, ...entry }), { context: CONTEXT, now: office.now })
    sinks.set(name, openedSink(sink, route, format))
    closers.push(() => sink.close())
  }
  const hook = async (name: string, route: Partial<Route> = {}, format: FormatName = 'json') => {
    let respond: Respond = (response) => response.writeHead(204).end()
    const receiver = await startWebhookReceiver({ respond: (response, one) => respond(response, one) })
    closers.push(() => receiver.close())
    add(name, { sink: 'webhook', to: receiver.url, timeout: '10s' }, route, format)
    return {
      received: receiver.received,
      messages: () => receiver.received.map(read),
      answer: (status: number, headers: Record<string, string> = {}) => {
        respond = (response) => response.writeHead(status, headers).end()
      },
    }
  }
  const states = async () => {
    const rows = await db().selectFrom('delivery').select(['state', 'sink']).execute()
    return Object.fromEntries([...Map.groupBy(rows, ({ state }) => state)].map(([state, of]) => [state, of.length]))
  }
  const doors = (count: number, of?: Parameters<typeof openDoors>[3]) => openDoors(db(), office.now, count, of)

  it('tell people of forty open doors of one leaver in one message with forty rows, and machines in forty', async () => {
    const chat = await startWebhookReceiver({ respond: (response) => response.writeHead(200).end('ok') })
    const smtp = await startSmtp()
    closers.push(
      () => chat.close(),
      () => smtp.close(),
    )
    add('chat', { sink: 'slack', to: chat.url }, { group }, 'slack')
    const mail = { sink: 'smtp', to: `smtp://127.0.0.1:${smtp.port}`, starttls: 'off', from: 'r@example.com' }
    add('mail', { ...mail, recipients: ['soc@example.com'] }, { group }, 'mail')
    const json = await hook('json')
    const ecs = await hook('ecs', {}, 'ecs')
    const alerts = (await doors(40)).map((door) => door.alert('opened'))
    await office.raise(alerts)
    await office.run(29)
    expect([chat.received.length, smtp.mails.length], 'others may follow').toEqual([0, 0])
    await office.run(2)
    const [message, ...more] = chat.received.map(({ body }) => JSON.parse(body))
    expect(more).toEqual([])
    expect(message.blocks[0].text.text).toContain('40 alerts: Jane Doe')
    const text = JSON.stringify(message.blocks)
    const [letter, ...letters] = smtp.mails
    expect(letters).toEqual([])
    expect(letter?.mail.subject).toContain('40 alerts: Jane Doe')
    for (let n = 0; n < 40; n++) {
      expect(text).toMatch(new RegExp(`door ${n}\\b`))
      expect(letter?.mail.text).toMatch(new RegExp(`door ${n}\\b`))
    }
    expect(text).not.toContain(' more: revenant')
    expectOnce(json.messages(), alerts)
    expect(json.received).toHaveLength(40)
    const events = ecs.received.map(({ body }) => JSON.parse(body).event.id)
    expect(events.toSorted()).toEqual(alerts.map(({ id }) => id).toSorted())
    expect(await states()).toEqual({ delivered: 160 })
    expect(office.told.filter((line) => line === 'chat delivered')).toHaveLength(40)
  })

  it('share what they are grouped by', async () => {
    const hooks = {
      identity: await hook('by-identity', { group }),
      system: await hook('by-system', { group: { ...group, by: 'system' } }),
      owner: await hook('by-owner', { group: { ...group, by: 'owner' } }),
      sink: await hook('by-sink', { group: { ...group, by: 'sink' } }),
    }
    const person = (id: string) => ({ id, externalId: id, kind: 'human' as const, name: `Person ${id}` })
    const system = (id: string, owner: string) => ({ ...ALERT.system, id, name: `system-${id}`, owner })
    // Three people, four systems, two owners.
    const alerts = (
      await doors(12, (n) => ({ identity: person(`p${n % 3}`), system: system(`s${n % 4}`, n % 4 < 3 ? 'dba' : 'web') }))
    ).map((door) => door.alert('opened'))
    await office.raise(alerts)
    await office.run(40)
    const about = (of: Awaited<ReturnType<typeof hook>>) =>
      of.received.map(({ body }) => `${JSON.parse(body).data.count} ${JSON.parse(body).data.about}`).toSorted()
    expect(about(hooks.identity)).toEqual(['4 Person p0', '4 Person p1', '4 Person p2'])
    expect(about(hooks.system)).toEqual(['3 system-s0', '3 system-s1', '3 system-s2', '3 system-s3'])
    expect(about(hooks.owner)).toEqual(['3 systems of web', '9 systems of dba'])
    expect(about(hooks.sink)).toEqual([expect.stringMatching(/^12 Person p\d and 2 more$/)])
    for (const each of Object.values(hooks)) expectOnce(each.messages(), alerts)
  })

  it('are retried with the same id and the same rows; what comes later waits for them and follows in order', async () => {
    const one = await hook('soc', { group })
    const [first, second, third] = await doors(3)
    if (first === undefined || second === undefined || third === undefined) throw new Error('no doors')
    const opened = [first.alert('opened'), second.alert('opened')]
    await office.raise(opened)
    one.answer(503, { 'retry-after': '120' })
    await office.run(40)
    expect(one.received).toHaveLength(1)
    const later = [first.alert('resolved'), second.alert('escalated'), second.alert('resolved'), third.alert('opened')]
    await office.raise(later)
    one.answer(204)
    await office.run(100)
    expect(one.received, 'not before it asked').toHaveLength(1)
    await office.run(120)
    const messages = one.messages()
    expect(messages.length).toBeGreaterThanOrEqual(3)
    expect(messages[1]).toEqual(messages[0])
    expectOnce(messages.slice(1), [...opened, ...later])
    expect(await states()).toEqual({ delivered: 6 })
  })

  it('that the receiver had when the process was killed come again under the same id', async () => {
    const one = await hook('soc', { group })
    const alerts = (await doors(5)).map((door) => door.alert('opened'))
    await office.raise(alerts)
    const opened = sinks.get('soc')
    const [leader] = await db().selectFrom('delivery').select('id').orderBy('id').execute()
    if (opened === undefined || leader === undefined) throw new Error('no sink')
    // The answer arrives, and nobody is there any more to write it down.
    const killed = Promise.withResolvers<void>()
    const sink: OpenedSink['sink'] = {
      ...opened.sink,
      deliver: async (message, signal) => {
        await opened.sink.deliver(message, signal)
        killed.resolve()
        return new Promise(() => {})
      },
    }
    void deliver(leader.id, new AbortController().signal, { ...office.deps, sink: () => ({ ...opened, sink }) })
    await killed.promise
    office.lose()
    await office.run(95)
    expect(await office.recover()).toBe(1)
    await office.run(1)
    const messages = one.messages()
    expect(messages).toHaveLength(2)
    expect(messages[1]).toEqual(messages[0])
    expectOnce(messages.slice(1), alerts)
    expect(await states()).toEqual({ delivered: 5 })
  })

  it('that are dead are dead as a whole, and come back as one message', async () => {
    const chat = await startWebhookReceiver({ respond: (response) => answer(response) })
    let answer = (response: Parameters<Respond>[0]) => void response.writeHead(400).end('invalid_payload')
    closers.push(() => chat.close())
    add('chat', { sink: 'slack', to: chat.url }, { group }, 'slack')
    await office.raise((await doors(7)).map((door) => door.alert('opened')))
    await office.run(40)
    expect(chat.received).toHaveLength(1)
    expect(await states()).toEqual({ dead: 7 })
    answer = (response) => void response.writeHead(200).end('ok')
    const redriven = await redriveDeliveries(db(), { sink: 'chat', limit: 100 }, office.now())
    expect(redriven).toHaveLength(7)
    office.enqueue(redriven)
    await office.run(5)
    expect(chat.received).toHaveLength(2)
    for (let n = 0; n < 7; n++) expect(chat.received[1]?.body).toMatch(new RegExp(`door ${n}\\b`))
    expect(await states()).toEqual({ delivered: 7 })
  })

  it('have the id that their rows give them: redriven they are known again, whoever leads; with a row more they are others', async () => {
    const one = await hook('soc', { group })
    const all = await doors(8)
    const alerts = all.map((door) => door.alert('opened'))
    const redrive = async () => {
      const redriven = await redriveDeliveries(db(), { sink: 'soc', limit: 100 }, office.now())
      expect(redriven).toHaveLength(7)
      // Another leads than before.
      office.enqueue(redriven.toSorted((a, b) => (a.id < b.id ? 1 : -1)))
    }
    await office.raise(alerts.slice(0, 7))
    one.answer(410)
    await office.run(40)
    await redrive()
    await office.run(5)
    expect(await states()).toEqual({ dead: 7 })
    await redrive()
    await office.raise(alerts.slice(7))
    one.answer(204)
    await office.run(60)
    const [first, second, third, ...more] = one.messages()
    expect([first?.rows.length, third?.rows.length, more]).toEqual([7, 8, []])
    expect(second).toEqual(first)
    expect(third?.id, 'a receiver that drops what it has seen must see the new row').not.toBe(first?.id)
    expectOnce(third === undefined ? [] : [third], alerts)
  })

  it('hold no more than their receiver shows: the rest follows, none is only counted', { timeout: 60_000 }, async () => {
    const one = await hook('soc', { group })
    const alerts = (await doors(450)).map((door) => door.alert('opened'))
    await office.raise(alerts)
    await office.run(120)
    expectOnce(one.messages(), alerts)
    expect(one.received.length).toBeLessThan(30)
    for (const { body } of one.received) expect(Buffer.byteLength(body)).toBeLessThanOrEqual(20_000)
    expect(await states()).toEqual({ delivered: 450 })
  })

  it('are few in a storm, and every alert is in exactly one', { timeout: 240_000 }, async () => {
    const calm = await hook('calm')
    const one = await hook('soc', { storm: { count: 5, perMs: 60_000 } })
    const findings = await doors(150, (n) => ({
      identity: { id: `p${n % 50}`, externalId: `p${n}`, kind: 'human', name: `P ${n % 50}` },
    }))
    const alerts: Alert[] = []
    for (let part = 0; part < 10; part++) {
      const now = findings.slice(part * 15, (part + 1) * 15).map((door) => door.alert('opened'))
      alerts.push(...now)
      await office.raise(now)
      await office.run(5)
    }
    const over = findings.map((door) => door.alert('resolved'))
    await office.raise(over)
    alerts.push(...over)
    expect(one.received.length, 'in the first minute').toBe(5)
    for (let minute = 0; minute < 14; minute++) {
      await office.run(60)
      // Each has a job of its own: the daemon, which looks for what no job carries, finds nothing.
      expect(await office.recover()).toBe(0)
    }
    expectOnce(one.messages(), alerts)
    expect(one.received.length, 'for three hundred alerts, some thirty to a message').toBeLessThan(20)
    const single = one.messages().filter(({ rows }) => rows.length === 1)
    expect(single.length).toBeLessThanOrEqual(6)
    expectOnce(calm.messages(), alerts)
    expect(calm.received).toHaveLength(300)
    await office.run(120)
    const [last] = await doors(1)
    if (last === undefined) throw new Error('no door')
    await office.raise([last.alert('opened')])
    await office.run(1)
    expect(one.messages().at(-1)?.rows, 'afterwards each goes alone and at once').toHaveLength(1)
  })

  it('of two replicas are twice as many in a storm at most, and every alert is in exactly one', { timeout: 60_000 }, async () => {
    const one = await hook('soc', { storm: { count: 3, perMs: 60_000 } })
    const first = sinks.get('soc')
    if (first === undefined) throw new Error('no sink')
    // A breaker, a pace and a measure of its own for each.
    const replicas = [first, openedSink(first.sink, first.route, first.format)]
    let turn = 0
    office.deps.sink = () => replicas[turn++ % 2]
    const alerts = (await doors(120)).map((door) => door.alert('opened'))
    await office.raise(alerts)
    await office.run(59)
    expect(one.received).toHaveLength(6)
    const most: number[] = []
    for (let minute = 0; minute < 6; minute++) {
      const before = one.received.length
      await office.run(60)
      most.push(one.received.length - before)
    }
    expect(Math.max(...most), `messages each minute: ${most.join(' ')}`).toBeLessThanOrEqual(6)
    expect(await office.recover(), 'each had a job').toBe(0)
    expectOnce(one.messages(), alerts)
    expect(await states()).toEqual({ delivered: 120 })
  })

  it('wait for the end of quiet hours, but for what is critical', async () => {
    const quietHours = { zone: 'UTC', from: '13:00', to: '15:00', except: 'critical' } as const
    const one = await hook('soc', { quietHours })
    const grouped = await hook('team', { quietHours, group: { by: 'sink', waitMs: 1_000 } })
    const [low, critical] = [await doors(3, () => ({ severity: 'low' })), await doors(1, () => ({ severity: 'critical' }))]
    await office.run(3_600)
    const held = low.map((door) => door.alert('opened'))
    await office.raise(held)
    await office.run(1_800)
    expect([one.received.length, grouped.received.length]).toEqual([0, 0])
    const urgent = critical.map((door) => door.alert('opened'))
    await office.raise(urgent)
    await office.run(10)
    expect(one.messages().map(({ rows }) => rows[0]?.id)).toEqual(urgent.map(({ id }) => id))
    expect(
      grouped.messages().map(({ rows }) => rows.length),
      'what waits goes along',
    ).toEqual([4])
    await office.run(5_400)
    expectOnce(one.messages(), [...held, ...urgent])
    expectOnce(grouped.messages(), [...held, ...urgent])
    expect(await states()).toEqual({ delivered: 8 })
  })

  it('with a critical row are retried in quiet hours too, whoever leads', async () => {
    const quietHours = { zone: 'UTC', from: '12:01', to: '15:00', except: 'critical' } as const
    const one = await hook('soc', { quietHours, group: { by: 'sink', waitMs: 30_000 } })
    const all = await doors(4, (n) => ({ severity: n === 3 ? 'critical' : 'low' }))
    const alerts = all.map((door) => door.alert('opened'))
    await office.raise(alerts)
    one.answer(503)
    await office.run(59)
    expect(one.received.length).toBeGreaterThan(0)
    one.answer(204)
    await office.run(120)
    expectOnce(one.messages().slice(-1), alerts)
    expect(await states()).toEqual({ delivered: 4 })
  })

  it('gather for as long as the route says, though somebody looks for stranded deliveries each minute', async () => {
    const one = await hook('soc', { group: { by: 'identity', waitMs: 600_000 } })
    const all = await doors(10)
    for (const door of all) {
      await office.raise([door.alert('opened')])
      await office.run(55)
      expect(await office.recover()).toBe(0)
    }
    await office.run(60)
    expect(one.messages().map(({ rows }) => rows.length)).toEqual([10])
  })

  it('are taken apart where the entry has changed to a format that holds one alert', async () => {
    const one = await hook('soc', { group })
    const all = await doors(3)
    const alerts = all.map((door) => door.alert('opened'))
    await office.raise(alerts)
    one.answer(503, { 'retry-after': '60' })
    await office.run(40)
    const opened = sinks.get('soc')
    if (opened === undefined) throw new Error('no sink')
    const { group: _group, ...route } = opened.route
    sinks.set('soc', { ...openedSink(opened.sink, route, 'ecs') })
    one.answer(204)
    await office.run(120)
    expect(
      one.received
        .slice(1)
        .map(({ body }) => JSON.parse(body).event.id)
        .toSorted(),
    ).toEqual(alerts.map(({ id }) => id).toSorted())
    expect(await states()).toEqual({ delivered: 3 })
  })

  it('cost a dead receiver a handful of tries, and nobody else anything; all arrive when it is back, in order', {
    timeout: 180_000,
  }, async () => {
    const dead = await hook('dead')
    const well = await hook('well')
    dead.answer(503)
    const all = await doors(250)
    const alerts = all.flatMap((door) => [door.alert('opened'), door.alert('escalated')])
    await office.raise(alerts)
    await office.run(2)
    await office.run(3)
    expectOnce(well.messages(), alerts)
    const tries: number[] = []
    for (let minute = 0; minute < 5; minute++) {
      const before = dead.received.length
      await office.run(60)
      tries.push(dead.received.length - before)
    }
    expect(dead.received.length, `tries each minute: ${tries.join(' ')}`).toBeLessThanOrEqual(16)
    expect(await office.recover(), 'each waits with a job of its own').toBe(0)
    dead.answer(204)
    const failures = dead.received.length
    await office.run(700)
    expectOnce(dead.messages().slice(failures), alerts)
    expect(await states()).toEqual({ delivered: 1_000 })
  })
})
