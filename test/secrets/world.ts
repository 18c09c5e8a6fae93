import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { SINKS } from '../../src/alerts/sinks/registry.ts'
import { openStore } from '../../src/store/open-store.ts'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'
import { type House, openHouse, type RunningDaemon, until } from '../servers/revenant.ts'
import { type Downstream, openDownstream } from './downstream.ts'
import { askAsAuditor, noteBundle, readLedger } from './evidence.ts'
import { type Leak, type Marks, openMarks } from './marks.ts'
import { type Plant, plantsOf } from './plants.ts'
import { type Note, openReceivers, type Receivers, TOLD_TIER } from './receivers.ts'

/**
 * Every secret that Revenant is given is marked, everything that it says or writes is searched. Allowed places: the wire to the
 * registered origin, and what the operator keeps himself (secret files, import files, the environment of the process).
 *
 * To extend it with a feature: one line in `plantsOf` (or in `openWorld`) for each secret, one `note` for each new output.
 */
export function describeMarked(database: 'Postgres' | 'PGlite'): void {
  describe(`marked secrets, on ${database}`, () => {
    const world = worldOf(database)
    // Some 90 processes; a busy machine takes its time.
    beforeAll(world.open, 900_000)
    afterAll(world.close)

    it('were all sent to the origin that they are registered for', () => {
      const sent = new Set(world.marks.search('wire', world.downstream().wire()).map(({ kind }) => kind))
      // Nothing is sent where a control failed or nobody listens, and a passphrase opens a key and stays here.
      const silent = new Set([
        'registry',
        'redirect',
        'page',
        'limited',
        'broken',
        'ssh-key',
        'ssh-greeting',
        'closed',
        'postgres',
      ])
      expect(
        world
          .plants()
          .filter(({ system }) => !sent.has(system) && !silent.has(system))
          .map(({ system }) => system),
      ).toEqual([])
    })

    it('opened the doors that they open', () => {
      const seen = new Map(world.verdicts())
      for (const { system, never } of world.plants()) expect([system, seen.get(system)]).toEqual([system, never !== true])
    })

    it('were planted for every kind of sink', () => {
      const kinds = new Set(world.receivers().alerts.map(({ sink }) => sink))
      expect(Object.keys(SINKS).filter((kind) => !kinds.has(kind))).toEqual([])
    })

    it('were sent to the receivers of alerts whose credentials they are', () => {
      // These sign, and stay here; the teams URL ends in one.
      const silent = new Set(['sqs', 'sns'])
      const without = world
        .receivers()
        .wires()
        .filter(([name, wire]) => !silent.has(name) && world.marks.search(name, wire).length === 0)
      expect(without.map(([name]) => name)).toEqual([])
    })

    it('are nowhere else', () => {
      expect(world.leaks().map(spelt)).toEqual([])
    })

    it('were looked for in every place', () => {
      expect(world.empty()).toEqual([])
    })
  })
}

function spelt({ place, kind, form, offset, context }: Leak): string {
  return `${kind} (${form}) in ${place} at ${offset}: ${context}`
}

/** Every command; ID and FINDING are filled in. `--json` is added on PGlite: what is printed depends on no database. */
const COMMANDS: readonly string[] = [
  'identities list',
  'credentials list',
  'credentials list --system bearer',
  'findings list --all',
  'findings show FINDING',
  'findings acknowledge FINDING --note seen',
  'findings exempt FINDING --owner dba --reason cut-over --until 2099-01-01T00:00:00Z',
  'alerts list',
  'alerts list --dead',
  'alerts redrive --all',
  'alerts test echo',
  'alerts test down',
  'alerts test nats-token',
  'alerts test splunk',
  'alerts test mail',
  'alerts test amqp',
  'alerts preview --finding FINDING --format mail --group',
  'findings resolve FINDING --note moved',
  'systems list',
  'systems rebind bearer',
  'pause cookie --note why',
  'resume cookie',
  'keys list',
  'keys rotate',
  'doctor',
  'config check',
  'scan --once',
  'identities terminate leaver-1',
  'identities reinstate leaver-1',
  'credentials retire ID',
]

