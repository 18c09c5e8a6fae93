import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DELIVERY_ACTIONS } from '../../../src/api/routes/delivery-actions.ts'
import { EVENT_ROUTES } from '../../../src/api/routes/events.ts'
import { EVIDENCE_ACTIONS } from '../../../src/api/routes/evidence-actions.ts'
import { SETUP_ROUTES } from '../../../src/api/routes/setup.ts'
import { SINK_ACTIONS } from '../../../src/api/routes/sink-actions.ts'
import { openBundle } from '../../../src/evidence/verify/open-bundle.ts'
import { verifyBundle } from '../../../src/evidence/verify/verify.ts'
import { applySignals } from '../../../src/findings/apply.ts'
import { markFailed } from '../../../src/store/delivery.ts'
import { transact } from '../../../src/store/transact.ts'
import { until } from '../../servers/revenant.ts'
import { addCheck } from '../../store/checks.ts'
import { type ActionHouse, openActionHouse } from './house.ts'

let house: ActionHouse
let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'revenant-outward-'))
  house = await openActionHouse(
    [...SINK_ACTIONS, ...DELIVERY_ACTIONS, ...EVIDENCE_ACTIONS, ...SETUP_ROUTES, ...EVENT_ROUTES],
    [{ name: 'shut', sink: 'webhook', to: 'https://example.com/x', secret: 'env:REVENANT_TEST_NOT_SET' }],
  )
  house.api.live.set('canary', 'canary')
})
afterAll(async () => {
  await house.stop()
  rmSync(folder, { recursive: true, force: true })
})

const db = () => house.runtime.store.db
const leftOver = () => readdirSync(house.runtime.config.database.dataDir).filter((name) => name.startsWith('request-'))

/** A finding whose alert was given up at `hook`. */
async function addDead(): Promise<string> {
  const system = house.runtime.systems.byName('api')?.row.id ?? ''
  const { id: credentialId, identityId } = await addCheck(db(), system)
  const signal = { holds: true, kind: 'residual_access', severity: 'high', at: house.runtime.now(), exempt: false } as const
  const { policy } = house.runtime.config
  const keyed = { key: `test:${credentialId}`, systemId: system, identityId, credentialId, signal }
  const [edge] = await transact(db(), (tx) => applySignals(tx, [keyed], policy, house.runtime.raise))
  const { id } = await db()
    .selectFrom('delivery')
    .select('id')
    .where('alert_id', '=', edge?.eventId ?? '')
    .where('sink', '=', 'hook')
    .executeTakeFirstOrThrow()
  await markFailed(db(), id, house.runtime.now(), undefined, 'status 500')
  return id
}

const stateOf = async (id: string) =>
  (await db().selectFrom('delivery').select('state').where('id', '=', id).executeTakeFirstOrThrow()).state

describe('a receiver', () => {
  it('is tried with a marked sample, as by the command', async () => {
    const { status, body } = await house.post('/v1/sinks/hook/test', undefined, 'operator')
    expect([status, body]).toMatchObject([
      200,
      { sink: 'hook', kind: 'webhook', taken: true, detail: { status: 204 }, error: null, mend: null },
    ])
    const told = JSON.parse((await house.cli(['alerts', 'test', 'hook', '--json'])).out)
    expect(Object.keys(told)).toEqual(expect.arrayContaining(['sink', 'kind', 'taken', 'alert', 'title', 'detail']))
    expect(house.hook.received.map((each) => JSON.parse(each.body).data?.test ?? JSON.parse(each.body).test)).toEqual([
      true,
      true,
    ])
    expect((await house.audited('alerts.test'))[0]).toEqual({
      actor: 'anna',
      subject: 'hook',
      detail: { alert: body.alert, taken: true },
    })
  })

  it('that cannot be opened says why, and one that there is not is not found', async () => {
    const shut = await house.post('/v1/sinks/shut/test')
    expect([shut.status, shut.body.detail]).toEqual([422, expect.stringContaining('REVENANT_TEST_NOT_SET')])
    expect((await house.post('/v1/sinks/nowhere/test')).status).toBe(404)
    expect((await house.post('/v1/sinks/hook/test', undefined, 'viewer')).status).toBe(403)
  })
})

