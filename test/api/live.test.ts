import type { Readable } from 'node:stream'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { sampleAlert } from '../../src/alerts/sample.ts'
import { type Live, type LiveOptions, openLive } from '../../src/api/live.ts'
import { placeOf } from '../../src/api/live-memory.ts'
import type { Role } from '../../src/domain/access.ts'
import { newId } from '../../src/domain/id.ts'
import { applySignals } from '../../src/findings/apply.ts'
import { insertAlerts } from '../../src/store/alert.ts'
import { audit } from '../../src/store/audit.ts'
import { markDelivered } from '../../src/store/delivery.ts'
import { transact } from '../../src/store/transact.ts'
import { finishTrial, startTrial } from '../../src/store/trial.ts'
import { POLICY } from '../scan/house.ts'
import { until } from '../servers/revenant.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { addCheck, addSystem } from '../store/checks.ts'

interface Heard {
  event: string
  id: string | undefined
  data: Record<string, unknown>
}

describe.each(STORES.filter(({ name }) => name !== 'Postgres 15'))(
  'live events on $name',
  { timeout: 60_000 },
  ({ name, open }) => {
    let at: TestStore
    let system: string
    const opened: { live: Live; streams: Readable[] }[] = []
    beforeAll(async () => {
      at = await open()
      system = await addSystem(at.store.db, 'payroll')
    })
    afterAll(() => at.stop())
    afterEach(() => {
      for (const { live } of opened.splice(0)) live.close()
    })

    const openHere = (options: Partial<LiveOptions> = {}, db = at.store.db) => {
      const live = openLive({
        db,
        trialMs: () => 60_000,
        now: () => Temporal.Now.instant(),
        logger: { warn: (error: unknown) => void problems.push(error) },
        pollMs: 20,
        heartbeatMs: 30,
        ...options,
      })
      opened.push({ live, streams: [] })
      return live
    }
    const problems: unknown[] = []
    const listen = (
      live: Live,
      { who = 'anna', role = 'admin', after, holds }: { who?: string; role?: Role; after?: string; holds?: () => boolean } = {},
    ) => {
      const stream = live.listen({ who, role, after, holds: async () => holds?.() ?? true })
      if (typeof stream === 'string') throw new Error('too many listen')
      const heard: Heard[] = []
      let text = ''
      let ended = false
      stream.setEncoding('utf8')
      stream.on('data', (piece: string) => {
        text += piece
        const frames = text.split('\n\n')
        text = frames.pop() ?? ''
        for (const frame of frames) {
          const field = (of: string) => new RegExp(`^${of}: (.*)$`, 'm').exec(frame)?.[1]
          const data = field('data')
          if (data !== undefined) heard.push({ event: field('event') ?? '', id: field('id'), data: JSON.parse(data) })
        }
      })
      stream.on('end', () => {
        ended = true
      })
      return { stream, heard, ended: () => ended }
    }
    const act = (subject: string) =>
      audit(at.store.db, { actor: 'carla', action: 'test.act', subject, at: Temporal.Now.instant() })
    const actMany = async (count: number, action: string, actor: string) => {
      const when = Temporal.Now.instant().toString()
      const rows = Array.from({ length: count }, (_, n) => ({
        id: newId(),
        at: when,
        actor,
        action,
        subject: `${n}`,
        detail: '{}',
      }))
      await at.store.db.insertInto('audit').values(rows).execute()
    }
    const subjects = (heard: readonly Heard[]) =>
      heard.filter(({ event }) => event === 'operator').map(({ data }) => data.subject)
    /** Until the first look is over: what happens from now on is told. */
    const settled = () => new Promise((resolve) => setTimeout(resolve, 150))

    it('tells of findings, trials, acts and deliveries, each once, to all who listen', async () => {
      await act('before anybody listened')
      const live = openHere()
      const [one, other] = [listen(live), listen(live)]
      await settled()
      const { db } = at.store
      const { id: credentialId, identityId } = await addCheck(db, system)
      const signal = {
        holds: true,
        kind: 'residual_access',
        severity: 'high',
        at: Temporal.Now.instant(),
        exempt: false,
      } as const
      await transact(db, (tx) =>
        applySignals(
          tx,
          [{ key: `k:${credentialId}`, systemId: system, identityId, credentialId, signal }],
          POLICY,
          async (_tx, [edge]) => {
            if (edge === undefined) return
            const alert = { ...sampleAlert(Temporal.Now.instant()), id: edge.eventId }
            await insertAlerts(_tx, [
              { alert, findingId: edge.finding.id, deliveries: [{ id: delivery, sink: 'hook', groupKey: undefined }] },
            ])
          },
        ),
      )
      const trial = newId()
      const now = Temporal.Now.instant()
      await startTrial(db, {
        id: trial,
        systemId: system,
        shard: 0,
        zone: 'default',
        instance: 'r',
        traceId: 'a'.repeat(32),
        startedAt: now,
      })
      const end = { outcome: 'completed', assurance: 'explicit', accepted: 1, rejected: 2, inconclusive: 3 } as const
      await finishTrial(db, trial, { ...end, finishedAt: now })
      await act('while they do')
      await markDelivered(db, delivery, Temporal.Now.instant(), 'status 204')
      for (const { heard } of [one, other]) {
        await until(
          () => heard.length,
          (count) => count >= 4,
        )
        await settled()
        expect(heard.map(({ event }) => event).toSorted()).toEqual(['delivery', 'finding', 'operator', 'trial'])
        const told = Object.fromEntries(heard.map(({ event, data }) => [event, data]))
        expect(told.finding).toMatchObject({
          ...{ event: 'opened', kind: 'residual_access', severity: 'high', state: 'open', actor: null, credentialId },
          ...{ identity: { id: identityId, name: 'x' }, system: { id: system, name: 'payroll' } },
        })
        expect(told.trial).toMatchObject({ id: trial, outcome: 'completed', accepted: 1, rejected: 2, inconclusive: 3 })
        expect(told.operator).toMatchObject({ action: 'test.act', actor: 'carla', subject: 'while they do' })
        expect(told.delivery).toMatchObject({ id: delivery, sink: 'hook', state: 'delivered' })
      }
      expect(problems).toEqual([])
    })
    const delivery = newId()

    it('tells who did what to those only who may read the audit', async () => {
      const live = openHere()
      const [auditor, operator] = [listen(live, { role: 'auditor' }), listen(live, { role: 'operator' })]
      await settled()
      await act('secretly')
      await until(
        () => operator.heard.length + auditor.heard.length,
        (count) => count === 2,
      )
      expect(auditor.heard[0]?.data).toMatchObject({ actor: 'carla', subject: 'secretly' })
      expect(operator.heard[0]?.data).toMatchObject({ action: 'test.act', actor: null, subject: null })
    })

    it('goes on where a stream broke, and loses nothing that happened while nobody listened', async () => {
      const live = openHere()
      const first = listen(live)
      await settled()
      await act('one')
      await until(
        () => first.heard.length,
        (count) => count === 1,
      )
      first.stream.destroy()
      await act('two')
      const second = listen(live, { after: first.heard[0]?.id ?? '' })
      await until(
        () => second.heard.length,
        (count) => count >= 1,
      )
      await act('three')
      await until(
        () => second.heard.length,
        (count) => count >= 2,
      )
      expect(subjects(second.heard)).toEqual(['two', 'three'])
      // Beside one who listens all the time: from memory.
      const third = listen(live, { after: second.heard[0]?.id ?? '' })
      await until(
        () => third.heard.length,
        (count) => count >= 1,
      )
      expect(subjects(third.heard)).toEqual(['three'])
    })

    it('goes on in another process: nothing is lost, what is older than the memory is to be asked for again', async () => {
      const live = openHere()
      const before = listen(live)
      await settled()
      await act('first')
      await until(
        () => before.heard.length,
        (count) => count === 1,
      )
      const last = before.heard[0]?.id ?? ''
      live.close()
      await act('second')
      const after = listen(openHere(), { after: last })
      await until(
        () => subjects(after.heard),
        (heard) => heard.includes('second'),
      )
      const place = placeOf(last)
      const old = `${place?.epoch}.1.${(place?.ms ?? 0) - 3_600_000}`
      const late = listen(openHere(), { after: old })
      await until(
        () => late.heard,
        (heard) => heard[0]?.event === 'resync',
      )
    })

    it('sees what is committed late, and what another replica wrote', async () => {
      const live = openHere()
      const { heard } = listen(live)
      await settled()
      const other = (await at.again?.())?.db ?? at.store.db
      await audit(other, { actor: 'other', action: 'test.act', subject: 'from elsewhere', at: Temporal.Now.instant() })
      if (at.again !== undefined)
        await other.transaction().execute(async (tx) => {
          await audit(tx, { actor: 'other', action: 'test.act', subject: 'late', at: Temporal.Now.instant() })
          await act('overtakes')
          await until(
            () => subjects(heard),
            (all) => all.includes('overtakes'),
          )
        })
      const wanted = at.again === undefined ? ['from elsewhere'] : ['from elsewhere', 'overtakes', 'late']
      await until(
        () => subjects(heard).length,
        (count) => count >= wanted.length,
      )
      expect(subjects(heard)).toEqual(wanted)
    })

    it('does not tell a flood one by one', async () => {
      const live = openHere()
      const { heard } = listen(live)
      await settled()
      await actMany(501, 'test.flood', 'carla')
      await until(
        () => heard,
        (all) => all.length > 0,
      )
      expect(heard.map(({ event }) => event)).toEqual(['resync'])
      await act('after it')
      await until(
        () => subjects(heard),
        (all) => all.includes('after it'),
      )
      await at.store.db.deleteFrom('audit').where('action', '=', 'test.flood').execute()
    })

    it('looks only while somebody listens', async () => {
      let looks = 0
      const live = openHere({
        trialMs: () => {
          looks++
          return 60_000
        },
      })
      await settled()
      expect(looks).toBe(0)
      const { stream } = listen(live)
      await until(
        () => looks,
        (count) => count > 2,
      )
      stream.destroy()
      await settled()
      const before = looks
      await settled()
      expect(looks).toBe(before)
    })

    it('ends with the session, and with the daemon', async () => {
      let holds = true
      const live = openHere()
      const [mine, theirs] = [listen(live, { holds: () => holds }), listen(live)]
      await settled()
      expect([mine.ended(), theirs.ended()]).toEqual([false, false])
      holds = false
      await until(mine.ended, Boolean)
      expect(theirs.ended()).toBe(false)
      live.close()
      await until(theirs.ended, Boolean)
    })

    it('drops whoever does not read, lets 64 listen, and nobody more than 8 times', async () => {
      const live = openHere({ heartbeatMs: 60_000 })
      const listenAs = (who: string) => live.listen({ who, role: 'admin', after: undefined, holds: async () => true })
      const stuck = listenAs('stuck')
      if (typeof stuck === 'string') throw new Error(stuck)
      await settled()
      const line = 'x'.repeat(4_000)
      await actMany(80, 'test.big', line)
      await until(
        () => stuck.destroyed,
        (gone) => gone === true,
      )
      const many = Array.from({ length: 9 * 8 }, (_, n) => listenAs(`reader ${n % 8}`))
      expect(many.filter((stream) => stream === 'greedy')).toHaveLength(8)
      const open = many.filter((stream) => typeof stream !== 'string')
      expect([open.length, listenAs('another')]).toEqual([64, 'crowded'])
      open[0]?.destroy()
      await until(
        () => typeof listenAs('another'),
        (what) => what !== 'string',
      )
      live.close()
      await at.store.db.deleteFrom('audit').where('action', '=', 'test.big').execute()
      expect([name, problems]).toEqual([name, []])
    })
  },
)