function worldOf(database: 'Postgres' | 'PGlite') {
  const marks: Marks = openMarks()
  const places: { place: string; content: Buffer | string; mayBeEmpty: boolean; own: string | undefined }[] = []
  /** Adds an output to what is searched. */
  const note: Note = (place, content, { mayBeEmpty = false, own } = {}) => void places.push({ place, content, mayBeEmpty, own })
  const closers: (() => Promise<void> | void)[] = []
  let downstream: Downstream | undefined
  let plants: Plant[] = []
  let verdicts: [string, boolean][] = []
  let receivers: Receivers | undefined

  const open = async () => {
    const env: Record<string, string> = {}
    downstream = await openDownstream()
    const house = openHouse(env)
    closers.push(downstream.stop, house.stop)
    const server = database === 'Postgres' ? await openDatabase(marks, env, note) : undefined
    if (server !== undefined) closers.push(server.stop)
    receivers = await openReceivers(marks, env, house, downstream.elsewhereOrigin)
    const told = receivers
    closers.push(told.close)
    plants = plantsOf(downstream, server, await downstream.greeting(marks.plant('greeting')), marks)
    const rows = plants.flatMap((plant) => rowsOf(plant, marks, env, house, downstream))
    const ledger = { publish: true, anchors: told.anchors }
    const config = { ...configOf(plants, server, marks, env, downstream), alerts: told.alerts, ledger }
    house.configure(config)
    house.write('identities.jsonl', identities())
    house.write('credentials.jsonl', rows.map((row) => `${JSON.stringify(row)}\n`).join(''))

    // Everything is said to a running daemon; on PGlite the commands are run inside it.
    let daemon = await house.daemon()
    const run = async (line: string, stdin?: string) => {
      const ran = await house.run(line.split(' '), stdin === undefined ? {} : { stdin })
      note(`revenant ${line}`, `${ran.stdout}${ran.stderr}`, { mayBeEmpty: true })
      return ran
    }
    expect(await run('import identities identities.jsonl --json')).toMatchObject({ exit: 0 })
    expect(await run('import credentials credentials.jsonl --json')).toMatchObject({ exit: 0 })
    await badImports(house, marks, note)
    verdicts = await judged(run, rows.length)
    await delivered(
      told,
      // Once is enough: what a sink makes of an answer depends on no database, and the embedded one is slower.
      server !== undefined,
      async () => `${(await run('findings list')).stdout}${(await run('alerts list')).stdout}${daemon.said().slice(-3_000)}`,
    )
    note('process list', processList(daemon.pid))
    await ask(daemon, note, 'while all is well')
    await everyCommand(run, server === undefined ? ' --json' : '')
    await readLedger(daemon.address, note)
    await askAsAuditor({ house, run, note, receivers: told, marks, inDaemon: server === undefined })
    if (server !== undefined) await tries(house, plants, marks, downstream.live, note)
    await reloads(house, daemon, config, marks, downstream, note)
    if (server !== undefined) await databaseGone(server, daemon, run, note)
    await crashes(house, daemon, note, server === undefined)
    daemon = await house.daemon()
    // What needs no database is done with one of them.
    if (server === undefined) await literalSecrets(house, config, marks, note)
    note('process list, at the end', processList(daemon.pid))
    const ended = await daemon.stop()
    note('log of the last daemon', `${ended.stdout}${ended.stderr}`)

    told.note(note)
    note('elsewhere', downstream.elsewhere(), { mayBeEmpty: true })
    plantKeyRing(marks, house)
    await noteBundle(house, note)
    for (const [place, content] of filesOf(house)) note(place, content, { mayBeEmpty: true })
    for (const [place, content] of await dump(house, server, env)) note(place, content, { mayBeEmpty: true })
  }

  return {
    open,
    close: async () => {
      for (const close of closers.toReversed()) await close()
    },
    marks,
    downstream: () => {
      if (downstream === undefined) throw new Error('nothing was opened')
      return downstream
    },
    receivers: () => {
      if (receivers === undefined) throw new Error('nothing was opened')
      return receivers
    },
    plants: () => plants,
    verdicts: () => verdicts,
    leaks: () =>
      places.flatMap(({ place, content, own }) =>
        marks.search(place, content).filter(({ kind }) => own === undefined || !kind.startsWith(own)),
      ),
    empty: () => places.filter(({ content, mayBeEmpty }) => !mayBeEmpty && content.length === 0).map(({ place }) => place),
  }
}