describe('what is dead', () => {
  it('is sent again: one, those of a receiver, or all', async () => {
    const ids = [await addDead(), await addDead(), await addDead()]
    expect((await house.post('/v1/deliveries/redrive', { id: ids[0] })).body).toEqual({ redriven: 1 })
    expect(await Promise.all(ids.map(stateOf))).toEqual(['pending', 'dead', 'dead'])
    expect((await house.post('/v1/deliveries/redrive', { sink: 'nobody' })).body).toEqual({ redriven: 0 })
    expect((await house.post('/v1/deliveries/redrive', { all: true })).body).toEqual({ redriven: 2 })
    expect(await Promise.all(ids.map(stateOf))).toEqual(['pending', 'pending', 'pending'])
    const again = await addDead()
    expect(JSON.parse((await house.cli(['alerts', 'redrive', '--sink', 'hook', '--json'])).out)).toEqual({ redriven: 1 })
    expect(await stateOf(again)).toBe('pending')
    expect((await house.audited('alerts.redrive')).slice(0, 4).map(({ subject, detail }) => [subject, detail])).toEqual([
      [ids[0], { count: 1 }],
      ['nobody', { count: 0 }],
      ['all', { count: 2 }],
      ['hook', { count: 1 }],
    ])
  })

  it.each([[{}], [{ all: false }], [{ id: 'x' }], [{ sink: 'hook', all: true }], [{ all: true, more: 1 }]])(
    'is refused for %j',
    async (body) => {
      expect((await house.post('/v1/deliveries/redrive', body)).status).toBe(400)
    },
  )
})

describe('live events', () => {
  it('come over HTTP, go on after the header of a browser that comes back, and end with the daemon', async () => {
    const address = await house.app.listen({ host: '127.0.0.1', port: 0 })
    const listen = async (headers: Record<string, string> = {}) => {
      const answer = await fetch(`${address}/v1/events`, { headers: { 'x-role': 'viewer', ...headers } })
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/event-stream'])
      const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
      let text = ''
      return {
        until: async (wanted: RegExp) => {
          while (!wanted.test(text)) {
            const next = await reader?.read()
            if (next?.done !== false) throw new Error(`ended with ${text}`)
            text += next.value
          }
          return wanted.exec(text)?.[1] ?? ''
        },
        rest: async () => {
          while ((await reader?.read())?.done === false);
        },
        leave: () => reader?.cancel(),
      }
    }
    const first = await listen()
    await first.until(/retry: /)
    // What happens before the first look is over was before it.
    await until(
      async () => {
        await house.post('/v1/deliveries/redrive', { sink: 'nobody' })
        return Promise.race([
          first.until(/event: operator\nid: (\S+)/),
          new Promise<string>((resolve) => setTimeout(resolve, 1_500, '')),
        ])
      },
      (id) => id !== '',
    )
    const id = await first.until(/event: operator\nid: (\S+)/)
    await first.leave()
    await house.post('/v1/deliveries/redrive', { sink: 'nobody' })
    const second = await listen({ 'last-event-id': id })
    expect(await second.until(/data: (\{.*\})/)).toMatch(/"action":"alerts.redrive","subject":null/)
    house.deps.actions.live.close()
    await second.rest()
    expect((await house.get('/v1/events?after=nonsense')).status).toBe(400)
  })
})