/** A Postgres that logs every statement with its parameters, and a role whose password is marked. */
async function openDatabase(marks: Marks, env: Record<string, string>, note: Note): Promise<PostgresServer> {
  let log = ''
  const server = await startPostgres({
    settings: {
      log_statement: 'all',
      log_parameter_max_length: -1,
      log_parameter_max_length_on_error: -1,
      log_min_messages: 'info',
    },
    onLog: (text) => {
      log += text
    },
  })
  const password = marks.plant('database password')
  // Our own statement, which holds the password, stays out of the log.
  const client = new pg.Client({ connectionString: server.url(), options: '-c log_statement=none' })
  await client.connect()
  await client.query(`create role revenant login superuser password '${password}'`)
  await client.end()
  env.DATABASE_URL = server.url({ user: 'revenant', password })
  return {
    ...server,
    stop: async () => server.stop(),
    halt: async () => {
      await server.halt()
      note('log of the database', log)
    },
  }
}

const IDENTITIES = 4

function identities(): string {
  const left = new Date(Date.now() - 3_600_000).toISOString()
  return Array.from(
    { length: IDENTITIES },
    (_, n) => `${JSON.stringify({ external_id: `leaver-${n}`, terminated_at: left })}\n`,
  ).join('')
}

/** Four credentials of each kind: sealed or by reference to the environment or files, half of them alive. */
function rowsOf(
  plant: Plant,
  marks: Marks,
  env: Record<string, string>,
  house: House,
  downstream: Downstream | undefined,
): object[] {
  const { system } = plant
  const make = (n: number, alive: boolean) => {
    const who = `${system}-user-${n}`
    return plant.secret(who, () => {
      const mark = marks.plant(system)
      if (alive && plant.never !== true) downstream?.live.add(mark)
      return mark
    })
  }
  const variable = `SECRET_${system.replaceAll('-', '_').toUpperCase()}`
  env[variable] = JSON.stringify(make(2, true))
  const file = house.write(`secrets/${system}.json`, JSON.stringify(make(3, false)))
  const common = { system, privilege: 'admin' }
  return [
    { ...common, identity: 'leaver-0', label: 'alive', secret: make(0, true) },
    { ...common, identity: 'leaver-1', label: 'dead', secret: make(1, false) },
    { ...common, identity: 'leaver-2', label: 'by environment', secret_ref: `env:${variable}` },
    { ...common, identity: 'leaver-3', label: 'by file', secret_ref: `file:${file}` },
  ]
}

/** Systems whose findings every receiver is told of. */
const TOLD: ReadonlySet<string> = new Set(['bearer', 'bearer-hex', 'basic', 'github', 'hostile-postgres', 'ldap'])

function configOf(
  plants: readonly Plant[],
  server: PostgresServer | undefined,
  marks: Marks,
  env: Record<string, string>,
  downstream: Downstream | undefined,
) {
  const systems = plants.map(({ system, probe, target, allowEffects = [], canary, secret, limits = {} }) => {
    const variable = `CANARY_${system.replaceAll('-', '_').toUpperCase()}`
    if (canary === true) {
      env[variable] = JSON.stringify(
        secret('canary', () => {
          const mark = marks.plant(`canary of ${system}`)
          downstream?.live.add(mark)
          return mark
        }),
      )
    }
    return {
      name: system,
      probe,
      target,
      allowEffects,
      ...(TOLD.has(system) ? { tier: TOLD_TIER } : {}),
      limits: { timeout: '10s', rate: '200/s', failuresPerPrincipal: '20/1h', ...limits },
      ...(canary === true ? { controls: { canary: `env:${variable}` } } : {}),
    }
  })
  return {
    ...(server === undefined ? {} : { database: { url: 'env:DATABASE_URL' } }),
    systems,
    telemetry: { logLevel: 'trace' },
  }
}

export type Run = (line: string, stdin?: string) => Promise<{ exit: number | null; stdout: string; stderr: string }>

/** Rows that have secrets where something else belongs, and files that hold nothing else. */
async function badImports(house: House, marks: Marks, note: Note): Promise<void> {
  const mark = (place: string) => marks.plant(`bad row: ${place}`)
  const good = { identity: 'leaver-0', system: 'bearer' }
  // Not `identity`: who it names is looked up in the database, and a name is no secret.
  const columns = ['system', 'privilege', 'shared', 'handover_by', 'retired', 'secret_ref', 'kind_'] as const
  const lines = [
    ...columns.map((column) => JSON.stringify({ ...good, secret: { token: 'some-token' }, [column]: mark(column) })),
    JSON.stringify({ ...good, secret: mark('a text as secret') }),
    JSON.stringify({ ...good, secret: { [mark('a key')]: 'x' } }),
    JSON.stringify({ ...good, secret: { token: mark('another field beside'), password: mark('password beside') } }),
    JSON.stringify({ ...good, secret: { token: [mark('a list')] } }),
    JSON.stringify({ ...good, secret: { token: `${mark('a line break')}\r\nx-injected: 1` } }),
    JSON.stringify({ ...good, secret: { token: `\ud800${mark('half a character')}` } }),
    JSON.stringify({ ...good, secret_ref: { token: mark('a literal among references') } }),
    JSON.stringify({ ...good, secret_ref: `vault:${mark('an unknown scheme')}` }),
    JSON.stringify({ ...good, system: 'ssh-key', secret: { username: 'x', privateKey: mark('not a key') } }),
    JSON.stringify({ ...good, [mark('a column')]: 1 }),
    `{"identity":"leaver-0","system":"bearer","secret":{"token":"${mark('cut off')}`,
    `{"identity":"leaver-0" "${mark('not JSON')}"}`,
    mark('a line of its own'),
    `["${mark('an array')}"]`,
  ]
  house.write('bad.jsonl', `${lines.join('\n')}\n`)
  const csv = [
    'identity,system,secret.token,shared',
    `leaver-0,bearer,x,${mark('csv shared')}`,
    `leaver-0,${mark('csv system')},x,`,
    `"${mark('csv quote')},x`,
  ]
  house.write('bad.csv', `${csv.join('\n')}\n`)
  house.write('headless.csv', `leaver-0,bearer,${mark('csv without header')}\n`)
  house.write('header.csv', `identity,system,${mark('csv header')}\n`)
  const times = ['status', 'terminated_at', 'termination_date', 'termination_time', 'timezone', 'kind']
  const people = times.map((column) =>
    JSON.stringify({ external_id: `bad-${column}`, status: 'terminated', [column]: mark(`identity ${column}`) }),
  )
  house.write('people.jsonl', `${people.join('\n')}\n`)
  for (const line of [
    'credentials bad.jsonl',
    'credentials bad.csv',
    'credentials headless.csv',
    'credentials header.csv',
    'identities people.jsonl',
  ]) {
    await Promise.all(
      [[], ['--json']].map(async (json) => {
        const ran = await house.run(['import', ...line.split(' '), ...json])
        note(`revenant import ${line} ${json.join('')}`, `${ran.stdout}${ran.stderr}`)
        expect([line, ran.exit]).toEqual([line, 2])
      }),
    )
  }
}

/** Waits until every receiver has something, or has done all that it may do; what is missing is told with the verdicts. */
async function delivered(receivers: Receivers, everyTurn: boolean, verdicts: () => Promise<string>): Promise<void> {
  const explained = async (error: unknown) => {
    throw new Error(`${String(error)}\n${await verdicts()}`)
  }
  await until(receivers.delivered, (all) => all.every((each) => each > 0)).catch(explained)
  const missing = everyTurn ? receivers.left : receivers.silent
  await until(missing, (names) => names.length === 0, 120_000).catch(explained)
}

const listed = z.object({ id: z.string(), system: z.string(), verdict: z.string().nullable() })

/** Waits until every credential has been judged, and says which systems accepted one. */
async function judged(run: Run, count: number): Promise<[string, boolean][]> {
  const rows = await until(
    async () => {
      // Each look is a process.
      await sleep(1_500)
      const { stdout } = await run('credentials list --limit 1000 --json')
      return stdout
        .split('\n')
        .filter(Boolean)
        .map((line) => listed.parse(JSON.parse(line)))
    },
    (all) => all.length === count && all.every(({ verdict }) => verdict !== null),
    90_000,
  )
  return rows.map(({ system }) => [system, rows.some((row) => row.system === system && row.verdict === 'accepted')])
}