describe('evidence', () => {
  const PERIOD = { from: '2020-01-01T00:00:00Z', to: '2100-01-01T00:00:00Z' }

  it('is exported as a bundle that verifies offline, and who took it is on record', async () => {
    const { status, headers, raw } = await house.post('/v1/evidence/bundle', { ...PERIOD, system: 'api' }, 'auditor')
    expect([status, headers['content-type']]).toEqual([200, 'application/zip'])
    expect(headers['content-disposition']).toBe('attachment; filename="revenant-20200101-21000101.zip"')
    const path = join(folder, 'bundle.zip')
    writeFileSync(path, raw)
    const source = await openBundle(path)
    const offline = await verifyBundle(source, { vkeys: [] })
    await source.close()
    expect(offline.holds).toBe(true)
    expect(await house.audited('report.evidence')).toEqual([
      {
        actor: 'anna',
        subject: 'revenant-20200101-21000101.zip',
        detail: { ...PERIOD, system: 'api', entries: expect.any(Number) },
      },
    ])
    expect(leftOver()).toEqual([])
  })

  it.each([
    ['a period that is none', { from: PERIOD.to, to: PERIOD.from }, 400],
    ['an unknown framework', { ...PERIOD, framework: 'nowhere' }, 422],
    ['a control without its framework', { ...PERIOD, control: 'x' }, 422],
    ['nobody', { ...PERIOD, identity: 'nobody' }, 404],
    ['no system', { ...PERIOD, system: 'nowhere' }, 404],
    ['a checkpoint that is none', { ...PERIOD, sinceCheckpoint: 'x' }, 422],
  ])('is not exported for %s', async (_what, body, status) => {
    expect((await house.post('/v1/evidence/bundle', body)).status).toBe(status)
    expect(leftOver()).toEqual([])
  })

  it('is not for those who may only read', async () => {
    expect((await house.post('/v1/evidence/bundle', PERIOD, 'viewer')).status).toBe(403)
  })
})

describe('setup', () => {
  it('shows what the doctor says, the same as the command', async () => {
    const { status, body } = await house.get('/v1/setup/doctor', 'operator')
    expect(status).toBe(200)
    expect(body.level).toBe('fail')
    const checks = [body.checks].flat().map((check) => Object(check))
    expect(checks.map(({ name, level }) => `${name} ${level}`)).toEqual(
      expect.arrayContaining(['database ok', 'key ring ok', 'system api canary ok', 'alerts hook ok', 'alerts shut fail']),
    )
    const { exit, out } = await house.cli(['doctor', '--json'])
    expect(exit).toBe(1)
    const told = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(told.map(({ name, level }) => [name, level])).toEqual(checks.map(({ name, level }) => [name, level]))
    expect(await house.audited('doctor.view')).toHaveLength(1)
    expect((await house.get('/v1/setup/doctor', 'viewer')).status).toBe(403)
  })

  it('lists every kind with what it takes and where it is described', async () => {
    const { body } = await house.get('/v1/setup/catalogue', 'viewer')
    const items = [body.items].flat().map((item) => Object(item))
    expect(items.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['github', 'http', 'ldap', 'postgres', 'ssh']))
    for (const { kind, target, secret, docs, summary, source } of items) {
      expect([kind, existsSync(docs)]).toEqual([kind, true])
      expect([kind, summary.length > 0, typeof (target.type ?? target.anyOf), typeof secret]).toEqual([
        kind,
        true,
        expect.any(String),
        'object',
      ])
      expect([kind, source]).toEqual([
        kind,
        ['docker-registry', 'http', 'ldap', 'postgres', 'ssh'].includes(kind) ? 'protocol' : 'catalogue',
      ])
    }
  })

  it('shows the configuration, and of secrets only where they come from', async () => {
    const { body } = await house.get('/v1/setup/configuration', 'operator')
    expect(JSON.stringify(body)).not.toMatch(/MARKED|NOT_SET|keyring\.json\?/)
    const [system] = [body.systems].flat()
    expect(system).toMatchObject({ name: 'api', controls: { canary: { token: { reference: 'env' } } }, tier: 'standard' })
    expect(body.alerts).toMatchObject([
      { name: 'hook', sink: 'webhook', to: new URL(house.hook.url).origin },
      { name: 'shut', secret: { reference: 'env' }, to: 'https://example.com' },
    ])
    expect(body.settings).toMatchObject({ policy: { confirmRejections: 1 } })
  })
})