async function ask(daemon: RunningDaemon, note: Note, when: string): Promise<void> {
  for (const page of ['/healthz', '/readyz', '/metrics', '/nowhere']) {
    const answer = await fetch(`${daemon.address}${page}`)
    note(`${page} ${when}`, `${JSON.stringify([...answer.headers])}${await answer.text()}`)
  }
}

async function everyCommand(run: Run, json: '' | ' --json'): Promise<void> {
  const first = async (line: string) =>
    z.object({ id: z.string() }).parse(JSON.parse((await run(line)).stdout.split('\n')[0] ?? '')).id
  const finding = await first('findings list --json')
  const credential = await first('credentials list --json --limit 1')
  for (const line of COMMANDS) {
    const filled = line.replace('FINDING', finding).replace('ID', credential)
    const { exit, stderr } = await run(`${filled}${json}`)
    // 2 where there is nothing to be done; never our own fault.
    expect([line, exit === 1 && !/^doctor|^alerts test/.test(line) ? stderr : 'done']).toEqual([line, 'done'])
  }
}

async function tries(house: House, plants: readonly Plant[], marks: Marks, live: Set<string>, note: Note): Promise<void> {
  const one = async (plant: Plant, options: readonly string[], stdin: string) => {
    const target = house.write(`targets/${plant.system}.json`, JSON.stringify(plant.target))
    const ran = await house.run(['try', plant.probe, '--target', `@${target}`, '--timeout', '10', ...options], { stdin })
    note(`revenant try ${plant.system} ${options.join(' ')}`, `${ran.stdout}${ran.stderr}`)
    return ran
  }
  const secret = (plant: Plant, alive: boolean) =>
    JSON.stringify(
      plant.secret('tried', (kind) => {
        const mark = marks.plant(`try ${plant.system} ${kind}`)
        if (alive && plant.never !== true) live.add(mark)
        return mark
      }),
    )
  for (let at = 0; at < plants.length; at += 3) {
    // Live and dead in turn, with controls and without.
    const some = plants.slice(at, at + 3)
    const ran = await Promise.all(
      some.map((plant, n) =>
        n % 2 === 0 ? one(plant, ['--json'], secret(plant, true)) : one(plant, ['--no-controls'], secret(plant, false)),
      ),
    )
    expect(ran.filter(({ exit }) => exit !== 0 && exit !== 3 && exit !== 4)).toEqual([])
  }
  const [bearer] = plants
  if (bearer === undefined) return
  const bad = [
    marks.plant('try: no JSON'),
    JSON.stringify({ password: marks.plant('try: another field') }),
    JSON.stringify([marks.plant('try: a list')]),
    `{"token":"${marks.plant('try: cut off')}`,
  ]
  for (const stdin of bad) expect((await one(bearer, ['--json'], stdin)).exit).toBe(2)
}

/** The file is replaced by bad ones, then by one that points a system at somebody else's origin. */
async function reloads(
  house: House,
  daemon: RunningDaemon,
  config: Record<string, unknown>,
  marks: Marks,
  downstream: Downstream,
  note: Note,
) {
  const hangUp = async (expected: string) => {
    const since = daemon.said().length
    daemon.child.kill('SIGHUP')
    await daemon.waitFor(expected, since)
  }
  for (const text of literals(config, marks)) {
    house.write('revenant.yaml', text)
    await hangUp('was not reloaded')
  }
  const moved = z.array(z.object({ name: z.string(), target: z.record(z.string(), z.unknown()) }).loose()).parse(config.systems)
  for (const system of moved) {
    for (const key of ['url', 'baseUrl', 'address']) {
      const at = system.target[key]
      if (typeof at === 'string') system.target[key] = at.replace(downstream.http, downstream.elsewhereOrigin)
    }
  }
  house.configure({ ...config, systems: moved })
  await hangUp('"msg":"configuration reloaded"')
  for (const line of [
    'identities reinstate leaver-0',
    'identities terminate leaver-0',
    'scan --once',
    'systems list',
    'doctor',
    'credentials list --identity leaver-0',
  ]) {
    const ran = await house.run(line.split(' '))
    note(`revenant ${line}, with systems that moved`, `${ran.stdout}${ran.stderr}`)
  }
  house.configure(config)
  await hangUp('"msg":"configuration reloaded"')
}

/** Files that hold a secret themselves, each in another place. */
function literals(config: Record<string, unknown>, marks: Marks): string[] {
  const mark = (place: string) => marks.plant(`config: ${place}`)
  const http = {
    probe: 'http',
    target: {
      url: 'http://127.0.0.1:1/',
      credential: 'bearer',
      accept: [{ when: { status: 200, json: { '/a': { exists: true } } } }],
    },
  }
  const files: object[] = [
    { database: { url: `postgres://revenant:${mark('database password')}@127.0.0.1/revenant` } },
    { systems: [{ name: 'a', ...http, controls: { canary: mark('canary') } }] },
    { systems: [{ name: 'a', ...http, controls: { canary: { token: mark('canary field') } } }] },
    { systems: [{ name: 'a', ...http, target: { ...http.target, headers: { authorization: `Bearer ${mark('header')}` } } }] },
    { systems: [{ name: 'a', ...http, target: { ...http.target, url: `http://u:${mark('url password')}@127.0.0.1:1/` } }] },
    { systems: [{ name: 'a', ...http, token: mark('unknown key of a system') }] },
    { systems: [{ name: 'a', ...http, target: { ...http.target, [mark('unknown key of a target')]: 1 } }] },
    { systems: [{ name: 'a', ...http, target: { ...http.target, credential: mark('credential') } }] },
    { alerts: [{ name: 'a', sink: 'stdout', format: 'json', [mark('unknown key of a sink')]: 1 }] },
    { systems: [{ name: mark('name'), probe: mark('probe'), tier: mark('tier'), schedule: mark('schedule') }] },
    { alerts: [{ name: 'a', sink: 'webhook', format: 'json', to: 'https://127.0.0.1/', secret: mark('signing secret') }] },
    { alerts: [{ name: 'a', sink: 'webhook', format: 'json', to: `https://u:${mark('receiver password')}@127.0.0.1/` }] },
    { alerts: [{ name: 'a', sink: 'pager', format: 'json', routingKey: mark('routing key') }] },
    ...literalSinks(mark).map((sink) => ({ alerts: [{ name: 'a', ...sink }] })),
    ...literalAnchors(mark).map((anchor) => ({ ledger: { anchors: [{ name: 'a', ...anchor }] } })),
    { [mark('top-level key')]: 1 },
    { listen: mark('listen'), zones: [mark('zone')], telemetry: { logLevel: mark('level') } },
  ]
  return [
    ...files.map((file) => JSON.stringify({ ...config, ...file })),
    `systems:\n  - {name: a, probe: http, token:${mark('broken YAML')}\n`,
    `${mark('no YAML')}: [`,
    `systems: &a\n - *${mark('alias')}\n`,
    `systems: !${mark('tag')} x\n`,
  ]
}

/** A secret of each sink in the file itself, in the place of a reference or in an address. */
function literalSinks(mark: (place: string) => string): object[] {
  const http = 'https://127.0.0.1/'
  const guid = '11111111-2222-4333-8444-555555555555'
  const sinks: Record<string, object> = {
    'splunk-hec': { to: http },
    elasticsearch: { to: http },
    sentinel: { to: http, dcr: `dcr-${'0'.repeat(32)}`, tenant: 'x', clientId: guid },
    'google-secops': { to: http, project: 'p', location: 'eu', instance: guid },
    otlp: { to: http },
    pagerduty: {},
    'jira-service-management': {},
    kafka: { to: 'tls://127.0.0.1:1', topic: 'x', username: 'u' },
    nats: { to: 'tls://127.0.0.1:1', subject: 'x', username: 'u' },
    amqp: { to: 'amqps://127.0.0.1:1', routingKey: 'x', username: 'u' },
    smtp: { to: 'smtps://127.0.0.1:1', from: 'a@example.com', recipients: ['a@example.com'], username: 'u' },
    sqs: { to: 'https://sqs.eu-west-1.amazonaws.com/1/x', accessKeyId: 'A'.repeat(20) },
  }
  const userInfo = { kafka: 'tls', nats: 'tls', amqp: 'amqps', smtp: 'smtps', slack: 'https', teams: 'https' }
  return [
    ...Object.entries(sinks).map(([sink, rest]) => ({ sink, ...rest, secret: mark(`${sink} secret`) })),
    ...Object.entries(userInfo).map(([sink, scheme]) => ({
      sink,
      ...sinks[sink],
      to: `${scheme}://u:${mark(`${sink} url`)}@127.0.0.1:1`,
    })),
    { sink: 'ssf', to: http, issuer: http, audience: 'x', signingKey: mark('signing key') },
    { sink: 'webhook', to: http, clientCert: 'file:/x', clientKey: mark('client key') },
    { sink: 'sqs', ...sinks.sqs, secret: 'env:X', accessKeyId: mark('access key id') },
    { sink: 'slack', to: mark('no URL') },
    { sink: mark('sink'), to: http },
    { sink: 'stdout', format: mark('format') },
  ]
}

function literalAnchors(mark: (place: string) => string): object[] {
  const url = 'https://127.0.0.1/'
  return [
    { kind: 'webhook', url, authorization: `Bearer ${mark('anchor authorization')}` },
    { kind: 'webhook', url: `https://u:${mark('anchor password')}@127.0.0.1/` },
    { kind: 'witness', url, vkey: mark('verifier key') },
    { kind: 'webhook', url: mark('anchor URL') },
    { kind: mark('anchor kind'), url },
  ]
}

async function literalSecrets(house: House, config: Record<string, unknown>, marks: Marks, note: Note): Promise<void> {
  const texts = literals(config, marks)
  const check = async (text: string, n: number) => {
    const file = house.write(`literal-${n}.yaml`, text)
    const ran = await house.run(['config', 'check', ...(n % 2 === 0 ? ['--json'] : [])], { config: file })
    note(`revenant config check, file ${n}`, `${ran.stdout}${ran.stderr}`)
    expect([n, ran.exit]).toEqual([n, 2])
  }
  // The daemon was given all of them, and says the same.
  const some = texts.filter((_, n) => n % 3 === 0)
  for (let at = 0; at < some.length; at += 4) await Promise.all(some.slice(at, at + 4).map((text, n) => check(text, at + n)))
  const ran = await house.run(['run'], { config: house.path('literal-0.yaml') })
  note('revenant run with a literal secret', `${ran.stdout}${ran.stderr}`)
  expect(ran.exit).toBe(2)
}

async function databaseGone(server: PostgresServer, daemon: RunningDaemon, run: Run, note: Note): Promise<void> {
  const since = daemon.said().length
  await server.halt()
  await daemon.waitFor('"level":"error"', since)
  await ask(daemon, note, 'without a database')
  for (const line of ['findings list', 'doctor --json', 'scan --once', 'import identities identities.jsonl'])
    expect((await run(line)).exit).toBe(1)
  await server.restart()
  await until(
    async () => (await fetch(`${daemon.address}/readyz`)).status,
    (status) => status === 200,
  )
  await run('identities reinstate leaver-2')
  await run('identities terminate leaver-2')
}

/**
 * Preloaded: on SIGUSR2 something throws an error that quotes a secret in its message and its fields, and nobody catches it; and
 * nobody handles what fails, with all that it was to send, while the sink `pager` sends.
 */
const THROWS = `import { subscribe } from 'node:diagnostics_channel'
const failure = (secret, more) => Object.assign(new TypeError('bad ' + secret, { cause: new Error(secret) }), { secret, ...more })
process.on('SIGUSR2', () => {
  throw failure(process.env.SECRET_BEARER, { headers: { authorization: process.env.SECRET_BEARER } })
})
subscribe('undici:request:create', ({ request }) => {
  if (request.path === '/v2/enqueue') Promise.reject(failure(String(request.body), { request, key: process.env.SINK_PAGER }))
})`

/** @param inDaemon the daemon runs commands itself, and their sinks with it */
async function crashes(house: House, first: RunningDaemon, note: Note, inDaemon: boolean): Promise<void> {
  note('log of the first daemon', first.said())
  const ended = await first.stop()
  note('end of the first daemon', `${ended.stdout}${ended.stderr}`)
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(THROWS)}` }
  const throwing = await house.daemon({ env })
  const ran = await house.run(['alerts', 'test', 'pager'], { env })
  note('revenant alerts test pager, whose sink throws', `${ran.stdout}${ran.stderr}`)
  // The daemon is gone in the middle of it, or the process itself is.
  expect(inDaemon ? ran.stderr : ran.stderr.split('\n')[0]).toContain(inDaemon ? 'daemon' : 'unexpected TypeError')
  if (!inDaemon) throwing.child.kill('SIGUSR2')
  await until(
    () => throwing.child.exitCode ?? throwing.child.signalCode,
    (end) => end !== null,
    60_000,
  ).catch((error: unknown) => {
    throw new Error(`the daemon lives on: ${String(error)}\n${ran.stdout}${ran.stderr}${throwing.said().slice(-3_000)}`)
  })
  const thrown = await throwing.ended
  note('log of the daemon that threw', `${thrown.stdout}${thrown.stderr}`)
  expect(thrown.exit).not.toBe(0)
  const aborted = await house.daemon()
  const abort = await aborted.stop('SIGABRT')
  note('log of the daemon that was aborted', `${abort.stdout}${abort.stderr}`)
}

/** What everybody on the machine can read of every process, and the environment that our daemon hands to children, if any. */
function processList(daemon: number): string {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const read = (file: string) => {
    try {
      return readFileSync(file, 'latin1')
    } catch {
      return ''
    }
  }
  const children = new Set(read(`/proc/${daemon}/task/${daemon}/children`).split(' ').filter(Boolean))
  return pids
    .map(
      (pid) =>
        `${pid} ${read(`/proc/${pid}/comm`)}${read(`/proc/${pid}/cmdline`)}${children.has(pid) ? read(`/proc/${pid}/environ`) : ''}`,
    )
    .join('\n')
}

/** What keys are made of, read from where only they may be. */
function plantKeyRing(marks: Marks, house: House): void {
  const ring = z
    .object({ keys: z.array(z.object({ key: z.base64() })), fingerprintKey: z.base64() })
    .parse(JSON.parse(readFileSync(house.path('data/keyring.json'), 'utf8')))
  for (const key of [...ring.keys.map((each) => each.key), ring.fingerprintKey])
    marks.plantBytes('key ring', Buffer.from(key, 'base64'))
}

/** Everything in the house that this test did not write itself, temporary files included. */
function* filesOf(house: House): Generator<[string, Buffer]> {
  for (const entry of readdirSync(house.folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isSymbolicLink()) yield [`link ${path}`, Buffer.from(readlinkSync(path))]
    // A core file is the machine's doing (ulimit -c), not ours.
    if (
      !entry.isFile() ||
      house.written().has(path) ||
      path === house.path('data/keyring.json') ||
      /^core(\.\d+)?$/.test(entry.name)
    )
      continue
    yield [`file ${path.slice(house.folder.length + 1)}`, statSync(path).size === 0 ? Buffer.alloc(0) : readFileSync(path)]
  }
}

const TABLES = `select format('%I.%I', schemaname, tablename) as name from pg_tables
  where schemaname not in ('pg_catalog', 'information_schema') order by 1`

/** Every row of every table of every schema, and what Postgres itself shows of sessions and statements. */
async function dump(house: House, server: PostgresServer | undefined, env: Record<string, string>): Promise<[string, string][]> {
  if (server !== undefined) {
    const client = new pg.Client({ connectionString: env.DATABASE_URL, options: '-c log_statement=none' })
    await client.connect()
    const text = await everyTable(async (query) => (await client.query(query)).rows)
    await client.end()
    await server.halt()
    return text
  }
  const store = await openStore({ dataDir: house.path('data') })
  const text = await everyTable(async (query) => (await sql.raw(query).execute(store.db)).rows)
  await store.close()
  return text
}

const named = z.object({ name: z.string() })
const rowText = z.object({ row: z.string() })

const TABLES_AT_LEAST = ['public.secret', 'public.observation', 'public.audit', 'public.ledger_checkpoint', 'pgboss.job']

async function everyTable(query: (text: string) => Promise<unknown[]>): Promise<[string, string][]> {
  const tables = z.array(named).parse(await query(TABLES))
  expect(tables.map(({ name }) => name)).toEqual(expect.arrayContaining(TABLES_AT_LEAST))
  const found: [string, string][] = []
  for (const output of ['hex', 'escape']) {
    await query(`set bytea_output = '${output}'`)
    for (const { name } of [...tables, { name: 'pg_stat_activity' }, { name: 'pg_prepared_statements' }]) {
      const rows = z.array(rowText).parse(await query(`select t::text as row from ${name} t`))
      found.push([`table ${name} (${output})`, rows.map(({ row }) => row).join('\n')])
    }
  }
  return found
}
